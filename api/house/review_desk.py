"""Clerical review over one workspace: what the command line, the pages and the interface all call.

Whoever is shown a pair is logged with it; nobody is shown another's answer; nothing of a pair is written anywhere.
"""

from __future__ import annotations

from dataclasses import dataclass

from api.house.house import House
from audit.journal import Event
from cld.errors import InputError, InvalidTransition, WrongRole
from cld.journey import ReviewDecision, ReviewQueue, SettledReview
from cld.vocabulary import StaffRole
from linkage.review import Draw, decide_item, draw_review, settle_review
from linkage.tell.pairs import Pair, read_pair
from linkage.tell.standing import Standing, reviews_of, standing_of
from policies.review import review_rules_on

__all__ = ["ReviewDesk"]


@dataclass(frozen=True, slots=True)
class ReviewDesk:
    """A workspace's reviews and what can be done with them."""

    house: House

    def draw(self, n_items: int | None = None, actor: str = "operator") -> ReviewQueue:
        """Draw a queue from the latest linked data by the rules of today; ``n_items`` takes the place of theirs."""
        house, space = self.house, self.house.space
        linked, rules = house.linked(), review_rules_on(space.clock.today())
        draw = Draw(n_items or rules.n_items, rules.twice_percent)
        submissions = house.submissions_in(linked)
        return draw_review(
            linked, submissions, house.person_index, draw=draw, engine=space.engine, journal=space.journal, actor=actor
        )

    def queues(self) -> tuple[ReviewQueue, ...]:
        """Return every queue, the oldest first."""
        return reviews_of(self.house.space.journal)

    def standing(self, queue: str) -> Standing:
        """Return where the queue of a digest stands.

        Raises: InputError if there is no such queue.
        """
        for held in self.queues():
            if held.document.digest == queue:
                return standing_of(held, self.house.space.journal)
        message = "There is no such review."
        raise InputError(message, "Choose one of the list.")

    def show(self, queue: str, item: int, reviewer: str, *, whole: bool) -> Pair:
        """Show one pair to a reviewer who may still decide it or has decided it; that it was shown is logged first.

        Raises: WrongRole if the person is no reviewer; InputError if the queue has no such item; InvalidTransition if
                the item needs nobody else.
        """
        standing = self.standing(queue)
        self._require_reviewer(reviewer)
        if not 1 <= item <= standing.queue.n_items:
            message = "There is no such item in this queue."
            raise InputError(message, f"Items are numbered from 1 to {standing.queue.n_items}.")
        decided = any(one.reviewer == reviewer for one in standing.on(item))
        if not decided and not standing.is_open_to(item, reviewer):
            message = f"Item {item} needs no more decisions."
            raise InvalidTransition(message, "Take another item.")
        space = self.house.space
        seen = {"queue": queue, "item": item, "shown": "whole" if whole else "masked"}
        space.journal.record(Event("review pair viewed", reviewer, StaffRole.REVIEWER.value, seen))
        with space.engine.session() as session:
            session.attach("items", standing.queue.items)
            return read_pair(session, item, float(standing.queue.document.body["threshold_bits"]), whole=whole)

    def own_answer(self, standing: Standing, item: int, reviewer: str) -> str | None:
        """Return what this very person answered, if anything."""
        own = [one.digest for one in standing.on(item) if one.reviewer == reviewer]
        document = self.house.space.journal.load(own[0]) if own else None
        return ReviewDecision(document).answer if document is not None else None

    def decide(self, queue: str, item: int, answer: str, reason: str, reviewer: str) -> ReviewDecision:
        """Seal a reviewer's answer.

        Raises: as linkage.review.decide_item does; WrongRole if the person is no reviewer.
        """
        standing = self.standing(queue)
        self._require_reviewer(reviewer)
        return decide_item(standing.queue, item, answer, reason, reviewer=reviewer, journal=self.house.space.journal)

    def settle(self, queue: str, actor: str = "operator") -> SettledReview:
        """Seal what the decisions on a queue say.

        Raises: as linkage.review.settle_review does.
        """
        space, held = self.house.space, self.standing(queue).queue
        rules = review_rules_on(space.clock.today())
        return settle_review(
            held, cost=float(rules.cost_of_a_false_link), engine=space.engine, journal=space.journal, actor=actor
        )

    def _require_reviewer(self, person: str) -> None:
        if person not in self.house.space.reviewers:
            message = "Only a reviewer is shown pairs and decides them."
            raise WrongRole(message, "Sign in as a reviewer.")
