"""An independent estimate of m: recordlinkage's ECM on a binary sample must agree with ours, or linkage stops.

recordlinkage 0.16 takes binary columns without gaps alone, so the sample keeps pairs with every value present, and
agreement means the highest level. It is made of pairs that share a number and of random pairs.

Source: de Bruin, recordlinkage 0.16, ECMClassifier; Winkler 2000.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import recordlinkage

from cld.engine import Query, Session
from cld.errors import InvariantBroken
from linkage.estimate import LEVELS, Model

__all__ = ["TOLERANCE", "independent_m", "require_agreement"]

TOLERANCE = 0.03
FEWEST_PAIRS = 2_000
MOST_PAIRS = 50_000


def independent_m(session: Session) -> dict[str, float] | None:
    """Return the chance of full agreement given a match, by comparison, or None where the sample is too small.

    Shape:  reads ``shared_gammas`` and ``drawn``, the pairs that linkage.score.train compared.
    """
    top = ", ".join(f"cast({name} = {levels - 1} as integer) as {name}" for name, levels in LEVELS.items())
    whole = " and ".join(f"{name} >= 0" for name in LEVELS)
    text = f"""
        (select {top} from shared_gammas where {whole} order by all limit {MOST_PAIRS})
        union all (select {top} from drawn where {whole} order by all limit {MOST_PAIRS})
    """  # noqa: S608
    pairs = session.arrow(Query(text, ("shared_gammas", "drawn"))).to_pandas()
    n_shared = int(
        str(session.rows(Query(f"select count(*) from shared_gammas where {whole}", ("shared_gammas",)))[0][0])
    )  # noqa: S608
    if n_shared < FEWEST_PAIRS:
        return None
    frame = pd.DataFrame(pairs.to_numpy(dtype=np.int64), columns=list(LEVELS))
    frame.index = pd.MultiIndex.from_product([[0], range(len(frame))])
    classifier = recordlinkage.ECMClassifier(init="jaro", binarize=None)
    classifier.fit(frame)
    probabilities = classifier.m_probs
    return {name: float(probabilities[name][1]) for name in LEVELS}


def require_agreement(session: Session, model: Model) -> dict[str, object]:
    """Hold our m against the independent one and return both, as text of four digits.

    Raises: InvariantBroken, naming the comparisons, if any differs by more than the tolerance.
    """
    found = independent_m(session)
    if found is None:
        return {"compared": False, "reason": f"fewer than {FEWEST_PAIRS} pairs share a number"}
    ours = {name: model.m[name][-1] for name in LEVELS}
    apart = sorted(name for name in LEVELS if abs(ours[name] - found[name]) > TOLERANCE)
    if apart:
        message = f"Two estimates of m differ by more than {TOLERANCE} for: {', '.join(apart)}."
        raise InvariantBroken(message, "Look at the quality of these fields before linking.")
    return {"compared": True, "m": {name: [f"{ours[name]:.4f}", f"{found[name]:.4f}"] for name in LEVELS}}
