"""Release histories measured: random ones, 150 councils of 150 cells to two recipients, and candidates of the house.

Run ``python -m benchmarks.disclosure.histories``; figures are printed as JSON, in seconds of this process's processor
and in wall seconds, once each except for the small ones, which are medians of three. The histories are synthetic and
seeded. Every interval of the large history is held against the true counts.
"""

from __future__ import annotations

import argparse
import itertools
import json
import random
import resource
import sys
from collections.abc import Callable, Sequence
from datetime import date
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.timing import Took, median_of, timed
from cld.hierarchies import CLD_AGE_LIMITS, age_bands
from cld.plan import Combined, ExtractPlan, TableOfCounts
from cld.vocabulary import Form
from disclosure.memory.bounds import coalition_bounds
from disclosure.memory.history import History, history_from
from disclosure.memory.judge import Held, SmallCounts, conflicts_in, settled, story_of
from disclosure.memory.probes import Work
from disclosure.memory.remember import sheet_of_table
from disclosure.memory.sheet import FactSheet
from disclosure.memory.shown import parse_showing_rule
from tests.lib.brute_history import random_history

__all__ = ["councils_history", "house_sheets", "main"]

SHAPE = (5, 2, 15)  # ages, sexes, services of each council: 150 fine cells
AGE_GROUPS = ([0, 1], [2, 3, 4])
RULE = parse_showing_rule("stars=1-7+rounding=5")


def _figures(took: Took) -> dict[str, float]:
    return {name: round(seconds, 3) for name, seconds in took._asdict().items()}


def _median(work: Callable[[], object]) -> dict[str, float]:
    return _figures(median_of([timed(work)[1] for _ in range(3)]))


def _small() -> dict[str, Any]:
    """Fifty random histories of two or three releases: every recipient and both together, over whole numbers."""
    histories = [history_from(random_history(seed, largest=60)) for seed in range(50)]

    def work() -> None:
        for history in histories:
            for recipients in (("A",), ("B",), ("A", "B")):
                coalition_bounds(history, recipients, integer=True)

    return {"n_histories": len(histories), **_median(work)}


