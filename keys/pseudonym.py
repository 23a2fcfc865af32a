"""Pseudonyms: HMAC-SHA-256 cut to 120 bits, printed as 27 characters, computed a column at a time; no table is kept.

Sixty-four bits as a whole number are there as an option, with the number of collisions that is to be expected.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from enum import StrEnum

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from Crypto.Hash import TupleHash256

from cld.engine import Query, Session, quote
from cld.errors import InputError, InvariantBroken
from keys.canonical import canonical_identifiers
from keys.derivation import PseudonymDomain, Secret
from keys.routes import plain_tags, tags_of
from keys.text_form import ALPHABET, VERSION_LETTERS, Tags, encode_tags, read_texts, version_letter

__all__ = [
    "PseudonymForm",
    "check_texts",
    "context_fingerprint",
    "expected_collisions",
    "find_identifiers",
    "form_of",
    "is_well_formed",
    "plain_pseudonym",
    "pseudonym_table",
    "pseudonyms_of",
    "version_of",
]

IDENTIFIERS_AT_ONCE = 262_144
TAG_BITS = 120
WORD_BITS = 64
WHOLE_NUMBER = re.compile(r"0|-?[1-9][0-9]{0,18}", re.ASCII)
CHECKED_KINDS = ("person", "nhs")


class PseudonymForm(StrEnum):
    """How a pseudonym is written: text of 27 characters, or a whole number of 64 bits."""

    TEXT = "text"
    BIGINT = "bigint"


ARROW_TYPE = {PseudonymForm.TEXT: pa.string(), PseudonymForm.BIGINT: pa.int64()}


def expected_collisions(n_persons: int, form: PseudonymForm) -> float:
    """Return how many pairs of persons are expected to share a pseudonym: n^2 / 2^(bits + 1)."""
    bits = TAG_BITS if form is PseudonymForm.TEXT else WORD_BITS
    return float(n_persons) ** 2 / 2.0 ** (bits + 1)


def context_fingerprint(domain: PseudonymDomain) -> str:
    """Return a short public name of a domain, by TupleHash256 (SP 800-185), which no joining of parts can confuse."""
    made = TupleHash256.new(digest_bytes=16, custom=b"caregate/domain")
    for part in (domain.recipient, domain.agreement, domain.family, domain.kind, str(domain.version)):
        made.update(part.encode())
    return str(made.hexdigest())


def written(tags: Tags, domain: PseudonymDomain, form: PseudonymForm) -> pa.Array:
    """Write tags in a form: text, or their first 64 bits as a signed whole number."""
    if form is PseudonymForm.TEXT:
        return encode_tags(tags, domain)
    return pa.array(tags.high.view(np.int64), pa.int64())


def pseudonyms_of(
    identifiers: pa.Array, key: Secret, domain: PseudonymDomain, form: PseudonymForm = PseudonymForm.TEXT
) -> pa.Array:
    """Return the pseudonyms of a column of identifiers as they are keyed.

    Shape:  in n identifiers, out n pseudonyms, in order.
    Nulls:  stay null.
    """
    if identifiers.null_count == 0:
        return written(tags_of(key, identifiers), domain, form)
    held = written(tags_of(key, identifiers.drop_null()), domain, form)
    places = np.cumsum(identifiers.is_valid().to_numpy(zero_copy_only=False)) - 1
    return held.take(pa.array(places, pa.int64(), mask=identifiers.is_null().to_numpy(zero_copy_only=False)))


def check_texts(texts: pa.Array, domain: PseudonymDomain | None) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Return, for each text, whether it is no pseudonym at all and whether it is one of another domain.

    Nulls:  none may stand in the column.
    """
    tags, letters, characters, whole = read_texts(texts)
    other = np.zeros(len(texts), dtype=bool)
    if domain is not None:
        there = encode_tags(tags, domain).buffers()[2]
        wanted = np.frombuffer(there, dtype=np.uint8).reshape(-1, 27)[:, 26] if len(tags) else characters
        version = ALPHABET.index(version_letter(domain.version))
        other = whole & ((_LETTER_OF[characters] != wanted) | (letters != version))
    return ~whole, other


_LETTER_OF = np.frombuffer(ALPHABET.encode(), dtype=np.uint8)


def version_of(texts: tuple[str, ...]) -> int:
    """Return the key version that some pseudonyms of one domain name by their first letter.

    Raises: InputError if they name none, or more than one.
    """
    letters = {text[:1] for text in texts}
    if len(letters) != 1 or not letters <= set(VERSION_LETTERS):
        message = "The pseudonyms name no key version, or more than one."
        raise InputError(message, "Ask about one version at a time.")
    return VERSION_LETTERS.index(letters.pop()) + 1


def form_of(texts: Sequence[str]) -> PseudonymForm:
    """Return the form that some pseudonyms are written in: whole numbers of 64 bits, or else text."""
    numbers = all(WHOLE_NUMBER.fullmatch(text) and -(2**63) <= int(text) < 2**63 for text in texts)
    return PseudonymForm.BIGINT if texts and numbers else PseudonymForm.TEXT


