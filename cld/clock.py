"""Time and randomness as parameters: a production house uses the system's, a demo house the seed's."""

from __future__ import annotations

import hashlib
import hmac
import os
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

from cld.errors import InvalidTransition

__all__ = ["Clock", "Entropy", "SeededClock", "SeededEntropy", "SystemClock", "SystemEntropy", "day_in_london"]

LONDON = ZoneInfo("Europe/London")
"""Days of agreements, policies and limits are days there: in summer a day begins an hour before UTC's."""


def day_in_london(moment: datetime) -> date:
    """Return the day in London at a moment."""
    return moment.astimezone(LONDON).date()


class Clock(Protocol):
    """Tell the time in UTC."""

    def now_utc(self) -> datetime:
        """Return the present moment."""
        ...

    def today(self) -> date:
        """Return the present day in London."""
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
        """Return the present day in London."""
        return day_in_london(self.now_utc())


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
        """Return the day of the clock in London without moving it."""
        return day_in_london(self.start + timedelta(seconds=self.n_readings))

    def go_on_to(self, day: date) -> None:
        """Let the clock stand at nine in the morning of a later day.

        Raises: InvalidTransition for an earlier one: a clock does not go backwards.
        """
        if day < self.today():
            message = "A clock does not go backwards."
            raise InvalidTransition(message, f"It stands at {self.today().isoformat()}.")
        if day > self.today():
            self.start, self.n_readings = datetime.combine(day, time(9), LONDON).astimezone(UTC), 0


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
