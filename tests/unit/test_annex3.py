"""The bodies of Annex 3 as dated data: who is listed on a day, and who stands in whose place by whose signature."""

from __future__ import annotations

import csv
from datetime import date, timedelta
from importlib.resources import files

import pytest

from cld.errors import InputError
from cld.vocabulary import BodyClass
from policies.versioned.annex3 import Successor, sign_successor, successors_from_json
from policies.versioned.versions import latest_version
from policies.words import Succession
from tests.lib.policy_versions import key_of

ANNEX = latest_version().annex3
BEFORE, AFTER = date(2021, 3, 31), date(2021, 4, 1)
ICB_DAY = date(2022, 7, 1)


def reference(name: str) -> list[dict[str, str]]:
    text = files("cld").joinpath(f"reference/{name}").read_text("utf-8-sig")
    return list(csv.DictReader(text.splitlines()))


def listed(kind: BodyClass, day: date) -> set[str]:
    return {body.code for body in ANNEX.bodies if body.kind is kind and body.is_listed_on(day)}


def test_councils_of_each_day_are_those_of_the_register() -> None:
    rows = reference("cassr-councils.csv")
    assert listed(BodyClass.CASSR, date(2020, 12, 7)) == {
        row["la_register_code"] for row in rows if row["cassr_at_2020_12_07"] == "yes"
    }
    assert listed(BodyClass.CASSR, date(2026, 11, 23)) == {
        row["la_register_code"] for row in rows if row["cassr_at_2026_11_23"] == "yes"
    }


def test_ccgs_of_each_day_are_those_of_the_lists_until_they_ended() -> None:
    december = {row["ccg_ods_code"] for row in reference("ccg-december-2020.csv")}
    april = {row["ccg_ods_code"] for row in reference("ccg-april-2021.csv")}
    assert listed(BodyClass.CCG, BEFORE) == december
    assert listed(BodyClass.CCG, AFTER) == listed(BodyClass.CCG, ICB_DAY - timedelta(days=1)) == april
    assert listed(BodyClass.CCG, ICB_DAY) == set()


def test_every_class_that_annex_3_names_is_listed_and_no_other() -> None:
    named = {listed_class.kind for listed_class in ANNEX.classes}
    assert named == {body.kind for body in ANNEX.bodies}
    assert BodyClass.OTHER not in named and BodyClass.PROJECT not in named and BodyClass.PROCESSOR not in named
    assert len(listed(BodyClass.CSU, BEFORE)) == len(reference("csus.csv"))
    text = files("cld").joinpath("reference/direction-2020-12-07.txt").read_text("utf-8")
    flat = " ".join(text.split()).lower()
    for one in ANNEX.classes:
        assert one.words.split(" (")[0].lower() in flat, one.words


def test_a_body_is_found_by_its_own_code_and_by_that_of_the_statistics_office() -> None:
    by_own, by_ons = ANNEX.body_on("10Q", AFTER), ANNEX.body_on("E38000136", AFTER)
    assert by_own is not None
    assert by_own == by_ons
    assert ANNEX.body_on("10Q", date(2020, 12, 6)) is None, "nothing before the Direction"
    assert ANNEX.body_on("nobody", AFTER) is None


def test_an_integrated_care_board_is_a_successor_only_by_an_entry_that_an_authorised_person_signed() -> None:
    entry = next(one for one in ANNEX.successors if one.from_code == "10Q")
    people = {"Ada": key_of("Ada").public_key().public_bytes_raw().hex()}
    assert entry.kind == "integrated-care"
    assert not entry.is_signed(people), "no shipped entry is signed"
    assert ANNEX.succession_of(entry.to_code, ICB_DAY, people=people) == (Succession.INTEGRATED_CARE, None)
    signed = sign_successor(entry, "Ada", key_of("Ada"))
    taken = (signed,)
    assert ANNEX.succession_of(entry.to_code, ICB_DAY, people=people, entries=taken) == (
        Succession.SIGNED,
        BodyClass.CCG,
    )
    eve = ICB_DAY - timedelta(days=1)
    assert ANNEX.succession_of(entry.to_code, eve, people=people, entries=taken) == (Succession.UNKNOWN, None)


def test_an_entry_signed_by_somebody_else_or_changed_after_signing_grants_nothing() -> None:
    entry = next(one for one in ANNEX.successors if one.from_code == "10Q")
    people = {"Ada": key_of("Ada").public_key().public_bytes_raw().hex()}
    by_another = sign_successor(entry, "Ada", key_of("Mallory"))
    unknown = sign_successor(entry, "Mallory", key_of("Mallory"))
    good = sign_successor(entry, "Ada", key_of("Ada"))
    moved = Successor(
        good.from_code, "QQQ", good.kind, good.on, good.evidence, good.source, good.signed_by, good.signature
    )
    for one, code in ((by_another, entry.to_code), (unknown, entry.to_code), (moved, "QQQ")):
        assert ANNEX.succession_of(code, ICB_DAY, people=people, entries=(one,))[1] is None


def test_a_merged_council_is_listed_itself_and_its_entry_says_in_whose_place() -> None:
    assert ANNEX.succession_of("NNT", AFTER, people={}) == (Succession.NO, BodyClass.CASSR)
    assert {one.to_code for one in ANNEX.successors if one.from_code == "NTH"} == {"NNT", "WNT"}


def test_every_body_and_successor_says_where_it_is_from() -> None:
    assert all(one.evidence and one.source for one in (*ANNEX.classes, *ANNEX.bodies, *ANNEX.successors))


def test_an_entry_that_cannot_be_read_is_refused() -> None:
    with pytest.raises(InputError):
        successors_from_json([{"from_code": "10Q", "to_code": "QU9", "class": "integrated-care", "on": "July"}])
