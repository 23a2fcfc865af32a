"""Canonical bytes and digests: what is signed, sealed or logged is first written one way only."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import rfc8785

from cld.errors import InvariantBroken

__all__ = ["CHUNK_BYTES", "canonical_bytes", "digest_of", "digest_of_bytes", "digest_of_file", "parsed_lines"]

CHUNK_BYTES = 1 << 20
MOST_EXACT = 1 << 53
FIRST_ASTRAL = "\U00010000"
ASTRAL_LEADS = tuple(range(0xF0, 0xF5))

_encode = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode


def canonical_bytes(value: Any) -> bytes:  # noqa: ANN401 - any JSON value
    """Write a JSON value as its one canonical form.

    The standard library's encoder writes the same bytes five times faster, except where key order by UTF-16 and by
    code point differ, a number is too large or a text is no Unicode: those go to the rfc8785 library.
    Raises: InvariantBroken for a float: nothing that is digested may hold one.
    Source: RFC 8785, JSON Canonicalization Scheme.
    """
    if not _is_plain(value):
        return rfc8785.dumps(value)
    try:
        return _encode(value).encode()
    except UnicodeEncodeError:
        return rfc8785.dumps(value)


def _is_plain(value: Any) -> bool:  # noqa: ANN401
    """Say whether the standard encoder writes this value as RFC 8785 does; floats are refused on the way."""
    if isinstance(value, dict):
        plain = True
        for key, item in value.items():
            kind = type(item)
            if kind is not str and item is not None and kind is not bool:
                plain = _is_plain(item) and plain
            if type(key) is not str or not (key.isascii() or max(key) < FIRST_ASTRAL):
                plain = _is_plain(key) and False
        return plain
    if isinstance(value, list | tuple):
        return all([_is_plain(item) for item in value])  # a list, so that every float is refused
    if isinstance(value, float):
        message = "A digested value holds a float."
        raise InvariantBroken(message, "Write weights and rates as text with stated digits.")
    if type(value) is int:
        return bool(-MOST_EXACT < value < MOST_EXACT)
    return value is None or isinstance(value, str | bool)


def parsed_lines(lines: list[bytes]) -> list[Any] | None:
    """Return the JSON values of texts that are each the canonical form of one value, or None if any is not.

    All are parsed and written again at once, which is several times faster than one by one. None is also the answer where
    the standard encoder could differ from RFC 8785 (keys beyond the basic plane); ask again one by one.
    """
    joined = b"[" + b",".join(lines) + b"]"
    if any(lead in joined for lead in ASTRAL_LEADS):
        return None
    try:
        held: list[Any] = json.loads(joined, parse_float=_no_number, parse_constant=_no_number, parse_int=_exact)
        return held if len(held) == len(lines) and _encode(held).encode() == joined else None
    except (ValueError, RecursionError):
        return None


def _no_number(text: str) -> None:
    raise ValueError(text)


def _exact(text: str) -> int:
    value = int(text)
    if not -MOST_EXACT < value < MOST_EXACT:
        raise ValueError(text)
    return value


def digest_of_bytes(content: bytes) -> str:
    """Return the SHA-256 digest of bytes, as 64 hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


def digest_of(value: Any) -> str:  # noqa: ANN401
    """Return the SHA-256 digest of a JSON value's canonical bytes."""
    return digest_of_bytes(canonical_bytes(value))


def digest_of_file(path: Path, algorithm: str = "sha256") -> str:
    """Return the digest of a file, read in pieces of 1 MiB."""
    running = hashlib.new(algorithm)
    with path.open("rb") as stream:
        while piece := stream.read(CHUNK_BYTES):
            running.update(piece)
    return running.hexdigest()
