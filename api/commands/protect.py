"""The command that protects anyone's tables (shared commands page)."""

from __future__ import annotations

import time
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from api.commands.attack import Dimensions, Hierarchies, Total, table_request
from api.commands.run import Json, Memory, Out, Stopwatch, Threads, finish, session_of

if TYPE_CHECKING:
    from disclosure.tables.suppress.files import ProtectRequest
    from disclosure.tables.suppress.pattern import Unprotectable

__all__ = ["add_protect_commands"]


def protect(
    cells: Annotated[list[Path], typer.Argument(help="One row a cell, true values; several files are linked tables.")],
    dimensions: Dimensions,
    value: Annotated[str, typer.Option(help="Column of true values.")],
    out: Out,
    hierarchy: Hierarchies = None,
    total: Total = "Total",
    rule: Annotated[
        list[str] | None,
        typer.Option(help="threshold=1-4, dominance=2,85, p=10, zeros=hideable or group; may be given again."),
    ] = None,
    profile: Annotated[str | None, typer.Option(help="Name of a profile that says what is small and how it is shown.")] = None,
    status: Annotated[str | None, typer.Option(help="Column that says which cells are primary, and which are kept.")] = None,
    cost: Annotated[str | None, typer.Option(help="Cost of hiding a cell: a column, n for its value, 1 for each alike.")] = None,
    seconds: Annotated[
        float | None, typer.Option(help="End after so many seconds; without it work limits do, and the pattern is the same on every run.", min=0)
    ] = None,
    threads: Threads = 2,
    memory: Memory = "2GB",
    as_json: Json = False,
) -> None:  # fmt: skip
    """Hide small cells, and others so that none can be worked out, at the least cost that can be proven."""
    from api.commands.screen import progress_bar  # noqa: PLC0415
    from disclosure.tables.suppress.files import protect_files  # noqa: PLC0415
    from disclosure.tables.suppress.pattern import Unprotectable  # noqa: PLC0415

    if sum(given is not None and given != [] for given in (rule, profile, status)) > 1:
        message = "give rules, a profile or a status column, not several of them"
        raise typer.BadParameter(message)
    watch = Stopwatch()
    asked = _request(dimensions, value, hierarchy, total, rule, profile, status, cost, seconds, threads)
    with progress_bar() as bar, session_of(threads, memory) as session:
        watch = Stopwatch(bar.step)
        try:
            summary = protect_files(session, cells, asked, out, watch)
        except Unprotectable as refused:
            finish(_refusal(refused), watch, str(refused), as_json=as_json)
            raise typer.Exit(refused.exit_status) from None
    finish(summary, watch, _words(summary), as_json=as_json)


def _request(
    dimensions: str, value: str, hierarchy: list[str] | None, total: str, rule: list[str] | None, profile: str | None,
    status: str | None, cost: str | None, seconds: float | None, threads: int,
) -> ProtectRequest:  # fmt: skip
    from disclosure.tables.suppress.effort import Effort  # noqa: PLC0415
    from disclosure.tables.suppress.files import ProtectRequest  # noqa: PLC0415
    from policies.profiles import profile_named  # noqa: PLC0415

    effort = Effort(deadline=None if seconds is None else time.monotonic() + seconds)
    limits = None if profile is None else profile_named(profile, date.today())  # noqa: DTZ011 - the reader's own day
    table = table_request(dimensions, value, hierarchy, total)
    return ProtectRequest(table, tuple(rule or ()), limits, status, cost, effort, threads)


def _refusal(refused: Unprotectable) -> dict[str, object]:
    return {
        "safe": False, "error": refused.code, "message": refused.message, "remedy": refused.remedy,
        "n_unprotectable": len(refused.cells), "unprotectable": [dict(codes) for codes in refused.named],
    }  # fmt: skip


def _words(summary: dict[str, object]) -> str:
    gap = summary["gap"]
    proven = (
        "the least that is safe"
        if summary["optimal"]
        else f"at most {float(str(gap)):.2%} above the least"
        if gap
        else "no bound"
    )
    return (
        f"{summary['n_primary']} primary and {summary['n_secondary']} secondary cells of {summary['n_cells']} hidden,"
        f" cost {summary['cost']}: {proven}"
    )


def add_protect_commands(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command()(protect)
