"""What policy is told of the rows of an extract: before there are rows as the plan promises, afterwards as build counted and
check measured it. What a document does not hold, does not hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cld.plan import ExtractPlan, Registered, Resident, Submitted, Subset
from cld.vocabulary import Form

__all__ = ["OWN", "RowFacts", "found_in", "promised_by"]

OWN = (Submitted, Registered, Resident)


@dataclass(frozen=True, slots=True)
class RowFacts:
    """Facts of policy that are tested on rows, not taken from a flag; every default grants nothing.

    population_included:  some of a CCG's people are in the rows.  own_population_tested:  nobody else's are.
    Source: shared reading, Direction 6(b) bullets 3 and 5, Annex 3: tested on the rows.
    """

    population_included: bool = False
    own_population_tested: bool = False
    overlap_above_limit: bool = False
    subset_is_part: bool = False
    small_numbers_suppressed: bool = False
    anonymisation_checked: bool = False


def promised_by(plan: ExtractPlan) -> RowFacts:
    """Return what a plan promises of rows that are not made yet."""
    return RowFacts(
        population_included=True,
        own_population_tested=isinstance(plan.population, OWN),
        overlap_above_limit=True,
        subset_is_part=isinstance(plan.population, Subset),
        small_numbers_suppressed=plan.form is Form.AGGREGATE,
        anonymisation_checked=plan.form is Form.ANONYMISED,
    )


def found_in(plan: ExtractPlan, candidate: Mapping[str, Any], checked: Mapping[str, Any]) -> RowFacts:
    """Return what the bodies of a candidate and of its checked extract say of the rows; an empty one says nothing."""
    counted, limits = candidate.get("counted_on_rows") or {}, checked.get("limits") or {}
    return RowFacts(
        population_included=(counted.get("n_of_recipient") or 0) > 0,
        own_population_tested=isinstance(plan.population, OWN) and counted.get("n_not_own") == 0,
        overlap_above_limit=_overlaps_are_large(plan, candidate, limits),
        subset_is_part=isinstance(plan.population, Subset) and (counted.get("n_left_out") or 0) > 0,
        small_numbers_suppressed=plan.form is Form.AGGREGATE and _are_suppressed(plan, checked, limits),
        anonymisation_checked=plan.form is Form.ANONYMISED and _is_anonymised(plan, checked, limits),
    )


def _overlaps_are_large(plan: ExtractPlan, candidate: Mapping[str, Any], limits: Mapping[str, Any]) -> bool:
    """Say whether each council is met in enough persons; a council's own rows and combined ones overlap no other's area."""
    least, by_council = limits.get("smallest_overlap_with_a_council"), candidate.get("persons_by_council")
    if least is None or by_council is None:
        return False
    return not isinstance(plan.population, Registered | Resident) or all(n >= least for n in by_council.values())


def _are_suppressed(plan: ExtractPlan, checked: Mapping[str, Any], limits: Mapping[str, Any]) -> bool:
    measured = checked.get("measures") or {}
    return limits.get("secondary_protection") is True and all(
        "n_primary" in measured.get(counts.name, {}) for counts in plan.counts
    )


def _is_anonymised(plan: ExtractPlan, checked: Mapping[str, Any], limits: Mapping[str, Any]) -> bool:
    measured, least = checked.get("measures") or {}, limits.get("k")
    return least is not None and all(measured.get(table.data_set, {}).get("k", 0) >= least for table in plan.tables)
