"""Events of people, agreements, suspensions and days, as rows that every transaction can ask."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

from sqlalchemy.orm import Session

from api.store.life_rows import AgreementTermRow, DayRow, RecipientUserRow, RoleChangeRow, SuspensionRow
from audit.journal import Event
from extracts.life.roles import RoleChangeKind
from extracts.life.standing import EXTENDED, LIFTED, SUSPENDED

__all__ = ["DAY_BEGUN", "USER_NAMED", "keep_life"]

USER_NAMED, DAY_BEGUN = "recipient user named", "day begun"


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None


def _role(session: Session, kind: str, told: Mapping[str, Any]) -> None:
    start, end = date.fromisoformat(told["from"]), _day(told["to"])
    row = RoleChangeRow(kind=kind, person=told["person"], role=told["role"], from_day=start, to_day=end, by=told["by"])
    session.add(row)


def _user(session: Session, _: str, told: Mapping[str, Any]) -> None:
    start, end = date.fromisoformat(told["from"]), _day(told["to"])
    session.merge(RecipientUserRow(body_code=told["body_code"], person=told["person"], from_day=start, to_day=end))


def _suspension(session: Session, _: str, told: Mapping[str, Any]) -> None:
    start = date.fromisoformat(told["effective"])
    row = SuspensionRow(
        instruction=told["instruction"], scope=told["scope"], subject=told["subject"], from_day=start, ends=told["ends"], lifted=False
    )  # fmt: skip
    session.add(row)


def _lifted(session: Session, _: str, told: Mapping[str, Any]) -> None:
    session.get_one(SuspensionRow, told["instruction"]).lifted = True


def _term(session: Session, _: str, told: Mapping[str, Any]) -> None:
    session.merge(AgreementTermRow(agreement=told["agreement"], to_day=date.fromisoformat(told["to"])))


def _begun(session: Session, _: str, told: Mapping[str, Any]) -> None:
    session.merge(DayRow(day=date.fromisoformat(told["day"])))


KEPT: Mapping[str, Callable[[Session, str, Mapping[str, Any]], None]] = {
    **dict.fromkeys((kind.value for kind in RoleChangeKind), _role),
    USER_NAMED: _user,
    SUSPENDED: _suspension,
    LIFTED: _lifted,
    EXTENDED: _term,
    DAY_BEGUN: _begun,
}


def keep_life(session: Session, event: Event) -> None:
    """Keep what an event says beside the log, if it is one of these kinds."""
    keep = KEPT.get(event.action)
    if keep is not None:
        keep(session, event.action, event.details)
