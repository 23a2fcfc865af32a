"""The quality statement of linked data, for programs and as a page: the same words for staff and for recipients.

It follows the steps of GUILD: how the data and their identifiers came to be, how they were linked and how surely, how
linkage errs group by group, what changed since the delivery before, and what an analyst should do with all this. It is a
release like any other: counts of people are shown as published small-number rules ask, shares for groups of a hundred
and more alone.

Source: Gilbert, Lafferty, Hagger-Johnson, Harron, Zhang, Smith, Dibben and Goldstein 2018, GUILD: GUidance for
Information about Linking Data sets, Journal of Public Health 40(1), steps 1 to 3; Government Statistical Service,
Joined up data in government 2021, quality assessment in data linkage (Doidge, Christen and Harron).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cld.intervals import wilson
from linkage.settle.decide import DEFAULT_BITS
from linkage.tell.changes import CHANGES

__all__ = ["coarse", "quality_statement"]

SMALLEST_GROUP_SHOWN = 100
SMALLEST_SHOWN = 8
ROUND_TO = 5
GUIDANCE = "GUILD (Gilbert et al. 2018, Journal of Public Health 40(1)), steps 1 to 3"
COUNTS = "people; 1 to 7 shown as *, others to the nearest 5; shares for groups of 100 and more alone"
STEPS: Mapping[str, str] = {
    "cross_check": "same valid NHS number and birth date, and a name alike",
    "exact_demographics": "same given name, family name, birth date and postcode, earlier ones included; one person alone fits",
    "alphanumeric": "same birth date, sex and postcode, both names nearly the same; one person alone fits",
    "probabilistic": "by weighed evidence, net of rivals, above the threshold",
    "unlinked": "nobody of the person index, or several whom the evidence does not tell apart",
}
METHOD = (
    "Each person of a council's file is linked to at most one person of the NHS person index: exact steps first, then by"
    " weights of agreement (Fellegi and Sunter 1969) with shares of values counted in the index, dependence between fields,"
    " and rivals counted in. Episodes, attendances and deaths are linked to the same index by the same steps."
)
NOT_AVAILABLE: Mapping[str, str] = {
    "deprivation": "not available: no index of deprivation is held beside the reference data",
    "naming tradition": "not recorded: ethnicity and the form of the name stand for it",
}
FOR_ANALYSIS = (
    "Rows say how they were linked (link_step, link_band) where the plan of an extract asks for it: repeat an analysis on"
    " exact and high links alone, to see whether it holds.",
    "Compare groups by the shares linked before comparing what was measured in them: who is not linked is missing from"
    " every measure that needs another data set.",
    "Expected false and missed links by group are the model's own chances; they leave out links of people who are not in"
    " the index at all, which the interval of expected precision counts in for all people together.",
)


def coarse(n: int) -> str:
    """Show a count of people under the published small-number rule: a statement is a release too."""
    return "0" if n == 0 else "*" if n < SMALLEST_SHOWN else str((n + ROUND_TO // 2) // ROUND_TO * ROUND_TO)


def quality_statement(body: Mapping[str, Any], review: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return the statement of a LinkedDataset's body, every figure as text; ``review`` is one settled since, if any.

    Source: GUILD, steps 1 to 3.
    """
    n_persons = sum(body["steps"].values())
    return {
        "guidance": GUIDANCE,
        "counts": COUNTS,
        "data": {
            "councils": list(body["sources"]["councils"]),
            "period": list(body["sources"]["period"]),
            "n_rows": {name: coarse(n) for name, n in body["sources"]["n_rows"].items()},
            "n_persons": coarse(n_persons),
            "n_people_in_index": coarse(body["index"]["n_people"]),
            "identifiers": [_completeness(one) for one in body["identifiers"]],
            "identifiers_by_council": [_completeness(one) for one in body["identifiers_by_council"]],
        },
        "linkage": {
            "method": METHOD,
            "threshold_bits": f"{DEFAULT_BITS:.6f}",
            "model": body["model"],
            "second_estimate": body["second_estimate"],
            "persons_by_step": [_step(name, n, n_persons) for name, n in body["steps"].items()],
            "persons_by_council_and_band": {name: coarse(n) for name, n in body["bands_by_council"].items()},
            "bands": "exact: settled by an exact step; high and medium: by weighed evidence; none: not linked",
        },
        "error": {
            "expected_precision": body["expected"],
            "by_group": [_rate(one) for one in body["rates"]],
            "not_available": dict(NOT_AVAILABLE),
            "clerical_review": _review(body, review),
        },
        "changes": _changes(body),
        "for_analysis": list(FOR_ANALYSIS),
    }


