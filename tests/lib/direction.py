"""The Direction again, slow and plain, written from its text alone and not from the policies: the oracle of policy tests."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

PURPOSES = {"1a", "1b", "1c", "1d", "1e"}


def day(value: object) -> date | None:
    try:
        return date.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None


def may_receive(request: Mapping[str, Any]) -> bool:
    """Say whether the Direction lets this request pass."""
    on = day(request.get("on"))
    if on is None or on < date(2020, 12, 7):
        return False
    if request.get("action") == "give_back":
        return (request.get("body"), request.get("coverage"), request.get("form")) == ("CASSR", "own", "identifiable")
    if request.get("action") == "reidentify":
        own = (request.get("body"), request.get("coverage"), request.get("form")) == ("CASSR", "own", "identifiable")
        return own and request.get("reidentification_basis") is True
    if request.get("action") != "disseminate":
        return False
    return closing_words(request, on) and form_is_fit(request) and has_route(request, on)


def closing_words(request: Mapping[str, Any], on: date) -> bool:
    """Paragraph 6, closing words; paragraph 1; Annex 3, opening words."""
    start, end = day(request.get("agreement_from")), day(request.get("agreement_to"))
    stated = request.get("purposes") or []
    needed = ("dars_approved", "agreement_signed", "lawful_basis_nhs", "lawful_basis_recipient", "annex3_aim")
    in_force = start is not None and end is not None and start <= on <= end
    return all(request.get(name) is True for name in needed) and in_force and bool(stated) and set(stated) <= PURPOSES


def form_is_fit(request: Mapping[str, Any]) -> bool:
    """Paragraph 6(b), bullets 2 and 4."""
    condition = {
        "pseudonymised": "key_for_recipient",
        "anonymised": "anonymisation_checked",
        "aggregate": "small_numbers_suppressed",
    }
    name = condition.get(str(request.get("form")))
    return name is not None and request.get(name) is True


def has_route(request: Mapping[str, Any], on: date) -> bool:
    """Paragraph 6(b), bullets 3 to 7, body by body."""
    body, form, coverage = request.get("body"), request.get("form"), request.get("coverage")
    rows_or_table = form in ("anonymised", "aggregate")
    wide = coverage in ("combined", "subset")
    if body in ("CASSR", "CCG"):
        return (form == "pseudonymised" and coverage == "own") or (
            form == "aggregate" and coverage in ("own", "combined", "subset")
        )
    if body == "PROCESSOR":
        contract = day(request.get("processor_contract_to"))
        held = request.get("acting_for") == "ADASS" and contract is not None and on <= contract
        return held and rows_or_table and coverage == "subset"
    if body == "DHSC":
        return rows_or_table and wide
    if body == "RESEARCH-UNIT":
        return rows_or_table and wide and (request.get("nihr_funded") is True or request.get("joint_approval") is True)
    if body in ("PROJECT", "NHSE", "CSU", "LGA", "CQC"):
        return rows_or_table and wide and request.get("joint_approval") is True
    return False
