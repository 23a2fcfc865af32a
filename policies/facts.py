"""Everything that policy asks about a request, as one typed value: what is not shown does not hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import date
from typing import Any

from cld.errors import InputError
from cld.vocabulary import Action, BodyClass, Coverage, Form, Purpose
from policies.words import DhscEnd, GivenBack, Instrument, LocalItems, NhsBasis, PopulationRule, Succession

__all__ = ["Facts", "as_shown", "facts_from_json"]


@dataclass(frozen=True, slots=True)
class Facts:
    """The facts of one request on one day; every default is the one that grants nothing.

    on:  the day of the act.  suspended_from, revoked_from:  from written instructions, which count as looked up when
    ``instructions_checked``.  body_listed:  the body stands in the dated list of Annex 3, or of participating councils.
    succession:  whether it stands in a listed body's place.  population_included:  a CCG's people are in the rows.
    overlap_above_limit:  each overlap with another's area reaches the profile's limit, or there is none.
    conditions_met:  every condition of the approval is met, or there is none.  agreement_resigned:  by the successor.
    """

    action: Action
    body: BodyClass
    on: date | None = None
    instrument: Instrument = Instrument.NONE
    instructions_checked: bool = False
    suspended_from: date | None = None
    revoked_from: date | None = None
    agreement_unsuspended: bool = False
    recipient_unsuspended: bool = False
    body_listed: bool = False
    successor: Succession = Succession.UNKNOWN
    population_included: bool = False
    acting_for: BodyClass | None = None
    processor_contract_to: date | None = None
    form: Form | None = None
    coverage: Coverage | None = None
    population_rule: PopulationRule = PopulationRule.NONE
    own_population_tested: bool = False
    overlap_above_limit: bool = False
    local_items: LocalItems = LocalItems.UNCLASSIFIED
    subset_named: bool = False
    subset_reasoned: bool = False
    subset_is_part: bool = False
    small_numbers_suppressed: bool = False
    anonymisation_checked: bool = False
    key_for_recipient: bool = False
    annex3_aim: bool = False
    purposes: frozenset[Purpose] = frozenset()
    purposes_justified: bool = False
    dhsc_end: DhscEnd = DhscEnd.NONE
    nihr_funded: bool = False
    joint_approval: bool = False
    dars_approved: bool = False
    conditions_met: bool = False
    agreement_signed: bool = False
    agreement_resigned: bool = False
    agreement_from: date | None = None
    agreement_to: date | None = None
    lawful_basis_nhs: NhsBasis = NhsBasis.NONE
    lawful_basis_recipient: bool = False
    given_back: GivenBack = GivenBack.NONE
    tells_of_own_alone: bool = False
    reidentification_basis: bool = False

    def as_json(self) -> dict[str, Any]:
        """Return the facts as a JSON value for a decision's record; ``facts_from_json`` reads it."""
        return {field.name: _plain(getattr(self, field.name)) for field in fields(self)}

    def as_request(self) -> dict[str, Any]:
        """Return the facts as a request in Cedar's JSON form; its context is read with the schema."""
        context = {}
        for name, entity in CONTEXT.items():
            value = getattr(self, name)
            if value is not None or name in NEVER_ABSENT:
                context[name] = _cedar(value, entity)
        return {
            "principal": {"type": "BodyClass", "id": self.body.value},
            "action": {"type": "Action", "id": self.action.value},
            "resource": {"type": "Request", "id": "request"},
            "context": context,
        }


ENTITIES = {
    "instrument": "Instrument", "successor": "Successor", "acting_for": "BodyClass", "form": "Form", "coverage": "Coverage",
    "population_rule": "PopulationRule", "local_items": "LocalItems", "purposes": "Purpose", "dhsc_end": "DhscEnd",
    "lawful_basis_nhs": "NhsBasis", "given_back": "GivenBack",
}  # fmt: skip
CONTEXT = {field.name: ENTITIES.get(field.name, "") for field in fields(Facts) if field.name not in ("action", "body")}
NEVER_ABSENT = ("form", "coverage")


def _plain(value: Any) -> Any:  # noqa: ANN401 - a fact
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, frozenset):
        return sorted(value)
    return value


def _cedar(value: Any, entity: str) -> Any:  # noqa: ANN401 - a fact
    if isinstance(value, bool):
        return value
    if isinstance(value, frozenset):
        return [{"type": entity, "id": one.value} for one in sorted(value)]
    if entity:
        return {"type": entity, "id": "none" if value is None else value.value}
    return value.isoformat()


def as_shown(facts: Facts) -> Facts:
    """Take the conditions for which the plain form has no key as met (shared commands page, policy).

    They are those that follow from a whole application: justification, DHSC's end, the subset's name and reason,
    limits of overlap, dated lists, written instructions.
    """
    own = PopulationRule.REGISTERED if facts.body is BodyClass.CCG else PopulationRule.SUBMITTED
    return replace(
        facts, instrument=Instrument.DIRECTION_2020, instructions_checked=True, agreement_unsuspended=True, recipient_unsuspended=True,
        body_listed=True, successor=Succession.NO, population_included=True, population_rule=own, own_population_tested=True,
        overlap_above_limit=True, local_items=LocalItems.NONE, subset_named=True, subset_reasoned=True, subset_is_part=True,
        purposes_justified=True, dhsc_end=DhscEnd.BENCHMARK_WORK, conditions_met=True, agreement_resigned=True,
        given_back=GivenBack.NUMBERS_AND_FINDINGS, tells_of_own_alone=True,
    )  # fmt: skip


KINDS: dict[str, type] = {
    "action": Action, "body": BodyClass, "acting_for": BodyClass, "form": Form, "coverage": Coverage, "instrument": Instrument,
    "successor": Succession, "population_rule": PopulationRule, "local_items": LocalItems, "dhsc_end": DhscEnd,
    "lawful_basis_nhs": NhsBasis, "given_back": GivenBack,
}  # fmt: skip
MAY_BE_ABSENT = ("acting_for", "form", "coverage")
DAYS = ("on", "suspended_from", "revoked_from", "processor_contract_to", "agreement_from", "agreement_to")


def facts_from_json(value: Mapping[str, Any]) -> Facts:
    """Read the facts of a stored decision.

    Raises: InputError unless every fact is there, of its kind, and no other.
    """
    try:
        if set(value) != {field.name for field in fields(Facts)}:
            raise ValueError
        return Facts(**{name: _read(name, found) for name, found in value.items()})
    except (ValueError, TypeError) as fault:
        message = "The facts of a decision cannot be read."
        raise InputError(message, "Restore the record from its document.") from fault


def _read(name: str, found: object) -> Any:  # noqa: ANN401 - a fact
    if found is None and (name in MAY_BE_ABSENT or name in DAYS):
        return None
    if name == "purposes" and isinstance(found, list):
        return frozenset(Purpose(one) for one in found)
    if name in KINDS:
        return KINDS[name](found)
    if name in DAYS and isinstance(found, str):
        return date.fromisoformat(found)
    if isinstance(found, bool) and name not in DAYS and name != "purposes":
        return found
    raise ValueError
