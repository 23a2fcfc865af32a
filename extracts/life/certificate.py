"""A recipient's certificate that it destroyed what it held under an agreement.

The fields of a destruction certificate were not found in a public source; these are our reading.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from cld.errors import InputError
from cld.free_text import FreeText
from extracts.life.dars import day_of

__all__ = ["RecipientCertificate", "certificate_from"]

TEXTS = ("agreement", "body_code", "method", "signatory")


@dataclass(frozen=True, slots=True)
class RecipientCertificate:
    """Who destroyed what, when and how, copies and backups included."""

    agreement: str
    body_code: str
    method: str
    signatory: str
    destroyed_on: date

    def as_json(self) -> dict[str, str]:
        """Return it as a JSON value; method and signatory are words that a person wrote."""
        return {
            "agreement": self.agreement, "body_code": self.body_code, "method": FreeText(self.method),
            "signatory": FreeText(self.signatory), "destroyed_on": self.destroyed_on.isoformat(),
        }  # fmt: skip


def certificate_from(value: Mapping[str, Any], *, agreement: str, body_code: str, today: date) -> RecipientCertificate:
    """Read a certificate for an agreement of a body.

    Raises: InputError if it is incomplete, speaks of another agreement or body, of a day to come, or leaves copies out.
    """
    try:
        texts = {name: value[name] for name in TEXTS}
        if not all(isinstance(text, str) and text.strip() for text in texts.values()):
            raise ValueError
        found = RecipientCertificate(**texts, destroyed_on=day_of(value["destroyed_on"]))
        complete = value["copies_destroyed"] is True and value["backups_destroyed"] is True
    except (KeyError, TypeError, ValueError) as fault:
        message = "The certificate is incomplete or holds a value of the wrong kind."
        raise InputError(message, "Give agreement, body_code, destroyed_on, method, signatory, copies_destroyed and "
                         "backups_destroyed.") from fault  # fmt: skip
    if (found.agreement, found.body_code) != (agreement, body_code) or found.destroyed_on > today or not complete:
        message = "The certificate is not for this agreement and recipient, names a day to come, or leaves copies out."
        raise InputError(
            message, "Have the recipient certify that everything is destroyed, backups and copies included."
        )
    return found
