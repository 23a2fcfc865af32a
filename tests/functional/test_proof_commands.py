"""The commands that prove, mutate, compare and ask: what they print, their exit statuses, and drafts that fail."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from policies.versioned.versions import SHIPPED
from tests.lib.commands import run_here
from tests.lib.direction import may_receive
from tests.lib.policy_versions import a_version

POLICIES = SHIPPED / "direction-2020-12-07" / "2020-12-07"
DARS = "unless { context.dars_approved };"


def run(*words: str) -> tuple[int, str]:
    """Run a command of the group policy; return its exit status and what it printed."""
    found = run_here("policy", *words)
    return found.returncode, found.stdout


def run_json(*words: str) -> tuple[int, dict[str, Any]]:
    """The same with --json."""
    status, said = run(*words, "--json")
    return status, json.loads(said)


def test_prove_prints_every_property_with_its_time() -> None:
    status, said = run("prove", "--requests", "20")
    assert status == 0
    lines = said.splitlines()
    assert any(line.startswith("holds") and " ms  no-publication: Nothing is published." in line for line in lines)
    assert lines[-1].startswith("20 random requests, ")
    properties = json.loads((POLICIES / "properties.json").read_text("utf-8"))
    assert lines[-2] == f"{len(properties)} of {len(properties)} properties hold of direction-2020-12-07, 2020-12-07."


@pytest.mark.parametrize(
    ("instead", "broken"),
    [
        ((DARS, "unless { context.dars_approved || context.nihr_funded };"), {"dars", "named-D6-dars"}),
        (('forbid (principal, action == Action::"publish", resource);', 'permit (principal, action == Action::"publish", resource);'),
         {"no-publication", "named-D5-no-publication"}),
    ],
)  # fmt: skip
def test_a_draft_with_a_wrong_fails_with_a_counterexample_in_words(
    tmp_path: Path, instead: tuple[str, str], broken: set[str]
) -> None:
    """The folder is unsigned: a draft is judged before anyone signs it."""
    folder = a_version(tmp_path, instead=instead)
    status, summary = run_json("prove", str(folder), "--requests", "0")
    failed = {one["name"]: one["example"] for one in summary["properties"] if not one["holds"]}
    assert status == 1
    assert broken <= failed.keys()
    for name in broken:
        assert failed[name].startswith(("Allowed: a ", "Refused without naming it: a "))
    assert summary["n_failed"] == len(failed)


def test_a_policy_file_alone_is_proven_beside_the_shipped_rest(tmp_path: Path) -> None:
    draft = tmp_path / "draft.cedar"
    draft.write_text((POLICIES / "policies.cedar").read_text("utf-8").replace(DARS, "unless { true };"), "utf-8")
    status, said = run("prove", str(draft), "--requests", "0")
    assert status == 1
    assert "FAILS" in said
    assert "DARS did not approve" in said


SMALL = """
@id("a") @clause("c") @words("w") @who("x")
permit (principal, action == Action::"collect", resource);
@id("b") @clause("c") @words("w") @who("x")
forbid (principal, action, resource) unless { context.body_listed };
@id("b-too") @clause("c") @words("w") @who("x")
forbid (principal == BodyClass::"DHSC", action, resource) unless { context.body_listed };
"""


def a_small_version(root: Path) -> Path:
    """A version of three policies, with its cases made anew beside those of policies that it does not have."""
    folder = a_version(root)
    (folder / "policies.cedar").write_text(SMALL, "utf-8")
    return folder


def test_mutate_makes_cases_anew_and_counts_each_policy_and_all(tmp_path: Path) -> None:
    folder = a_small_version(tmp_path)
    status, summary = run_json("mutate", str(folder), "--renew")
    assert (status, summary["killed"], summary["n_alive"], summary["failing_cases"]) == (0, 1.0, 0, [])
    assert summary["n_mutants"] == summary["n_killed"] + summary["n_equivalent"]
    assert {one["policy"]: one["redundant"] for one in summary["policies"]} == {"a": False, "b": False, "b-too": True}
    assert {file.name for file in (folder / "cases").iterdir()} == {"a.json", "b.json", "b-too.json"}
    assert run("mutate", str(folder))[1].endswith("are the same policy in other words.\n")


def test_mutate_fails_when_a_wrong_would_pass_unnoticed_or_a_case_is_answered_otherwise(tmp_path: Path) -> None:
    folder = a_small_version(tmp_path)
    run("mutate", str(folder), "--renew")
    kept = json.loads((folder / "cases" / "a.json").read_text("utf-8"))
    (folder / "cases" / "b.json").unlink()
    (folder / "cases" / "b-too.json").unlink()
    (folder / "cases" / "a.json").write_text(json.dumps([one for one in kept if "b" not in one["reason"]]), "utf-8")
    status, said = run("mutate", str(folder))
    assert status == 1
    assert "b: 5 of 5 killed" not in said
    assert "    ALIVE: taken out\n      a council that submitted data, sends a file" in said
    (folder / "policies.cedar").write_text(
        SMALL.replace("permit (principal,", 'permit (principal == BodyClass::"LGA",'), "utf-8"
    )
    status, said = run("mutate", str(folder))
    assert status == 1
    assert "This case is answered otherwise than it says: a: on its own" in said


def test_diff_of_a_version_with_itself_says_that_nothing_changes() -> None:
    status, said = run("diff", "2020-12-07", str(POLICIES))
    assert (status, said) == (0, "Every request gets the same decision.\nNothing changes.\n")


def test_diff_says_what_a_draft_newly_permits_and_refuses(tmp_path: Path) -> None:
    folder = a_version(
        tmp_path, instead=('BodyClass::"LGA", BodyClass::"CQC", BodyClass::"RESEARCH-UNIT"].contains', 'BodyClass::"CQC", BodyClass::"RESEARCH-UNIT"].contains')
    )  # fmt: skip
    status, summary = run_json("diff", "2020-12-07", str(folder))
    assert status == 0
    assert summary["newly_permits"] == []
    assert [(one["body"], one["form"], one["coverages"], one["clauses"]) for one in summary["newly_refuses"]] == [
        ("LGA", form, ["combined", "subset"], ["Direction 6(b) bullet 1; Annex 3"]) for form in ("anonymised", "aggregate")
    ]  # fmt: skip
    status, said = run("diff", str(folder), "2020-12-07")
    assert "B newly permits: the LGA asks to receive data, anonymised rows, of the whole combined set" in said


def test_diff_tells_of_the_dated_lists(tmp_path: Path) -> None:
    folder = a_version(tmp_path, file="annex3.json", instead=('"to": null', '"to": "2022-06-30"'))
    _, summary = run_json("diff", "2020-12-07", str(folder))
    assert summary["lists"] == ["Annex 3, classes: CASSR, from 2020-12-07: to None becomes 2022-06-30"]
    assert (summary["newly_permits"], summary["newly_refuses"], summary["policies"]) == ([], [], [])


WHOLE: dict[str, Any] = {
    "annex3_aim": True, "small_numbers_suppressed": True, "anonymisation_checked": True, "key_for_recipient": True, "purposes": ["1a"],
    "dars_approved": True, "agreement_from": "2021-01-01", "agreement_to": "2022-01-01", "agreement_signed": True, "lawful_basis_nhs": True,
    "lawful_basis_recipient": True, "nihr_funded": True, "joint_approval": True, "acting_for": "ADASS", "processor_contract_to": "2022-01-01",
    "on": "2021-06-01",
}  # fmt: skip
BODIES = ("CASSR", "CASSR-not-participating", "CCG", "DHSC", "NHSE", "CSU", "ADASS", "LGA", "CQC", "RESEARCH-UNIT", "PROCESSOR", "PROJECT", "OTHER")  # fmt: skip


def open_to(body: str) -> set[tuple[str, str, str]]:
    """What the plain oracle lets a body have when everything else holds."""
    return {
        (action, form, coverage)
        for action in ("disseminate", "give_back")
        for form in ("identifiable", "pseudonymised", "anonymised", "aggregate")
        for coverage in ("own", "other", "combined", "subset")
        if may_receive({**WHOLE, "action": action, "body": body, "form": form, "coverage": coverage})
    }


@pytest.mark.parametrize("body", BODIES)
def test_ask_opens_the_routes_that_the_plain_oracle_opens(body: str) -> None:
    status, found = run_json("ask", "--body", body)
    routes = {(one["action"], one["form"], coverage) for one in found["routes"] for coverage in one["coverages"]}
    assert status == 0
    assert routes == open_to(body)
    assert bool(found["closed_by"]) == (not routes)
    for route in found["routes"]:
        assert all(one["words"] and one["clause"] and one["who"] for one in route["conditions"])


def test_ask_tells_conditions_and_who_can_meet_them() -> None:
    status, said = run("ask", "--body", "RESEARCH-UNIT", "--form", "anonymised", "--coverage", "combined")
    assert status == 0
    assert "   - it must be so that the NIHR funds it" in said
    assert "   - it must be so that DHSC and ADASS approved the project jointly" in said
    assert "- The application to DARS was approved. (Direction 6, closing words: DARS; who can meet it: DARS)" in said
    _, told = run("ask", "--body", "ADASS")
    assert (
        "Nothing could be received.\n- ADASS itself receives nothing directly; a processor acting for it does." in told
    )


def test_ask_takes_what_is_stated_and_a_code_of_the_dated_list() -> None:
    _, funded = run_json("ask", "--body", "RESEARCH-UNIT", "--nihr-funded", "--no-joint-approval")
    assert {route["route"]["policy"] for route in funded["routes"]} == {"P6b7-research"}
    bodies = json.loads((POLICIES / "annex3.json").read_text("utf-8"))["bodies"]
    ccg = next(one for one in bodies if one["class"] == "CCG")
    _, found = run_json("ask", "--body", ccg["code"])
    assert found["body"] == "CCG"


@pytest.mark.parametrize("words", [["--body", "SHOP"], ["--body", "CCG", "--form", "poem"]])
def test_ask_says_what_may_be_said(words: Sequence[str]) -> None:
    found = run_here("policy", "ask", *words)
    assert found.returncode == 3
    assert found.stderr.startswith("unknown-specification: ")
    assert "Say one of " in found.stderr


def test_wrong_names_have_their_exit_statuses() -> None:
    assert run("prove", "1999-01-01")[0] == 3
    assert run("mutate", "2020-12-07", "--renew")[0] == 2
