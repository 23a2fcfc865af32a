"""What the decisions of a clerical review say of the linkage: kappa, precision and recall with intervals, a threshold.

Decisions never change a weight: they give a threshold to ask for and an estimate to print.

Source: Cohen 1960 (kappa); Blakely and Salmond 2002 and Marchant and Steorts 2017 (estimates from a stratified review).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from pathlib import Path

from cld.engine import Query, Session
from cld.errors import InputError
from cld.intervals import Z_95, wilson
from linkage.tell.queue import QUEUE_COLUMNS, STRATUM_BITS

__all__ = ["ANSWERS", "Outcome", "Reviewed", "read_reviews", "settle_reviews"]

ANSWERS = ("link", "not", "unsure")
DECISION_COLUMNS = ("item", "reviewer", "answer", "reason")


@dataclass(frozen=True, slots=True)
class Reviewed:
    """An item of the queue with the answers given, by reviewer; ``third`` is a third person's where two differed."""

    item: int
    stratum: int
    n_in_stratum: int
    weight_bits: float
    reviews_asked: int
    answers: Mapping[str, str]
    third: str | None = None

    @property
    def label(self) -> bool | None:
        """The answer that all reviewers share, or the third's where two differ; None where it is unsure or wanting."""
        if len(self.answers) < self.reviews_asked:
            return None
        given = set(self.answers.values())
        answer = given.pop() if len(given) == 1 else self.third
        return None if answer in (None, "unsure") else answer == "link"


def read_reviews(session: Session, queue: Path, decisions: Path) -> tuple[Reviewed, ...]:
    """Read a queue and its decisions (CSV: item, reviewer, answer, reason).

    Raises: InputError for unknown items, answers other than link, not and unsure, a missing reason, or one reviewer
    deciding an item twice.
    """
    session.read_file("queue_file", queue)
    session.read_file("decisions_file", decisions)
    if not set(QUEUE_COLUMNS) <= set(session.columns("queue_file")):
        message = "The queue is not one that Caregate drew."
        raise InputError(message, "Give the file that caregate review queue wrote.")
    if not set(DECISION_COLUMNS) <= set(session.columns("decisions_file")):
        message = "The decisions lack a column."
        raise InputError(message, f"Give a file with the header {','.join(DECISION_COLUMNS)}.")
    text = "select item, reviewer, answer, reason from decisions_file order by item, reviewer"
    given: dict[int, dict[str, str]] = defaultdict(dict)
    for item, reviewer, answer, reason in session.rows(Query(text, ("decisions_file",))):
        _require_decision(str(item), str(reviewer or ""), str(answer or ""), str(reason or ""), given)
        given[int(item)][str(reviewer)] = str(answer)
    text = (
        "select item, stratum, n_in_stratum, weight_bits, reviews_asked from queue_file order by cast(item as bigint)"
    )
    found = tuple(
        Reviewed(int(item), int(stratum), int(n), float(bits), int(asked), given.pop(int(item), {}))
        for item, stratum, n, bits, asked in session.rows(Query(text, ("queue_file",)))
    )
    if given:
        message = f"{len(given)} decisions are on items that the queue does not have."
        raise InputError(message, "Give the decisions of this queue.")
    return found


