"""Pseudonyms measured: text in to text out beside a loop of ``hmac.digest`` in the same run, sixty million, faults, collisions."""

from __future__ import annotations

import hmac
import resource
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from benchmarks.keys.injected import injected_faults
from cld.engine import scratch_engine
from keys.derivation import PseudonymDomain, Secret, domain_key
from keys.files import in_order
from keys.oblivious.groups import group_named
from keys.oblivious.protocol import Mode, Suite
from keys.pseudonym import check_texts, find_identifiers, pseudonyms_of
from keys.routes import ROUTES, available_routes, require_routes_agree, tags_of
from keys.text_form import encode_tags

__all__ = ["collisions", "faults", "oblivious", "re_identification", "shared", "sixty_million", "speed"]

ROUNDS = 5
ROWS = 65_536
FIRST_NUMBER = 4_000_000_000
DOMAIN = PseudonymDomain("503", "A-1", "cld", "nhs")
OTHER = PseudonymDomain("504", "A-2", "cld", "nhs")
Row = dict[str, Any]


def key_of(domain: PseudonymDomain, byte: bytes = b"s") -> Secret:
    """Return a key made for measuring alone."""
    return domain_key(Secret(byte * 32), Secret(b""), domain)


def identifiers(n_persons: int, rows: int = ROWS) -> Iterator[pa.RecordBatch]:
    """Yield as many different identifiers of ten digits, some at a time."""
    for start in range(0, n_persons, rows):
        numbers = np.arange(start, min(start + rows, n_persons), dtype=np.int64) + FIRST_NUMBER
        yield pa.RecordBatch.from_arrays([pa.array(numbers).cast(pa.string())], names=["identifier"])


def _timed(work: Callable[[], object]) -> tuple[float, float]:
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - cpu


def _row(what: str, bar: str, found: str, *, met: bool, **facts: object) -> Row:
    return {"what": what, "bar": bar, "found": found, "met": met, **facts}


def speed(n_persons: int = 1_000_000) -> list[Row]:
    """Measure text in to text out with check characters, in turns with a loop of ``hmac.digest``."""
    require_routes_agree()
    key, batches = key_of(DOMAIN), list(identifiers(n_persons))
    texts = [text for batch in batches for text in batch.column(0).to_pylist()]
    secret = key.reveal()
    works: dict[str, Callable[[], object]] = {
        "hmac.digest": lambda: [hmac.digest(secret, text.encode(), "sha256") for text in texts],
        "two": lambda: list(in_order(iter(batches), _keyed(key), 2)),
    }
    for route in available_routes():
        works[route] = _on_one_core(route, batches, key)
    seen: dict[str, list[tuple[float, float]]] = {name: [] for name in works}
    for _ in range(ROUNDS):
        for name, work in works.items():
            seen[name].append(_timed(work))
    rate = {name: n_persons / statistics.median(cpu for _, cpu in times) / 1e6 for name, times in seen.items()}
    walls = {name: n_persons / min(wall for wall, _ in times) / 1e6 for name, times in seen.items()}
    first = available_routes()[0]
    ratio = rate[first] / rate["hmac.digest"]
    facts = {"million_a_cpu_second": {name: round(found, 3) for name, found in rate.items()},
             "million_a_second_best": {name: round(found, 3) for name, found in walls.items()}}  # fmt: skip
    return [
        _row("pseudonyms, one core (CPU time, median of five)", "2.0 million/s", f"{rate[first]:.2f} million/s",
             met=rate[first] >= 2.0, **facts),  # noqa: PLR2004
        _row("pseudonyms, two cores (wall, best of five)", "2.8 million/s", f"{walls['two']:.2f} million/s", met=walls["two"] >= 2.8),  # noqa: PLR2004
        _row("beside a loop of hmac.digest", "3 times", f"{ratio:.1f} times", met=ratio >= 3),  # noqa: PLR2004
    ]  # fmt: skip


def _keyed(key: Secret) -> Callable[[pa.RecordBatch], pa.RecordBatch]:
    def work(batch: pa.RecordBatch) -> pa.RecordBatch:
        return pa.RecordBatch.from_arrays([pseudonyms_of(batch.column(0), key, DOMAIN)], names=["pseudonym"])

    return work


def _on_one_core(route: str, batches: list[pa.RecordBatch], key: Secret) -> Callable[[], object]:
    return lambda: [encode_tags(ROUTES[route](key, batch.column(0)), DOMAIN) for batch in batches]


