"""Row risk measured: against pycanon in turns on Adult, at a million and ten million rows, and the search for special uniques.

Run ``python -m benchmarks.disclosure.rows --adult adult.csv.gz`` with the file that ARX keeps under ``data/`` (UCI Adult,
30,162 rows, separated by semicolons); ``--rows 1000000,10000000`` for the large files, which are made under
``benchmarks/data``. Both engines take turns within a round; figures are medians of rounds, in wall seconds and in seconds
of the processor. A large file is measured in a process of its own, whose peak memory is the operating system's.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.timing import Took, median_of, timed
from cld.engine import Query, scratch_engine, text_literal
from disclosure.rows.coded import read_columns
from disclosure.rows.measures import measure_table
from disclosure.rows.risk import RiskRequest, measure_file
from disclosure.rows.suda import special_uniques

__all__ = ["against_pycanon", "large_file", "make_large", "suda_on_adult"]

DATA = Path(__file__).resolve().parents[1] / "data"
QUASI = ("sex", "age", "race", "marital-status", "education", "native-country", "workclass", "occupation")
SENSITIVE = "salary-class"
MEASURES = ("distinct_l", "t", "alpha", "basic_beta", "enhanced_beta", "delta")
# values of each attribute of the large files, drawn with a square so that some are rare
LARGE = {"council": 150, "age_band": 19, "sex": 2, "ethnicity": 18, "reason": 6, "service": 20, "year": 3}
Timed = dict[str, Any]


def _turns(rounds: int, tasks: Mapping[str, Callable[[], object]]) -> tuple[dict[str, Timed], dict[str, Any]]:
    """Let tasks take turns; return the medians of their times and their last answers."""
    runs: dict[str, list[Took]] = {name: [] for name in tasks}
    answers: dict[str, Any] = {}
    for _ in range(rounds):
        for name, task in tasks.items():
            answers[name], took = timed(task)
            runs[name].append(took)
    return {name: median_of(held)._asdict() for name, held in runs.items()}, answers


def _by_pycanon(frame: Any) -> tuple[int, dict[str, float], int]:
    from pycanon import anonymity  # noqa: PLC0415 - a peer, installed with the tests alone

    quasi, asked = list(QUASI), [SENSITIVE]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = {
            "distinct_l": anonymity.l_diversity(frame, quasi, asked),
            "t": anonymity.t_closeness(frame, quasi, asked),
            "alpha": anonymity.alpha_k_anonymity(frame, quasi, asked)[0],
            "basic_beta": anonymity.basic_beta_likeness(frame, quasi, asked),
            "enhanced_beta": anonymity.enhanced_beta_likeness(frame, quasi, asked),
            "delta": anonymity.delta_disclosure(frame, quasi, asked),
        }
        return anonymity.k_anonymity(frame, quasi), found, anonymity.entropy_l_diversity(frame, quasi, asked)


def against_pycanon(adult: Path, rounds: int = 3) -> Timed:
    """Measure k, l, entropy l, t, alpha, beta and delta of Adult on eight attributes, in turns with pycanon.

    Ours begins at a table of the engine, pycanon at a frame, both in memory. ``largest_difference`` is over all
    measures but entropy l, which must be equal after rounding down (``entropy_l_equal``).
    """
    import pandas as pd  # noqa: PLC0415

    frame = pd.read_csv(adult, sep=";")
    with tempfile.TemporaryDirectory() as folder, scratch_engine(Path(folder)).session() as session:
        session.read_file("adult", adult, ",;")
        times, answers = _turns(
            rounds,
            {
                "ours": lambda: measure_table(session, "adult", QUASI, (SENSITIVE,)),
                "pycanon": lambda: _by_pycanon(frame),
            },
        )
    classes, measured = answers["ours"]
    k, judged, entropy_l = answers["pycanon"]
    ours = measured[SENSITIVE]
    differences = [abs(getattr(ours, name) - judged[name]) for name in MEASURES]
    return {
        **times,
        "times_faster_wall": times["pycanon"]["wall_seconds"] / times["ours"]["wall_seconds"],
        "times_faster_cpu": times["pycanon"]["cpu_seconds"] / times["ours"]["cpu_seconds"],
        "largest_difference": max([*differences, abs(classes.k - k)]),
        "entropy_l_equal": int(ours.entropy_l) == entropy_l,
    }


def suda_on_adult(adult: Path, rounds: int = 5) -> Timed:
    """Search special uniques of every size on 30,162 rows and eight attributes, from coded columns."""
    with tempfile.TemporaryDirectory() as folder, scratch_engine(Path(folder)).session() as session:
        session.read_file("adult", adult, ",;")
        columns = read_columns(session, ("adult",), QUASI)
    times, answers = _turns(rounds, {"all sizes": lambda: special_uniques(columns, len(QUASI))})
    return {**times["all sizes"], "n_msu": sum(answers["all sizes"].n_by_size)}


def make_large(n_rows: int, *, as_text: bool, folder: Path = DATA) -> tuple[Path, Path]:
    """Make a population of so many rows and a tenth of it as a sample: Parquet, attributes as text or whole numbers."""
    kind = "text" if as_text else "numbers"
    population, sample = folder / f"rows_{n_rows}_{kind}.parquet", folder / f"rows_{n_rows}_{kind}_tenth.parquet"
    folder.mkdir(parents=True, exist_ok=True)
    drawn = []
    for place, (name, n) in enumerate({**LARGE, "outcome": 12}.items()):
        code = f"cast(floor(pow(hash(i * 8 + {place}) / 18446744073709551616.0, 2) * {n}) as integer)"
        drawn.append(f"concat({text_literal(name + ' ')}, {code}) as {name}" if as_text else f"{code} as {name}")
    text = f"select i as person, {', '.join(drawn)} from range({n_rows}) r(i)"
    with tempfile.TemporaryDirectory() as scratch, scratch_engine(Path(scratch)).session() as session:
        for path, chosen in ((population, "true"), (sample, "person % 10 = 0")):
            if not path.exists():
                session.export(Query(f"select * from ({text}) where {chosen}"), path)  # noqa: S608
    return population, sample


def large_file(n_rows: int, *, as_text: bool) -> Timed:
    """Measure a large file in a process of its own: k and l with all that a sensitive column tells; population uniques."""
    make_large(n_rows, as_text=as_text)
    words = ["--measure", str(n_rows), *(["--text"] if as_text else [])]
    command = [sys.executable, "-m", "benchmarks.disclosure.rows", *words]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return dict(json.loads(done.stdout))


def _measure_large(n_rows: int, *, as_text: bool) -> Timed:
    population, sample = make_large(n_rows, as_text=as_text)
    with tempfile.TemporaryDirectory() as folder, scratch_engine(Path(folder)).session() as session:
        session.scan_file("whole", population)
        measures, answers = _turns(1, {"k_and_l": lambda: measure_table(session, "whole", tuple(LARGE), ("outcome",))})
        asked = RiskRequest(sample, tuple(LARGE), population=population)
        uniques, known = _turns(1, {"population": lambda: measure_file(session, asked, lambda _: None)})
    classes, measured = answers["k_and_l"]
    found = known["population"].population
    both = [measures["k_and_l"], uniques["population"]]
    return {
        "k_and_l": both[0],
        "population_uniques": both[1],
        "wall_seconds": sum(one["wall_seconds"] for one in both),
        "cpu_seconds": sum(one["cpu_seconds"] for one in both),
        "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        "k": classes.k,
        "n_uniques": classes.n_uniques,
        "distinct_l": measured["outcome"].distinct_l,
        "n_sample_uniques_alone": found.n_sample_uniques_alone,
    }


def main(words: Sequence[str] | None = None) -> None:
    """Print each part as one JSON object a line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--adult", type=Path)
    parser.add_argument("--rows", default="1000000")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--measure", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--text", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args(words)
    if asked.measure:
        sys.stdout.write(json.dumps(_measure_large(asked.measure, as_text=asked.text)) + "\n")
        return
    if asked.adult:
        sys.stdout.write(json.dumps({"pycanon": against_pycanon(asked.adult, asked.rounds)}) + "\n")
        sys.stdout.write(json.dumps({"suda": suda_on_adult(asked.adult)}) + "\n")
    for n_rows in [int(text) for text in asked.rows.split(",") if text]:
        for as_text in (False, True):
            name = f"{n_rows} rows of {'text' if as_text else 'whole numbers'}"
            sys.stdout.write(json.dumps({name: large_file(n_rows, as_text=as_text)}) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
