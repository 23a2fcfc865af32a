"""Commands run in this process: what a test of many commands needs to stay quick. Nobody is at a terminal."""

from __future__ import annotations

from dataclasses import dataclass

from typer.testing import CliRunner

from api.entry import app
from cld.errors import CLDError


@dataclass(frozen=True)
class Answer:
    """What a command said and its exit status."""

    returncode: int
    stdout: str
    stderr: str


def run_here(*arguments: str) -> Answer:
    """Run a command as ``main`` does, with its refusals as one line."""
    made = CliRunner().invoke(app, list(arguments))
    fault = made.exception
    if isinstance(fault, CLDError):
        return Answer(fault.exit_status, made.stdout, f"{made.stderr}{fault.code}: {fault}\n")
    if fault is not None and not isinstance(fault, SystemExit):
        raise fault
    return Answer(made.exit_code, made.stdout, made.stderr)