def sixty_million(n_persons: int = 60_000_000) -> list[Row]:
    """Stream national size through two threads, holding no more than a few batches."""
    require_routes_agree()
    n_made = 0

    def work() -> None:
        nonlocal n_made
        for batch in in_order(identifiers(n_persons, 262_144), _keyed(key_of(DOMAIN)), 2):
            n_made += batch.num_rows

    wall, cpu = _timed(work)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    found = f"{wall:.1f} s ({cpu:.1f} CPU s), {peak / 2**30:.2f} GiB"
    met = wall <= 30 and peak <= 2 * 2**30 and n_made == n_persons  # noqa: PLR2004
    return [_row(f"{n_persons // 10**6} million persons, streamed on two threads", "30 s and 2 GiB", found, met=met, wall_seconds=round(wall, 2), cpu_seconds=round(cpu, 2), peak_bytes=peak)]  # fmt: skip


def collisions(n_persons: int = 10_000_000) -> list[Row]:
    """Count persons that share a pseudonym."""
    key = key_of(DOMAIN)
    made = [tags_of(key, batch.column(0)) for batch in identifiers(n_persons)]
    pairs = np.empty(n_persons, dtype=[("high", np.uint64), ("low", np.uint64)])
    pairs["high"] = np.concatenate([tags.high for tags in made])
    pairs["low"] = np.concatenate([tags.low for tags in made])
    pairs = pairs[np.argsort(pairs["high"], kind="stable")]
    equal = pairs["high"][1:] == pairs["high"][:-1]
    # words of 64 bits that are equal are looked at in full
    n_shared = int((equal & (pairs["low"][1:] == pairs["low"][:-1])).sum())
    return [
        _row(f"collisions over {n_persons:,}", "0", str(n_shared), met=n_shared == 0, equal_in_64_bits=int(equal.sum()))
    ]


def shared(n_persons: int = 1_000_000) -> list[Row]:
    """Count pseudonyms that two agreements share over the same people."""
    sets = []
    for domain, byte in ((DOMAIN, b"s"), (OTHER, b"t")):
        key = key_of(domain, byte)
        sets.append(pa.chunked_array([pseudonyms_of(batch.column(0), key, domain) for batch in identifiers(n_persons)]))
    n_shared = int(pc.sum(pc.is_in(sets[0], sets[1])).as_py())
    return [
        _row(f"pseudonyms that two agreements share over {n_persons:,} people", "0", str(n_shared), met=n_shared == 0)
    ]


def faults(n_faults: int = 160_000) -> list[Row]:
    """Inject single-character errors and swaps of neighbours and count those that are not seen."""
    texts = pseudonyms_of(next(identifiers(ROWS)).column(0), key_of(DOMAIN), DOMAIN)
    faulty, n_changed, n_swapped = injected_faults(texts, n_faults, 6)
    n_missed = int((~check_texts(faulty, None)[0]).sum())
    met = n_missed == 0 and len(faulty) >= 150_000  # noqa: PLR2004
    return [_row("single-character errors and swaps caught", "all of 150,000", f"{len(faulty) - n_missed:,} of {len(faulty):,}", met=met, changed=n_changed, swapped=n_swapped)]  # fmt: skip


def re_identification(n_persons: int = 1_500_000) -> list[Row]:
    """Find one person again among a person index of a million and a half."""
    key, times = key_of(DOMAIN), []
    with tempfile.TemporaryDirectory() as folder, scratch_engine(Path(folder)).session() as session:
        session.take("people", pa.Table.from_batches(list(identifiers(n_persons))))
        wanted = pseudonyms_of(pa.array([str(FIRST_NUMBER + n_persons - 1)]), key, DOMAIN)
        for _ in range(3):
            times.append(_timed(lambda: find_identifiers(session, "people", "identifier", key, "nhs", wanted)))
        found = find_identifiers(session, "people", "identifier", key, "nhs", wanted)
    wall = statistics.median(wall for wall, _ in times)
    met = wall <= 2 and list(found.values()) == [str(FIRST_NUMBER + n_persons - 1)]  # noqa: PLR2004
    return [_row(f"re-identify one over {n_persons:,} people", "2 s", f"{wall:.2f} s", met=met, cpu_seconds=round(statistics.median(cpu for _, cpu in times), 2))]  # fmt: skip


def oblivious(n_evaluations: int = 400) -> list[Row]:
    """Measure how many blinded elements are evaluated in a second."""
    rows = []
    for name in ("ristretto255-SHA512", "P256-SHA256"):
        suite = Suite(group_named(name), Mode.OPRF)
        secret = suite.derive_key(Secret(b"s" * 32), b"")
        blinded = [suite.blind(str(number).encode(), number + 2) for number in range(20)]
        _, cpu = _timed(lambda: [suite.evaluate(secret, blinded[n % 20]) for n in range(n_evaluations)])  # noqa: B023
        rows.append(
            _row(f"oblivious evaluations, {name}", "none set", f"{n_evaluations / cpu:,.0f} a CPU second", met=True)
        )
    return rows
