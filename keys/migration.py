"""Moving from another pseudonymisation service: its list of (identifier, old pseudonym) becomes a bridge, old beside new.

The list is read, keyed and written as pairs of old and new pseudonyms; no identifier stands in what is written. Where a
service made salted SHA-256 digests (OpenPseudonymiser), the old values are computed instead of read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from cld.engine import Query, Session, quote
from cld.errors import InputError, UnknownColumn
from keys.canonical import canonical_identifiers, plain_texts
from keys.derivation import Secret
from keys.files import Keying
from keys.legacy import legacy_digests
from keys.pseudonym import pseudonyms_of

__all__ = ["LEGACY_NAMES", "migrate_list"]

LEGACY_NAMES = {"nhs": "NHSNumber"}
"""The names under which OpenPseudonymiser knows an identifier, by our kind; they decide the order where there are several."""


def migrate_list(
    session: Session, file: Path, out: Path, keying: Keying, *, column: str, old: str | None, salt: Secret | None
) -> dict[str, int]:
    """Write ``old_pseudonym, pseudonym``, one row for each identifier of a list that can be keyed, in the order of the new.

    ``old`` names the column of old pseudonyms; without one they are computed as legacy digests under ``salt``.
    Raises: UnknownColumn; InputError if one identifier has two old pseudonyms, or one old pseudonym two identifiers.
    """
    session.scan_file("given", file)
    names = session.columns("given")
    absent = [name for name in (column, old) if name is not None and name not in names]
    if absent:
        message = f"The file has no column {', '.join(absent)}."
        raise UnknownColumn(message, "Name columns as in the file's header.")
    pairs = _pairs(session.batches("given"), keying, column, _old_values(keying, column, old, salt))
    schema = pa.schema([("old_pseudonym", pa.string()), ("pseudonym", pa.string())])
    session.take("all_pairs", pa.RecordBatchReader.from_batches(schema, pairs))
    session.table(
        "pairs",
        Query(
            "select distinct * from all_pairs where old_pseudonym is not null and pseudonym is not null", ("all_pairs",)
        ),
    )
    _require_one_to_one(session)
    n_rows = session.whole(Query("select count(*) from given", ("given",)))
    n_kept = session.whole(Query("select count(*) from pairs", ("pairs",)))
    n_left_out = session.whole(
        Query("select count(*) from all_pairs where old_pseudonym is null or pseudonym is null", ("all_pairs",))
    )
    session.export(Query("select old_pseudonym, pseudonym from pairs order by pseudonym", ("pairs",)), out)
    return {"n_rows": n_rows, "n_pairs": n_kept, "n_left_out": n_left_out}


OldValues = Callable[[pa.RecordBatch, pa.Array], pa.Array]


def _old_values(keying: Keying, column: str, old: str | None, salt: Secret | None) -> OldValues:
    """Return how old pseudonyms are had: read from a column, or computed from the cleaned identifiers."""
    if old is not None:
        return lambda batch, _: plain_texts(batch.column(batch.schema.get_field_index(old)))
    if salt is None:
        message = "Old pseudonyms are read from a column, or computed under a salt."
        raise InputError(message, "Name the column with --old, or the salt's file with --legacy-salt-file.")
    name = LEGACY_NAMES.get(keying.domains[column].kind, column)
    return lambda _, cleaned: legacy_digests({name: cleaned}, salt)


def _pairs(
    batches: pa.RecordBatchReader, keying: Keying, column: str, old_values: OldValues
) -> Iterator[pa.RecordBatch]:
    domain, key = keying.domains[column], keying.keys[column]
    for batch in batches:
        sent = pc.fill_null(plain_texts(batch.column(batch.schema.get_field_index(column))), "")
        cleaned, _ = canonical_identifiers(sent, domain.kind, synthetic_allowed=keying.synthetic_allowed)
        held = pc.utf8_trim_whitespace(old_values(batch, cleaned))
        held = pc.if_else(pc.equal(pc.binary_length(held), 0), pa.scalar(None, pa.string()), held)
        yield pa.RecordBatch.from_arrays(
            [held, pseudonyms_of(cleaned, key, domain)], names=["old_pseudonym", "pseudonym"]
        )


def _require_one_to_one(session: Session) -> None:
    for one, several in (("pseudonym", "old_pseudonym"), ("old_pseudonym", "pseudonym")):
        text = f"select count(*) from (select 1 from pairs group by {quote(one)} having count(distinct {quote(several)}) > 1)"  # noqa: S608
        n_torn = session.whole(Query(text, ("pairs",)))
        if n_torn:
            message = f"The list is not one to one: {n_torn} values of {one} have more than one {several}."
            raise InputError(
                message, "Mend the list: each person has one old pseudonym, and each old pseudonym one person."
            )
