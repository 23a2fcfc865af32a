"""Two parts by themselves: EM on a million comparison vectors, and the historical figures on Splink's own ten rules.

    python -m benchmarks.linkage.parts [HISTORICAL.parquet]

EM is timed against recordlinkage's ECM on the same vectors, agreement or none, in the same process, runs alternating.
The ten rules are those of Splink's demonstration on this file, so that only the weighing is compared.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import recordlinkage

from cld.engine import Query, Session, scratch_engine
from linkage.prepare.blocking import Rule
from linkage.prepare.comparisons import Comparison, comparisons_for
from linkage.prepare.fields import find_sides
from linkage.prepare.index import prepare
from linkage.prepare.standard import fold
from linkage.settle.decide import decide_pairs
from linkage.settle.matching import match_alone
from linkage.weigh.estimate import fit_m
from linkage.weigh.score import count_patterns

N_VECTORS = 1_000_000
FIELDS = ("postcode", "birth", "family", "given", "sex")
M, U = 0.93, (0.0001, 0.0002, 0.002, 0.004, 0.5)
SHARE = 0.2
GIVEN, FAMILY, YEAR = "given", "family", "birth // 10000"
PARTS = (
    ("left(given, 3)", "left(family, 4)"),
    (FAMILY, "birth"),
    (GIVEN, "birth"),
    ("postcode", GIVEN),
    ("postcode", FAMILY),
    ("birth", "x_birthplace"),
    ("left(postcode, 3)", "birth"),
    ("left(postcode, 3)", GIVEN),
    ("left(postcode, 3)", FAMILY),
    ("left(given, 2)", "left(family, 2)", YEAR),
)
"""Source: Splink documentation, demonstration "Deduplicate 50k rows historical persons"."""


def _vectors() -> np.ndarray:
    source = np.random.default_rng(1)
    matches = source.random(N_VECTORS) < SHARE
    columns = [np.where(source.random(N_VECTORS) < np.where(matches, M, u), 1, 0) for u in U]
    return np.stack(columns, axis=1).astype(np.int8)


def time_em(session: Session, n_rounds: int = 5) -> dict[str, object]:
    """Time our EM, counting included, and recordlinkage's ECM, in turns."""
    vectors = _vectors()
    session.take("vectors", pa.table({name: vectors[:, place] for place, name in enumerate(FIELDS)}))
    comparisons = tuple(Comparison(one.name, ("differs", "equal"), "") for one in comparisons_for(FIELDS, (), ()))
    u = {name: (1 - value, value) for name, value in zip(FIELDS, U, strict=True)}
    frame = pd.DataFrame(vectors.astype(np.int64), columns=list(FIELDS))
    frame.index = pd.MultiIndex.from_product([[0], range(len(frame))])
    ours, theirs, m, ecm_m = [], [], {}, {}
    for place in range(n_rounds):
        start = time.perf_counter()
        m = dict(fit_m(count_patterns(session, "vectors", comparisons), comparisons, u, ()).m)
        ours.append(time.perf_counter() - start)
        if place < 3:
            start = time.perf_counter()
            classifier = recordlinkage.ECMClassifier(init="jaro", binarize=None)
            classifier.fit(frame)
            theirs.append(time.perf_counter() - start)
            ecm_m = {name: float(classifier.m_probs[name][1]) for name in FIELDS}
    return {
        "n_vectors": N_VECTORS,
        "ours_seconds": statistics.median(ours),
        "ecm_seconds": statistics.median(theirs),
        "ratio": statistics.median(theirs) / statistics.median(ours),
        "largest_error_of_m": max(abs(m[name][1] - M) for name in FIELDS),
        "largest_error_of_m_ecm": max(abs(ecm_m[name] - M) for name in FIELDS),
    }


def judge_ten_rules(session: Session, path: Path) -> dict[str, float]:
    """Return the best pairwise F1 on the pairs that the ten rules bring, and on our own candidates."""
    session.scan_file("right_file", path)
    headers = session.columns("right_file")
    side = find_sides(headers, headers, {})[1]
    prepared = prepare(session, fold(session, "right_file", side, "right_folded"), side.further)
    pairs = "select sum(n * (n - 1) // 2) from (select count(*) as n from right_file group by cluster)"
    n_true = session.whole(Query(pairs, ("right_file",)))
    ten = tuple(Rule(f"rule {place}", parts, parts) for place, parts in enumerate(PARTS))
    found: dict[str, float] = {}
    for name, rules in (("ten_rules", ten), ("own_rules", None)):
        matched = match_alone(session, prepared, stage=lambda _: None, rules=rules)
        decide_pairs(session, "weighed", "decided", matched.model.rate)
        text = f"""
            select max(2.0 * good / (made + {n_true})), max(good) / {n_true} from (
                select sum(count(*)) over (order by weight_bits desc) as made,
                    sum(count(*) filter (good)) over (order by weight_bits desc) as good
                from (
                    select d.weight_bits, l.cluster = r.cluster as good
                    from decided d join right_file l on l.file_row_number = d.rid_l
                    join right_file r on r.file_row_number = d.rid_r
                ) group by weight_bits
            )
        """  # noqa: S608
        best, recall = session.rows(Query(text, ("decided", "right_file")))[0]
        found |= {f"{name}_best_f1": float(best), f"{name}_candidate_recall": float(recall)}
    return found


def main() -> None:
    """Print both as one JSON object."""
    with tempfile.TemporaryDirectory() as scratch:
        engine = scratch_engine(Path(scratch), 2, "6GB")
        with engine.session() as session:
            found: dict[str, object] = {"em": time_em(session)}
        if len(sys.argv) > 1:
            with engine.session() as session:
                found["historical"] = judge_ten_rules(session, Path(sys.argv[1]))
    sys.stdout.write(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
