"""Rows: equivalence classes on released columns, and the best generalisation over the catalogue's hierarchies.

Source: Samarati 2001 (k-anonymity); Sweeney 2002; El Emam 2009 (full lattice with bounded suppression).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product

from cld.engine import Query, Session, quote
from cld.errors import DisclosureRefused
from cld.hierarchies import Hierarchy
from disclosure.rows.measures import measure_table

__all__ = ["RowRisk", "best_levels", "distinct_l", "generalised", "row_risk"]


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


def distinct_l(
    session: Session, table: str, quasi_identifiers: tuple[str, ...], sensitive: tuple[str, ...]
) -> dict[str, int]:
    """Return, for each sensitive column, the fewest distinct values that any class holds; a missing one is Unknown.

    Source: Machanavajjhala et al. 2007 (l-diversity).
    """
    known = ", ".join(f"coalesce(cast({quote(name)} as varchar), 'Unknown') as {quote(name)}" for name in sensitive)
    if not known:
        return {}
    session.view("sensitive_known", Query(f"select * replace ({known}) from {quote(table)}", (table,)))  # noqa: S608
    _, measured = measure_table(session, "sensitive_known", quasi_identifiers, sensitive)
    return {name: measured[name].distinct_l if name in measured else 0 for name in sensitive}


def _small(session: Session, levels: Mapping[str, int], hierarchies: Mapping[str, Hierarchy], k: int) -> int:
    """Count persons in classes below k at a node, from the counts of distinct finest values."""
    cells = ", ".join(
        f"{hierarchies[name].sql(name, level)} as g{place}" for place, (name, level) in enumerate(levels.items())
    )
    groups = ", ".join(f"g{place}" for place in range(len(levels)))
    text = f"""
        select coalesce(sum(n) filter (n < {k}), 0)
        from (select {groups}, sum(n_persons) as n from (select {cells}, n_persons from finest) group by {groups})
    """  # noqa: S608
    return session.whole(Query(text, ("finest",)))


def best_levels(
    session: Session,
    table: str,
    hierarchies: Mapping[str, Hierarchy],
    *,
    k: int,
    most_suppressed: int,
    fixed: Mapping[str, int],
) -> tuple[dict[str, int], int]:
    """Search the whole lattice for the least loss at which at most ``most_suppressed`` persons sit in small classes.

    Loss is the mean of level over top level, ties going to fewer suppressed, then to names; every node is visited, so
    the answer is the optimum. Returns the levels and the persons to suppress.
    Raises: DisclosureRefused if no node passes.
    """
    names = sorted(hierarchies)
    listed = ", ".join(quote(name) for name in names)
    session.table(
        "finest",
        Query(
            f"select {listed}, count(distinct person_key) as n_persons from {quote(table)} group by all order by all",
            (table,),
        ),
    )  # noqa: S608
    ranges = [[fixed[name]] if name in fixed else range(hierarchies[name].top + 1) for name in names]
    best: tuple[float, int, tuple[int, ...]] | None = None
    for node in product(*ranges):
        loss = sum(level / hierarchies[name].top for name, level in zip(names, node, strict=True)) / len(names)
        if best is not None and loss > best[0]:
            continue
        small = _small(session, dict(zip(names, node, strict=True)), hierarchies, k)
        if small <= most_suppressed and (best is None or (loss, small, node) < best):
            best = (loss, small, node)
    if best is None:
        message = f"No allowed generalisation leaves at most {most_suppressed} persons in classes under {k}."
        raise DisclosureRefused(message, ("k-anonymity",), "Allow coarser levels, or ask for fewer columns.")
    return dict(zip(names, best[2], strict=True)), best[1]


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
