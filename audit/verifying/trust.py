"""The trust policy: which keys of release, log and witnesses count, and until when. It comes from outside the package.

::

    log <verifier key> [url]                 every key listed of a log's name must sign its checkpoint
    witness <name> <verifier key> [url]      group <name> all|any|K <members>      quorum <name>|none
    release <verifier key>                   threshold <t>: how many different release keys must sign, 1 by default
    retired <verifier key> <n>               the key counts for leaves below n, and trees of at most n leaves, alone
    earlier <n> <k> <members>                of trees of at most n leaves it was enough that k of these signed
    withdrawn <SHA-256 of a statement> <why> the package must not be used any more

Source: C2SP tlog-policy for log, witness, group and quorum; the other lines are ours, outside its scope.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field

from audit.verifying.encoding import decoded, number_of

__all__ = ["TrustPolicy", "VerifierKey", "read_policy", "verifier_key"]

KEY_ID_BYTES = 4
ENDLESS = 1 << 64
HEX_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """A name, a signature type and a public key. Types: 1 Ed25519; 4 and 6 cosignatures by Ed25519 and ML-DSA-44."""

    name: str
    kind: int
    public: bytes

    @property
    def key_id(self) -> bytes:
        """The four bytes that stand before each signature. Source: C2SP signed-note."""
        return hashlib.sha256(self.name.encode() + b"\n" + bytes([self.kind]) + self.public).digest()[:KEY_ID_BYTES]


def verifier_key(text: str) -> VerifierKey:
    """Read ``name+key id+base64(type, key)``.

    Raises: ValueError, also when the key id is not the key's.
    """
    name, shown, encoded = text.split("+", 2)
    raw = decoded(encoded)
    key = VerifierKey(name, raw[0], raw[1:])
    if not name or shown != key.key_id.hex():
        message = "a verifier key does not hold together"
        raise ValueError(message)
    return key


@dataclass(slots=True)
class TrustPolicy:
    """The keys that count, as read from a policy."""

    logs: list[VerifierKey] = field(default_factory=list)
    releases: list[VerifierKey] = field(default_factory=list)
    witnesses: dict[str, VerifierKey] = field(default_factory=dict)
    groups: dict[str, tuple[int, tuple[str, ...]]] = field(default_factory=dict)
    quorum: str = ""
    threshold: int = 1
    retired: dict[VerifierKey, int] = field(default_factory=dict)
    withdrawn: dict[str, str] = field(default_factory=dict)
    earlier: list[tuple[int, int, tuple[str, ...]]] = field(default_factory=list)

    def counts_at(self, key: VerifierKey, place: int) -> bool:
        """Say whether a key counts for a leaf at this place, or a tree whose last leaf is there."""
        return key not in self.retired or place < self.retired[key]

    def log_keys(self, origin: str, size: int) -> list[VerifierKey]:
        """Return the keys that must have signed a tree of this size: of each type the one in force then."""
        counting = [key for key in self.logs if key.name == origin and self.counts_at(key, size - 1)]
        found: dict[int, VerifierKey] = {}
        for key in sorted(counting, key=lambda one: self.retired.get(one, ENDLESS)):
            found.setdefault(key.kind, key)
        return list(found.values())

    def witnessed(self, signed: set[str], size: int) -> bool:
        """Say whether the witnesses that signed a tree of this size are enough, or were when it was so small."""
        return self.quorum_met(signed) or any(
            size <= until and sum(self.quorum_met(signed, name) for name in names) >= needed
            for until, needed, names in self.earlier
        )

    def quorum_met(self, signed: set[str], name: str = "") -> bool:
        """Say whether the witnesses that signed are enough."""
        wanted = name or self.quorum
        if wanted == "none":
            return True
        if wanted in self.witnesses:
            return wanted in signed
        needed, members = self.groups[wanted]
        return sum(self.quorum_met(signed, member) for member in members) >= needed


def read_policy(text: str) -> TrustPolicy:
    """Read a trust policy.

    Raises: ValueError with the number of the line that cannot be read.
    """
    policy = TrustPolicy()
    for place, line in enumerate(text.split("\n"), 1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        try:
            _take(policy, words[0], words[1:])
        except (ValueError, IndexError, KeyError) as fault:
            message = f"line {place} of the trust policy cannot be read"
            raise ValueError(message) from fault
    _require_whole(policy)
    return policy


def _take(policy: TrustPolicy, kind: str, words: list[str]) -> None:
    match kind:
        case "log":
            policy.logs.append(_new(verifier_key(words[0]), policy.logs))
        case "release":
            policy.releases.append(_new(verifier_key(words[0]), policy.releases))
        case "witness":
            _free(policy, words[0])
            policy.witnesses[words[0]] = _new(verifier_key(words[1]), list(policy.witnesses.values()))
        case "group":
            _free(policy, words[0])
            policy.groups[words[0]] = _group(policy, words[1], words[2:])
        case "quorum":
            if policy.quorum or words[0] not in ("none", *policy.witnesses, *policy.groups):
                raise ValueError
            policy.quorum = words[0]
        case "threshold":
            policy.threshold = number_of(words[0])
        case "retired":
            policy.retired[verifier_key(words[0])] = number_of(words[1])
        case "earlier":
            policy.earlier.append(_earlier(policy, words))
        case "withdrawn":
            if not HEX_DIGEST.fullmatch(words[0]):
                raise ValueError
            policy.withdrawn[words[0]] = " ".join(words[1:])
        case _:
            raise ValueError


def _new(key: VerifierKey, held: list[VerifierKey]) -> VerifierKey:
    if any(key.public == other.public for other in held):
        raise ValueError
    return key


def _free(policy: TrustPolicy, name: str) -> None:
    if name == "none" or name in policy.witnesses or name in policy.groups:
        raise ValueError


def _group(policy: TrustPolicy, needed: str, members: list[str]) -> tuple[int, tuple[str, ...]]:
    known = {**policy.witnesses, **policy.groups}
    used = {member for _, others in policy.groups.values() for member in others}
    if not members or len(set(members)) != len(members) or not set(members) <= set(known) or used & set(members):
        raise ValueError
    number = {"all": len(members), "any": 1}.get(needed) or number_of(needed)
    if not 1 <= number <= len(members):
        raise ValueError
    return number, tuple(members)


def _earlier(policy: TrustPolicy, words: list[str]) -> tuple[int, int, tuple[str, ...]]:
    until, needed, names = number_of(words[0]), number_of(words[1]), tuple(words[2:])
    if not 1 <= needed <= len(set(names)) == len(names) or not set(names) <= {*policy.witnesses, *policy.groups}:
        raise ValueError
    return until, needed, names


def _require_whole(policy: TrustPolicy) -> None:
    absent = [
        name
        for name, held in (("log", policy.logs), ("release", policy.releases), ("quorum", policy.quorum))
        if not held
    ]
    if absent:
        message = f"the trust policy has no line {', '.join(absent)}"
        raise ValueError(message)
    if not 1 <= policy.threshold <= len(policy.releases):
        message = "the trust policy asks for more release keys than it names"
        raise ValueError(message)
