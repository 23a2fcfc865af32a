"""The composition root: a demo workspace with its seeded clock, secrets, shelf, keystore, journal and people."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey
from sqlalchemy import Engine as Database

from api.database import open_database
from api.journal import SqlJournal
from audit.log import Log, single_witness_policy
from audit.note import CosignerKeys
from audit.policy import read_policy
from audit.tiles import TileStore
from audit.witness import Witness
from cld.canonical import canonical_bytes
from cld.clock import SeededClock, SeededEntropy
from cld.engine import Engine
from cld.errors import UnreadableFile
from cld.shelf import Shelf, atomic_write
from keys.derivation import Secret
from keys.selftest import require_both_libraries
from keys.store import KeyStore, create_root, open_root

__all__ = ["DemoKeys", "Workspace", "demo_workspace", "open_demo_workspace"]

DEMO_START = datetime(2022, 3, 1, 9, tzinfo=UTC)
DEMO_PASSPHRASE = "a demo workspace holds no secrets"  # noqa: S105 - said to be none
SETTINGS = "workspace.json"
ORIGIN = "caregate.demo"
STAFF = ("approver one", "approver two", "releaser one", "releaser two")
REVIEWERS = ("reviewer one", "reviewer two", "reviewer three")


@dataclass(frozen=True, slots=True)
class DemoKeys:
    """Signing keys that follow from the seed."""

    release_key: Ed25519PrivateKey
    log: CosignerKeys
    witness: CosignerKeys


def _cosigner(entropy: SeededEntropy, name: str) -> CosignerKeys:
    ml_dsa = MLDSA44PrivateKey.from_seed_bytes(entropy.secret_bytes(32, f"ML-DSA {name}"))
    return CosignerKeys(name, _key(entropy, f"Ed25519 {name}"), ml_dsa)


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
    reviewers: tuple[str, ...] = REVIEWERS

    def people(self) -> dict[str, str]:
        """Return the register of people: name to public key."""
        return {name: key.public_key().public_bytes_raw().hex() for name, key in self.staff.items()}


def _key(entropy: SeededEntropy, label: str) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(entropy.secret_bytes(32, label))


def demo_workspace(folder: Path, *, seed: int, n_threads: int) -> Workspace:
    """Build a demo workspace in an empty folder. Its secrets and its clock come from the seed, here and nowhere else."""
    entropy = SeededEntropy(seed)
    root = create_root(folder / "keystore" / "root.json", DEMO_PASSPHRASE, entropy)
    atomic_write(folder / SETTINGS, canonical_bytes({"kind": "demo", "seed": seed}))
    return _wire(folder, root, entropy, SeededClock(DEMO_START), n_threads)


def open_demo_workspace(folder: Path, *, n_threads: int = 2) -> Workspace:
    """Open a finished demo workspace; its clock goes on from the last leaf of its log.

    Raises: UnreadableFile if the folder is no demo workspace.
    """
    try:
        settings = json.loads((folder / SETTINGS).read_text("utf-8"))
        entropy = SeededEntropy(int(settings["seed"]))
    except (OSError, ValueError, KeyError) as fault:
        message = f"{folder.name} is not a demo workspace."
        raise UnreadableFile(message, "Make one with: caregate demo --out DIR.") from fault
    root = open_root(folder / "keystore" / "root.json", DEMO_PASSPHRASE)
    clock = SeededClock(DEMO_START)
    space = _wire(folder, root, entropy, clock, n_threads)
    leaves = space.journal.leaves()
    if leaves:
        clock.start = datetime.strptime(json.loads(leaves[-1])["at_utc"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    return space


def _wire(folder: Path, root: Secret, entropy: SeededEntropy, clock: SeededClock, n_threads: int) -> Workspace:
    require_both_libraries()
    for left in (folder / "spill").glob("release-*"):
        # a run that was killed while it staged a payload
        shutil.rmtree(left, ignore_errors=True)
    keys = KeyStore(folder / "keystore", root, entropy, "2022")
    shelf = Shelf(folder / "shelf", keys)
    database = open_database(folder / "caregate.sqlite")
    release_keys = DemoKeys(
        _key(entropy, "signing release"), _cosigner(entropy, ORIGIN), _cosigner(entropy, f"{ORIGIN}/witness")
    )
    log = _log(folder, release_keys, clock)
    return Workspace(
        folder=folder,
        clock=clock,
        entropy=entropy,
        engine=Engine(shelf, folder / "spill", n_threads),
        database=database,
        journal=SqlJournal(database, clock, entropy=entropy, log=log),
        keys=keys,
        release_keys=release_keys,
        log=log,
        staff={name: _key(entropy, f"staff {name}") for name in STAFF},
    )


def _log(folder: Path, keys: DemoKeys, clock: SeededClock) -> Log:
    """Wire the log to a witness of its own, which in a demo runs in the same process and keeps its own folder."""
    text = single_witness_policy(keys.log, {"witness": keys.witness}, 1)
    watched = {keys.log.name: keys.log.log_keys()}
    witness = Witness(keys.witness, folder / "witness", watched, clock)
    return Log(TileStore(folder / "log"), keys.log, (witness,), read_policy(text), clock)
