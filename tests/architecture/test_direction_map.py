"""The map of the Direction is whole: every clause and every line of the reading has a policy or a place, and a test."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from policies.versioned.versions import Version, all_versions, latest_version

ROOT = Path(__file__).parents[2]
POLICY = re.compile(r"\b[ADPR]\d?(?:b\d)?-[a-z0-9-]+")
PLACE = re.compile(r"[a-z_]+/[a-z0-9_/-]+\.(?:py|csv)")
BY_POLICY = re.compile(r"(preamble|1|3|5|6|8|Annex 3)\b")
UNBUILT = {"not built", "no system", "the repository"}
BY_OTHERS = {"L3", "L8"}
"""Lines of paragraphs 3 and 9 that are records and analysis, not policy."""
SECTIONS = {
    "preamble", "1", "2", "3, bullet 1", "3, bullet 2", "3, bullet 3", "3, bullet 4", "4", "5", "6(a)", "6(b) bullet 1", "6(b) bullet 2",
    "6(b) bullet 3", "6(b) bullet 4", "6(b) bullet 5", "6(b) bullet 6", "6(b) bullet 7", "6, closing words", "7", "8", "Annex 1", "Annex 2",
    "Annex 3",
}  # fmt: skip
"""The numbered paragraphs, bullets and annexes of the text."""


@dataclass(frozen=True)
class Row:
    """One row of the map."""

    where: str
    line: str
    what: str
    carried: str
    shown: str


def rows() -> list[Row]:
    text = (ROOT / "docs" / "direction-map.md").read_text("utf-8")
    lines = [line for line in text.splitlines() if line.startswith("| ") and "---" not in line][1:]
    return [Row(*(cell.strip() for cell in line.strip("|").split("|"))) for line in lines]


def test_every_place_that_the_map_names_exists() -> None:
    for row in rows():
        for name in PLACE.findall(row.carried + " " + row.shown):
            assert (ROOT / name).exists(), name


def test_every_policy_that_the_map_names_stands_in_the_policies_and_none_is_left_out() -> None:
    named = {name for row in rows() for name in POLICY.findall(row.carried)}
    held = {policy.name for policy in latest_version().policies.policies}
    assert named - held == set(), "named, and in no policy file"
    assert held - named == set(), "in the policies, and in no row"


def test_every_clause_that_policy_carries_out_has_a_policy_and_a_test_that_speaks_of_it() -> None:
    for row in rows():
        assert row.shown or row.carried in UNBUILT, row
        if not BY_POLICY.match(row.where) or row.line in BY_OTHERS:
            continue
        tests = [(ROOT / name).read_text("utf-8") for name in PLACE.findall(row.shown)]
        assert tests, row
        for policy in POLICY.findall(row.carried):
            assert any(f'"{policy}"' in test for test in tests), (policy, row)


def test_every_paragraph_and_bullet_of_the_text_has_a_row() -> None:
    found = {part for row in rows() for part in [row.where, *row.where.split(", ")]}
    assert SECTIONS - found == set()


def test_every_line_of_the_reading_has_a_row_and_every_number_of_the_map_is_a_line() -> None:
    text = (ROOT / "docs" / "reading.md").read_text("utf-8")
    lines = re.findall(r"^\| (L\d+) \|", text, flags=re.M)
    assert lines == [f"L{n}" for n in range(1, len(lines) + 1)]
    assert {row.line for row in rows() if row.line} == set(lines)


def test_every_open_question_that_policy_answers_is_carried_as_an_interpretation() -> None:
    """A line of the reading that names what the text leaves open, and is carried out by policies, shows in one of them."""
    text = (ROOT / "docs" / "reading.md").read_text("utf-8")
    open_lines = {
        line for line, question in re.findall(r"^\| (L\d+) \|[^|]*\| ?([^|]*?) ?\|", text, flags=re.M) if question
    }
    read = {policy.name for policy in latest_version().policies.policies if policy.interpretation is not None}
    for line in sorted(open_lines):
        named = {name for row in rows() if row.line == line for name in POLICY.findall(row.carried)}
        assert not named or named & read, line


@pytest.mark.parametrize("version", all_versions(), ids=lambda version: version.manifest.effective_from.isoformat())
def test_no_shipped_version_speaks_of_a_clause_twice_in_the_same_words(version: Version) -> None:
    policies = version.policies.policies
    assert len({(policy.clause, policy.words) for policy in policies}) == len(policies)
