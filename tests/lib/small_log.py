"""A small log with its database, tiles, witness and clock, quick to make, to tamper with and to check."""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

from audit.journal import Event, leaf_bytes
from audit.log import Extent, Log
from audit.note import CosignerKeys
from audit.policy import read_policy
from audit.succession import WitnessKeys, witness_lines
from audit.tiles import TileStore
from audit.witness import Witness
from cld.journey import Document

ORIGIN = "log.example/care"
START = datetime(2026, 1, 5, 9, tzinfo=UTC)


def signer(name: str) -> CosignerKeys:
    """Return keys that follow from a name."""
    seeds = [hashlib.sha256(f"{kind} {name}".encode()).digest() for kind in ("ed25519", "ml-dsa")]
    return CosignerKeys(
        name, Ed25519PrivateKey.from_private_bytes(seeds[0]), MLDSA44PrivateKey.from_seed_bytes(seeds[1])
    )


@dataclass(slots=True)
class HandClock:
    """A clock that a test sets."""

    now: datetime = START

    def now_utc(self) -> datetime:
        """Return the moment it was set to."""
        return self.now

    def today(self) -> date:
        """Return its day."""
        return self.now.date()


@dataclass(slots=True)
class MemoryRows:
    """Leaves in a dictionary: what a database is to the log, and as easy to tamper with."""

    held: dict[int, bytes] = field(default_factory=dict)
    n_counted: int = 0

    def extent(self) -> Extent:
        """Return where leaves begin and end, and how many there are and were."""
        return Extent(min(self.held, default=0), self.n_leaves(), len(self.held), self.n_counted)

    def apart(self) -> MemoryRows:
        """Return these, which another process gets as a copy."""
        return self

    def n_leaves(self) -> int:
        """Return one more than the last place."""
        return max(self.held, default=-1) + 1

    def rows(self, start: int, stop: int) -> list[tuple[int, bytes]]:
        """Return what is held of a range."""
        wanted = range(start, stop)
        places = wanted if len(wanted) <= len(self.held) else sorted(self.held)
        return [(place, self.held[place]) for place in places if place in self.held and place in wanted]

    def leaves(self) -> tuple[bytes, ...]:
        """Return every leaf."""
        return tuple(self.held[place] for place in sorted(self.held))

    def load(self, digest: str) -> Document | None:
        """Keep no documents."""
        del digest
        return None

    def keep_first(self, n: int, of: MemoryRows | None = None) -> None:
        """Hold no more than the first leaves, of others or of these, as an older backup would."""
        self.held = {place: held for place, held in (of or self).held.items() if place < n}
        self.n_counted = n

    def add(self, n: int, word: str = "counted") -> None:
        """Append leaves, one second apart."""
        for _ in range(n):
            place = self.n_leaves()
            self.held[place] = leaf(place, word)
            self.n_counted = place + 1


def leaf(place: int, word: str = "counted") -> bytes:
    """Return a leaf that belongs at a place."""
    at_utc = (START + timedelta(seconds=place)).strftime("%Y-%m-%dT%H:%M:%SZ")
    return leaf_bytes(place, at_utc, Event("tested", "operator", "operator", {"n": place, "word": word}), "")


@dataclass(slots=True)
class SmallLog:
    """A log, its rows, its witness and its clock."""

    folder: Path
    rows: MemoryRows
    clock: HandClock
    log: Log
    witness: Witness

    def signed(self) -> str:
        """Set the clock past the last leaf and return a head of now."""
        self.clock.now = max(self.clock.now, START + timedelta(seconds=self.rows.n_leaves()))
        return self.log.head(self.rows).content

    def fork(self, folder: Path, start: int, n: int, word: str) -> SmallLog:
        """Return another history under the same keys: the same leaves up to ``start``, then others, with another witness."""
        other = small_log(folder)
        other.rows.keep_first(start, self.rows)
        other.rows.add(n, word)
        return other

    def take_over(self, other: SmallLog) -> None:
        """Put another log's database and folder in place of these, as an operator could."""
        self.rows.keep_first(other.rows.n_leaves(), other.rows)
        shutil.rmtree(self.folder / "log")
        shutil.copytree(other.folder / "log", self.folder / "log")


def small_log(folder: Path, n: int = 0, *, origin: str = ORIGIN) -> SmallLog:
    """Make a log of so many leaves, not signed yet."""
    clock, rows = HandClock(), MemoryRows()
    rows.add(n)
    keys, witness_keys = signer(origin), signer("witness.example/one")
    witness = Witness(witness_keys, folder / "witness", {origin: keys.log_keys()}, clock)
    lines = [f"log {key.text()}" for key in keys.log_keys()]
    policy = read_policy("\n".join([*lines, *witness_lines([WitnessKeys(witness_keys.witness_keys())], 1)]))
    return SmallLog(folder, rows, clock, Log(TileStore(folder / "log"), keys, (witness,), policy, clock), witness)
