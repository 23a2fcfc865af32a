"""The text of a pseudonym: 27 characters made of a 120-bit tag, and read back, a whole column at a time.

Version letter, 24 Crockford base-32 characters, a check character over GF(32), a domain character. Tags travel as two
columns of whole numbers: the first 64 bits and the last 56.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from keys.derivation import PseudonymDomain, encode_context

__all__ = [
    "ALPHABET",
    "N_LETTERS",
    "Tags",
    "domain_multipliers",
    "encode_tags",
    "read_texts",
    "tags_from_digests",
    "tags_from_hexadecimal",
    "version_letter",
]

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
LETTERS = np.frombuffer(ALPHABET.encode(), dtype=np.uint8)
VERSION_LETTERS = "ABCDEFGHJKMNPQRSTVWXYZ"
N_LETTERS = 27
N_PAIRS = 12
FIRST_LETTER = 10
LOW_BITS = 56
TAG_BITS = 120
ROWS_AT_ONCE = 16_384
VALUES = np.full(256, 255, dtype=np.uint8)
VALUES[LETTERS] = np.arange(32, dtype=np.uint8)
Bytes = npt.NDArray[np.uint8]
Words = npt.NDArray[np.uint64]
Marks = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Tags:
    """A column of 120-bit tags: ``high`` their first 64 bits, ``low`` their last 56, as whole numbers."""

    high: Words
    low: Words

    def __len__(self) -> int:
        """Return the number of tags."""
        return len(self.high)


def _field_powers() -> tuple[list[int], list[int]]:
    """Powers and logarithms of a generator of GF(32), modulus x^5 + x^2 + 1."""
    powers, logs, value = [], [0] * 32, 1
    for exponent in range(31):
        powers.append(value)
        logs[value] = exponent
        value = (value << 1) ^ (0b100101 if value & 16 else 0)
    return powers, logs


POWERS, LOGS = _field_powers()


def _times(first: int, second: int) -> int:
    """Multiply in GF(32)."""
    return POWERS[(LOGS[first] + LOGS[second]) % 31] if first and second else 0


TIMES = np.array([[_times(first, second) for second in range(32)] for first in range(32)], dtype=np.uint8)


def _pair_tables() -> npt.NDArray[np.uint32]:
    """Return for each of twelve places, and ten bits there, the two characters (low half) and their part of the check."""
    tables = np.zeros((N_PAIRS, 1024), dtype=np.uint32)
    first, second = np.arange(1024) >> 5, np.arange(1024) & 31
    letters = LETTERS[first].astype(np.uint32) | (LETTERS[second].astype(np.uint32) << 8)
    for place in range(N_PAIRS):
        powers = POWERS[(2 * place + 2) % 31], POWERS[(2 * place + 3) % 31]
        check = TIMES[powers[0], first] ^ TIMES[powers[1], second]
        tables[place] = letters | (check.astype(np.uint32) << 16)
    return tables


PAIRS = _pair_tables()


def _hexadecimal_table() -> Bytes:
    """Return the byte that each two lower-case hexadecimal digits, read as a little-endian number, stand for."""
    table = np.zeros(65_536, dtype=np.uint8)
    for byte in range(256):
        table[int.from_bytes(f"{byte:02x}".encode(), "little")] = byte
    return table


HEXADECIMAL = _hexadecimal_table()


def _words(tags: Bytes) -> Tags:
    """Return the tags in n x 16 bytes of which the first 15 count."""
    words = tags.view(">u8")
    return Tags(words[:, 0].astype(np.uint64), words[:, 1].astype(np.uint64) >> np.uint64(8))


def tags_from_hexadecimal(digits: Bytes) -> Tags:
    """Cut digests written as lower-case hexadecimal to tags.

    Shape:  in n x 64 characters; out n tags.
    """
    pairs = np.ascontiguousarray(digits).view("<u2").reshape(-1, 32)[:, :16]
    return _words(HEXADECIMAL[pairs])


def tags_from_digests(digests: Bytes) -> Tags:
    """Cut SHA-256 digests to tags.

    Shape:  in n x 32 bytes; out n tags.
    """
    return _words(np.ascontiguousarray(digests[:, :16]))


def version_letter(version: int) -> str:
    """Return the letter of a key version: A for 1, B for 2, without I, L, O and U; after Z again A."""
    return VERSION_LETTERS[(version - 1) % len(VERSION_LETTERS)]


def domain_multipliers(domain: PseudonymDomain) -> tuple[int, int]:
    """Return the two odd numbers that make the domain character; anyone who knows the domain's names can."""
    digest = hashlib.sha256(
        encode_context(
            "caregate/domain-tag", domain.recipient, domain.agreement, domain.family, domain.kind, domain.version
        )
    ).digest()
    return int.from_bytes(digest[:8], "big") | 1, int.from_bytes(digest[8:16], "big") | 1


