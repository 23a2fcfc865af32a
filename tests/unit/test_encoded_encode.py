"""Encoding: keys, positions, tokens, hardening and schemes."""

from __future__ import annotations

import hmac as plain_hmac
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from Crypto.Hash import HMAC, SHA256
from Crypto.Protocol.KDF import HKDF

from cld.engine import Query, scratch_engine
from cld.errors import CLDError, KeyUnavailable, UnknownSpecification
from linkage.encoded.encode import clean_rows, encode_field, encode_keys, encode_values, harden
from linkage.encoded.keyring import Keyring, encode_context
from linkage.encoded.scheme import (
    DEFAULT_FIELDS,
    EncodedField,
    EncodingScheme,
    ExactKey,
    FieldKind,
    Hardening,
    breakable_scheme_for_attack_tests,
)
from tests.lib.tables import arrow_of

SECRET = bytes(range(32))
SCHEME = EncodingScheme()
KEYS = Keyring(SECRET, SCHEME)
NAME = DEFAULT_FIELDS[0]


def test_a_second_library_derives_the_same_keys_and_positions() -> None:
    """pycryptodome against cryptography and the standard library, from the construction as the docstring says it."""
    info = encode_context("caregate/encoded", 1, SCHEME.digest, "positions", "given_name")
    key = HKDF(SECRET, 32, b"", SHA256, context=info)
    assert key == KEYS.derive("positions", "given_name")
    tokens = [("1940", "_M"), ("1940", "MA"), ("1941", "_M"), ("", "É?")]
    for (salt, token), found in zip(tokens, KEYS.positions("given_name", tokens, 24), strict=True):
        stream = b"".join(HMAC.new(key, encode_context(salt, token, block), SHA256).digest() for block in range(2))
        wanted = [int.from_bytes(stream[2 * i : 2 * i + 2], "big") % 1024 for i in range(24)]
        assert found.tolist() == wanted


def test_a_second_library_makes_the_same_exact_key() -> None:
    key = HKDF(SECRET, 32, b"", SHA256, context=encode_context("caregate/encoded", 1, SCHEME.digest, "key", "birth"))
    wanted = HMAC.new(key, encode_context("19400302"), SHA256).digest()[:16]
    assert KEYS.exact_key("birth", ["19400302"]) == wanted == KEYS.exact_keys("birth", [["19400302"]])[0]
    assert plain_hmac.digest(key, encode_context("19400302"), "sha256")[:16] == wanted


def test_keys_depend_on_secret_scheme_purpose_and_field() -> None:
    other = Keyring(bytes(range(1, 33)), SCHEME), Keyring(SECRET, replace(SCHEME, n_diffused=7))
    made = {KEYS.derive("positions", "sex"), KEYS.derive("key", "sex"), KEYS.derive("positions", "postcode")}
    made |= {keys.derive("positions", "sex") for keys in other}
    assert len(made) == 5
    assert len({KEYS.check_value(), *(keys.check_value() for keys in other)}) == 3


@pytest.mark.parametrize("secret", [b"", bytes(32), b"k" * 32, bytes(range(31))])
def test_a_secret_that_is_none_is_refused(secret: bytes) -> None:
    with pytest.raises(KeyUnavailable):
        Keyring(secret, SCHEME)


def test_the_secret_is_not_shown() -> None:
    assert "secret" not in repr(Keyring(b"0123456789abcdef" * 2, SCHEME)).replace("linkage", "")
    assert "0123456789" not in repr(Keyring(b"0123456789abcdef" * 2, SCHEME))


ROWS = """
| id | given  | family  | born       | pc      | nhs          |
| b  | Zoë    | O'Neill | 1940-03-02 | ln1 1aa | 900 000 0009 |
| a  | Ann    | Smith   | 02/03/1940 |         |              |
| c  | Ann    |         | 1941-13-45 | LN1 1AA | 9000000009   |
| d  | --     | Smith   | 19400302   | LN1 1AA | 9000000009   |
| e  | Bo     |         |            |         | 9999 99 9999 |
"""
COLUMNS = {
    "given_name": "given",
    "family_name": "family",
    "date_of_birth": "born",
    "postcode": "pc",
    "nhs_number": "nhs",
}


@pytest.fixture
def session(tmp_path: Path) -> Any:  # noqa: ANN401 - a fixture that yields
    with scratch_engine(tmp_path).session() as opened:
        opened.take("given_rows", arrow_of(ROWS))
        opened.table("rows", clean_rows(SCHEME, COLUMNS, "given_rows", "id"))
        yield opened


def test_rows_are_cleaned_and_ordered_by_id(session: Any) -> None:  # noqa: ANN401
    text = "select record_id, given_name, family_name, date_of_birth, sex, postcode, nhs_number, salt from rows order by place"
    assert session.rows(Query(text, ("rows",))) == [
        ("a", "ANN", "SMITH", "19400302", None, None, None, "1940"),
        ("b", "ZOE", "ONEILL", "19400302", None, "LN11AA", "9000000009", "1940"),
        ("c", "ANN", None, None, None, "LN11AA", "9000000009", None),
        ("d", None, "SMITH", "19400302", None, "LN11AA", "9000000009", "1940"),
        ("e", "BO", None, None, None, None, None, None),
    ]


