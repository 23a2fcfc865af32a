"""Reading what was written one way only: base64, JSON and lines; other spellings are alterations."""

from __future__ import annotations

import base64
import json
import re
from typing import Any

__all__ = ["decoded", "number_of", "read_json"]

PLAIN_NUMBER = re.compile(r"0|[1-9][0-9]{0,18}")


def decoded(text: str) -> bytes:
    """Decode base64 of either alphabet, padded and without spare bits.

    Raises: ValueError for any other spelling. Source: RFC 4648; DSSE accepts both alphabets.
    """
    standard = text.translate(str.maketrans("-_", "+/"))
    raw = base64.b64decode(standard, validate=True)
    if base64.b64encode(raw).decode() != standard or (set("-_") & set(text) and set("+/") & set(text)):
        message = "base64 is not canonical"
        raise ValueError(message)
    return raw


def number_of(text: str) -> int:
    """Read a decimal number without sign, spaces or leading noughts.

    Raises: ValueError.
    """
    if not PLAIN_NUMBER.fullmatch(text):
        message = "a number is not plain"
        raise ValueError(message)
    return int(text)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        message = "a name stands twice in an object"
        raise ValueError(message)
    return made


def read_json(content: bytes) -> dict[str, Any]:
    """Read a JSON object in which no name stands twice.

    Raises: ValueError.
    """
    try:
        found = json.loads(content.decode("utf-8"), object_pairs_hook=_once)
    except RecursionError as fault:
        message = "JSON is nested too deeply"
        raise ValueError(message) from fault
    if not isinstance(found, dict):
        message = "no JSON object"
        raise ValueError(message)
    return found
