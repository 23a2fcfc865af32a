"""The composition root: a demo workspace with its seeded clock, secrets, shelf, keystore, journal and people."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Engine as Database

from api.store.database import database_url, open_database
from api.store.journal import SqlJournal
from api.workspace.key_prompts import FileUnlocking, Prompts
from api.workspace.signing_keys import DemoKeys, demo_keys, first_trust
from api.workspace.witness_client import witnesses_of
from audit.log import Log, moment_of
from audit.note import verified_at
from audit.tiles import TileStore
from audit.trust import read_trust
from audit.witness import Witness
from cld.canonical import canonical_bytes
from cld.clock import SeededClock, SeededEntropy
from cld.engine import Engine
from cld.errors import KeyUnavailable, LogInconsistent, UnreadableFile
from cld.shelf import Shelf, atomic_write
from extracts.opt_outs.cache import AnswerCache
from extracts.opt_outs.gate import OptOutGate
from extracts.opt_outs.mesh import MeshFolder
from extracts.opt_outs.service import ListedObjectors
from keys.derivation import Secret
from keys.providers.choose import ROOT_FILE, Unlocking, open_provider
from keys.providers.file import create_root, open_root
from keys.selftest import require_both_libraries
from keys.store import KeyStore
from keys.watch import watched

__all__ = [
    "TRUST",
    "DemoKeys",
    "Workspace",
    "begin_period",
    "demo_workspace",
    "journal_beside",
    "open_demo_log",
    "open_demo_workspace",
    "open_workspace_with",
]

DEMO_START = datetime(2022, 3, 1, 9, tzinfo=UTC)
DEMO_PASSPHRASE = b"a demo workspace holds no secrets"  # noqa: S105 - said to be none
KEYSTORE = "keystore"
FIRST_PERIOD = "2022"
SETTINGS = "workspace.json"
DATABASE = "caregate.sqlite"
TRUST = "trust-policy.txt"
STAFF = (
    "approver one",
    "approver two",
    "releaser one",
    "releaser two",
    "officer one",
    "officer two",
    "custodian one",
)
REVIEWERS = ("reviewer one", "reviewer two", "reviewer three")


@dataclass(frozen=True, slots=True)
class Workspace:
    """Everything a demo needs, built once."""

    folder: Path
    clock: SeededClock
    entropy: SeededEntropy
    engine: Engine
    database: Database
    journal: SqlJournal
    keys: KeyStore
    release_keys: DemoKeys
    log: Log
    staff: Mapping[str, Ed25519PrivateKey]
    opt_outs: OptOutGate
    reviewers: tuple[str, ...] = REVIEWERS

    def people(self) -> dict[str, str]:
        """Return the register of people: name to public key."""
        return {name: key.public_key().public_bytes_raw().hex() for name, key in self.staff.items()}


def _key(entropy: SeededEntropy, label: str) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(entropy.secret_bytes(32, label))


def demo_workspace(folder: Path, *, seed: int, n_threads: int, database: str = "") -> Workspace:
    """Build a demo workspace in an empty folder. Its secrets and its clock come from the seed, here and nowhere else.

    ``database`` is the address of an empty PostgreSQL database; without one the workspace keeps its own, in SQLite.
    """
    entropy = SeededEntropy(seed)
    settings: dict[str, object] = {"kind": "demo", "seed": seed}
    if database:
        settings["database"] = database_url(database)
    create_root(folder / KEYSTORE / ROOT_FILE, Secret(DEMO_PASSPHRASE), entropy)
    atomic_write(folder / SETTINGS, canonical_bytes(settings))
    atomic_write(folder / TRUST, first_trust(entropy).encode())
    return _wire(folder, DemoUnlocking(), entropy, FIRST_PERIOD, n_threads)


class DemoUnlocking:
    """Opens a demo's root, whose passphrase is no secret; shares and tokens need whoever holds them."""

    def passphrase(self) -> Secret:
        """Return the passphrase that is no secret."""
        return Secret(DEMO_PASSPHRASE)

    def shares(self) -> tuple[tuple[Path, Secret], ...]:
        """Return no shares."""
        return ()

    def pin(self) -> Secret:
        """Return no PIN."""
        return Secret(b"")


