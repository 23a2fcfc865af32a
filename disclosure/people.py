"""The anonymised form: one row a person, generalised to k, and values outside k withheld where they would tell too much.

Every limit of the profile that the builder can reach it reaches here: k and the risks that follow from it by generalising and
sparing suppression; l, t, delta and being alone on all columns by withholding values outside k.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from cld.catalogue import column_of
from cld.datasets import Anonymised
from cld.engine import Query, Session
from cld.errors import DisclosureRefused
from cld.hierarchies import Hierarchy, hierarchy_named
from cld.plan import ExtractPlan, TablePlan
from cld.vocabulary import ColumnRole
from disclosure.memory.remember import sheet_of_classes
from disclosure.memory.sheet import FactSheet
from disclosure.report.limits import ReportLimit, over_limit
from disclosure.report.rows import GeneralisedRows, report_of_people
from disclosure.rows.classes import RowRisk, best_levels, generalised, row_risk
from disclosure.rows.withhold import Outside, withhold

__all__ = ["anonymised", "columns_of_role", "outside_k", "quasi_identifiers"]

RELEASED, KEPT = "released", "kept"


def columns_of_role(table: TablePlan, *roles: ColumnRole) -> tuple[str, ...]:
    """Return a table's columns of given roles; a local item has no role and counts as a quasi-identifier."""
    found = []
    for column in table.columns:
        if column.source == "person_key":
            continue
        local = column.source.startswith("local_")
        role = ColumnRole.QUASI_IDENTIFIER if local else column_of(table.data_set, column.source).role
        if role in roles:
            found.append(column.name)
    return tuple(found)


def quasi_identifiers(table: TablePlan) -> tuple[str, ...]:
    """Return a table's quasi-identifiers."""
    return columns_of_role(table, ColumnRole.QUASI_IDENTIFIER)


def outside_k(columns: Sequence[str], sensitive: Sequence[str], limits: Mapping[str, Decimal]) -> Outside:
    """Return what the limits, by measure, ask of the columns outside k; a measure without a limit asks nothing."""
    distinct, t, delta = limits.get("distinct_l"), limits.get("t"), limits.get("delta")
    return Outside(
        tuple(columns),
        tuple(sensitive),
        int(limits.get("k_on_all_columns", Decimal(1))),
        None if distinct is None else int(distinct),
        None if t is None else float(t),
        None if delta is None else float(delta),
    )


@dataclass(frozen=True, slots=True)
class _Levels:
    chosen: Mapping[str, int]
    hierarchies: Mapping[str, Hierarchy]
    n_suppressed: int

    def named(self) -> dict[str, str]:
        """Return the name of each column's level."""
        return {name: self.hierarchies[name].levels[level] for name, level in self.chosen.items()}


def anonymised(
    session: Session, plan: ExtractPlan, *, k: int, limits: Sequence[ReportLimit], regions: Mapping[str, str], linked: str
) -> tuple[dict[str, Any], FactSheet]:  # fmt: skip
    """Make the released rows of a plan; return the body of the document and the sheet that is remembered of it.

    Raises: DisclosureRefused if a person has several rows, or no levels that the plan allows reach k.
    """
    (table,) = plan.tables
    quasi, names = quasi_identifiers(table), tuple(column.name for column in table.columns)
    before = row_risk(session, table.data_set, quasi)
    _require_one_row_a_person(session, table.data_set)
    levels = _levels(session, plan, table, k, regions)
    session.table(KEPT, generalised(table.data_set, names, levels.chosen, levels.hierarchies, k))
    sensitive = columns_of_role(table, ColumnRole.SENSITIVE)
    outside = (*sensitive, *columns_of_role(table, ColumnRole.ORDINARY))
    asked = {limit.measure: limit.value for limit in limits if limit.value is not None}
    withheld = withhold(session, KEPT, quasi, outside_k(outside, sensitive, asked), "made")
    dataset = session.store(Query("select * from made order by all", ("made",)), Anonymised)
    session.attach(RELEASED, dataset)
    after = row_risk(session, RELEASED, quasi)
    if after.k < k:
        message = f"The smallest class has {after.k} persons, the profile asks for {k}."
        raise DisclosureRefused(message, ("k-anonymity",), "Allow coarser levels.")
    made = GeneralisedRows(
        table.data_set, RELEASED, names, quasi, sensitive, levels.chosen, levels.hierarchies, levels.n_suppressed, withheld
    )  # fmt: skip
    sheet = sheet_of_classes(
        session, RELEASED, plan, linked, {column.name: column.source for column in table.columns}, levels=levels.chosen,
        hierarchies=levels.hierarchies, k=k, n_suppressed=levels.n_suppressed, regions=regions,
    )  # fmt: skip
    body = {
        "tables": {table.data_set: {"dataset": dataset.as_json(), "n_persons": dataset.n_rows}},
        "report": {table.data_set: report_of_people(session, made)},
        "measures": {table.data_set: _measures(before, after, levels, quasi, outside, withheld)},
    }
    return body, sheet


