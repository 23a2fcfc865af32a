"""Run every engine on every set, turn by turn, and write one table.

Each run is a fresh process; its wall time and peak memory are the operating system's, its own account of stages is
kept beside them. Engines take turns within a round, so that a busy spell of the machine falls on all of them; what is
shown is the median of the rounds with the lowest and the highest.
"""

from __future__ import annotations

import argparse
import datetime
import hashlib
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.linkage.known import write_febrl4, write_historical
from benchmarks.linkage.measure import judge_clusters, judge_links, judge_pairs
from benchmarks.linkage.population import Sizes, make_population
from benchmarks.linkage.report import as_markdown
from benchmarks.machine import machine

__all__ = ["main"]

HERE = Path(__file__).resolve().parent
RESULTS = HERE.parent / "results"
SEED = 2021
POPULATIONS = {
    "20k_200k": (Sizes(20_000, 200_000), 1.0),
    "100k_1m": (Sizes(100_000, 1_000_000), 1.0),
    "100k_1m_hard": (Sizes(100_000, 1_000_000), 2.5),
    "1m_10m": (Sizes(1_000_000, 10_000_000), 1.0),
    "1m_60m": (Sizes(1_000_000, 60_000_000), 1.0),
}
SMALL = ("febrl4", "historical", "100k_1m", "100k_1m_hard")
# probabilities at which clusters are made again, untimed, to find the best that each engine could do
CLUSTER_THRESHOLDS = (0.05, 0.2, 0.5, 0.8, 0.9, 0.99, 0.999, 0.9999, 0.99999)


@dataclass(frozen=True, slots=True)
class Engine:
    """A command to time: its name, its words, what it writes, and who judges that."""

    name: str
    command: tuple[str, ...]
    out: Path
    judge: Callable[[Path], Mapping[str, float]]
    before: tuple[str, ...] = ()


@dataclass(slots=True)
class Runs:
    """What the rounds of one engine gave."""

    wall_seconds: list[float] = field(default_factory=list)
    own_seconds: list[float] = field(default_factory=list)
    peak_bytes: list[int] = field(default_factory=list)
    stages: list[Mapping[str, float]] = field(default_factory=list)
    quality: list[Mapping[str, float]] = field(default_factory=list)
    digests: set[str] = field(default_factory=set)
    preparation_seconds: float | None = None
    fault: str = ""

    def summary(self) -> dict[str, Any]:
        """Return medians and ranges."""
        if self.fault or not self.wall_seconds:
            return {"fault": self.fault or "not run"}
        return {
            "wall_seconds": _spread(self.wall_seconds),
            "own_seconds": _spread(self.own_seconds) if self.own_seconds else None,
            "peak_bytes": max(self.peak_bytes),
            "stages_of_last_round": self.stages[-1] if self.stages else {},
            "preparation_seconds": self.preparation_seconds,
            "same_bytes_each_round": len(self.digests) == 1,
            **_middle(self.quality),
        }


def _spread(values: list[float]) -> dict[str, float]:
    return {"median": statistics.median(values), "lowest": min(values), "highest": max(values)}


def _middle(found: list[Mapping[str, float]]) -> dict[str, float]:
    return {name: statistics.median(one[name] for one in found if name in one) for name in found[0]} if found else {}


def timed(command: tuple[str, ...]) -> tuple[float, int, int, str, str]:
    """Run a command to its end; return wall seconds, peak bytes, exit status, standard output and error."""
    with tempfile.TemporaryDirectory() as scratch:
        out, error = Path(scratch) / "out", Path(scratch) / "error"
        watch = (sys.executable, "-I", "-S", str(HERE / "stopwatch.py"), str(out), str(error), *command)
        told = subprocess.run(watch, check=True, capture_output=True, text=True).stdout  # noqa: S603
        took = json.loads(told)
        return (
            float(took["wall_seconds"]),
            int(took["peak_bytes"]),
            int(took["status"]),
            out.read_text(encoding="utf-8", errors="replace"),
            error.read_text(encoding="utf-8", errors="replace"),
        )


def _told(output: str) -> Mapping[str, object]:
    """Return the summary that an engine printed last, or nothing."""
    for line in [output, *reversed(output.splitlines())]:
        try:
            told = json.loads(line)
        except ValueError:
            continue
        if isinstance(told, dict):
            return told
    return {}


def run_once(engine: Engine, runs: Runs) -> None:
    """Run an engine once and note everything; after a fault it is not run again."""
    if runs.fault:
        return
    engine.out.unlink(missing_ok=True)
    wall_seconds, peak_bytes, status, output, error = timed(engine.command)
    if status != 0 or not engine.out.is_file():
        last = (error.strip().splitlines() or ["no message"])[-1]
        runs.fault = f"exit status {status}: {last[:160]}"
        return
    runs.wall_seconds.append(wall_seconds)
    runs.peak_bytes.append(peak_bytes)
    seconds = _told(output).get("seconds")
    if isinstance(seconds, dict):
        runs.stages.append(seconds)
        runs.own_seconds.append(float(seconds.get("total", wall_seconds)))
    elif isinstance(seconds, int | float):
        runs.own_seconds.append(float(seconds))
    runs.quality.append(engine.judge(engine.out))
    runs.digests.add(hashlib.sha256(engine.out.read_bytes()).hexdigest())


