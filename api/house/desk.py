"""What applicants and officers do with an application beside the six verbs: drafts, agreements, withdrawal, appeal."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import select

from api.house.house import House
from api.life.refusals import told
from api.store.database import ApplicationRow, reading
from api.store.life_rows import ApplicationVersionRow
from api.workspace.wiring import Workspace
from audit.journal import Event
from cld.canonical import digest_of_file
from cld.errors import InputError, InvalidTransition
from cld.free_text import FreeText
from cld.plan import ExtractPlan
from extracts.approve import Application
from extracts.life.changes import Change, changes_between
from extracts.life.completeness import what_is_missing
from extracts.life.states import OWNERS, Act, State, possible

__all__ = ["LifeDesk"]


@dataclass(frozen=True, slots=True)
class LifeDesk:
    """Applications of one workspace."""

    house: House

    @property
    def space(self) -> Workspace:
        """The workspace."""
        return self.house.space

    def save(self, application: Application, plan: ExtractPlan, person: str) -> tuple[str, ...]:
        """Save a draft, whatever it lacks; return what it lacks, as advice."""
        space, decision = self.space, self.house.decision(application, plan)
        details = {"application": application.as_json(), "plan": plan.as_json(), "decision": decision.as_record()}
        with told(space, "save", person, "applicant", application.reference):
            space.journal.record(Event(Act.SAVE.value, person, "applicant", details))
        return what_is_missing(application, plan)

    def act(self, reference: str, act: Act, person: str, role: str, reason: str = "", **facts: object) -> str:
        """Do one act of the table that takes no more than a reason; return the state that it leads to."""
        space = self.space
        details = {"application": reference, "reason": FreeText(reason), **facts}
        with told(space, act.value, person, role, reference):
            self.row(reference)
            space.journal.record(Event(act.value, person, role, details))
        return self.row(reference).state

    def withdraw(self, reference: str, person: str, reason: str) -> str:
        """Withdraw an application that was not released."""
        return self.act(reference, Act.WITHDRAW, person, "applicant", reason)

    def appeal(self, reference: str, person: str, reason: str) -> str:
        """Appeal against a refusal, with reasons.

        Raises: InputError without any.
        """
        _require_reason(reason)
        return self.act(reference, Act.APPEAL, person, "applicant", reason)

    def decide_appeal(self, reference: str, person: str, reason: str, *, uphold: bool) -> str:
        """Uphold an appeal, which opens a new round of votes, or dismiss it."""
        _require_reason(reason)
        return self.act(reference, Act.UPHOLD_APPEAL if uphold else Act.DISMISS_APPEAL, person, "officer", reason)

    def sign_agreement(self, reference: str, person: str, signed: Path) -> str:
        """Record that both parties signed the agreement of an application, with the digest of what they signed."""
        application, _ = self.house.application(reference)
        facts = {"agreement": application.agreement.reference, "signed_digest": digest_of_file(signed)}
        return self.act(reference, Act.SIGN_AGREEMENT, person, "officer", **facts)

    def changes(self, reference: str) -> tuple[Change, ...]:
        """Return what the last version of an application changed, field by field; none for a first version."""
        with reading(self.space.database) as session:
            wanted = select(ApplicationVersionRow).where(ApplicationVersionRow.reference == reference)
            rows = session.scalars(wanted.order_by(ApplicationVersionRow.version.desc()).limit(2)).all()
        if len(rows) < 2:  # noqa: PLR2004 - one before another
            return ()
        after, before = ({"application": row.application, "plan": row.plan} for row in rows)
        return changes_between(before, after)

    def row(self, reference: str) -> ApplicationRow:
        """Return where an application stands.

        Raises: InvalidTransition if there is none of that reference.
        """
        with reading(self.space.database) as session:
            row = session.get(ApplicationRow, reference)
        if row is None:
            message = f"There is no application {reference}."
            raise InvalidTransition(message, "Take it in first.")
        return row

    def standing(self, reference: str) -> dict[str, Any]:
        """Return state, who acts next and what may happen."""
        row = self.row(reference)
        state = State(row.state)
        acts = [{"act": one.act.value, "roles": sorted(one.roles)} for one in possible(state)]
        return {
            "reference": reference, "state": state.value, "acts_next": OWNERS[state], "possible": acts, "version": row.version,
            "round": row.round, "agreement": row.agreement, "reasons": row.reasons,
        }  # fmt: skip


def _require_reason(reason: str) -> None:
    if not reason.strip():
        message = "Say why."
        raise InputError(message, "Give a reason.")
