"""What policy says of an application today, and what that rests on: its plan alone, or the rows that were built and checked."""

from __future__ import annotations

from dataclasses import dataclass

from api.house.house import House
from api.store.database import ApplicationRow
from cld.errors import NotSealed
from cld.journey import ApprovedPlan, DocumentKind
from cld.plan import plan_from_json
from extracts.approve import application_from_json, conditions_of, decision_on, standing_now
from extracts.life.conditions import Condition, Judged, broken
from extracts.life.rows import RowFacts
from extracts.life.states import State
from extracts.lineage import lineage_of
from policies.decide import Decision

__all__ = ["Today", "today_of"]

PLANNED = frozenset({State.DRAFT, State.IN_REVIEW, State.AGREEMENT_SIGNED, State.RETURNED, State.APPEALED})
"""Where an application has a plan and nothing that was approved; documents of an earlier round say nothing of it."""


@dataclass(frozen=True, slots=True)
class Today:
    """The decision of a day; ``on_rows`` says whether the rows' documents were asked, ``remedies`` what would change it."""

    decision: Decision
    day: str
    on_rows: bool
    remedies: tuple[str, ...]


def today_of(house: House, row: ApplicationRow) -> Today:
    """Ask policy about an application as things stand today; nothing is logged, and nothing is led on.

    Raises: NotSealed if a document that it rests on is gone; SamePerson or BadSignature if its sign-offs do not stand.
    """
    space, today = house.space, house.space.clock.today()
    application, plan = application_from_json(row.application), plan_from_json(row.plan)
    conditions, rows = ((), None) if State(row.state) in PLANNED else _sealed(house, row)
    standing = standing_now(application, space.journal, today, space.people())
    decision = decision_on(application, plan, today, standing=standing, conditions=conditions, rows=rows)
    unkept = broken(conditions, Judged(plan, today, standing.n_collections))
    told = (
        *decision.missing,
        *(f"An approval without the condition '{one}'." for one in unkept),
        *standing.remedies(),
    )
    return Today(decision, today.isoformat(), rows is not None, () if decision.allowed else told)


def _sealed(house: House, row: ApplicationRow) -> tuple[tuple[Condition, ...], RowFacts | None]:
    """Return the conditions of the approval, and what was found on the rows once those of this approval were checked."""
    space, held = house.space, row.documents
    approved, checked = (held.get(kind.value) for kind in (DocumentKind.APPROVED_PLAN, DocumentKind.CHECKED_EXTRACT))
    if checked is not None:
        lineage = lineage_of(checked, space.journal, space.people())
        if {approved, held[DocumentKind.CANDIDATE_EXTRACT.value]} <= set(lineage.ancestry):
            return lineage.conditions, lineage.rows
    if approved is None:
        return (), None
    document = space.journal.load(approved)
    if document is None:
        message = "The approval of this application is missing."
        raise NotSealed(message, (approved,))
    return conditions_of(ApprovedPlan(document)), None
