"""Rows: equivalence classes on released columns, and the best generalisation over the catalogue's hierarchies.

Source: Samarati 2001 (k-anonymity); Sweeney 2002; El Emam 2009 (full lattice with bounded suppression).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from cld.engine import Query, Session, quote
from cld.hierarchies import Hierarchy
from disclosure.rows.ladders import Ladder, ladder_of
from disclosure.rows.lattice import best_node
from disclosure.rows.measures import measure_table
from disclosure.rows.recode import code_rows
from disclosure.rows.safety import Limits
from disclosure.rows.utility import utility_named

__all__ = ["RowRisk", "best_levels", "generalised", "losses", "row_risk"]


@dataclass(frozen=True, slots=True)
class RowRisk:
    """Classes of persons alike on all quasi-identifiers: how many, the smallest (k), and persons alone in theirs."""

    n_classes: int
    k: int
    n_uniques: int


def row_risk(session: Session, table: str, quasi_identifiers: tuple[str, ...], person: str = "person_key") -> RowRisk:
    """Measure released columns, counting distinct persons.

    Nulls:  a missing value is a category of its own.
    Source: prosecutor risk is 1/k (El Emam 2009).
    """
    classes, _ = measure_table(session, table, quasi_identifiers, person=person)
    return RowRisk(classes.n_classes, classes.k, classes.n_uniques)


def _ladder(session: Session, table: str, column: str, hierarchy: Hierarchy) -> Ladder:
    """Return the groups of a column's values at every level, as the hierarchy's SQL makes them."""
    cells = ", ".join(f"cast({hierarchy.sql(column, level)} as varchar)" for level in range(hierarchy.top + 1))
    text = f"select distinct cast({quote(column)} as varchar), {cells} from {quote(table)}"  # noqa: S608
    lines = {row[0]: tuple(row[1:]) for row in session.rows(Query(text, (table,)))}
    return ladder_of(column, lines, list(lines))


def best_levels(
    session: Session,
    table: str,
    hierarchies: Mapping[str, Hierarchy],
    *,
    k: int,
    most_suppressed: int,
    fixed: Mapping[str, int],
) -> tuple[dict[str, int], int]:
    """Return the levels of the least loss at which at most ``most_suppressed`` persons sit in classes under k, and how many.

    Loss is the mean of level over top level, ties going to fewer suppressed, then to lower levels by name. The table
    has one row a person.
    Raises: DisclosureRefused if no node passes.
    """
    names = sorted(hierarchies)
    ladders = [_ladder(session, table, name, hierarchies[name]) for name in names]
    ladders = [ladder.only(fixed[ladder.column]) if ladder.column in fixed else ladder for ladder in ladders]
    census = code_rows(session, table, ladders, row="person_key")
    found = best_node(census, Limits(k), utility_named("precision", census), most_suppressed)
    return {name: fixed.get(name, level) for name, level in zip(names, found.levels, strict=True)}, found.n_suppressed


def losses(
    session: Session, table: str, hierarchies: Mapping[str, Hierarchy], levels: Mapping[str, int]
) -> dict[str, float]:
    """Return the loss of each column at its level: 0 as it is, 1 where one value stands for all; no row suppressed.

    Source: Iyengar 2002 (values below a cell's value less one, over all values less one, averaged over rows).
    """
    names = sorted(levels)
    census = code_rows(
        session, table, [_ladder(session, table, name, hierarchies[name]) for name in names], row="person_key"
    )
    costs = utility_named("loss", census).level_costs
    return {name: cost[levels[name]] for name, cost in zip(names, costs, strict=True)}


def generalised(
    table: str, columns: tuple[str, ...], levels: Mapping[str, int], hierarchies: Mapping[str, Hierarchy], k: int
) -> Query:
    """Return the query of the released rows: generalised, classes under k left out."""
    cells = ", ".join(
        f"{hierarchies[name].sql(name, levels[name])} as {quote(name)}" if name in levels else quote(name)
        for name in columns
    )
    group = ", ".join(quote(name) for name in levels)
    text = f"""
        select * exclude (n_in_class) from (
            select *, count(*) over (partition by {group}) as n_in_class from (select {cells} from {quote(table)})
        ) where n_in_class >= {k} order by all
    """  # noqa: S608
    return Query(text, (table,))
