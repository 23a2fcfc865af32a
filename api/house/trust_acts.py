"""What a house does with its trust policy: drafts the next one, tells who must still sign it, and adopts it."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from api.workspace.signing_keys import house_signers, new_log, new_release
from api.workspace.wiring import SETTINGS, TRUST, Workspace, open_demo_workspace
from audit.enrolment import enrolled_witnesses
from audit.log import DISOWNED, LogFolder
from audit.note import NoteKey, SignedNote, read_checkpoint, read_note, sign_note, verified_at
from audit.proof import require_signed, require_witnessed
from audit.succession import Changes, next_policy, stolen_keys, witnesses_in
from audit.trust import Trust, follow, policy_event, read_trust, required_signers
from cld.canonical import canonical_bytes
from cld.errors import CLDError, Conflict
from cld.shelf import atomic_write

__all__ = ["Asked", "adopt", "draft", "missing_signers", "sign_update", "trust_of"]

QUORUM = "witness_quorum"
UPDATES = "trust"


@dataclass(frozen=True, slots=True)
class Asked:
    """What a draft is asked for beside what the log says of witnesses and stolen keys."""

    new_release: bool = False
    new_log: bool = False
    quorum: int = 0
    update_keys: tuple[NoteKey, ...] | None = None
    withdrawn: tuple[str, str] | None = None


def trust_of(space: Workspace) -> Trust:
    """Return the policy in force."""
    return read_trust(space.release_keys.trust)


def draft(space: Workspace, asked: Asked) -> str:
    """Return the next policy as a note that the house signed with those of its own keys that must sign it.

    The log signs a head first: what is replaced counts up to there.
    Raises: InputError if the quorum cannot be had, or nothing would change.
    """
    old = trust_of(space)
    present, _, least = witnesses_in(old)
    wanted = asked.quorum or _setting(space.folder) or least
    changes = Changes(
        size=read_checkpoint(space.log.head(space.journal).text).size,
        witnesses=enrolled_witnesses(present, space.journal),
        least=wanted,
        release=new_release(space.entropy, old) if asked.new_release else None,
        log=new_log(space.entropy, old).log_keys() if asked.new_log else (),
        stolen=stolen_keys(old, space.journal),
        withdrawn=dict([asked.withdrawn]) if asked.withdrawn else {},
        update_keys=asked.update_keys,
    )
    text = next_policy(old, changes)
    if asked.quorum:
        _set(space.folder, asked.quorum)
    needed = required_signers(old, read_trust(text))
    of_the_house = house_signers(space.entropy, needed) or house_signers(
        space.entropy, {space.release_keys.log.note_key()}
    )
    return sign_note(text, of_the_house)


def _settings(folder: Path) -> dict[str, object]:
    found: dict[str, object] = json.loads((folder / SETTINGS).read_text("utf-8"))
    return found


def _setting(folder: Path) -> int:
    found = _settings(folder).get(QUORUM, 0)
    return found if isinstance(found, int) else 0


def _set(folder: Path, quorum: int) -> None:
    atomic_write(folder / SETTINGS, canonical_bytes(_settings(folder) | {QUORUM: quorum}))


def missing_signers(old: Trust, update: str) -> tuple[NoteKey, ...]:
    """Return the keys that must still sign an update.

    Raises: BadSignature if a signature on it is bad, or nobody may make such an update.
    """
    note = read_note(update)
    needed = required_signers(old, read_trust(note.text))
    return tuple(sorted(needed - set(verified_at(note, needed)), key=lambda key: key.text()))


def sign_update(update: str, name: str, key: Ed25519PrivateKey) -> str:
    """Return an update with one more signature; signing twice changes nothing.

    Raises: BadSignature if it is no signed note, or its text no trust policy.
    """
    note = read_note(update)
    read_trust(note.text)
    line = sign_note(note.text, [(name, key)])[len(note.text) + 1 :]
    return update if line in update else update + line


def adopt(space: Workspace, update: str) -> Trust:
    """Put a signed update in force: it is entered in the log, then kept, and the log goes on under its keys.

    Cut off half way, asking again finishes it.
    Raises: BadSignature if it may not succeed the policy in force; Conflict if the log went on under keys that it ends.
    """
    old, note = trust_of(space), read_note(update)
    if note.text != old.text:
        new = follow(old, update)
        _require_unused(space, old, new)
        space.journal.record(policy_event(new, "custodian"))
        atomic_write(space.folder / UPDATES / f"{new.number}.update", update.encode())
        atomic_write(space.folder / TRUST, new.text.encode())
    space.journal.close()
    renewed = open_demo_workspace(space.folder)
    try:
        _disown(renewed.log.folder)
        renewed.log.head(renewed.journal)
        return trust_of(renewed)
    finally:
        renewed.journal.close()


def _require_unused(space: Workspace, old: Trust, new: Trust) -> None:
    """Hold that what was signed since the draft stays good, unless a key was stolen: then nothing was released."""
    if set(new.compromised) - set(old.compromised):
        return
    head = space.log.folder.last_head()
    late = head is not None and not _is_good(head, replace(space.log.folder, policy=new.witnessing))
    released = [json.loads(leaf)["seq"] for leaf in space.journal.leaves() if b'"action":"release"' in leaf]
    ended = [size for key, size in new.retired.items() if key in old.releases and key not in old.retired]
    if late or max(released, default=-1) >= min(ended, default=1 << 64):
        message = "Since this update was drafted, a head or a release was signed that it would not take."
        raise Conflict(message, "Draft it anew, have it signed, and adopt it before the next head.")


def _disown(log: LogFolder) -> None:
    """Put heads aside that the policy does not take: those that a stolen key signed after the size that it counts to."""
    folder = log.tiles.folder
    for path in (*(folder / "checkpoints").glob("[0-9]*"), folder / "checkpoint"):
        if path.is_file() and not _is_good(read_note(path.read_text("utf-8")), log):
            aside = folder / DISOWNED / path.name
            aside.parent.mkdir(exist_ok=True)
            path.replace(aside)


def _is_good(note: SignedNote, log: LogFolder) -> bool:
    try:
        require_signed(note, log.policy, log.origin)
        require_witnessed(note, log.policy)
    except CLDError:
        return False
    return True
