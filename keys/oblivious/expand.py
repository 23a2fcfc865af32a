"""Hashing to numbers and long strings. Source: RFC 9380, sections 5.2 and 5.3.1."""

from __future__ import annotations

import hashlib

__all__ = ["expand", "hash_to_numbers", "prefixed"]

LONGEST_TAG = 255


def prefixed(*parts: bytes) -> bytes:
    """Write each part behind two length bytes."""
    return b"".join(len(part).to_bytes(2, "big") + part for part in parts)


def expand(message: bytes, tag: bytes, n_bytes: int, hash_name: str) -> bytes:
    """Stretch a message to uniform bytes under a domain separation tag. Source: RFC 9380, expand_message_xmd."""
    made = hashlib.new(hash_name)
    if len(tag) > LONGEST_TAG:
        message_of_fault = "a domain separation tag has at most 255 bytes"
        raise ValueError(message_of_fault)
    closing = tag + bytes([len(tag)])
    first = hashlib.new(
        hash_name, bytes(made.block_size) + message + n_bytes.to_bytes(2, "big") + b"\0" + closing
    ).digest()
    block = hashlib.new(hash_name, first + b"\1" + closing).digest()
    blocks = [block]
    for place in range(2, -(-n_bytes // made.digest_size) + 1):
        mixed = bytes(one ^ other for one, other in zip(first, block, strict=True))
        block = hashlib.new(hash_name, mixed + bytes([place]) + closing).digest()
        blocks.append(block)
    return b"".join(blocks)[:n_bytes]


def hash_to_numbers(
    message: bytes, tag: bytes, n_numbers: int, modulus: int, n_bytes: int, hash_name: str
) -> list[int]:
    """Hash to numbers below a modulus, each from so many bytes. Source: RFC 9380, hash_to_field."""
    uniform = expand(message, tag, n_numbers * n_bytes, hash_name)
    pieces = [uniform[start : start + n_bytes] for start in range(0, len(uniform), n_bytes)]
    return [int.from_bytes(piece, "big") % modulus for piece in pieces]
