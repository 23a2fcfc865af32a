"""Judge links and clusters against the truth.

Source: precision, recall and F1 of record pairs as in Christen 2012, Data Matching, section 7.2; the sweep is over every
weight that occurs, and all links of one weight enter together, so that no order among equals flatters a result.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import duckdb

__all__ = ["judge_clusters", "judge_links", "judge_pairs"]

PRECISION_SOUGHT = 0.9995
FIXED_WEIGHTS_BITS = (0, 5, 10)
# at most one link a record, the heaviest; among equals the one of the lowest identifier, which is drawn at random
BEST = """
    select id_l, id_r, weight_bits from links
    qualify row_number() over (partition by id_l order by weight_bits desc, id_r) = 1
"""
PAIRS = "select least(id_l, id_r) as id_l, greatest(id_l, id_r) as id_r, max(weight_bits) as weight_bits from links group by all"
TRUE_PAIRS = """
    select l.id as id_l, r.id as id_r from truth l join truth r on l.cluster_id = r.cluster_id and l.id < r.id
"""
SWEEP = """
    with judged as (
        select b.weight_bits, t.id_l is not null as is_true
        from best b left join true_links t on t.id_l = b.id_l and t.id_r = b.id_r
    ), steps as (
        select weight_bits, count(*) as n_links, count(*) filter (is_true) as n_true from judged group by weight_bits
    )
    select weight_bits, cast(sum(n_links) over heavier as bigint) as n_links,
        cast(sum(n_true) over heavier as bigint) as n_true, (select count(*) from true_links) as n_truth
    from steps
    window heavier as (order by weight_bits desc)
    order by weight_bits desc
"""
CONFUSION = """
    with joined as (select t.cluster_id as true_cluster, c.cluster_id from truth t left join clusters c using (id)),
    cells as (select true_cluster, cluster_id, count(*) as n from joined where cluster_id is not null group by all)
    select (select sum(n * (n - 1) // 2) from cells),
        (select sum(n * (n - 1) // 2) from (select sum(n) as n from cells group by cluster_id)),
        (select sum(n * (n - 1) // 2) from (select count(*) as n from truth group by cluster_id))
"""
SCORES = """
    select weight_bits, n_links, n_true / n_links as precision, n_true / n_truth as recall,
        2.0 * n_true / (n_links + n_truth) as f1
    from sweep
"""


def _rows_of(path: Path) -> str:
    source = str(path).replace("'", "''")
    return f"read_parquet('{source}')" if path.suffix == ".parquet" else f"read_csv('{source}', all_varchar=true)"


def _attached(**files: Path) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(config={"threads": 2, "memory_limit": "6GB"})
    for name, path in files.items():
        connection.execute(f"create view {name} as select * from {_rows_of(path)}")
    return connection


def _figures(connection: duckdb.DuckDBPyConnection, query: str, names: tuple[str, ...]) -> dict[str, float]:
    """Return the first row of a query by name, or nothing."""
    row = connection.execute(query).fetchall()
    return {name: value for name, value in zip(names, row[0], strict=True) if value is not None} if row else {}


def _judged(connection: duckdb.DuckDBPyConnection) -> dict[str, float]:
    """Sweep the weights of the table ``best`` against the table ``true_links``."""
    connection.execute(f"create temp table sweep as {SWEEP}")
    connection.execute(f"create temp table scores as {SCORES}")
    figures = _figures(
        connection,
        "select f1, precision, recall, weight_bits from scores order by f1 desc, weight_bits desc limit 1",
        ("best_f1", "precision_at_best", "recall_at_best", "weight_at_best"),
    )
    safe = f"select coalesce(max(recall), 0) from scores where precision >= {PRECISION_SOUGHT}"
    figures |= _figures(connection, safe, ("recall_at_precision_9995",))
    for bits in FIXED_WEIGHTS_BITS:
        fixed = f"""
            select f1, precision, recall from scores where weight_bits >= {bits} order by weight_bits limit 1
        """
        names = (f"f1_at_{bits}", f"precision_at_{bits}", f"recall_at_{bits}")
        figures |= _figures(connection, fixed, names)
    given = "select f1, precision, recall, n_links from scores order by weight_bits limit 1"
    return figures | _figures(connection, given, ("f1", "precision", "recall", "n_links"))


def judge_links(links: Path, truth: Path) -> dict[str, float]:
    """Judge links of a file to an index: truth has id_l and id_r, and at most one link a record counts."""
    connection = _attached(links=links, true_links=truth)
    connection.execute(f"create temp table best as {BEST}")
    return _judged(connection)


def judge_pairs(links: Path, truth: Path) -> dict[str, float]:
    """Judge pairs within one file: truth has id and cluster_id."""
    connection = _attached(links=links, truth=truth)
    connection.execute(f"create temp table true_links as {TRUE_PAIRS}")
    connection.execute(f"create temp table best as {PAIRS}")
    return _judged(connection)


def judge_clusters(clusters: Path, truth: Path) -> dict[str, float]:
    """Judge clusters by the pairs they imply, counted without making them; both files have id and cluster_id.

    Source: pairs in a cell of the contingency table, Hubert and Arabie 1985.
    """
    connection = _attached(clusters=clusters, truth=truth)
    n_both, n_found, n_truth = connection.execute(CONFUSION).fetchall()[0]
    both, found, true = int(n_both or 0), int(n_found or 0), int(n_truth or 0)
    return {"f1": 2 * both / (found + true), "precision": both / max(1, found), "recall": both / max(1, true)}


def main() -> None:
    """Judge one file from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", choices=("links", "pairs", "clusters"))
    parser.add_argument("found", type=Path)
    parser.add_argument("truth", type=Path)
    given = parser.parse_args()
    judge = {"links": judge_links, "pairs": judge_pairs, "clusters": judge_clusters}[given.kind]
    print(json.dumps(judge(given.found, given.truth), indent=2))  # noqa: T201 - the answer of a command


if __name__ == "__main__":
    main()
