"""The street door ``reidentify``: named pseudonyms back to identifiers, for the council that sent those rows alone.

1. The emergency stop is not on.  2. Policy must allow it: it is off unless a legal basis outside the Direction is on
record for the council that asks about its own rows, and is asked again before the answer is sealed.  3. Two people of two roles, neither the one who asks, signed the
digest of exactly this question, which has not expired.  4. Neither the question nor the agreement goes over its cap.
5. The log is written before anything is computed, and says how many; what was found is counted in it afterwards.
6. Everything is computed again over the identifiers in the council's own rows; no table of them is kept.  7. The answer is
sealed to the key that the council has enrolled at that moment and to no other.

Source: shared reading, re-identification; design, three street doors.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import NoReturn

import pyarrow as pa

from audit.journal import Event, Journal
from audit.sealing import SEAL_SUFFIXES, seal_bytes, seal_kind
from audit.stop import require_running
from cld.canonical import canonical_bytes, digest_of
from cld.engine import Session
from cld.errors import CLDError, InputError, NotPermitted, PolicyRefused, SamePerson, WrongRole
from cld.free_text import FreeText
from cld.shelf import atomic_write
from cld.signing import SignOff, require_two
from keys.as_logged import require_as_logged
from keys.derivation import PseudonymDomain
from keys.pseudonym import PseudonymForm, check_texts, find_identifiers, form_of
from keys.store import KeyStore

__all__ = ["Limits", "People", "Question", "reidentify", "require_next_signer"]

ACTION = "re-identified"
ANSWERED = "re-identification answered"
REFUSED = "re-identification refused"
REPLY_BYTES = 4096
ROLES = ("approver", "releaser", "custodian")


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked. ``council`` is the council whose rows these are, ``body`` and ``body_code`` whoever asks.

    ``nonce`` keeps the digest, which is all that the log holds of it, from being guessed.
    """

    reference: str
    council: str
    body: str
    body_code: str
    pseudonyms: tuple[str, ...]
    domain: PseudonymDomain
    key_id: str
    purpose: str
    legal_basis: str
    asked_by: str
    asked_on: date
    expires_on: date
    nonce: str

    def digest(self) -> str:
        """Return the digest that the approvers sign."""
        parts = (
            self.domain.recipient,
            self.domain.agreement,
            self.domain.family,
            self.domain.kind,
            self.domain.version,
        )
        return digest_of(
            {
                "reference": self.reference, "council": self.council, "body": self.body, "body_code": self.body_code,
                "pseudonyms": list(self.pseudonyms), "domain": [str(part) for part in parts], "key_id": self.key_id,
                "purpose": self.purpose, "legal_basis": self.legal_basis, "asked_by": self.asked_by,
                "asked_on": self.asked_on.isoformat(), "expires_on": self.expires_on.isoformat(), "nonce": self.nonce,
            }
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Limits:
    """How many pseudonyms of an agreement may ever be asked, how many at once, and for how many days a question is open."""

    cap_of_an_agreement: int
    most_at_once: int
    most_days_open: int


@dataclass(frozen=True, slots=True)
class People:
    """The register: public keys of the staff and their roles by name, and the key that a council has enrolled, by its code."""

    keys: Mapping[str, str]
    roles: Mapping[str, str]
    council_key: Callable[[str], str | None]


def reidentify(
    question: Question, signs: tuple[SignOff, ...], *, allowed: Callable[[], bool], limits: Limits, people: People, today: date,
    session: Session, own_rows: Callable[[], tuple[str, str]], keys: KeyStore, journal: Journal, folder: Path,
) -> Path:  # fmt: skip
    """Answer a question into one file sealed to the council.

    ``own_rows`` brings the identifiers in the council's own rows into the session, once all is permitted, and returns
    their table and column. Unknown pseudonyms are answered with null, and logged like known ones.
    Raises: Stopped, PolicyRefused, SamePerson, WrongRole, BadSignature, NotPermitted (expired, or over a cap), InputError,
            KeyDestroyed; each is logged.
    """
    try:
        _require_permitted(
            question, signs, allowed=allowed(), limits=limits, people=people, today=today, journal=journal
        )
        require_as_logged(question.key_id, keys, journal)
        key = keys.pseudonym_key(question.key_id, question.domain)
        journal.record(Event(ACTION, question.asked_by, "applicant", _details(question)))
        # counted again with this one in the log: of two questions at the same time neither goes over the cap
        _require_within_cap(journal, question, limits, 0)
    except CLDError as fault:
        journal.record(Event(REFUSED, question.asked_by, "applicant", _details(question) | {"reason": fault.code}))
        raise
    wanted = pa.array(question.pseudonyms, pa.string())
    found = find_identifiers(session, *own_rows(), key, question.domain.kind, wanted)
    try:
        # asked again: a stop, a basis withdrawn or a key that ended meanwhile holds for what is under way too
        require_running(journal)
        _require_allowed(question, allowed=allowed())
        path, sealed = _sealed(question, found, people, folder)
    except CLDError as fault:
        journal.record(Event(REFUSED, question.asked_by, "applicant", _details(question) | {"reason": fault.code}))
        raise
    atomic_write(path, sealed)
    journal.record(Event(ANSWERED, question.asked_by, "applicant", _details(question) | {"n_found": len(found)}))
    return path


def _sealed(question: Question, found: Mapping[str, str], people: People, folder: Path) -> tuple[Path, bytes]:
    """Seal the reply to the key that the council has enrolled now; return its place and bytes."""
    key = _council_key(question, people)
    return folder / f"{question.reference}.json{SEAL_SUFFIXES[seal_kind(key)]}", seal_bytes(
        _reply(question, found), key
    )


def _council_key(question: Question, people: People) -> str:
    key = people.council_key(question.council)
    if key is None:
        message = "The council has enrolled no key."
        raise NotPermitted(message, "The answer is sealed to the council's own enrolled key alone: enrol one.")
    return key


def _require_allowed(question: Question, *, allowed: bool) -> None:
    if not allowed or question.body_code != question.council:
        message = "Re-identification is not allowed."
        raise PolicyRefused(message, ("not in the Direction: re-identification",))


def _details(question: Question) -> dict[str, object]:
    """What the log holds: digests, codes and counts, of the purpose a commitment, and neither pseudonym nor identifier."""
    return {
        "agreement": question.domain.agreement, "council": question.council, "question": question.digest(),
        "legal_basis": question.legal_basis, "n_asked": len(question.pseudonyms), "purpose": FreeText(question.purpose),
    }  # fmt: skip


def _reply(question: Question, found: Mapping[str, str]) -> bytes:
    """Write the reply, filled up with blanks so that the sealed file's size does not tell how many were found."""
    answers = [{"pseudonym": text, "identifier": found.get(text)} for text in question.pseudonyms]
    told = canonical_bytes({"reference": question.reference, "kind": question.domain.kind, "answers": answers})
    return told + b" " * (-len(told) % REPLY_BYTES)


def _require_permitted(
    question: Question, signs: tuple[SignOff, ...], *, allowed: bool, limits: Limits, people: People, today: date,
    journal: Journal,
) -> None:  # fmt: skip
    require_running(journal)
    _require_allowed(question, allowed=allowed)
    _require_whole(question)
    _require_two_roles(question, signs, people)
    if today > question.expires_on or (question.expires_on - question.asked_on).days > limits.most_days_open:
        _refuse("The question has expired, or would stay open for too long.", "Ask again.")
    if len(question.pseudonyms) > limits.most_at_once:
        _refuse("The question asks about too many at once.", "Ask for fewer.")
    _require_within_cap(journal, question, limits, len(question.pseudonyms))
    _council_key(question, people)


def _require_within_cap(journal: Journal, question: Question, limits: Limits, n_more: int) -> None:
    if _n_asked(journal, question.domain.agreement) + n_more > limits.cap_of_an_agreement:
        _refuse("The question goes over the agreement's cap on re-identifications.", "Ask for a new agreement.")


def _refuse(message: str, remedy: str) -> NoReturn:
    raise NotPermitted(message, remedy)


def _require_whole(question: Question) -> None:
    """Hold that a purpose stands there and that every pseudonym is a whole one, named once."""
    texts = pa.array(question.pseudonyms, pa.string())
    is_named_once = len(set(question.pseudonyms)) == len(question.pseudonyms) > 0
    # whole numbers of 64 bits have no check character that could show one as mistyped
    is_whole = form_of(question.pseudonyms) is PseudonymForm.BIGINT or not check_texts(texts, None)[0].any()
    if not question.purpose.strip() or not is_named_once or not is_whole:
        message = "The question lacks its purpose, or a pseudonym is not whole or named twice."
        raise InputError(message, "Copy each pseudonym once, with all its 27 characters.")


def _require_two_roles(question: Question, signs: tuple[SignOff, ...], people: People) -> None:
    require_two(signs, question.digest(), people.keys, question.asked_by)
    roles = [people.roles.get(sign.person, "") for sign in signs]
    if not set(roles) <= set(ROLES):
        message = "A person who signed has no role that carries this."
        raise WrongRole(message)
    if len(set(roles)) != len(roles):
        message = "Two people of two different roles must sign."
        raise SamePerson(message)


def require_next_signer(question: Question, person: str, roles: Mapping[str, str], signed: tuple[str, ...]) -> None:
    """Hold that a signature is one of the two that a question needs; one more or of a wrong person could never be answered.

    ``roles`` are those of the staff by name, ``signed`` who signed already.
    Raises: NotPermitted if two have signed; SamePerson for whoever asked, or a second person of one role; WrongRole.
    """
    others = [name for name in signed if name != person]
    if len(others) > 1:
        _refuse("Two people have signed this question already.", "Answer it.")
    if roles.get(person, "") not in ROLES:
        message = "A person of this role does not sign questions."
        raise WrongRole(message)
    if person == question.asked_by or roles[person] in [roles.get(name) for name in others]:
        message = "Two people of two different roles must sign, neither of them the one who asks."
        raise SamePerson(message)


def _n_asked(journal: Journal, agreement: str) -> int:
    held = (json.loads(leaf) for leaf in journal.leaves() if ACTION.encode() in leaf)
    return sum(
        int(leaf["details"]["n_asked"])
        for leaf in held
        if leaf["action"] == ACTION and leaf["details"]["agreement"] == agreement
    )
