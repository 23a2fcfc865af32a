"""A motivated intruder tries released rows by record linkage, and what it wins is held against what the risk promised.

A row is compatible with a target when, in every column the intruder knows, some value could have given both what is
known and what is released. Over n compatible rows the best guess is right with a chance of 1/n at most.
Source: ICO code of practice on anonymisation (motivated intruder); El Emam 2013, chapter 16 (prosecutor risk).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cld.engine import Query, Session, quote
from cld.errors import UnknownColumn
from cld.hierarchies import Hierarchy
from cld.intervals import wilson
from disclosure.rows.measures import measure_table
from disclosure.rows.withhold import WITHHELD

__all__ = ["Attempt", "Intruder", "Known", "Promise", "Released", "attempt", "know", "promised"]

AS_SMALL = 1e-9


@dataclass(frozen=True, slots=True)
class Known:
    """A column that an intruder knows, at a level of the column's hierarchy (0 as it is)."""

    column: str
    level: int = 0


@dataclass(frozen=True, slots=True)
class Intruder:
    """Who tries, and what it knows of each person it looks for."""

    name: str
    knows: tuple[Known, ...]

    def columns(self) -> tuple[str, ...]:
        """Return the columns known."""
        return tuple(one.column for one in self.knows)

    def within(self, columns: Sequence[str]) -> Intruder:
        """Return the intruder with what is of use against rows of these columns."""
        return Intruder(self.name, tuple(one for one in self.knows if one.column in columns))


@dataclass(frozen=True, slots=True)
class Released:
    """Released rows, one a person: the table, the level of each column that was generalised, the hierarchies.

    ``values`` is a table of values before generalisation, from which it is learned what a level may stand for.
    """

    table: str
    values: str
    levels: Mapping[str, int]
    hierarchies: Mapping[str, Hierarchy]
    person: str = "person_key"


@dataclass(frozen=True, slots=True)
class Promise:
    """The risk of the released rows to one who knows these columns of a person known to be in them.

    ``highest`` is 1 / the smallest class, ``average`` the mean of 1 / size over persons, which is also the marketer's
    share of persons rightly named; ``n_alone`` persons are alone; of all together ``n_named`` are expected to be named.
    """

    highest: float
    average: float
    n_alone: int
    n_named: int


@dataclass(frozen=True, slots=True)
class Attempt:
    """What an intruder wins over all its targets.

    ``n_met`` targets have a compatible row; ``n_claims`` have one only, and are claimed; ``n_correct_claims`` of these
    are right; ``n_expected`` is the sum over targets of the chance that the best guess is right.
    """

    intruder: Intruder
    n_targets: int
    n_met: int
    n_claims: int
    n_correct_claims: int
    n_expected: float
    promise: Promise

    @property
    def success_rate(self) -> float:
        """The share of targets that the best guess names rightly; 0 without targets."""
        return self.n_expected / self.n_targets if self.n_targets else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        """The 95% interval of the success rate, the targets being a sample of those it might look for."""
        return wilson(self.n_expected, self.n_targets)

    @property
    def keeps_promise(self) -> bool:
        """Say that success is nowhere above what the risk promised: by rate, in number, and in persons found alone.

        Where every released person is a target once at most, these are exact bounds, not estimates.
        """
        within = self.success_rate <= self.promise.highest + AS_SMALL
        within = within and self.n_expected <= self.promise.n_named + AS_SMALL * self.n_targets
        return within and self.n_correct_claims <= self.promise.n_alone


def _label(hierarchies: Mapping[str, Hierarchy], column: str, level: int) -> str:
    """Return the SQL of a column's value at a level, as text; a missing one is a value of its own."""
    cell = hierarchies[column].sql(column, level) if column in hierarchies else quote(column)
    return f"coalesce(cast({cell} as varchar), 'Unknown')"


def _as_text(column: str) -> str:
    return f"coalesce(cast({quote(column)} as varchar), 'Unknown')"


def know(
    session: Session, people: str, intruder: Intruder, hierarchies: Mapping[str, Hierarchy], *, target: str, into: str
) -> None:
    """Make the table of what an intruder knows of people: ``target``, and each column at the level it knows."""
    cells = ", ".join(f"{_label(hierarchies, one.column, one.level)} as {quote(one.column)}" for one in intruder.knows)
    session.table(into, Query(f"select {quote(target)} as target, {cells} from {quote(people)}", (people,)))  # noqa: S608


