"""Published answers: vectors of standards, the NHS small-number rule, the log's hashes.

Provenance: keys/vectors.json names each standard; the small-number rule is in cld/reference/published-disclosure-rules.csv;
the tree hashes are those of the certificate transparency project's reference tree of eight leaves.
"""

from __future__ import annotations

import pytest

from audit.note import Checkpoint, subtree_message
from audit.tree import leaf_hash, root_of
from disclosure.tables.published import STAR
from disclosure.tables.stars import Limits, protect
from keys.selftest import self_test_report

CT_LEAVES = ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")
CT_ROOTS = {
    1: "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    2: "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    3: "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    4: "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    5: "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    6: "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    7: "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    8: "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
}


@pytest.mark.parametrize("row", self_test_report(), ids=lambda row: f"{row['primitive']}, {row['source']}")
def test_both_libraries_give_the_published_answer(row: dict[str, object]) -> None:
    assert row["agree"]


@pytest.mark.parametrize("size", CT_ROOTS)
def test_the_reference_trees_have_their_published_roots(size: int) -> None:
    assert root_of([leaf_hash(bytes.fromhex(leaf)) for leaf in CT_LEAVES[:size]]).hex() == CT_ROOTS[size]


@pytest.mark.parametrize("count", range(61))
def test_the_published_small_number_rule_maps_every_count_to_60(count: int) -> None:
    expected = "0" if count == 0 else STAR if count <= 7 else str(round(count / 5) * 5)
    limits = Limits(8, 5, secondary=False, least_width=0)
    assert (
        protect({("a", "x"): count, ("a", "y"): 1000, ("b", "x"): 1000, ("b", "y"): 1000}, limits).shown["a", "x"]
        == expected
    )


def test_a_cosigned_message_is_laid_out_as_the_specification_says() -> None:
    message = subtree_message("w", 5, Checkpoint("log", 7, b"\xaa" * 32))
    assert (
        message.hex()
        == "737562747265652f76310a00"
        + "0177"
        + "0000000000000005"
        + "036c6f67"
        + "00" * 8
        + "0000000000000007"
        + "aa" * 32
    )
