"""The Directions as dated records: the one that grants, and the one of 2017, which grants nothing."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date

from cld.errors import UntrustedPolicy
from policies.words import Instrument

__all__ = ["InstrumentRecord", "read_instruments"]


@dataclass(frozen=True, slots=True)
class InstrumentRecord:
    """A Direction: when it was issued and revoked, and the SHA-256 digest of its revocation letter where that is held."""

    instrument: Instrument
    title: str
    issued: date
    grants: bool
    revoked_on: date | None
    letter: str
    source: str


def read_instruments(name: str, content: bytes) -> tuple[InstrumentRecord, ...]:
    """Read the records of a version; ``name`` is how errors speak of it.

    Raises: UntrustedPolicy if they cannot be read, or another than the Direction of 2020 is said to grant anything.
    """
    try:
        records = tuple(
            InstrumentRecord(
                Instrument(one["instrument"]), str(one["title"]), date.fromisoformat(one["issued"]), one["grants"] is True,
                date.fromisoformat(one["revoked_on"]) if one["revoked_on"] else None, str(one["letter"] or ""), str(one["source"]),
            )
            for one in json.loads(content)
        )  # fmt: skip
        if [one.instrument for one in records if one.grants] != [Instrument.DIRECTION_2020]:
            raise ValueError
    except (ValueError, TypeError, KeyError) as fault:
        message = (
            f"The policies of {name} are refused: instruments.json cannot be read, or grants by another Direction."
        )
        raise UntrustedPolicy(message) from fault
    return records
