"""The bound of a part: its master programme with cuts from slices, then from the whole part, until none is broken."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from disclosure.tables.suppress.cuts import Pool
from disclosure.tables.suppress.master import Master, Relaxed
from disclosure.tables.suppress.separate import Separator

__all__ = ["tighten"]

Source = tuple[Pool, Separator]
# a full round that gains less than this share of the bound is a slow one; so many slow rounds in a row end a stage
GAIN = 2e-4
N_SLOW = 4


def tighten(
    master: Master, sources: Sequence[Source], *, most_rounds: int, is_over: Callable[[], bool]
) -> Relaxed | None:
    """Cut fractional patterns until no separator finds anything, gain stops or rounds are used up.

    ``sources`` are separators with the pools that take their cuts. After a round those alone are asked that have just
    found something; all are asked again when these find nothing more. Returns the best fractional pattern; None if the
    cells that are fixed leave none.
    """
    relaxed, asked = master.solve(), sources
    n_slow, last = 0, 0.0
    for _ in range(most_rounds):
        if relaxed is None or is_over():
            break
        if len(asked) == len(sources):
            n_slow = n_slow + 1 if relaxed.cost - last <= GAIN * relaxed.cost else 0
            last = relaxed.cost
            if n_slow > N_SLOW:
                break
        found = [source for source in asked if not is_over() and _cut(source, relaxed)]
        fresh = [cut for pool in {id(pool): pool for pool, _ in asked}.values() for cut in pool.fresh()]
        if fresh:
            master.add(fresh)
            relaxed, asked = master.solve(), found
        elif len(asked) == len(sources):
            break
        else:
            asked = sources
    return relaxed


def _cut(source: Source, relaxed: Relaxed) -> bool:
    pool, separator = source
    cuts = separator.cuts(relaxed.pattern)
    pool.add(cuts)
    return bool(cuts)
