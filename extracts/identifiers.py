"""An extract's identifiers: keyed each in its own kind, with the reason beside where an identifier as sent has no pseudonym."""

from __future__ import annotations

import os
from collections.abc import Sequence

from cld.engine import Query, Session, quote
from cld.errors import InvariantBroken
from cld.nhs_number import NumberFault, clean_number_sql, number_fault_sql
from cld.plan import ExtractPlan, OutputColumn
from extracts.keying import PERSON_KIND, Keying
from keys.derivation import PseudonymDomain, Secret
from keys.pseudonym import PseudonymForm, pseudonym_table

__all__ = ["hold_pseudonyms", "identifiers_sql", "key_column", "reason_of", "reasons_sql"]

NHS_KIND, COUNCIL_KIND = "nhs", "la_person"
SENT_REASON = "sent_number_reason"


def _number_fault_sql(session: Session, source: str, column: str) -> str:
    """Return SQL for the fault of a number as sent. Of councils' rows collection found it; of NHS rows it is found here, and
    the range is not asked, as linkage does not ask it."""
    if SENT_REASON in session.columns(source):
        return f"case {SENT_REASON} when '{NumberFault.RANGE}' then '{NumberFault.INVALID}' else {SENT_REASON} end"
    return f"nullif({number_fault_sql(clean_number_sql(column), synthetic_allowed=True)}, '{NumberFault.RANGE}')"


def identifiers_sql(session: Session, source: str, column: str, kind: str) -> str:
    """Return SQL for the identifier in a column, as far as it may be keyed, and null where it may not.

    A number as sent is keyed only if it may identify a person. A council's own id means something only within the council.
    """
    if kind == PERSON_KIND:
        return "person_id"
    if kind == NHS_KIND:
        fault = _number_fault_sql(session, source, column)
        return f"case when ({fault}) is null then {clean_number_sql(column)} end"
    text = f"nullif(trim(cast({column} as varchar)), '')"
    return f"la_code || '|' || {text}" if kind == COUNCIL_KIND else text


def reasons_sql(session: Session, source: str, column: str, kind: str) -> str:
    """Return SQL for the reason why an identifier as sent has no pseudonym, null where it has one.

    Shape:  ``blank``, ``invalid`` or ``placeholder``; no other kind than NHS numbers knows the last two.
    """
    keyed, blank = identifiers_sql(session, source, column, kind), f"'{NumberFault.BLANK}'"
    fault = f"coalesce({_number_fault_sql(session, source, column)}, {blank})" if kind == NHS_KIND else blank
    return f"case when ({keyed}) is null then {fault} end"


def key_column(
    session: Session, source: str, column: OutputColumn, kind: str, plan: ExtractPlan, keying: Keying
) -> str:
    """Make the pseudonyms of a column, and its reasons, and return the join that brings the pseudonyms in.

    Makes the table ``<source>_<column>`` and, in the source, the column ``<column>_reason`` for an identifier as sent.
    """
    origin = "person_id"
    if kind != PERSON_KIND:
        origin = f"{column.name}_keyed"
        rules = (
            f"{identifiers_sql(session, source, column.source, kind)} as {quote(origin)}, "
            f"{reasons_sql(session, source, column.source, kind)} as {quote(reason_of(column))}"
        )
        session.table(source, Query(f"select *, {rules} from {source}", (source,)))  # noqa: S608
    domain, key, form = keying.domain(kind), keying.key(kind), PseudonymForm(plan.pseudonym_form)
    name = f"{source}_{column.name}"
    pseudonym_table(session, name, source, origin, key, domain, form)
    if plan.missing_identifiers == "one-time":
        _add_one_time_values(session, source, name, origin, domain, form)
    return f"left join {name} k_{column.name} on k_{column.name}.identifier = r.{quote(origin)}"


def reason_of(column: OutputColumn) -> str:
    """Return the name under which a source holds the reasons of a keyed column."""
    return f"{column.name}_why"


def _add_one_time_values(
    session: Session, source: str, name: str, origin: str, domain: PseudonymDomain, form: PseudonymForm
) -> None:
    """Give each row without an identifier a value of its own, under a key that is forgotten here."""
    rule = f"coalesce({origin}, 'once ' || row_number() over () || ' {name}') as {origin}"
    session.table(source, Query(f"select * replace ({rule}) from {source}", (source,)))  # noqa: S608
    once = f"{name}_once"
    text = f"select {origin} from {source} where {origin} not in (select identifier from {name})"  # noqa: S608
    session.table(f"{once}_ids", Query(text, (source, name)))
    key = Secret(os.urandom(32).hex().encode())
    pseudonym_table(session, once, f"{once}_ids", origin, key, domain, form)
    session.table(name, Query(f"select * from {name} union all select * from {once}", (name, once)))  # noqa: S608


def hold_pseudonyms(session: Session, tables: Sequence[str]) -> int:
    """Return how many identifiers of one kind the whole extract keys; none may share a pseudonym with another.

    Shape:  tables: those that ``key_column`` made for the kind.
    Raises: InvariantBroken.
    """
    whole = " union all ".join(f"select keyed, pseudonym from {name}" for name in tables)  # noqa: S608
    text = f"select count(distinct keyed), count(distinct pseudonym) from ({whole})"  # noqa: S608
    n_identifiers, n_pseudonyms = session.rows(Query(text, tuple(tables)))[0]
    if n_identifiers != n_pseudonyms:
        message = "Two identifiers would share a pseudonym."
        raise InvariantBroken(message)
    return int(n_identifiers)
