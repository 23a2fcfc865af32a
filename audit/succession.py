"""The next trust policy of a house, drafted from the one in force, and what its log says of the policies before.

A key that is replaced counts up to the size of the log at which it ended (``retired``), and so does a quorum: a line
``earlier N LEAST NAMES`` keeps good what those witnesses signed of trees of at most N leaves, or else a package would stop
being authentic on the day on which a witness joined.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from audit.journal import Journal
from audit.note import ED25519_COSIGNATURE, NoteKey
from audit.trust import MARK, Trust, successor
from cld.errors import BadSignature, InputError

__all__ = [
    "Changes", "WitnessKeys", "first_policy", "next_policy", "require_in_force", "stolen_keys", "witness_lines", "witnesses_in",
]  # fmt: skip

QUORUM = "witnesses"
KEYS_OF_A_WITNESS = 2
ANEW = "Draft the next policy, have it signed and adopt it: caregate log trust."


@dataclass(frozen=True, slots=True)
class WitnessKeys:
    """Both keys of a witness, of Ed25519 and of ML-DSA-44, and where it can be asked."""

    keys: tuple[NoteKey, ...]
    url: str = ""

    @property
    def name(self) -> str:
        """The name in its keys, which is that of its group."""
        return self.keys[0].name


@dataclass(frozen=True, slots=True)
class Changes:
    """What the next policy changes.

    ``size`` is the log's, up to which replaced and retired keys and the quorum before count; ``stolen`` gives for a stolen
    key the day and the size that it counts to; ``witnesses`` are all that count from now on, ``least`` of them the quorum;
    ``update_keys`` are all that sign what comes after, None for those of today.
    """

    size: int
    witnesses: tuple[WitnessKeys, ...]
    least: int
    release: NoteKey | None = None
    log: tuple[NoteKey, ...] = ()
    stolen: Mapping[NoteKey, tuple[date, int]] = field(default_factory=dict)
    withdrawn: Mapping[str, str] = field(default_factory=dict)
    update_keys: tuple[NoteKey, ...] | None = None


def first_policy(
    release: NoteKey, log: Sequence[NoteKey], witnesses: Sequence[WitnessKeys], least: int, update_keys: Sequence[NoteKey]
) -> str:  # fmt: skip
    """Return the text of a house's first policy.

    Source: C2SP tlog-policy; the lines ``release`` and ``threshold`` are outside its scope and ours.
    """
    lines = [f"{MARK}policy 1", *_update_lines(update_keys), f"release {release.text()}", "threshold 1"]
    lines += [*(f"log {key.text()}" for key in log), *witness_lines(witnesses, least)]
    return "".join(f"{line}\n" for line in lines)


def _update_lines(keys: Iterable[NoteKey]) -> list[str]:
    return [f"{MARK}update {key.text()}" for key in keys]


def witness_lines(witnesses: Sequence[WitnessKeys], least: int, gone: Sequence[WitnessKeys] = ()) -> list[str]:
    """Return the lines of witnesses: both keys of each must sign, and so many of them are the quorum.

    Those ``gone`` are named for what they signed before. Source: C2SP tlog-policy.
    """
    if not 0 < least <= len(witnesses):
        message = f"A quorum of {least} cannot be had of {len(witnesses)} witnesses."
        raise InputError(message, "Ask for at least one, and no more than there are.")
    lines = []
    for one in (*witnesses, *gone):
        members = [f"{one.name}/{'ed25519' if key.kind == ED25519_COSIGNATURE else 'ml-dsa'}" for key in one.keys]
        lines += [
            f"witness {member} {key.text()} {one.url}".rstrip() for member, key in zip(members, one.keys, strict=True)
        ]
        lines.append(f"group {one.name} all {' '.join(members)}")
    names = " ".join(one.name for one in witnesses)
    return [*lines, f"group {QUORUM} {least} {names}", f"quorum {QUORUM}"]


def witnesses_in(trust: Trust) -> tuple[tuple[WitnessKeys, ...], tuple[WitnessKeys, ...], int]:
    """Return the witnesses that count now, those that are gone, and the quorum.

    Raises: InputError if the policy's witnesses are not written as this house writes them.
    """
    found: dict[str, list[NoteKey]] = {}
    urls = {}
    for witness in trust.witnessing.witnesses:
        found.setdefault(witness.key.name, []).append(witness.key)
        urls[witness.key.name] = witness.url
    quorum = {group.name: group for group in trust.witnessing.groups}.get(QUORUM)
    if quorum is None or trust.witnessing.quorum != QUORUM or not set(quorum.members) <= set(found):
        message = "The policy's witnesses are not written as this house writes them."
        raise InputError(message, "Write the next policy by hand.")
    every = tuple(WitnessKeys(tuple(keys), urls[name]) for name, keys in found.items())
    present = tuple(one for one in every if one.name in quorum.members)
    return present, tuple(one for one in every if one not in present), quorum.least


def next_policy(old: Trust, changes: Changes) -> str:
    """Return the text of the policy after this one.

    Raises: InputError if the quorum cannot be had, or a stolen key has no successor.
    """
    before, gone, least = witnesses_in(old)
    names = {one.name for one in changes.witnesses}
    left = tuple(one for one in before if one.name not in names)
    ended = {key: changes.size for one in left for key in one.keys} | _replaced(old, changes)
    _require_successors(old, changes, ended)
    lines = _update_lines(old.update_keys if changes.update_keys is None else changes.update_keys)
    stolen = {**old.compromised, **{key: day for key, (day, _) in changes.stolen.items()}}
    lines += [f"{MARK}compromised {key.text()} {day.isoformat()}" for key, day in stolen.items()]
    releases = [*old.releases, *([changes.release] if changes.release is not None else [])]
    lines += [*(f"release {key.text()}" for key in releases), f"threshold {old.threshold}"]
    lines += [f"log {key.text()}" for key in (*(log.key for log in old.witnessing.logs), *changes.log)]
    lines += witness_lines(changes.witnesses, changes.least, (*gone, *left))
    retired = {**old.retired, **ended}
    lines += [f"retired {key.text()} {size}" for key, size in retired.items()]
    earlier = [*old.witnessing.earlier]
    if (names, changes.least) != ({one.name for one in before}, least):
        earlier.append((changes.size, least, tuple(one.name for one in before)))
    lines += [f"earlier {size} {number} {' '.join(held)}" for size, number, held in earlier]
    lines += [f"withdrawn {digest} {why}".rstrip() for digest, why in {**old.withdrawn, **changes.withdrawn}.items()]
    return successor(old, lines)


def _replaced(old: Trust, changes: Changes) -> dict[NoteKey, int]:
    """Return the keys of release and log that end, with the size that each counts to."""
    logs = [log.key for log in old.witnessing.logs]
    ending = [*(old.releases if changes.release is not None else ()), *(logs if changes.log else ())]
    found = {key: changes.size for key in ending if key not in old.retired}
    return found | {key: min(size, old.retired.get(key, size)) for key, (_, size) in changes.stolen.items()}


def _require_successors(old: Trust, changes: Changes, ended: Mapping[NoteKey, int]) -> None:
    releases = {*old.releases, *([changes.release] if changes.release is not None else [])}
    logs = {*(log.key for log in old.witnessing.logs), *changes.log}
    live = [keys - set(old.retired) - set(ended) for keys in (releases, logs)]
    if len(live[0]) < old.threshold or len({key.kind for key in live[1]}) < len({key.kind for key in logs}):
        message = "A key that signs releases or heads of the log would end without one after it."
        raise InputError(message, "Ask for a new one in the same policy: --new-key release, --new-key log.")


def stolen_keys(trust: Trust, journal: Journal) -> dict[NoteKey, tuple[date, int]]:
    """Return the keys that still count in a policy and are stolen by the log's word: the day, and the size each counts to."""
    named = {f"{key.name}+{key.key_id.hex()}": key for key in _counting(trust)}
    found: dict[NoteKey, tuple[date, int]] = {}
    for details in _told(journal, "key compromised"):
        key = named.get(details["key"])
        if key is not None:
            day, size = date.fromisoformat(details["since"]), int(details["counts_until"])
            found[key] = min(found.get(key, (day, size)), (day, size))
    return found


def _counting(trust: Trust) -> list[NoteKey]:
    """Return the keys that count and that no line calls stolen; one that was retired after a theft's day is still to be called."""
    keys = (*trust.releases, *(log.key for log in trust.witnessing.logs), *trust.witnessing.witness_keys())
    return [key for key in keys if key not in trust.compromised]


def require_in_force(trust: Trust, journal: Journal) -> None:
    """Hold that a policy is the last that the log adopted and that none of its keys was stolen since.

    A house whose log names no policy yet keeps its first one.
    Raises: BadSignature.
    """
    adopted = [details["policy"] for details in _told(journal, "trust policy")]
    if adopted[-1:] != [trust.digest] and (adopted or trust.number != 1):
        message = "The trust policy of this house is not the one that its log adopted last."
        raise BadSignature(message, "Adopt the signed update again, or restore the file.")
    if stolen_keys(trust, journal):
        message = "A key of the trust policy in force is entered in the log as stolen."
        raise BadSignature(message, ANEW)


def _told(journal: Journal, action: str) -> list[dict[str, str]]:
    mark = f'"action":"{action}"'.encode()
    return [json.loads(leaf)["details"] for leaf in journal.leaves() if mark in leaf]
