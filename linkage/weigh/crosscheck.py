"""An independent estimate of m: recordlinkage's ECM on a binary sample must agree with ours, or linkage stops.

recordlinkage 0.16 takes binary columns without gaps alone, so the sample keeps pairs with every value present, and
agreement means the highest level. It is made of pairs that share a number and of random pairs.

Source: de Bruin, recordlinkage 0.16, ECMClassifier; Winkler 2000.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import recordlinkage

from cld.engine import Query, Session
from cld.errors import InvariantBroken
from linkage.prepare.comparisons import Comparison
from linkage.weigh.model import Model

__all__ = ["TOLERANCE", "independent_m", "require_agreement"]

TOLERANCE = 0.03
FEWEST_PAIRS = 2_000
MOST_PAIRS = 50_000


def independent_m(session: Session, comparisons: Sequence[Comparison]) -> dict[str, float] | None:
    """Return the chance of full agreement given a match, by comparison, or None where the sample is too small.

    Shape:  reads ``compared`` and ``random_compared``, the pairs that the engine compared to link and to learn u.
    """
    number = next((one for one in comparisons if one.name == "number"), None)
    others = [one for one in comparisons if one.name != "number"]
    if number is None or not others:
        return None
    top = ", ".join(f"cast({one.name} = {one.exact} as integer) as {one.name}" for one in others)
    whole = " and ".join(_present(one, others) for one in others)
    shared = f"select {top} from compared where {whole} and number = {number.exact}"  # noqa: S608
    if session.whole(Query(f"select count(*) from ({shared})", ("compared",))) < FEWEST_PAIRS:  # noqa: S608
        return None
    text = f"""
        (select * from ({shared}) order by all limit {MOST_PAIRS})
        union all (select {top} from random_compared where {whole} order by all limit {MOST_PAIRS})
    """  # noqa: S608
    sample = session.arrow(Query(text, ("compared", "random_compared"))).to_pandas()
    frame = pd.DataFrame(sample.to_numpy(dtype=np.int64), columns=[one.name for one in others])
    frame.index = pd.MultiIndex.from_product([[0], range(len(frame))])
    classifier = recordlinkage.ECMClassifier(init="jaro", binarize=None)
    classifier.fit(frame)
    return {one.name: float(classifier.m_probs[one.name][1]) for one in others}


def _present(one: Comparison, others: Sequence[Comparison]) -> str:
    """Say that a value is there; a family name weighed with its given name, as swapped, is there too."""
    given = next((each for each in others if each.name == "given" and "swapped" in each.labels), None)
    if one.name != "family" or given is None:
        return f"{one.name} >= 0"
    return f"(family >= 0 or given = {given.labels.index('swapped')})"


def require_agreement(session: Session, comparisons: Sequence[Comparison], model: Model) -> dict[str, object]:
    """Hold our m against the independent one and return both, as text of four digits.

    Raises: InvariantBroken, naming the comparisons, if any differs by more than the tolerance.
    """
    found = independent_m(session, comparisons)
    if found is None:
        return {"compared": False, "reason": f"fewer than {FEWEST_PAIRS} whole pairs share a number"}
    ours = {name: model.m[name][-1] for name in found}
    given = next((one for one in comparisons if one.name == "given" and "swapped" in one.labels), None)
    if given is not None and "family" in ours:  # ours is m where the names are not swapped, theirs over all pairs
        ours["family"] *= 1 - model.m["given"][given.labels.index("swapped")]
    apart = sorted(name for name in found if abs(ours[name] - found[name]) > TOLERANCE)
    if apart:
        message = f"Two estimates of m differ by more than {TOLERANCE} for: {', '.join(apart)}."
        raise InvariantBroken(message, "Look at the quality of these fields before linking.")
    return {"compared": True, "m": {name: [f"{ours[name]:.4f}", f"{found[name]:.4f}"] for name in found}}
