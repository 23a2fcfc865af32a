"""Hierarchy files as ARX reads them: one line a value, generalisations left to right, no header, by ``;`` or ``,``."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cld.errors import UnreadableFile
from disclosure.rows.ladders import Line

__all__ = ["HierarchyFile", "read_hierarchy"]

MOST_BYTES = 200_000_000
REMEDY = "Give one line a value: the value, then its generalisations from fine to coarse, separated by ; or ,."


@dataclass(frozen=True, slots=True)
class HierarchyFile:
    """The lines of a hierarchy by their value, and the column that it is for."""

    column: str
    lines: Mapping[str, Line]

    @property
    def n_levels(self) -> int:
        """The number of levels, the values themselves among them."""
        return len(next(iter(self.lines.values())))


def read_hierarchy(column: str, path: Path) -> HierarchyFile:
    """Read a hierarchy.

    Raises: UnreadableFile, with the numbers of the lines, if it is missing, empty or no text, if lines differ in length,
    a value stands twice, or a group splits again at a coarser level.
    """
    name = f"The hierarchy {path.name} of {column}"
    lines: dict[str, Line] = {}
    number_of: dict[str, int] = {}
    for number, cells in _lines(name, path):
        width = len(next(iter(lines.values()), cells))
        if len(cells) != width:
            message = f"{name} has {width} cells in its first line and {len(cells)} in line {number}."
            raise UnreadableFile(message, REMEDY)
        if cells[0] in lines:
            message = f"{name} has the same value in line {number_of[cells[0]]} and in line {number}."
            raise UnreadableFile(message, REMEDY)
        lines[cells[0]], number_of[cells[0]] = tuple(cells), number
    if not lines:
        message = f"{name} is empty."
        raise UnreadableFile(message, REMEDY)
    _require_nested(name, lines, number_of)
    return HierarchyFile(column, lines)


def _lines(name: str, path: Path) -> list[tuple[int, list[str]]]:
    """Return the lines that hold something, with their numbers."""
    try:
        if path.stat().st_size > MOST_BYTES:
            message = f"{name} is larger than {MOST_BYTES // 1_000_000} MB."
            raise UnreadableFile(message, REMEDY)
        text = path.read_text("utf-8-sig")
        separator = ";" if len(next(csv.reader(io.StringIO(text, newline=""), delimiter=";"), [])) > 1 else ","
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
        return [(reader.line_num, cells) for cells in reader if cells]
    except (OSError, UnicodeDecodeError, csv.Error):
        message = f"{name} cannot be read as text in UTF-8."
        raise UnreadableFile(message, REMEDY) from None


def _require_nested(name: str, lines: Mapping[str, Line], number_of: Mapping[str, int]) -> None:
    """Refuse a hierarchy in which values that are alike at one level are apart at the next."""
    n_levels = len(next(iter(lines.values())))
    for level in range(1, n_levels - 1):
        met: dict[str | None, str] = {}
        for value, cells in lines.items():
            first = met.setdefault(cells[level], value)
            if lines[first][level + 1] != cells[level + 1]:
                message = (
                    f"{name} splits again: lines {number_of[first]} and {number_of[value]} are alike in cell {level + 1}"
                    f" and differ in cell {level + 2}."
                )
                raise UnreadableFile(message, "Let values that are alike at one level be alike at all coarser ones.")
