"""The ceremony that moves a root to another provider: the same root, so the same pseudonyms, and nothing wrapped changes.

1. The root is opened where it is, and what it opens of the keystore is counted.  2. The new provider's files are staged, or
the token is given the root.  3. From what was staged the root is opened again: public name, pepper and every wrapped secret
must be those of step 1.  4. The settings are replaced, in one rename: that is the move.  5. The new provider is opened once
more under its final names; if it does not open, the old settings return.  6. Only then the old provider's material goes.
Cut off before 4 the old provider is in force, after 4 the new one; asking again finishes what is left to clear.

A dry run opens the root where it is, and does the rest with a root that is thrown away: the real one is nowhere a second time.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from cld.clock import Entropy
from cld.errors import Conflict, InputError, InvariantBroken, KeyUnavailable
from cld.shelf import atomic_write
from keys.ceremonies.making import (
    CeremonyResult,
    Custodian,
    Dialogue,
    fresh_passphrase,
    issue,
    require_custody,
    require_refused_file,
    whole_or_nothing,
)
from keys.ceremonies.together import Together
from keys.derivation import KEY_BYTES, Secret, label_of
from keys.opening import n_opened, require_own_root
from keys.periods import Periods
from keys.plain_files import is_there, overwrite_and_remove, read_plain
from keys.providers.choose import (
    ROOT_FILE,
    SETTINGS,
    RootSettings,
    Unlocking,
    open_provider,
    read_settings,
    root_to_move,
    settings_bytes,
)
from keys.providers.custody import CUSTODY, custody_bytes, read_custody, root_of_shares
from keys.providers.file import open_root, sealed_root
from keys.providers.imported import ImportedRoot, carry, import_root, open_imported_root
from keys.providers.root import HeldRoot, RootKind, RootProvider
from keys.providers.token import TokenPlace, holds_key, remove_token_root

__all__ = ["Destination", "left_over", "move_root"]

TRIAL = "-dry-run"
STAYS = "The root is where it was."


@dataclass(frozen=True, slots=True)
class Destination:
    """Where a root is to go: the custodians' folders and threshold, or the token's place."""

    kind: RootKind
    folders: tuple[Path, ...] = ()
    threshold: int = 3
    place: TokenPlace = TokenPlace("", "", "")


@dataclass(frozen=True, slots=True)
class Moved:
    """A root under its new provider, not yet in force: its settings, how it opens from its final place, what was proven."""

    settings: RootSettings
    staged: RootProvider
    reopen: Callable[[], RootProvider]
    n_opened: int = 1
    n_refused: int = 0
    files: tuple[Path, ...] = ()


def left_over(keystore: Path) -> tuple[Path, ...]:
    """Return the files of a provider that is not in force: what a move that was cut off did not clear.

    Raises: KeyUnavailable.
    """
    kind = read_settings(keystore).kind
    names = [name for name, owner in ((ROOT_FILE, RootKind.FILE), (CUSTODY, RootKind.SHARES)) if owner is not kind]
    return tuple(keystore / name for name in names if is_there(keystore / name))


def move_root(
    keystore: Path, to: Destination, unlocking: Unlocking, dialogue: Dialogue, entropy: Entropy, *, dry_run: bool
) -> CeremonyResult:
    """Move a root to another provider, or clear what an earlier move to it left.

    Raises: Conflict for a root in a token, which gives it to nobody, and where the root is there already; KeyUnavailable;
            InputError for a senseless plan or a short passphrase.
    """
    kind = read_settings(keystore).kind
    if kind is to.kind:
        return _clear(keystore, kind, unlocking, dialogue, dry_run=dry_run)
    _require_destination(to)
    root, share_files = root_to_move(keystore, unlocking)
    held, periods = HeldRoot(root), Periods(keystore / "periods", entropy)
    require_own_root(keystore, held)
    n_before = n_opened(keystore, held, periods)
    dialogue.say(f"The root opens where it is ({kind}), and opens {n_before} wrapped secrets. It moves to: {to.kind}.")
    going = Secret(entropy.secret_bytes(KEY_BYTES, "root")) if dry_run else root
    before = _settings_now(keystore)
    moved = _under_new_provider(keystore, to, going, n_before, dialogue, entropy, periods, dry_run=dry_run)
    root_id = ""
    if not dry_run:
        _open_or_put_back(keystore, moved, before, dialogue)
        _take_away(keystore, kind, share_files, dialogue)
        root_id = held.root_id()
    return CeremonyResult(to.kind, dry_run, root_id, moved.n_opened, moved.n_refused, moved.files)


def _require_destination(to: Destination) -> None:
    """Refuse a destination that lacks its parts, before anybody is asked for anything."""
    if to.kind is RootKind.SHARES:
        require_custody(to.threshold, to.folders)
    if to.kind is RootKind.TOKEN and not (to.place.module and to.place.token and to.place.key):
        message = "A token is named by its maker's library, its label and the key's label."
        raise InputError(message, "Give --module, --token and --key.")


def _under_new_provider(
    keystore: Path, to: Destination, going: Secret, n_before: int, dialogue: Dialogue, entropy: Entropy, periods: Periods,
    *, dry_run: bool,
) -> Moved:  # fmt: skip
    """Stage, prove and put in force."""
    with whole_or_nothing(dialogue, dry_run=dry_run, left=STAYS) as together:
        match to.kind:
            case RootKind.FILE:
                moved = _to_file(keystore, going, dialogue, entropy, together)
            case RootKind.SHARES:
                moved = _to_shares(keystore, to, going, dialogue, entropy, together)
            case RootKind.TOKEN:
                return _to_token(keystore, to, going, n_before, dialogue, periods, together, dry_run=dry_run)
        _require_same(keystore, HeldRoot(going), moved.staged, None if dry_run else n_before, periods)
        together.stage(keystore / SETTINGS, settings_bytes(moved.settings), replacing=True)
    return moved


def _to_file(keystore: Path, going: Secret, dialogue: Dialogue, entropy: Entropy, together: Together) -> Moved:
    passphrase = fresh_passphrase(dialogue, "the root, where it goes")
    staged = together.stage(keystore / ROOT_FILE, sealed_root(going, passphrase, entropy), replacing=True)
    require_refused_file(staged)
    reopen = lambda: open_root(keystore / ROOT_FILE, passphrase)  # noqa: E731
    return Moved(RootSettings(RootKind.FILE), open_root(staged, passphrase), reopen, 1, 1, (keystore / ROOT_FILE,))


def _to_shares(
    keystore: Path, to: Destination, going: Secret, dialogue: Dialogue, entropy: Entropy, together: Together
) -> Moved:
    places = {index: Custodian(folder, None) for index, folder in enumerate(to.folders, start=1)}
    issued = issue(going, to.threshold, places, keystore, dialogue, entropy, together)
    together.stage(keystore / CUSTODY, custody_bytes(issued.commitments), replacing=True)
    quorum = list(zip(issued.files, issued.passphrases, strict=True))[: to.threshold]

    def reopen() -> RootProvider:
        return HeldRoot(root_of_shares(quorum, read_custody(keystore)), RootKind.SHARES)

    # every quorum of the staged files was opened and held against the commitment to this very root
    staged = HeldRoot(going, RootKind.SHARES)
    settings = RootSettings(RootKind.SHARES)
    return Moved(settings, staged, reopen, issued.n_opened, issued.n_refused, issued.files)


def _to_token(
    keystore: Path, to: Destination, going: Secret, n_before: int, dialogue: Dialogue, periods: Periods,
    together: Together, *, dry_run: bool,
) -> Moved:  # fmt: skip
    """Give the token the root, or use what an earlier move that was cut off gave it; of what fails nothing stays there."""
    pin = dialogue.passphrase("the token (its PIN)")
    place = replace(to.place, key=to.place.key + TRIAL) if dry_run else to.place
    if dry_run and holds_key(place, pin):
        remove_token_root(place, pin)  # of a dry run that was cut off: nobody's root
    if not holds_key(place, pin):
        import_root(place, pin, going)
        together.on_abandon(lambda: remove_token_root(place, pin))
    settings = _require_in_token(keystore, place, pin, going, None if dry_run else n_before, periods)
    together.stage(keystore / SETTINGS, settings_bytes(settings), replacing=True)
    carried = settings.carried or {}
    reopen = lambda: open_imported_root(place, pin, carried)  # noqa: E731
    return Moved(settings, ImportedRoot(place, pin, carried), reopen)


def _require_in_token(
    keystore: Path, place: TokenPlace, pin: Secret, going: Secret, n_before: int | None, periods: Periods
) -> RootSettings:
    """Hold that the token's key is the root that goes there, and return the settings under which it is."""
    held, inside = HeldRoot(going), ImportedRoot(place, pin, {})
    if inside.root_id() != held.root_id():
        message = "The token holds another key of that name already."
        raise Conflict(message, "Choose another name.")
    carried = carry(held, inside, (periods.key(name) for name in periods.names()))
    _require_same(keystore, held, ImportedRoot(place, pin, carried), n_before, periods)
    return RootSettings(RootKind.TOKEN, place, carried)