class HouseUnlocking(FileUnlocking):
    """Opens a house's root with what was given, a demo's with its words that are no secret, and else asks."""

    def passphrase(self) -> Secret:
        """Return the demo's words where nothing was given and they open the root; else ask."""
        words = Secret(DEMO_PASSPHRASE)
        if not self._prompts.from_files:
            with suppress(KeyUnavailable):
                open_root(self._keystore / ROOT_FILE, words)
                return words
        return super().passphrase()


def open_workspace_with(folder: Path, shares: Sequence[Path], passphrase_files: Sequence[Path]) -> Workspace:
    """Open a workspace with share files and files of passphrases; what was not given is asked at a terminal.

    Raises: as ``open_demo_workspace``; InputError where there is nobody to ask.
    """
    return open_demo_workspace(folder, unlocking=HouseUnlocking(folder / KEYSTORE, Prompts(passphrase_files), shares))


def open_demo_workspace(folder: Path, *, n_threads: int = 2, unlocking: Unlocking | None = None) -> Workspace:
    """Open a finished demo workspace; its clock goes on from the last leaf of its log.

    The root is with the provider that the keystore's settings name, opened by ``unlocking``, or by whoever is at the terminal.
    Raises: UnreadableFile if the folder is no demo workspace; KeyUnavailable, which is logged too.
    """
    entropy, period = _seed_and_period(folder)
    return _wire(folder, unlocking or HouseUnlocking(folder / KEYSTORE, Prompts(), ()), entropy, period, n_threads)


def _seed_and_period(folder: Path) -> tuple[SeededEntropy, str]:
    settings = _settings_of(folder)
    try:
        return SeededEntropy(int(settings["seed"])), str(settings.get("period", FIRST_PERIOD))
    except (ValueError, KeyError) as fault:
        message = f"{folder.name} is not a demo workspace."
        raise UnreadableFile(message, "Make one with: caregate demo --out DIR.") from fault


@contextmanager
def open_demo_log(folder: Path) -> Iterator[tuple[SqlJournal, Log, dict[str, str]]]:
    """Open a demo workspace's leaves and log for a check, in whatever state they are, with the head its witness kept.

    Raises: UnreadableFile if the folder is no demo workspace; LogInconsistent if its database is gone.
    """
    entropy, _ = _seed_and_period(folder)
    if "database" not in _settings_of(folder) and not (folder / DATABASE).is_file():
        message = "The workspace's database is missing."
        raise LogInconsistent(message, "Restore it from the newest backup, and check again.")
    clock, keys = SeededClock(DEMO_START), demo_keys(entropy, _trust_in_force(folder))
    log = _log(folder, keys, clock)
    held = _witness(folder, keys, clock).latest(hashlib.sha256(keys.log.name.encode()).hexdigest())
    journal = SqlJournal(_database_of(folder), clock)
    try:
        yield journal, log, {} if held is None else {"head that the witness kept": held}
    finally:
        journal.close()


def begin_period(space: Workspace, period: str) -> int:
    """Let a workspace wrap under a new period key, and end the one before; returns how many secrets moved.

    Cut off half way, asking again finishes it.
    """
    settings = _settings_of(space.folder)
    space.keys.begin_period(period)
    atomic_write(space.folder / SETTINGS, canonical_bytes(settings | {"period": period}))
    return space.keys.retire_earlier_periods()


@contextmanager
def journal_beside(keystore: Path) -> Iterator[SqlJournal | None]:
    """Open the log of the workspace that a keystore belongs to; None where it belongs to none."""
    folder = keystore.resolve().parent
    if keystore.name != KEYSTORE or not (folder / SETTINGS).exists():
        yield None
        return
    clock = SeededClock(DEMO_START)
    journal = SqlJournal(_database_of(folder), clock)
    try:
        _wind(clock, journal)
        yield journal
    finally:
        journal.close()


def _database_of(folder: Path) -> Database:
    """Open the database that a workspace's settings name, or the one in its folder where they name none."""
    settings = _settings_of(folder)
    return open_database(str(settings["database"]) if "database" in settings else folder / DATABASE)


