"""UCI Adult, all 12,960 nodes of its lattice, against ARX's optima and plain counts. Source: tests/data/adult/README.md."""

from __future__ import annotations

import json
from collections import Counter

import numpy as np
import pandas as pd
import pytest

from disclosure.rows.census import Census, census_of
from disclosure.rows.hierarchy_files import read_hierarchy
from disclosure.rows.ladders import ladder_of
from disclosure.rows.lattice import FIGURES, best_node, cover
from disclosure.rows.safety import Limits
from disclosure.rows.utility import utility_named
from tests.lib.lattices import ADULT

UTILITY = {"Discernability": "discernability", "Average equivalence class size": "average-class"}


@pytest.fixture(scope="module")
def adult() -> pd.DataFrame:
    return pd.read_csv(ADULT / "adult.csv.gz", sep=";", dtype=str)


@pytest.fixture(scope="module")
def census(adult: pd.DataFrame) -> Census:
    ladders = []
    for name in adult.columns:
        lines = read_hierarchy(name, ADULT / f"hierarchy_{name}.csv").lines
        ladders.append(ladder_of(name, {**lines}, sorted(adult[name].unique())))
    codes = [adult[ladder.column].map(ladder.values.index).to_numpy(np.int64) for ladder in ladders]
    return census_of(ladders, codes, np.ones(len(adult), np.int64), {}, {})


@pytest.fixture(scope="module")
def lattice(census: Census) -> tuple[np.ndarray, np.ndarray]:
    return cover(census)


def test_the_optima_are_those_of_arx(census: Census, lattice: tuple[np.ndarray, np.ndarray]) -> None:
    levels, figures = lattice
    runs = json.loads((ADULT / "arx_optima.json").read_text())["runs"]
    assert len(runs) == 2
    for run in runs:
        utility = utility_named(UTILITY[run["metric"]], census)
        found = best_node(census, Limits(run["k"]), utility, int(run["suppression_limit"] * census.n_records))
        assert {ladder.column: level for ladder, level in zip(census.ladders, found.levels, strict=True)} == run[
            "optimal_levels"
        ]
        assert (found.score, found.n_suppressed) == (run["score"], run["records_suppressed"])
        assert len(found.node.classes.n) == run["classes_after"]
        assert (found.is_optimal, census.n_nodes) == (True, run["lattice_nodes"])
        row = dict(zip(FIGURES, figures[(levels == found.levels).all(axis=1)][0].tolist(), strict=True))
        assert (row["n_classes"], row["n_under_5"]) == (run["classes_after"], 0)


def test_the_whole_lattice_holds_no_better_node(census: Census, lattice: tuple[np.ndarray, np.ndarray]) -> None:
    """Without suppression the optimum for k in 2, 3, 5, 10, 20 can be read off the figures of all nodes."""
    _, figures = lattice
    column = {name: figures[:, place] for place, name in enumerate(FIGURES)}
    assert len(figures) == 12_960
    for k in (3, 5, 10, 20):
        passes = column[f"n_under_{k}"] == 0
        assert (passes == (column["smallest_class"] >= k)).all()
        for name, scores in (
            ("discernability", column["sum_of_squares"]),
            ("average-class", census.n_records / column["n_classes"]),
        ):
            assert best_node(census, Limits(k), utility_named(name, census), 0).score == scores[passes].min()


def test_nodes_drawn_at_random_are_counted_as_pandas_counts_them(
    adult: pd.DataFrame, census: Census, lattice: tuple[np.ndarray, np.ndarray]
) -> None:
    levels, figures = lattice
    hierarchies = {
        name: pd.read_csv(ADULT / f"hierarchy_{name}.csv", sep=";", header=None, dtype=str, keep_default_na=False)
        for name in adult.columns
    }
    for node in np.random.default_rng(5).choice(len(levels), 30, replace=False):
        shown = pd.DataFrame(
            {
                ladder.column: adult[ladder.column].map(
                    dict(zip(hierarchies[ladder.column][0], hierarchies[ladder.column][level], strict=True))
                )
                for ladder, level in zip(census.ladders, levels[node].tolist(), strict=True)
            }
        )
        sizes = list(Counter(shown.itertuples(index=False, name=None)).values())
        under = [sum(size for size in sizes if size < limit) for limit in (3, 5, 10, 20)]
        expected = [len(sizes), sizes.count(1), *under, min(sizes), max(sizes), sum(size**2 for size in sizes)]
        assert figures[node].tolist() == expected
