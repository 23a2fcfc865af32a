"""The command ``verify``: fourteen checks of a package, offline (shared commands page)."""

from __future__ import annotations

import json
import sys
from datetime import date
from pathlib import Path
from typing import Annotated

import typer

from api.run import Json

__all__ = ["add_verify_commands"]


def verify(
    package: Annotated[Path, typer.Argument(help="A sealed package, a zip or an opened folder.")],
    trust: Annotated[Path | None, typer.Option(help="Trust policy, got by another road than the package.")] = None,
    identity: Annotated[Path | None, typer.Option(help="The recipient's secret key, for a sealed package.")] = None,
    last_seen: Annotated[Path | None, typer.Option(help="The last checkpoint that you saw of this log.")] = None,
    consistency: Annotated[Path | None, typer.Option(help="Consistency proofs got from the sender.")] = None,
    revoked: Annotated[Path | None, typer.Option(help="List of withdrawn packages.")] = None,
    remember: Annotated[
        Path | None, typer.Option(help="File that keeps the last checkpoint and the releases seen; made if not there.")
    ] = None,
    on: Annotated[str, typer.Option(help="Day for the agreement, YYYY-MM-DD.")] = "",
    second_library: Annotated[
        bool, typer.Option("--second-library", help="First hold both libraries to published answers.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Verify a package offline by fourteen checks; exit 0 when authentic and whole, 6 when not."""
    from audit.verify import verify_package  # noqa: PLC0415
    from audit.verifying.command import report_text  # noqa: PLC0415

    if second_library:
        _say_second_library()
    day = _day(on)
    report = verify_package(
        package,
        trust,
        identity,
        day,
        last_seen=last_seen,
        consistency=consistency,
        revocations=revoked,
        remember=remember,
    )
    sys.stdout.write(json.dumps(report) + "\n" if as_json else report_text(report, day))
    raise typer.Exit(0 if report["ok"] else 6)


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text) if text else date.today()  # noqa: DTZ011 - the reader's own day
    except ValueError as fault:
        message = "a day is written YYYY-MM-DD"
        raise typer.BadParameter(message) from fault


def _say_second_library() -> None:
    """Hold both cryptographic libraries to published answers and say so on standard error."""
    from keys.selftest import require_both_libraries, self_test_report  # noqa: PLC0415

    require_both_libraries()
    judged = [len(row["libraries"]) for row in self_test_report()]
    sys.stderr.write(
        f"{judged.count(2)} published answers agree in both libraries, {judged.count(1)} in the one that can give them\n"
    )


def add_verify_commands(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command()(verify)
