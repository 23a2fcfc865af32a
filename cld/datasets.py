"""Rows as they travel: a digest, columns and a place on the shelf, marked with how identifying they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Generic, TypeVar

__all__ = ["Anonymised", "Dataset", "Identified", "Pseudonymised", "Zone"]


class Zone:
    """How identifying rows are. Never made: a mark for the type checker and for the shelf."""

    name = ""


class Identified(Zone):
    """Rows that name people. None exist after build."""

    name = "identified"


class Pseudonymised(Zone):
    """Rows whose identifiers are keyed for one recipient."""

    name = "pseudonymised"


class Anonymised(Zone):
    """Rows or cells that no means reasonably likely to be used relate to a person."""

    name = "anonymised"


Z = TypeVar("Z", bound=Zone)


@dataclass(frozen=True, slots=True)
class Dataset(Generic[Z]):
    """A table on the shelf.

    ``digest`` is the SHA-256 of its content as Arrow record batches, so that equal rows have equal digests
    wherever and however they lie; ``key_id`` names the data key of identified rows and is empty otherwise.
    """

    zone: type[Z]
    digest: str
    columns: tuple[str, ...]
    n_rows: int
    key_id: str = ""

    def as_json(self) -> dict[str, object]:
        """Return the dataset as a JSON value for a sealed document."""
        return {
            "zone": self.zone.name,
            "digest": self.digest,
            "columns": list(self.columns),
            "n_rows": self.n_rows,
            "key_id": self.key_id,
        }

    @classmethod
    def from_json(cls, zone: type[Z], value: dict[str, Any]) -> Dataset[Z]:
        """Read a dataset from a sealed document; the zone must be the one the caller expects.

        Raises: ValueError if the document speaks of another zone.
        """
        if value["zone"] != zone.name:
            message = f"a {value['zone']} dataset stands where a {zone.name} one belongs"
            raise ValueError(message)
        return Dataset(zone, value["digest"], tuple(value["columns"]), value["n_rows"], value["key_id"])
