"""Requests by the ten thousand: the policies and a plain reading of the Direction agree on each."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from dataclasses import fields
from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cld.vocabulary import Action, BodyClass, Coverage, Form, Purpose
from policies.decide import NO_ROUTE, decide, decide_facts, decision_lines
from policies.facts import Facts
from policies.words import DhscEnd, GivenBack, Instrument, LocalItems, NhsBasis, PopulationRule, Succession
from tests.lib.direction import may_pass, may_receive

ACTIONS = ("disseminate", "publish", "give_back", "reidentify")
GROUNDS = ("annex3_aim", "dars_approved", "agreement_signed", "lawful_basis_nhs", "lawful_basis_recipient")
CHECKS = ("small_numbers_suppressed", "anonymisation_checked", "key_for_recipient")
WHOLE: dict[str, Any] = {
    **dict.fromkeys((*GROUNDS, *CHECKS), True), "action": "disseminate", "purposes": ["1a"], "agreement_from": "2021-01-01",
    "agreement_to": "2021-12-31", "on": "2021-06-01",
}  # fmt: skip
PROCESSORS: tuple[dict[str, Any], ...] = (
    {},
    {"acting_for": "ADASS", "processor_contract_to": "2021-06-01"},
    {"acting_for": "ADASS", "processor_contract_to": "2021-05-31"},
    {"acting_for": "CCG", "processor_contract_to": "2021-12-31"},
)
WHENS: tuple[dict[str, Any], ...] = (
    {}, {"agreement_to": "2021-06-01"}, {"agreement_to": "2021-05-31"}, {"agreement_from": "2021-06-02"}, {"on": "2020-12-06"}, {"on": None},
)  # fmt: skip


def asked() -> Iterator[dict[str, Any]]:
    """Every body, action, form and coverage; for dissemination with every state of the facts that open a route."""
    for body, action, form, coverage in itertools.product(BodyClass, ACTIONS, (None, *Form), (None, *Coverage)):
        request = {**WHOLE, "body": body, "action": action, "form": form, "coverage": coverage}
        if action != "disseminate":
            yield {**request, "reidentification_basis": True}
            continue
        for processor, nihr, joint in itertools.product(PROCESSORS, (True, False), (True, False)):
            yield {**request, **processor, "nihr_funded": nihr, "joint_approval": joint}


def approvals(is_long: bool) -> Iterator[dict[str, Any]]:
    """States of the approval: every pair of faults in grounds, checks, purposes and days; in the long form every state."""
    truths: list[dict[str, Any]] = [{name: False} for name in (*GROUNDS, *CHECKS)]
    faults: list[dict[str, Any]] = [*truths, {"purposes": []}, *WHENS[1:]]
    chosen = (pair for n_faults in range(3) for pair in itertools.combinations(faults, n_faults))
    held: dict[str, Any] = {}
    every = itertools.product(*((held, fault) for fault in (*truths, {"purposes": []})), WHENS)
    for state in every if is_long else chosen:
        yield {name: value for fault in state for name, value in fault.items()}


def open_routes() -> Iterator[dict[str, Any]]:
    """Every body, form and coverage, with all that could open a route shown."""
    for body, form, coverage in itertools.product(BodyClass, Form, Coverage):
        yield {**WHOLE, **PROCESSORS[1], "body": body, "form": form, "coverage": coverage, "nihr_funded": True, "joint_approval": True}  # fmt: skip


def every_request(is_long: bool) -> Iterator[dict[str, Any]]:
    """All requests of the exhaustive run; the long form crosses every state with every other."""
    yield from asked()
    states = list(approvals(is_long))
    for request in open_routes():
        for state in states:
            yield {**request, **state}


def test_policies_and_a_plain_reading_agree_on_every_request(is_long: bool, capsys: pytest.CaptureFixture[str]) -> None:
    n_asked = n_allowed = 0
    requests = every_request(is_long)
    while chunk := list(itertools.islice(requests, 4096)):
        for request, line in zip(chunk, decision_lines(map(json.dumps, chunk)), strict=True):
            answer = json.loads(line)
            expected = "allow" if may_receive(request) else "refuse"
            assert answer["decision"] == expected, (request, answer)
            assert answer["clauses"], request
            assert bool(answer["missing"]) == (expected == "refuse"), (request, answer)
            n_allowed += expected == "allow"
        n_asked += len(chunk)
    with capsys.disabled():
        print(f"\n{n_asked} requests decided as the plain reading decides them, {n_allowed} of them allowed")  # noqa: T201
    assert n_asked > 20_000
    assert n_allowed > 200, "the requests reach no route: the run would say nothing"


VALUES: dict[str, list[Any]] = {
    "action": [*ACTIONS, "collect", "sell", None, 1],
    "body": [*(body.value for body in BodyClass), "ICB", "", None, ["CASSR"]],
    "acting_for": [None, "ADASS", "CCG", "a friend", True],
    "form": [*(form.value for form in Form), "anonimised", "none", None, {}],
    "coverage": [*(coverage.value for coverage in Coverage), "all", None, 0],
    "purposes": [["1a"], ["1b", "1e"], [], ["1f"], ["1a", "1f"], "1a", None, [1], [["1a"]]],
    **{
        name: ["2021-01-01", "2021-05-31", "2021-06-01", "2021-06-02", "2021-12-31", "2020-12-06", "2020-12-07", None,
               "2021-6-1", "20210601", "2021-02-30", "2021-06-01T00:00:00Z", "2021-06-01+01:00", "soon", "", 20210601, " 2021-06-01"]
        for name in ("agreement_from", "agreement_to", "processor_contract_to", "on")
    },
    **{name: [True, False, None, "true", 1, 0, []] for name in (*GROUNDS, *CHECKS, "nihr_funded", "joint_approval", "reidentification_basis")},
}  # fmt: skip
ALL_SHOWN = {**WHOLE, **PROCESSORS[1], "nihr_funded": True, "joint_approval": True, "reidentification_basis": True}
ASKED = st.fixed_dictionaries(
    {"body": st.sampled_from(list(BodyClass)), "form": st.sampled_from(list(Form)), "coverage": st.sampled_from(list(Coverage))}
)  # fmt: skip
CHANGES = st.lists(
    st.sampled_from(sorted(VALUES)).flatmap(lambda name: st.tuples(st.just(name), st.sampled_from(VALUES[name]))),
    max_size=3,
)
REQUESTS = st.builds(lambda base, changes: {**ALL_SHOWN, **base, **dict(changes)}, ASKED, CHANGES)


def test_policies_and_a_plain_reading_agree_on_requests_of_any_making(is_long: bool) -> None:
    allowed = 0

    @settings(max_examples=20_000 if is_long else 300, deadline=None, derandomize=True, database=None)
    @given(REQUESTS)
    def hold(request: dict[str, Any]) -> None:
        nonlocal allowed
        decision = decide(request)
        assert decision.allowed == may_receive(request), (request, decision.clauses)
        assert decision.clauses
        allowed += decision.allowed

    hold()
    assert allowed > 20, "the requests reach no route: the test would say nothing"


TRUTH = st.sampled_from([True, True, True, False])
DAY = st.sampled_from(
    [date(2020, 12, 6), date(2021, 5, 31), date(2021, 6, 1), date(2021, 6, 2), date(2021, 12, 31), None]
)
KINDS: dict[str, st.SearchStrategy[Any]] = {
    "action": st.sampled_from([Action.DISSEMINATE, Action.DISSEMINATE, Action.DISSEMINATE, *Action]),
    "body": st.sampled_from(BodyClass),
    "on": st.sampled_from([date(2021, 6, 1), date(2021, 6, 1), date(2021, 6, 1), date(2020, 12, 6), None]),
    "instrument": st.sampled_from([Instrument.DIRECTION_2020, Instrument.DIRECTION_2020, *Instrument]),
    "suspended_from": st.sampled_from([None, None, date(2021, 6, 1), date(2021, 6, 2)]),
    "revoked_from": st.sampled_from([None, None, date(2021, 6, 1), date(2021, 6, 2)]),
    "successor": st.sampled_from([Succession.NO, Succession.NO, Succession.SIGNED, *Succession]),
    "acting_for": st.sampled_from([None, BodyClass.ADASS, BodyClass.CCG]),
    "processor_contract_to": DAY,
    "form": st.sampled_from([None, *Form]),
    "coverage": st.sampled_from([None, *Coverage]),
    "population_rule": st.sampled_from(PopulationRule),
    "local_items": st.sampled_from([LocalItems.NONE, LocalItems.NONE, LocalItems.NONE, *LocalItems]),
    "purposes": st.sampled_from([frozenset({Purpose.A}), frozenset(Purpose), frozenset()]),
    "dhsc_end": st.sampled_from([DhscEnd.BENCHMARK_WORK, DhscEnd.NATIONAL_OVERSIGHT, DhscEnd.NONE]),
    "agreement_from": st.sampled_from([date(2021, 1, 1), date(2021, 1, 1), date(2021, 6, 1), date(2021, 6, 2), None]),
    "agreement_to": st.sampled_from([date(2021, 12, 31), date(2021, 12, 31), date(2021, 6, 1), date(2021, 5, 31), None]),
    "lawful_basis_nhs": st.sampled_from([NhsBasis.S261, NhsBasis.S261, *NhsBasis]),
    "given_back": st.sampled_from(GivenBack),
}  # fmt: skip
"""Facts that are no truths; those that open routes come more often than those that close them."""
FITTING: dict[str, Any] = {
    **{field.name: True for field in fields(Facts) if field.type == "bool"},
    "on": date(2021, 6, 1), "instrument": Instrument.DIRECTION_2020, "suspended_from": None, "revoked_from": None,
    "successor": Succession.NO, "acting_for": BodyClass.ADASS, "processor_contract_to": date(2021, 6, 1),
    "local_items": LocalItems.NONE, "purposes": frozenset({Purpose.A}), "dhsc_end": DhscEnd.BENCHMARK_WORK,
    "agreement_from": date(2021, 6, 1), "agreement_to": date(2021, 6, 1), "lawful_basis_nhs": NhsBasis.S261,
    "given_back": GivenBack.NUMBERS_AND_FINDINGS,
}  # fmt: skip
SHAPE = ("action", "body", "form", "coverage", "population_rule")
NAMES = st.sampled_from([field.name for field in fields(Facts)])
OPEN = [
    (Action.DISSEMINATE, BodyClass.CASSR, Form.PSEUDONYMISED, Coverage.OWN, PopulationRule.SUBMITTED),
    (Action.DISSEMINATE, BodyClass.CASSR, Form.AGGREGATE, Coverage.COMBINED, PopulationRule.NONE),
    (Action.DISSEMINATE, BodyClass.CCG, Form.PSEUDONYMISED, Coverage.OWN, PopulationRule.RESIDENT),
    (Action.DISSEMINATE, BodyClass.DHSC, Form.ANONYMISED, Coverage.COMBINED, PopulationRule.NONE),
    (Action.DISSEMINATE, BodyClass.PROCESSOR, Form.ANONYMISED, Coverage.SUBSET, PopulationRule.NONE),
    (Action.DISSEMINATE, BodyClass.RESEARCH_UNIT, Form.ANONYMISED, Coverage.COMBINED, PopulationRule.NONE),
    (Action.DISSEMINATE, BodyClass.CSU, Form.AGGREGATE, Coverage.SUBSET, PopulationRule.NONE),
    (Action.GIVE_BACK, BodyClass.CASSR, Form.IDENTIFIABLE, Coverage.OWN, PopulationRule.SUBMITTED),
    (Action.COLLECT, BodyClass.CASSR, Form.IDENTIFIABLE, Coverage.OWN, PopulationRule.SUBMITTED),
    (Action.REIDENTIFY, BodyClass.CASSR, Form.IDENTIFIABLE, Coverage.OWN, PopulationRule.SUBMITTED),
]
SHAPES = st.one_of(
    st.sampled_from(OPEN).map(lambda shape: dict(zip(SHAPE, shape, strict=True))),
    st.fixed_dictionaries({name: KINDS[name] for name in SHAPE}),
)
APPLICATIONS = st.builds(
    lambda shape, changes: Facts(**{**FITTING, **shape, **dict(changes)}),
    SHAPES,
    st.lists(NAMES.flatmap(lambda name: st.tuples(st.just(name), KINDS.get(name, TRUTH))), max_size=3),
)


def test_policies_and_a_plain_reading_agree_on_whole_applications(is_long: bool) -> None:
    allowed = 0

    @settings(max_examples=30_000 if is_long else 700, deadline=None, derandomize=True, database=None)
    @given(APPLICATIONS)
    def hold(facts: Facts) -> None:
        nonlocal allowed
        decision = decide_facts(facts)
        assert decision.allowed == may_pass(facts.as_json()), (facts, decision.clauses)
        assert decision.allowed or decision.missing
        allowed += decision.allowed

    hold()
    assert allowed > 50, "the applications reach no route: the test would say nothing"


def test_a_fact_of_an_application_that_is_not_shown_grants_nothing() -> None:
    """Each default of the facts refuses by itself, or says nothing of what is asked."""
    for action, body in itertools.product(Action, BodyClass):
        decision = decide_facts(Facts(action, body, on=date(2021, 6, 1)))
        assert not decision.allowed
        assert decision.clauses != (NO_ROUTE,) or action is Action.COLLECT
