"""What is proven of the policies, and that proofs notice: engine, solver and oracle agree, and every weakening shows."""

from __future__ import annotations

import pytest

from policies.proving.cases import Case, case_files, make_cases, read_cases
from policies.proving.engine import Engine
from policies.proving.model import SolverModel
from policies.proving.mutants import mutants_of
from policies.proving.mutation import failing_cases, mutate
from policies.proving.properties import prove
from policies.proving.sampling import n_agreeing, random_requests
from tests.lib.direction import may_pass
from tests.lib.proofs import as_shown, first_false, forbids, shipped, with_added, with_exception, without

BELTS = {
    "D3-participation", "D5-no-publication", "D6b1-annex3", "D1-integrated-care", "D6b2-form", "D6b3-pseudonymised-own",
    "D6b3-local-combined", "D6b3-local-classified", "D6b4-no-combined-rows", "D6b5-adass-direct", "D6b7-funding",
    "D6b7-joint-only", "D3-own-rows", "R-reidentify-off",
}  # fmt: skip
"""Forbids that another policy covers: without one, every decision is the same, and refusals name one clause fewer."""
BAD_PERMITS = [
    'permit (principal == BodyClass::"DHSC", action == Action::"disseminate", resource) when { context.coverage == Coverage::"other" };',
    'permit (principal, action == Action::"disseminate", resource) when { context.form == Form::"aggregate" };',
    'permit (principal == BodyClass::"RESEARCH-UNIT", action == Action::"disseminate", resource) when { context.coverage == Coverage::"own" };',
    'permit (principal == BodyClass::"CCG", action, resource) when { context.form == Form::"aggregate" };',
    'permit (principal == BodyClass::"PROJECT", action, resource) when { context.coverage == Coverage::"none" };',
]


def test_every_property_holds_of_the_shipped_policies() -> None:
    """On each load in continuous integration: no publication, and all that the properties file says."""
    proofs = list(prove(shipped().policies, shipped().properties, shipped().words))
    assert [proof.property.name for proof in proofs if not proof.holds] == []
    assert {"never", "only_if", "granted_only_if", "refused_naming", "possible", "no_errors"} == {
        proof.property.kind for proof in proofs
    }
    assert all(proof.seconds >= 0 for proof in proofs)


def test_every_body_act_fact_and_value_has_words() -> None:
    schema, held = shipped().policies.schema, shipped().words.held
    assert set(held["body"]) == set(schema.values["BodyClass"])
    assert set(held["action"]) == set(schema.actions)
    for name, kind in schema.facts.items():
        if kind.entity:
            assert set(held[name]) == set(schema.values[kind.entity]), name
        else:
            assert {"holds", "not"} == set(held["facts"][name]), name


def test_engine_solver_and_plain_oracle_agree_on_random_requests(is_long: bool) -> None:
    model, engine = SolverModel(shipped().policies), Engine(shipped().policies)
    requests = list(random_requests(model, 4000 if is_long else 400, seed=7))
    answers = engine.ask_all(requests)
    for request, answer in zip(requests, answers, strict=True):
        assert answer == model.outcome(request), request
        assert answer.allowed == may_pass(as_shown(request)), request
    assert sum(answer.allowed for answer in answers) > len(requests) / 10
    assert n_agreeing(shipped().policies, 20)[0] == 20


@pytest.mark.parametrize(
    "permit", BAD_PERMITS, ids=("others", "uncovered-aggregates", "own-research", "any-act", "nobody")
)
def test_a_planted_permit_breaks_a_property_and_is_shown_in_words(permit: str) -> None:
    proof = first_false(with_added(permit))
    assert proof is not None
    assert proof.told.startswith("Allowed: ")
    assert proof.request is not None
    assert Engine(with_added(permit)).ask(proof.request).allowed
    assert not Engine(shipped().policies).ask(proof.request).allowed


