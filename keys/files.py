"""Pseudonyms on anyone's files: a column keyed in place, and a column of pseudonyms checked.

Stand-alone there is no house root, so the pepper is the empty salt of RFC 5869 and the key follows from the agreement's
secret and the domain alone.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from cld.engine import Query, Session, quote
from cld.errors import KeyUnavailable, UnknownColumn
from cld.nhs_number import clean_number_sql, number_fault_sql
from keys.derivation import PseudonymDomain, Secret, domain_key
from keys.pseudonym import check_texts, pseudonym_table

__all__ = ["ColumnCheck", "check_column", "pseudonymise_columns", "read_key_file"]

KEY_DIGITS = re.compile(r"[0-9a-fA-F]{64}")
NHS_KIND = "nhs"


def read_key_file(path: Path) -> Secret:
    """Read an agreement's secret: 64 hexadecimal digits.

    Raises: KeyUnavailable, with one message for a missing and a malformed file.
    """
    try:
        text = path.read_text("ascii").strip()
    except (OSError, UnicodeDecodeError) as fault:
        message = "The key file cannot be read."
        raise KeyUnavailable(message, "Give a file of 64 hexadecimal digits.") from fault
    if not KEY_DIGITS.fullmatch(text):
        message = "The key file cannot be read."
        raise KeyUnavailable(message, "Give a file of 64 hexadecimal digits.")
    return Secret(bytes.fromhex(text))


def _canonical(column: str, kind: str, *, synthetic_allowed: bool) -> tuple[str, str]:
    """Return SQL for the identifier that is keyed and for the reason why one is not.

    NHS numbers lose spaces and hyphens and must pass every check; other identifiers are trimmed, in Unicode's composed
    form and upper case.
    """
    text = f"cast({quote(column)} as varchar)"
    if kind == NHS_KIND:
        cleaned = f"({clean_number_sql(f'trim({text})')})"
        fault = number_fault_sql(cleaned, synthetic_allowed=synthetic_allowed)
        reason = f"(case when ({fault}) = 'range' then 'invalid' else ({fault}) end)"
        return f"case when {fault} is null then {cleaned} end", reason
    cleaned = f"nullif(upper(nfc_normalize(trim({text}))), '')"
    return cleaned, f"case when {cleaned} is null then 'blank' end"


def pseudonymise_columns(
    session: Session,
    table: str,
    columns: dict[str, str],
    secret: Secret,
    domain: PseudonymDomain,
    *,
    synthetic_allowed: bool,
) -> Query:
    """Return the query of the table with each column (name to kind) replaced by pseudonyms and its reason beside it.

    Order:  that of the file.
    Raises: UnknownColumn if the file lacks a column.
    """
    names = session.columns(table)
    absent = [column for column in columns if column not in names]
    if absent:
        message = f"The file has no column {', '.join(absent)}."
        raise UnknownColumn(message, "Name columns as in the file's header.")
    session.table("numbered", Query(f"select row_number() over () as row_place, * from {quote(table)}", (table,)))  # noqa: S608
    cells, joins = [], []
    for place, (column, kind) in enumerate(columns.items()):
        keyed, reason = _canonical(column, kind, synthetic_allowed=synthetic_allowed)
        source = f"keyed_{place}"
        session.table(
            source, Query(f"select row_place, {keyed} as identifier, {reason} as reason from numbered", ("numbered",))
        )  # noqa: S608
        of_kind = PseudonymDomain(domain.recipient, domain.agreement, domain.family, kind, domain.version)
        key = domain_key(secret, Secret(b""), of_kind)
        pseudonym_table(session, f"pseudonyms_{place}", source, "identifier", key, of_kind)
        joins.append(
            f"join {source} k{place} using (row_place) left join pseudonyms_{place} p{place} on p{place}.identifier = k{place}.identifier"
        )
    for name in names:
        if name in columns:
            place = list(columns).index(name)
            cells += [f"p{place}.pseudonym as {quote(name)}", f"k{place}.reason as {quote(name + '_reason')}"]
        else:
            cells.append(f"n.{quote(name)}")
    text = f"select {', '.join(cells)} from numbered n {' '.join(joins)} order by n.row_place"  # noqa: S608
    return Query(text, ("numbered",))


@dataclass(frozen=True, slots=True)
class ColumnCheck:
    """What a column of pseudonyms holds; ``n_other_domain`` is None where no domain was given."""

    n_rows: int
    n_null: int
    n_bad: int
    n_other_domain: int | None


def check_column(session: Session, table: str, column: str, domain: PseudonymDomain | None) -> ColumnCheck:
    """Check a column of pseudonyms: form, check character and, where the domain is given, the domain character.

    Raises: UnknownColumn if the file lacks the column.
    """
    if column not in session.columns(table):
        message = f"The file has no column {column}."
        raise UnknownColumn(message, "Name the column as in the file's header.")
    n_rows = n_null = n_bad = n_other = 0
    for batch in session.stream(
        Query(f"select cast({quote(column)} as varchar) as value from {quote(table)}", (table,))
    ):  # noqa: S608
        values = batch.column(0)
        n_rows += len(values)
        n_null += values.null_count
        bad, other = check_texts(_texts(values), domain)
        n_bad += int(np.count_nonzero(bad))
        n_other += int(np.count_nonzero(other & ~bad))
    return ColumnCheck(n_rows, n_null, n_bad, n_other if domain is not None else None)


def _texts(values: pa.Array) -> list[str]:
    return [str(value) for value in values.drop_null().to_pylist()]
