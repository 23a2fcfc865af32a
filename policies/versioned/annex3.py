"""The bodies of Annex 3 as dated data: classes, bodies with their codes, and successors by signed entries."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from cld.canonical import digest_of
from cld.errors import InputError, UntrustedPolicy
from cld.vocabulary import BodyClass
from policies.words import Succession

__all__ = ["Annex3", "Body", "ListedClass", "Successor", "read_annex3", "sign_successor", "successors_from_json"]


@dataclass(frozen=True, slots=True)
class ListedClass:
    """A class of bodies in the words of Annex 3, from its first to its last day."""

    kind: BodyClass
    words: str
    from_day: date
    to_day: date | None
    evidence: str
    source: str


@dataclass(frozen=True, slots=True)
class Body:
    """A body that Annex 3 lists, by itself or as one of a class, from its first to its last day."""

    kind: BodyClass
    code: str
    ons_code: str
    name: str
    from_day: date
    to_day: date | None
    evidence: str
    source: str

    def is_listed_on(self, day: date) -> bool:
        """Say whether it is listed on a day."""
        return self.from_day <= day and (self.to_day is None or day <= self.to_day)


@dataclass(frozen=True, slots=True)
class Successor:
    """A body that stands in the place of a listed one from a day on; unsigned, it grants nothing.

    ``kind`` is the class of the body that it follows, or ``integrated-care`` for an integrated care board.
    """

    from_code: str
    to_code: str
    kind: str
    on: date
    evidence: str
    source: str
    signed_by: str
    signature: str

    @property
    def digest(self) -> str:
        """The digest that an authorised person signs."""
        value = {"from_code": self.from_code, "to_code": self.to_code, "class": self.kind, "on": self.on.isoformat()}
        return digest_of({"successor": value})

    def as_json(self) -> dict[str, str]:
        """Return the entry as a JSON value; ``successors_from_json`` reads it."""
        return {
            "from_code": self.from_code, "to_code": self.to_code, "class": self.kind, "on": self.on.isoformat(),
            "evidence": self.evidence, "source": self.source, "signed_by": self.signed_by, "signature": self.signature,
        }  # fmt: skip

    def is_signed(self, people: Mapping[str, str]) -> bool:
        """Say whether one of the people authorised (name to public key) signed it."""
        try:
            key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(people[self.signed_by]))
            key.verify(bytes.fromhex(self.signature), self.digest.encode())
        except (KeyError, ValueError, InvalidSignature):
            return False
        return True


@dataclass(frozen=True, slots=True)
class Annex3:
    """The dated lists of one version of the policies."""

    classes: tuple[ListedClass, ...]
    bodies: tuple[Body, ...]
    successors: tuple[Successor, ...]

    def body_on(self, code: str, day: date) -> Body | None:
        """Return the body of a code, its own or that of the Office for National Statistics, listed on a day."""
        return next((one for one in self.bodies if code in (one.code, one.ons_code) and one.is_listed_on(day)), None)

    def succession_of(
        self, code: str, day: date, *, people: Mapping[str, str], entries: tuple[Successor, ...] = ()
    ) -> tuple[Succession, BodyClass | None]:
        """Say how a body stands on a day, and as what class it counts.

        ``entries`` are those that the house itself recorded; they count beside those of the version.
        Source: shared reading, Direction 1 and Annex 3: successors only by a dated entry that an authorised person signed.
        """
        listed = self.body_on(code, day)
        if listed is not None:
            return Succession.NO, listed.kind
        held = [one for one in (*entries, *self.successors) if one.to_code == code and one.on <= day]
        for entry in held:
            if entry.is_signed(people):
                return Succession.SIGNED, self._kind_before(entry)
        if any(entry.kind == Succession.INTEGRATED_CARE for entry in held):
            return Succession.INTEGRATED_CARE, None
        return (Succession.UNSIGNED, None) if held else (Succession.UNKNOWN, None)

    def _kind_before(self, entry: Successor) -> BodyClass | None:
        return next((one.kind for one in self.bodies if one.code == entry.from_code), None)


def read_annex3(name: str, content: bytes) -> Annex3:
    """Read the lists of a version; ``name`` is how errors speak of it.

    Raises: UntrustedPolicy if they cannot be read, or list one code twice on a day.
    """
    try:
        held = json.loads(content)
        bodies = tuple(
            Body(
                BodyClass(one["class"]), str(one["code"]), str(one["ons_code"] or ""), str(one["name"]),
                date.fromisoformat(one["from"]), _day(one["to"]), str(one["evidence"]), str(one["source"]),
            )
            for one in held["bodies"]
        )  # fmt: skip
        classes = tuple(
            ListedClass(
                BodyClass(one["class"]), str(one["words"]), date.fromisoformat(one["from"]), _day(one["to"]),
                str(one["evidence"]), str(one["source"]),
            )
            for one in held["classes"]
        )  # fmt: skip
        found = Annex3(classes, bodies, successors_from_json(held["successors"]))
    except (ValueError, TypeError, KeyError, InputError) as fault:
        message = f"The policies of {name} are refused: annex3.json cannot be read."
        raise UntrustedPolicy(message) from fault
    ordered = sorted(bodies, key=lambda one: (one.code, one.from_day))
    for earlier, later in zip(ordered, ordered[1:], strict=False):
        if earlier.code == later.code and earlier.is_listed_on(later.from_day):
            message = f"The policies of {name} are refused: annex3.json lists {later.code} twice on one day."
            raise UntrustedPolicy(message)
    return found


def successors_from_json(entries: list[Mapping[str, Any]]) -> tuple[Successor, ...]:
    """Read entries of successors.

    Raises: InputError if one cannot be read.
    """
    try:
        return tuple(
            Successor(
                str(one["from_code"]), str(one["to_code"]), str(one["class"]), date.fromisoformat(one["on"]),
                str(one["evidence"]), str(one["source"]), str(one["signed_by"] or ""), str(one["signature"] or ""),
            )
            for one in entries
        )  # fmt: skip
    except (ValueError, TypeError, KeyError) as fault:
        message = "An entry of a successor cannot be read."
        raise InputError(message) from fault


def sign_successor(entry: Successor, person: str, key: Ed25519PrivateKey) -> Successor:
    """Return the entry signed by a person."""
    return Successor(
        entry.from_code, entry.to_code, entry.kind, entry.on, entry.evidence, entry.source, person,
        key.sign(entry.digest.encode()).hex(),
    )  # fmt: skip


def _day(value: object) -> date | None:
    return None if value is None else date.fromisoformat(str(value))
