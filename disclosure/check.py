"""The door ``check``: a candidate and its profile in, a CheckedExtract sealed, or a refusal that says what failed.

Pseudonymised rows: measured, and small overlaps with a council refused. Anonymised rows: one row a person, generalised
to k and sparingly suppressed. Tables: small numbers starred, secondarily protected, every star's interval computed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import pyarrow as pa

from audit.ancestry import require_ancestry
from audit.journal import Event, Journal
from cld.catalogue import column_of
from cld.datasets import Anonymised
from cld.engine import Engine, Query, Session
from cld.errors import DisclosureRefused
from cld.hierarchies import Hierarchy, hierarchy_named
from cld.journey import (
    CandidateExtract,
    CheckedExtract,
    Document,
    DocumentKind,
    released_dataset,
)
from cld.plan import ExtractPlan, Registered, Resident, TablePlan, plan_from_json
from cld.vocabulary import ColumnRole, Form
from disclosure.rows.classes import best_levels, distinct_l, generalised, row_risk
from disclosure.tables.stars import Limits, protect

__all__ = ["CheckProfile", "check"]


class CheckProfile(Protocol):
    """The limits in force, handed in from the policies."""

    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def k(self) -> int: ...  # noqa: D102
    @property
    def smallest_shown(self) -> int: ...  # noqa: D102
    @property
    def round_to(self) -> int: ...  # noqa: D102
    @property
    def secondary(self) -> bool: ...  # noqa: D102
    @property
    def least_width(self) -> int: ...  # noqa: D102
    @property
    def smallest_overlap(self) -> int: ...  # noqa: D102


NOT_CHECKED = {
    Form.PSEUDONYMISED: ["differencing against past releases", "what a motivated intruder finds in these rows"],
    Form.ANONYMISED: ["differencing against past releases", "closeness (t)", "inference from the columns outside k"],
    Form.AGGREGATE: ["differencing against past releases", "linked tables of other releases"],
}


def _limits(profile: CheckProfile) -> dict[str, object]:
    return {
        "k": profile.k,
        "smallest_count_shown": profile.smallest_shown,
        "rounded_to": profile.round_to,
        "secondary_protection": profile.secondary,
        "narrowest_interval": profile.least_width,
        "smallest_overlap_with_a_council": profile.smallest_overlap,
    }


def _of_role(table: TablePlan, *roles: ColumnRole) -> tuple[str, ...]:
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


def _quasi(table: TablePlan) -> tuple[str, ...]:
    return _of_role(table, ColumnRole.QUASI_IDENTIFIER)


def check(
    candidate: CandidateExtract, profile: CheckProfile, *,
    regions: Mapping[str, str], engine: Engine, journal: Journal, actor: str, application: str,
) -> CheckedExtract:  # fmt: skip
    """Check a candidate against its profile.

    Raises: DisclosureRefused, naming the measures; the refusal is logged. NotSealed if the candidate is not sealed.
    Source: Direction 6(b) bullets 2 and 4, footnote 4; ICO code of practice on anonymisation.
    """
    require_ancestry(candidate.document.digest, journal)
    plan = plan_from_json(candidate.document.body["plan"])
    if plan.profile != profile.name:
        message = f"The plan was approved under the profile {plan.profile}."
        raise DisclosureRefused(message, ("profile",), "Check it under that profile.")
    if plan.form is Form.AGGREGATE and not profile.secondary:
        message = f"The profile {profile.name} has no secondary protection; releases use one that has."
        raise DisclosureRefused(message, ("profile",), "Ask for the profile caregate.")
    try:
        with engine.session() as session:
            body = _checked(session, candidate, plan, profile, regions)
    except DisclosureRefused as refusal:
        journal.record(
            Event(
                "refused by check", actor, "operator", {"application": application, "measures": list(refusal.measures)}
            )
        )
        raise
    body["profile"] = profile.name
    body["limits"] = _limits(profile)
    body["not_checked"] = NOT_CHECKED[plan.form]
    document = Document(DocumentKind.CHECKED_EXTRACT, (candidate.document.digest,), body)
    journal.seal(document, Event("check", actor, "operator", {"application": application}))
    return CheckedExtract(document)


def _checked(
    session: Session, candidate: CandidateExtract, plan: ExtractPlan, profile: CheckProfile, regions: Mapping[str, str]
) -> dict[str, Any]:
    held = candidate.document.body["tables"]
    for name, value in held.items():
        session.attach(name, released_dataset(value["dataset"]))
    match plan.form:
        case Form.PSEUDONYMISED:
            _refuse_small_overlaps(candidate, plan, profile)
            return {"tables": dict(held), "measures": _pseudonymised_measures(session, plan)}
        case Form.ANONYMISED:
            return _anonymised(session, plan, profile, regions)
        case _:
            return _aggregate(session, plan, profile)


def _refuse_small_overlaps(candidate: CandidateExtract, plan: ExtractPlan, profile: CheckProfile) -> None:
    if not isinstance(plan.population, Registered | Resident):
        return
    by_council = candidate.document.body["persons_by_council"]
    small = sorted(code for code, n_persons in by_council.items() if n_persons < profile.smallest_overlap)
    if small:
        message = f"The extract overlaps {len(small)} councils in fewer than {profile.smallest_overlap} persons each."
        raise DisclosureRefused(message, ("overlap",), "Leave those councils' few people out of the plan.")


def _pseudonymised_measures(session: Session, plan: ExtractPlan) -> dict[str, Any]:
    measures = {}
    for table in plan.tables:
        risk = row_risk(session, table.data_set, _quasi(table))
        measures[table.data_set] = {"n_classes": risk.n_classes, "k": risk.k, "n_uniques": risk.n_uniques}
    return measures


def _anonymised(
    session: Session, plan: ExtractPlan, profile: CheckProfile, regions: Mapping[str, str]
) -> dict[str, Any]:
    (table,) = plan.tables
    quasi = _quasi(table)
    hierarchies: dict[str, Hierarchy] = {}
    for column in table.columns:
        if column.name in quasi:
            hierarchies[column.name] = hierarchy_named(column_of(table.data_set, column.source).hierarchy, regions)
    before = row_risk(session, table.data_set, quasi)
    _require_one_row_a_person(session, table.data_set)
    n_rows = session.whole(Query(f"select count(*) from {table.data_set}", (table.data_set,)))  # noqa: S608
    most = n_rows * plan.max_suppressed_permille // 1000
    levels, n_suppressed = best_levels(
        session, table.data_set, hierarchies, k=profile.k, most_suppressed=most, fixed=dict(plan.fixed_levels)
    )
    query = generalised(table.data_set, tuple(column.name for column in table.columns), levels, hierarchies, profile.k)
    dataset = session.store(query, Anonymised)
    session.attach("released", dataset)
    after = row_risk(session, "released", quasi)
    if after.k < profile.k:
        message = f"The smallest class has {after.k} persons, the profile asks for {profile.k}."
        raise DisclosureRefused(message, ("k-anonymity",), "Allow coarser levels.")
    sensitive = _of_role(table, ColumnRole.SENSITIVE)
    outside = (*sensitive, *_of_role(table, ColumnRole.ORDINARY))
    named = {name: hierarchies[name].levels[level] for name, level in levels.items()}
    return {
        "tables": {table.data_set: {"dataset": dataset.as_json(), "n_persons": dataset.n_rows}},
        "measures": {
            table.data_set: {
                "k_before": before.k, "n_uniques_before": before.n_uniques, "k": after.k, "n_classes": after.n_classes,
                "n_uniques": after.n_uniques, "levels": named, "quasi_identifiers": list(quasi), "columns_outside_k": list(outside),
                "distinct_l": distinct_l(session, "released", quasi, sensitive), "n_suppressed": n_suppressed,
            }
        },
    }  # fmt: skip


def _require_one_row_a_person(session: Session, table: str) -> None:
    text = f"select count(*) - count(distinct person_key) from {table}"  # noqa: S608
    if session.whole(Query(text, (table,))):
        message = "Several rows under one key show when things happened to one person."
        raise DisclosureRefused(message, ("unicity",), "Ask for one row a person.")


def _aggregate(session: Session, plan: ExtractPlan, profile: CheckProfile) -> dict[str, Any]:
    limits = Limits(profile.smallest_shown, profile.round_to, profile.secondary, profile.least_width)
    tables, measures = {}, {}
    for counts in plan.counts:
        rows = session.arrow(Query(f"select * from {counts.name} order by all", (counts.name,)))  # noqa: S608
        first, second, value = rows.column_names
        cells = {(str(row[first]), str(row[second])): int(row[value]) for row in rows.to_pylist()}
        made = protect(cells, limits)
        order = sorted(made.shown)
        shown = [made.shown[cell] if made.shown[cell] else "c" for cell in order]
        session.take(
            f"{counts.name}_shown",
            pa.table({first: [c[0] for c in order], second: [c[1] for c in order], "persons": shown}),
        )
        dataset = session.store(
            Query(f"select * from {counts.name}_shown order by all", (f"{counts.name}_shown",)), Anonymised
        )  # noqa: S608
        tables[counts.name] = {"dataset": dataset.as_json(), "n_persons": sum(cells.values())}
        measures[counts.name] = {
            "n_primary": len(made.primary),
            "n_secondary": len(made.secondary),
            "intervals": [[*cell, low, high] for cell, (low, high) in sorted(made.intervals.items())],
        }
    return {"tables": tables, "measures": measures}
