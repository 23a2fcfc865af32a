"""Pseudonyms: HMAC-SHA-256 cut to 120 bits, printed as 27 characters, computed set by set inside the engine.

Version letter, 24 Crockford base-32 characters, a check character over GF(32), a domain character. Two independent
computations (one plain, one in SQL) are held against ``hmac.digest`` before the first use.
"""

from __future__ import annotations

import hashlib
import hmac

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from Crypto.Hash import TupleHash256

from cld.engine import Query, Session, quote
from cld.errors import InvariantBroken
from keys.derivation import PseudonymDomain, Secret, encode_context

__all__ = [
    "check_texts",
    "domain_multipliers",
    "encode_tags",
    "is_well_formed",
    "plain_pseudonym",
    "pseudonym_table",
    "self_test",
]

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
LETTERS = np.frombuffer(ALPHABET.encode(), dtype=np.uint8)
VERSION_LETTERS = "ABCDEFGHJKMNPQRSTVWXYZ"
TAG_BYTES = 15
N_SYMBOLS = 24
N_LETTERS = 27
FIRST_LETTER = 10
VALUES = np.full(256, 255, dtype=np.uint8)
VALUES[LETTERS] = np.arange(32, dtype=np.uint8)
BLOCK = 64
SELF_TEST_INPUTS = 10_000
Bytes = npt.NDArray[np.uint8]


def _field_powers() -> tuple[list[int], list[int]]:
    """Powers and logarithms of a generator of GF(32), modulus x^5 + x^2 + 1."""
    powers, logs, value = [], [0] * 32, 1
    for exponent in range(31):
        powers.append(value)
        logs[value] = exponent
        value = (value << 1) ^ (0b100101 if value & 16 else 0)
    return powers, logs


POWERS, LOGS = _field_powers()
TIMES = np.array(
    [[POWERS[(LOGS[a] + LOGS[b]) % 31] if a and b else 0 for b in range(32)] for a in range(32)], dtype=np.uint8
)


def domain_multipliers(domain: PseudonymDomain) -> tuple[int, int]:
    """Return the two odd numbers that make the domain character; anyone who knows the domain's names can."""
    digest = hashlib.sha256(
        encode_context(
            "caregate/domain-tag", domain.recipient, domain.agreement, domain.family, domain.kind, domain.version
        )
    ).digest()
    return int.from_bytes(digest[:8], "big") | 1, int.from_bytes(digest[8:16], "big") | 1


def context_fingerprint(domain: PseudonymDomain) -> str:
    """Return a short public name of a domain, by TupleHash256 (SP 800-185), which no joining of parts can confuse."""
    made = TupleHash256.new(digest_bytes=16, custom=b"caregate/domain")
    for part in (domain.recipient, domain.agreement, domain.family, domain.kind, str(domain.version)):
        made.update(part.encode())
    return str(made.hexdigest())


def _symbols(tags: Bytes) -> Bytes:
    bits = np.unpackbits(tags, axis=1).reshape(len(tags), N_SYMBOLS, 5)
    weights = np.array([16, 8, 4, 2, 1], dtype=np.uint8)
    return np.asarray((bits * weights).sum(axis=2, dtype=np.uint8))


def _check_symbols(with_version: Bytes) -> Bytes:
    check = np.zeros(len(with_version), dtype=np.uint8)
    for place in range(with_version.shape[1]):
        check ^= TIMES[POWERS[(place + 1) % 31], with_version[:, place]]
    return check


def _domain_symbols(tags: Bytes, domain: PseudonymDomain) -> Bytes:
    first, second = domain_multipliers(domain)
    high = tags[:, :8].copy().view(">u8").ravel().astype(np.uint64)
    low = np.zeros((len(tags), 8), dtype=np.uint8)
    low[:, 1:] = tags[:, 8:]
    low64 = low.view(">u8").ravel().astype(np.uint64)
    with np.errstate(over="ignore"):
        mixed = np.uint64(first) * high + np.uint64(second) * low64
    return (mixed >> np.uint64(59)).astype(np.uint8)


def encode_tags(tags: Bytes, domain: PseudonymDomain) -> list[str]:
    """Print 120-bit tags (n x 15 bytes) as pseudonyms of a domain."""
    version = VERSION_LETTERS[(domain.version - 1) % len(VERSION_LETTERS)]
    symbols = np.empty((len(tags), 27), dtype=np.uint8)
    symbols[:, 0] = ALPHABET.index(version)
    symbols[:, 1:25] = _symbols(tags)
    symbols[:, 25] = _check_symbols(symbols[:, :25])
    symbols[:, 26] = _domain_symbols(tags, domain)
    joined = LETTERS[symbols].tobytes().decode()
    return [joined[start : start + 27] for start in range(0, len(joined), 27)]