def _require_decision(
    item: str, reviewer: str, answer: str, reason: str, given: Mapping[int, Mapping[str, str]]
) -> None:
    if not item.isdigit() or not reviewer.strip() or not reason.strip() or answer not in ANSWERS:
        message = (
            "A decision lacks its item, its reviewer or its reason, or answers something else than link, not or unsure."
        )
        raise InputError(message, "Mend the decisions and settle them again.")
    if reviewer in given.get(int(item), {}):
        message = f"Item {item} was decided twice by one reviewer."
        raise InputError(message, "Keep one decision for each reviewer and item.")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the decisions say: agreement of reviewers, precision and recall with intervals, and a threshold to ask for."""

    n_items: int
    n_labelled: int
    n_to_settle: int
    kappa: float | None
    precision: tuple[float, float, float] | None
    recall: tuple[float, float, float] | None
    calibrated: Mapping[str, tuple[float, float]]
    threshold_bits: float | None

    def as_json(self) -> dict[str, object]:
        """Return the outcome for a program."""

        def shown(values: tuple[float, float, float] | None) -> dict[str, float] | None:
            return (
                None
                if values is None
                else dict(zip(("estimate", "low", "high"), (round(v, 6) for v in values), strict=True))
            )

        return {
            "n_items": self.n_items,
            "n_labelled": self.n_labelled,
            "n_to_settle": self.n_to_settle,
            "kappa": None if self.kappa is None else round(self.kappa, 4),
            "precision": shown(self.precision),
            "recall": shown(self.recall),
            "share_right_by_weight": {name: [round(v, 6) for v in values] for name, values in self.calibrated.items()},
            "threshold_bits": self.threshold_bits,
        }


def settle_reviews(reviewed: Sequence[Reviewed], threshold_bits: float, cost: float) -> Outcome:
    """Estimate from labels how right the links above a threshold are, and the threshold at which a link is worth its risk.

    ``cost`` is how many missed links one false link is worth; the threshold is the lower edge of the lowest stratum from
    which all strata upwards hold more than cost / (1 + cost) right links.
    """
    labelled = [one for one in reviewed if one.label is not None]
    strata = {
        stratum: [one for one in labelled if one.stratum == stratum]
        for stratum in sorted({one.stratum for one in reviewed})
    }
    sizes = {one.stratum: one.n_in_stratum for one in reviewed}
    rates = {stratum: (sum(one.label is True for one in held), len(held)) for stratum, held in strata.items() if held}
    above = [stratum for stratum in rates if stratum * STRATUM_BITS >= threshold_bits - STRATUM_BITS / 2]
    precision = _weighted(rates, sizes, above)
    recall = _recall(rates, sizes, above)
    open_items = sum(one.label is None and bool(one.answers) for one in reviewed)
    calibrated = {f"{stratum * STRATUM_BITS:g} bits": wilson(*rates[stratum]) for stratum in rates}
    threshold = _threshold(rates, cost)
    return Outcome(len(reviewed), len(labelled), open_items, _kappa(reviewed), precision, recall, calibrated, threshold)


def _weighted(
    rates: Mapping[int, tuple[int, int]], sizes: Mapping[int, int], strata: Sequence[int]
) -> tuple[float, float, float] | None:
    """Return the share of right links over strata, each weighing as many pairs as it holds, with its 95% interval."""
    total = sum(sizes[stratum] for stratum in strata)
    if not total:
        return None
    share = sum(sizes[s] * rates[s][0] / rates[s][1] for s in strata) / total
    # a stratum where all are alike still has the doubt of its size: one more of each kind is added for the variance
    spread = sum(
        (sizes[s] / total) ** 2 * (rates[s][0] + 1) * (rates[s][1] - rates[s][0] + 1) / (rates[s][1] + 2) ** 3
        for s in strata
    )
    half = Z_95 * sqrt(spread)
    return share, max(0.0, share - half), min(1.0, share + half)


def _recall(
    rates: Mapping[int, tuple[int, int]], sizes: Mapping[int, int], above: Sequence[int]
) -> tuple[float, float, float] | None:
    """Return the right links above the threshold as a share of all right pairs among best candidates, with its interval."""
    below = [stratum for stratum in rates if stratum not in above]
    found, missed = _weighted(rates, sizes, above), _weighted(rates, sizes, below)
    if found is None:
        return None
    n_above, n_below = sum(sizes[s] for s in above), sum(sizes[s] for s in below)
    ends = []
    for one, other in (
        (found[0], missed[0] if missed else 0.0),
        (found[1], missed[2] if missed else 0.0),
        (found[2], missed[1] if missed else 0.0),
    ):
        right = one * n_above
        ends.append(right / (right + other * n_below) if right else 0.0)
    return ends[0], ends[1], ends[2]


def _threshold(rates: Mapping[int, tuple[int, int]], cost: float) -> float | None:
    good: float | None = None
    for stratum in sorted(rates, reverse=True):
        n_right, n = rates[stratum]
        if n_right / n <= cost / (1 + cost):
            break
        good = stratum * STRATUM_BITS
    return good


def _kappa(reviewed: Sequence[Reviewed]) -> float | None:
    """Return Cohen's kappa of two reviewers over the items that two decided, or None where there are none.

    Source: Cohen 1960.
    """
    pairs = [tuple(answer for _, answer in sorted(one.answers.items()))[:2] for one in reviewed if len(one.answers) > 1]
    if not pairs:
        return None
    agreed = sum(first == second for first, second in pairs) / len(pairs)
    firsts, seconds = Counter(first for first, _ in pairs), Counter(second for _, second in pairs)
    chance = sum(firsts[answer] * seconds[answer] for answer in ANSWERS) / len(pairs) ** 2
    return 1.0 if chance == 1 else (agreed - chance) / (1 - chance)