def _pepper_label(root: RootProvider) -> str:
    return label_of("caregate/moved-pepper", root.pepper().reveal())


def _require_same(
    keystore: Path, before: RootProvider, after: RootProvider, n_before: int | None, periods: Periods
) -> None:
    """Hold that two providers have one root: its public name, the pepper, and every secret that it opens."""
    same = before.root_id() == after.root_id() and _pepper_label(before) == _pepper_label(after)
    if not same or (n_before is not None and n_opened(keystore, after, periods) != n_before):
        message = "The root under its new provider is not the one that was moved."
        raise InvariantBroken(message)


def _settings_now(keystore: Path) -> bytes | None:
    return read_plain(keystore / SETTINGS) if is_there(keystore / SETTINGS) else None


def _open_or_put_back(keystore: Path, moved: Moved, before: bytes | None, dialogue: Dialogue) -> None:
    """Open the new provider from its final place; where it does not open, the old one is in force again."""
    try:
        if moved.reopen().root_id() == moved.staged.root_id():
            return
    except (OSError, KeyUnavailable):
        pass
    with suppress(FileNotFoundError):
        if before is None:
            (keystore / SETTINGS).unlink()
        else:
            atomic_write(keystore / SETTINGS, before)
    dialogue.say(STAYS)
    message = "The new provider did not open once it was in its place; the old one is in force."
    raise KeyUnavailable(message, "Look at the media or the token, and move again.")


