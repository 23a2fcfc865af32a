"""The Direction as policy: a request that may go out, and each single fault that stops it."""

from __future__ import annotations

from typing import Any

import pytest

from policies.decide import decide

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


@pytest.mark.parametrize("key", sorted(set(COUNCIL) - {"action"}))
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
