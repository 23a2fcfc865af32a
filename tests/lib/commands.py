"""Commands of the command line run in the tests' own process, which spares each the second or two of a new process.

What only a process of its own shows (what is loaded, a kill, a terminal, two parties) is for
``tests.functional.test_command_line.run``.
"""

from __future__ import annotations

import io
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from functools import cache
from unittest.mock import patch

import typer.main
import typer.testing

from api.entry import main

__all__ = ["Answered", "build_commands_once", "run_here"]


def build_commands_once() -> None:
    """Let typer build its commands from their functions once and not before each, as it would in processes of their own."""
    typer.main.get_command = typer.testing._get_command = cache(typer.main.get_command)


@dataclass(frozen=True, slots=True)
class Answered:
    """What a command answered, as a process would have: exit status and both streams."""

    returncode: int
    stdout: str
    stderr: str


def run_here(*arguments: str) -> Answered:
    """Run a command through the program's own ``main``; nobody is at a terminal, and lines are 80 characters long."""
    said, faults = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True) for _ in range(2))
    status = 0
    try:
        with (
            patch("api.entry.signal"),  # a request to end is for the tests' own process
            redirect_stdout(said),
            redirect_stderr(faults),
            patch("sys.stdin", io.StringIO()),
            patch("sys.argv", ["caregate", *arguments]),
            patch.dict("os.environ", COLUMNS="80"),
        ):
            main()
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
    return Answered(status, *(stream.buffer.getvalue().decode() for stream in (said, faults)))  # type: ignore[attr-defined]
