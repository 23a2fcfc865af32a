"""The door ``build``: an approved plan over linked data, a CandidateExtract sealed; no identified row comes out.

1. Policy is asked again.  2. Population and opt-outs choose the people.  3. Each identifier is keyed in its own kind.
4. Columns are derived as the plan says.  5. Persons and person keys must be equal in number.  6. Rows leave in the
order of their keys, which says nothing of the order they came in.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import assert_never

from audit.ancestry import require_ancestry
from audit.journal import Event, Journal
from cld.catalogue import column_of
from cld.datasets import Anonymised, Pseudonymised
from cld.engine import Engine, Query, Session, quote, text_literal
from cld.errors import InvariantBroken, PolicyRefused
from cld.hierarchies import CLD_AGE_LIMITS, age_band_sql
from cld.journey import (
    ApprovedPlan,
    CandidateExtract,
    Document,
    DocumentKind,
    LinkedDataset,
)
from cld.plan import (
    Combined,
    ExtractPlan,
    Keep,
    Month,
    OutputColumn,
    Population,
    Pseudonym,
    Registered,
    Resident,
    Submitted,
    Subset,
    TableOfCounts,
    TablePlan,
)
from cld.vocabulary import Form
from extracts.approve import Application, require_allowed
from extracts.lineage import approved_words
from extracts.opt_outs import read_opt_outs
from keys.derivation import PseudonymDomain
from keys.pseudonym import context_fingerprint, pseudonym_table, self_test
from keys.store import KeyStore

__all__ = ["build", "key_id_for"]

PERSON_KIND = "person"
CLASSES = Query(
    """
    select la_code, coalesce(cast(age_years as varchar), 'Unknown') as age_years, gender, ethnicity, count(*) as n_persons
    from people where person_id in (select person_id from chosen) group by all order by all
    """,
    ("people", "chosen"),
    columns=("la_code", "age_years", "gender", "ethnicity", "n_persons"),
)
"""What is remembered of the people whose rows leave: how many are in each class, and never who."""


def key_id_for(application: Application, plan: ExtractPlan) -> str:
    """Return the keystore's name of an extract's secret: the agreement's, or for anonymised rows this release's alone."""
    prefix = "release" if plan.form is Form.ANONYMISED else "agreement"
    name = application.reference if plan.form is Form.ANONYMISED else application.agreement.reference
    return f"{prefix}-{name}"


def _chosen(population: Population) -> str:
    match population:
        case Submitted(la_code):
            return f"select distinct person_id from cld where la_code = {text_literal(la_code)}"  # noqa: S608 - codes of bodies
        case Registered(ccg, la_codes):
            return f"select distinct person_id from cld where registered_ccg = {text_literal(ccg)}{_known_to(la_codes)}"  # noqa: S608
        case Resident(ccg, la_codes):
            return f"select distinct person_id from cld where residence_ccg = {text_literal(ccg)}{_known_to(la_codes)}"  # noqa: S608
        case Combined():
            return "select distinct person_id from cld"
        case Subset(la_codes, _):
            listed = ", ".join(text_literal(code) for code in la_codes)
            return f"select distinct person_id from people where la_code in ({listed})"  # noqa: S608
        case _:
            assert_never(population)


def _refuse_whole_as_subset(session: Session, plan: ExtractPlan) -> None:
    """Hold on the rows, not on the plan's word, that a subset is not the whole combined set (Direction 6(b) bullet 5)."""
    if not isinstance(plan.population, Subset):
        return
    text = "select (select count(distinct person_id) from cld) - (select count(*) from population)"
    if session.whole(Query(text, ("cld", "population"))) == 0:
        message = "The subset is the whole combined set."
        raise PolicyRefused(message, ("Direction 6(b) bullet 5",), "Name fewer councils.")


def _known_to(la_codes: tuple[str, ...]) -> str:
    """Hold rows to the councils that a plan names."""
    return f" and la_code in ({', '.join(text_literal(code) for code in la_codes)})" if la_codes else ""


def _choose_people(session: Session, plan: ExtractPlan, opt_outs: Path) -> dict[str, int]:
    """Make ``chosen``; where opt-outs apply, objectors and people who cannot be checked are held back and counted."""
    read_opt_outs(session, opt_outs)
    session.table(
        "population", Query(f"select * from ({_chosen(plan.population)}) order by person_id", ("cld", "people"))
    )  # noqa: S608
    held = "person_id in (select nhs_number from opt_outs) or person_id like 'L%'" if plan.opt_outs_applied else "false"
    session.table(
        "chosen",
        Query(f"select person_id from population where not ({held}) order by person_id", ("population", "opt_outs")),
    )  # noqa: S608
    counts = session.rows(
        Query("select (select count(*) from population), (select count(*) from chosen)", ("population", "chosen"))
    )[0]
    return {"n_population": int(counts[0]), "n_chosen": int(counts[1])}


