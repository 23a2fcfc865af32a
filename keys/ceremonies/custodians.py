"""A custodian replaced: the same root, shared afresh, so that the leaver's share fits no share that is in force.

All who stay give their shares, each under its custodian's passphrase; every share is made anew, sealed under the same
passphrase, or under a new one for who joins. Nothing wrapped changes. What mathematics cannot undo: as many *old*
shares as once were a quorum still combine to the root, so those who stay must destroy every copy of their old ones. The
command takes away the files that it was given.

Source: Shamir 1979; Herzberg, Jarecki, Krawczyk and Yung 1995 (proactive sharing: renewed shares, old ones erased).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from cld.clock import Entropy
from cld.errors import InputError
from keys.ceremonies.making import CeremonyResult, Custodian, Dialogue, issue, whole_or_nothing
from keys.plain_files import overwrite_and_remove
from keys.providers.custody import CUSTODY, custody_bytes, index_in, open_share, read_custody
from keys.providers.root import HeldRoot, RootKind
from keys.providers.shares import Commitments, combine

__all__ = ["replace_custodians"]

LEFT = "The shares in force are the old ones."


def replace_custodians(
    keystore: Path, staying: Sequence[Path], joining: Mapping[int, Path], dialogue: Dialogue, entropy: Entropy, *,
    dry_run: bool,
) -> CeremonyResult:  # fmt: skip
    """Share the root afresh: ``staying`` are the share files of all who stay, ``joining`` index to the joiner's folder.

    Raises: InputError unless stayers and joiners are together every custodian, once; KeyUnavailable, naming the share.
    """
    commitments = read_custody(keystore)
    files = {index_in(path, commitments): path for path in staying}
    _require_everybody(files, joining, len(staying), commitments)
    dialogue.say(f"The root stays; custodian {_listed(joining)} of {len(commitments.shares)} is replaced.")
    with whole_or_nothing(dialogue, dry_run=dry_run, left=LEFT) as together:
        passphrases = {index: dialogue.passphrase(f"custodian {index}") for index in sorted(files)}
        held = [open_share(files[index], passphrases[index], commitments) for index in sorted(files)]
        root = combine(held, commitments)
        custodians = {index: Custodian(folder, None) for index, folder in joining.items()}
        custodians |= {index: Custodian(files[index].parent, passphrases[index]) for index in files}
        issued = issue(root, commitments.threshold, custodians, keystore, dialogue, entropy, together)
        together.stage(keystore / CUSTODY, custody_bytes(issued.commitments), replacing=True)
    if not dry_run:
        _take_away(files.values(), dialogue)
    root_id = "" if dry_run else HeldRoot(root).root_id()
    return CeremonyResult(RootKind.SHARES, dry_run, root_id, issued.n_opened, issued.n_refused, issued.files)


def _listed(indexes: Mapping[int, object]) -> str:
    return ", ".join(str(index) for index in sorted(indexes))


def _require_everybody(
    files: Mapping[int, Path], joining: Mapping[int, Path], n_given: int, commitments: Commitments
) -> None:
    everybody = set(range(1, len(commitments.shares) + 1))
    missing = everybody - files.keys() - joining.keys()
    if len(files) != n_given or files.keys() & joining.keys() or not joining or joining.keys() - everybody:
        message = "Each custodian either stays, with one share file, or is replaced."
        raise InputError(message, "Give the share of every custodian who stays, once, and the numbers of the others.")
    if missing:
        message = f"Custodian {', '.join(map(str, sorted(missing)))} neither stays nor is replaced."
        raise InputError(message, "All who stay get a new share: give theirs, or replace them too.")


def _take_away(old: Iterable[Path], dialogue: Dialogue) -> None:
    for path in old:
        overwrite_and_remove(path)
    dialogue.say(
        "The old share files given are gone. Every other copy of an old share must be destroyed by its custodian."
    )