def _take_away(keystore: Path, kind: RootKind, share_files: tuple[Path, ...], dialogue: Dialogue) -> None:
    """Overwrite and remove what the old provider had here; what custodians hold elsewhere is theirs to destroy."""
    if kind is RootKind.FILE:
        overwrite_and_remove(keystore / ROOT_FILE)
        dialogue.say("The old root file is overwritten and gone. Destroy every copy of it in backups.")
        return
    commitments = read_custody(keystore)
    for path in share_files:
        overwrite_and_remove(path)
    overwrite_and_remove(keystore / CUSTODY)
    n_left = len(commitments.shares) - len(share_files)
    dialogue.say(
        f"The {len(share_files)} share files given are overwritten and gone; {n_left} of the old set are with their custodians. "
        f"Any {commitments.threshold} of that set, copies too, still combine to the root: each custodian must destroy theirs."
    )


def _clear(
    keystore: Path, kind: RootKind, unlocking: Unlocking, dialogue: Dialogue, *, dry_run: bool
) -> CeremonyResult:
    """Take away what an earlier move left, once the provider in force has been opened."""
    left = left_over(keystore)
    if not left:
        message = f"The root is there already ({kind})."
        raise Conflict(message, "Name another provider; custodians are changed by: caregate keys replace-custodian.")
    root = open_provider(keystore, unlocking)
    require_own_root(keystore, root)
    if not dry_run:
        for path in left:
            overwrite_and_remove(path)
    dialogue.say("This was a dry run." if dry_run else "What an earlier move left of the old provider is gone.")
    return CeremonyResult(kind, dry_run, "" if dry_run else root.root_id(), 1, 0, ())
