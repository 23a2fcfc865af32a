"""Reading the reference files that ship inside the packages."""

from __future__ import annotations

import csv
from functools import cache
from importlib.resources import files

__all__ = ["reference_path", "reference_rows"]


@cache
def reference_rows(name: str) -> tuple[dict[str, str], ...]:
    """Return the rows of a CSV file of this package, by its path below ``cld/``."""
    text = files("cld").joinpath(name).read_text("utf-8-sig")
    return tuple(csv.DictReader(text.splitlines()))


def reference_path(name: str) -> str:
    """Return the place of a file of this package, for the engine to read."""
    return str(files("cld").joinpath(name))
