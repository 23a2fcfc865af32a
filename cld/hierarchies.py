"""Generalisation hierarchies: for each kind of column, SQL for every level from as it is to one value for all.

A level is an SQL expression over the column; level 0 is the column itself and the last level is always ``'*'``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

from cld.engine import quote, text_literal
from cld.errors import UnknownColumn

__all__ = ["CLD_AGE_LIMITS", "OLDEST", "Hierarchy", "age_band_sql", "age_bands", "hierarchy_named"]

ALL = "'*'"
CLD_AGE_LIMITS = (18, 25, 45, 65, 75, 85, 95)
WORKING_AGE_LIMITS = (18, 65)
OLDEST = 114


@dataclass(frozen=True, slots=True)
class Hierarchy:
    """Names of the levels and, for each, the template of its SQL; ``{c}`` stands for the quoted column."""

    name: str
    levels: tuple[str, ...]
    templates: tuple[str, ...]

    def sql(self, column: str, level: int) -> str:
        """Return the SQL of a column at a level."""
        return self.templates[level].replace("{c}", quote(column))

    @property
    def top(self) -> int:
        """The coarsest level."""
        return len(self.levels) - 1


def age_bands(limits: tuple[int, ...]) -> tuple[tuple[str, range], ...]:
    """Return the bands that begin at each limit, and the one below the first, with the years of age in each.

    Units:  whole years, none above 114 (115 and over is treated as unknown).
    """
    edges = (0, *limits, OLDEST + 1)
    spans = [range(low, high) for low, high in pairwise(edges)]
    names = [f"{span.start} to {span.stop - 1}" for span in spans]
    names[0], names[-1] = f"Under {limits[0]}", f"{limits[-1]} and above"
    return tuple(zip(names, spans, strict=True))


def age_band_sql(column: str, limits: tuple[int, ...]) -> str:
    """Return the SQL of an age's band."""
    return _bands(limits).replace("{c}", quote(column))


def _bands(limits: tuple[int, ...]) -> str:
    *below, (last, _) = age_bands(limits)
    cases = " ".join(f"when {{c}} < {span.stop} then {text_literal(name)}" for name, span in below)
    return f"case when {{c}} is null then 'Unknown' {cases} else {text_literal(last)} end"


def _five_years() -> str:
    low = "({c} // 5) * 5"
    return f"case when {{c}} is null then 'Unknown' when {{c}} >= 95 then '95 and above' else concat({low}, ' to ', {low} + 4) end"


def _before_colon() -> str:
    return "coalesce(trim(split_part({c}, ':', 1)), 'Unknown')"


_HIERARCHIES = {
    "age": Hierarchy(
        "age",
        ("years", "five years", "CLD bands", "working age", "all"),
        ("{c}", _five_years(), _bands(CLD_AGE_LIMITS), _bands(WORKING_AGE_LIMITS), ALL),
    ),
    "plain": Hierarchy("plain", ("as recorded", "all"), ("coalesce({c}, 'Unknown')", ALL)),
    "gender": Hierarchy("gender", ("as recorded", "all"), ("coalesce({c}, 'Unknown')", ALL)),
    "ethnicity": Hierarchy(
        "ethnicity", ("as recorded", "group", "all"), ("coalesce({c}, 'Unknown')", _before_colon(), ALL)
    ),
    "support_reason": Hierarchy(
        "support_reason", ("as recorded", "group", "all"), ("coalesce({c}, 'Unknown')", _before_colon(), ALL)
    ),
    "small_area": Hierarchy("small_area", ("small area", "all"), ("coalesce({c}, 'Unknown')", ALL)),
    "date": Hierarchy(
        "date",
        ("day", "month", "quarter", "year", "all"),
        ("{c}", "strftime({c}, '%Y-%m')", "concat(year({c}), ' Q', quarter({c}))", "strftime({c}, '%Y')", ALL),
    ),
    "service_type": Hierarchy("service_type", ("as recorded", "group", "all"), ("{c}", _before_colon(), ALL)),
    "diagnosis": Hierarchy("diagnosis", ("three characters", "chapter letter", "all"), ("{c}", "{c}[1]", ALL)),
}


def _council(regions: Mapping[str, str]) -> Hierarchy:
    cases = " ".join(
        f"when {text_literal(la_code)} then {text_literal(region)}" for la_code, region in sorted(regions.items())
    )
    region = f"case {{c}} {cases} else 'Unknown' end" if cases else "'Unknown'"
    return Hierarchy("council", ("council", "region", "England"), ("{c}", region, ALL))


def hierarchy_named(name: str, regions: Mapping[str, str]) -> Hierarchy:
    """Return a hierarchy of the catalogue; ``regions`` gives the region of each council code.

    Raises: UnknownColumn if there is none: such a column cannot be generalised, only left out.
    Source: age bands of DHSC's derived fields (cld/specification/cld-derived-fields.csv).
    """
    if name == "council":
        return _council(regions)
    if name not in _HIERARCHIES:
        message = f"There is no generalisation hierarchy {name!r}."
        raise UnknownColumn(message, "Leave the column out of an anonymised plan.")
    return _HIERARCHIES[name]
