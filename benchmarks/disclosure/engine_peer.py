"""The tau-ARGUS engine's exact method on one table, in the peer's own environment: python engine_peer.py TABLE PATTERN MINUTES.

TABLE is in the engine's own JJ form (``benchmarks.disclosure.engine`` writes it), so that needs and what an attacker knows
are those of every cell and not a rule's percentage; PATTERN is where the engine puts the cells that it hides. One JSON object
is printed: the engine's answer and the seconds of its own work, reading included. Answer 1 is no fault: it is the limit.
The minutes are whole ones: the engine takes no others.
"""

import json
import os
import sys
import tempfile
import time
from pathlib import Path

from pytauargus._tauargus import HiTaSCtrl


def main(table: str, pattern: str, minutes: str) -> None:
    """Let the engine hide cells and say how long it took."""
    from_here = str(Path(table).resolve())
    out = str(Path(pattern).resolve())
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)  # the engine leaves its own logs where it stands
        engine = HiTaSCtrl()
        wall, used = time.perf_counter(), time.process_time()
        answer = engine.full_jj(in_file_jj=from_here, out_file=out, max_time=int(minutes))
        took = {"wall_seconds": time.perf_counter() - wall, "cpu_seconds": time.process_time() - used}
        os.chdir("/")
    print(json.dumps({"answer": answer, "words": engine.error_string(answer) if answer else "", **took}))  # noqa: T201


if __name__ == "__main__":
    main(*sys.argv[1:])
