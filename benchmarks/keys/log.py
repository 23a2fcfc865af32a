"""The log at a million entries: durable appends, proofs, a full check, and tampering found.

Run it with ``python -m benchmarks.keys.log [--entries N] [--tampers N]``. Each line has what was measured beside its bar.
Appends are events written by the service's own journal in transactions of 10,000 (SQLite, WAL, synchronous full), then
grown into tiles whose every file is flushed to the disk. Seconds of the clock and of the processor stand beside each
other: on a machine that does other work only the second says much.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from api.database import open_database
from api.journal import SqlJournal
from audit.fsck import fsck
from audit.journal import Event
from audit.log import Log
from audit.note import read_checkpoint
from audit.tree import leaf_hash, root_from_inclusion
from cld.clock import SystemClock
from tests.lib.small_log import small_log

__all__ = ["main"]

IN_A_BATCH = 10_000
N_PROOFS = 1_000
APPENDS_BAR, PROOF_BAR_MS, CHECK_BAR_S = 50_000, 5.0, 10.0
T = TypeVar("T")


def _timed(work: Callable[[], T]) -> tuple[T, float, float]:
    """Run something once; return its answer, seconds of the clock and of the processor."""
    wall, cpu = time.monotonic(), _cpu_seconds()
    answer = work()
    return answer, time.monotonic() - wall, _cpu_seconds() - cpu


def _cpu_seconds() -> float:
    """Return the seconds of the processor that this process and those it began have used."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def _row(what: str, bar: str, measured: float, *, held: bool, **more: object) -> dict[str, Any]:
    return {"what": what, "bar": bar, "measured": round(measured, 3), "held": held, **more}


def _events(n: int) -> list[Event]:
    return [
        Event("findings viewed", "officer 17", "officer", {"la_code": "503", "submission": f"{place:064x}"})
        for place in range(n)
    ]


def _append(journal: SqlJournal, batches: list[list[Event]]) -> None:
    for batch in batches:
        journal.record_many(batch)


def _speed(folder: Path, n: int) -> list[dict[str, Any]]:
    made = small_log(folder / "kept")
    clock = SystemClock()
    log = Log(made.log.tiles, made.log.signer, (made.witness,), made.log.policy, clock)
    made.clock.now = clock.now_utc()
    journal = SqlJournal(open_database(folder / "log.sqlite"), clock, log=log)
    batches = [_events(min(IN_A_BATCH, n - start)) for start in range(0, n, IN_A_BATCH)]
    _, wall, cpu = _timed(lambda: _append(journal, batches))
    batches.clear()
    _, tiles_wall, tiles_cpu = _timed(lambda: log.grow(journal))
    both = n / (wall + tiles_wall)
    rows = [
        _row("appends a second, durable in the database and as tiles", f">= {APPENDS_BAR}", both, held=both >= APPENDS_BAR,
             database_s=round(wall, 2), tiles_s=round(tiles_wall, 2), database_cpu_s=round(cpu, 2), tiles_cpu_s=round(tiles_cpu, 2),
             per_cpu_second=round(n / (cpu + tiles_cpu))),
    ]  # fmt: skip
    rows.append(_proofs(log, journal, n))
    report, wall, cpu = _timed(lambda: fsck(journal, log.folder))
    whole = not report["faults"] and report["n_leaves"] == n
    rows.append(
        _row(
            "seconds of a full check",
            f"<= {CHECK_BAR_S}",
            wall,
            held=wall <= CHECK_BAR_S and whole,
            cpu_s=round(cpu, 2),
        )
    )
    journal.close()
    return rows


def _proofs(log: Log, journal: SqlJournal, n: int) -> dict[str, Any]:
    head = read_checkpoint(log.head(journal).text)
    dice, taken = random.Random(1), []
    for _ in range(N_PROOFS):
        place = dice.randrange(n)
        started = time.process_time()
        path = log.tiles.inclusion(place, head.size)
        taken.append((time.process_time() - started) * 1e3)
        (leaf,) = log.tiles.entries(place, place + 1)
        if root_from_inclusion(leaf_hash(leaf), place, head.size, path) != head.root:
            message = "a proof does not hold"
            raise AssertionError(message)
    worst = max(taken)
    return _row("milliseconds of a proof, worst of 1,000", f"<= {PROOF_BAR_MS}", worst, held=worst <= PROOF_BAR_MS,
                median=round(statistics.median(taken), 3))  # fmt: skip


def main() -> None:
    """Measure and print one JSON line for each bar; exit 1 if one was missed."""
    asked = argparse.ArgumentParser()
    asked.add_argument("--entries", type=int, default=1_000_000)
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        rows = _speed(Path(folder), asked.parse_args().entries)
    for row in rows:
        sys.stdout.write(json.dumps(row) + "\n")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    sys.stdout.write(json.dumps({"what": "highest memory, MiB", "measured": peak}) + "\n")
    sys.exit(0 if all(row["held"] for row in rows) else 1)


if __name__ == "__main__":
    main()