def _told(count: int, rule: str) -> tuple[int, int]:
    """What the count's shown value leaves, by the rule's own words."""
    if rule == "sixths":
        return (0, 0) if count == 0 else (6 * ((count - 1) // 6) + 1, 6 * ((count - 1) // 6) + 6)
    if rule == "exact" or count == 0:
        return count, count
    if count <= 7:
        return 1, 7
    shown = (count + 2) // 5 * 5
    return max(8, shown - 2), shown + 2


def _margins(
    counts: NDArray[np.int64], chosen: Sequence[int], ages: Sequence[Sequence[int]], rule: str
) -> list[dict[str, Any]]:
    """Every margin of some councils together, the fine cells themselves left out."""
    place = np.arange(counts.size).reshape(counts.shape)
    rows = []
    for kept in itertools.product((False, True), repeat=3):
        if all(kept):
            continue
        axes = [
            (ages if axis == 0 else [[code] for code in range(size)]) if kept[axis] else [list(range(size))]
            for axis, size in enumerate(SHAPE)
        ]
        for codes in itertools.product(*axes):
            inside = np.ix_(chosen, *codes)
            low, high = _told(int(counts[inside].sum()), rule)
            rows.append({"cells": place[inside].ravel().tolist(), "low": low, "high": high})
    return rows


def councils_history(n_councils: int, *, is_national: bool) -> tuple[History, NDArray[np.int64]]:
    """Make councils of 150 fine cells each: all NHS-rule margins to A, margins of other ages by sixths to B.

    With ``is_national`` A also holds regional margins under the NHS rule and exact national ones, which join all councils.
    """
    chance = np.random.default_rng(1)
    counts = chance.poisson(np.exp(chance.normal(0.8, 1.2, size=(n_councils, *SHAPE))))
    single = [[age] for age in range(SHAPE[0])]
    first = [row for c in range(n_councils) for row in _margins(counts, [c], single, "nhs")]
    second = [row for c in range(n_councils) for row in _margins(counts, [c], AGE_GROUPS, "sixths")]
    if is_national:
        for region in range(9):
            first += _margins(counts, [c for c in range(n_councils) if c % 9 == region], single, "nhs")
        first += _margins(counts, list(range(n_councils)), single, "exact")
    releases = [
        {"name": "margins", "recipient": "A", "rows": first},
        {"name": "recut", "recipient": "B", "rows": second},
    ]
    value = {"n_fine": counts.size, "upper_bound": 5000, "releases": releases}
    return history_from(value), counts.ravel()


def _large(n_councils: int, *, is_national: bool) -> dict[str, Any]:
    history, truth = councils_history(n_councils, is_national=is_national)
    found: dict[str, Any] = {"n_fine": history.n_fine, "n_rows": sum(len(r.facts) for r in history.releases)}
    for recipients in (("A",), ("B",), ("A", "B")):
        work = Work()
        bounds, took = timed(partial(coalition_bounds, history, recipients, integer=True, work=work))
        assert all(bound.low <= truth[place] <= bound.high for place, bound in enumerate(bounds))
        found[" and ".join(recipients)] = {
            **_figures(took),
            "n_linear": work.n_linear,
            "n_integer": work.n_integer,
            "n_unproven": sum(not bound.proven for bound in bounds),
            "n_certainly_1_to_7": sum(bound.low >= 1 and bound.high <= 7 for bound in bounds),
        }
    return found


def house_sheets(n_councils: int, n_releases: int) -> list[FactSheet]:
    """Make tables of persons by council and age band, each release but the first with one band begun later."""
    chance = random.Random(1)
    ages = [[int(chance.expovariate(1 / (4 if year < 65 else 9))) for year in range(115)] for _ in range(n_councils)]
    sheets = []
    for number in range(n_releases):
        moved, years = number % len(CLD_AGE_LIMITS), (number + len(CLD_AGE_LIMITS) - 1) // len(CLD_AGE_LIMITS)
        limits = tuple(limit + years * (place == moved) for place, limit in enumerate(CLD_AGE_LIMITS))
        bands = age_bands(limits)
        counts = {(f"{c:03}", name): sum(ages[c][y] for y in years) for c in range(n_councils) for name, years in bands}
        for name, _ in bands:
            counts["Total", name] = sum(counts[f"{c:03}", name] for c in range(n_councils))
        for area in [*(f"{c:03}" for c in range(n_councils)), "Total"]:
            counts[area, "Total"] = sum(counts[area, name] for name, _ in bands)
        shown = {cell: _shown(count) for cell, count in counts.items()}
        table = TableOfCounts("t", ("la_code", "age_years"), limits)
        plan = ExtractPlan(
            form=Form.AGGREGATE, population=Combined(), tables=(), counts=(table,), period_start=date(2021, 1, 1),
            period_end=date(2021, 12, 31), family="cld", profile="caregate", local_items=False, opt_outs_applied=False,
            opt_out_reason="none",
        )  # fmt: skip
        sheets.append(
            sheet_of_table(table, plan, "linked", shown, counts, rule=RULE, smallest_shown=8, regions={}, own_code="")
        )
    return sheets


def _shown(count: int) -> str:
    return "0" if count == 0 else "*" if count < 8 else str((count + 2) // 5 * 5)


def _house(n_councils: int, n_held: int) -> dict[str, Any]:
    """Weigh one candidate of the house against so many earlier tables of other bands."""
    *held, candidate = house_sheets(n_councils, n_held + 1)
    work = Work()

    def weighed() -> int:
        story = settled(story_of(candidate, [Held(str(n), sheet) for n, sheet in enumerate(held)], []), work)
        return len(conflicts_in(story, SmallCounts(7, 3), work))

    n_conflicts, took = timed(weighed)
    counted = {"n_units": work.units, "n_linear": work.n_linear, "n_integer": work.n_integer}
    return {**_figures(took), "n_conflicts": n_conflicts, **counted}


def _growth(n_councils: int) -> dict[str, Any]:
    """Weigh one more table after one, four and twelve: what each costs, and how much the history multiplies it."""
    found: dict[str, Any] = {str(n_held): _house(n_councils, n_held) for n_held in (1, 4, 12)}
    first, last = found["1"], found["12"]
    found["12 over 1"] = {name: round(last[name] / first[name], 1) for name in ("cpu_seconds", "n_units")}
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--councils", type=int, default=150)
    parser.add_argument("--national", type=int, default=0, help="councils of a history that national margins join")
    asked = parser.parse_args()
    figures: dict[str, Any] = {"random histories": _small()}
    figures[f"{asked.councils} councils x 150 cells"] = _large(asked.councils, is_national=False)
    if asked.national:
        figures[f"{asked.national} councils joined by national margins"] = _large(asked.national, is_national=True)
    figures["growth, 150 councils x 8 bands by earlier tables"] = _growth(150)
    figures["peak_bytes"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    sys.stdout.write(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
