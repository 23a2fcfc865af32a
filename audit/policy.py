"""Which logs and which witnesses are trusted, and how many of them must have signed.

Source: C2SP tlog-policy.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from audit.note import ED25519_COSIGNATURE, ED25519_NOTE, ML_DSA_44_COSIGNATURE, NoteKey
from cld.errors import BadSignature, InputError

__all__ = ["Earlier", "Group", "TrustedLog", "TrustedWitness", "WitnessPolicy", "read_policy"]

NONE = "none"
ENDLESS = 1 << 64
ALLOWED = re.compile(rb"[\t\n\x20-\x7e\x80-\xff]*")
NUMBER = re.compile(r"[1-9][0-9]*")
LOG_KINDS = (ED25519_NOTE, ML_DSA_44_COSIGNATURE)
WITNESS_KINDS = (ED25519_COSIGNATURE, ML_DSA_44_COSIGNATURE)


Earlier = tuple[int, int, tuple[str, ...]]
"""A quorum of before: of trees of at most so many leaves it was enough that so many of these signed."""


@dataclass(frozen=True, slots=True)
class TrustedLog:
    """One key of a log, whose name is the log's origin."""

    key: NoteKey
    url: str


@dataclass(frozen=True, slots=True)
class TrustedWitness:
    """One key of a witness under the name that quorum and groups call it."""

    name: str
    key: NoteKey
    url: str


@dataclass(frozen=True, slots=True)
class Group:
    """So many of these members, each a witness or a group, speak for all."""

    name: str
    least: int
    members: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class WitnessPolicy:
    """The logs, witnesses, groups and quorum of a policy file."""

    logs: tuple[TrustedLog, ...]
    witnesses: tuple[TrustedWitness, ...]
    groups: tuple[Group, ...]
    quorum: str
    retired: Mapping[NoteKey, int] = field(default_factory=dict)
    earlier: tuple[Earlier, ...] = ()

    def log_keys(self, origin: str, size: int | None = None) -> tuple[NoteKey, ...]:
        """Return the keys trusted for an origin: of each type the one in force for a tree of this size, or all.

        A retired key counts for trees of at most so many leaves, and is then the one that must have signed.
        """
        keys = [log.key for log in self.logs if log.key.name == origin]
        if size is None:
            return tuple(keys)
        found: dict[int, NoteKey] = {}
        for key in sorted(keys, key=self._ends):
            if size <= self._ends(key):
                found.setdefault(key.kind, key)
        return tuple(found.values())

    def _ends(self, key: NoteKey) -> int:
        return self.retired.get(key, ENDLESS)

    def witness_keys(self) -> tuple[NoteKey, ...]:
        """Return the keys of every witness."""
        return tuple(witness.key for witness in self.witnesses)

    def is_met(self, signers: Iterable[NoteKey], size: int) -> bool:
        """Say whether these keys, whose signatures on a tree of this size were verified, make the quorum."""
        signed = {key for key in signers if size <= self._ends(key)}
        met = {witness.name for witness in self.witnesses if witness.key in signed} | {NONE}
        for group in self.groups:
            if sum(member in met for member in group.members) >= group.least:
                met.add(group.name)
        return self.quorum in met or any(
            size <= until and sum(name in met for name in names) >= least for until, least, names in self.earlier
        )


def read_policy(
    text: str, retired: Mapping[NoteKey, int] | None = None, earlier: tuple[Earlier, ...] = ()
) -> WitnessPolicy:
    """Read a policy file; ``retired`` says up to which size a key counts, ``earlier`` which quorum once sufficed.

    Raises: InputError naming the line that breaks the format, or that an earlier quorum names nobody.
    """
    if not ALLOWED.fullmatch(text.encode("utf-8", "surrogateescape")):
        raise _refused(0, "a control character")
    reading = _Reading()
    for number, line in enumerate(text.split("\n"), start=1):
        words = [word for word in re.split(r"[ \t]+", line) if word]
        if words and not words[0].startswith("#"):
            reading.take(number, words)
    if reading.quorum is None:
        raise _refused(0, "no quorum line")
    return WitnessPolicy(
        tuple(reading.logs),
        tuple(reading.witnesses.values()),
        tuple(reading.groups.values()),
        reading.quorum,
        retired or {},
        reading.known_quorums(earlier),
    )


class _Reading:
    """A policy file as far as it was read; a line may name only what stands above it."""

    def __init__(self) -> None:
        self.logs: list[TrustedLog] = []
        self.witnesses: dict[str, TrustedWitness] = {}
        self.groups: dict[str, Group] = {}
        self.quorum: str | None = None
        self._members: set[str] = set()

    def take(self, number: int, words: list[str]) -> None:
        match words:
            case ["log", key, *rest] if len(rest) <= 1:
                self._add_log(number, _key(number, key, LOG_KINDS), "".join(rest))
            case ["witness", name, key, *rest] if len(rest) <= 1:
                self._add_witness(number, name, _key(number, key, WITNESS_KINDS), "".join(rest))
            case ["group", name, least, *members] if members:
                self._add_group(number, name, least, members)
            case ["quorum", name] if self.quorum is None:
                if name not in self._named() and name != NONE:
                    raise _refused(number, "a quorum that is not defined above")
                self.quorum = name
            case _:
                raise _refused(number, "no line of a policy")

    def known_quorums(self, earlier: tuple[Earlier, ...]) -> tuple[Earlier, ...]:
        """Return quorums of before, holding that each can be had of witnesses that are named."""
        for _, least, names in earlier:
            if not 0 < least <= len(set(names)) == len(names) or not set(names) <= self._named():
                raise _refused(0, "an earlier quorum of witnesses that are not named")
        return earlier

    def _named(self) -> set[str]:
        return set(self.witnesses) | set(self.groups)

    def _require_new(self, number: int, name: str) -> None:
        if name in self._named() or name == NONE:
            raise _refused(number, "a name that is taken")

    def _add_log(self, number: int, key: NoteKey, url: str) -> None:
        if key.public in {log.key.public for log in self.logs}:
            raise _refused(number, "a log's key named twice")
        self.logs.append(TrustedLog(key, url))

    def _add_witness(self, number: int, name: str, key: NoteKey, url: str) -> None:
        self._require_new(number, name)
        if key.public in {witness.key.public for witness in self.witnesses.values()}:
            raise _refused(number, "a witness's key named twice")
        self.witnesses[name] = TrustedWitness(name, key, url)

    def _add_group(self, number: int, name: str, least: str, members: list[str]) -> None:
        self._require_new(number, name)
        if not set(members) <= self._named() or len(set(members)) != len(members) or set(members) & self._members:
            raise _refused(number, "a member that is not defined above or stands twice")
        words: Mapping[str, int] = {"all": len(members), "any": 1}
        if least not in words and not NUMBER.fullmatch(least):
            raise _refused(number, "a threshold that is no number")
        n_least = words.get(least) or int(least)
        if n_least > len(members):
            raise _refused(number, "a threshold above the number of members")
        self._members |= set(members)
        self.groups[name] = Group(name, n_least, tuple(members))


def _key(number: int, text: str, kinds: tuple[int, ...]) -> NoteKey:
    try:
        key = NoteKey.parse(text)
    except BadSignature as fault:
        raise _refused(number, "a malformed key") from fault
    if key.kind not in kinds:
        raise _refused(number, "a key of the wrong type")
    return key


def _refused(number: int, what: str) -> InputError:
    where = f", line {number}" if number else ""
    return InputError(f"The policy cannot be read{where}: {what}.", "Get it again from who gave it.")
