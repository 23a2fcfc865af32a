"""The door ``check``: a candidate and its profile in, a CheckedExtract sealed, or a refusal that says what failed.

Pseudonymised rows: measured, and small overlaps with a council refused. Anonymised rows: one row a person, generalised
to k and sparingly suppressed. Tables: small numbers starred, secondarily protected, every star's interval computed.
Whatever the form, it is weighed against all that its recipient holds, and its facts are remembered in the document.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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
from disclosure.memory.remember import sheet_of_classes, sheet_of_own, sheet_of_table
from disclosure.memory.sheet import FactSheet
from disclosure.memory.shown import ShowingRule
from disclosure.memory.verdict import Memory
from disclosure.memory.weigh import weigh
from disclosure.report.limits import ReportLimit, hold_limits
from disclosure.report.rows import GeneralisedRows, report_of_events, report_of_people
from disclosure.report.tables import report_of_table
from disclosure.rows.classes import best_levels, distinct_l, generalised, row_risk
from disclosure.tables.stars import Limits, protect, with_totals

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
    @property
    def memory_units(self) -> int: ...  # noqa: D102
    def coalitions_with(self, body_code: str) -> tuple[tuple[str, tuple[str, ...]], ...]: ...  # noqa: D102
    def limits_for(self, form: str, recipient: str) -> Sequence[ReportLimit]: ...  # noqa: D102


NOT_CHECKED = {
    Form.PSEUDONYMISED: ["what a motivated intruder finds in these rows"],
    Form.ANONYMISED: [
        "intruders other than those stated",
        "inference from the columns outside k, here or beside earlier releases",
    ],
    Form.AGGREGATE: ["what people outside the house know of their neighbours"],
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
    memory: Memory, regions: Mapping[str, str], engine: Engine, journal: Journal, actor: str, application: str,
) -> CheckedExtract:  # fmt: skip
    """Check a candidate against its profile and against every release that its recipient holds.

    Raises: DisclosureRefused, naming the measures and, where the small count comes of subtracting, the earlier releases;
            the refusal is logged. NotSealed if the candidate is not sealed.
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
            subject = _subject(candidate, plan, profile, regions, journal)
            body, sheet = _checked(session, subject)
            body["limits_held"] = hold_limits(body["report"], profile.limits_for(plan.form.value, subject.body_class))
            body["judged_against"] = weigh(
                session, sheet, plan.form, opt_outs_applied=plan.opt_outs_applied, memory=memory, rules=profile,
                body_code=subject.body_code, councils=regions,
            )  # fmt: skip
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
    body["facts"] = sheet.as_json()
    body["opt_out_rule"] = None if plan.form is Form.AGGREGATE else plan.opt_outs_applied
    document = Document(DocumentKind.CHECKED_EXTRACT, (candidate.document.digest,), body)
    journal.seal(document, Event("check", actor, "operator", {"application": application}))
    return CheckedExtract(document)


@dataclass(frozen=True, slots=True)
class _Subject:
    """What is checked, for whom and on which linked data; ``regions`` holds every council that takes part."""

    candidate: CandidateExtract
    plan: ExtractPlan
    profile: CheckProfile
    regions: Mapping[str, str]
    body_code: str
    body_class: str
    linked: str

    @property
    def council(self) -> str:
        """The recipient's code if it is a council, whose own people it knows; else nothing."""
        return self.body_code if self.body_code in self.regions else ""


def _subject(
    candidate: CandidateExtract, plan: ExtractPlan, profile: CheckProfile, regions: Mapping[str, str], journal: Journal
) -> _Subject:
    parents = {digest: journal.load(digest) for digest in candidate.document.parents}
    of_kind = {document.kind: digest for digest, document in parents.items() if document is not None}
    approved = parents[of_kind[DocumentKind.APPROVED_PLAN]]
    assert approved is not None  # noqa: S101 - its ancestry was required
    asked = approved.body["application"]
    linked = of_kind[DocumentKind.LINKED_DATASET]
    return _Subject(candidate, plan, profile, regions, str(asked["body_code"]), str(asked["body"]), linked)


def _checked(session: Session, subject: _Subject) -> tuple[dict[str, Any], FactSheet]:
    """Return the body of the document and the sheet that is remembered of it."""
    body, plan = subject.candidate.document.body, subject.plan
    for name, value in body["tables"].items():
        session.attach(name, released_dataset(value["dataset"]))
    match plan.form:
        case Form.PSEUDONYMISED:
            _refuse_small_overlaps(subject.candidate, plan, subject.profile)
            sheet = sheet_of_own(session, plan, subject.linked, body["own_classes"])
            report = {table.data_set: report_of_events(session, table.data_set, _quasi(table)) for table in plan.tables}
            made = {"tables": dict(body["tables"]), "measures": _pseudonymised_measures(report), "report": report}
            return {**made, "own_classes": body["own_classes"]}, sheet
        case Form.ANONYMISED:
            return _anonymised(session, subject)
        case _:
            return _aggregate(session, subject)


