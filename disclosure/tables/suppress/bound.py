"""The bound of a part: its master programme with cuts from slices, then from the whole part, until none is broken."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from disclosure.tables.suppress.cuts import Pool
from disclosure.tables.suppress.master import Master, Relaxed
from disclosure.tables.suppress.separate import Separator

__all__ = ["tighten"]

# a round that gains less than this share of the bound is a slow one; so many slow rounds in a row end a stage
GAIN = 2e-4
N_SLOW = 4


def tighten(
    master: Master, sources: Sequence[tuple[Pool, Sequence[Separator]]], *, most_rounds: int,
    is_over: Callable[[], bool],
) -> Relaxed | None:  # fmt: skip
    """Cut fractional patterns until the separators find nothing, gain stops or rounds are used up.

    ``sources`` are pools with the separators whose cuts they take. Returns the best fractional pattern; None if the
    cells that are fixed leave none.
    """
    relaxed = master.solve()
    n_slow = 0
    for _ in range(most_rounds):
        if relaxed is None or is_over():
            break
        pattern = relaxed.pattern
        for pool, separators in sources:
            pool.add(cut for separator in separators for cut in separator.cuts(pattern))
        fresh = [cut for pool, _ in sources for cut in pool.fresh()]
        if not fresh:
            break
        master.add(fresh)
        before, relaxed = relaxed.cost, master.solve()
        if relaxed is not None:
            n_slow = n_slow + 1 if relaxed.cost - before <= GAIN * relaxed.cost else 0
            if n_slow >= N_SLOW:
                break
    return relaxed
