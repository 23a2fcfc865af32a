"""The legal basis outside the Direction that turns re-identification on for one council, recorded in the log beforehand.

Starting takes two signatures; withdrawing takes one person of a role that carries it, and holds at once, for questions that
are under way too. The log holds the council, the dates, who signed and the digest of the basis; of words, salted commitments.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from audit.journal import Event, Journal
from cld.canonical import digest_of
from cld.errors import InputError, InvalidTransition, WrongRole
from cld.free_text import FreeText
from cld.signing import SignOff, require_two

__all__ = ["LegalBasis", "basis_in_force", "record_basis", "withdraw_basis"]

RECORDED = "re-identification basis recorded"
WITHDRAWN = "re-identification basis withdrawn"
ROLES = ("approver", "releaser", "custodian")


@dataclass(frozen=True, slots=True)
class LegalBasis:
    """Which council may have its own rows re-identified, on what basis, and between which days, both included."""

    council: str
    words: str
    from_day: date
    to_day: date

    def __post_init__(self) -> None:
        """Refuse a basis without words or with its days the wrong way round.

        Raises: InputError.
        """
        if not self.words.strip() or self.to_day < self.from_day:
            message = "A legal basis has words, and ends after it begins."
            raise InputError(message)

    def digest(self) -> str:
        """Return the digest that the two people sign."""
        days = [self.from_day.isoformat(), self.to_day.isoformat()]
        return digest_of({"council": self.council, "words": self.words, "days": days})


def record_basis(
    basis: LegalBasis, signs: tuple[SignOff, ...], *, recorded_by: str, people: Mapping[str, str], journal: Journal
) -> None:
    """Put a legal basis on record, signed by two different people, neither the one who records it.

    Raises: SamePerson, BadSignature.
    """
    require_two(signs, basis.digest(), people, recorded_by)
    details = {
        "council": basis.council, "basis": basis.digest(), "people": sorted(sign.person for sign in signs),
        "from": basis.from_day.isoformat(), "to": basis.to_day.isoformat(), "words": FreeText(basis.words),
    }  # fmt: skip
    journal.record(Event(RECORDED, recorded_by, "operator", details))


def basis_in_force(digest: str, council: str, day: date, journal: Journal) -> bool:
    """Say whether a basis with this digest is on record for a council, not withdrawn since, and in force on a day."""
    last = _last_record(digest, council, journal)
    return last is not None and last["action"] == RECORDED and _covers(last["details"], day)


def _covers(details: Mapping[str, Any], day: date) -> bool:
    return bool(details["from"] <= day.isoformat() <= details["to"])


def _last_record(digest: str, council: str, journal: Journal) -> dict[str, Any] | None:
    """Return what the log last says of a basis: recorded, or withdrawn."""
    last = None
    for leaf in journal.leaves():
        if digest.encode() not in leaf:
            continue
        held = json.loads(leaf)
        if held["action"] in (RECORDED, WITHDRAWN) and (held["details"]["basis"], held["details"]["council"]) == (
            digest,
            council,
        ):
            last = held
    return last


def withdraw_basis(
    digest: str, council: str, reason: str, *, person: str, role: str, day: date, journal: Journal
) -> None:
    """Withdraw a basis before its last day. It holds from this leaf on; the same basis can be recorded anew by two people.

    Raises: WrongRole for a role that does not carry it; InputError without a reason; InvalidTransition if no such basis is on
            record, or it was withdrawn.
    """
    if role not in ROLES:
        message = "The person's role does not carry this."
        raise WrongRole(message, f"One of these withdraws a basis: {', '.join(ROLES)}.")
    if not reason.strip():
        message = "A basis is withdrawn for a reason."
        raise InputError(message, "Say why.")
    last = _last_record(digest, council, journal)
    if last is None or last["action"] == WITHDRAWN:
        message = "No such basis is on record for this council, or it was withdrawn."
        raise InvalidTransition(message, "Name it by its digest.")
    details = {"council": council, "basis": digest, "on": day.isoformat(), "reason": FreeText(reason)}
    journal.record(Event(WITHDRAWN, person, role, details))