def is_well_formed(text: str) -> bool:
    """Say whether a value has the form and the check character of a pseudonym."""
    return not check_texts(pa.array([text], pa.string()), None)[0][0]


def plain_pseudonym(key: Secret, domain: PseudonymDomain, identifier: str) -> str:
    """Compute one pseudonym the plain way. Source: RFC 2104, FIPS 198-1."""
    return str(encode_tags(plain_tags(key, pa.array([identifier], pa.string())), domain)[0].as_py())


def _distinct_identifiers(session: Session, source: str, column: str) -> Iterator[pa.Array]:
    """Yield the distinct non-null values of a column in pieces, so that no step holds them all."""
    numbered = "distinct_identifiers"
    session.table(
        numbered,
        Query(
            f"""
            select row_number() over () as place, identifier
            from (select distinct cast({quote(column)} as varchar) as identifier from {quote(source)}
                where {quote(column)} is not null)
            """,  # noqa: S608 - names quoted
            (source,),
        ),
    )
    n_distinct = session.whole(Query("select count(*) from distinct_identifiers", (numbered,)))
    for start in range(0, n_distinct, IDENTIFIERS_AT_ONCE):
        text = "select identifier from distinct_identifiers where place > $first and place <= $last"
        bounds = {"first": start, "last": start + IDENTIFIERS_AT_ONCE}
        yield session.arrow(Query(text, (numbered,), bounds))["identifier"].combine_chunks()
    session.drop(numbered)


def as_keyed(identifiers: pa.Array, kind: str) -> pa.Array:
    """Return identifiers of an extract as they are keyed: persons and checked numbers as they are, others in one spelling."""
    if kind in CHECKED_KINDS:
        return identifiers
    return canonical_identifiers(identifiers, kind, synthetic_allowed=True)[0]


def pseudonym_table(
    session: Session, name: str, source: str, column: str, key: Secret, domain: PseudonymDomain,
    form: PseudonymForm = PseudonymForm.TEXT,
) -> None:  # fmt: skip
    """Make a table of the distinct values of a column with their pseudonyms, for the length of a session.

    Shape:  in any table with the column; out d rows x (identifier, keyed, pseudonym), d distinct non-null values.
    Raises: InvariantBroken if two identifiers got one pseudonym.
    """
    kinds = {"identifier": pa.string(), "keyed": pa.string(), "pseudonym": ARROW_TYPE[form]}
    session.take(name, pa.table({part: pa.array([], kind) for part, kind in kinds.items()}))
    for identifiers in _distinct_identifiers(session, source, column):
        keyed = as_keyed(identifiers.cast(pa.string()), domain.kind)
        columns = (identifiers.cast(pa.string()), keyed, pseudonyms_of(keyed, key, domain, form))
        session.append(name, pa.table(dict(zip(kinds, columns, strict=True))))
    text = f"select count(distinct keyed), count(distinct pseudonym) from {quote(name)}"  # noqa: S608 - name quoted
    n_identifiers, n_pseudonyms = session.rows(Query(text, (name,)))[0]
    if n_identifiers != n_pseudonyms:
        message = "Two identifiers would share a pseudonym."
        raise InvariantBroken(message)


def find_identifiers(
    session: Session, source: str, column: str, key: Secret, kind: str, wanted: pa.Array
) -> dict[str, str]:
    """Return the identifiers in a column whose pseudonyms are wanted, by pseudonym: everything is computed again.

    Shape:  wanted: pseudonyms of one domain, as text, all whole or all whole numbers of 64 bits; out at most one identifier
            for each, as it was keyed.
    """
    texts = [str(text) for text in wanted.to_pylist()]
    form = form_of(texts)
    sought = dict(zip(_marks(_tags_in(texts, form), form), texts, strict=True))
    wanted_words = np.array([high for high, _ in sought], dtype=np.uint64)
    found: dict[str, str] = {}
    text = f"select distinct cast({quote(column)} as varchar) as identifier from {quote(source)} where {quote(column)} is not null"  # noqa: S608 - names quoted
    for batch in session.stream(Query(text, (source,))):
        identifiers = as_keyed(batch.column(0).cast(pa.string()), kind).drop_null()
        made = tags_of(key, identifiers)
        places = np.flatnonzero(np.isin(made.high, wanted_words))
        for place, mark in zip(places, _marks(Tags(made.high[places], made.low[places]), form), strict=True):
            if mark in sought:
                found[sought[mark]] = str(identifiers[int(place)].as_py())
    return found


def _tags_in(texts: Sequence[str], form: PseudonymForm) -> Tags:
    """Read tags back; a whole number holds the first 64 bits alone."""
    if form is PseudonymForm.TEXT:
        return read_texts(pa.array(texts, pa.string()))[0]
    high = np.array([int(text) for text in texts], dtype=np.int64).view(np.uint64)
    return Tags(high, np.zeros_like(high))


def _marks(tags: Tags, form: PseudonymForm) -> list[tuple[int, int]]:
    """Return what tells tags apart in a form."""
    low = tags.low if form is PseudonymForm.TEXT else np.zeros_like(tags.low)
    return [(int(one), int(other)) for one, other in zip(tags.high, low, strict=True)]
