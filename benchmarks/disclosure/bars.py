"""What is asked of disclosure control, each bar beside what was measured: met, not met, or not run. No bar is judged twice."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["Row", "rows_of"]

Figures = Mapping[str, Any]
CLOSE = 1e-12


@dataclass(frozen=True, slots=True)
class Row:
    """One bar: what is measured, what is asked, what was found, and whether that is enough; None where it was not run."""

    what: str
    bar: str
    measured: str
    met: bool | None


@dataclass(frozen=True, slots=True)
class _Bar:
    part: str
    what: str
    bar: str
    judge: Callable[[Any], tuple[str, bool]]


def _proven(found: Figures) -> tuple[str, bool]:
    runs = found["ours"]
    if any(run["cost"] is None for run in runs):
        return _without(next(run for run in runs if run["cost"] is None))
    holds = all(run["gap"] == 0 and run["n_unsafe"] == 0 and not run["n_unsafe_by_plain_attack"] for run in runs)
    return f"cost {runs[0]['cost']:.0f}, gap {_share(runs[0]['gap'])}, unsafe {runs[0]['n_unsafe']}, by plain programmes {runs[0]['n_unsafe_by_plain_attack']}", holds  # fmt: skip


def _within(limit: float) -> Callable[[Figures], tuple[str, bool]]:
    def judge(found: Figures) -> tuple[str, bool]:
        return _seconds(found["median"]), found["median"]["wall_seconds"] <= limit

    return judge


def _times_the_engine(least: float) -> Callable[[Figures], tuple[str, bool]]:
    def judge(found: Figures) -> tuple[str, bool]:
        ratio, theirs = found["engine_over_ours_wall_seconds"], found["engine_median"]
        same = f"engine {_seconds(theirs)}, {ratio:.2f} times ours; its cost {theirs['cost']:.0f}"
        return same, ratio >= least

    return judge


def _run_of(limit: int, judge: Callable[[Figures], tuple[str, bool]]) -> Callable[[Figures], tuple[str, bool]]:
    """Judge the one run that had this limit."""

    def judged(found: Figures) -> tuple[str, bool]:
        run = next(run for run in found["ours"] if run["limit_seconds"] == limit)
        return judge(run) if run["cost"] is not None else _without(run)

    return judged


def _gap(most: float, limit: int) -> Callable[[Figures], tuple[str, bool]]:
    def judge(run: Figures) -> tuple[str, bool]:
        safe = run["n_unsafe"] == 0
        told = f"gap {_share(run['gap'])}, cost {run['cost']:.0f} over {run['bound']:.0f}, unsafe {run['n_unsafe']}, {_seconds(run)}"
        return told, safe and run["gap"] is not None and run["gap"] <= most and run["wall_seconds"] <= limit

    return _run_of(limit, judge)


def _cheaper(least: float, limit: int) -> Callable[[Figures], tuple[str, bool]]:
    def judge(found: Figures) -> tuple[str, bool]:
        run, engine = next(run for run in found["ours"] if run["limit_seconds"] == limit), found["engine"][0]
        if run["cost"] is None:
            return _without(run)
        ours, safe = run["cost"], run["n_unsafe"] == 0
        if engine["cost"] is None:
            return f"ours {ours:.0f}; engine without a pattern, {_seconds(engine)}", safe
        saved = 1 - ours / engine["cost"]
        told = f"ours {ours:.0f}, engine {engine['cost']:.0f} ({_seconds(engine)}, unsafe {engine['n_unsafe']}): {saved:.1%} less"
        return told, safe and ours < engine["cost"] and ours <= (1 - least) * engine["cost"]

    return judge


def _complete(limit: int) -> Callable[[Figures], tuple[str, bool]]:
    def judge(run: Figures) -> tuple[str, bool]:
        told = f"gap {_share(run['gap'])}, cost {run['cost']:.0f}, unsafe {run['n_unsafe']}, {_seconds(run)}"
        return told, run["n_unsafe"] == 0 and run["wall_seconds"] <= limit

    return _run_of(limit, judge)


def _audit(limit: float) -> Callable[[Figures], tuple[str, bool]]:
    def judge(found: Figures) -> tuple[str, bool]:
        took = {name: found[name]["ours"] for name in ("wall_seconds", "cpu_seconds")}
        told = f"{found['n_hidden']} hidden, {_seconds(took)}, largest difference {found['largest_difference']:.0e}"
        return told, took["wall_seconds"] <= limit and bool(found["verified"])

    return judge


def _audit_times(warm: float, cold: float) -> Callable[[Figures], tuple[str, bool]]:
    def judge(found: Figures) -> tuple[str, bool]:
        return f"{found['times_warm']:.0f} and {found['times_cold']:.0f} times", found["times_warm"] >= warm and found["times_cold"] >= cold  # fmt: skip

    return judge


def _histories(found: Figures) -> tuple[str, bool]:
    return _seconds(found["random histories"]), found["random histories"]["wall_seconds"] <= 2  # noqa: PLR2004


def _councils(found: Figures) -> tuple[str, bool]:
    held = [found["150 councils x 150 cells"][name] for name in ("A", "B", "A and B")]
    took = {name: sum(one[name] for one in held) for name in ("wall_seconds", "cpu_seconds")}
    n_unproven = sum(one["n_unproven"] for one in held)
    return f"{_seconds(took)}, {n_unproven} bounds not proven", took["wall_seconds"] <= 60 and n_unproven == 0  # noqa: PLR2004


def _lattice(found: Figures) -> tuple[str, bool]:
    whole = found["adult_whole_lattice"]
    told = f"{whole['nodes']} nodes, {whole['figures']} statistics, {whole['cpu_seconds']:.2f} s of the processor"
    return told, whole["nodes"] == 12_960 and whole["cpu_seconds"] <= 3  # noqa: PLR2004


def _arx(found: Figures) -> tuple[str, bool]:
    same = [run["same_levels"] and run["same_score"] for run in found["adult_beside_arx"]]
    took = "; ".join(
        f"{run['cpu_seconds']:.2f} s (ARX said {run['arx_seconds_published']} s)" for run in found["adult_beside_arx"]
    )
    return f"{sum(same)} of {len(same)} stored optima equal; {took}", all(same) and bool(same)


def _pycanon(found: Figures) -> tuple[str, bool]:
    one = found["pycanon"]
    told = f"largest difference {one['largest_difference']:.0e}, entropy l {'equal' if one['entropy_l_equal'] else 'differs'}, {one['times_faster_wall']:.0f} times faster ({one['times_faster_cpu']:.0f} by processor)"
    return told, one["largest_difference"] <= CLOSE and one["entropy_l_equal"] and one["times_faster_wall"] >= 20  # noqa: PLR2004


def _rows(n_rows: int, limit: float, most_bytes: float) -> Callable[[Figures], tuple[str, bool]]:
    def judge(found: Figures) -> tuple[str, bool]:
        one = found[f"{n_rows} rows of whole numbers"]
        told = f"{_seconds(one)}, {one['peak_bytes'] / 1e9:.1f} GB"
        return told, one["wall_seconds"] <= limit and one["peak_bytes"] < most_bytes

    return judge


def _suda(found: Figures) -> tuple[str, bool]:
    return f"{_seconds(found['suda'])}, {found['suda']['n_msu']} minimal uniques", found["suda"]["wall_seconds"] <= 0.5  # noqa: PLR2004


def _small(found: Figures) -> tuple[str, bool]:
    told = f"{found['n_as_proven']} of {found['n_tables']} as proven: " + ", ".join(f"{n} {name}" for name, n in sorted(found["verdicts"].items()))  # fmt: skip
    return told, found["n_as_proven"] == found["n_tables"]


def _identity(found: Figures) -> tuple[str, bool]:
    return f"{found['n_different']} different in {found['n_runs']} runs, one process and two in turns", found[
        "n_different"
    ] == 1


def _without(run: Figures) -> tuple[str, bool]:
    return f"no pattern ({run['fault']}), {_seconds(run)}", False


def _seconds(found: Figures) -> str:
    return f"{found['wall_seconds']:.2f} s ({found['cpu_seconds']:.2f} s of the processor)"


def _share(value: float | None) -> str:
    return "none" if value is None else f"{value:.2%}"


_BARS = (
    _Bar("table 1760", "1,760 cells", "proven optimum, safe", _proven),
    _Bar("table 1760", "1,760 cells", "0.3 s", _within(0.3)),
    _Bar("table 1760", "1,760 cells", "no slower than the engine's exact method", _times_the_engine(1)),
    _Bar("table 3840", "3,840 cells", "proven optimum, safe", _proven),
    _Bar("table 3840", "3,840 cells", "2 s", _within(2)),
    _Bar("table 3840", "3,840 cells", "twice as fast as the engine's exact method", _times_the_engine(2)),
    _Bar("table 10560", "10,560 cells", "safe, own gap at most 0.5% in 45 s", _gap(0.005, 45)),
    _Bar("table 10560", "10,560 cells, 45 s", "cheaper than the engine after a minute", _cheaper(0, 45)),
    _Bar("table 10560", "10,560 cells", "proven optimum in 180 s", _gap(0, 180)),
    _Bar("table 21120", "21,120 cells", "safe, own gap at most 3.5% in 45 s", _gap(0.035, 45)),
    _Bar("table 21120", "21,120 cells, 45 s", "at least 10% cheaper than the engine after a minute", _cheaper(0.1, 45)),
    _Bar("table 21120", "21,120 cells", "gap 2% in 120 s", _gap(0.02, 120)),
    _Bar("table 42240", "42,240 cells", "safe, own gap at most 11.5% in 145 s", _gap(0.115, 145)),
    _Bar("table 42240", "42,240 cells", "gap 7% in 120 s", _gap(0.07, 120)),
    _Bar("table 126720", "126,720 cells", "a complete safe pattern with its gap in 20 minutes", _complete(1200)),
    _Bar("small", "small tables", "equal to trying every pattern, impossible ones refused with their cells", _small),
    _Bar("audit 10560", "interval audit, 10,560 cells", "exact, 0.5 s for 1,879 hidden", _audit(0.5)),
    _Bar("audit 10560", "interval audit, 10,560 cells", "15 times warm, 150 times cold programmes", _audit_times(15, 150)),
    _Bar("audit 21120", "interval audit, 21,120 cells", "exact, 0.8 s for 2,913 hidden", _audit(0.8)),
    _Bar("histories", "50 random histories", "2 s", _histories),
    _Bar("histories", "150 councils x 150 cells, two recipients", "every bound exact, 60 s", _councils),
    _Bar("lattice", "the whole Adult lattice", "12,960 nodes, nine statistics, 3 s", _lattice),
    _Bar("lattice", "Adult optima", "equal to ARX's", _arx),
    _Bar("rows", "k, l, t, alpha, beta, delta", "pycanon's to 1e-12, entropy l rounded down, 20 times faster", _pycanon),
    _Bar("rows", "1M rows: k, l, population uniques", "1 s", _rows(1_000_000, 1, float("inf"))),
    _Bar("rows", "10M rows", "8 s, under 4 GB", _rows(10_000_000, 8, 4e9)),
    _Bar("rows", "SUDA, 30,162 rows x 8, all sizes", "0.5 s", _suda),
    _Bar("identity", "same input, same pattern (3,840 cells)", "byte-identical on ten runs, one process or two", _identity),
)  # fmt: skip


def rows_of(parts: Mapping[str, Figures]) -> Iterator[Row]:
    """Judge every bar on the parts that were run; what a part did not measure counts as not run."""
    for bar in _BARS:
        found = parts.get(bar.part)
        try:
            if found is None:
                raise KeyError(bar.part)
            measured, met = bar.judge(found["figures"])
        except (KeyError, StopIteration, IndexError):
            yield Row(bar.what, bar.bar, "not run", None)
        else:
            yield Row(bar.what, bar.bar, measured, met)