def check_texts(
    texts: list[str], domain: PseudonymDomain | None
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Return, for each text, whether it is no pseudonym at all and whether it is one of another domain."""
    whole = np.array([len(text) == N_LETTERS and text.isascii() for text in texts], dtype=bool)
    joined = "".join(text for text, fits in zip(texts, whole, strict=True) if fits)
    symbols = VALUES[np.frombuffer(joined.encode(), dtype=np.uint8).reshape(-1, N_LETTERS)]
    known = (symbols < len(ALPHABET)).all(axis=1) & (symbols[:, 0] >= FIRST_LETTER)
    kept = np.where(symbols < len(ALPHABET), symbols, 0).astype(np.uint8)
    good = known & (_check_symbols(kept[:, :25]) == kept[:, 25])
    bad = np.ones(len(texts), dtype=bool)
    bad[np.flatnonzero(whole)] = ~good
    other = np.zeros(len(texts), dtype=bool)
    if domain is not None:
        bits = np.unpackbits(kept[:, 1:25, None], axis=2)[:, :, 3:].reshape(len(kept), -1)
        other[np.flatnonzero(whole)] = _domain_symbols(np.packbits(bits, axis=1), domain) != kept[:, 26]
    return bad, other


def is_well_formed(text: str) -> bool:
    """Say whether a value has the form and the check character of a pseudonym."""
    return not check_texts([text], None)[0][0]


def plain_pseudonym(key: Secret, domain: PseudonymDomain, identifier: str) -> str:
    """Compute one pseudonym the plain way. Source: RFC 2104, FIPS 198-1."""
    tag = hmac.digest(key.reveal(), identifier.encode(), "sha256")[:TAG_BYTES]
    return encode_tags(np.frombuffer(tag, dtype=np.uint8).reshape(1, TAG_BYTES), domain)[0]


def pseudonym_table(
    session: Session, name: str, source: str, column: str, key: Secret, domain: PseudonymDomain
) -> None:
    """Make a table (identifier, pseudonym) of the distinct values of a column.

    Shape:  in any table with the column; out d rows x (identifier, pseudonym), d distinct non-null identifiers.
    Raises: InvariantBroken if two identifiers got one pseudonym.
    """
    padded = key.reveal().ljust(BLOCK, b"\0")
    inner, outer = (bytes(byte ^ pad for byte in padded) for pad in (0x36, 0x5C))
    tagged = session.arrow(
        Query(
            f"""
            select identifier, unhex(sha256($outer::blob || unhex(sha256($inner::blob || encode(identifier))))) as tag
            from (select distinct cast({quote(column)} as varchar) as identifier from {quote(source)}
                where {quote(column)} is not null)
            order by identifier
            """,  # noqa: S608 - names quoted, key bound
            (source,),
            {"inner": inner, "outer": outer},
        )
    )
    tags = np.frombuffer(b"".join(tagged["tag"].to_pylist()), dtype=np.uint8).reshape(-1, 32)[:, :TAG_BYTES]
    pseudonyms = encode_tags(np.ascontiguousarray(tags), domain)
    if len(set(pseudonyms)) != tagged.num_rows:
        message = "Two identifiers would share a pseudonym."
        raise InvariantBroken(message)
    session.take(name, pa.table({"identifier": tagged["identifier"], "pseudonym": pa.array(pseudonyms, pa.string())}))


_AGREED: list[bool] = []
"""Holds one entry once the two computations have agreed in this process."""


def self_test(session: Session) -> None:
    """Hold the two computations against each other on 10,000 inputs, once in the life of a process.

    Raises: InvariantBroken at the first difference.
    """
    if _AGREED:
        return
    key, domain = Secret(b"0123456789abcdef" * 4), PseudonymDomain("self", "test", "none", "nhs")
    session.table("self_test", Query(f"select cast(range * 99991 as varchar) as v from range({SELF_TEST_INPUTS})"))  # noqa: S608
    pseudonym_table(session, "self_test_out", "self_test", "v", key, domain)
    for identifier, pseudonym in session.rows(Query("select * from self_test_out order by all", ("self_test_out",))):
        if plain_pseudonym(key, domain, str(identifier)) != pseudonym:
            message = "The two computations of a pseudonym disagree."
            raise InvariantBroken(message, "Stop the service and reinstall it from the lock.")
    session.drop("self_test_out")
    session.drop("self_test")
    _AGREED.append(True)
