"""The linkage benchmark: its population is what it says, its judge flatters nobody."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from benchmarks.linkage.measure import judge_clusters, judge_links, judge_pairs
from benchmarks.linkage.population import Sizes, make_population
from cld.nhs_number import fault_of

SIZES = Sizes(n_left=2_000, n_right=20_000)


@pytest.fixture(scope="module")
def population(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("population")
    make_population(folder, SIZES, seed=7)
    return folder


def asked(population: Path, query: str) -> list[tuple[object, ...]]:
    connection = duckdb.connect()
    for name in ("left.parquet", "right.parquet", "truth.csv"):
        reader = "read_parquet" if name.endswith("parquet") else "read_csv"
        connection.execute(f"create view {name.split('.')[0]}_rows as select * from {reader}('{population / name}')")
    return connection.execute(query).fetchall()


def links(folder: Path, *rows: tuple[str, str, float]) -> Path:
    values = ", ".join(str(row) for row in rows)
    duckdb.connect().execute(
        f"copy (select * from (values {values}) t(id_l, id_r, weight_bits)) to '{folder / 'links.parquet'}'"
    )
    return folder / "links.parquet"


def test_sizes_are_exact_and_identifiers_distinct(population: Path) -> None:
    assert asked(
        population,
        """select (select count(*) from left_rows), (select count(distinct record_id) from left_rows),
            (select count(*) from right_rows), (select count(distinct person_id) from right_rows),
            (select count(distinct nhs_number) from right_rows)""",
    ) == [(2_000, 2_000, 20_000, 20_000, 20_000)]


def test_every_number_of_the_index_is_valid_and_synthetic(population: Path) -> None:
    numbers = [str(row[0]) for row in asked(population, "select nhs_number from right_rows")]
    assert all(number.startswith("9") for number in numbers)
    assert {fault_of(number, synthetic_allowed=True) for number in numbers} == {None}


def test_one_record_in_twenty_is_of_nobody_in_the_index(population: Path) -> None:
    n_true, n_persons = asked(population, "select count(*), count(distinct id_r) from truth_rows")[0]
    assert 0.94 * 2_000 <= int(str(n_true)) <= 0.96 * 2_000
    assert int(str(n_persons)) < int(str(n_true))


def test_the_same_seed_gives_the_same_rows(population: Path, tmp_path: Path) -> None:
    make_population(tmp_path, SIZES, seed=7)
    for name in ("left.parquet", "right.parquet", "truth.csv"):
        assert (tmp_path / name).read_bytes() == (population / name).read_bytes()


def test_links_of_equal_weight_enter_together(tmp_path: Path) -> None:
    (tmp_path / "truth.csv").write_text("id_l,id_r\na,1\nb,2\n", encoding="utf-8")
    found = links(tmp_path, ("a", "1", 5.0), ("b", "9", 5.0))
    judged = judge_links(found, tmp_path / "truth.csv")
    assert judged["best_f1"] == 0.5
    assert judged["recall_at_precision_9995"] == 0


def test_at_most_one_link_a_record_counts(tmp_path: Path) -> None:
    (tmp_path / "truth.csv").write_text("id_l,id_r\na,1\nb,2\n", encoding="utf-8")
    found = links(tmp_path, ("a", "1", 9.0), ("a", "7", 4.0), ("b", "2", 8.0))
    judged = judge_links(found, tmp_path / "truth.csv")
    assert (judged["n_links"], judged["f1"], judged["recall_at_precision_9995"]) == (2, 1.0, 1.0)


def test_pairs_and_clusters_agree(tmp_path: Path) -> None:
    (tmp_path / "truth.csv").write_text("id,cluster_id\na,1\nb,1\nc,1\nd,2\n", encoding="utf-8")
    (tmp_path / "clusters.csv").write_text("id,cluster_id\na,x\nb,x\nc,y\nd,y\n", encoding="utf-8")
    found = links(tmp_path, ("b", "a", 3.0), ("c", "d", 3.0))
    pairs = judge_pairs(found, tmp_path / "truth.csv")
    clusters = judge_clusters(tmp_path / "clusters.csv", tmp_path / "truth.csv")
    assert (pairs["f1"], pairs["precision"]) == (clusters["f1"], clusters["precision"]) == (0.4, 0.5)