def _refuse_small_overlaps(candidate: CandidateExtract, plan: ExtractPlan, profile: CheckProfile) -> None:
    if not isinstance(plan.population, Registered | Resident):
        return
    by_council = candidate.document.body["persons_by_council"]
    small = sorted(code for code, n_persons in by_council.items() if n_persons < profile.smallest_overlap)
    if small:
        message = f"The extract overlaps {len(small)} councils in fewer than {profile.smallest_overlap} persons each."
        raise DisclosureRefused(message, ("overlap",), "Leave those councils' few people out of the plan.")


def _pseudonymised_measures(report: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: {key: found["after"][key] for key in ("n_classes", "k", "n_uniques")} for name, found in report.items()
    }


def _anonymised(session: Session, subject: _Subject) -> tuple[dict[str, Any], FactSheet]:
    plan, profile, regions = subject.plan, subject.profile, subject.regions
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
    names = tuple(column.name for column in table.columns)
    query = generalised(table.data_set, names, levels, hierarchies, profile.k)
    dataset = session.store(query, Anonymised)
    session.attach("released", dataset)
    after = row_risk(session, "released", quasi)
    if after.k < profile.k:
        message = f"The smallest class has {after.k} persons, the profile asks for {profile.k}."
        raise DisclosureRefused(message, ("k-anonymity",), "Allow coarser levels.")
    sensitive = _of_role(table, ColumnRole.SENSITIVE)
    outside = (*sensitive, *_of_role(table, ColumnRole.ORDINARY))
    made = GeneralisedRows(table.data_set, "released", names, quasi, sensitive, levels, hierarchies, n_suppressed)
    named = {name: hierarchies[name].levels[level] for name, level in levels.items()}
    sources = {column.name: column.source for column in table.columns}
    sheet = sheet_of_classes(
        session, "released", plan, subject.linked, sources, levels=levels, hierarchies=hierarchies, k=profile.k,
        n_suppressed=n_suppressed, regions=regions,
    )  # fmt: skip
    body = {
        "tables": {table.data_set: {"dataset": dataset.as_json(), "n_persons": dataset.n_rows}},
        "report": {table.data_set: report_of_people(session, made)},
        "measures": {
            table.data_set: {
                "k_before": before.k, "n_uniques_before": before.n_uniques, "k": after.k, "n_classes": after.n_classes,
                "n_uniques": after.n_uniques, "levels": named, "quasi_identifiers": list(quasi), "columns_outside_k": list(outside),
                "distinct_l": distinct_l(session, "released", quasi, sensitive), "n_suppressed": n_suppressed,
            }
        },
    }  # fmt: skip
    return body, sheet


def _require_one_row_a_person(session: Session, table: str) -> None:
    text = f"select count(*) - count(distinct person_key) from {table}"  # noqa: S608
    if session.whole(Query(text, (table,))):
        message = "Several rows under one key show when things happened to one person."
        raise DisclosureRefused(message, ("unicity",), "Ask for one row a person.")


def _aggregate(session: Session, subject: _Subject) -> tuple[dict[str, Any], FactSheet]:
    plan, profile = subject.plan, subject.profile
    limits = Limits(profile.smallest_shown, profile.round_to, profile.secondary, profile.least_width)
    (counts,) = plan.counts
    rows = session.arrow(Query(f"select * from {counts.name} order by all", (counts.name,)))  # noqa: S608
    first, second, value = rows.column_names
    cells = {(str(row[first]), str(row[second])): int(row[value]) for row in rows.to_pylist()}
    made = protect(cells, limits)
    values = {cell: "" if cell in counts.withheld else text for cell, text in made.shown.items()}
    order = sorted(values)
    session.take(
        f"{counts.name}_shown",
        pa.table(
            {first: [c[0] for c in order], second: [c[1] for c in order], "persons": [values[c] or "c" for c in order]}
        ),
    )
    text = f"select * from {counts.name}_shown order by all"  # noqa: S608
    dataset = session.store(Query(text, (f"{counts.name}_shown",)), Anonymised)
    sheet = sheet_of_table(
        counts, plan, subject.linked, values, with_totals(cells), smallest_shown=profile.smallest_shown,
        rule=ShowingRule((1, profile.smallest_shown - 1), profile.round_to), regions=subject.regions, own_code=subject.council,
    )  # fmt: skip
    measures = {
        "n_primary": len(made.primary),
        "n_secondary": len(made.secondary),
        "n_withheld": len(set(counts.withheld) & made.shown.keys()),
        "intervals": [[*cell, low, high] for cell, (low, high) in sorted(made.intervals.items())],
    }
    table = {"dataset": dataset.as_json(), "n_persons": sum(cells.values())}
    report = {counts.name: report_of_table(cells, made, values, profile.smallest_shown)}
    return {"tables": {counts.name: table}, "measures": {counts.name: measures}, "report": report}, sheet
