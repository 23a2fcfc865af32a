"""The log at a million entries: durable appends, proofs, and a full check.

Appends are events written by the service's own journal in transactions of 10,000 (SQLite, WAL, synchronous full), then
grown into tiles whose every file is flushed to the disk. Seconds of the clock and of the processor stand beside each
other: on a machine that does other work only the second says much.
"""

from __future__ import annotations

import random
import resource
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from api.store.database import open_database
from api.store.journal import SqlJournal
from audit.fsck import fsck
from audit.journal import Event
from audit.log import Log
from audit.note import read_checkpoint
from audit.tree import leaf_hash, root_from_inclusion
from cld.clock import SystemClock
from tests.lib.small_log import small_log

__all__ = ["speed"]

IN_A_BATCH = 10_000
N_PROOFS = 1_000
APPENDS_BAR, PROOF_BAR_MS, CHECK_BAR_S = 50_000, 5.0, 10.0
T = TypeVar("T")
Row = dict[str, Any]


def _timed(work: Callable[[], T]) -> tuple[T, float, float]:
    """Run something once; return its answer, seconds of the clock and of the processor."""
    wall, cpu = time.monotonic(), _cpu_seconds()
    answer = work()
    return answer, time.monotonic() - wall, _cpu_seconds() - cpu


def _cpu_seconds() -> float:
    """Return the seconds of the processor that this process and those it began have used."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def _events(n: int) -> list[Event]:
    return [
        Event("findings viewed", "officer 17", "officer", {"la_code": "503", "submission": f"{place:064x}"})
        for place in range(n)
    ]


def _append(journal: SqlJournal, batches: list[list[Event]]) -> None:
    for batch in batches:
        journal.record_many(batch)


def speed(n_entries: int = 1_000_000) -> list[Row]:
    """Append, prove and check a log of its own in the working folder, which is then removed."""
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        return _speed(Path(folder), n_entries)


def _speed(folder: Path, n: int) -> list[Row]:
    made = small_log(folder / "kept")
    clock = SystemClock()
    log = Log(made.log.tiles, made.log.signer, (made.witness,), made.log.policy, clock)
    made.clock.now = clock.now_utc()
    journal = SqlJournal(open_database(folder / "log.sqlite"), clock, log=log)
    batches = [_events(min(IN_A_BATCH, n - start)) for start in range(0, n, IN_A_BATCH)]
    _, wall, cpu = _timed(lambda: _append(journal, batches))
    batches.clear()
    _, tiles_wall, tiles_cpu = _timed(lambda: log.grow(journal))
    rate, per_cpu = n / (wall + tiles_wall), n / (cpu + tiles_cpu)
    appends: Row = {
        "what": f"log of {n:,} entries: appends durable in the database and as tiles", "bar": f"{APPENDS_BAR:,}/s",
        "found": f"{rate:,.0f}/s ({per_cpu:,.0f} a CPU second)", "met": rate >= APPENDS_BAR, "database_s": round(wall, 2),
        "tiles_s": round(tiles_wall, 2), "database_cpu_s": round(cpu, 2), "tiles_cpu_s": round(tiles_cpu, 2),
    }  # fmt: skip
    proofs = _proofs(log, journal, n)
    report, wall, cpu = _timed(lambda: fsck(journal, log.folder))
    journal.close()
    whole = not report["faults"] and report["n_leaves"] == n
    check: Row = {
        "what": f"log of {n:,} entries: full check, two processes", "bar": f"{CHECK_BAR_S:g} s",
        "found": f"{wall:.1f} s ({cpu:.1f} CPU s)", "met": wall <= CHECK_BAR_S and whole,
    }  # fmt: skip
    return [appends, proofs, check]


def _proofs(log: Log, journal: SqlJournal, n: int) -> Row:
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
    return {
        "what": f"log of {n:,} entries: a proof, worst of {N_PROOFS:,}", "bar": f"{PROOF_BAR_MS:g} ms",
        "found": f"{worst:.2f} ms (median {statistics.median(taken):.2f})", "met": worst <= PROOF_BAR_MS,
    }  # fmt: skip