@pytest.mark.parametrize(
    ("permit", "stopped_by"),
    [
        ('permit (principal, action == Action::"publish", resource);', "D5-no-publication"),
        ('permit (principal == BodyClass::"DHSC", action == Action::"disseminate", resource) when { context.form == Form::"pseudonymised" };',
         "D6b3-pseudonymised-own"),
        ('permit (principal == BodyClass::"LGA", action == Action::"disseminate", resource) when { context.form == Form::"anonymised" && context.coverage == Coverage::"combined" };',
         "D6b7-joint-only"),
        ('permit (principal == BodyClass::"CCG", action == Action::"give_back", resource);', "D3-own-rows"),
        ('permit (principal == BodyClass::"ADASS", action == Action::"disseminate", resource);', "D6b5-adass-direct"),
        ('permit (principal, action == Action::"reidentify", resource);', "R-reidentify-off"),
        ('permit (principal, action == Action::"collect", resource);', "D3-participation"),
    ],
    ids=("publication", "dhsc", "lga", "give-back", "adass", "reidentify", "collect"),
)  # fmt: skip
def test_a_bad_permit_that_forbids_still_stop_is_shown_too(permit: str, stopped_by: str) -> None:
    proof = first_false(with_added(permit))
    assert proof is not None
    assert proof.told.startswith("Granted by a permit, stopped by ")
    assert stopped_by in proof.told


def test_weakening_any_forbid_breaks_a_property_that_names_it() -> None:
    """Dropped, and with an exception for one body that it stops."""
    properties = shipped().properties
    for forbid in forbids():
        naming = [one for one in properties if one.parts.get("policy") == forbid.name]
        stopped = next(
            case for case in shipped().cases if forbid.name in case.outcome.policies and case.policy == forbid.name
        )
        weakened = (
            without(forbid.name),
            with_exception(forbid.name, f'principal == BodyClass::"{stopped.request.body}"'),
        )
        for policies in weakened:
            proof = first_false(policies, naming)
            assert proof is not None, forbid.name
            assert proof.told.startswith(("Allowed: ", "Refused without naming it: ")), proof.told


def test_dropping_a_forbid_that_no_other_covers_lets_something_out_that_a_property_forbids() -> None:
    access = [one for one in shipped().properties if one.kind in ("never", "only_if")]
    for forbid in forbids():
        if forbid.name not in BELTS:
            proof = first_false(without(forbid.name), access)
            assert proof is not None, forbid.name
            assert proof.told.startswith("Allowed: ")


def test_the_cases_notice_every_wrong_that_can_be_noticed() -> None:
    policies, cases = shipped().policies, shipped().cases
    assert failing_cases(policies, cases) == []
    found = mutate(policies, cases)
    assert [one.policy for one in found if one.alive] == []
    assert sum(one.n_killed for one in found) > 1000
    assert {one.policy for one in found if one.is_redundant} & {forbid.name for forbid in forbids()} == BELTS
    for one in found:
        assert one.n_mutants == one.n_killed + len(one.equivalent)


def test_without_its_cases_a_policys_wrongs_live() -> None:
    """So that the run above can fail."""
    policies = shipped().policies
    cases = [case for case in shipped().cases if "D6-dars" not in case.outcome.policies]
    (found,) = mutate(policies, cases, ["D6-dars"])
    words, shown = found.alive[0]
    assert words == "taken out"
    assert "D6-dars" in Engine(policies).ask(shown).policies


def test_a_policy_asked_alone_settles_what_the_whole_set_answers() -> None:
    """The whole changed set is asked of a sample of mutants: each that is said to be killed is."""
    policies, cases = shipped().policies, shipped().cases
    for found in mutate(policies, cases, ["P3-collect"]):
        name = found.policy
        changed = [policies.replaced(name, mutant.changed) for mutant in mutants_of(policies[name], policies.schema)]
        assert sum(bool(failing_cases(one, cases)) for one in changed) == found.n_killed - found.n_invalid


def test_cases_are_written_and_read_back_the_same() -> None:
    schema = shipped().policies.schema
    files = case_files(shipped().cases, schema)
    assert read_cases(files, schema) == shipped().cases
    assert {f"cases/{name}" for name in files} == {name for name in shipped().files if name.startswith("cases/")}


def test_the_stored_cases_are_those_that_the_policies_make(is_long: bool) -> None:
    if not is_long:
        pytest.skip("made anew in the long run alone")
    made: list[Case] = make_cases(shipped().policies)
    assert sorted(made, key=str) == sorted(shipped().cases, key=str)
