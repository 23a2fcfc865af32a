"""Councils, CCGs and small areas, from the reference files."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import cache

from cld.tables import reference_rows

__all__ = ["Council", "Participation", "ccg_names", "council_regions", "small_areas"]


@dataclass(frozen=True, slots=True)
class Council:
    """A CASSR. ``la_code`` is its code in the flat file, which the reference files do not list: see ``code_evidence``."""

    la_code: str
    ons_code: str
    name: str
    region: str
    code_evidence: str = "assumed"


@dataclass(frozen=True, slots=True)
class Participation:
    """A council's agreement to take part, from and to dates; an open end has no ``to_day``.

    Source: Direction 3, bullet 1 (the list maintained by NHS Digital).
    """

    council: Council
    from_day: date
    to_day: date | None
    local_items: tuple[str, ...] = ()
    local_items_to_ccgs: bool = False

    def is_open_on(self, day: date) -> bool:
        """Say whether the council takes part on this day."""
        return self.from_day <= day and (self.to_day is None or day <= self.to_day)


@cache
def council_regions() -> dict[str, tuple[str, str]]:
    """Return name and region by ONS code. Source: cld/reference/cassr-councils.csv."""
    rows = reference_rows("reference/cassr-councils.csv")
    return {row["ons_code"]: (row["short_name"], row["region"]) for row in rows}


@cache
def ccg_names() -> dict[str, str]:
    """Return CCG names by ODS code, April 2021. Source: cld/reference/ccg-april-2021.csv."""
    return {row["ccg_ods_code"]: row["ccg_name"] for row in reference_rows("reference/ccg-april-2021.csv")}


@cache
def small_areas() -> tuple[tuple[str, str, str], ...]:
    """Return (LSOA 2011, CCG, council ONS code) for every small area of England.

    Source: cld/reference/lsoa2011-ccg2021-lad2021.csv and lad2021-to-cassr.csv.
    """
    councils = {row["lad21cd"]: row["cassr_ons_code"] for row in reference_rows("reference/lad2021-to-cassr.csv")}
    rows = reference_rows("reference/lsoa2011-ccg2021-lad2021.csv")
    return tuple((row["lsoa11cd"], row["ccg21_ods"], councils[row["lad21cd"]]) for row in rows)
