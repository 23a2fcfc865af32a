"""The Direction as policy: a request that may go out, and each single fault that stops it."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from cld.errors import InputError
from cld.vocabulary import Action, BodyClass, Coverage, Form, Purpose
from policies.decide import NO_ROUTE, ClauseOutcome, decide, decide_facts
from policies.facts import Facts, facts_from_json
from policies.told import part_in_words
from policies.versioned.versions import latest_version
from policies.words import DhscEnd, GivenBack, Instrument, LocalItems, NhsBasis, PopulationRule, Succession

COUNCIL: dict[str, Any] = {
    "action": "disseminate", "body": "CASSR", "form": "pseudonymised", "coverage": "own", "annex3_aim": True, "key_for_recipient": True,
    "purposes": ["1a"], "dars_approved": True, "agreement_from": "2021-01-01", "agreement_to": "2022-01-01", "agreement_signed": True,
    "lawful_basis_nhs": True, "lawful_basis_recipient": True, "on": "2021-06-01",
}  # fmt: skip
ANONYMISED = {**COUNCIL, "form": "anonymised", "coverage": "combined", "anonymisation_checked": True}
REIDENTIFY = {"action": "reidentify", "body": "CASSR", "form": "identifiable", "coverage": "own", "on": "2021-06-01"}
ROUTES = [
    COUNCIL,
    {**COUNCIL, "body": "CCG"},
    {**ANONYMISED, "body": "DHSC"},
    {**ANONYMISED, "body": "RESEARCH-UNIT", "nihr_funded": True},
    {**ANONYMISED, "body": "PROJECT", "joint_approval": True},
    {**ANONYMISED, "body": "CQC", "joint_approval": True},
    {
        **ANONYMISED,
        "body": "PROCESSOR",
        "acting_for": "ADASS",
        "processor_contract_to": "2022-01-01",
        "coverage": "subset",
    },
    {**COUNCIL, "form": "aggregate", "coverage": "combined", "small_numbers_suppressed": True},
    {**ANONYMISED, "body": "CSU", "joint_approval": True},
    {"action": "give_back", "body": "CASSR", "form": "identifiable", "coverage": "own", "on": "2021-06-01"},
    {**REIDENTIFY, "reidentification_basis": True},
]
FAULTS: list[dict[str, Any]] = [
    {"action": "publish"}, {"action": "reidentify"}, {"action": "sell"}, {"form": "identifiable"}, {"form": "anonimised"}, {"coverage": "other"},
    {"body": "CASSR-not-participating"}, {"body": "OTHER"}, {"body": "CSU"}, {"body": "LGA"}, {"annex3_aim": False}, {"key_for_recipient": False},
    {"purposes": []}, {"purposes": ["1f"]}, {"dars_approved": False}, {"dars_approved": "yes"}, {"agreement_signed": False},
    {"agreement_to": "2021-05-31"}, {"agreement_from": "2021-06-02"}, {"agreement_to": None}, {"lawful_basis_nhs": False},
    {"lawful_basis_recipient": False}, {"on": "2020-12-06"}, {"on": None}, {"on": "soon"},
]  # fmt: skip


@pytest.mark.parametrize("request_", ROUTES)
def test_each_route_of_the_direction_is_open(request_: dict[str, Any]) -> None:
    decision = decide(request_)
    assert decision.allowed, decision.clauses


@pytest.mark.parametrize("fault", FAULTS, ids=str)
def test_each_single_fault_refuses_and_names_a_clause(fault: dict[str, Any]) -> None:
    decision = decide({**COUNCIL, **fault})
    assert not decision.allowed
    assert decision.clauses


@pytest.mark.parametrize(
    "fault",
    [{"reidentification_basis": None}, {"body": "OTHER"}, {"body": "CCG"}, {"coverage": "other"}, {"on": None}],
    ids=str,
)
def test_re_identification_is_off_for_whoever_is_not_the_council_with_a_basis(fault: dict[str, Any]) -> None:
    decision = decide({**REIDENTIFY, "reidentification_basis": True, **fault})
    assert not decision.allowed
    assert decision.clauses


@pytest.mark.parametrize("key", sorted(COUNCIL))
def test_a_fact_not_shown_does_not_hold(key: str) -> None:
    assert not decide({name: value for name, value in COUNCIL.items() if name != key}).allowed


def test_a_refusal_names_every_clause_at_once() -> None:
    decision = decide(
        {**COUNCIL, "dars_approved": False, "agreement_signed": False, "purposes": [], "lawful_basis_nhs": False}
    )
    assert len(decision.clauses) == 4


@pytest.mark.parametrize(
    "change",
    [{"coverage": "combined"}, {"processor_contract_to": "2021-05-31"}, {"acting_for": "CCG"}, {"acting_for": None}],
)
def test_adass_gets_a_subset_through_a_processor_under_contract_or_nothing(change: dict[str, Any]) -> None:
    assert not decide({**ROUTES[6], **change}).allowed


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        ({"on": "2021-06-01T12:00:00+01:00"}, "on is no day written YYYY-MM-DD, without a time or a zone"),
        ({"on": "2021-06-01Z"}, "on is no day"), ({"on": "20210601"}, "on is no day"), ({"on": "2021-02-30"}, "on is no day"),
        ({"on": 20210601}, "on is no day"), ({"agreement_to": "1 January"}, "agreement_to is no day"),
        ({"processor_contract_to": "never"}, "processor_contract_to is no day"),
        ({"body": "ICB"}, "body is none of the closed list"), ({"body": ["CASSR"]}, "body is none"), ({"acting_for": "Ada"}, "acting_for is none"),
        ({"form": "anonimised"}, "form is none"), ({"coverage": "all"}, "coverage is none"), ({"action": "sell"}, "action is none of"),
        ({"action": "collect"}, "action is none of"), ({"action": None}, "action is not stated"),
        ({"purposes": ["1a", "1f"]}, "purposes is no list of the purposes"), ({"purposes": "1a"}, "purposes is no list"),
        ({"dars_approved": "yes"}, "dars_approved is neither true nor false"), ({"lawful_basis_nhs": 1}, "lawful_basis_nhs is neither"),
        ({"small_numbers_suppressed": "true"}, "small_numbers_suppressed is neither"),
    ],
    ids=str,
)  # fmt: skip
def test_what_cannot_be_read_is_a_refusal_that_names_it(fault: dict[str, Any], told: str) -> None:
    decision = decide({**COUNCIL, **fault})
    assert not decision.allowed
    assert decision.clauses[0].startswith(f"the request cannot be read: {told}")
    assert decision.missing[0].startswith("A request that can be read")


def test_a_request_of_many_faults_names_them_all_and_the_clauses_that_they_leave_unmet() -> None:
    decision = decide({**COUNCIL, "on": "soon", "purposes": ["1z"], "dars_approved": "yes", "form": "anonimised"})
    assert [clause for clause in decision.clauses if clause.startswith("the request cannot be read")][3:] != []
    assert {
        "Direction, preamble and 8",
        "Direction 1",
        "Direction 6, closing words: DARS",
        "Direction 6(b) bullet 2",
    } <= set(decision.clauses)


def test_a_key_that_the_form_does_not_have_changes_nothing() -> None:
    assert decide({**COUNCIL, "note": "for the file", "allowed": True}).allowed
    assert not decide({**COUNCIL, "dars_approved": None, "dars_aproved": True}).allowed


def test_no_request_raises() -> None:
    for value in (None, 0, 1.5, "", "\ud800", [], {}, [[]], {"a": [1]}, float("nan"), 10**400):
        for key in (*COUNCIL, "acting_for", "nihr_funded", "joint_approval", "processor_contract_to"):
            decision = decide({**COUNCIL, key: value})
            assert decision.clauses
            assert decision.allowed == (value is None and key not in COUNCIL)


def test_an_agreement_holds_on_its_first_and_its_last_day_and_on_no_other() -> None:
    dates = {"agreement_from": "2021-06-01", "agreement_to": "2021-06-30"}
    for on, expected in (("2021-05-31", False), ("2021-06-01", True), ("2021-06-30", True), ("2021-07-01", False)):
        decision = decide({**COUNCIL, **dates, "on": on})
        assert decision.allowed is expected, on
        assert expected or decision.clauses == ("Direction 6, closing words: data sharing agreement",)


def test_a_refusal_tells_what_would_change_it_and_who_can() -> None:
    decision = decide({**COUNCIL, "dars_approved": False})
    assert decision.missing == ("The application to DARS was approved.",)
    (row,) = [row for row in decision.trace if row.outcome is ClauseOutcome.BLOCKS]
    assert (row.policy, row.who) == ("D6-dars", "DARS")


def test_the_trace_tells_of_every_policy_whether_it_is_met_blocks_grants_or_is_beside_the_point() -> None:
    outcomes = {row.policy: row.outcome.value for row in decide({**COUNCIL, "annex3_aim": False}).trace}
    assert outcomes["D6b1-aim"] == "blocks"
    assert outcomes["P6b3-council-own"] == "grants"
    assert outcomes["D6-dars"] == outcomes["D8-suspended"] == outcomes["D6b3-own-tested"] == "met"
    assert {outcomes[name] for name in ("D5-no-publication", "D3-own-rows", "D6b6-dhsc-end", "D6b4-suppression", "P6b6-dhsc")} == {"not relevant"}  # fmt: skip
    assert len(outcomes) == len(latest_version().policies.policies)


def test_where_no_route_is_open_the_nearest_is_told() -> None:
    combined = decide({**COUNCIL, "coverage": "combined"})
    assert combined.clauses[-1] == NO_ROUTE
    assert combined.missing[-1] == "The data are about the recipient's own people."
    research = decide({**ANONYMISED, "body": "RESEARCH-UNIT"})
    assert research.missing[-1] == "The body is funded by the NIHR."
    other = decide({**COUNCIL, "body": "OTHER"})
    assert other.missing[-1].startswith("A body of a class that has a route: CASSR, CCG,")


WHOLE = Facts(
    Action.DISSEMINATE, BodyClass.CASSR, on=date(2021, 6, 1), instrument=Instrument.DIRECTION_2020, instructions_checked=True,
    agreement_unsuspended=True, recipient_unsuspended=True, body_listed=True, successor=Succession.NO, population_included=True,
    form=Form.PSEUDONYMISED, coverage=Coverage.OWN, population_rule=PopulationRule.SUBMITTED, own_population_tested=True,
    overlap_above_limit=True, local_items=LocalItems.NONE, subset_named=True, subset_reasoned=True, subset_is_part=True,
    small_numbers_suppressed=True, anonymisation_checked=True, key_for_recipient=True, annex3_aim=True,
    purposes=frozenset({Purpose.A}), purposes_justified=True, dhsc_end=DhscEnd.NATIONAL_OVERSIGHT, dars_approved=True,
    conditions_met=True, agreement_signed=True, agreement_from=date(2021, 1, 1), agreement_to=date(2021, 12, 31),
    lawful_basis_nhs=NhsBasis.S261, lawful_basis_recipient=True, given_back=GivenBack.NUMBERS_AND_FINDINGS, tells_of_own_alone=True,
)  # fmt: skip
CCG = replace(WHOLE, body=BodyClass.CCG, population_rule=PopulationRule.REGISTERED)
DHSC = replace(WHOLE, body=BodyClass.DHSC, form=Form.ANONYMISED, coverage=Coverage.COMBINED)
ADASS = replace(
    DHSC,
    body=BodyClass.PROCESSOR,
    acting_for=BodyClass.ADASS,
    processor_contract_to=date(2021, 6, 1),
    coverage=Coverage.SUBSET,
)
UNIT = replace(DHSC, body=BodyClass.RESEARCH_UNIT, nihr_funded=True)
LGA = replace(DHSC, body=BodyClass.LGA, joint_approval=True)
COUNTS = replace(WHOLE, form=Form.AGGREGATE, coverage=Coverage.COMBINED)
BACK = replace(WHOLE, action=Action.GIVE_BACK, form=Form.IDENTIFIABLE)
COLLECT = replace(WHOLE, action=Action.COLLECT)
NUMBER = replace(WHOLE, action=Action.REIDENTIFY, form=Form.IDENTIFIABLE, reidentification_basis=True)
FAULT = date(2021, 6, 1)
SINGLE: list[tuple[str, Facts, dict[str, Any]]] = [
    ("D0-2017-grants-nothing", WHOLE, {"instrument": Instrument.DIRECTION_2017}),
    ("D0-2017-grants-nothing", BACK, {"instrument": Instrument.NONE}),
    ("D8-in-force", BACK, {"on": date(2020, 12, 6)}),
    *(("D8-suspended", base, {"suspended_from": FAULT}) for base in (WHOLE, DHSC, BACK, COLLECT, NUMBER)),
    *(("D8-revoked", base, {"revoked_from": FAULT}) for base in (WHOLE, DHSC, BACK, COLLECT, NUMBER)),
    ("D3-participation", COLLECT, {"body_listed": False}),
    ("D3-participation", COLLECT, {"body": BodyClass.CASSR_NOT_PARTICIPATING}),
    ("D6b1-listed", WHOLE, {"body_listed": False}),
    ("D6b1-ccg-population", CCG, {"population_included": False}),
    ("A3-successor-resigned", CCG, {"successor": Succession.SIGNED}),
    ("A3-successor-signed", CCG, {"successor": Succession.UNSIGNED, "agreement_resigned": True}),
    ("A3-successor-signed", WHOLE, {"successor": Succession.UNKNOWN, "agreement_resigned": True}),
    ("D6b1-aim", DHSC, {"annex3_aim": False}),
    ("D1-purpose", DHSC, {"purposes": frozenset()}),
    ("D1-justified", DHSC, {"purposes_justified": False}),
    ("D6b2-anonymisation-checked", DHSC, {"anonymisation_checked": False}),
    ("D6b3-key-for-recipient", WHOLE, {"key_for_recipient": False}),
    ("D6b3-population-rule", WHOLE, {"population_rule": PopulationRule.RESIDENT}),
    ("D6b3-population-rule", CCG, {"population_rule": PopulationRule.SUBMITTED}),
    ("D6b3-population-rule", CCG, {"population_rule": PopulationRule.NONE}),
    ("D6b3-own-tested", CCG, {"own_population_tested": False}),
    ("D6b3-overlap", CCG, {"overlap_above_limit": False}),
    ("D6b3-local-items", CCG, {"local_items": LocalItems.NOT_AGREED}),
    ("D6b3-local-items", CCG, {"local_items": LocalItems.OWN}),
    ("D6b3-local-items", WHOLE, {"local_items": LocalItems.AGREED}),
    ("D6b4-suppression", COUNTS, {"small_numbers_suppressed": False}),
    ("D6b5-processor", ADASS, {"processor_contract_to": date(2021, 5, 31)}),
    ("D6b5-subset", ADASS, {"subset_is_part": False}),
    ("D6b5-subset-named", ADASS, {"subset_named": False}),
    ("D6b5-subset-named", ADASS, {"subset_reasoned": False}),
    ("D6b6-dhsc-end", DHSC, {"dhsc_end": DhscEnd.NONE}),
    ("D6-dars", UNIT, {"dars_approved": False}),
    ("D6-conditions", UNIT, {"conditions_met": False}),
    ("D6-agreement", UNIT, {"agreement_signed": False}),
    ("D6-agreement", UNIT, {"agreement_to": None}),
    ("D6-not-suspended", UNIT, {"agreement_unsuspended": False}),
    ("D6-not-suspended", UNIT, {"recipient_unsuspended": False}),
    ("D6-basis-nhs", UNIT, {"lawful_basis_nhs": NhsBasis.OTHER}),
    ("D6-basis-recipient", UNIT, {"lawful_basis_recipient": False}),
    ("D3-on-request", BACK, {"given_back": GivenBack.IMPROVED_ROWS_UNREQUESTED}),
    ("D3-other-council", BACK, {"tells_of_own_alone": False}),
]


GRANTING = {
    "P6b3-council-own": WHOLE, "P6b3-ccg-own": CCG, "P6b4-benchmarking": COUNTS, "P6b5-adass": ADASS, "P6b6-dhsc": DHSC,
    "P6b7-research": UNIT, "P6b7-joint": LGA, "P3-give-back": BACK, "P3-collect": COLLECT, "P-reidentify-basis": NUMBER,
}  # fmt: skip


@pytest.mark.parametrize(("policy", "facts"), GRANTING.items())
def test_each_whole_application_may_pass_by_its_one_route(policy: str, facts: Facts) -> None:
    decision = decide_facts(facts)
    assert decision.allowed, decision.clauses
    assert [row.policy for row in decision.trace if row.outcome is ClauseOutcome.GRANTS] == [policy]
    assert facts_from_json(json.loads(json.dumps(decision.as_record()["facts"]))) == facts


@pytest.mark.parametrize(
    ("policy", "base", "change"), SINGLE, ids=lambda value: value if isinstance(value, str) else ""
)
def test_each_condition_alone_stops_a_whole_application_and_is_named_alone(
    policy: str, base: Facts, change: dict[str, Any]
) -> None:
    decision = decide_facts(replace(base, **change))
    assert not decision.allowed
    assert [row.policy for row in decision.trace if row.outcome is ClauseOutcome.BLOCKS] == [policy]
    assert decision.missing[0] == next(row.words for row in decision.trace if row.policy == policy)


BEHIND: list[tuple[str, Facts, dict[str, Any]]] = [
    ("D1-integrated-care", CCG, {"successor": Succession.INTEGRATED_CARE}),
    ("D6b3-local-combined", COUNTS, {"local_items": LocalItems.OWN}),
    ("D6b3-local-combined", ADASS, {"local_items": LocalItems.AGREED}),
    ("D6b3-local-classified", WHOLE, {"local_items": LocalItems.UNCLASSIFIED}),
    ("D6b1-annex3", UNIT, {"body": BodyClass.OTHER}),
    ("D6b1-annex3", LGA, {"body": BodyClass.PROJECT, "joint_approval": False}),
    ("D6b2-form", WHOLE, {"form": Form.IDENTIFIABLE}),
    ("D6b3-pseudonymised-own", DHSC, {"form": Form.PSEUDONYMISED}),
    ("D6b3-pseudonymised-own", CCG, {"coverage": Coverage.OTHER}),
    ("D6b4-no-combined-rows", COUNTS, {"form": Form.ANONYMISED}),
    ("D6b5-adass-direct", ADASS, {"body": BodyClass.ADASS}),
    ("D6b5-subset", ADASS, {"coverage": Coverage.COMBINED}),
    ("D6b7-funding", UNIT, {"nihr_funded": False}),
    ("D6b7-joint-only", LGA, {"joint_approval": False}),
    ("D5-no-publication", COUNTS, {"action": Action.PUBLISH}),
    ("D3-own-rows", BACK, {"body": BodyClass.CCG}),
    ("R-reidentify-off", NUMBER, {"reidentification_basis": False}),
]


@pytest.mark.parametrize(
    ("policy", "base", "change"), BEHIND, ids=lambda value: value if isinstance(value, str) else ""
)
def test_conditions_that_stand_behind_another_are_named_beside_it(
    policy: str, base: Facts, change: dict[str, Any]
) -> None:
    decision = decide_facts(replace(base, **change))
    assert not decision.allowed
    assert policy in [row.policy for row in decision.trace if row.outcome is ClauseOutcome.BLOCKS]


def test_every_policy_that_forbids_is_shown_to_refuse_and_every_permit_to_grant() -> None:
    """No policy stands in the file without a request that shows what it does."""
    asked = [replace(base, **change) for _, base, change in (*SINGLE, *BEHIND)]
    asked += GRANTING.values()
    acting = (ClauseOutcome.BLOCKS, ClauseOutcome.GRANTS)
    shown = {row.policy for facts in asked for row in decide_facts(facts).trace if row.outcome in acting}
    assert {policy.name for policy in latest_version().policies.policies} == shown


def test_facts_of_a_stored_decision_are_read_whole_or_not_at_all() -> None:
    stored = WHOLE.as_json()
    for damaged in ({**stored, "on": "soon"}, {**stored, "dars_approved": "yes"}, {**stored, "more": True}, {"action": "disseminate"},
                    {**stored, "body": "ICB"}, {**stored, "purposes": "1a"}):  # fmt: skip
        with pytest.raises(InputError):
            facts_from_json(damaged)


def test_days_at_either_end_of_the_calendar_are_days_like_any_other() -> None:
    assert not decide({**COUNCIL, "on": "0001-01-01"}).allowed
    assert decide({**COUNCIL, "agreement_from": "0001-01-01", "agreement_to": "9999-12-31"}).allowed


def test_a_route_of_a_shape_that_has_no_words_is_told_as_a_further_condition() -> None:
    anyone = {"principal": {"op": "All"}}
    for body in (
        {"<": {}},
        {"==": {"left": {".": {"attr": "nihr_funded"}}, "right": {"Value": True}}},
        {"contains": {"left": {"Var": "context"}}},
    ):
        assert part_in_words({**anyone, "conditions": [{"body": body}]}) == "A further condition of the route holds."