def _expression(table: TablePlan, column: OutputColumn) -> str:
    name = "person_id" if column.source == "person_key" else column.source
    match column.derivation:
        case Keep():
            return f"r.{quote(name)} as {quote(column.name)}"
        case Month():
            return f"strftime(r.{quote(name)}, '%Y-%m') as {quote(column.name)}"
        case Pseudonym():
            return f"k_{column.name}.pseudonym as {quote(column.name)}"
        case _:
            assert_never(column.derivation)


def _source(table: TablePlan, plan: ExtractPlan) -> str:
    """The rows of a table: chosen people, events that touch the period; a council's own rows alone for a council."""
    own = ""
    if table.data_set == "cld" and isinstance(plan.population, Submitted):
        own = _known_to((plan.population.la_code,))
    elif table.data_set == "cld" and isinstance(plan.population, Registered | Resident):
        own = _known_to(plan.population.la_codes)
    started = {
        "cld": "event_start_date",
        "apc": "admission_date",
        "attendances": "arrival_date",
        "deaths": "date_of_death",
    }
    within = ""
    if table.data_set in started:
        column = started[table.data_set]
        within = f"and {column} between date '{plan.period_start}' and date '{plan.period_end}'"
    return f"select * from {table.data_set} where person_id in (select person_id from chosen) {own} {within}"  # noqa: S608


def _build_table(
    session: Session, table: TablePlan, plan: ExtractPlan, application: Application, keys: KeyStore
) -> Query:
    source = f"source_{table.data_set}"
    session.table(source, Query(_source(table, plan), (table.data_set, "chosen")))
    joins = []
    for column in table.columns:
        if not isinstance(column.derivation, Pseudonym):
            continue
        kind = column.derivation.kind
        origin = "person_id" if column.source == "person_key" else column.source
        if kind == "nhs":
            origin = _checked_number(session, source, column.source)
        elif kind == "la_person":
            origin = _with_council(session, source, column.source)
        domain = _domain(application, plan, kind, keys)
        name = f"k_{table.data_set}_{column.name}"
        pseudonym_table(
            session, name, source, origin, keys.pseudonym_key(key_id_for(application, plan), domain), domain
        )
        joins.append(f"left join {name} k_{column.name} on k_{column.name}.identifier = r.{quote(origin)}")
    cells = ", ".join(_expression(table, column) for column in table.columns)
    return Query(f"select {cells} from {source} r {' '.join(joins)} order by all", (source,))  # noqa: S608


def _checked_number(session: Session, source: str, column: str) -> str:
    """A number as sent is keyed only if it may identify a person; in NHS data sets the number was checked by linkage."""
    name = f"{column}_checked"
    has_reason = "sent_number_reason" in session.columns(source)
    rule = (
        f"case when sent_number_reason is null then replace(replace({column}, ' ', ''), '-', '') end"
        if has_reason
        else column
    )
    return _extended(session, source, name, rule)


def _with_council(session: Session, source: str, column: str) -> str:
    """A council's own id means something only within the council."""
    return _extended(
        session, source, f"{column}_full", f"case when {column} is not null then la_code || '|' || upper({column}) end"
    )


def _extended(session: Session, source: str, name: str, rule: str) -> str:
    session.table(source, Query(f"select *, {rule} as {name} from {source}", (source,)))  # noqa: S608
    return name


def _hold_persons(session: Session, table: TablePlan, query: Query) -> int:
    """The number of distinct persons and of distinct person keys must be equal, or the build fails."""
    counted = session.rows(Query(f"select count(distinct person_key) from ({query.text})", query.inputs))[0][0]  # noqa: S608
    persons = session.rows(Query(f"select count(distinct person_id) from source_{table.data_set}", query.inputs))[0][0]  # noqa: S608
    if counted != persons:
        message = "Persons and person keys differ in number."
        raise InvariantBroken(message)
    return int(persons)