def race(engines: tuple[Engine, ...], n_rounds: int) -> dict[str, Runs]:
    """Prepare what is kept, then let the engines take turns, in the other direction every second round."""
    runs = {engine.name: Runs() for engine in engines}
    for engine in engines:
        if engine.before:
            wall_seconds, _, status, _, error = timed(engine.before)
            runs[engine.name].preparation_seconds = wall_seconds
            if status != 0:
                last = (error.strip().splitlines() or ["no message"])[-1]
                runs[engine.name].fault = f"preparation: exit status {status}: {last[:160]}"
    for turn in range(n_rounds):
        for engine in engines if turn % 2 == 0 else tuple(reversed(engines)):
            _say(f"  round {turn + 1}: {engine.name}")
            run_once(engine, runs[engine.name])
    return runs


def people_engines(folder: Path, scratch: Path, *, peer: Path, ours: Path, memory: str) -> tuple[Engine, ...]:
    """Return the engines that link a population: Splink trained here or before, ours from nothing or with what it kept."""
    left, right = str(folder / "left.parquet"), str(folder / "right.parquet")

    def judge(links: Path) -> Mapping[str, float]:
        return judge_links(links, folder / "truth.csv")

    def splink(out: str, *more: str) -> tuple[str, ...]:
        script = str(HERE / "splink_peer.py")
        return (str(peer), script, "people", left, right, "--out", str(scratch / out), "--memory", memory, *more)

    def caregate(out: str, *more: str) -> tuple[str, ...]:
        return (str(ours), "link", left, right, "--out", str(scratch / out), "--json", *more)

    trained = ("--model", str(scratch / "splink.json"))
    index = ("--index", str(scratch / "index.duckdb"))
    both = ("--index", str(scratch / "both.duckdb"), "--model", str(scratch / "model.json"))
    return (
        Engine("Splink", splink("splink.parquet"), scratch / "splink.parquet", judge),
        Engine("Caregate, from Parquet", caregate("ours.parquet"), scratch / "ours.parquet", judge),
        Engine(
            "Caregate, index kept",
            caregate("kept.parquet", *index),
            scratch / "kept.parquet",
            judge,
            before=caregate("kept.parquet", *index),
        ),
        Engine(
            "Splink, model ready",
            splink("ready.parquet", *trained),
            scratch / "ready.parquet",
            judge,
            before=splink("ready.parquet", *trained),
        ),
        Engine(
            "Caregate, index and model kept",
            caregate("both.parquet", *both),
            scratch / "both.parquet",
            judge,
            before=caregate("both.parquet", *both),
        ),
    )


def febrl4_engines(folder: Path, scratch: Path, *, peer: Path, ours: Path, memory: str) -> tuple[Engine, ...]:
    """Return the engines that link FEBRL 4."""
    left, right = str(folder / "left.parquet"), str(folder / "right.parquet")

    def judge(links: Path) -> Mapping[str, float]:
        return judge_links(links, folder / "truth.csv")

    theirs, found = scratch / "splink-febrl4.parquet", scratch / "ours-febrl4.parquet"
    second = scratch / "recordlinkage-febrl4.parquet"
    script = str(HERE / "splink_peer.py")
    fields = ("--map", str(folder / "map.toml"))
    return (
        Engine(
            "Splink",
            (str(peer), script, "febrl4", left, right, "--out", str(theirs), "--memory", memory),
            theirs,
            judge,
        ),
        Engine(
            "recordlinkage",
            (str(peer), str(HERE / "recordlinkage_peer.py"), left, right, "--out", str(second)),
            second,
            judge,
        ),
        Engine("Caregate", (str(ours), "link", left, right, "--out", str(found), "--json", *fields), found, judge),
    )


def historical_engines(folder: Path, scratch: Path, *, peer: Path, ours: Path, memory: str) -> tuple[Engine, ...]:
    """Return the engines that find the duplicates among historical figures."""
    file = str(folder / "file.parquet")
    theirs, found = scratch / "splink-historical.parquet", scratch / "ours-historical.parquet"

    def judge(clusters: Path) -> Mapping[str, float]:
        return judge_clusters(clusters, folder / "truth.csv")

    script = str(HERE / "splink_peer.py")
    fields = ("--map", str(folder / "map.toml"))
    return (
        Engine(
            "Splink",
            (str(peer), script, "historical", file, "--out", str(theirs), "--memory", memory),
            theirs,
            judge,
        ),
        Engine("Caregate", (str(ours), "dedupe", file, "--out", str(found), "--json", *fields), found, judge),
    )


