"""Salted commitments: the log holds that certain words stood there, never the words; erasing the salt erases them.

Source: hash commitment with a random salt of 32 bytes; research page on keys and audit, 5.2 and 8.4.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from cld.free_text import FreeText

__all__ = ["COMMITTED", "Opening", "commitment_of", "opens", "without_free_text"]

COMMITTED = "sha256-salted"
LABEL = b"caregate free text v1\0"


@dataclass(frozen=True, slots=True)
class Opening:
    """What opens a commitment; kept beside the log, and deleted when somebody's words must be forgotten."""

    digest: str
    salt: bytes
    text: str


def commitment_of(salt: bytes, text: str) -> str:
    """Return the commitment to a text under a salt of 32 bytes."""
    return hashlib.sha256(LABEL + salt + text.encode()).hexdigest()


def opens(opening: Opening) -> bool:
    """Say whether salt and text are those of the digest."""
    return commitment_of(opening.salt, opening.text) == opening.digest


def without_free_text(value: Any, new_salt: Callable[[], bytes]) -> tuple[Any, tuple[Opening, ...]]:  # noqa: ANN401
    """Replace every FreeText in a JSON value by its commitment; return the value and what opens each.

    An empty text says nothing and stays.
    """
    if not _has_free_text(value):
        return value, ()
    openings: list[Opening] = []

    def replaced(part: Any) -> Any:  # noqa: ANN401
        if isinstance(part, FreeText) and part:
            salt = new_salt()
            openings.append(Opening(commitment_of(salt, part), salt, str(part)))
            return {COMMITTED: openings[-1].digest}
        if isinstance(part, dict):
            return {key: replaced(item) for key, item in part.items()}
        if isinstance(part, list | tuple):
            return [replaced(item) for item in part]
        return part

    return replaced(value), tuple(openings)


def _has_free_text(value: Any) -> bool:  # noqa: ANN401
    if isinstance(value, dict):
        return any([type(item) is not str and _has_free_text(item) for item in value.values()])
    if isinstance(value, list | tuple):
        return any([_has_free_text(item) for item in value])
    return isinstance(value, FreeText)
