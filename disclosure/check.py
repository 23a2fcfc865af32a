"""The door ``check``: a candidate and its profile in, a CheckedExtract sealed, or a refusal that says what failed.

Pseudonymised rows: measured, and small overlaps with a council refused. Anonymised rows: see ``disclosure.people``. Tables: small numbers starred, secondarily protected, every star's interval computed.
Whatever the form, it is weighed against all that its recipient holds, and its facts are remembered in the document.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import pyarrow as pa

from audit.ancestry import require_ancestry
from audit.journal import Event, Journal
from cld.datasets import Anonymised
from cld.engine import Engine, Query, Session, quote
from cld.errors import DisclosureRefused
from cld.journey import (
    CandidateExtract,
    CheckedExtract,
    Document,
    DocumentKind,
    released_dataset,
)
from cld.plan import BRIDGE, ExtractPlan, Registered, Resident, plan_from_json
from cld.vocabulary import Form
from disclosure.memory.remember import sheet_of_own, sheet_of_table
from disclosure.memory.sheet import FactSheet
from disclosure.memory.shown import ShowingRule
from disclosure.memory.verdict import Memory
from disclosure.memory.weigh import weigh
from disclosure.people import anonymised, quasi_identifiers
from disclosure.report.limits import ReportLimit, hold_limits, over_limit, require_within
from disclosure.report.memory import weighed_beside
from disclosure.report.refusal import told_refusal
from disclosure.report.rows import report_of_events
from disclosure.report.tables import report_of_table
from disclosure.tables.stars import Limits, protect, with_totals
from disclosure.tables.suppress.files import TableProfile

__all__ = ["CheckProfile", "check"]


class CheckProfile(TableProfile, Protocol):
    """The limits in force, handed in from the policies."""

    @property
    def k(self) -> int: ...  # noqa: D102
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
        "inference from the columns outside k beside earlier releases",
        "what it tells of someone that a column is withheld",
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


def check(
    candidate: CandidateExtract, profile: CheckProfile, *,
    memory: Memory, regions: Mapping[str, str], engine: Engine, journal: Journal, actor: str, application: str,
) -> CheckedExtract:  # fmt: skip
    """Check a candidate against its profile and against every release that its recipient holds.

    Raises: DisclosureRefused, naming the measures and, where the small count comes of subtracting, the earlier releases;
            the refusal is logged, and ``told`` on it is what the approver may read. NotSealed if the candidate is not sealed.
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
    subject = _subject(candidate, plan, profile, regions, journal)
    body: dict[str, Any] = {
        "profile": profile.name, "limits": _limits(profile), "not_checked": NOT_CHECKED[plan.form],
    }  # fmt: skip
    try:
        with engine.session() as session:
            made, sheet = _checked(session, subject)
            body |= made
            body["limits_held"] = hold_limits(body["report"], subject.limits)
            require_within(body["limits_held"])
            body["memory"] = weighed_beside(sheet, memory, profile, subject.body_code)
            body["judged_against"] = weigh(
                session, sheet, plan.form, opt_outs_applied=plan.opt_outs_applied, memory=memory, rules=profile,
                body_code=subject.body_code, councils=regions,
            )  # fmt: skip
    except DisclosureRefused as refusal:
        details = {"application": application, "measures": list(refusal.measures)}
        journal.record(Event("refused by check", actor, "operator", details))
        raise told_refusal(refusal, body) from refusal
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
    def limits(self) -> Sequence[ReportLimit]:
        """The limits of the profile for this form and class of recipient."""
        return self.profile.limits_for(self.plan.form.value, self.body_class)

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
            _hold_bridges(session, body["tables"], plan)
            sheet = sheet_of_own(session, plan, subject.linked, body["own_classes"])
            report = {
                table.data_set: report_of_events(session, table.data_set, quasi_identifiers(table))
                for table in plan.tables
            }
            made = {"tables": dict(body["tables"]), "measures": _pseudonymised_measures(report), "report": report}
            return {**made, "own_classes": body["own_classes"]}, sheet
        case Form.ANONYMISED:
            return anonymised(
                session,
                plan,
                k=subject.profile.k,
                limits=subject.limits,
                regions=subject.regions,
                linked=subject.linked,
            )
        case _:
            return _aggregate(session, subject)


def _refuse_small_overlaps(candidate: CandidateExtract, plan: ExtractPlan, profile: CheckProfile) -> None:
    if not isinstance(plan.population, Registered | Resident):
        return
    by_council = candidate.document.body["persons_by_council"]
    small = sorted(code for code, n_persons in by_council.items() if n_persons < profile.smallest_overlap)
    if small:
        least = profile.smallest_overlap
        message = f"The extract overlaps {len(small)} councils in fewer than {least} persons each."
        lines = [over_limit("persons of a council", "at least", least, min(by_council[code] for code in small))]
        raise DisclosureRefused(message, ("overlap",), "Leave those councils' few people out of the plan.", lines)


def _hold_bridges(session: Session, tables: Mapping[str, Any], plan: ExtractPlan) -> None:
    """Hold that a bridge leads from one key to one other, and to persons alone whose rows are in this extract."""
    persons = " union ".join(f"select person_key from {quote(table.data_set)}" for table in plan.tables)  # noqa: S608
    names = tuple(table.data_set for table in plan.tables)
    for name in (name for name in tables if name.startswith(BRIDGE)):
        text = f"""
            select count(*) - count(distinct old_pseudonym), count(*) - count(distinct new_pseudonym),
                count(*) filter (new_pseudonym not in ({persons}))
            from {quote(name)}
        """  # noqa: S608 - names of ours
        if any(session.rows(Query(text, (name, *names)))[0]):
            message = "A bridge of a rotation holds persons whose rows are not in the extract, or leads two ways."
            raise DisclosureRefused(message, ("bridge",), "Build the extract again.")


def _pseudonymised_measures(report: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: {key: found["after"][key] for key in ("n_classes", "k", "n_uniques")} for name, found in report.items()
    }


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
