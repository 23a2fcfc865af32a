"""Run recordlinkage's unsupervised classifier on FEBRL 4, in a process and an environment of its own.

Source: recordlinkage 0.16, documentation pages "Link two datasets" and "Classification algorithms"
(ECMClassifier: Fellegi-Sunter by expectation maximisation on binary comparisons).
"""

from __future__ import annotations

import argparse
import json
import resource
import time
from pathlib import Path

import numpy as np
import pandas as pd
import recordlinkage

__all__ = ["link_febrl4"]

BLOCKED_ON = ("given_name", "surname", "date_of_birth", "soc_sec_id", "postcode")
COMPARED_EXACTLY = ("date_of_birth", "soc_sec_id", "postcode", "state", "street_number")
COMPARED_BY_LETTERS = ("given_name", "surname", "address_1", "suburb")
LEAST_SIMILARITY = 0.85


def _rows(path: Path) -> pd.DataFrame:
    return pd.read_parquet(path).set_index("record_id")


def _weights_bits(classifier: recordlinkage.ECMClassifier, vectors: pd.DataFrame) -> np.ndarray:
    """Return log2 of the ratio of match to non-match, the prior included, from the classifier's probabilities."""
    chances = np.clip(classifier.prob(vectors).to_numpy(), 1e-300, 1 - 1e-16)
    weights: np.ndarray = np.log2(chances) - np.log2(1 - chances)
    return weights


def link_febrl4(left: Path, right: Path, out: Path) -> dict[str, object]:
    """Link FEBRL 4 and keep the best link of each record."""
    start = time.perf_counter()
    rows_l, rows_r = _rows(left), _rows(right)
    indexer = recordlinkage.Index()
    for column in BLOCKED_ON:
        indexer.block(column)
    pairs = indexer.index(rows_l, rows_r)
    comparing = recordlinkage.Compare()
    for column in COMPARED_BY_LETTERS:
        comparing.string(column, column, method="jarowinkler", threshold=LEAST_SIMILARITY, label=column)
    for column in COMPARED_EXACTLY:
        comparing.exact(column, column, label=column)
    vectors = comparing.compute(pairs, rows_l, rows_r)
    classifier = recordlinkage.ECMClassifier(init="jaro")
    classifier.fit(vectors)
    found = pd.DataFrame(
        {
            "id_l": pairs.get_level_values(0),
            "id_r": pairs.get_level_values(1),
            "weight_bits": _weights_bits(classifier, vectors),
        }
    )
    best = found.sort_values(["weight_bits", "id_r"], ascending=[False, True]).drop_duplicates("id_l")
    best.sort_values("id_l").to_parquet(out, index=False)
    total = time.perf_counter() - start
    peak_bytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return {"seconds": {"total": total}, "peak_bytes": peak_bytes, "n_candidates": len(pairs)}


def main() -> None:
    """Run the job and print its summary as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("left", type=Path)
    parser.add_argument("right", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    print(json.dumps(link_febrl4(given.left, given.right, given.out)))  # noqa: T201 - the answer of a command


if __name__ == "__main__":
    main()
