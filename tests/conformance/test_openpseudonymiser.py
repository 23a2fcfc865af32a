"""Published values of OpenPseudonymiser, from its FAQ page and from the tests of its library."""

from __future__ import annotations

import pyarrow as pa
import pytest

from keys.derivation import Secret
from keys.legacy import legacy_digest, legacy_digests


@pytest.mark.parametrize(
    ("values", "salt", "published"),
    [
        # openpseudonymiser.org/FAQ.aspx, "What is a digest?" and "What is salt?"
        ({"NHSNumber": "123456789"}, "", "15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225"),
        ({"NHSNumber": "123456789"}, "hello", "a4455e6581b78d69e569895c2b615dfa90a6cd56938e40ca91edd26e44deedfe"),
        # CryptoLib 0.9.7, CryptoTest.testSetPlainTextSaltMultipleProperties1 (github.com/drcjar/OpenPseudonymiser, 4c7b5d7)
        (
            {"NHSNumber": "943 476 5919", "DOB": "29.11.1973"},
            "mackerel",
            "ED72F814B7905F3D3958749FA90FE657C101EC657402783DB68CBE3513E76087",
        ),
        # OpenPseudonymiser.Tests, Program.cs (github.com/RichardPilbery/openpseudonymiser, 20c72f6)
        ({"NHSNumber": "9434765919"}, "mackerel", "643574A0AEFDA8DAC01EEBE45F7E8CFE814B15BBC3F654AC934518A34A53D575"),
    ],
)
def test_published_digests_are_reproduced(values: dict[str, str], salt: str, published: str) -> None:
    assert legacy_digest(values, salt) == published.upper()


def test_a_column_of_them_is_made_with_nothing_where_nothing_was() -> None:
    made = legacy_digests({"NHSNumber": pa.array(["943 476 5919", None])}, Secret(b" mackerel\n"))
    assert made.to_pylist() == ["643574A0AEFDA8DAC01EEBE45F7E8CFE814B15BBC3F654AC934518A34A53D575", None]
