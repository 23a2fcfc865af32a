"""The door ``build``: an approved plan over linked data, a CandidateExtract sealed; no identified row comes out.

1. Policy is asked again.  2. Population and opt-outs choose the people.  3. Each identifier is keyed in its own kind.
4. Columns are derived as the plan says.  5. Persons and person keys must be equal in number.  6. Rows leave in the
order of their keys, which says nothing of the order they came in.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Any, assert_never

from audit.ancestry import require_ancestry
from audit.journal import Event, Journal
from audit.stop import require_running
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
from cld.vocabulary import BodyClass, Form
from extracts.approve import conditions_of, require_act_allowed, require_allowed
from extracts.bridge import bridges, require_one_form
from extracts.identifiers import hold_pseudonyms, key_column, reason_of
from extracts.keying import Keying, keying_for, kinds_of, told_of_pseudonyms
from extracts.life.rows import promised_by
from extracts.life.successions import successions_in
from extracts.lineage import approved_words
from extracts.on_rows import counted_on_rows
from extracts.opt_outs.gate import OptOutGate, hold_back
from keys.routes import require_routes_agree
from keys.store import KeyStore

__all__ = ["build"]

CLASSES = Query(
    """
    select la_code, coalesce(cast(age_years as varchar), 'Unknown') as age_years, gender, ethnicity, count(*) as n_persons
    from people where person_id in (select person_id from chosen) group by all order by all
    """,
    ("people", "chosen"),
    columns=("la_code", "age_years", "gender", "ethnicity", "n_persons"),
)
"""What is remembered of the people whose rows leave: how many are in each class, and never who."""


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
        case Subset(la_codes):
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


def _knows_people_of(session: Session, ccgs: frozenset[str]) -> bool:
    """Say whether the rows hold anybody registered with a CCG's practices or resident in its areas. Source: Annex 3."""
    listed = ", ".join(text_literal(code) for code in sorted(ccgs))
    text = f"select count(*) from cld where registered_ccg in ({listed}) or residence_ccg in ({listed})"  # noqa: S608
    return session.whole(Query(text, ("cld",))) > 0


def _known_to(la_codes: tuple[str, ...]) -> str:
    """Hold rows to the councils that a plan names."""
    return f" and la_code in ({', '.join(text_literal(code) for code in la_codes)})" if la_codes else ""


def _choose_people(
    session: Session, plan: ExtractPlan, linked: LinkedDataset, gate: OptOutGate, today: date
) -> tuple[int, dict[str, str]]:
    """Make ``population`` and ``chosen``; return how many were chosen and what may be told of those held back."""
    text = f"select * from ({_chosen(plan.population)}) order by person_id"  # noqa: S608
    session.table("population", Query(text, ("cld", "people")))
    _refuse_whole_as_subset(session, plan)
    held_back = hold_back(session, plan, linked, gate, today)
    return session.whole(Query("select count(*) from chosen", ("chosen",))), held_back


def _expression(table: TablePlan, column: OutputColumn) -> str:
    name = "person_id" if column.source == "person_key" else column.source
    match column.derivation:
        case Keep():
            return f"r.{quote(name)} as {quote(column.name)}"
        case Month():
            return f"strftime(r.{quote(name)}, '%Y-%m') as {quote(column.name)}"
        case Pseudonym():
            keyed = f"k_{column.name}.pseudonym"
            reasons = [
                f", coalesce(r.{quote(reason_of(told))}, case when {keyed} is null then 'blank' end) as {quote(reason)}"
                for reason, told in table.reasons().items()
                if told == column
            ]
            return f"{keyed} as {quote(column.name)}{''.join(reasons)}"
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


def _build_table(session: Session, table: TablePlan, plan: ExtractPlan, keying: Keying) -> Query:
    source = f"source_{table.data_set}"
    session.table(source, Query(_source(table, plan), (table.data_set, "chosen")))
    joins = [
        key_column(session, source, column, column.derivation.kind, plan, keying)
        for column in table.columns
        if isinstance(column.derivation, Pseudonym)
    ]
    cells = ", ".join(_expression(table, column) for column in table.columns)
    return Query(f"select {cells} from {source} r {' '.join(joins)} order by all", (source,))  # noqa: S608


