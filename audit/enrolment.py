"""The witnesses of a house's log: offered, proved and confirmed over a second channel, retired; the log is their only register.

1. A witness's two keys are offered, and a head that holds the offer is signed: nobody can have cosigned it before.  2. The
witness cosigns that head with both keys, which proves possession, and its fingerprint is read out over another channel.
3. It is enrolled, and counts from the next trust policy on.  4. One that is retired is left out of the next policy, where
what it signed before still counts. A witness that loses a key is another witness, under another name.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterable

from audit.journal import Event, Journal
from audit.log import LogFolder
from audit.note import ED25519_COSIGNATURE, ML_DSA_44_COSIGNATURE, NoteKey, read_checkpoint, read_note, verified_at
from audit.succession import WitnessKeys
from cld.errors import BadSignature, InputError, InvalidTransition

__all__ = ["enrol_witness", "enrolled_witnesses", "fingerprint_of", "offer_witness", "read_witness", "retire_witness"]

OFFERED, ENROLLED, RETIRED, REFUSED = (
    "witness offered",
    "witness enrolled",
    "witness retired",
    "witness refused",
)
MARK = b'"action":"witness '
KINDS = [ED25519_COSIGNATURE, ML_DSA_44_COSIGNATURE]
UNPROVED = "The witness is not enrolled: its signatures on the head or the fingerprint are not those expected."


def read_witness(text: str) -> WitnessKeys:
    """Read the two lines that a witness prints when it makes its keys.

    Raises: InputError.
    """
    try:
        keys = tuple(sorted((NoteKey.parse(line) for line in text.split()), key=lambda key: key.kind))
    except BadSignature as fault:
        message = "The witness's keys are malformed."
        raise InputError(message, "Give the two lines that caregate log witness create printed.") from fault
    if [key.kind for key in keys] != KINDS or len({key.name for key in keys}) != 1:
        message = "A witness has two keys of one name: Ed25519 and ML-DSA-44, each for cosignatures."
        raise InputError(message, "Give the two lines that caregate log witness create printed.")
    return WitnessKeys(keys)


def fingerprint_of(witness: WitnessKeys) -> str:
    """Return eight groups of four digits to read out over another channel; half of SHA-256 of both keys' lines."""
    content = "".join(f"{key.text()}\n" for key in witness.keys)
    digest = hashlib.sha256(b"caregate/witness-keys\n" + content.encode()).hexdigest()[:32].upper()
    return " ".join(digest[place : place + 4] for place in range(0, 32, 4))


def offer_witness(witness: WitnessKeys, taken: Iterable[str], journal: Journal, actor: str) -> None:
    """Take a witness's keys in; ``taken`` are names of the policy in force.

    Raises: InvalidTransition if the name has or had a witness.
    """
    if witness.name in {*taken, *_names(journal, ENROLLED)}:
        message = "There is or was a witness of that name: its keys cannot be changed."
        raise InvalidTransition(message, "Make keys under another name.")
    details = {**_details(witness), "fingerprint": fingerprint_of(witness)}
    journal.record(Event(OFFERED, actor, "custodian", details))


def _details(witness: WitnessKeys) -> dict[str, object]:
    return {"name": witness.name, "keys": [key.text() for key in witness.keys]}


def _told(journal: Journal) -> list[tuple[int, str, dict[str, object]]]:
    held = [json.loads(leaf) for leaf in journal.leaves() if MARK in leaf]
    return [(one["seq"], one["action"], one["details"]) for one in held]


def _names(journal: Journal, action: str) -> set[str]:
    return {str(details["name"]) for _, told, details in _told(journal) if told == action}


def enrol_witness(
    witness: WitnessKeys, answer: str, *, heard: str, log: LogFolder, journal: Journal, actor: str
) -> int:  # fmt: skip
    """Enrol an offered witness on its proofs and return the size of the head that it cosigned.

    ``answer`` are its two signature lines on a head that holds the offer; ``heard`` is the fingerprint as it was read out.
    Raises: InvalidTransition if these keys were not offered; BadSignature, with one message for every proof that fails.
    """
    offered = [
        seq for seq, action, told in _told(journal) if action == OFFERED and told["keys"] == _details(witness)["keys"]
    ]
    if not offered or witness.name in _names(journal, ENROLLED):
        message = "These keys were not offered, or are past enrolment."
        raise InvalidTransition(message, "Offer them first.")
    same = hmac.compare_digest(
        "".join(heard.split()).upper().encode(), fingerprint_of(witness).replace(" ", "").encode()
    )
    size = _cosigned(witness, answer, log, offered[-1])
    if not same or not size:
        journal.record(Event(REFUSED, actor, "custodian", {"name": witness.name}))
        raise BadSignature(UNPROVED, "Have the request answered again, and the fingerprint read out anew.")
    journal.record(Event(ENROLLED, actor, "custodian", {**_details(witness), "url": witness.url}))
    return size


def _cosigned(witness: WitnessKeys, answer: str, log: LogFolder, offered: int) -> int:
    """Return the size of the kept head, after the offer, that both keys signed, or 0."""
    for path in (log.tiles.folder / "checkpoints").glob("[0-9]*"):
        if int(path.name) <= offered:
            continue
        try:
            note = read_note(f"{read_note(path.read_text('utf-8')).text}\n{answer}")
            if set(verified_at(note, witness.keys)) == set(witness.keys):
                return read_checkpoint(note.text).size
        except BadSignature:
            continue
    return 0


def retire_witness(name: str, present: Iterable[str], journal: Journal, actor: str) -> None:
    """Let a witness end with the next policy; ``present`` are the names of the policy in force.

    Raises: InvalidTransition if there is none of that name.
    """
    if name not in {*present, *_names(journal, ENROLLED)} - _names(journal, RETIRED):
        message = "There is no witness of that name, or it was retired already."
        raise InvalidTransition(message, "See which there are: caregate log witness list.")
    journal.record(Event(RETIRED, actor, "custodian", {"name": name}))


def enrolled_witnesses(present: Iterable[WitnessKeys], journal: Journal) -> tuple[WitnessKeys, ...]:
    """Return the witnesses that are to count: those of the policy in force and those enrolled since, without the retired."""
    found = {one.name: one for one in present}
    for _, action, told in _told(journal):
        if action == ENROLLED:
            lines = told["keys"]
            keys = tuple(NoteKey.parse(str(line)) for line in lines) if isinstance(lines, list) else ()
            found.setdefault(str(told["name"]), WitnessKeys(keys, str(told["url"])))
    ended = _names(journal, RETIRED)
    return tuple(one for name, one in found.items() if name not in ended)
