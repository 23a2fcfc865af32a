"""Versions of the policies: found by day and by digest, and refused when anything about them does not check."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest

from cld.errors import UnknownSpecification, UntrustedPolicy
from cld.vocabulary import Action, BodyClass
from policies.decide import decide, decide_facts, policy_digest
from policies.facts import Facts
from policies.versioned.manifest import MANIFEST
from policies.versioned.versions import SHIPPED, all_versions, latest_version, version_by_digest, version_on
from policies.words import Instrument
from tests.lib.policy_versions import INSTRUMENT, a_version, key_of, signed, trust

AIM = "unless { context.annex3_aim };"
NARROWER = "unless { context.annex3_aim && context.nihr_funded };"


def refused(root: Path) -> str:
    with pytest.raises(UntrustedPolicy) as refusal:
        all_versions(root)
    return refusal.value.message


def test_the_shipped_versions_check_and_hold_from_the_day_of_the_direction() -> None:
    (version,) = all_versions()
    assert version_on(date(2020, 12, 7)) == version_on(date(2030, 1, 1)) == latest_version() == version
    assert version_by_digest(policy_digest()) == version
    assert version.manifest.instrument == INSTRUMENT


def test_a_version_signed_by_two_trusted_people_is_taken(tmp_path: Path) -> None:
    signed(a_version(tmp_path))
    assert all_versions(tmp_path)[0].digest == policy_digest(), "the digest speaks of the files, not of who signed"


@pytest.mark.parametrize(
    "file", ["policies.cedar", "schema.cedarschema", "annex3.json", "instruments.json", "properties.json"]
)
def test_a_file_changed_after_it_was_signed_is_refused(tmp_path: Path, file: str) -> None:
    folder = signed(a_version(tmp_path))
    (folder / file).write_text((folder / file).read_text("utf-8") + "\n")
    assert f"{file} is not what was signed" in refused(tmp_path)


def test_a_file_too_many_and_a_file_too_few_are_refused(tmp_path: Path) -> None:
    for name, change in (
        ("more", lambda f: (f / "cases.txt").touch()),
        ("less", lambda f: (f / "annex3.json").unlink()),
    ):
        folder = signed(a_version(tmp_path / name))
        change(folder)
        assert "is not in the manifest" in refused(tmp_path / name) or "annex3.json is missing" in refused(
            tmp_path / name
        )


def test_a_version_without_a_manifest_or_with_a_damaged_one_is_refused(tmp_path: Path) -> None:
    a_version(tmp_path / "none")
    assert "missing or damaged" in refused(tmp_path / "none")
    folder = signed(a_version(tmp_path / "damaged"))
    (folder / MANIFEST).write_text((folder / MANIFEST).read_text()[:-20])
    assert "missing or damaged" in refused(tmp_path / "damaged")


def test_a_version_moved_to_another_day_is_refused(tmp_path: Path) -> None:
    folder = signed(a_version(tmp_path))
    folder.rename(folder.parent / "2021-01-01")
    assert "another instrument or day" in refused(tmp_path)


def test_dates_changed_after_signing_are_refused(tmp_path: Path) -> None:
    folder = signed(a_version(tmp_path))
    manifest = json.loads((folder / MANIFEST).read_text())
    (folder / MANIFEST).write_text(json.dumps({**manifest, "effective_to": "2022-01-01"}))
    assert "a signature does not verify" in refused(tmp_path)


def test_one_person_is_not_two(tmp_path: Path) -> None:
    folder = signed(a_version(tmp_path), "Ada", "Ada")
    trust(tmp_path, "Ada", "Ben")
    assert "two different people" in refused(tmp_path)
    manifest = json.loads((folder / MANIFEST).read_text())
    twice = [*manifest["signatures"], {**manifest["signatures"][0], "person": "Ben"}]
    (folder / MANIFEST).write_text(json.dumps({**manifest, "signatures": twice}))
    assert "two different people" in refused(tmp_path)


def test_a_signer_whom_nobody_trusts_is_refused(tmp_path: Path) -> None:
    signed(a_version(tmp_path), "Ada", "Mallory")
    trust(tmp_path, "Ada", "Ben")
    assert "nobody trusted to sign" in refused(tmp_path)


def test_a_second_signature_over_other_files_does_not_count(tmp_path: Path) -> None:
    folder = signed(a_version(tmp_path), "Ada")
    (folder / "properties.json").write_text("[ ]\n")
    signed(folder, "Ben")
    trust(tmp_path, "Ada", "Ben")
    assert "two different people" in refused(tmp_path)


@pytest.mark.parametrize(
    ("instead", "told"),
    [
        ((AIM, "unless { context.annex3_aim }"), "a line cannot be read"),
        ((AIM, "unless { context.annex3_goal };"), "annex3_goal"),
        (('Form::"anonymised" }', 'Form::"anonimised" }'), "anonimised"),
        (('@id("D6-dars")', '@id("D6-agreement")'), "D6-agreement comes twice"),
        (('@id("D6-dars") ', ""), "without an id lacks a note"),
        (('@who("DARS")\n', ""), "D6-dars lacks a note"),
        (('@who("DARS")\n', '@who("DARS")\n@mood("stern")\n'), "one too many"),
        (("Caregate project, 2026-11-25: the 2017", "somebody: the 2017"), "interpretation of D0-2017-grants-nothing"),
        (("Caregate project, 2026-11-25: the 2017", "Caregate project, 2026-13-25: the 2017"), "interpretation of"),
        (('action == Action::"publish", resource);', 'action == Action::"publish", resource) when { context.dars_approved };'), "publication outright"),
        (("unless { context.dars_approved };", "unless { context.dars_approved || context.agreement_to > datetime(\"2021-01-01\") };"), "agreement_to"),
    ],
    ids=["line", "attribute", "value", "twice", "no-id", "no-who", "note", "interpretation", "day", "publication", "may-be-absent"],
)  # fmt: skip
def test_policies_that_cannot_be_relied_on_are_refused_though_signed(
    tmp_path: Path, instead: tuple[str, str], told: str
) -> None:
    signed(a_version(tmp_path, instead=instead))
    assert told in refused(tmp_path)


def test_lists_that_cannot_be_read_or_list_a_code_twice_are_refused_though_signed(tmp_path: Path) -> None:
    signed(a_version(tmp_path / "class", instead=('"class": "CCG"', '"class": "ICB"'), file="annex3.json"))
    assert "annex3.json cannot be read" in refused(tmp_path / "class")
    signed(a_version(tmp_path / "twice", instead=('"code": "00Q"', '"code": "00L"'), file="annex3.json"))
    assert "lists 00L twice" in refused(tmp_path / "twice")
    signed(a_version(tmp_path / "2017", instead=('"grants": false', '"grants": true'), file="instruments.json"))
    assert "grants by another Direction" in refused(tmp_path / "2017")


def test_versions_side_by_side_are_found_by_the_day_of_the_decision(tmp_path: Path) -> None:
    signed(a_version(tmp_path), to="2021-06-30", superseded_by="2021-07-01")
    signed(a_version(tmp_path, "2021-07-01", instead=(AIM, NARROWER)))
    earlier, later = all_versions(tmp_path)
    assert version_on(date(2021, 6, 30), root=tmp_path) == earlier
    assert version_on(date(2021, 7, 1), root=tmp_path) == later
    assert version_by_digest(earlier.digest, tmp_path) == earlier
    facts = Facts(Action.DISSEMINATE, BodyClass.DHSC, on=date(2021, 8, 1), annex3_aim=True)
    then, now = decide_facts(facts, earlier), decide_facts(facts, later)
    assert "Annex 3, opening words" in set(now.clauses) - set(then.clauses), (
        "a replay asks the version it was taken under"
    )
    assert (then.version, now.version) == (earlier.digest, later.digest)


@pytest.mark.parametrize(
    ("to", "follower", "told"),
    [(None, None, "both hold on one day"), ("2021-07-01", "2021-07-01", "both hold on one day"), ("2021-06-30", None, "does not name the later")],
)  # fmt: skip
def test_versions_that_overlap_or_do_not_follow_each_other_are_refused(
    tmp_path: Path, to: str | None, follower: str | None, told: str
) -> None:
    signed(a_version(tmp_path), to=to, superseded_by=follower)
    signed(a_version(tmp_path, "2021-07-01", instead=(AIM, NARROWER)))
    assert told in refused(tmp_path)


def test_a_day_that_no_version_holds_is_not_decided_by_another_day_s_policies(tmp_path: Path) -> None:
    signed(a_version(tmp_path), to="2021-06-30")
    with pytest.raises(UnknownSpecification):
        version_on(date(2021, 7, 1), root=tmp_path)
    with pytest.raises(UnknownSpecification):
        version_by_digest("0" * 64, tmp_path)


def test_a_day_before_the_first_version_is_refused_by_the_first() -> None:
    assert "Direction, preamble and 8" in decide({"action": "give_back", "on": "1999-01-01"}).clauses


def test_a_version_that_ends_before_it_begins_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UntrustedPolicy, match="ends before it begins"):
        signed(a_version(tmp_path), to="2020-12-06")


def test_the_2017_direction_is_a_dated_record_that_grants_nothing() -> None:
    record = next(one for one in latest_version().instruments if one.instrument is Instrument.DIRECTION_2017)
    assert (record.issued, record.grants, record.letter) == (date(2017, 9, 19), False, "")


def test_signers_are_read_from_one_folder_and_no_secret_lies_there() -> None:
    """The keys that signed the shipped version were thrown away: only public halves are shipped."""
    found = sorted(path.name for path in (SHIPPED / "trusted_signers").iterdir())
    assert found == ["caregate-project-1.pub", "caregate-project-2.pub"]
    assert key_of("Ada").public_key() != key_of("Ben").public_key()
