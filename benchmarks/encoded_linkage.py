"""Pairs a second of the encoded mode's comparisons, beside two other ways in the same run; prints one JSON object.

Compared: every pair counted in blocks, bare (common bits), as Dice and with a threshold; the float32 matrix product, bare;
numpy's ``bitwise_count`` as one would first write it; and anonlink, where ``--anonlink PYTHON`` names an interpreter that has it (it needs an older setuptools than this project's, so it runs
apart, on the same filters). Sides take turns and each figure is the median of the rounds, since a shared machine is not
the same from second to second: trust ratios before rates.

    python benchmarks/encoded_linkage.py [--left 8192] [--right 16384] [--rounds 3] [--anonlink PYTHON]
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from linkage.encoded.compare import common_tiles, dice_tiles, pairs_above, product_tiles

BITS = 1_024
DENSITY = 0.44
THRESHOLD = 550
Filters = npt.NDArray[np.uint8]
ANONLINK = """
import sys, time
import anonlink, bitarray
import numpy as np
left, right = (np.load(path) for path in sys.argv[1:3])
def filters(rows):
    made = []
    for row in rows:
        each = bitarray.bitarray(endian="big")
        each.frombytes(row.tobytes())
        made.append(each)
    return made
sides = [filters(left), filters(right)]
started = time.perf_counter()
anonlink.candidate_generation.find_candidate_pairs(sides, anonlink.similarities.dice_coefficient, int(sys.argv[3]) / 1000)
print(time.perf_counter() - started)
"""


def some_filters(n: int, seed: int) -> Filters:
    """Return filters as dense as diffused ones are."""
    return np.packbits(np.random.default_rng(seed).random((n, BITS)) < DENSITY, axis=1)


def with_near_copies(left: Filters, right: Filters) -> Filters:
    """Give one right row in ten a near copy on the left, so that the threshold has something to find."""
    made = right.copy()
    n = min(len(left), len(right) // 10)
    noise = np.packbits(np.random.default_rng(9).random((n, BITS)) < 0.1, axis=1)
    made[:n] = left[:n] ^ noise
    return made


def bare(left: Filters, right: Filters) -> None:
    """Count every pair's common bits."""
    for _ in common_tiles(left, right):
        pass


def product(left: Filters, right: Filters) -> None:
    """Compute every pair's common bits by matrix product."""
    for _ in product_tiles(left, right):
        pass


def dice(left: Filters, right: Filters) -> None:
    """Compute every similarity."""
    for _ in dice_tiles(left, right):
        pass


def thresholded(left: Filters, right: Filters) -> None:
    """Find the pairs above the threshold."""
    assert len(pairs_above(left, right, THRESHOLD)[0]) > 0


def plain_count(left: Filters, right: Filters) -> None:
    """Compute every similarity as one would first write it: one left row against all right rows."""
    words_l, words_r = left.view(np.uint64), right.view(np.uint64)
    n_l, n_r = (np.bitwise_count(words).sum(axis=1, dtype=np.int64) for words in (words_l, words_r))
    for row, n in zip(words_l, n_l, strict=True):
        _ = 2 * np.bitwise_count(words_r & row).sum(axis=1, dtype=np.int64) / (n + n_r)


def seconds_of(work: Callable[[Filters, Filters], None], left: Filters, right: Filters) -> float:
    """Time one round."""
    started = time.perf_counter()
    work(left, right)
    return time.perf_counter() - started


def anonlink_seconds(python: str, left: Filters, right: Filters) -> float:
    """Time one round of anonlink in its own interpreter, reading and converting left out."""
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / name for name in ("left.npy", "right.npy")]
        for path, rows in zip(paths, (left, right), strict=True):
            np.save(path, rows)
        command = [python, "-W", "ignore", "-c", ANONLINK, *map(str, paths), str(THRESHOLD)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    return float(done.stdout)


def main() -> None:
    """Run the rounds and print the figures."""
    parser = argparse.ArgumentParser(description="Pairs a second of encoded comparisons.")
    for name, default in (("left", 8_192), ("right", 16_384), ("rounds", 3)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--anonlink", default="")
    chosen = parser.parse_args()
    left = some_filters(chosen.left, 1)
    right = with_near_copies(left, some_filters(chosen.right, 2))
    few = left[: max(len(left) // 64, 1)]
    times: dict[str, list[float]] = {}
    for _ in range(chosen.rounds):
        for work in (bare, dice, thresholded, product):
            times.setdefault(work.__name__, []).append(seconds_of(work, left, right))
        times.setdefault("plain_count", []).append(seconds_of(plain_count, few, right) * len(left) / len(few))
        if chosen.anonlink:
            times.setdefault("anonlink", []).append(anonlink_seconds(chosen.anonlink, left, right))
    n_pairs = len(left) * len(right)
    rates = {name: round(n_pairs / statistics.median(each) / 1e6, 1) for name, each in times.items()}
    best = {name: round(n_pairs / min(each) / 1e6, 1) for name, each in times.items()}
    answer = {
        "n_pairs": n_pairs,
        "n_bits": BITS,
        "threshold_thousandths": THRESHOLD,
        "million_pairs_per_second": rates,
        "best_million_pairs_per_second": best,
        "ratio_of_bare_to": {name: round(rates["bare"] / rate, 2) for name, rate in rates.items() if name != "bare"},
        "ratio_of_thresholded_to": {name: round(rates["thresholded"] / rates[name], 2) for name in rates},
        "n_cores": os.cpu_count(),
        "load_average": [round(each, 2) for each in os.getloadavg()],
        "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        "machine": platform.processor() or platform.machine(),
        "numpy": np.__version__,
    }
    sys.stdout.write(json.dumps(answer, indent=2) + "\n")


if __name__ == "__main__":
    main()
