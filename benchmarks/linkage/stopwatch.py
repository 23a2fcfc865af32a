"""Run one command and print its wall seconds, peak bytes and exit status as JSON.

The command is started from this small process, since a child's peak counts what its parent held when it was started.

Source: getrusage(2) and wait4(2), ru_maxrss in kibibytes on Linux, of the child and of those it waited for.
"""

import json
import os
import sys
import time


def main(out: str, error: str, *command: str) -> None:
    """Start the command, wait for it, and print what it took."""
    start = time.perf_counter()
    child = os.fork()
    if child == 0:
        for place, number in ((os.devnull, 0), (out, 1), (error, 2)):
            os.dup2(os.open(place, os.O_RDWR | os.O_CREAT, 0o600), number)
        os.execvp(command[0], command)  # noqa: S606 - the command is the benchmark's own
    _, status, usage = os.wait4(child, 0)
    took = {
        "wall_seconds": time.perf_counter() - start,
        "peak_bytes": usage.ru_maxrss * 1024,
        "status": os.waitstatus_to_exitcode(status),
    }
    print(json.dumps(took))  # noqa: T201 - the answer of a command


if __name__ == "__main__":
    main(*sys.argv[1:])
