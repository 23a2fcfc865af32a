"""From what a check releases to the sheet that is remembered of it: tables by their shown values, rows by their classes."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from typing import Any, assert_never

import pyarrow as pa

from cld.datasets import Dataset, Pseudonymised
from cld.engine import Query, Session, quote, text_literal
from cld.errors import DisclosureRefused, UnknownSpecification
from cld.hierarchies import CLD_AGE_LIMITS, OLDEST, Hierarchy, age_bands
from cld.plan import Combined, ExtractPlan, Registered, Resident, Submitted, Subset, TableOfCounts
from cld.specification import Release, code_list, field_named
from disclosure.memory.boxes import Box
from disclosure.memory.sheet import WHOLE, FactSheet, OwnPeople, SheetRow
from disclosure.memory.shown import ShowingRule

__all__ = ["council_people", "own_people", "sheet_of_classes", "sheet_of_own", "sheet_of_table"]

OPT_OUT, OBJECTS, DOES_NOT = "opt_out", "objects", "does not object"
AGE, AREA, UNKNOWN, TOTAL, UNLISTED = "age_years", "la_code", "Unknown", "Total", "(not listed)"
ALL = "*"
MOST_ABSENT = 20_000
Labels = tuple[str, str]


def _domain(name: str, seen: set[str], regions: Mapping[str, str]) -> frozenset[str]:
    """Return every code that a column is known to have, with those that are in the data."""
    if name == AGE:
        return frozenset({*map(str, range(OLDEST + 1)), UNKNOWN})
    if name == AREA:
        return frozenset({*seen, *regions})
    try:
        listed = code_list(field_named(name).title, Release.R2)
    except UnknownSpecification:
        listed = None
    return frozenset({*seen, *(listed.values if listed else ()), UNKNOWN})


def _population(plan: ExtractPlan) -> Box:
    """Return the box of the people a plan is about. Opt-outs that were applied leave out who objects."""
    box: dict[str, frozenset[str]] = {OPT_OUT: frozenset({DOES_NOT})} if plan.opt_outs_applied else {}
    match plan.population:
        case Submitted(la_code):
            box[AREA] = frozenset({la_code})
        case Subset(la_codes, _):
            box[AREA] = frozenset(la_codes)
        case Registered(code, _) | Resident(code, _):
            box[_own(code)] = frozenset({"yes"})
        case Combined():
            pass
        case _:
            assert_never(plan.population)
    return box


def _own(code: str) -> str:
    return f"people of {code}"


def _fixed_domains(population: Box) -> dict[str, frozenset[str]]:
    """Domains of the dimensions that no column has: who objects, and whose own people someone is."""
    own = {name: frozenset({"yes", "no"}) for name in population if name.startswith(_own(""))}
    return {OPT_OUT: frozenset({OBJECTS, DOES_NOT}), **own}


def sheet_of_table(
    table: TableOfCounts, plan: ExtractPlan, linked: str, shown: Mapping[Labels, str], counts: Mapping[Labels, int], *,
    rule: ShowingRule, smallest_shown: int, regions: Mapping[str, str], own_code: str,
) -> FactSheet:  # fmt: skip
    """Return the sheet of a table of counts with its totals.

    shown:  each cell as it is shown, empty for one hidden beside a star; ``counts`` are the true numbers with totals.
    own_code:  the council whose own people the recipient knows exactly, empty if it is none.
    """
    categories: dict[str, dict[str, frozenset[str]]] = {}
    domains = _fixed_domains(_population(plan))
    for place, name in enumerate(table.dimensions):
        listed = {cell[place] for cell in shown} - {TOTAL}
        domains[name] = _domain(name, set() if name == AGE else listed, regions)
        covered = _codes_of_labels(name, listed, table.age_limits or CLD_AGE_LIMITS)
        every = frozenset().union(*covered.values())
        categories[name] = {**covered, TOTAL: every, UNLISTED: domains[name] - every}
    withheld = set(table.withheld)
    rows = [
        SheetRow(cell, *_interval(text, rule, smallest_shown, is_withheld=cell in withheld), can_be_withheld=True)
        for cell, text in sorted(shown.items())
    ]
    nobody = [(UNLISTED, WHOLE), (WHOLE, UNLISTED)]
    rows += [
        SheetRow(cell, 0, 0) for name, cell in zip(table.dimensions, nobody, strict=True) if categories[name][UNLISTED]
    ]
    by_area = AREA in table.dimensions and own_code
    own = [cell for cell in sorted(counts) if by_area and cell[table.dimensions.index(AREA)] == own_code]
    return FactSheet(
        linked, (plan.period_start, plan.period_end), _population(plan), table.dimensions, categories, domains, tuple(rows),
        own_rows=tuple(SheetRow(cell, counts[cell], counts[cell]) for cell in own),
    ).without_empty()  # fmt: skip


def _codes_of_labels(name: str, labels: set[str], limits: tuple[int, ...]) -> dict[str, frozenset[str]]:
    if name != AGE:
        return {label: frozenset({label}) for label in labels}
    bands = {band: frozenset(map(str, years)) for band, years in age_bands(limits)}
    return {label: bands.get(label, frozenset({UNKNOWN})) for label in labels}


def _interval(text: str, rule: ShowingRule, smallest_shown: int, *, is_withheld: bool) -> tuple[int, int | None]:
    """A cell hidden beside a star is no star itself; one that was withheld on request can be anything."""
    if is_withheld:
        return 0, None
    return (smallest_shown, None) if text == "" else rule.interval(text, 0)


def sheet_of_classes(
    session: Session, table: str, plan: ExtractPlan, linked: str, columns: Mapping[str, str], *,
    levels: Mapping[str, int], hierarchies: Mapping[str, Hierarchy], k: int, n_suppressed: int, regions: Mapping[str, str],
) -> FactSheet:  # fmt: skip
    """Return the sheet of anonymised rows: persons in each class, and fewer than k in each class that is not there.

    columns:  for each generalised column its source in the people table.
    Raises: DisclosureRefused if rows are without a person key: whom they count is not known.
    """
    _require_keys(session, table)
    names = tuple(sorted(levels))
    categories, domains = {}, _fixed_domains(_population(plan))
    for name in names:
        source = columns[name]
        seen = session.rows(Query(f"select distinct {_text(name)} from {quote(table)}", (table,)))  # noqa: S608
        at_finest = levels[name] == 0 and source != AGE
        domains[source] = _domain(source, {str(row[0]) for row in seen} if at_finest else set(), regions)
        categories[source] = _at_level(session, domains[source], source, hierarchies[name], levels[name])
    listed = ", ".join(_text(name) for name in names)
    text = f"select {listed}, count(distinct person_key) from {quote(table)} group by all order by all"  # noqa: S608
    counted = {tuple(map(str, row[:-1])): int(row[-1]) for row in session.rows(Query(text, (table,)))}
    rows = [SheetRow(_whole(labels), n, n) for labels, n in counted.items()]
    groups = [tuple(categories[columns[name]]) for name in names]
    if _n_products(groups) <= MOST_ABSENT:
        rows += [SheetRow(_whole(labels), 0, k - 1) for labels in product(*groups) if labels not in counted]
    total = sum(counted.values()) + n_suppressed
    rows.append(SheetRow((WHOLE,) * len(names), total, total))
    return FactSheet(
        linked, (plan.period_start, plan.period_end), _population(plan), tuple(columns[name] for name in names),
        categories, domains, tuple(rows),
    ).without_empty()  # fmt: skip


def _require_keys(session: Session, table: str) -> None:
    n_missing = session.whole(Query(f"select count(*) - count(person_key) from {quote(table)}", (table,)))  # noqa: S608
    if n_missing:
        message = f"{n_missing} rows have no person key, so that it is not known how many persons they are."
        raise DisclosureRefused(message, ("persons",), "Leave them out, or link them first.")


def _n_products(groups: list[tuple[str, ...]]) -> int:
    n_products = 1
    for labels in groups:
        n_products *= len(labels)
    return n_products


def _text(name: str) -> str:
    return f"coalesce(cast({quote(name)} as varchar), {text_literal(UNKNOWN)})"


def _whole(labels: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(WHOLE if label == ALL else label for label in labels)


def _at_level(
    session: Session, domain: frozenset[str], source: str, hierarchy: Hierarchy, level: int
) -> dict[str, frozenset[str]]:
    """Return the codes that each label of a level covers, by the hierarchy itself."""
    name = f"codes_of_{source}"
    session.take(name, pa.table({"code": sorted(domain)}))
    kind = "integer" if source == AGE else "varchar"
    text = f"""
        select code, coalesce(cast({hierarchy.sql("value", level)} as varchar), {text_literal(UNKNOWN)})
        from (select code, cast(nullif(code, {text_literal(UNKNOWN)}) as {kind}) as value from {name}) order by code
    """  # noqa: S608
    covered: dict[str, set[str]] = {}
    for code, label in session.rows(Query(text, (name,))):
        covered.setdefault(str(label), set()).add(str(code))
    return {label: frozenset(codes) for label, codes in covered.items()}


def sheet_of_own(session: Session, plan: ExtractPlan, linked: str, classes: Mapping[str, Any]) -> FactSheet:
    """Return the sheet of pseudonymised rows of the recipient's own people, whom it then knows by class."""
    population = _population(plan)
    own = own_people(session, population, classes, "own_classes")
    return FactSheet(
        linked, (plan.period_start, plan.period_end), population, (), {}, _fixed_domains(population), (), own=own
    )


def own_people(session: Session, box: Box, classes: Mapping[str, Any], name: str) -> OwnPeople:
    """Read the counts by class that a build kept of the people whose rows it released; ``name`` is the table's here."""
    session.attach(name, Dataset.from_json(Pseudonymised, dict(classes)))
    dimensions = session.columns(name)[:-1]
    rows = session.rows(Query(f"select * from {name} order by all", (name,)))  # noqa: S608
    return OwnPeople(box, dimensions, tuple((tuple(map(str, row[:-1])), int(row[-1])) for row in rows))


def council_people(la_code: str) -> OwnPeople:
    """Return a council's own people: whoever it submitted it knows, whatever was released."""
    return OwnPeople({AREA: frozenset({la_code})})
