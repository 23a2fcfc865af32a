"""The trust policy and its successors: how keys are replaced, and how recipients learn of it without another road.

A policy is a text of lines: those of C2SP's tlog-policy, and ``release KEY``, ``threshold N``, ``retired KEY N`` (the key
counts for trees of at most N leaves), ``earlier N LEAST NAMES`` (of trees of at most N leaves it was enough that so many of
these witnesses signed), ``withdrawn DIGEST WHY``. What concerns its succession stands in comments, so that
any reader of the format can use the file:

    #: policy 2                      its number
    #: replaces SHA-256              the digest of the policy before it
    #: update KEY                    a key, kept apart from the house, that signs what succeeds this policy
    #: compromised KEY DAY           a key that somebody else may have had from that day on

An update is such a text as a signed note. It succeeds a policy if its number is the next, it names the policy's digest, and
it is signed by every update key of the policy before it, by every release and log key that it retires and does not call
compromised (the old key signs the new), and by every Ed25519 key that it brings in. Without an update key nobody can call
a key compromised: one stolen key could then throw out the others.

Source: C2SP tlog-policy and signed-note; the separate, rarely used key is that of The Update Framework's root role.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

from audit.journal import Event
from audit.log import LogFolder
from audit.note import ED25519_NOTE, NoteKey, read_checkpoint, read_note, verified_at
from audit.policy import Earlier, WitnessPolicy, read_policy
from cld.canonical import digest_of_bytes
from cld.errors import BadSignature, InputError

__all__ = [
    "MARK", "Trust", "compromise_event", "follow", "last_size_before", "policy_event", "read_trust", "required_signers",
    "successor",
]  # fmt: skip

MARK = "#: "
OURS = ("release", "threshold", "retired", "earlier", "withdrawn")
NUMBER = re.compile(r"0|[1-9][0-9]{0,18}")
DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Trust:
    """A trust policy as read."""

    text: str
    witnessing: WitnessPolicy
    releases: tuple[NoteKey, ...]
    threshold: int = 1
    number: int = 1
    replaces: str = ""
    update_keys: tuple[NoteKey, ...] = ()
    compromised: Mapping[NoteKey, date] = field(default_factory=dict)
    withdrawn: Mapping[str, str] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        """The SHA-256 digest of the policy's text."""
        return digest_of_bytes(self.text.encode())

    @property
    def retired(self) -> Mapping[NoteKey, int]:
        """Keys that count up to a size of the log alone."""
        return self.witnessing.retired

    def signing_keys(self) -> tuple[NoteKey, ...]:
        """Return the release and log keys that can sign a note and are not retired."""
        keys = (*self.releases, *(log.key for log in self.witnessing.logs))
        return tuple(key for key in keys if key.kind == ED25519_NOTE and key not in self.retired)


@dataclass(slots=True)
class _Reading:
    releases: list[NoteKey] = field(default_factory=list)
    threshold: int = 1
    retired: dict[NoteKey, int] = field(default_factory=dict)
    earlier: list[Earlier] = field(default_factory=list)
    withdrawn: dict[str, str] = field(default_factory=dict)
    number: int = 1
    replaces: str = ""
    update_keys: list[NoteKey] = field(default_factory=list)
    compromised: dict[NoteKey, date] = field(default_factory=dict)

    def take(self, words: list[str]) -> None:
        """Take one of our lines; a line that is not whole raises ValueError."""
        match words:
            case ["release", key]:
                self.releases.append(_note_key(key))
            case ["threshold", n] if NUMBER.fullmatch(n):
                self.threshold = int(n)
            case ["retired", key, n] if NUMBER.fullmatch(n):
                self.retired[NoteKey.parse(key)] = int(n)
            case ["earlier", n, least, *names] if NUMBER.fullmatch(n) and NUMBER.fullmatch(least) and names:
                self.earlier.append((int(n), int(least), tuple(names)))
            case ["withdrawn", digest, *why] if DIGEST.fullmatch(digest):
                self.withdrawn[digest] = " ".join(why)
            case _:
                raise ValueError

    def take_mark(self, words: list[str]) -> None:
        """Take one line about the policy's succession."""
        match words:
            case ["policy", n] if NUMBER.fullmatch(n):
                self.number = int(n)
            case ["replaces", digest] if DIGEST.fullmatch(digest):
                self.replaces = digest
            case ["update", key]:
                self.update_keys.append(_note_key(key))
            case ["compromised", key, day]:
                self.compromised[NoteKey.parse(key)] = date.fromisoformat(day)
            case _:
                raise ValueError


