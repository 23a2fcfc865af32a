"""Canonical bytes and digests: what is signed, sealed or logged is first written one way only."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import rfc8785

from cld.errors import InvariantBroken

__all__ = ["CHUNK_BYTES", "canonical_bytes", "digest_of", "digest_of_bytes", "digest_of_file"]

CHUNK_BYTES = 1 << 20


def canonical_bytes(value: Any) -> bytes:  # noqa: ANN401 - any JSON value
    """Write a JSON value as its one canonical form.

    Raises: InvariantBroken for a float: nothing that is digested may hold one.
    Source: RFC 8785, JSON Canonicalization Scheme.
    """
    _refuse_floats(value)
    return rfc8785.dumps(value)


def _refuse_floats(value: Any) -> None:  # noqa: ANN401
    if isinstance(value, float):
        message = "A digested value holds a float."
        raise InvariantBroken(message, "Write weights and rates as text with stated digits.")
    if isinstance(value, dict):
        for key, item in value.items():
            _refuse_floats(key)
            _refuse_floats(item)
    elif isinstance(value, list | tuple):
        for item in value:
            _refuse_floats(item)


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