def best_clusters(engines: tuple[Engine, ...], folder: Path) -> dict[str, dict[str, float]]:
    """Make clusters at several thresholds, untimed, and return the best F1 of each engine and Splink's of pairs."""
    splink, ours = engines
    truth = folder / "truth.csv"
    timed((*splink.command, "--thresholds", *map(str, CLUSTER_THRESHOLDS)))
    found: dict[str, dict[str, float]] = {splink.name: {}, ours.name: {}}
    scores = {
        threshold: judge_clusters(place, truth)["f1"]
        for threshold in CLUSTER_THRESHOLDS
        if (place := splink.out.with_name(f"{splink.out.stem}-{threshold}.parquet")).is_file()
    }
    if scores:
        found[splink.name]["best_f1_clusters"] = max(scores.values())
    pairs = splink.out.with_name(f"{splink.out.stem}-pairs.parquet")
    if pairs.is_file():
        found[splink.name]["best_f1_pairs"] = judge_pairs(pairs, truth)["best_f1"]
    ours_scores = []
    for threshold in CLUSTER_THRESHOLDS:
        ours.out.unlink(missing_ok=True)
        timed((*ours.command, "--threshold", f"p{threshold}"))
        if ours.out.is_file():
            ours_scores.append(judge_clusters(ours.out, truth)["f1"])
    if ours_scores:
        found[ours.name]["best_f1_clusters"] = max(ours_scores)
    return found


def ensure_set(name: str, folder: Path, historical: Path | None) -> bool:
    """Make a set's files where they are missing; say whether they are there."""
    if (folder / "truth.csv").is_file():
        return True
    if name in POPULATIONS:
        sizes, scale = POPULATIONS[name]
        make_population(folder, sizes, seed=SEED, scale=scale)
    elif name == "febrl4":
        write_febrl4(folder)
    elif historical is not None and historical.is_file():
        write_historical(historical, folder)
    return (folder / "truth.csv").is_file()


def versions(peer: Path, ours: Path) -> dict[str, str]:
    """Return the versions that ran, asked of each environment."""
    ask = (
        "import sys, duckdb, importlib.metadata as m; print(sys.version.split()[0], duckdb.__version__, m.version(%r))"
    )
    found: dict[str, str] = {}
    for name, python, package in (
        ("splink", peer, "splink"),
        ("recordlinkage", peer, "recordlinkage"),
        ("caregate", ours.with_name("python"), "caregate"),
    ):
        _, _, status, output, _ = timed((str(python), "-c", ask % package))
        words = output.split() if status == 0 else ["?", "?", "?"]
        found[name] = words[2]
        if name != "recordlinkage":
            found |= {f"python of {name}": words[0], f"duckdb of {name}": words[1]}
    return found


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)  # noqa: T201 - progress of a command


def run_set(name: str, folder: Path, *, peer: Path, ours: Path, n_rounds: int, memory: str) -> dict[str, Any]:
    """Run all engines on one set and return their summaries by engine."""
    makers = {"febrl4": febrl4_engines, "historical": historical_engines}
    with tempfile.TemporaryDirectory() as scratch:
        engines = makers.get(name, people_engines)(folder, Path(scratch), peer=peer, ours=ours, memory=memory)
        found = {engine: runs.summary() for engine, runs in race(engines, n_rounds).items()}
        if name == "historical":
            for engine, best in best_clusters(engines, folder).items():
                as_given = found[engine].get("f1", 0.0)
                found[engine] |= {**best, "best_f1_clusters": max(best.get("best_f1_clusters", 0.0), as_given)}
    return found


def main() -> None:
    """Run the sets asked for; write results and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peer", type=Path, required=True, help="the python of the peers' environment")
    parser.add_argument("--ours", type=Path, default=Path(".venv/bin/caregate"))
    parser.add_argument("--data", type=Path, default=HERE.parent / "data")
    parser.add_argument("--historical", type=Path, help="the historical figures as downloaded")
    parser.add_argument("--sizes", default="small", help="small, all, or names of sets parted by commas")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--memory", default="9GB", help="Splink's limit")
    parser.add_argument("--results", type=Path, default=RESULTS)
    given = parser.parse_args()
    named = {"small": SMALL, "all": (*SMALL, "1m_10m", "1m_60m")}.get(given.sizes, tuple(given.sizes.split(",")))
    results: dict[str, object] = {
        "date": datetime.datetime.now(tz=datetime.UTC).date().isoformat(),
        "machine": machine(),
        "versions": versions(given.peer, given.ours),
        "n_rounds": given.rounds,
        "sets": {},
    }
    sets: dict[str, object] = {}
    for name in named:
        _say(name)
        if ensure_set(name, given.data / name, given.historical):
            sets[name] = run_set(
                name,
                given.data / name,
                peer=given.peer,
                ours=given.ours.absolute(),
                n_rounds=given.rounds,
                memory=given.memory,
            )
        else:
            sets[name] = {"all": {"fault": "the set's files are not there"}}
        results["sets"] = sets
        given.results.mkdir(parents=True, exist_ok=True)
        (given.results / "linkage.json").write_text(json.dumps(results, indent=1, sort_keys=True) + "\n")
        (given.results / "linkage.md").write_text(as_markdown(results), encoding="utf-8")
    print(as_markdown(results))  # noqa: T201 - the answer of a command


if __name__ == "__main__":
    main()
