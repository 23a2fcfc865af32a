"""The CLD specification as data: fields, mandatory rules, code lists by release, and the way forward to Release 2.

Each value carries its evidence mark (A government source, B derived public source, C related standard, D assumed,
missing). A list whose best evidence is C or D, or that its source calls incomplete, is never called complete: a
value outside it is a note, not an error.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import cache

from cld.errors import UnknownSpecification
from cld.tables import reference_rows

__all__ = [
    "NOT_MAPPED",
    "CodeList",
    "Field",
    "FieldType",
    "Release",
    "code_list",
    "field_named",
    "fields",
    "forward_mapping",
    "outcome_ranks",
]

NOT_MAPPED = "Release 1 specification only: Not mapped"
CURRENT = "R2"


class Release(StrEnum):
    """Releases of the specification that map forward."""

    V5 = "V5"
    R1 = "R1"
    R2 = "R2"


class FieldType(StrEnum):
    """How a field's text is read."""

    TEXT = "text"
    DATE = "date"
    CODE = "code"
    MONEY = "money"
    INTEGER = "integer"


@dataclass(frozen=True, slots=True)
class Field:
    """One field of the flat file: its header as printed, its column here and its type."""

    title: str
    column: str
    spec_column: str
    kind: FieldType
    group: str
    mandatory_when: str
    description: str


@dataclass(frozen=True, slots=True)
class CodeList:
    """The values a field may hold in one release; ``prefixes`` are values of which only the start is known."""

    values: tuple[str, ...]
    prefixes: tuple[str, ...]
    complete: bool
    evidence: str


def _kind(text: str) -> FieldType:
    match text:
        case "date":
            return FieldType.DATE
        case "code list":
            return FieldType.CODE
        case "integer":
            return FieldType.INTEGER
        case _:
            return FieldType.MONEY if text.startswith(("decimal", "money")) else FieldType.TEXT


@cache
def fields() -> tuple[Field, ...]:
    """Return every field of the specification, in file order.

    Source: cld/specification/cld-spec-fields.csv.
    """
    return tuple(
        Field(
            title=row["field"],
            column=row["column_name"].lower(),
            spec_column=row["column_name"],
            kind=_kind(row["format"]),
            group=row["group"],
            mandatory_when=row["mandatory_when"],
            description=row["description"].strip(),
        )
        for row in reference_rows("specification/cld-spec-fields.csv")
    )


@cache
def field_named(column: str) -> Field:
    """Return the field of a column.

    Raises: UnknownSpecification for a column that the specification does not hold.
    """
    for candidate in fields():
        if candidate.column == column:
            return candidate
    message = f"The specification has no field for column {column}."
    raise UnknownSpecification(message)


def _in_release(row: dict[str, str], release: Release) -> bool:
    stated = row["release"]
    if release is Release.V5:
        return stated == "V5"
    if stated.startswith(("V5", "early", "pilot")):
        return False
    return release.value in stated or row["evidence"] in ("C", "D")


@cache
def code_list(title: str, release: Release) -> CodeList | None:
    """Return the values of a field in a release, or None for a field without a list.

    Source: cld/specification/cld-spec-codes.csv, column ``evidence``.
    """
    listed = [row for row in reference_rows("specification/cld-spec-codes.csv") if row["field"] == title]
    rows = [row for row in listed if row["code"] and _in_release(row, release)]
    if not rows:
        return None
    values = tuple(row["code"] for row in rows if not row["code"].endswith("%"))
    prefixes = tuple(row["code"][:-1] for row in rows if row["code"].endswith("%"))
    evidence = max(row["evidence"] for row in rows)
    certain = evidence in ("A", "B") and not any("incomplete" in row["release"] for row in rows)
    return CodeList(values, prefixes, certain, evidence)


@cache
def forward_mapping() -> tuple[tuple[str, str, str, str], ...]:
    """Return (column, release, value, Release 2 value); an empty last item means not mapped.

    Source: cld/specification/forward-mapping.csv, each row with its basis.
    """
    columns = {field.title: field.column for field in fields()}
    rows = reference_rows("specification/forward-mapping.csv")
    return tuple((columns[row["field"]], row["release"], row["value"], row["r2_value"]) for row in rows)


@cache
def outcome_ranks() -> tuple[tuple[str, int], ...]:
    """Return the Release 2 outcomes with their rank for de-duplication, best first.

    Source: cld/specification/cld-event-outcome-hierarchy.csv.
    """
    rows = reference_rows("specification/cld-event-outcome-hierarchy.csv")
    return tuple((row["event_outcome"], int(row["rank"])) for row in rows if row["release"] == CURRENT)
