"""From weighed pairs to clusters: the pair of clusters that most support each other joins, round after round.

The support of two clusters is the mean weight over all pairs between them; a pair that no blocking rule brought weighs
slightly against. Unlike connected components, one false pair cannot chain two people together. Each round joins every
two clusters that are each other's best; ties go to the lower id.

Source: average-linkage agglomeration on match weights (Bansal, Blum and Chawla 2004 for the objective; mutual best
merging after Boruvka 1926).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from cld.engine import Query, Session

__all__ = ["cluster_pairs"]

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
MISSING_BITS = -1.0
HIGHEST_BITS = 20.0
LOWEST_BITS = -20.0
MAX_ROUNDS = 1_000


def cluster_pairs(session: Session, decided: str, name: str, n_records: int, threshold_bits: float) -> None:
    """Make ``name`` x (rid, cluster_rid) for every record 0 to n - 1; a cluster is named after its lowest record.

    Shape:  in ``decided`` x (rid_l, rid_r, weight_bits); memory grows with the pairs inside components alone.
    """
    text = f"select rid_l, rid_r, weight_bits from {decided} order by rid_l, rid_r"  # noqa: S608
    pairs = session.arrow(Query(text, (decided,)))
    left, right = (pairs[column].to_numpy().astype(np.int64) for column in ("rid_l", "rid_r"))
    bits = pairs["weight_bits"].to_numpy().astype(np.float64)
    component = _components(left, right, bits > threshold_bits, n_records)
    inside = component[left] == component[right]
    labels = _agglomerate(left[inside], right[inside], bits[inside] - threshold_bits, n_records)
    session.take(f"{name}_arriving", pa.table({"rid": np.arange(n_records), "cluster_rid": labels}))
    session.table(name, Query(f"select * from {name}_arriving order by rid", (f"{name}_arriving",)))  # noqa: S608
    session.drop(f"{name}_arriving")


def _components(left: Ints, right: Ints, positive: npt.NDArray[np.bool_], n_records: int) -> Ints:
    # loaded here, since linking two files never needs it and it takes a fifth of a second
    from scipy.sparse import coo_array  # noqa: PLC0415
    from scipy.sparse.csgraph import connected_components  # noqa: PLC0415

    shape = (n_records, n_records)
    graph = coo_array((np.ones(int(positive.sum()), np.int8), (left[positive], right[positive])), shape=shape)
    return np.asarray(connected_components(graph, directed=False)[1], dtype=np.int64)


def _agglomerate(left: Ints, right: Ints, bits: Floats, n_records: int) -> Ints:
    """Join mutual best clusters until none supports another; all arrays, one pass over the pairs that are left a round."""
    labels = np.arange(n_records)
    sizes = np.ones(n_records)
    sums, seen = np.clip(bits, LOWEST_BITS, HIGHEST_BITS), np.ones(len(bits))
    for _ in range(MAX_ROUNDS):
        all_pairs = sizes[left] * sizes[right]
        support = np.round((sums + MISSING_BITS * (all_pairs - seen)) / all_pairs, 9)
        joined = _mutual_best(left, right, support, n_records)
        if joined is None:
            break
        sizes = _added(joined, sizes, n_records)
        labels = joined[labels]
        left, right, sums, seen = _between(joined[left], joined[right], sums, seen, n_records)
    return labels


def _mutual_best(left: Ints, right: Ints, support: Floats, n_records: int) -> Ints | None:
    """Return for each cluster the one it becomes, or None if no two support each other."""
    good = support > 0
    one, other = np.concatenate([left[good], right[good]]), np.concatenate([right[good], left[good]])
    order = np.lexsort((other, -np.concatenate([support[good]] * 2), one))
    one, other = one[order], other[order]
    first = np.ones(len(one), dtype=bool)
    first[1:] = one[1:] != one[:-1]
    best = np.full(n_records, -1)
    best[one[first]] = other[first]
    chosen = one[first]
    lower = chosen[(best[best[chosen]] == chosen) & (chosen < best[chosen])]
    if len(lower) == 0:
        return None
    becomes = np.arange(n_records)
    becomes[best[lower]] = lower
    return becomes


def _between(left: Ints, right: Ints, sums: Floats, seen: Floats, n_records: int) -> tuple[Ints, Ints, Floats, Floats]:
    """Add up what is left between different clusters."""
    apart = left != right
    low, high = np.minimum(left, right)[apart], np.maximum(left, right)[apart]
    keys, places = np.unique(low * n_records + high, return_inverse=True)
    return (
        keys // n_records,
        keys % n_records,
        _added(places, sums[apart], len(keys)),
        _added(places, seen[apart], len(keys)),
    )


def _added(places: Ints, values: Floats, length: int) -> Floats:
    return np.bincount(places, weights=values, minlength=length).astype(np.float64)
