"""The register of a workspace: which councils take part, from and to dates, and their local items."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

from cld.canonical import canonical_bytes
from cld.errors import SubmissionRejected, UnreadableFile
from cld.places import Council, Participation
from cld.shelf import atomic_write

__all__ = ["participation_of", "read_register", "write_register"]


def write_register(folder: Path, participations: tuple[Participation, ...]) -> None:
    """Write the register. Source: Direction 3, bullet 1 (a list maintained by NHS Digital)."""
    rows = [
        {
            "la_code": p.council.la_code, "ons_code": p.council.ons_code, "name": p.council.name, "region": p.council.region,
            "from": p.from_day.isoformat(), "to": p.to_day.isoformat() if p.to_day else None, "local_items": list(p.local_items),
        }
        for p in participations
    ]  # fmt: skip
    atomic_write(folder / "register.json", canonical_bytes({"participations": rows}))


def read_register(folder: Path) -> dict[str, Participation]:
    """Return participations by council code.

    Raises: UnreadableFile if the register is missing or damaged.
    """
    try:
        rows = json.loads((folder / "register.json").read_text("utf-8"))["participations"]
        return {row["la_code"]: _participation(row) for row in rows}
    except (OSError, ValueError, KeyError) as fault:
        message = "The register of participating councils cannot be read."
        raise UnreadableFile(message, "Restore register.json.") from fault


def _participation(row: dict[str, object]) -> Participation:
    council = Council(*(str(row[name]) for name in ("la_code", "ons_code", "name", "region")))
    end = date.fromisoformat(str(row["to"])) if row["to"] else None
    items: list[str] = row["local_items"]  # type: ignore[assignment]
    return Participation(council, date.fromisoformat(str(row["from"])), end, tuple(items))


def participation_of(folder: Path, la_code: str) -> Participation:
    """Return a council's participation.

    Raises: SubmissionRejected for a council that is not in the register.
    """
    found = read_register(folder).get(la_code)
    if found is None:
        message = f"Council {la_code} is not in the register of participating councils."
        raise SubmissionRejected(message, ("Direction 3, bullet 1",), "Ask for its participation to be recorded first.")
    return found
