"""Options that several commands read alike: lists of columns, values by column, and what opens a root."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, TypeVar

import typer

__all__ = ["Passphrases", "Shares", "by_column", "column_names"]

Shares = Annotated[list[Path] | None, typer.Option("--share", help="A custodian's share file; once for each.")]
Passphrases = Annotated[
    list[Path] | None,
    typer.Option("--passphrase-file", help="File of one passphrase or PIN; once for each, in the order asked."),
]

T = TypeVar("T")


def column_names(text: str | None, option: str) -> tuple[str, ...]:
    """Split names by commas, each once; a name with a comma stands in double quotes. Nothing given, no names.

    Raises: BadParameter for an empty name or one given twice.
    """
    names = tuple(name.strip() for name in next(csv.reader([text], skipinitialspace=True), [])) if text else ()
    if not all(names) or len(set(names)) != len(names):
        message = f"{option} names columns, each once, with commas between them, such as age,sex"
        raise typer.BadParameter(message)
    return names


def by_column(given: Sequence[str] | None, kind: Callable[[str], T], example: str) -> dict[str, T]:
    """Read COLUMN=VALUE options, each column once.

    Raises: BadParameter for one that is not of that form, or whose value ``kind`` does not take.
    """
    found: dict[str, T] = {}
    for one in given or ():
        name, sign, value = one.partition("=")
        try:
            if not (name and sign and value) or name in found:
                raise ValueError
            found[name] = kind(value)
        except ValueError:
            message = f"give each column once, such as {example}"
            raise typer.BadParameter(message) from None
    return found