def build(
    approved: ApprovedPlan, linked: LinkedDataset, *,
    engine: Engine, journal: Journal, keys: KeyStore, opt_outs: Path, people: Mapping[str, str], today: date, actor: str,
) -> CandidateExtract:  # fmt: skip
    """Build a candidate extract.

    Raises: PolicyRefused if policy no longer allows it; NotSealed if plan or linked data are not sealed.
    Source: Direction 6(b) bullets 2 to 7; National Data Opt-out policy v4.0.
    """
    require_ancestry(approved.document.digest, journal)
    require_ancestry(linked.document.digest, journal)
    application, plan = approved_words(approved, people)
    require_allowed(application, plan, today, checked=True, journal=journal)
    zone = Pseudonymised if plan.form is Form.PSEUDONYMISED else Anonymised
    keys.new_agreement(key_id_for(application, plan), of_one_release=plan.form is Form.ANONYMISED)
    with engine.session() as session:
        self_test(session)
        for name in ("cld", "apc", "attendances", "deaths", "people"):
            session.attach(name, linked.data_set(name))
        counted = _choose_people(session, plan, opt_outs)
        _refuse_whole_as_subset(session, plan)
        tables, texts = {}, []
        for table in plan.tables:
            query = _build_table(session, table, plan, application, keys)
            n_persons = _hold_persons(session, table, query)
            tables[table.data_set] = {"dataset": session.store(query, zone).as_json(), "n_persons": n_persons}
            texts.append(query.text)
        for counts in plan.counts:
            query = _count_query(counts)
            tables[counts.name] = {"dataset": session.store(query, zone).as_json(), "n_persons": counted["n_chosen"]}
            texts.append(query.text)
        overlaps = _persons_by_council(session, plan)
        classes = session.store(CLASSES, Pseudonymised).as_json() if plan.form is Form.PSEUDONYMISED else None
    body = {
        "plan": plan.as_json(),
        "domains": _fingerprints(plan, application, keys),
        "people": counted,
        "opt_outs_applied": plan.opt_outs_applied,
        "queries": texts,
        "tables": tables,
        "persons_by_council": overlaps,
        "own_classes": classes,
    }
    document = Document(DocumentKind.CANDIDATE_EXTRACT, (approved.document.digest, linked.document.digest), body)
    journal.seal(document, Event("build", actor, "operator", {"application": application.reference}))
    return CandidateExtract(document)


def _persons_by_council(session: Session, plan: ExtractPlan) -> dict[str, int]:
    """Count the persons of each council among the rows that leave, after every filter of the plan."""
    if any(table.data_set == "cld" for table in plan.tables):
        text = "select la_code, count(distinct person_id) from source_cld group by all order by all"
        return {str(code): int(count) for code, count in session.rows(Query(text, ("source_cld",)))}
    known = _known_to(plan.population.la_codes) if isinstance(plan.population, Registered | Resident) else ""
    text = f"""
        select la_code, count(distinct person_id) from cld where person_id in (select person_id from chosen) {known}
        group by all order by all
    """  # noqa: S608
    return {str(code): int(count) for code, count in session.rows(Query(text, ("cld", "chosen")))}


def _domain(application: Application, plan: ExtractPlan, kind: str, keys: KeyStore) -> PseudonymDomain:
    """Return the domain of an identifier kind, in the version of the agreement's key that is active."""
    version = keys.active_version(key_id_for(application, plan))
    return PseudonymDomain(application.body_code, application.agreement.reference, plan.family, kind, version)


def _fingerprints(plan: ExtractPlan, application: Application, keys: KeyStore) -> dict[str, str]:
    """Return the public fingerprint of each pseudonym domain an extract uses, by identifier kind."""
    derived = [column.derivation for table in plan.tables for column in table.columns]
    kinds = sorted({derivation.kind for derivation in derived if isinstance(derivation, Pseudonym)})
    return {kind: context_fingerprint(_domain(application, plan, kind, keys)) for kind in kinds}


def _count_query(table: TableOfCounts) -> Query:
    """Count persons over dimensions; ages in the table's bands."""
    cells = ", ".join(_dimension(name, table.age_limits or CLD_AGE_LIMITS) for name in table.dimensions)
    text = f"select {cells}, count(*) as n_persons from people where person_id in (select person_id from chosen) group by all order by all"  # noqa: S608
    return Query(text, ("people", "chosen"))


def _dimension(name: str, age_limits: tuple[int, ...]) -> str:
    column_of("people", name)
    if name == "age_years":
        return f"{age_band_sql('age_years', age_limits)} as age_band"
    return f"coalesce({quote(name)}, 'Unknown') as {quote(name)}"
