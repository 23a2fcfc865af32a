"""Two judges: each primitive that Caregate rests on must give the published answer in both libraries, or nothing starts.

Source of the answers: RFC 4231 (HMAC-SHA-256), RFC 5869 (HKDF), NIST SP 800-108 (counter mode, answers of Botan 2.19.1),
RFC 3394 (AES key wrap), McGrew and Viega's GCM test cases, RFC 8032 (Ed25519), FIPS 180-4 (SHA-512, NIST's example),
RFC 9106 (Argon2id), NIST SP 800-185 samples (TupleHash256). ``vectors.json`` names each.
"""

from __future__ import annotations

import json
from importlib.resources import files
from typing import TypedDict

from cld.errors import InvariantBroken
from keys.judges import JUDGES, Case

__all__ = ["Row", "require_both_libraries", "self_test_report"]


class Row(TypedDict):
    """One published case: who judged it and which libraries gave another answer."""

    primitive: str
    source: str
    libraries: list[str]
    apart: list[str]
    agree: bool


def self_test_report() -> list[Row]:
    """Run every published case in each library that has the primitive; a row a case says who judged and who agrees."""
    cases: dict[str, list[Case]] = json.loads(files("keys").joinpath("vectors.json").read_text("utf-8"))
    return [_row(name, case) for name in JUDGES for case in cases[name]]


def _row(name: str, case: Case) -> Row:
    expected = bytes.fromhex(case["expected"])
    apart = [library for library, judge in JUDGES[name].items() if not _agrees(library, name, case, expected)]
    return {
        "primitive": name,
        "source": case["source"],
        "libraries": list(JUDGES[name]),
        "apart": apart,
        "agree": not apart,
    }


def _agrees(library: str, name: str, case: Case, expected: bytes) -> bool:
    """A library that cannot do a case at all does not agree."""
    try:
        return JUDGES[name][library](case) == expected
    except (ValueError, TypeError, ArithmeticError):
        return False


def require_both_libraries() -> None:
    """Stop unless every library gives every published answer.

    Raises: InvariantBroken, naming the primitives.
    """
    apart = sorted({row["primitive"] for row in self_test_report() if not row["agree"]})
    if apart:
        message = f"The two cryptographic libraries disagree on: {', '.join(apart)}."
        raise InvariantBroken(message, "Stop the service and reinstall it from the lock.")
