"""Guided ceremonies: a root made, and a custodian replaced, with nothing secret on a screen and nothing half done.

Every ceremony asks, stages all its files, proves from the staged files that what was made opens and what must not open
does not, and only then gives the files their names, the deciding one last. A dry run does all of this with a root that
is thrown away and stops before the last step. Whatever interrupts a ceremony, nothing of it counts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import combinations, islice
from pathlib import Path
from typing import Protocol

from cld.clock import Entropy
from cld.errors import Conflict, InputError, InvariantBroken, KeyUnavailable
from keys.ceremonies.together import Together
from keys.derivation import KEY_BYTES, Secret
from keys.plain_files import is_there, overwrite_and_remove
from keys.providers.choose import ROOT_FILE, SETTINGS, RootSettings, settings_bytes
from keys.providers.custody import CUSTODY, custody_bytes, open_share, share_bytes, share_name
from keys.providers.file import open_root, sealed_root
from keys.providers.root import HeldRoot, RootKind
from keys.providers.shares import Commitments, Share, combine, require_plan, split

__all__ = ["CeremonyResult", "Dialogue", "custody_ceremony", "file_ceremony", "require_empty", "whole_or_nothing"]

LEAST_CHARACTERS = 12
SET_BYTES = 16
MOST_TRIALS = 200


class Dialogue(Protocol):
    """How a ceremony speaks with people; what they type is never shown."""

    def say(self, words: str) -> None:
        """Tell the people in the room what happens."""
        ...

    def new_passphrase(self, whose: str) -> Secret:
        """Ask somebody for a new passphrase, twice."""
        ...

    def passphrase(self, whose: str) -> Secret:
        """Ask somebody for a passphrase or PIN that is already theirs."""
        ...


@dataclass(frozen=True, slots=True)
class CeremonyResult:
    """What a ceremony did, without secrets; ``root_id`` is empty for a dry run."""

    provider: RootKind
    dry_run: bool
    root_id: str
    n_opened: int
    n_refused: int
    files: tuple[Path, ...]


def require_empty(keystore: Path) -> None:
    """Refuse a keystore that has a root; a custody file alone is left from a ceremony that was cut off and counts for nothing.

    Raises: Conflict.
    """
    if any(is_there(keystore / name) for name in (SETTINGS, ROOT_FILE)):
        message = "This keystore has a root already."
        raise Conflict(message, "Open it, or choose an empty keystore.")


@contextmanager
def whole_or_nothing(dialogue: Dialogue, *, dry_run: bool, left: str) -> Iterator[Together]:
    """Commit at the end; after any interruption, or in a dry run, leave nothing and say so."""
    together = Together()
    try:
        yield together
        if dry_run:
            together.abandon()
        else:
            together.commit()
    except BaseException:
        together.abandon()
        dialogue.say(f"The ceremony stopped. Nothing of it was kept. {left}".strip())
        raise
    dialogue.say(
        f"This was a dry run. Nothing of it was kept. {left}".strip() if dry_run else "The ceremony is complete."
    )


def fresh_passphrase(dialogue: Dialogue, whose: str) -> Secret:
    """Ask for a new passphrase of at least 12 characters.

    Raises: InputError if it is shorter.
    """
    given = dialogue.new_passphrase(whose)
    if len(given.reveal().decode("utf-8", "replace")) < LEAST_CHARACTERS:
        message = f"A passphrase has at least {LEAST_CHARACTERS} characters."
        raise InputError(message, "Choose a sentence that nobody else would think of.")
    return given


def file_ceremony(keystore: Path, dialogue: Dialogue, entropy: Entropy, *, dry_run: bool) -> CeremonyResult:
    """Make a root in an encrypted file.

    Raises: Conflict if the keystore has a root; InputError for a short passphrase.
    """
    require_empty(keystore)
    dialogue.say("A root is made and sealed under one passphrase.")
    with whole_or_nothing(dialogue, dry_run=dry_run, left="There is no root.") as together:
        passphrase = fresh_passphrase(dialogue, "the root")
        root = Secret(entropy.secret_bytes(KEY_BYTES, "root"))
        staged = together.stage(keystore / ROOT_FILE, sealed_root(root, passphrase, entropy))
        opened = open_root(staged, passphrase)
        require_refused_file(staged)
        root_id = "" if dry_run else opened.root_id()
    return CeremonyResult(RootKind.FILE, dry_run, root_id, 1, 1, (keystore / ROOT_FILE,))


def require_refused_file(staged: Path) -> None:
    """Hold that a sealed root does not open with a passphrase that is not its own."""
    try:
        open_root(staged, Secret(b"not the passphrase"))
    except KeyUnavailable:
        return
    message = "A root opened with a passphrase that is not its own."
    raise InvariantBroken(message)


def custody_ceremony(
    keystore: Path, folders: Sequence[Path], threshold: int, dialogue: Dialogue, entropy: Entropy, *, dry_run: bool
) -> CeremonyResult:
    """Make a root of which each custodian gets a share, one in each folder; ``threshold`` of them open it.

    Raises: Conflict if the keystore has a root; InputError for a senseless plan or a short passphrase.
    """
    require_empty(keystore)
    require_custody(threshold, folders)
    dialogue.say(f"A root is made and shared among {len(folders)} custodians; any {threshold} of them open it.")
    with whole_or_nothing(dialogue, dry_run=dry_run, left="There is no root.") as together:
        root = Secret(entropy.secret_bytes(KEY_BYTES, "root"))
        places = {index: Custodian(folder, None) for index, folder in enumerate(folders, start=1)}
        issued = issue(root, threshold, places, keystore, dialogue, entropy, together)
        together.stage(keystore / CUSTODY, custody_bytes(issued.commitments), replacing=True)
        together.stage(keystore / SETTINGS, settings_bytes(RootSettings(RootKind.SHARES)))
        root_id = "" if dry_run else HeldRoot(root).root_id()
    return CeremonyResult(RootKind.SHARES, dry_run, root_id, issued.n_opened, issued.n_refused, issued.files)


def require_custody(threshold: int, folders: Sequence[Path]) -> None:
    """Hold a plan of custody to sense: numbers that make one, and a folder for each custodian.

    Raises: InputError.
    """
    require_plan(threshold, len(folders))
    if len({folder.resolve() for folder in folders}) != len(folders):
        message = "Two custodians have one folder: whoever holds it holds two shares."
        raise InputError(message, "Give a folder for each.")


@dataclass(frozen=True, slots=True)
class Custodian:
    """Where a custodian's share goes, and the passphrase of one who stays; a new custodian is asked for one."""

    folder: Path
    passphrase: Secret | None


