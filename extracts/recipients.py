"""Recipients' keys: offered, proved and confirmed over a second channel, rotated, lost; the log is their only register.

1. A key is offered; the house answers with a challenge sealed to it and keeps its digest in the log.  2. The recipient
opens the challenge and sends back what it says, which proves possession, and reads the key's fingerprint out over another
channel, which proves that nobody stood between.  3. The key is enrolled.  A further key of a body that has one is proved
with the old key too, or, where that is lost, enrolled on the sign-offs of two people.  4. A key that is retired or lost is
never sealed to again; what was sealed to it is sealed anew by ``reissue``, without touching the data.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from audit.journal import Event, Journal
from audit.sealing import key_fingerprint, seal_file, seal_kind
from cld.clock import Entropy
from cld.errors import BadSignature, InvalidTransition, NotPermitted
from cld.signing import SignOff, require_two

__all__ = ["RecipientKeys", "enrol_key", "lose_key", "offer_key", "recipient_keys", "require_enrolled", "sign_for_lost"]

CHALLENGE_BYTES = 32
OFFERED, ENROLLED, RETIRED, LOST = (
    "recipient key offered",
    "recipient key enrolled",
    "recipient key retired",
    "recipient key lost",
)
REFUSED = "recipient key refused"
UNPROVED = "The key is not enrolled: an answer or the fingerprint is not the one expected."


@dataclass(slots=True)
class RecipientKeys:
    """The keys of one body, as the log tells: offered with the digests of their challenges, enrolled, ended."""

    offered: dict[str, dict[str, str]] = field(default_factory=dict)
    enrolled: list[str] = field(default_factory=list)
    ended: set[str] = field(default_factory=set)


def recipient_keys(body_code: str, journal: Journal) -> RecipientKeys:
    """Return the keys of a body."""
    found = RecipientKeys()
    for leaf in journal.leaves():
        held = json.loads(leaf)
        details = held["details"]
        if not held["action"].startswith("recipient key") or details.get("body_code") != body_code:
            continue
        key = details["key"]
        if held["action"] == OFFERED:
            found.offered[key] = details["challenges"]
        elif held["action"] == ENROLLED:
            found.enrolled.append(key)
        elif held["action"] in (RETIRED, LOST):
            found.ended.add(key)
            found.enrolled = [one for one in found.enrolled if one != key]
    return found


def offer_key(
    body_code: str, key: str, *, journal: Journal, entropy: Entropy, actor: str, folder: Path
) -> dict[str, Path]:
    """Take a key in and write a sealed challenge for it, and one for each key enrolled before.

    Raises: InputError if it is no recipient's key; InvalidTransition if it was offered or ended before.
    """
    seal_kind(key)
    held = recipient_keys(body_code, journal)
    if key in held.enrolled or key in held.ended:
        message = "This key is enrolled already, or its use has ended."
        raise InvalidTransition(message, "Make a new key and offer that.")
    written, challenges = {}, {}
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as made:
        for one in (key, *held.enrolled):
            # a fresh digest binds the secret to body, key and offer, so that an answer serves once
            secret = entropy.secret_bytes(CHALLENGE_BYTES, f"challenge {body_code} {one} {len(journal.leaves())}")
            challenges[one] = _commitment(body_code, key, secret.hex())
            plain, path = Path(made) / "challenge", folder / f"challenge-{key_fingerprint(one).replace(' ', '')[:8]}"
            plain.write_bytes(secret.hex().encode())
            seal_file(plain, one, path)
            written[one] = path
    details = {"body_code": body_code, "key": key, "fingerprint": key_fingerprint(key), "challenges": challenges}
    journal.record(Event(OFFERED, actor, "officer", details))
    return written


def _commitment(body_code: str, key: str, answer: str) -> str:
    return hashlib.sha256(f"caregate/recipient-challenge\n{body_code}\n{key}\n{answer}".encode()).hexdigest()


def enrol_key(
    body_code: str, key: str, *, answers: Mapping[str, str], spoken_fingerprint: str, journal: Journal, actor: str,
    people: Mapping[str, str], signs: tuple[SignOff, ...] = (), retire: tuple[str, ...] = (),
) -> None:  # fmt: skip
    """Enrol an offered key on its proofs; ``answers`` gives what each challenge said, by key.

    Where no old key can answer, ``signs`` are two people's over ``sign_for_lost``. ``retire`` names old keys that end.
    Raises: BadSignature, with one message for every proof that fails; InvalidTransition if the key was not offered.
    """
    held = recipient_keys(body_code, journal)
    if key not in held.offered or key in held.enrolled or key in held.ended:
        message = "This key was not offered, or is past enrolment."
        raise InvalidTransition(message, "Offer it first.")
    challenges = held.offered[key]
    good = {one for one, answer in answers.items() if _is_answer(challenges.get(one, ""), body_code, key, answer)}
    heard = "".join(spoken_fingerprint.split()).upper()
    same = hmac.compare_digest(heard.encode(), key_fingerprint(key).replace(" ", "").encode())
    known = not held.enrolled or bool(good & set(held.enrolled))
    if not known and signs:
        require_two(signs, sign_for_lost(body_code, key), people, body_code)
        known = True
    if not same or key not in good or not known:
        journal.record(Event(REFUSED, actor, "officer", {"body_code": body_code, "key": key}))
        raise BadSignature(UNPROVED, "Open the challenges again, and have the fingerprint read out anew.")
    journal.record(
        Event(ENROLLED, actor, "officer", {"body_code": body_code, "key": key, "fingerprint": key_fingerprint(key)})
    )
    for one in retire:
        if one in held.enrolled:
            journal.record(Event(RETIRED, actor, "officer", {"body_code": body_code, "key": one}))


def _is_answer(commitment: str, body_code: str, key: str, answer: str) -> bool:
    return hmac.compare_digest(commitment.encode(), _commitment(body_code, key, answer.strip()).encode())


def sign_for_lost(body_code: str, key: str) -> str:
    """Return the digest that two people sign to enrol a key of a body that lost its old one."""
    return hashlib.sha256(f"caregate/recipient-key-after-loss\n{body_code}\n{key}".encode()).hexdigest()


def lose_key(body_code: str, key: str, *, journal: Journal, actor: str) -> None:
    """End a key that its recipient lost, or that somebody else may hold; nothing is sealed to it from now on.

    Raises: InvalidTransition if the body has no such key in use.
    """
    if key not in recipient_keys(body_code, journal).enrolled:
        message = "The body has no such key in use."
        raise InvalidTransition(message, "Name the key by its whole line.")
    journal.record(Event(LOST, actor, "officer", {"body_code": body_code, "key": key}))


def require_enrolled(body_code: str, key: str, journal: Journal, *, strict: bool = False) -> None:
    """Hold that a key may be sealed to: never one that ended; of a body with enrolled keys, one of them alone.

    A body that never enrolled a key keeps the one of its approved application, unless ``strict``.
    Raises: NotPermitted.
    """
    held = recipient_keys(body_code, journal)
    begun = bool(held.enrolled or held.ended) or strict
    if key in held.ended or (begun and key not in held.enrolled):
        message = "The key is not one that this recipient has enrolled and still uses."
        raise NotPermitted(message, "Enrol it, or apply with the enrolled key.")
