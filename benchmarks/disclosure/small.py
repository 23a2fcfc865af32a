"""Small tables: ours against trying every pattern, refusals included, and every pattern against plain programmes.

Run ``python -m benchmarks.disclosure.small [--tables 20]``: so many random tables of each kind (two and three dimensions,
hierarchies, linked pairs) of up to eleven candidates, drawn and judged as the tests draw and judge theirs, of other seeds.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Sequence

import numpy as np

from disclosure.tables.suppress.pattern import Unprotectable
from disclosure.tables.suppress.protect import protect_system
from tests.lib.exhaustive import KINDS, PlainTable, a_random_table, cheapest
from tests.lib.protecting import system_of_plain
from tests.lib.watched import unprotected

__all__ = ["measure_small"]

FIRST_SEED = 1_000
MOST_CANDIDATES = 11
CLOSE = 1e-9


def measure_small(n_each: int) -> dict[str, object]:
    """Judge so many tables of each kind and count how they compare."""
    counted: Counter[str] = Counter()
    seconds = 0.0
    for place, kind in enumerate(KINDS):
        draw = np.random.default_rng(FIRST_SEED + place)
        for _ in range(n_each):
            table = a_random_table(draw, kind, most_candidates=MOST_CANDIDATES)
            began = time.process_time()
            verdict = _judged(table)
            seconds += time.process_time() - began
            counted[verdict] += 1
    n_tables = n_each * len(KINDS)
    n_good = counted["equal and safe"] + counted["refused with its cells"]
    return {
        "n_tables": n_tables,
        "n_as_proven": n_good,
        "verdicts": dict(counted),
        "kinds": list(KINDS),
        "cpu_seconds": seconds,
    }


def _judged(table: PlainTable) -> str:
    expected, system = cheapest(table), system_of_plain(table)
    try:
        made = protect_system(system)
    except Unprotectable as refused:
        same = {table.cells[place] for place in refused.cells} == expected
        return "refused with its cells" if same else "refused otherwise"
    if isinstance(expected, set):
        return "not refused"
    if unprotected(system, made.hidden):
        return "unsafe"
    is_least = abs(made.cost - expected[0]) <= CLOSE * max(1.0, expected[0])
    return "equal and safe" if is_least and made.optimal else "dearer or unproven"


def main(words: Sequence[str] | None = None) -> None:
    """Print the counts as one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tables", type=int, default=20, help="of each kind")
    sys.stdout.write(json.dumps(measure_small(parser.parse_args(words).tables)) + "\n")


if __name__ == "__main__":
    main()
