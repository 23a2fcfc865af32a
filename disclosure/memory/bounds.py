"""What recipients can work out from all that they hold: the exact interval of each target, alone and together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cld.errors import InputError
from disclosure.memory.history import Fact, History, Release
from disclosure.memory.probes import Work, ends_in
from disclosure.memory.reduce import Contradiction, Pieces, components, merged, pieces_of, propagated

__all__ = ["Bound", "CoalitionBounds", "bounds_of", "coalition_bounds", "differences"]

NEAR = 1e-7


@dataclass(frozen=True, slots=True)
class Bound:
    """The interval of a target's persons; where it is not proven to be the narrowest, it is an outer one."""

    cells: tuple[int, ...]
    low: float
    high: float
    proven: bool

    def as_json(self) -> dict[str, object]:
        """Return the bound as a JSON value; only one that is not proven says so."""
        shown: dict[str, object] = {"cells": list(self.cells), "low": self.low, "high": self.high}
        return shown if self.proven else {**shown, "proven": False}


@dataclass(frozen=True, slots=True)
class CoalitionBounds:
    """Recipients who put together what they hold, and the bounds that gives them."""

    recipients: tuple[str, ...]
    bounds: tuple[Bound, ...]


def differences(
    history: History, coalitions: Sequence[Sequence[str]], *, integer: bool, work: Work | None = None
) -> tuple[CoalitionBounds, ...]:
    """Return what each recipient alone, and then each coalition, can work out.

    Units:  counts of persons; over whole numbers with ``integer``, else over the reals.
    Raises: InputError if the releases to a recipient or coalition contradict each other, naming it.
    """
    alone = [(recipient,) for recipient in history.recipients]
    together = [tuple(dict.fromkeys(coalition)) for coalition in coalitions]
    asked = dict.fromkeys([*alone, *together])
    return tuple(
        CoalitionBounds(recipients, coalition_bounds(history, recipients, integer=integer, work=work))
        for recipients in asked
    )


def coalition_bounds(
    history: History, recipients: Sequence[str], *, integer: bool, work: Work | None = None
) -> tuple[Bound, ...]:
    """Return the bounds of every target for recipients who put together what they hold.

    Raises: InputError if no counts fit all that they hold.
    """
    held = history.held_by(recipients)
    facts = [fact for release in held for fact in release.facts]
    try:
        return bounds_of(facts, history.n_fine, history.upper_bound, history.targets, integer=integer, work=work)
    except Contradiction as found:
        raise _contradiction(recipients, held, found, integer=integer) from None


def bounds_of(
    facts: Sequence[Fact], n_fine: int, upper_bound: float, targets: Sequence[tuple[int, ...]], *, integer: bool,
    work: Work | None = None,
) -> tuple[Bound, ...]:  # fmt: skip
    """Return the bounds of targets under facts, each fine cell at most ``upper_bound``.

    Raises: Contradiction if no counts fit the facts.
    """
    upper = float(np.floor(upper_bound)) if integer else upper_bound
    pieces = propagated(pieces_of(merged(facts, n_fine, integer=integer), targets, n_fine, upper))
    low, high, proven = _sums(pieces, work or Work(), integer=integer)
    kind = int if integer else _plain
    return tuple(
        Bound(cells, kind(low[place]), kind(high[place]), bool(proven[place])) for place, cells in enumerate(targets)
    )


def _plain(value: float) -> float:
    """A number of persons without the last digits that solving leaves on a whole one."""
    return float(np.rint(value)) if abs(value - np.rint(value)) < NEAR else round(float(value), 9)


def _sums(pieces: Pieces, work: Work, *, integer: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Bound every target: what is settled, plus its part in each component, less what it leaves out."""
    parts = components(pieces)
    home = np.full(len(pieces.lower), -1)
    local = np.zeros(len(pieces.lower), dtype=np.int64)
    for number, part in enumerate(parts):
        home[part.pieces], local[part.pieces] = number, np.arange(len(part.pieces))
    n_targets = len(pieces.targets)
    low, high, proven = np.zeros(n_targets), np.zeros(n_targets), np.ones(n_targets, dtype=np.bool_)
    asked: list[dict[tuple[int, ...], list[int]]] = [{} for _ in parts]
    for place, target in enumerate(pieces.targets):
        chosen = np.array(target.pieces)
        alone = chosen[home[chosen] < 0]
        low[place], high[place] = pieces.lower[alone].sum(), pieces.upper[alone].sum()
        for number in np.unique(home[chosen[home[chosen] >= 0]]):
            inside = tuple(local[chosen[home[chosen] == number]].tolist())
            asked[number].setdefault(inside, []).append(place)
    for part, sums in zip(parts, asked, strict=True):
        ends = ends_in(part, list(sums), work, integer=integer)
        for number, places in enumerate(sums.values()):
            low[places] += ends.low[number]
            high[places] += ends.high[number]
            proven[places] &= ends.proven[number]
    left_out = np.array([target.most_left_out for target in pieces.targets])
    most = np.array([target.most for target in pieces.targets])
    return np.maximum(low - left_out, 0.0), np.minimum(high, most), proven


def _contradiction(
    recipients: Sequence[str], held: Sequence[Release], found: Contradiction, *, integer: bool
) -> InputError:
    of_fact = [release.name for release in held for _ in release.facts]
    names = ", ".join(dict.fromkeys(of_fact[fact] for fact in found.facts))
    numbers = "whole numbers" if integer else "numbers"
    message = (
        f"The releases held by {' and '.join(recipients)} contradict each other: no {numbers} of persons fit {names}."
    )
    return InputError(message, "Correct the rows, or the history's upper bound.")
