"""What is remembered of one release: its rows as boxes with intervals, the data and period they speak of, and for whom.

A sheet is sealed in the CheckedExtract it belongs to, so that memory is exactly as old and as whole as the log.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from cld.errors import DisclosureRefused
from disclosure.memory.boxes import Box, BoxFact

__all__ = ["MOST_PERSONS", "WHOLE", "FactSheet", "OwnPeople", "SheetRow", "sheet_from"]

WHOLE = ""
MOST_PERSONS = 5_000_000  # more than the adults of England who are ever drawn on social care in a year


@dataclass(frozen=True, slots=True)
class SheetRow:
    """One number of a release: a label in each dimension (``WHOLE`` for all of it) and the interval that is known.

    ``high`` None stands for a number that is not shown. Only the cell of a table can be withheld.
    """

    labels: tuple[str, ...]
    low: int
    high: int | None
    can_be_withheld: bool = False


@dataclass(frozen=True, slots=True)
class OwnPeople:
    """The people a recipient holds lawfully row by row: their box and, where it was released, their counts by class.

    classes:  (codes of ``dimensions``, persons), every class that has persons.
    """

    box: Box
    dimensions: tuple[str, ...] = ()
    classes: tuple[tuple[tuple[str, ...], int], ...] = ()


@dataclass(frozen=True, slots=True)
class FactSheet:
    """The facts of one release.

    linked:  digest of the linked data; sheets of one digest speak of the same people.
    population:  the box that the release as a whole is about.
    categories:  for each dimension the codes that each label covers.
    domains:  every code that each dimension is known to have.
    own_rows:  what the recipient knows exactly of its own people, whatever the release shows of them.
    own:  people it holds row by row.
    """

    linked: str
    period: tuple[date, date]
    population: Box
    dimensions: tuple[str, ...]
    categories: Mapping[str, Mapping[str, frozenset[str]]]
    domains: Mapping[str, frozenset[str]]
    rows: tuple[SheetRow, ...]
    own_rows: tuple[SheetRow, ...] = ()
    own: OwnPeople | None = None

    def with_own(self, own: OwnPeople) -> FactSheet:
        """Return the sheet with the counts by class of the people held row by row."""
        return replace(self, own=own)

    def without_empty(self) -> FactSheet:
        """Leave out rows whose categories lie outside the population: they say nothing."""
        rows, own_rows = (
            tuple(row for row in rows if all(self.box_of(row).values())) for rows in (self.rows, self.own_rows)
        )
        return replace(self, rows=rows, own_rows=own_rows)

    def facts(self) -> tuple[BoxFact, ...]:
        """Return the rows as boxes within the population."""
        return tuple(map(self._fact, self.rows))

    def own_facts(self) -> tuple[BoxFact, ...]:
        """Return what the recipient knows of its own people as boxes."""
        return tuple(map(self._fact, self.own_rows))

    def _fact(self, row: SheetRow) -> BoxFact:
        return BoxFact(self.box_of(row), row.low, MOST_PERSONS if row.high is None else row.high)

    def box_of(self, row: SheetRow) -> Box:
        """Return the box of a row: its categories within the population."""
        box = dict(self.population)
        for name, label in zip(self.dimensions, row.labels, strict=True):
            if label != WHOLE:
                covered = self.categories[name][label]
                box[name] = covered & box[name] if name in box else covered
        return box

    def as_json(self) -> dict[str, Any]:
        """Return the sheet as a JSON value; counts by class of own people are kept beside it, on the shelf."""
        return {
            "linked": self.linked,
            "period": [day.isoformat() for day in self.period],
            "population": _lists(self.population),
            "dimensions": list(self.dimensions),
            "categories": {name: _lists(groups) for name, groups in self.categories.items()},
            "domains": _lists(self.domains),
            "rows": [[list(row.labels), row.low, row.high] for row in self.rows],
            "own_rows": [[list(row.labels), row.low, row.high] for row in self.own_rows],
            "own": _lists(self.own.box) if self.own else None,
        }


def _lists(groups: Mapping[str, frozenset[str]]) -> dict[str, list[str]]:
    return {name: sorted(codes) for name, codes in groups.items()}


def _sets(groups: Mapping[str, list[str]]) -> dict[str, frozenset[str]]:
    return {str(name): frozenset(map(str, codes)) for name, codes in groups.items()}


def sheet_from(value: object, name: str) -> FactSheet:
    """Read a sheet from its JSON value.

    Raises: DisclosureRefused if it is missing or cannot be read: what is not known is not assumed harmless.
    """
    try:
        return _read(dict(value))  # type: ignore[call-overload]
    except (KeyError, TypeError, ValueError, AttributeError) as fault:
        message = f"What {name} told its recipient cannot be read; what is not known is not assumed harmless."
        raise DisclosureRefused(
            message, (f"memory of {name}",), "Restore it from the backup; until then nothing leaves."
        ) from fault


def _read(value: Mapping[str, Any]) -> FactSheet:
    start, end = (date.fromisoformat(day) for day in value["period"])
    return FactSheet(
        linked=str(value["linked"]),
        period=(start, end),
        population=_sets(value["population"]),
        dimensions=tuple(map(str, value["dimensions"])),
        categories={str(name): _sets(groups) for name, groups in value["categories"].items()},
        domains=_sets(value["domains"]),
        rows=_rows(value["rows"]),
        own_rows=_rows(value["own_rows"]),
        own=OwnPeople(_sets(value["own"])) if value["own"] is not None else None,
    )


def _rows(value: list[Any]) -> tuple[SheetRow, ...]:
    return tuple(
        SheetRow(tuple(map(str, labels)), int(low), None if high is None else int(high)) for labels, low, high in value
    )
