"""The legal basis outside the Direction that turns re-identification on for one council, recorded in the log beforehand.

The log holds the council, the dates, who signed, and the digest of the basis; its words stay with whoever recorded it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from audit.journal import Event, Journal
from cld.canonical import digest_of
from cld.errors import InputError
from cld.signing import SignOff, require_two

__all__ = ["LegalBasis", "basis_in_force", "record_basis"]

RECORDED = "re-identification basis recorded"


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
        "from": basis.from_day.isoformat(), "to": basis.to_day.isoformat(),
    }  # fmt: skip
    journal.record(Event(RECORDED, recorded_by, "operator", details))


def basis_in_force(digest: str, council: str, day: date, journal: Journal) -> bool:
    """Say whether a basis with this digest is on record for a council and in force on a day."""
    for leaf in journal.leaves():
        if RECORDED.encode() not in leaf:
            continue
        held = json.loads(leaf)
        if held["action"] == RECORDED and (held["details"]["basis"], held["details"]["council"]) == (digest, council):
            return bool(held["details"]["from"] <= day.isoformat() <= held["details"]["to"])
    return False
