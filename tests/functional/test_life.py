"""An application's whole life by commands: from draft to destroyed, and out of every side exit, on both databases."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from api.demo.requests import demo_requests
from api.workspace.wiring import open_demo_workspace
from cld.plan import Combined
from cld.vocabulary import Form
from keys.certificate import require_certificate
from tests.lib.life import APPLICANT, ASKED, COUNCIL, Life, let_passphrases_cost_little, linked_workspace
from tests.lib.postgres import Server

LAST_DAY, DAY_AFTER = "2023-01-01", "2023-01-02"


def acts_in_the_log(life: Life) -> list[str]:
    space = open_demo_workspace(life.folder)
    found = [str(json.loads(leaf)["action"]) for leaf in space.journal.leaves()]
    space.journal.close()
    return found


def whole_life(life: Life) -> None:
    """Walk from a draft that lacks everything to destroyed, returned once, suspended once, extended once."""
    name, agreement = "CG-0900", "DARS-CG-0900"
    signed_later = {"signed": False}
    empty = json.loads(Path(life.application(name, agreement=signed_later)).read_text())
    empty["application"]["dars"] |= {"title": "", "columns": []}
    missing = life.do("draft", life.file(empty), "--as", APPLICANT)["missing"]
    assert "a title" in missing
    assert life.state(name) == "draft"
    assert "lacks" in life.do("submit", name, fails=3)["refused"]
    life.do("draft", life.application(name, agreement=signed_later), "--as", APPLICANT)
    assert life.do("submit", name)["clauses"] == ["Direction 6, closing words: data sharing agreement"]
    life.do("sign", name, "--stage", "approve", "--as", "approver one")
    life.do("sign", name, "--stage", "approve", "--as", "approver two", "--answer", "return", "--reason", "say more")
    assert life.state(name) == "returned"
    told = life.application(name, agreement=signed_later, nihr_funded=True)
    life.do("apply", told)
    changed = [one["field"] for one in life.do("changes", name)["changes"]]
    assert "application.nihr_funded" in changed
    life.do("agreement", "sign", name, "--as", "officer one", "--file", told)
    assert life.state(name) == "agreement signed"
    life.both("approve", name)
    life.do("approve", name)
    life.finish(name)
    assert life.do("collect", name, "--as", APPLICANT)["package"].endswith(f"{name}.zip.age")
    assert life.state(name) == "collected"
    letter = life.do("instruct", "--as", "officer one", "--scope", "direction", "--letter", told, "--sender", "the Secretary of State", "--effective", "2022-03-01")["instruction"]  # fmt: skip
    assert life.state(name) == "suspended"
    assert "suspended" in life.do("collect", name, "--as", APPLICANT, fails=1)["refused"]
    assert life.do("lift", letter, "--as", "officer one")["lifted"] is False
    assert life.do("lift", letter, "--as", "officer two")["lifted"] is True
    assert life.state(name) == "collected"
    assert life.do("daily", "--on", "2022-12-01")["moved"] == {name: "expiring"}
    assert life.do("agreement", "extend", agreement, "--to", "2023-03-31", "--as", "approver one")["extended"] is False
    assert life.do("agreement", "extend", agreement, "--to", "2023-03-31", "--as", "approver two")["extended"] is True
    assert life.state(name) == "released"
    assert life.do("daily", "--on", "2023-03-31")["moved"] == {name: "expiring"}
    life.do("collect", name, "--as", APPLICANT)
    assert life.do("daily", "--on", "2023-04-01")["moved"] == {name: "expired"}
    life.do("collect", name, "--as", APPLICANT, fails=1)
    assert life.do("daily", "--on", "2023-05-15")["moved"] == {name: "destruction due"}
    made = life.do("agreement", "destroy", agreement, "--as", "custodian one", "--certificate", life.certificate(name))
    assert life.state(name) == "destroyed"
    space = open_demo_workspace(life.folder)
    (held,) = json.loads(Path(made["certificate"]).read_text())["keys"]
    key = space.release_keys.release_key.public_key().public_bytes_raw().hex()
    assert require_certificate(json.dumps(held).encode(), key)["key_id"] == f"agreement-{agreement}"
    assert space.keys.is_destroyed(f"agreement-{agreement}")
    space.journal.close()
    assert life.do("status", name)["possible"] == []
    again = life.do("apply", life.application("CG-0901", agreement={"reference": agreement}), fails=1)
    assert "no other" in again["refused"]
    told = life.replayed()
    decided = [result for what, result in told if what == "decision"]
    assert set(decided) == {"same"}, told
    assert len(decided) > 6, "drafts, submissions, refusals, the approval and the row"
    assert {result for what, result in told if what == "extract"} == {"not possible"}, "its key was destroyed"


def test_a_whole_life_from_draft_to_destroyed(life: Life) -> None:
    whole_life(life)
    acts = acts_in_the_log(life)
    assert {"agreement extended", "suspended", "resumed", "destroyed", "act refused"} <= set(acts)
    assert acts.index("agreement destroyed") > acts.index("key destroyed"), "the key ends before the log says so"


def test_the_same_life_on_postgresql(postgres: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    let_passphrases_cost_little(monkeypatch)
    life = Life(linked_workspace(tmp_path / "workspace", postgres.new_database()))
    whole_life(life)
    assert not list(life.folder.glob("*.sqlite*"))


def test_refused_and_appealed(life: Life) -> None:
    life.do("apply", life.application("CG-0910"))
    life.do(
        "sign", "CG-0910", "--stage", "approve", "--as", "approver one", "--answer", "refuse", "--reason", "no need"
    )
    life.do("sign", "CG-0910", "--stage", "approve", "--as", "approver two")
    assert life.do("status", "CG-0910")["reasons"] == ["no need"]
    assert life.state("CG-0910") == "refused"
    life.do("build", "CG-0910", fails=5)
    life.do("appeal", "CG-0910", "--as", "somebody else", "--reason", "we need it", fails=4)
    life.do("appeal", "CG-0910", "--as", APPLICANT, "--reason", "we need it")
    life.do("decide-appeal", "CG-0910", "--as", "officer one", "--reason", "it is needed", "--uphold")
    assert life.state("CG-0910") == "in review"
    votes = life.do("votes", "CG-0910", "--stage", "approve", "--as", "approver one")["votes"]
    assert [(one["stale"], one["answer"]) for one in votes] == [(True, "refuse"), (True, "approve")]
    life.do("approve", "CG-0910", fails=4)
    told = life.do("sign", "CG-0910", "--stage", "approve", "--as", "approver one", fails=4)
    assert "does not vote on it again" in told["refused"], "whoever refused it does not judge the appeal"
    assert life.do("inbox", "--as", "approver one")["waiting"] == []
    life.do("people", "give", "releaser one", "--role", "approver", "--as", "officer one")
    for person in ("approver two", "releaser one"):
        assert [one["reference"] for one in life.do("inbox", "--as", person)["waiting"]] == ["CG-0910"]
        life.do("sign", "CG-0910", "--stage", "approve", "--as", person)
    life.do("approve", "CG-0910")
    assert life.state("CG-0910") == "approved"


def test_refused_by_policy_appeal_dismissed(life: Life) -> None:
    told = life.do("apply", life.application("CG-0911", annex3_aim=False))
    assert told["decision"] == "refuse"
    life.both("approve", "CG-0911")
    assert "aim" in life.do("approve", "CG-0911", fails=1)["refused"]
    assert life.state("CG-0911") == "refused"
    life.do("appeal", "CG-0911", "--as", APPLICANT, "--reason", "we have an aim")
    life.do("decide-appeal", "CG-0911", "--as", "officer one", "--reason", "it is not stated", "--dismiss")
    assert life.state("CG-0911") == "refused"


def test_withdrawn_returned_at_release_and_revoked(life: Life) -> None:
    life.approved("CG-0920")
    assert life.do("withdraw", "CG-0920", "--as", APPLICANT)["state"] == "withdrawn"
    life.do("build", "CG-0920", fails=5)
    life.approved("CG-0921")
    life.do("build", "CG-0921")
    life.do("check", "CG-0921")
    life.do(
        "sign",
        "CG-0921",
        "--stage",
        "release",
        "--as",
        "releaser one",
        "--answer",
        "return",
        "--reason",
        "rows look old",
    )
    life.do("sign", "CG-0921", "--stage", "release", "--as", "releaser two")
    assert life.state("CG-0921") == "approved"
    life.finish("CG-0921")
    letter = life.file("a letter")
    given = ("--as", "officer one", "--letter", letter, "--sender", "NHS England", "--effective", "2022-03-01")
    life.do("instruct", "--scope", "agreement", "--subject", "DARS-CG-0921", "--ends", *given)
    assert life.state("CG-0921") == "revoked"
    life.do("collect", "CG-0921", "--as", APPLICANT, fails=1)
    life.do(
        "agreement", "destroy", "DARS-CG-0921", "--as", "custodian one", "--certificate", life.certificate("CG-0921")
    )
    assert life.state("CG-0921") == "destroyed"


def test_a_renewal_that_keeps_recipient_and_purpose_keeps_the_pseudonyms_and_no_other_does(life: Life) -> None:
    life.released("CG-0930")
    renews = {"renews": "DARS-CG-0930", "keyed_by": "DARS-CG-0930"}
    other_purpose = [{"purpose": "1a", "justification": "something else"}]
    refused = life.do("apply", life.application("CG-0931", agreement=renews, purposes=other_purpose), fails=1)
    assert "no other" in refused["refused"]
    amended = life.application("CG-0934", agreement={"reference": "DARS-CG-0930"}, purposes=other_purpose)
    assert "no other" in life.do("apply", amended, fails=1)["refused"], "an amendment keeps recipient and purpose too"
    life.released("CG-0932", agreement=renews)
    assert life.state("CG-0930") == "renewed"
    life.approved("CG-0933")
    life.do("build", "CG-0933")
    domains = {}
    space = open_demo_workspace(life.folder)
    for leaf in space.journal.leaves():
        held = json.loads(leaf)
        if held["action"] == "build":
            domains[held["details"]["application"]] = space.journal.load(held["document"]).body["domains"]  # type: ignore[union-attr]
    space.journal.close()
    assert domains["CG-0930"] == domains["CG-0932"] != domains["CG-0933"]
    life.do(
        "agreement",
        "destroy",
        "DARS-CG-0930",
        "--as",
        "custodian one",
        "--certificate",
        life.certificate("CG-0930"),
        fails=5,
    )
    life.do(
        "agreement", "destroy", "DARS-CG-0932", "--as", "custodian one", "--certificate", life.certificate("CG-0932")
    )
    space = open_demo_workspace(life.folder)
    assert space.keys.is_destroyed("agreement-DARS-CG-0930")
    space.journal.close()


def test_a_ccg_none_of_whose_people_are_in_the_rows_receives_not_even_aggregates(life: Life) -> None:
    """Annex 3, first entry; tested on the rows, for a CCG of London on the data of one council of Lincolnshire."""
    plan = next(
        one.plan
        for one in demo_requests()
        if one.plan.form is Form.AGGREGATE and isinstance(one.plan.population, Combined)
    )
    for code, fails in (("36L", 1), ("71E", 0)):
        life.approved(f"CG-{code}", plan=plan, body="CCG", body_code=code)
        told = life.do("build", f"CG-{code}", fails=fails)
        assert ("first entry: CCGs" in told.get("refused", "")) == bool(fails)
    assert {result for _, result in life.replayed()} == {"same"}


def test_conditions_are_held_at_build_at_release_and_at_each_collection(life: Life) -> None:
    life.do("apply", life.application("CG-0940"))
    first = ("sign", "CG-0940", "--stage", "approve", "--as")
    life.do(*first, "approver one", "--condition", "only-once", "--condition", "latest-date=2022-06-30")
    life.do(*first, "approver two", "--condition", "tell-nobody", fails=3)
    life.do(*first, "approver two")
    life.do("approve", "CG-0940")
    life.finish("CG-0940")
    life.do("collect", "CG-0940", "--as", APPLICANT)
    assert "only-once" in life.do("collect", "CG-0940", "--as", APPLICANT, fails=1)["refused"]
    life.do("apply", life.application("CG-0941"))
    life.do("sign", "CG-0941", "--stage", "approve", "--as", "approver one", "--condition", "latest-date=2022-06-30")
    life.do("sign", "CG-0941", "--stage", "approve", "--as", "approver two")
    life.do("approve", "CG-0941")
    life.do("daily", "--on", "2022-07-01")
    assert "latest-date" in life.do("build", "CG-0941", fails=1)["refused"]
    assert life.state("CG-0941") == "approved", "what policy holds back stays where it is"
    life.do("apply", life.application("CG-0942"))
    life.both("approve", "CG-0942", "--condition", "no-further-linkage")
    assert "no-further-linkage" in life.do("approve", "CG-0942", fails=1)["refused"]


def test_a_role_taken_away_a_delegation_and_a_named_user(life: Life) -> None:
    life.do("apply", life.application("CG-0950"))
    seen = life.do("votes", "CG-0950", "--stage", "approve", "--as", "approver one")["to_sign"]
    life.do("people", "take", "approver one", "--role", "approver", "--as", "officer one")
    vote = ("sign", "CG-0950", "--stage", "approve", "--as")
    assert "no approver" in life.do(*vote, "approver one", "--seen", seen, fails=4)["refused"]
    life.do("people", "give", "approver one", "--role", "approver", "--as", "approver two", fails=4)
    life.do("people", "delegate", "releaser one", "--role", "approver", "--as", "approver two", "--to", "2022-03-31")
    assert life.do("inbox", "--as", "releaser one")["waiting"][0]["reference"] == "CG-0950"
    life.do(*vote, "approver two", fails=4)
    life.do(*vote, "releaser one")
    life.do("daily", "--on", "2022-04-01")
    life.do(*vote, "approver two")
    life.do("approve", "CG-0950")
    life.finish("CG-0950")
    life.do("collect", "CG-0950", "--as", "analyst", fails=4)
    life.do("people", "user", "analyst", "--body", COUNCIL, "--as", "officer one", "--to", "2022-04-30")
    life.do("collect", "CG-0950", "--as", "analyst")
    life.do("daily", "--on", "2022-05-01")
    life.do("collect", "CG-0950", "--as", "analyst", fails=4)


def test_votes_bind_what_was_seen_and_go_stale_not_lost(life: Life) -> None:
    life.do("apply", life.application("CG-0960"))
    seen = life.do("votes", "CG-0960", "--stage", "approve", "--as", "approver one")["to_sign"]
    life.do("apply", life.application("CG-0960"), fails=5)
    life.do("sign", "CG-0960", "--stage", "approve", "--as", "approver one")
    life.do("sign", "CG-0960", "--stage", "approve", "--as", "approver one", fails=4)
    assert life.do("votes", "CG-0960", "--stage", "approve", "--as", "approver two")["votes"] == []
    life.do("agreement", "sign", "CG-0960", "--as", "officer one", "--file", life.file("signed"))
    (own,) = life.do("votes", "CG-0960", "--stage", "approve", "--as", "approver one")["votes"]
    assert (own["stale"], own["seen"]) == (False, seen), "a decision that did not change leaves the vote as it was"
    life.do("sign", "CG-0960", "--stage", "approve", "--as", "approver two", "--answer", "return", "--reason", "more")
    life.do("apply", life.application("CG-0960", nihr_funded=True))
    life.do("sign", "CG-0960", "--stage", "approve", "--as", "approver one", "--seen", seen, fails=5)
    held = life.do("votes", "CG-0960", "--stage", "approve", "--as", "approver two")["votes"]
    assert [one["stale"] for one in held] == [True, True]
    life.do("approve", "CG-0960", fails=4)


def test_days_days_of_others_and_unknown_words_are_refused_and_logged(life: Life) -> None:
    for wrong in (
        {"agreement": {"from": "2022-01-01T00:00:00Z"}}, {"body": "PARISH"}, {"action": "give away"},
        {"purposes": [{"purpose": "1z", "justification": "x"}]}, {"dhsc_end": "profit"},
    ):  # fmt: skip
        life.do("apply", life.application("CG-0970", **wrong), fails=3)  # type: ignore[arg-type]
    life.approved("CG-0970")
    assert life.do("daily", "--on", LAST_DAY)["moved"] == {}, "an agreement that ends today is in force today"
    life.do("build", "CG-0970")
    life.do("daily", "--on", "2022-12-31", fails=5)
    assert life.do("daily", "--on", DAY_AFTER)["moved"] == {"CG-0970": "expired"}
    life.do("check", "CG-0970", fails=5)
    assert acts_in_the_log(life).count("act refused") >= 5


def test_written_records_are_sealed_and_what_is_no_record_is_refused(life: Life) -> None:
    change = {
        "specification": "R3", "opened_on": "2022-02-01", "agreed_by_nhs": "head of data", "agreed_by_councils": "chair",
        "summary": "two fields more",
    }  # fmt: skip
    review = {
        "opened_on": "2022-02-01", "consulted": "s254(5)", "consultation_digest": "0" * 64, "outcome": "goes on",
        "summary": "yearly review",
    }  # fmt: skip
    assert life.do("record", "change", life.file(change), "--as", "officer one")["kind"] == "ChangeRecord"
    assert life.do("record", "review", life.file(review), "--as", "officer one")["kind"] == "ReviewRecord"
    life.do("record", "review", life.file(change), "--as", "officer one", fails=3)
    life.do("record", "change", life.file(change), "--as", "approver one", fails=4)


def test_a_certificate_that_is_not_for_this_agreement_destroys_nothing(life: Life) -> None:
    life.released("CG-0980")
    for wrong in ({"agreement": "DARS-OTHER"}, {"destroyed_on": "2022-12-31"}, {"backups_destroyed": False}):
        given = ("--as", "custodian one", "--certificate", life.certificate("CG-0980", **wrong))
        life.do("agreement", "destroy", "DARS-CG-0980", *given, fails=3)
    life.do("agreement", "destroy", "DARS-CG-0980", "--as", "approver one", "--certificate", life.certificate("CG-0980"), fails=4)  # fmt: skip
    assert life.state("CG-0980") == "released"
    assert ASKED.application.body_code == COUNCIL
