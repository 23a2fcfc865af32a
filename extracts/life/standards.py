"""The DARS standards as a checklist: titles, versions and days as published; which of our fields answer each is our reading."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

__all__ = ["ChecklistLine", "Standard", "checklist", "standards"]


@dataclass(frozen=True, slots=True)
class Standard:
    """A standard. ``evidence`` marks title, version and day (A: on a government page); ``assumed`` marks what it asks."""

    title: str
    version: str
    last_updated: str
    asks: str
    evidence: str
    assumed: bool


@dataclass(frozen=True, slots=True)
class ChecklistLine:
    """A standard beside what the applicant answered, empty where nothing was."""

    standard: Standard
    answer: str


@cache
def standards() -> tuple[Standard, ...]:
    """Return the standards in their published order.

    Source: policies/dars-standards.csv, from the DARS guidance page.
    """
    text = files("policies").joinpath("dars-standards.csv").read_text("utf-8")
    return tuple(
        Standard(row["standard"], row["version"], row["last_updated"], row["asks"], row["evidence"], row["asks_is"] == "assumed")
        for row in csv.DictReader(text.splitlines())
    )  # fmt: skip


def checklist(answers: Mapping[str, str] | None) -> tuple[ChecklistLine, ...]:
    """Return every standard with its answer."""
    return tuple(ChecklistLine(one, (answers or {}).get(one.title, "").strip()) for one in standards())