def _domain_symbols(tags: Tags, domain: PseudonymDomain) -> Bytes:
    first, second = domain_multipliers(domain)
    with np.errstate(over="ignore"):
        mixed = np.uint64(first) * tags.high + np.uint64(second) * tags.low
    return (mixed >> np.uint64(59)).astype(np.uint8)


def encode_tags(tags: Tags, domain: PseudonymDomain) -> pa.Array:
    """Print tags as pseudonyms of a domain.

    Shape:  in n tags; out an Arrow column of n texts of 27 characters, in order.
    """
    symbols = np.empty((len(tags), N_LETTERS), dtype=np.uint8)
    for start in range(0, len(tags), ROWS_AT_ONCE):
        part = slice(start, start + ROWS_AT_ONCE)
        _print(Tags(tags.high[part], tags.low[part]), domain, symbols[part])
    starts = np.arange(0, N_LETTERS * (len(tags) + 1), N_LETTERS, dtype=np.int32)
    return pa.StringArray.from_buffers(len(tags), pa.py_buffer(starts), pa.py_buffer(symbols))


def _print(tags: Tags, domain: PseudonymDomain, out: Bytes) -> None:
    """Write the characters of some tags, ten bits at a time."""
    letter = version_letter(domain.version)
    pairs = np.empty((len(tags), N_PAIRS), dtype="<u2")
    check = np.full(len(tags), TIMES[POWERS[1], ALPHABET.index(letter)], dtype=np.uint32)
    for place in range(N_PAIRS):
        found = PAIRS[place][_ten_bits(tags, place)]
        pairs[:, place] = found
        check ^= found >> np.uint32(16)
    out[:, 0] = ord(letter)
    out[:, 1:25] = pairs.view(np.uint8)
    out[:, 25] = LETTERS[check]
    out[:, 26] = LETTERS[_domain_symbols(tags, domain)]


def _ten_bits(tags: Tags, place: int) -> npt.NDArray[np.intp]:
    """Return ten bits of each tag, counted from its first; the seventh ten lie across both words."""
    below = 120 - 10 * (place + 1)
    if below >= LOW_BITS:
        taken = tags.high >> np.uint64(below - LOW_BITS)
    elif below + 10 <= LOW_BITS:
        taken = tags.low >> np.uint64(below)
    else:
        taken = (tags.high << np.uint64(LOW_BITS - below)) | (tags.low >> np.uint64(below))
    return (taken & np.uint64(1023)).astype(np.intp)


def read_texts(texts: pa.Array) -> tuple[Tags, Bytes, Bytes, Marks]:
    """Read texts that should be pseudonyms.

    Shape:  in n texts without nulls; out n tags, the values of their version letters and of their domain characters, and
            whether each is whole: 27 known characters, a letter first, the check character right.
    Nulls:  none may stand in the column; the tag of a text that is not whole means nothing.
    """
    fits, symbols = _symbols(texts)
    known = (symbols < len(ALPHABET)).all(axis=1) & (symbols[:, 0] >= FIRST_LETTER)
    kept = np.where(symbols < len(ALPHABET), symbols, 0).astype(np.uint8)
    check = np.zeros(len(kept), dtype=np.uint8)
    for place in range(25):
        check ^= TIMES[POWERS[(place + 1) % 31], kept[:, place]]
    bits = np.unpackbits(kept[:, 1:25, None], axis=2)[:, :, 3:].reshape(len(kept), TAG_BITS)
    packed = np.zeros((len(kept), 16), dtype=np.uint8)
    packed[:, :15] = np.packbits(bits, axis=1)
    return _words(packed), kept[:, 0], kept[:, 26], fits & known & (check == kept[:, 25])


def _symbols(texts: pa.Array) -> tuple[Marks, Bytes]:
    """Return whether each text has 27 bytes, and the value of each byte, 255 where it is no symbol."""
    column = texts.cast(pa.large_binary())
    offsets = np.frombuffer(column.buffers()[1], dtype=np.int64)[column.offset : column.offset + len(column) + 1]
    fits = np.diff(offsets) == N_LETTERS
    held = column.buffers()[2]
    content = np.frombuffer(held, dtype=np.uint8) if held is not None and held.size else np.zeros(0, np.uint8)
    symbols = np.full((len(column), N_LETTERS), 255, dtype=np.uint8)
    places = offsets[:-1][fits]
    if len(places):
        symbols[fits] = VALUES[content[places[:, None] + np.arange(N_LETTERS)]]
    return fits, symbols