def _wind(
    clock: SeededClock, journal: SqlJournal, log: Log | None = None, release_keys: DemoKeys | None = None
) -> None:
    """Let a demo's clock go on from the last leaf of its log, and from the last signature on it.

    Witnesses outside have clocks of their own, which say nothing of this one.
    """
    moments = [moment_of(leaf) for leaf in journal.leaves()[-1:]]
    note = log.folder.last_head() if log is not None else None
    if log is not None and release_keys is not None and note is not None:
        keys = (*log.policy.log_keys(log.signer.name), *release_keys.witness.witness_keys())
        moments += verified_at(note, keys).values()
    if moments:
        clock.start = datetime.fromtimestamp(max(moments), UTC)


def _trust_in_force(folder: Path) -> str:
    try:
        return (folder / TRUST).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as fault:
        message = f"The workspace's {TRUST} cannot be read."
        raise UnreadableFile(message, "Restore it.") from fault


def _wire(folder: Path, unlocking: Unlocking, entropy: SeededEntropy, period: str, n_threads: int) -> Workspace:
    require_both_libraries()
    for left in (folder / "spill").glob("release-*"):
        # a run that was killed while it staged a payload
        shutil.rmtree(left, ignore_errors=True)
    database, clock = _database_of(folder), SeededClock(DEMO_START)
    release_keys = demo_keys(entropy, _trust_in_force(folder))
    log = _log(folder, release_keys, clock)
    journal = SqlJournal(database, clock, entropy=entropy, log=log)
    _wind(clock, journal, log, release_keys)
    with watched(journal, "open the root", "system"):
        keys = KeyStore(folder / KEYSTORE, open_provider(folder / KEYSTORE, unlocking), entropy, period)
    shelf = Shelf(folder / "shelf", keys)
    return Workspace(
        folder=folder,
        clock=clock,
        entropy=entropy,
        engine=Engine(shelf, folder / "spill", n_threads),
        database=database,
        journal=journal,
        keys=keys,
        release_keys=release_keys,
        log=log,
        staff={name: _key(entropy, f"staff {name}") for name in STAFF},
        opt_outs=_opt_outs(folder, shelf, keys, journal, clock),
    )


def _opt_outs(folder: Path, shelf: Shelf, keys: KeyStore, journal: SqlJournal, clock: SeededClock) -> OptOutGate:
    """Wire whoever knows who objects: the mailbox that the settings name, or the list of the synthetic England."""
    named = _settings_of(folder).get("opt_outs")
    if named is None:
        return OptOutGate(ListedObjectors(folder / "nhs" / "opt_outs.parquet", clock))
    service = MeshFolder(Path(named["folder"]), str(named["own_mailbox"]), str(named["service_mailbox"]), clock)
    return OptOutGate(service, AnswerCache(folder / "opt-outs.json", shelf, keys, journal, clock))


def _settings_of(folder: Path) -> dict[str, Any]:
    """Return a workspace's settings.

    Raises: UnreadableFile if the folder is no workspace.
    """
    try:
        settings: dict[str, Any] = json.loads((folder / SETTINGS).read_text("utf-8"))
    except (OSError, ValueError) as fault:
        message = f"{folder.name} is not a demo workspace."
        raise UnreadableFile(message, "Make one with: caregate demo --out DIR.") from fault
    return settings


def _log(folder: Path, keys: DemoKeys, clock: SeededClock) -> Log:
    """Wire the log to the witnesses of the policy: the demo's own, in this process and its own folder, and those with a URL."""
    policy = read_trust(keys.trust).witnessing
    own = _witness(folder, keys, clock)
    others = tuple(one for one in witnesses_of(policy) if one.name != own.name)
    return Log(TileStore(folder / "log"), keys.log, (own, *others), policy, clock)


def _witness(folder: Path, keys: DemoKeys, clock: SeededClock) -> Witness:
    watched = {keys.log.name: read_trust(keys.trust).witnessing.log_keys(keys.log.name)}
    return Witness(keys.witness, folder / "witness", watched, clock)
