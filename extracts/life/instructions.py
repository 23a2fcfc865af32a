"""Written records beside an application: instructions of Direction 8, changes of Direction 3, reviews of Direction 9."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from cld.canonical import digest_of
from cld.errors import InputError
from cld.free_text import FreeText
from cld.journey import Document, DocumentKind
from extracts.life.dars import day_of
from extracts.life.standing import Scope

__all__ = ["WHOLE", "digest_to_resume", "instruction", "record_from"]

DIGEST_LENGTH = 64
WHOLE = "whole"
FIELDS: Mapping[DocumentKind, tuple[str, ...]] = {
    DocumentKind.CHANGE_RECORD: ("specification", "opened_on", "agreed_by_nhs", "agreed_by_councils", "summary"),
    DocumentKind.REVIEW_RECORD: ("opened_on", "consulted", "consultation_digest", "outcome", "summary"),
}
"""What each record holds. Source: Direction 3 (change management, agreed by both parties), 9 (review; s254(5) consults)."""
DAYS, DIGESTS, WORDS = ("opened_on",), ("consultation_digest",), ("summary", "outcome")


def instruction(
    *, scope: str, subject: str, sender: str, letter: str, notice: str, effective: str, ends: bool
) -> Document:
    """Return a written instruction of an authorised officer as a document; ``ends`` says cessation, not suspension.

    letter:  the SHA-256 digest of the letter in hexadecimal.
    Raises: InputError if a part is missing or of the wrong kind.
    Source: Direction 8.
    """
    try:
        kind, day = Scope(scope), day_of(effective)
        _require_digest(letter)
        if not sender.strip() or (kind is Scope.DIRECTION) != (subject == WHOLE) or not subject:
            raise ValueError
    except ValueError as fault:
        message = "The instruction is incomplete or holds a value of the wrong kind."
        raise InputError(
            message, "Give scope, subject, sender, the letter and the day from which it takes effect."
        ) from fault
    body = {
        "scope": kind.value, "subject": subject, "sender": FreeText(sender), "letter": letter, "notice": FreeText(notice),
        "effective": day.isoformat(), "ends": ends,
    }  # fmt: skip
    return Document(DocumentKind.WRITTEN_INSTRUCTION, (), body)


def _require_digest(text: object) -> None:
    if not isinstance(text, str) or len(text) != DIGEST_LENGTH or set(text) - set("0123456789abcdef"):
        raise ValueError


def digest_to_resume(instruction_digest: str) -> str:
    """Return what each of two officers signs who would lift a suspension."""
    return digest_of({"lift suspension": instruction_digest})


def record_from(kind: DocumentKind, value: Mapping[str, Any], today: date) -> Document:
    """Return a change or review record as a document.

    Raises: InputError if a field is missing, unknown or of the wrong kind.
    """
    fields = FIELDS[kind]
    try:
        if set(value) != set(fields) or not all(
            isinstance(value[name], str) and value[name].strip() for name in fields
        ):
            raise ValueError
        for name in fields:
            if name in DAYS and day_of(value[name]) > today:
                raise ValueError
            if name in DIGESTS:
                _require_digest(value[name])
    except ValueError as fault:
        message = "The record is incomplete or holds a value of the wrong kind."
        raise InputError(message, f"Give {', '.join(fields)}.") from fault
    body = {name: FreeText(value[name]) if name in WORDS else value[name] for name in fields}
    return Document(kind, (), body)