@dataclass(frozen=True, slots=True)
class Issued:
    """A set of shares staged and proven; each file's passphrase is kept to open it once more under its final name."""

    commitments: Commitments
    files: tuple[Path, ...]
    passphrases: tuple[Secret, ...]
    n_opened: int
    n_refused: int


def issue(
    root: Secret, threshold: int, custodians: Mapping[int, Custodian], keystore: Path, dialogue: Dialogue,
    entropy: Entropy, together: Together,
) -> Issued:  # fmt: skip
    """Split a root afresh, stage a file for each custodian and prove the set from the staged files."""
    set_id = entropy.secret_bytes(SET_BYTES, f"share set of {keystore.name}").hex()
    shares, commitments = split(root, threshold, len(custodians), set_id)
    proven, files, passphrases = [], [], []
    for share in shares:
        custodian = custodians[share.index]
        dialogue.say(f"Custodian {share.index} of {len(custodians)}.")
        passphrase = custodian.passphrase or fresh_passphrase(dialogue, f"custodian {share.index}")
        if custodian.passphrase is None:
            _look_for_others(custodian.folder, dialogue)
        path = custodian.folder / share_name(commitments, share.index)
        staged = together.stage(path, share_bytes(share, commitments, passphrase, entropy))
        proven.append(open_share(staged, passphrase, commitments))
        files.append(path)
        passphrases.append(passphrase)
    n_opened, n_refused = _prove(proven, commitments)
    dialogue.say(f"Proven: {n_opened} quorums open the root, {n_refused} sets one short of a quorum do not.")
    return Issued(commitments, tuple(files), tuple(passphrases), n_opened, n_refused)


def _look_for_others(folder: Path, dialogue: Dialogue) -> None:
    """Take away shares that a killed ceremony never named, and tell of named ones: they may be somebody's."""
    for left in folder.glob(".caregate-share-*.part"):
        overwrite_and_remove(left)
    if any(folder.glob("caregate-share-*.json")):
        dialogue.say(
            f"{folder.name} holds a share of another set. If a ceremony that was cut off or a move left it there, "
            "its custodian must destroy it."
        )


def _prove(shares: Sequence[Share], commitments: Commitments) -> tuple[int, int]:
    """Open with quorums and fail with sets one short of one; all of them where they are no more than 200."""
    n_opened = n_refused = 0
    for quorum in islice(combinations(shares, commitments.threshold), MOST_TRIALS):
        combine(quorum, commitments)
        n_opened += 1
    for short in islice(combinations(shares, commitments.threshold - 1), MOST_TRIALS):
        try:
            combine(short, commitments)
        except KeyUnavailable:
            n_refused += 1
            continue
        message = "Fewer shares than a quorum opened a root."
        raise InvariantBroken(message)
    return n_opened, n_refused
