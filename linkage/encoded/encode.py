"""From a partner's clear rows to encodings: tokens in SQL, hashes on distinct tokens, bits set and joined in numpy.

Nothing is hashed row by row: a value with its salt is encoded once however many records hold it, and a token once
however many values hold it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from cld.engine import Query, Session, quote
from linkage.encoded.keyring import Keyring
from linkage.encoded.scheme import BIRTH_YEAR, EncodedField, EncodingScheme, ExactKey, FieldKind, Hardening, Salt

__all__ = ["clean_rows", "encode_field", "encode_keys", "encode_salt_tags", "encode_values", "harden"]

VALUES_AT_ONCE = 16_384
Bits = npt.NDArray[np.uint8]
Places = npt.NDArray[np.int64]
NO_SALT: Final = ""
# the digits of a day that vary: day, month, decade and year
DATE_TOKENS = """list_value('d' || value[7], 'e' || value[8], 'm' || value[5], 'n' || value[6],
        'y' || value[1:3], 'z' || value[4])"""


def _cleaned(field: EncodedField, column: str) -> str:
    """Return SQL for the one form of a value.

    Nulls:  blank, a date that is none, and an identifier of one repeated character (a placeholder) become null.
    """
    text = f"upper(strip_accents(cast({quote(column)} as varchar)))"
    match field.kind:
        case FieldKind.NAME:
            cleaned = f"regexp_replace({text}, '[^A-Z]', '', 'g')"
        case FieldKind.DATE:
            forms = "['%Y-%m-%d', '%Y%m%d', '%d/%m/%Y', '%Y-%m-%d %H:%M:%S']"
            return f"strftime(try_strptime(trim(cast({quote(column)} as varchar)), {forms}), '%Y%m%d')"
        case FieldKind.TEXT | FieldKind.CATEGORY:
            cleaned = f"regexp_replace({text}, '[^A-Z0-9]', '', 'g')"
        case FieldKind.IDENTIFIER:
            plain = f"regexp_replace({text}, '[^A-Z0-9]', '', 'g')"
            cleaned = f"case when replace({plain}, left({plain}, 1), '') <> '' then {plain} end"
    return f"nullif({cleaned}, '')"


def clean_rows(scheme: EncodingScheme, columns: Mapping[str, str], source: str, id_column: str) -> Query:
    """Return the query of the rows in the form that is encoded, numbered by record id.

    Shape:  out n rows x (place, record_id, one column a field, salt); a field without a column is null throughout.
    Order:  by record_id.
    Nulls:  salt is null where there is no date of birth; salted fields then stay unencoded.
    """
    cells = [
        f"{_cleaned(field, columns[field.name]) if field.name in columns else 'cast(null as varchar)'} as {quote(field.name)}"
        for field in scheme.fields
    ]
    birth = quote(scheme.birth_field)
    salt = {Salt.NONE: "''", Salt.BIRTH_DATE: birth, Salt.BIRTH_YEAR: f"{birth}[1:4]"}[scheme.salt]
    text = f"""
        with cleaned as (select cast({quote(id_column)} as varchar) as record_id, {", ".join(cells)} from {quote(source)})
        select row_number() over (order by record_id) - 1 as place, *, {salt} as salt from cleaned order by place
    """  # noqa: S608 - names quoted, constants ours
    return Query(text, (source,))


def _tokens(field: EncodedField, scheme: EncodingScheme) -> str:
    match field.kind:
        case FieldKind.DATE:
            return DATE_TOKENS
        case FieldKind.CATEGORY:
            return "list_value(value)"
        case FieldKind.IDENTIFIER:
            return "list_transform(range(1, length(value) + 1), lambda p: p::varchar || ':' || value[p])"
        case FieldKind.NAME | FieldKind.TEXT:
            pad = "_" * (scheme.q - 1) if scheme.padded else ""
            n_grams = f"greatest(length(value) + {2 * len(pad) - scheme.q + 1}, 1)"
            return (
                f"list_transform(range(1, {n_grams} + 1), lambda p: substr('{pad}' || value || '{pad}', p, {scheme.q}))"
            )


def encode_field(session: Session, rows: str, field: EncodedField, keyring: Keyring) -> tuple[Bits, Places]:
    """Return the hardened filters of a field's distinct values and, for each row, which of them is its own.

    Shape:  in the table of clean_rows; out (d rows x n_bits_out / 8 bytes, n rows of 0..d-1, or -1 for none).
    Source: Schnell, Bachteler and Reiher 2009; Niedermeyer et al. 2014 (salting).
    """
    salt = "salt" if field.salted else f"'{NO_SALT}'"
    texts = f"select place, {quote(field.name)} as value, {salt} as salt from {quote(rows)}"
    session.table("field_values", Query(f"{texts} order by place", (rows,)))
    distinct = """
        select row_number() over (order by salt, value) - 1 as value_place, salt, value
        from (select distinct salt, value from field_values where value is not null and salt is not null)
        order by value_place
    """
    session.table("distinct_values", Query(distinct, ("field_values",)))
    places = """
        select coalesce(d.value_place, -1) as value_place
        from field_values f left join distinct_values d using (salt, value) order by f.place
    """
    own = session.arrow(Query(places, ("field_values", "distinct_values")))["value_place"].to_numpy()
    return _encode_distinct(session, field, keyring), own


def _encode_distinct(session: Session, field: EncodedField, keyring: Keyring) -> Bits:
    """Encode the table ``distinct_values``; tokens repeated in a value count once."""
    cut = f"select distinct value_place, salt, unnest({_tokens(field, keyring.scheme)}) as token from distinct_values"  # noqa: S608
    session.table("value_tokens", Query(cut, ("distinct_values",)))
    numbered = """
        select row_number() over (order by salt, token) - 1 as token_place, salt, token
        from (select distinct salt, token from value_tokens) order by token_place
    """
    session.table("tokens", Query(numbered, ("value_tokens",)))
    tokens = session.arrow(Query("select salt, token from tokens order by token_place", ("tokens",)))
    listed = list(zip(tokens["salt"].to_pylist(), tokens["token"].to_pylist(), strict=True))
    positions = keyring.positions(field.name, listed, field.n_hashes)
    uses = """
        select v.value_place, t.token_place from value_tokens v join tokens t using (salt, token)
        order by value_place, token_place
    """
    used = session.arrow(Query(uses, ("value_tokens", "tokens")))
    n_values = session.whole(Query("select count(*) from distinct_values", ("distinct_values",)))
    return _filters(used["value_place"].to_numpy(), used["token_place"].to_numpy(), positions, n_values, field, keyring)


def _filters(
    values: Places,
    tokens: Places,
    positions: npt.NDArray[np.uint16],
    n_values: int,
    field: EncodedField,
    keyring: Keyring,
) -> Bits:
    """Set the bits of every value, block by block, and harden them."""
    scheme = keyring.scheme
    sources = keyring.diffusion(field.name)
    made = np.empty((n_values, scheme.n_bits_out // 8), dtype=np.uint8)
    for start in range(0, n_values, VALUES_AT_ONCE):
        stop = min(start + VALUES_AT_ONCE, n_values)
        first, last = np.searchsorted(values, (start, stop))
        bits = np.zeros((scheme.n_bits, stop - start), dtype=np.uint8)
        bits[positions[tokens[first:last]], (values[first:last] - start)[:, None]] = 1
        made[start:stop] = harden(bits, scheme, sources)
    return made


def harden(bits: Bits, scheme: EncodingScheme, sources: npt.NDArray[np.uint16]) -> Bits:
    """Join bits as the scheme says.

    Shape:  in n_bits rows x v values, one byte a bit; out v rows x n_bits_out / 8 bytes.
    Source: Armknecht, Heng and Schnell 2023 (diffusion); Schnell and Borgs 2016 (XOR folding).
    """
    columns = np.packbits(bits, axis=1)
    match scheme.hardening:
        case Hardening.DIFFUSION:
            joined = np.bitwise_xor.reduce([columns[sources[:, place]] for place in range(scheme.n_diffused)], axis=0)
        case Hardening.XOR_FOLD:
            joined = columns[: scheme.n_bits_out] ^ columns[scheme.n_bits_out :]
        case Hardening.NONE:
            joined = columns
    whole = np.unpackbits(joined, axis=1, count=bits.shape[1])
    return np.packbits(np.ascontiguousarray(whole.T), axis=1)


def encode_values(session: Session, values: pa.Table, field: EncodedField, keyring: Keyring) -> Bits:
    """Encode values that are clean already.

    Shape:  in v rows x (value, salt), no nulls; out v rows x n_bits_out / 8 bytes, in the order given.
    """
    places = pa.array(range(values.num_rows), pa.int64())
    session.take("given_values", pa.table({"place": places, field.name: values["value"], "salt": values["salt"]}))
    made, own = encode_field(session, "given_values", field, keyring)
    session.drop("given_values")
    return made[own]


def encode_keys(session: Session, rows: str, key: ExactKey, keyring: Keyring) -> list[bytes | None]:
    """Return a row's exact key, or None where a part is missing. Names are keyed in the order given.

    Nulls:  a key with a missing part is no key: two gaps never agree.
    Source: RFC 2104.
    """
    birth = quote(keyring.scheme.birth_field)
    cells = [f"{birth}[1:4]" if part == BIRTH_YEAR else quote(part) for part in key.parts]
    whole = " and ".join(f"{cell} is not null" for cell in cells)
    text = f"select place, case when {whole} then list_value({', '.join(cells)}) end as parts from {quote(rows)}"  # noqa: S608
    session.table("key_values", Query(f"{text} order by place", (rows,)))
    listed = "select distinct parts from key_values where parts is not null order by parts"
    distinct = session.arrow(Query(listed, ("key_values",)))["parts"].to_pylist()
    keys = keyring.exact_keys(key.name, distinct)
    made = pa.table({"parts": pa.array(distinct, pa.list_(pa.string())), "made": pa.array(keys, pa.binary())})
    session.take("made_keys", made)
    joined = "select m.made from key_values k left join made_keys m on m.parts = k.parts order by k.place"
    answer: list[bytes | None] = session.arrow(Query(joined, ("key_values", "made_keys")))["made"].to_pylist()
    session.drop("made_keys")
    return answer


def encode_salt_tags(session: Session, rows: str, keyring: Keyring) -> list[int | None]:
    """Return for each row the tag of its salt, by which a linker knows names that cannot be compared."""
    salts = session.arrow(Query(f"select salt from {quote(rows)} order by place", (rows,)))["salt"].to_pylist()  # noqa: S608
    tags = {salt: keyring.salt_tag(salt) for salt in sorted({salt for salt in salts if salt is not None})}
    return [tags.get(salt) for salt in salts]