def _measures(
    before: RowRisk, after: RowRisk, levels: _Levels, quasi: Sequence[str], outside: Sequence[str], withheld: Mapping[str, int]
) -> dict[str, Any]:  # fmt: skip
    return {
        "k_before": before.k, "n_uniques_before": before.n_uniques, "k": after.k, "n_classes": after.n_classes,
        "n_uniques": after.n_uniques, "levels": levels.named(), "quasi_identifiers": list(quasi),
        "columns_outside_k": list(outside), "columns_withheld_in_places": [name for name in outside if withheld[name]],
        "n_suppressed": levels.n_suppressed,
    }  # fmt: skip


def _levels(session: Session, plan: ExtractPlan, table: TablePlan, k: int, regions: Mapping[str, str]) -> _Levels:
    """Return the levels of the least loss at which the classes hold k, within what the plan fixes and lets go."""
    quasi = quasi_identifiers(table)
    hierarchies = {
        column.name: hierarchy_named(column_of(table.data_set, column.source).hierarchy, regions)
        for column in table.columns
        if column.name in quasi
    }
    n_rows = session.whole(Query(f"select count(*) from {table.data_set}", (table.data_set,)))  # noqa: S608
    most, fixed = n_rows * plan.max_suppressed_permille // 1000, dict(plan.fixed_levels)
    try:
        chosen, n_gone = best_levels(session, table.data_set, hierarchies, k=k, most_suppressed=most, fixed=fixed)
    except DisclosureRefused as refusal:
        raise _out_of_reach(session, table, hierarchies, fixed, k, most, refusal) from refusal
    return _Levels(chosen, hierarchies, n_gone)


def _out_of_reach(
    session: Session, table: TablePlan, hierarchies: Mapping[str, Hierarchy], fixed: Mapping[str, int], k: int, most: int,
    refusal: DisclosureRefused,
) -> DisclosureRefused:  # fmt: skip
    """Say what the coarsest levels that the plan allows would still leave, and which columns it fixed."""
    levels = {name: fixed.get(name, hierarchy.top) for name, hierarchy in hierarchies.items()}
    names = tuple(column.name for column in table.columns)
    session.table("coarsest", generalised(table.data_set, names, levels, hierarchies, 1))
    reached = row_risk(session, "coarsest", quasi_identifiers(table))
    n_safe = session.whole(Query(f"select count(*) from ({generalised(table.data_set, names, levels, hierarchies, k).text})", (table.data_set,)))  # noqa: S608  # fmt: skip
    n_rows = session.whole(Query("select count(*) from coarsest", ("coarsest",)))
    n_left, kept_fine = n_rows - n_safe, ", ".join(sorted(fixed)) or "no column"
    message = (
        f"At the coarsest levels that the plan allows the smallest class has {reached.k} persons, at least {k} are asked, and "
        f"{n_left} of {n_rows} people are in classes under {k}, of whom at most {most} may be left out."
    )
    lines = [over_limit("k", "at least", k, reached.k), over_limit("people left out", "at most", most, n_left)]
    remedy = f"The plan fixes the level of {kept_fine}: let them be coarser, allow more people to be left out, or ask for fewer columns."
    return DisclosureRefused(message, refusal.measures, remedy, lines)


def _require_one_row_a_person(session: Session, table: str) -> None:
    text = f"select count(*) - count(distinct person_key) from {table}"  # noqa: S608
    if session.whole(Query(text, (table,))):
        message = "Several rows under one key show when things happened to one person."
        raise DisclosureRefused(message, ("unicity",), "Ask for one row a person.")