def test_equal_values_of_one_year_are_equal_and_without_a_salt_there_is_no_name(session: Any) -> None:  # noqa: ANN401
    filters, own = encode_field(session, "rows", DEFAULT_FIELDS[1], KEYS)
    assert own[0] == own[3] >= 0
    assert own[1] not in (own[0], -1)
    assert own[2] == -1
    assert filters.shape == (2, 128)


def test_a_key_with_a_missing_part_is_no_key(session: Any) -> None:  # noqa: ANN401
    made = encode_keys(session, "rows", ExactKey("k", ("family_name", "date_of_birth")), KEYS)
    assert made[0] == made[3] != made[1]
    assert made[2] is None
    assert made[0] == KEYS.exact_key("k", ["SMITH", "19400302"])
    by_year = encode_keys(session, "rows", ExactKey("y", ("family_name", "birth_year")), KEYS)
    assert by_year[0] == KEYS.exact_key("y", ["SMITH", "1940"])


def test_a_bare_filter_holds_exactly_the_bits_of_its_tokens(tmp_path: Path) -> None:
    """The plain oracle: token by token, bit by bit."""
    keys = Keyring(SECRET, breakable_scheme_for_attack_tests())
    tokens = ["_A", "AN", "NN", "N_"]
    wanted = np.zeros(1024, dtype=np.uint8)
    wanted[keys.positions("given_name", [("", token) for token in tokens], 24).ravel()] = 1
    with scratch_engine(tmp_path).session() as session:
        made = encode_values(session, pa.table({"value": ["ANN"], "salt": [""]}), NAME, keys)
    assert np.unpackbits(made[0]).tolist() == wanted.tolist()


def test_a_diffused_bit_is_the_xor_of_its_sources() -> None:
    bits = np.random.default_rng(1).integers(0, 2, (1024, 5), dtype=np.uint8)
    sources = KEYS.diffusion("given_name")
    made = np.unpackbits(harden(bits, SCHEME, sources), axis=1)
    for value in range(5):
        wanted = [int(bits[sources[bit], value].sum()) % 2 for bit in range(1024)]
        assert made[value].tolist() == wanted
    assert all(len(set(row)) == SCHEME.n_diffused for row in sources.tolist())


def test_a_folded_filter_is_the_xor_of_its_halves() -> None:
    scheme = replace(SCHEME, hardening=Hardening.XOR_FOLD)
    bits = np.random.default_rng(2).integers(0, 2, (1024, 3), dtype=np.uint8)
    made = np.unpackbits(harden(bits, scheme, KEYS.diffusion("x")), axis=1)
    assert made.tolist() == (bits[:512] ^ bits[512:]).T.tolist()


def test_flips_are_as_many_as_stated_and_differ_by_rows() -> None:
    keys = Keyring(SECRET, replace(SCHEME, flips_per_thousand=50))
    first, again, other = (keys.noise("sex", nonce * 16, (200, 1024)) for nonce in (b"a", b"a", b"b"))
    assert 0.048 < first.mean() < 0.052
    assert (first == again).all()
    assert (first != other).any()


def test_a_scheme_is_read_back_as_written() -> None:
    assert EncodingScheme.from_json(SCHEME.as_json()) == SCHEME
    assert SCHEME.is_hardened
    assert not breakable_scheme_for_attack_tests().is_hardened


@pytest.mark.parametrize(
    "change",
    [{"version": 2}, {"hardening": "magic"}, {"extra": 1}, {"n_bits": 1000}, {"q": "2"}, {"fields": None}],
    ids=str,
)
def test_a_scheme_that_says_more_less_or_otherwise_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(UnknownSpecification):
        EncodingScheme.from_json({**SCHEME.as_json(), **change})


@pytest.mark.parametrize(
    "change",
    [
        {"n_diffused": 0},
        {"flips_per_thousand": 500},
        {"birth_field": "given_name"},
        {"fields": (*DEFAULT_FIELDS, DEFAULT_FIELDS[0])},
        {"fields": (*DEFAULT_FIELDS, EncodedField("birth_year", FieldKind.CATEGORY, 9))},
        {"fields": (*DEFAULT_FIELDS, EncodedField("town", FieldKind.TEXT, 900))},
        {"keys": (ExactKey("k", ("shoe_size",)),)},
        {"keys": (ExactKey("k", ("nhs_number", "given_name", "family_name"), settles=True),)},
        {"keys": (ExactKey("k", ("nhs_number", "date_of_birth"), settles=True),)},
    ],
    ids=str,
)
def test_a_scheme_that_cannot_work_cannot_be_made(change: dict[str, Any]) -> None:
    with pytest.raises(CLDError):
        replace(SCHEME, **change)