def _note_key(text: str) -> NoteKey:
    key = NoteKey.parse(text)
    if key.kind != ED25519_NOTE:
        raise ValueError
    return key


def read_trust(text: str) -> Trust:
    """Read a trust policy.

    Raises: InputError naming the line that cannot be read.
    """
    reading, others = _Reading(), []
    for number, line in enumerate(text.split("\n"), start=1):
        words = line.split()
        try:
            if line.startswith(MARK):
                reading.take_mark(words[1:])
            elif words and words[0] in OURS:
                reading.take(words)
            else:
                others.append(line)
                continue
        except (ValueError, BadSignature) as fault:
            message = f"The trust policy cannot be read, line {number}."
            raise InputError(message, "Get it again from who gave it.") from fault
        others.append("")
    witnessing = read_policy("\n".join(others), reading.retired, tuple(reading.earlier))
    if not 0 < reading.threshold <= max(len(reading.releases), 1):
        message = "The trust policy asks for more release keys than it names."
        raise InputError(message, "Get it again from who gave it.")
    return Trust(
        text, witnessing, tuple(reading.releases), reading.threshold, reading.number, reading.replaces,
        tuple(reading.update_keys), reading.compromised, reading.withdrawn,
    )  # fmt: skip


def successor(old: Trust, lines: Iterable[str]) -> str:
    """Return the text of the policy after this one: its number, what it replaces, then the lines given."""
    head = [f"{MARK}policy {old.number + 1}", f"{MARK}replaces {old.digest}"]
    return "".join(f"{line}\n" for line in [*head, *lines])


def follow(old: Trust, update: str) -> Trust:
    """Return the policy that succeeds this one.

    Raises: BadSignature saying what is missing; InputError if the text cannot be read.
    """
    note = read_note(update)
    new = read_trust(note.text)
    if new.number != old.number + 1 or new.replaces != old.digest:
        message = "The update does not succeed this policy: its number or the digest it replaces is another."
        raise BadSignature(message, "Give the updates in their order, none left out.")
    needed = required_signers(old, new)
    absent = needed - set(verified_at(note, needed))
    if absent or not needed:
        names = ", ".join(sorted(f"{key.name} {key.key_id.hex()}" for key in absent))
        message = f"The update is not signed by every key that must sign it: {names}."
        raise BadSignature(message, "Get the new policy by the road on which you got the first.")
    return new


def required_signers(old: Trust, new: Trust) -> set[NoteKey]:
    """Return the keys that must sign: update keys, keys retired without a compromise, and keys brought in.

    Raises: BadSignature if the update calls a key compromised that nobody may.
    """
    kept, called = set(new.signing_keys()), set(new.compromised) - set(old.compromised)
    left_out = set(old.signing_keys()) - kept
    if called & set(old.update_keys) or (called and not old.update_keys):
        message = "An update cannot call a key compromised without an update key that is not."
        raise BadSignature(message, "Get the new policy by the road on which you got the first.")
    brought = {*kept, *new.update_keys} - set(old.signing_keys()) - set(old.update_keys)
    return {*old.update_keys, *(left_out - called), *brought} or set(old.signing_keys())


def last_size_before(log: LogFolder, moment: datetime) -> int:
    """Return the size of the largest head that enough witnesses signed before a moment, or 0.

    This is what a compromised key still counts for: who stole it later cannot make a witness sign earlier.
    """
    found, before = 0, int(moment.astimezone(UTC).timestamp())
    for path in (log.tiles.folder / "checkpoints").glob("[0-9]*"):
        note = read_note(path.read_text("utf-8"))
        signed = verified_at(note, log.policy.witness_keys())
        early = [key for key, at in signed.items() if at < before]
        size = read_checkpoint(note.text).size
        if log.policy.is_met(early, size):
            found = max(found, size)
    return found


def compromise_event(key: NoteKey, since: date, counts_until: int, actor: str) -> Event:
    """Return the entry that says a key was somebody else's from a day on, and up to which size it counts."""
    details = {"key": f"{key.name}+{key.key_id.hex()}", "since": since.isoformat(), "counts_until": counts_until}
    return Event("key compromised", actor, "custodian", details)


def policy_event(new: Trust, actor: str) -> Event:
    """Return the entry that says which trust policy is in force from here on."""
    return Event("trust policy", actor, "custodian", {"number": new.number, "policy": new.digest})
