"""Holding links against a truth, after they are made: precision, recall, F1 and the best that any threshold gives.

Source: recordlinkage's measures (precision, recall, fscore) on the counts of the confusion matrix.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import recordlinkage

from cld.engine import Query, Session, quote
from cld.errors import UnknownColumn

__all__ = ["evaluate_clusters", "evaluate_links"]

ASKED_PRECISION = 0.9995


def _read_truth(session: Session, path: Path, columns: tuple[str, str]) -> None:
    session.read_file("truth_file", path)
    if not set(columns) <= set(session.columns("truth_file")):
        message = f"The truth has no columns {columns[0]} and {columns[1]}."
        raise UnknownColumn(message, f"Give a file with the header {columns[0]},{columns[1]}.")
    named = ", ".join(f"cast({quote(column)} as varchar) as {column}" for column in columns)
    session.table("truth", Query(f"select distinct {named} from truth_file", ("truth_file",)))  # noqa: S608


def _scores(n_right: int, n_made: int, n_true: int) -> dict[str, float]:
    if n_right == 0:
        return {"precision": 0.0, "recall": 0.0, "f1": 0.0}
    confusion = np.array([[n_right, n_true - n_right], [n_made - n_right, 0]])
    measures = {"precision": recordlinkage.precision, "recall": recordlinkage.recall, "f1": recordlinkage.fscore}
    return {name: float(measure(confusion)) for name, measure in measures.items()}


def evaluate_links(session: Session, best: str, threshold_bits: float, path: Path) -> dict[str, float]:
    """Hold the best candidate of each record, ``best`` x (id_l, id_r, weight_bits), against a truth of id_l, id_r.

    Candidates of equal weight enter together, so that the order of rows never flatters.
    """
    _read_truth(session, path, ("id_l", "id_r"))
    text = f"""
        with marked as (
            select b.weight_bits, t.id_l is not null as good from {best} b left join truth t on t.id_l = b.id_l and t.id_r = b.id_r
        )
        select weight_bits, sum(count(*)) over (order by weight_bits desc), sum(count(*) filter (good)) over (order by weight_bits desc)
        from marked group by weight_bits order by weight_bits desc
    """  # noqa: S608
    n_true = session.whole(Query("select count(*) from truth", ("truth",)))
    steps = [(float(bits), int(made), int(good)) for bits, made, good in session.rows(Query(text, (best, "truth")))]
    made, good = next(((made, good) for bits, made, good in reversed(steps) if bits >= threshold_bits), (0, 0))
    scores = _scores(good, made, n_true)
    scores["best_f1"] = max((2 * g / (m + n_true) for _, m, g in steps), default=0.0)
    precise = [g / n_true for _, m, g in steps if n_true and g / m >= ASKED_PRECISION]
    scores["recall_at_precision_9995"] = max(precise, default=0.0)
    return scores


PAIRS = """
    select coalesce(sum(n * (n - 1) // 2), 0) from (select count(*) as n from {table} group by {by})
"""


def evaluate_clusters(session: Session, clusters: str, path: Path) -> dict[str, float]:
    """Hold ``clusters`` x (id, cluster_id) against a truth of id, cluster_id: by pairs inside clusters."""
    _read_truth(session, path, ("id", "cluster_id"))
    both = f"select c.cluster_id as made, t.cluster_id as wanted from {clusters} c join truth t on t.id = c.id"  # noqa: S608
    session.table("held", Query(both, (clusters, "truth")))
    n_made = session.whole(Query(PAIRS.format(table="held", by="made"), ("held",)))
    n_good = session.whole(Query(PAIRS.format(table="held", by="made, wanted"), ("held",)))
    n_true = session.whole(Query(PAIRS.format(table="truth", by="cluster_id"), ("truth",)))
    return _scores(n_good, n_made, n_true)
