"""The doors of clerical review: pairs drawn from linked data, people's answers, and what these say once settled.

Each makes one sealed document. The queue names the LinkedDataset that it was drawn from; a decision names the queue; a
settled review names the queue and every decision that it rests on. No document holds a value of a person: the pairs lie
encrypted, and a reason is one of a list, since a sentence could hold a name. Nothing here changes a weight or a link.

Source: GUILD (Gilbert et al. 2018), which asks that estimates of linkage error say how they were made.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from audit.ancestry import require_ancestry
from audit.journal import Event, Journal
from cld.datasets import Identified
from cld.engine import Engine, Query, Session
from cld.errors import Conflict, InputError, InvalidTransition, NotSealed, SamePerson
from cld.journey import (
    AcceptedSubmission,
    Document,
    DocumentKind,
    LinkedDataset,
    ReviewDecision,
    ReviewQueue,
    SettledReview,
)
from linkage.prepare.index import index_mark
from linkage.settle.decide import DEFAULT_BITS
from linkage.tell.pairs import make_items
from linkage.tell.queue import STRATUM_BITS, make_queue
from linkage.tell.review import ANSWERS, Outcome, Reviewed, settle_reviews
from linkage.tell.standing import DECIDED, DRAWN, SETTLED, review_reasons, reviews_of, standing_of
from linkage.trace import PersonIndex, attach_index, gather_persons, weigh_again
from linkage.weigh.model import Model

__all__ = ["Draw", "decide_item", "draw_review", "settle_review"]


@dataclass(frozen=True, slots=True)
class Draw:
    """How many pairs are drawn, and what percent of them two people decide."""

    n_items: int
    twice_percent: int


def draw_review(
    linked: LinkedDataset, submissions: tuple[AcceptedSubmission, ...], person_index: PersonIndex, *,
    draw: Draw, engine: Engine, journal: Journal, actor: str,
) -> ReviewQueue:  # fmt: skip
    """Draw pairs of linked data for people to decide, evenly over weights.

    The candidates are weighed again by the model of the linkage, and a pair is drawn only where that finds what the
    linkage found. Pairs with a sensitive record are left out: agreement on a postcode would tell where the person lives.
    Raises: InvalidTransition while another queue of the same data is open, or where there is nothing to review;
            Conflict if the person index is no longer the one that was linked with; NotSealed if a document that these
            data rest on is missing or altered.
    """
    require_ancestry(linked.document.digest, journal)
    n_before = _refuse_second(linked, journal)
    with engine.session() as session:
        index = attach_index(session, person_index)
        if index_mark(session) != linked.document.body["index"]["mark"]:
            message = "The person index is no longer the one that these data were linked with."
            raise Conflict(message, "Link again and draw from what that gives.")
        gather_persons(session, submissions)
        matched = weigh_again(session, index, Model.from_json(linked.document.body["model"]))
        left_out = _leave_out(session, linked)
        seed = _seed_of(linked, n_before)
        n_drawn = make_queue(
            session,
            matched.comparisons,
            n_items=draw.n_items,
            twice_percent=draw.twice_percent,
            seed=seed,
            source="reviewable",
        )
        if n_drawn == 0:
            message = "There is no pair to review."
            raise InvalidTransition(message, "Link data that have candidates first.")
        make_items(session, matched.comparisons, matched.model, index.n_people)
        body = {
            "drawn": {"n_items": draw.n_items, "twice_percent": draw.twice_percent, "seed": seed},
            "threshold_bits": f"{DEFAULT_BITS:.6f}",
            "n_items": n_drawn,
            "asked_twice": _column(session, "select item from items where reviews_asked = 2 order by item"),
            "strata": _strata(session),
            **left_out,
            "items": session.store(Query("select * from items order by item", ("items",)), Identified).as_json(),
        }
    document = Document(DocumentKind.REVIEW_QUEUE, (linked.document.digest,), body)
    journal.seal(document, Event(DRAWN, actor, "operator", {"linked": linked.document.digest, "n_items": n_drawn}))
    return ReviewQueue(document)


def _refuse_second(linked: LinkedDataset, journal: Journal) -> int:
    """Return how many queues were drawn from these data before, none of which may be open."""
    drawn = [queue for queue in reviews_of(journal) if queue.document.parents == (linked.document.digest,)]
    if any(standing_of(queue, journal).settled is None for queue in drawn):
        message = "A queue of these linked data is open."
        raise InvalidTransition(message, "Settle it before another is drawn.")
    return len(drawn)


def _seed_of(linked: LinkedDataset, n_before: int) -> int:
    """Draw by the rows themselves and by how many queues came before: nobody chooses, and the draw can be made again."""
    told = f"{linked.document.body['data_sets']['cld']['digest']}|{n_before}"
    return int(hashlib.sha256(told.encode()).hexdigest()[:8], 16)


def _leave_out(session: Session, linked: LinkedDataset) -> dict[str, int]:
    """Make ``reviewable``, the best candidates that may be drawn, and count those that may not, by reason.

    An answer that was kept from an earlier delivery may differ from what is found now; the link that stands is the
    answer, so such a pair is not drawn.
    """
    session.attach("linked_answers", linked.answers)
    text = f"""
        select d.*, r.id in (select nhs_number from person_index where sensitive) as is_sensitive,
            case when d.weight_bits >= {DEFAULT_BITS} then r.id end is distinct from a.id_r as is_otherwise
        from decided d join right_people r on r.rid = d.rid_r join left_digests g on g.rid = d.rid_l
        join linked_answers a on a.digest = g.digest where d.place = 1
    """  # noqa: S608
    session.table("best", Query(text, ("decided", "right_people", "left_digests", "linked_answers", "person_index")))
    session.table("reviewable", Query("select * from best where not is_sensitive and not is_otherwise", ("best",)))
    text = "select count(*) filter (is_sensitive), count(*) filter (is_otherwise and not is_sensitive) from best"
    n_sensitive, n_otherwise = session.rows(Query(text, ("best",)))[0]
    return {"n_sensitive_left_out": int(n_sensitive), "n_weighed_otherwise": int(n_otherwise)}


def _column(session: Session, text: str) -> list[int]:
    return [int(row[0]) for row in session.rows(Query(text, ("items",)))]


def _strata(session: Session) -> list[dict[str, object]]:
    text = "select stratum, any_value(n_in_stratum), count(*) from items group by stratum order by stratum"
    return [
        {"from_bits": f"{int(stratum) * STRATUM_BITS:g}", "n_pairs": int(n), "n_items": int(n_drawn)}
        for stratum, n, n_drawn in session.rows(Query(text, ("items",)))
    ]


def decide_item(
    queue: ReviewQueue, item: int, answer: str, reason: str, *, reviewer: str, journal: Journal
) -> ReviewDecision:
    """Seal one person's answer on one item.

    Raises: InputError for an item that the queue does not have, an answer that is none, or a reason that is not of the
            list or does not fit the answer; SamePerson if this person decided it; InvalidTransition if the item or the
            queue needs no more decisions; StaleVersion if somebody else's decision came between.
    """
    titles = review_reasons()
    if not 1 <= item <= queue.n_items:
        message = "There is no such item in this queue."
        raise InputError(message, f"Items are numbered from 1 to {queue.n_items}.")
    if answer not in ANSWERS or reason not in titles or answer not in titles[reason][1]:
        message = "The answer is none, or the reason does not fit it."
        raise InputError(message, "Answer link, not or unsure, with a reason that stands under the answer.")
    standing = standing_of(queue, journal)
    held = standing.on(item)
    if any(one.reviewer == reviewer for one in held):
        message = f"Item {item} was decided by the same person."
        raise SamePerson(message, "Another person decides next.")
    if not standing.is_open_to(item, reviewer):
        message = f"Item {item} needs no more decisions."
        raise InvalidTransition(message, "Take another item.")
    body = {"item": item, "turn": len(held) + 1, "reviewer": reviewer, "answer": answer, "reason": reason}
    document = Document(DocumentKind.REVIEW_DECISION, (queue.document.digest,), body)
    differs = len(held) == 1 and ReviewDecision(_kept(held[0].digest, journal)).answer != answer
    details = {"queue": queue.document.digest, "item": item, "differs": differs}
    journal.seal(document, Event(DECIDED, reviewer, "reviewer", details))
    return ReviewDecision(document)


def _kept(digest: str, journal: Journal) -> Document:
    found = journal.load(digest)
    if found is None or found.digest != digest:
        message = f"A sealed document is missing or altered: {digest[:16]}."
        raise NotSealed(message, (digest,), "Restore it from the backup.")
    return found


def settle_review(queue: ReviewQueue, *, cost: float, engine: Engine, journal: Journal, actor: str) -> SettledReview:
    """Seal what the decisions on a queue say; no weight, link or threshold changes by it.

    Raises: InvalidTransition if the queue was settled or decisions are wanting; StaleVersion if one came between; NotSealed
            if a document that it rests on is missing or altered.
    """
    standing = standing_of(queue, journal)
    if standing.settled is not None:
        message = "The queue was settled already."
        raise InvalidTransition(message, "Draw another queue.")
    if standing.n_to_decide:
        message = f"{standing.n_to_decide} decisions are still to be made."
        raise InvalidTransition(message, "Settle when every item has been decided by as many people as it asks for.")
    require_ancestry(queue.document.digest, journal)
    made = [ReviewDecision(_kept(one.digest, journal)) for one in standing.decisions]
    outcome = settle_reviews(_reviewed(queue, made, engine), float(queue.document.body["threshold_bits"]), cost)
    body = {
        "outcome": _without_floats(outcome),
        "cost": f"{cost:g}",
        "threshold_in_force_bits": queue.document.body["threshold_bits"],
        "decisions_by_reviewer": dict(sorted(Counter(one.reviewer for one in made).items())),
        "decisions_by_reason": dict(sorted(Counter(one.reason for one in made).items())),
    }
    parents = (queue.document.digest, *(one.digest for one in standing.decisions))
    document = Document(DocumentKind.SETTLED_REVIEW, parents, body)
    details = {"queue": queue.document.digest, "n_decisions": len(standing.decisions)}
    journal.seal(document, Event(SETTLED, actor, "operator", details))
    return SettledReview(document)


def _reviewed(queue: ReviewQueue, made: Sequence[ReviewDecision], engine: Engine) -> tuple[Reviewed, ...]:
    """Put the answers beside their items: the first two people's, and a third's where they differed."""
    with engine.session() as session:
        session.attach("items", queue.items)
        text = "select item, stratum, n_in_stratum, weight_millibits, reviews_asked from items order by item"
        rows = session.rows(Query(text, ("items",)))
    found = []
    for item, stratum, n_in_stratum, millibits, asked in rows:
        held = [one for one in made if one.item == int(item)]
        answers = {one.reviewer: one.answer for one in held[:2]}
        third = held[2].answer if len(held) > 2 else None  # noqa: PLR2004
        found.append(
            Reviewed(int(item), int(stratum), int(n_in_stratum), int(millibits) / 1000, int(asked), answers, third)
        )
    return tuple(found)


def _without_floats(outcome: Outcome) -> dict[str, object]:
    """Write an outcome with its shares and bits as text, as what is digested asks for, and its strata in order."""

    def told(value: object) -> object:
        if isinstance(value, Mapping):
            return {name: told(each) for name, each in value.items()}
        return f"{value:.6g}" if isinstance(value, float) else value

    shares = [
        {"from": name, "low": f"{low:.6f}", "high": f"{high:.6f}"} for name, (low, high) in outcome.calibrated.items()
    ]
    return {**{name: told(value) for name, value in outcome.as_json().items()}, "share_right_by_weight": shares}
