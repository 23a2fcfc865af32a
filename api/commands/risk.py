"""Commands that measure what anyone's rows tell of the people in them (shared commands page)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from api.commands.options import by_column, column_names
from api.commands.run import Json, Memory, Report, Stopwatch, Threads, finish, session_of

if TYPE_CHECKING:
    from disclosure.rows.risk import RiskRequest

__all__ = ["add_risk_commands"]


def _request(
    file: Path, quasi: str, sensitive: str | None, person: str | None, fraction: float | None, population: Path | None,
    weight: str | None, hierarchy: list[str] | None, suda: int | None,
) -> RiskRequest:  # fmt: skip
    from disclosure.rows.risk import RiskRequest  # noqa: PLC0415

    if fraction is not None and population is not None:
        message = "give --sampling-fraction or --population, not both"
        raise typer.BadParameter(message)
    if fraction is not None and not 0 < fraction <= 1:
        message = "a sampling fraction is above 0 and at most 1"
        raise typer.BadParameter(message)
    columns, secrets = column_names(quasi, "--quasi"), column_names(sensitive, "--sensitive")
    if not columns or set(columns) & set(secrets):
        message = "--quasi names one column at least, and none of --sensitive"
        raise typer.BadParameter(message)
    levels = by_column(hierarchy, Path, "age=ages.csv")
    if not levels.keys() <= set(columns):
        message = "a hierarchy is given as COLUMN=FILE, once for a column of --quasi"
        raise typer.BadParameter(message)
    return RiskRequest(file, columns, secrets, person, fraction, population, weight, levels, suda)


def risk(
    file: Annotated[Path, typer.Argument(help="CSV, CSV.gz or Parquet; a CSV file may be separated by semicolons.")],
    quasi: Annotated[str, typer.Option(help="Columns an intruder may know, with commas between them.")],
    sensitive: Annotated[str | None, typer.Option(help="Columns an intruder would learn, with commas.")] = None,
    person: Annotated[str | None, typer.Option(help="Column that says whose a row is; persons are counted.")] = None,
    sampling_fraction: Annotated[
        float | None, typer.Option(help="Share of the population that the file holds.")
    ] = None,
    population: Annotated[
        Path | None, typer.Option(help="File of the whole population, with the same columns.")
    ] = None,
    weight: Annotated[str | None, typer.Option(help="Column of weights: how many people a record stands for.")] = None,
    hierarchy: Annotated[
        list[str] | None,
        typer.Option(help="COLUMN=FILE: its values and their generalisations; also measured by level."),
    ] = None,
    suda: Annotated[
        int | None, typer.Option(help="Search special uniques: sets of so many columns at most.", min=1)
    ] = None,
    report: Report = None,
    records: Annotated[
        Path | None, typer.Option(help="Class size, risk and special uniques of each record, in the file's order.")
    ] = None,
    threads: Threads = 2,
    memory: Memory = "4GB",
    as_json: Json = False,
) -> None:
    """Measure what rows tell of the people in them: k, l, t, risk, population uniques, special uniques."""
    from api.commands.screen import progress_bar  # noqa: PLC0415
    from cld.shelf import atomic_write  # noqa: PLC0415
    from disclosure.rows.risk import measure_file, write_records  # noqa: PLC0415
    from disclosure.rows.risk_report import risk_page  # noqa: PLC0415
    from disclosure.rows.risk_summary import risk_summary, risk_words  # noqa: PLC0415

    asked = _request(file, quasi, sensitive, person, sampling_fraction, population, weight, hierarchy, suda)
    for out in (report, records):
        if out is not None and out.is_dir():
            message = "a file to write is a folder"
            raise typer.BadParameter(message)
    with progress_bar() as bar, session_of(threads, memory) as session:
        watch = Stopwatch(bar.step)
        found = measure_file(session, asked, watch)
        watch("tell")
        summary = risk_summary(found)
        if records is not None:
            write_records(session, found, records)
        if report is not None:
            atomic_write(report, risk_page(found, summary).encode())
    finish(summary, watch, risk_words(found), as_json=as_json)


def add_risk_commands(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.command()(risk)