def _step(name: str, n: int, n_persons: int) -> dict[str, str]:
    shown = n_persons >= SMALLEST_GROUP_SHOWN and n >= SMALLEST_SHOWN
    share = " to ".join(f"{end:.2f}" for end in wilson(n, n_persons)) if shown else "withheld"
    return {"step": name, "asks": STEPS.get(name, ""), "persons": coarse(n), "share, 95% interval": share}


def _completeness(one: Mapping[str, Any]) -> dict[str, str]:
    """Show how many records hold an identifier; the percent follows from the rounded counts, so that it tells no more."""
    n_records, n_missing = int(one["n_records"]), int(one["n_records"]) - int(one["n_given"])
    records, missing = coarse(n_records), coarse(n_missing)
    shown = "*" not in (records, missing) and records != "0"
    percent = f"{100 - 100 * int(missing) / int(records):.0f}" if shown else "withheld" if records == "*" else "*"
    if records == "0":
        percent = "no records"
    return {
        "source": one["source"],
        "field": one["field"],
        "records": records,
        "missing": missing,
        "percent given": percent,
    }


def _rate(one: Mapping[str, Any]) -> dict[str, str]:
    """Show shares of persons linked to a hundredth and expected errors to a thousandth, for large groups."""
    large = one["interval"] is not None and one["n_records"] >= SMALLEST_GROUP_SHOWN
    interval = " to ".join(f"{float(end):.2f}" for end in one["interval"]) if large else "withheld"
    expected = {
        title: f"{float(one[name]):.3f}" if large and name in one else "withheld"
        for title, name in (("false links expected", "expected_false"), ("missed links expected", "expected_missed"))
    }
    return {"group": one["group"], "value": one["value"], "linked, 95% interval": interval, **expected}


def _review(body: Mapping[str, Any], review: Mapping[str, Any] | None) -> dict[str, Any]:
    """Say what people decided: of these very links, or of the delivery before."""
    held = review or body["last_review"]
    if held is None:
        return {"of": "none was settled"}
    outcome = held["outcome"]
    told = {name: outcome[name] for name in ("n_items", "n_labelled", "kappa", "precision", "recall", "threshold_bits")}
    return {"of": "these links" if review is not None else "an earlier delivery", **told}


def _changes(body: Mapping[str, Any]) -> dict[str, Any]:
    held = body["changes"]
    weighed = {
        "weighed": {name: coarse(n) for name, n in body["weighed"].items()},
        "answers kept": coarse(body["n_kept"]),
    }
    if not held["compared"]:
        return {"compared": "no", "reason": held["reason"], **weighed}
    totals = {name: sum(counts[name] for counts in held["by_council"].values()) for name in CHANGES}
    rows = [("all councils", totals), *held["by_council"].items()]
    return {
        "compared": "with the delivery before",
        "new submissions": str(held["n_new_submissions"]),
        "person index": "another version" if held["index_changed"] else "the same",
        "model": "learnt anew" if held["model_changed"] else "the same",
        "by_council": [{"council": name, **_shown(counts)} for name, counts in rows],
        **weighed,
    }


def _shown(counts: Mapping[str, int]) -> dict[str, str]:
    return {name: coarse(counts[name]) for name in CHANGES}
