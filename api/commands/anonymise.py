"""The command that generalises anyone's file until its classes are safe (shared commands page)."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from api.commands.options import by_column, column_names
from api.commands.run import Json, Memory, Out, Stopwatch, Threads, finish, session_of

__all__ = ["add_anonymise_commands"]

N = TypeVar("N", int, float)


def _at_least(least: float, found: dict[str, N], example: str) -> dict[str, N]:
    if not all(value >= least for value in found.values()):
        message = f"the number is at least {least:g}, such as {example}"
        raise typer.BadParameter(message)
    return found


def _share(text: str) -> Fraction:
    try:
        share = Fraction(text)
    except (ValueError, ZeroDivisionError):
        share = Fraction(-1)
    if not 0 <= share <= 1:
        message = "the share that may be left out lies between 0 and 1"
        raise typer.BadParameter(message)
    return share


def anonymise(
    file: Annotated[Path, typer.Argument(help="CSV (by , or ;), CSV.gz or Parquet.")],
    quasi: Annotated[str, typer.Option(help="Quasi-identifiers, commas between them.")],
    k: Annotated[int, typer.Option("--k", help="Fewest records, or persons, in a class.", min=1)],
    out: Out,
    hierarchy: Annotated[
        list[str] | None, typer.Option(help="COLUMN=FILE; a column without one stays as it is.")
    ] = None,
    distinct_l: Annotated[list[str] | None, typer.Option(help="COLUMN=N: fewest distinct values in a class.")] = None,
    entropy_l: Annotated[
        list[str] | None, typer.Option(help="COLUMN=X: least exponential of a class's entropy.")
    ] = None,
    t: Annotated[list[str] | None, typer.Option("--t", help="COLUMN=X: largest distance of a class from all.")] = None,
    max_suppressed: Annotated[str, typer.Option(help="Share of records that may be left out.")] = "0",
    utility: Annotated[
        str, typer.Option(help="discernability, loss, entropy or average-class: what to lose least of.")
    ] = "discernability",
    local: Annotated[
        bool, typer.Option("--local", help="Go beyond one level a column where classes stay safe.")
    ] = False,
    person: Annotated[str | None, typer.Option(help="Column of persons: k counts them, and it is left out.")] = None,
    lattice: Annotated[
        Path | None, typer.Option(help="Also write every generalisation with its figures, CSV or Parquet.")
    ] = None,
    threads: Threads = 2,
    memory: Memory = "4GB",
    as_json: Json = False,
) -> None:
    """Generalise columns until every class is safe, losing least: the optimum over all levels, proven."""
    from api.commands.screen import progress_bar  # noqa: PLC0415
    from disclosure.rows.anonymise import Anonymising, anonymise_file  # noqa: PLC0415
    from disclosure.rows.safety import Limits  # noqa: PLC0415
    from disclosure.rows.utility import UTILITIES  # noqa: PLC0415

    for path in (out, lattice):
        if path is not None and path.is_dir():
            message = "a file to write is a folder"
            raise typer.BadParameter(message)
    if utility not in UTILITIES:
        message = f"the utility is one of {', '.join(UTILITIES)}"
        raise typer.BadParameter(message)
    limits = Limits(
        k,
        _at_least(1, by_column(distinct_l, int, "condition=3"), "condition=3"),
        _at_least(1, by_column(entropy_l, float, "condition=2.5"), "condition=2.5"),
        _at_least(0, by_column(t, float, "condition=0.2"), "condition=0.2"),
    )
    hierarchies = by_column(hierarchy, Path, "age=ages.csv")
    asked = Anonymising(
        column_names(quasi, "--quasi"),
        hierarchies,
        limits,
        _share(max_suppressed),
        utility,
        out,
        person,
        local,
        lattice,
    )
    with progress_bar() as bar, session_of(threads, memory) as session:
        watch = Stopwatch(bar.step)
        summary = anonymise_file(session, file, asked, watch)
    levels = ", ".join(f"{column} {level}" for column, level in dict(summary["levels"]).items())  # type: ignore[call-overload]
    proven = "" if summary["optimal"] else "; not proven to be the best: the work allowed ran out"
    words = f"{levels}: {summary['n_classes']} classes, {summary['n_suppressed']} of {summary['n_records']} records left out{proven}"
    finish(summary, watch, words, as_json=as_json)


def add_anonymise_commands(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.command()(anonymise)
