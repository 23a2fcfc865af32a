"""Time and randomness as parameters: a production house uses the system's, a demo house the seed's."""

from __future__ import annotations

import hashlib
import hmac
import os
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Protocol

__all__ = ["Clock", "Entropy", "SeededClock", "SeededEntropy", "SystemClock", "SystemEntropy"]


class Clock(Protocol):
    """Tell the time in UTC."""

    def now_utc(self) -> datetime:
        """Return the present moment."""
        ...

    def today(self) -> date:
        """Return the present day."""
        ...


class Entropy(Protocol):
    """Give secret random bytes."""

    def secret_bytes(self, n_bytes: int, label: str) -> bytes:
        """Return random bytes; the label tells a seeded source which secret is meant."""
        ...


@dataclass(frozen=True, slots=True)
class SystemClock:
    """The machine's clock."""

    def now_utc(self) -> datetime:
        """Return the present moment."""
        return datetime.now(UTC).replace(microsecond=0)

    def today(self) -> date:
        """Return the present day."""
        return self.now_utc().date()


@dataclass(slots=True)
class SeededClock:
    """A demo workspace's own clock: it starts at a fixed moment and moves one second at each reading."""

    start: datetime
    n_readings: int = 0

    def now_utc(self) -> datetime:
        """Return the next moment."""
        self.n_readings += 1
        return self.start + timedelta(seconds=self.n_readings)

    def today(self) -> date:
        """Return the day of the clock without moving it."""
        return (self.start + timedelta(seconds=self.n_readings)).date()


@dataclass(frozen=True, slots=True)
class SystemEntropy:
    """The operating system's random source."""

    def secret_bytes(self, n_bytes: int, label: str) -> bytes:
        """Return random bytes; the label is not used."""
        del label
        return os.urandom(n_bytes)


@dataclass(frozen=True, slots=True)
class SeededEntropy:
    """Secrets that follow from a seed. For demo workspaces alone: production settings refuse it."""

    seed: int = field(repr=False)

    def secret_bytes(self, n_bytes: int, label: str) -> bytes:
        """Return the bytes that this seed gives for this label."""
        key = self.seed.to_bytes(16, "big", signed=True)
        n_blocks = -(-n_bytes // hashlib.sha256().digest_size)
        blocks = [hmac.digest(key, b"%d:%s" % (block, label.encode()), "sha256") for block in range(n_blocks)]
        return b"".join(blocks)[:n_bytes]
