"""Numbers in force on a day, from a file of named, dated sets of them."""

from __future__ import annotations

import json
from datetime import date
from importlib.resources import files
from typing import Any

from cld.errors import UnknownSpecification

__all__ = ["latest_in_force"]


def latest_in_force(file: str, what: str, day: date) -> dict[str, Any]:
    """Return the set in force on a day, the latest where several are, with its name as ``name``.

    Raises: UnknownSpecification if none is in force yet; ``what`` says of what.
    """
    held = json.loads(files("policies").joinpath(file).read_text("utf-8"))
    in_force = {name: numbers for name, numbers in held.items() if date.fromisoformat(numbers["from"]) <= day}
    if not in_force:
        message = f"No {what} are in force on {day.isoformat()}."
        raise UnknownSpecification(message)
    name = max(in_force, key=lambda one: (in_force[one]["from"], one))
    return {"name": name} | {key: value for key, value in in_force[name].items() if key != "from"}
