"""Commands of the command line run in the tests' own process, which spares each the second that a new process takes."""

from __future__ import annotations

from dataclasses import dataclass

from typer.testing import CliRunner

from api.entry import app
from cld.errors import CLDError

__all__ = ["Answered", "run_here"]


@dataclass(frozen=True, slots=True)
class Answered:
    """What a command answered, as a process would have: exit status and both streams."""

    returncode: int
    stdout: str
    stderr: str


def run_here(*arguments: str) -> Answered:
    """Run a command; an error of the house becomes its exit status and one line, as ``main`` makes of it."""
    made = CliRunner().invoke(app, list(arguments), prog_name="caregate")
    if isinstance(made.exception, CLDError):
        return Answered(made.exception.exit_status, made.stdout, f"{made.exception.code}: {made.exception}\n")
    if made.exception is not None and not isinstance(made.exception, SystemExit):
        raise made.exception
    return Answered(made.exit_code, made.stdout, made.stderr)
