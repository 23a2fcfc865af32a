"""The catalogue: every column of every data set, with its role, its Annex 1 heading and its hierarchy.

Minimisation, pseudonymisation, disclosure control, the data dictionary and the synthetic England read this alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from cld.errors import UnknownColumn
from cld.tables import reference_rows
from cld.vocabulary import ColumnRole

__all__ = ["CatalogueColumn", "column_of", "columns_of"]


@dataclass(frozen=True, slots=True)
class CatalogueColumn:
    """One column. ``identifier_kind`` is the pseudonym kind of a person identifier; ``origin`` says where it is from."""

    data_set: str
    name: str
    title: str
    type: str
    role: ColumnRole
    identifier_kind: str
    annex1_heading: str
    hierarchy: str
    origin: str
    description: str


@cache
def columns_of(data_set: str) -> tuple[CatalogueColumn, ...]:
    """Return the columns of a data set.

    Source: cld/catalogue/columns.csv; headings from Direction Annex 1.
    """
    return tuple(
        CatalogueColumn(
            data_set=row["data_set"],
            name=row["column"],
            title=row["title"],
            type=row["type"],
            role=ColumnRole(row["role"]),
            identifier_kind=row["identifier_kind"],
            annex1_heading=row["annex1_heading"],
            hierarchy=row["hierarchy"],
            origin=row["origin"],
            description=row["description"],
        )
        for row in reference_rows("catalogue/columns.csv")
        if row["data_set"] == data_set
    )


@cache
def column_of(data_set: str, name: str) -> CatalogueColumn:
    """Return one column of a data set.

    Raises: UnknownColumn, so that what is not in the catalogue can never be put into a plan.
    """
    for column in columns_of(data_set):
        if column.name == name:
            return column
    message = f"Data set {data_set} has no column {name} in the catalogue."
    raise UnknownColumn(message, "Choose columns from the data dictionary.")
