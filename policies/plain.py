"""Requests in the plain form of the shared commands page, read into facts; every key that cannot be read is named."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date
from enum import StrEnum
from typing import Any

from cld.vocabulary import Action, BodyClass, Coverage, Form, Purpose
from policies.facts import Facts, as_shown
from policies.words import NhsBasis

__all__ = ["PLAIN_ACTIONS", "read_plain"]

PLAIN_ACTIONS = (Action.DISSEMINATE, Action.PUBLISH, Action.GIVE_BACK, Action.REIDENTIFY)
TRUTHS = (
    "annex3_aim", "small_numbers_suppressed", "anonymisation_checked", "key_for_recipient", "dars_approved", "agreement_signed",
    "lawful_basis_recipient", "nihr_funded", "joint_approval", "reidentification_basis",
)  # fmt: skip
DAYS = ("on", "agreement_from", "agreement_to", "processor_contract_to")
DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


def read_plain(request: Mapping[str, Any]) -> tuple[Facts | None, tuple[str, ...]]:
    """Read a request; return its facts and, in words, each key that cannot be read.

    What cannot be read is taken as not shown, so that the clauses it would meet refuse beside it. There are no facts
    where the action cannot be read; where none is stated, the clauses of dissemination are listed beside the refusal. A key that the form does not have is passed over: no key takes a condition away.
    """
    faults: list[str] = []

    def take(name: str, read: Callable[[Any], Any], told: str) -> Any:  # noqa: ANN401 - whatever the key holds
        value = request.get(name)
        if value is None:
            return None
        try:
            return read(value)
        except ValueError:
            faults.append(f"{name} {told}")
            return None

    known: dict[str, Any] = {
        name: take(name, _day, "is no day written YYYY-MM-DD, without a time or a zone") for name in DAYS
    }
    truths: dict[str, Any] = {name: bool(take(name, _truth, "is neither true nor false")) for name in TRUTHS}
    basis = take("lawful_basis_nhs", _truth, "is neither true nor false")
    body = take("body", _one_of(BodyClass), "is none of the closed list")
    action = take("action", _action, "is none of: " + ", ".join(PLAIN_ACTIONS))
    acting_for = take("acting_for", _one_of(BodyClass), "is none of the closed list")
    form = take("form", _one_of(Form), "is none of the closed list")
    coverage = take("coverage", _one_of(Coverage), "is none of the closed list")
    purposes = take("purposes", _purposes, "is no list of the purposes 1a to 1e")
    if action is None and request.get("action") is not None:
        return None, tuple(faults)
    if action is None:
        faults.append("action is not stated")
    facts = Facts(
        action=action or Action.DISSEMINATE, body=body or BodyClass.OTHER, acting_for=acting_for, form=form, coverage=coverage,
        purposes=purposes or frozenset(), lawful_basis_nhs=NhsBasis.S261 if basis else NhsBasis.NONE, **known, **truths,
    )  # fmt: skip
    return as_shown(facts), tuple(faults)


def _day(value: object) -> date:
    if not isinstance(value, str) or DAY.fullmatch(value) is None:
        raise ValueError
    return date.fromisoformat(value)


def _truth(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError  # noqa: TRY004 - a value that cannot be read
    return value


def _one_of(kind: type[StrEnum]) -> Callable[[object], StrEnum]:
    def read(value: object) -> StrEnum:
        if not isinstance(value, str):
            raise ValueError  # noqa: TRY004 - a value that cannot be read
        return kind(value)

    return read


def _action(value: object) -> Action:
    found = Action(value) if isinstance(value, str) else None
    if found not in PLAIN_ACTIONS:
        raise ValueError
    return found


def _purposes(value: object) -> frozenset[Purpose]:
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise ValueError
    return frozenset(Purpose(one) for one in value)
