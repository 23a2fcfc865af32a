"""Parts of clerical review: what a mask shows, whose turn it is, which reasons there are, what a third answer settles."""

from __future__ import annotations

from datetime import date

import pytest

from cld.errors import UnknownSpecification
from cld.journey import Document, DocumentKind, ReviewQueue, SettledReview
from linkage.tell.masks import mask_pair
from linkage.tell.review import ANSWERS, Reviewed, settle_reviews
from linkage.tell.standing import Made, Standing, review_reasons
from policies.review import review_rules_on

MASKED = [
    # council, index, shown: after Ragan et al. 2018, only what differs is written
    ("JOHN", "JOHN", ("the same", "the same")),
    ("JOHN", "JHON", ("•OH•", "•HO•")),
    ("MARGARET", "MARGRET", ("••••A•••", "•••••••")),
    ("1940-03-02", "1940-03-12", ("••••••••0•", "••••••••1•")),
    ("9000000009", "9000000090", ("••••••••09", "••••••••90")),
    ("JONES", "PATEL", ("different", "different")),
    ("ИВАНОВ", "ИВАНОВА", ("••••••", "••••••А")),
    (None, "JONES", ("not given", "given")),
    (None, None, ("not given", "not given")),
]


@pytest.mark.parametrize(("left", "right", "shown"), MASKED)
def test_a_mask_writes_only_what_differs(left: str | None, right: str | None, shown: tuple[str, str]) -> None:
    assert mask_pair(left, right) == shown


def test_values_that_have_nothing_in_common_are_not_written_whatever_letters_they_share() -> None:
    assert mask_pair("1941-01-14", "1941-11-24", alike=False) == ("different", "different")


def _standing(*decisions: Made, settled: bool = False) -> Standing:
    body = {"n_items": 3, "asked_twice": [2]}
    queue = ReviewQueue(Document(DocumentKind.REVIEW_QUEUE, (), body))
    done = SettledReview(Document(DocumentKind.SETTLED_REVIEW, (), {})) if settled else None
    return Standing(queue, decisions, done)


def test_whose_turn_it_is() -> None:
    assert _standing().open_to("a") == (1, 2, 3)
    assert _standing().n_to_decide == 4
    first = (Made(1, "a", "", differs=False), Made(2, "a", "", differs=False))
    assert _standing(*first).open_to("a") == (3,)
    assert _standing(*first).open_to("b") == (2, 3)
    assert _standing(*first).n_to_decide == 2
    apart = (*first, Made(2, "b", "", differs=True))
    assert _standing(*apart).open_to("c") == (2, 3)
    assert _standing(*apart).open_to("b") == (3,)
    assert _standing(*apart).n_to_decide == 1, "a third answer may be left away"
    assert _standing(*apart, Made(2, "c", "", differs=False)).open_to("d") == (3,)
    assert _standing(*apart, settled=True).open_to("c") == ()
    assert not _standing(*apart, settled=True).is_open_to(3, "c")


def test_each_reason_fits_one_answer_and_each_answer_has_reasons() -> None:
    assert all(len(answers) == 1 for _, answers in review_reasons().values())
    assert {answers[0] for _, answers in review_reasons().values()} == set(ANSWERS)


@pytest.mark.parametrize(
    ("answers", "third", "label"),
    [
        ({"a": "link", "b": "link"}, None, True),
        ({"a": "link", "b": "not"}, None, None),
        ({"a": "link", "b": "not"}, "not", False),
        ({"a": "link", "b": "unsure"}, "link", True),
        ({"a": "link", "b": "not"}, "unsure", None),
        ({"a": "unsure", "b": "unsure"}, None, None),
        ({"a": "link"}, None, None),
    ],
)
def test_a_third_answer_settles_what_two_left_open(
    answers: dict[str, str], third: str | None, label: bool | None
) -> None:
    assert Reviewed(1, 1, 10, 5.0, 2, answers, third).label is label


def test_kappa_is_of_the_first_two_whatever_a_third_says() -> None:
    """Cohen 1960: 15 of 20 agree, 10 and 15 links: expected 0.5, kappa 0.5."""
    answers = [("link", "link")] * 10 + [("not", "link")] * 5 + [("not", "not")] * 5
    items = [
        Reviewed(i, 1, 20, 5.0, 2, {"a": one, "b": other}, "link" if one != other else None)
        for i, (one, other) in enumerate(answers)
    ]
    outcome = settle_reviews(items, 4.0, 20.0)
    assert outcome.kappa == pytest.approx(0.5)
    assert outcome.n_to_settle == 0


def test_the_rules_of_review_are_dated_data() -> None:
    rules = review_rules_on(date(2022, 3, 1))
    assert 0 < rules.twice_percent <= 100
    assert rules.n_items > 0
    with pytest.raises(UnknownSpecification):
        review_rules_on(date(2019, 1, 1))
