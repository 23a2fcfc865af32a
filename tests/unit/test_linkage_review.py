"""Clerical review: what decisions say, and that a queue is held to its decisions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cld.errors import InputError
from linkage.tell.review import Reviewed, read_reviews, settle_reviews
from tests.lib.linking import a_session

HEAD = "item,stratum,n_in_stratum,id_l,id_r,weight_bits,step,reviews_asked\n"
QUEUE = HEAD + "1,3,90,a,x,13.0,probabilistic,2\n2,0,10,b,y,1.0,probabilistic,1\n"


def _reviewed(right: dict[int, float], sizes: dict[int, int], n: int) -> list[Reviewed]:
    """Draw n items a stratum, each decided by one reviewer who is never wrong."""
    source = np.random.default_rng(5)
    items = []
    for stratum, share in right.items():
        for answer in source.random(n) < share:
            answers = {"a": "link" if answer else "not"}
            items.append(Reviewed(len(items), stratum, sizes[stratum], stratum * 4.0, 1, answers))
    return items


def test_precision_and_recall_of_a_stratified_review_hold_the_truth() -> None:
    right, sizes = {-1: 0.05, 0: 0.4, 1: 0.9, 2: 0.99, 5: 1.0}, {-1: 500, 0: 300, 1: 400, 2: 800, 5: 50_000}
    outcome = settle_reviews(_reviewed(right, sizes, 200), 4.0, 20.0)
    true_precision = (0.9 * 400 + 0.99 * 800 + 50_000) / 51_200
    true_recall = (0.9 * 400 + 0.99 * 800 + 50_000) / (0.9 * 400 + 0.99 * 800 + 50_000 + 0.4 * 300 + 0.05 * 500)
    assert outcome.precision is not None
    assert outcome.recall is not None
    assert outcome.precision[1] <= true_precision <= outcome.precision[2]
    assert outcome.recall[1] <= true_recall <= outcome.recall[2]
    assert outcome.threshold_bits == 8.0  # the lowest stratum from which more than 20 of 21 are right


def test_kappa_is_cohens() -> None:
    """Twenty agreed links, fifteen agreed nots, fifteen apart: the worked example of many textbooks, kappa 0.4."""
    answers = [("link", "link")] * 20 + [("link", "not")] * 5 + [("not", "link")] * 10 + [("not", "not")] * 15
    items = [Reviewed(i, 1, 50, 5.0, 2, {"a": first, "b": second}) for i, (first, second) in enumerate(answers)]
    outcome = settle_reviews(items, 4.0, 20.0)
    assert outcome.kappa == pytest.approx(0.4)
    assert outcome.n_labelled == 35
    assert outcome.n_to_settle == 15


def test_an_item_for_two_has_no_label_until_both_agree(tmp_path: Path) -> None:
    queue, decisions = tmp_path / "queue.csv", tmp_path / "decisions.csv"
    queue.write_text(QUEUE)
    decisions.write_text("item,reviewer,answer,reason\n1,ann,link,same address\n2,bob,not,other birth year\n")
    with a_session(tmp_path) as session:
        first, second = read_reviews(session, queue, decisions)
    assert first.label is None
    assert second.label is False


@pytest.mark.parametrize(
    "line",
    [
        "9,ann,link,why",
        "1,ann,perhaps,why",
        "1,ann,link,",
        "1,,link,why",
        "x,ann,link,why",
        "1,ann,link,a\n1,ann,not,b",
    ],
)
def test_decisions_that_do_not_fit_the_queue_are_refused(tmp_path: Path, line: str) -> None:
    queue, decisions = tmp_path / "queue.csv", tmp_path / "decisions.csv"
    queue.write_text(QUEUE)
    decisions.write_text(f"item,reviewer,answer,reason\n{line}\n")
    with a_session(tmp_path) as session, pytest.raises(InputError):
        read_reviews(session, queue, decisions)