def promised(session: Session, released: Released, columns: Sequence[str]) -> Promise:
    """Measure released rows on the columns that an intruder knows, at the released levels."""
    classes, _ = measure_table(session, released.table, columns, person=released.person)
    return Promise(classes.highest_risk, classes.average_risk, classes.n_uniques, classes.n_classes)


def attempt(session: Session, targets: str, released: Released, intruder: Intruder, *, truth: str) -> Attempt:
    """Let an intruder try released rows.

    targets:  a table of ``target`` and, at the level known, each column known (see ``know``).
    truth:  a table of ``target`` and ``row_key``, the released person that the target really is; a target that is not
            among the rows has no line there.
    Raises: UnknownColumn if the rows lack a column that the intruder knows.
    """
    columns = intruder.columns()
    missing = [name for name in columns if name not in session.columns(released.table)]
    if missing:
        message = f"The released rows have no column {missing[0]}."
        raise UnknownColumn(message, "Take the intruder's knowledge within the columns that are released.")
    _learn(session, released, intruder)
    found = session.rows(_tried(columns, targets, released, truth))[0]
    n_targets, n_met, n_claims, n_correct = (int(number) for number in found[:4])
    promise = promised(session, released, columns)
    for place in range(len(columns)):
        session.drop(f"may_stand_{place}")
    return Attempt(intruder, n_targets, n_met, n_claims, n_correct, float(found[4]), promise)


def _learn(session: Session, released: Released, intruder: Intruder) -> None:
    """Make, for each known column, the pairs of what is known and what is released that one value can give.

    A star, which stands where a class does not show a column, can be any value.
    """
    for place, one in enumerate(intruder.knows):
        known = _label(released.hierarchies, one.column, one.level)
        shown = _label(released.hierarchies, one.column, released.levels.get(one.column, 0))
        text = f"""
            select distinct {known} as known, {shown} as shown from {quote(released.values)}
            union select distinct {known}, '{WITHHELD}' from {quote(released.values)}
        """  # noqa: S608
        session.table(f"may_stand_{place}", Query(text, (released.values,)))


def _tried(columns: Sequence[str], targets: str, released: Released, truth: str) -> Query:
    """Count compatible rows of each different knowledge once, then each target's claim and its chance of being right."""
    names = [f"c{place}" for place in range(len(columns))]
    listed = ", ".join(names)
    aims = ", ".join(f"{_as_text(column)} as {name}" for column, name in zip(columns, names, strict=True))
    pairs = " ".join(
        f"join may_stand_{place} p{place} on p{place}.known = k.{name}" for place, name in enumerate(names)
    )
    shown = " and ".join(f"r.{name} = p{place}.shown" for place, name in enumerate(names))
    same = " and ".join(f"n.{name} = a.{name}" for name in names)
    own = " and ".join(
        f"exists (select 1 from may_stand_{place} p where p.known = a.{name} and p.shown = r.{name})"
        for place, name in enumerate(names)
    )
    text = f"""
        with aims as (select target, {aims} from {quote(targets)}),
        shown_rows as (select {quote(released.person)} as row_key, {aims} from {quote(released.table)}),
        classes as (select {listed}, count(*) as n from shown_rows group by all),
        knowledge as (select distinct {listed} from aims),
        compatible as (
            select {", ".join(f"k.{name}" for name in names)}, sum(r.n) as n
            from knowledge k {pairs} join classes r on {shown} group by all
        ),
        really as (
            select a.target from aims a join {quote(truth)} t on t.target = a.target
            join shown_rows r on r.row_key = t.row_key where {own}
        ),
        tried as (
            select n.n as n, a.target in (select target from really) as is_there
            from aims a left join compatible n on {same}
        )
        select count(*), count(n), count(*) filter (n = 1), count(*) filter (n = 1 and is_there),
            coalesce(sum(1.0::double / n) filter (is_there), 0)
        from tried
    """  # noqa: S608
    inputs = (targets, released.table, truth, *(f"may_stand_{place}" for place in range(len(columns))))
    return Query(text, inputs)
