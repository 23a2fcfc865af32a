"""What every command on files shares: its common options, a bounded session, seconds by stage and how it answers."""

from __future__ import annotations

import json
import re
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from cld.engine import Session

__all__ = [
    "Json",
    "Memory",
    "Out",
    "Report",
    "Stopwatch",
    "Threads",
    "answer",
    "finish",
    "peak_bytes",
    "session_of",
    "text_of",
]

SIZE = re.compile(r"\d+(\.\d+)?\s*[KMGT]B", re.IGNORECASE)

Out = Annotated[Path, typer.Option(help="File to write, CSV, CSV.gz or Parquet.")]
Report = Annotated[Path | None, typer.Option(help="HTML report to write.")]
Threads = Annotated[int, typer.Option(help="Threads of the engine.", min=1)]
Memory = Annotated[str, typer.Option(help="Memory of the engine, such as 4GB.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output.")]


class Stopwatch:
    """Seconds stage by stage; a terminal is told which stage runs."""

    def __init__(self, tell: Callable[[str], None] = lambda _: None) -> None:
        """Start now."""
        self.seconds: dict[str, float] = {}
        self._tell, self._started = tell, time.monotonic()
        self._stage, self._since = "", self._started

    def __call__(self, stage: str) -> None:
        """Begin a stage."""
        now = time.monotonic()
        if self._stage:
            self.seconds[self._stage] = round(self.seconds.get(self._stage, 0.0) + now - self._since, 3)
        self._stage, self._since = stage, now
        self._tell(stage)

    def stop(self) -> dict[str, float]:
        """End the last stage and return the seconds of all, with their total."""
        self("")
        return {**self.seconds, "total": round(time.monotonic() - self._started, 3)}


def peak_bytes() -> int:
    """Return the highest memory that this process has held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


@contextmanager
def session_of(threads: int, memory: str) -> Iterator[Session]:
    """Open a session of the engine within bounds, spilling into a folder that goes with it."""
    from cld.engine import scratch_engine  # noqa: PLC0415

    if not SIZE.fullmatch(memory):
        message = "memory is a number with KB, MB, GB or TB, such as 4GB"
        raise typer.BadParameter(message)
    with tempfile.TemporaryDirectory() as scratch, scratch_engine(Path(scratch), threads, memory).session() as session:
        yield session


def answer(found: Mapping[str, object], words: str, *, as_json: bool) -> None:
    """Print one JSON object, or the words for a person."""
    sys.stdout.write(json.dumps(found) + "\n" if as_json else f"{words}\n")


def finish(summary: dict[str, object], watch: Stopwatch, words: str, *, as_json: bool) -> None:
    """Answer with the seconds by stage and the highest memory added."""
    answer({**summary, "seconds": watch.stop(), "peak_bytes": peak_bytes()}, words, as_json=as_json)


def text_of(path: Path) -> str:
    """Return the text of a file that somebody named.

    Raises: UnreadableFile.
    """
    from cld.errors import UnreadableFile  # noqa: PLC0415 - help loads nothing

    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as fault:
        message = f"{path.name} cannot be read."
        raise UnreadableFile(message, "Check the name.") from fault
