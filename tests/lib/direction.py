"""The Direction again, slow and plain, written from its text and the shared reading, and not from the policies: the oracle.

``may_pass`` reads what an application shows, each fact by its name; ``may_receive`` reads a request of the plain form,
for which conditions without a key are taken as met (shared commands page). Every rule quotes where it comes from.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

PURPOSES = {"1a", "1b", "1c", "1d", "1e"}
BODIES = {
    "CASSR", "CASSR-not-participating", "CCG", "DHSC", "NHSE", "CSU", "ADASS", "LGA", "CQC", "RESEARCH-UNIT", "PROCESSOR",
    "PROJECT", "OTHER",
}  # fmt: skip
FORMS = {"identifiable", "pseudonymised", "anonymised", "aggregate"}
COVERAGES = {"own", "other", "combined", "subset"}
ACTIONS = {"disseminate", "publish", "give_back", "reidentify"}
TRUTHS = (
    "annex3_aim", "small_numbers_suppressed", "anonymisation_checked", "key_for_recipient", "dars_approved", "agreement_signed",
    "lawful_basis_nhs", "lawful_basis_recipient", "nihr_funded", "joint_approval", "reidentification_basis",
)  # fmt: skip
DAYS = ("agreement_from", "agreement_to", "processor_contract_to", "on")
CALENDAR = {
    (date(2000, 1, 1) + timedelta(days=n)).isoformat(): date(2000, 1, 1) + timedelta(days=n) for n in range(40_000)
}


def day(value: object) -> date | None:
    """A day of the calendar as it is written, or none."""
    return CALENDAR.get(value) if isinstance(value, str) else None


def may_receive(request: Mapping[str, Any]) -> bool:
    """Say whether the Direction lets a request of the plain form pass."""
    if not can_be_read(request) or request.get("action") is None:
        return False
    own = {"CASSR": "submitted", "CCG": "registered"}.get(str(request.get("body")), "none")
    met = {
        "instrument": "direction-2020-12-07", "instructions_checked": True, "suspended_from": None, "revoked_from": None,
        "agreement_unsuspended": True, "recipient_unsuspended": True, "body_listed": True, "successor": "no",
        "population_included": True, "population_rule": own, "own_population_tested": True, "overlap_above_limit": True,
        "local_items": "none", "subset_named": True, "subset_reasoned": True, "subset_is_part": True, "purposes_justified": True,
        "dhsc_end": "national-oversight", "conditions_met": True, "agreement_resigned": True,
        "given_back": "numbers-and-findings", "tells_of_own_alone": True,
    }  # fmt: skip
    basis = "s261(1) with s261(2)(e)" if request.get("lawful_basis_nhs") is True else "none"
    return may_pass({**request, **met, "lawful_basis_nhs": basis})


def can_be_read(request: Mapping[str, Any]) -> bool:
    """Say whether every value is of its kind. Source: shared reading, what is written nowhere is refused."""
    lists = (("body", BODIES), ("acting_for", BODIES), ("form", FORMS), ("coverage", COVERAGES), ("action", ACTIONS))
    for name, closed in lists:
        value = request.get(name)
        if value is not None and not (isinstance(value, str) and value in closed):
            return False
    for name in TRUTHS:
        if request.get(name) not in (None, True, False) or type(request.get(name)) in (int, float):
            return False
    for name in DAYS:
        if request.get(name) is not None and day(request.get(name)) is None:
            return False
    stated = request.get("purposes")
    return stated is None or (isinstance(stated, list) and all(isinstance(p, str) and p in PURPOSES for p in stated))


def may_pass(shown: Mapping[str, Any]) -> bool:
    """Say whether the Direction lets what is shown pass."""
    on = day(shown.get("on"))
    if on is None or not is_in_force(shown, on):
        return False
    action, body = shown.get("action"), shown.get("body")
    own_identifiable = body == "CASSR" and shown.get("coverage") == "own" and shown.get("form") == "identifiable"
    if (
        action == "collect"
    ):  # 3, bullet 1: "from participating Councils"; a file of a council not listed that day is refused
        return body == "CASSR" and shown["body_listed"] is True
    if action == "give_back":  # 3, bullets 2 and 3; another council's clients are told to the regional office only
        asked = shown["given_back"] in ("numbers-and-findings", "improved-rows-requested")  # "if requested"
        return own_identifiable and asked and shown["tells_of_own_alone"] is True
    if action == "reidentify":  # not in the text: off by default
        return own_identifiable and shown.get("reidentification_basis") is True
    if action == "disseminate":
        return may_disseminate(shown, on)
    return False  # 5: "directed to not publish"


def is_in_force(shown: Mapping[str, Any], on: date) -> bool:
    """Preamble: "comes into force on the date of this letter"; the 2017 Direction grants nothing; 8: suspended, ceased."""
    if (
        on < date(2020, 12, 7)
        or shown["instrument"] != "direction-2020-12-07"
        or shown["instructions_checked"] is not True
    ):
        return False
    ended = [day(shown[name]) for name in ("suspended_from", "revoked_from") if shown[name] is not None]
    return all(end is not None and on < end for end in ended)


def may_disseminate(shown: Mapping[str, Any], on: date) -> bool:
    """Paragraph 6: grounds, form, and then the bullet of the body."""
    if not grounds_hold(shown, on) or not form_is_fit(shown) or not standing_holds(shown):
        return False
    match shown.get("body"):
        case "CASSR":
            return bullet_3_and_4(shown, rule={"submitted"}, local={"none", "own"})
        case "CCG":  # Annex 3: "that have some of their population included in the data"
            included = shown["population_included"] is True
            return included and bullet_3_and_4(shown, rule={"registered", "resident"}, local={"none", "agreed"})
        case "PROCESSOR":
            return bullet_5(shown, on)
        case "DHSC":  # bullet 6: "in order to commission the benchmark work", or "to support national oversight"
            return wide_and_anonymous(shown) and shown["dhsc_end"] in ("benchmark-work", "national-oversight")
        case "RESEARCH-UNIT":  # bullet 7: "funded by the NIHR"; "In addition, ... projects ... approved jointly"
            paid = shown.get("nihr_funded") is True or shown.get("joint_approval") is True
            return wide_and_anonymous(shown) and paid
        case "PROJECT" | "NHSE" | "CSU" | "LGA" | "CQC":  # listed without a bullet: only as a jointly approved project
            return wide_and_anonymous(shown) and shown.get("joint_approval") is True
        case _:  # ADASS itself receives nothing directly; a council that never submitted; bodies outside Annex 3
            return False


def grounds_hold(shown: Mapping[str, Any], on: date) -> bool:
    """6, closing words, each on the day of the act; 1, purposes stated and justified; Annex 3, opening words."""
    start, end = day(shown.get("agreement_from")), day(shown.get("agreement_to"))
    if start is None or end is None or not start <= on <= end or shown.get("agreement_signed") is not True:
        return False
    if shown["agreement_unsuspended"] is not True or shown["recipient_unsuspended"] is not True:
        return False
    if shown["lawful_basis_nhs"] != "s261(1) with s261(2)(e)" or shown.get("lawful_basis_recipient") is not True:
        return False
    if shown.get("dars_approved") is not True or shown["conditions_met"] is not True:
        return False
    purposes = shown.get("purposes") or []
    stated = len(purposes) > 0 and all(one in PURPOSES for one in purposes) and shown["purposes_justified"] is True
    return stated and shown.get("annex3_aim") is True


def form_is_fit(shown: Mapping[str, Any]) -> bool:
    """6(b), bullets 2 and 4, and the key bound to the recipient."""
    match shown.get("form"):
        case "pseudonymised":
            return shown.get("key_for_recipient") is True
        case "anonymised":
            return shown.get("anonymisation_checked") is True
        case "aggregate":
            return shown.get("small_numbers_suppressed") is True
        case _:
            return False


def standing_holds(shown: Mapping[str, Any]) -> bool:
    """Annex 3 on the day; 1, integrated care systems: only as successors by a signed entry, whose agreement is re-signed."""
    if shown["body_listed"] is not True:
        return False
    return shown["successor"] == "no" or (shown["successor"] == "signed" and shown["agreement_resigned"] is True)


def bullet_3_and_4(shown: Mapping[str, Any], *, rule: set[str], local: set[str]) -> bool:
    """Own people pseudonymised, with local items; or suppressed aggregates of the combined core set, not its rows."""
    own = shown.get("coverage") == "own"
    if own and (shown["population_rule"] not in rule or shown["own_population_tested"] is not True):
        return False
    if own and shown["overlap_above_limit"] is not True:
        return False
    if shown["local_items"] not in (local if own else {"none"}):
        return False
    if shown.get("form") == "pseudonymised":
        return own
    return shown.get("form") == "aggregate" and shown.get("coverage") in ("own", "combined", "subset")


def bullet_5(shown: Mapping[str, Any], on: date) -> bool:
    """ "relevant subsets of the combined anonymised data"; received by a "Data Processor acting for ADASS"."""
    contract = day(shown.get("processor_contract_to"))
    if shown.get("acting_for") != "ADASS" or contract is None or contract < on:
        return False
    named = shown["subset_named"] is True and shown["subset_reasoned"] is True and shown["subset_is_part"] is True
    return wide_and_anonymous(shown) and shown.get("coverage") == "subset" and named


def wide_and_anonymous(shown: Mapping[str, Any]) -> bool:
    """The combined set or a named part, its rows anonymised or suppressed aggregates of them, of the standard core alone."""
    fits = shown.get("form") in ("anonymised", "aggregate") and shown.get("coverage") in ("combined", "subset")
    return fits and shown["local_items"] == "none"