def _hold_persons(session: Session, table: TablePlan, query: Query) -> int:
    """The number of distinct persons and of distinct person keys must be equal, or the build fails."""
    counted = session.rows(Query(f"select count(distinct person_key) from ({query.text})", query.inputs))[0][0]  # noqa: S608
    persons = session.rows(Query(f"select count(distinct person_id) from source_{table.data_set}", query.inputs))[0][0]  # noqa: S608
    if counted != persons:
        message = "Persons and person keys differ in number."
        raise InvariantBroken(message)
    return int(persons)


def _hold_pseudonyms(session: Session, plan: ExtractPlan) -> dict[str, Any]:
    """Hold over all tables that no two identifiers of a kind share a pseudonym, and tell how many were to be expected."""
    made: dict[str, list[str]] = {}
    for table in plan.tables:
        for column in table.columns:
            if isinstance(column.derivation, Pseudonym):
                made.setdefault(column.derivation.kind, []).append(f"source_{table.data_set}_{column.name}")
    counted = {kind: hold_pseudonyms(session, names) for kind, names in sorted(made.items())}
    return {kind: told_of_pseudonyms(n_keyed, plan.pseudonym_form) for kind, n_keyed in counted.items()}


def build(
    approved: ApprovedPlan, linked: LinkedDataset, *,
    engine: Engine, journal: Journal, keys: KeyStore, opt_outs: OptOutGate, people: Mapping[str, str], today: date, actor: str,
) -> CandidateExtract:  # fmt: skip
    """Build a candidate extract.

    Raises: PolicyRefused if policy no longer allows it; NotSealed if plan or linked data are not sealed; NoAnswerYet or
            OptOutsUnknown where opt-outs apply.
    Source: Direction 6(b) bullets 2 to 7; National Data Opt-out policy v4.0.
    """
    require_running(journal)
    require_ancestry(approved.document.digest, journal)
    require_ancestry(linked.document.digest, journal)
    application, plan = approved_words(approved, people)
    require_act_allowed(
        "build", actor, application, plan, today, journal=journal, people=people, conditions=conditions_of(approved)
    )
    codes = successions_in(journal, people).codes_of(application.body_code, today)
    zone = Pseudonymised if plan.form is Form.PSEUDONYMISED else Anonymised
    keying = keying_for(application, plan, keys, journal)
    require_one_form(application, plan, journal)
    with engine.session() as session:
        require_routes_agree()
        for name in ("cld", "apc", "attendances", "deaths", "people"):
            session.attach(name, linked.data_set(name))
        if application.body == BodyClass.CCG and not _knows_people_of(session, codes):
            rows = replace(promised_by(plan), population_included=False)
            require_allowed(
                application, plan, today, journal=journal, people=people, conditions=conditions_of(approved), rows=rows
            )
        n_chosen, held_back = _choose_people(session, plan, linked, opt_outs, today)
        tables, texts = {}, []
        for table in plan.tables:
            query = _build_table(session, table, plan, keying)
            n_persons = _hold_persons(session, table, query)
            tables[table.data_set] = {"dataset": session.store(query, zone).as_json(), "n_persons": n_persons}
            texts.append(query.text)
        for counts in plan.counts:
            query = _count_query(counts)
            tables[counts.name] = {"dataset": session.store(query, zone).as_json(), "n_persons": n_chosen}
            texts.append(query.text)
        pseudonyms = _hold_pseudonyms(session, plan)
        bridged = bridges(session, application, plan, keying, journal)
        tables |= bridged.tables
        overlaps = _persons_by_council(session, plan)
        counted = counted_on_rows(session, application, plan, codes)
        classes = session.store(CLASSES, Pseudonymised).as_json() if plan.form is Form.PSEUDONYMISED else None
    body = {
        "plan": plan.as_json(),
        "domains": keying.fingerprints(plan),
        "key_version": keying.version if kinds_of(plan) else None,
        "pseudonyms": pseudonyms,
        "not_bridged": list(bridged.not_bridged),
        "people": {"n_chosen": n_chosen},
        "held_back": held_back,
        "opt_outs_applied": plan.opt_outs_applied,
        "queries": texts,
        "tables": tables,
        "persons_by_council": overlaps,
        "counted_on_rows": counted,
        "own_classes": classes,
    }
    document = Document(DocumentKind.CANDIDATE_EXTRACT, (approved.document.digest, linked.document.digest), body)
    told = {"application": application.reference, "key_id": keying.key_id, "key_version": keying.version}
    journal.seal(document, Event("build", actor, "operator", told))
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
