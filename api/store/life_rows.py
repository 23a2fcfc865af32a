"""Rows of an application's life: versions, votes, roles, named users, suspensions, terms and days."""

from __future__ import annotations

from datetime import date

from sqlalchemy import JSON, Boolean, Date, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from api.store.database import Base

__all__ = [
    "AgreementTermRow",
    "ApplicationVersionRow",
    "DayRow",
    "RecipientUserRow",
    "RoleChangeRow",
    "SuspensionRow",
    "VoteRow",
]


class ApplicationVersionRow(Base):
    """An application and its plan as they were once saved or submitted."""

    __tablename__ = "application_versions"
    reference: Mapped[str] = mapped_column(String(64), primary_key=True)
    version: Mapped[int] = mapped_column(Integer, primary_key=True)
    application: Mapped[dict[str, object]] = mapped_column(JSON)
    plan: Mapped[dict[str, object]] = mapped_column(JSON)


class VoteRow(Base):
    """One person's vote on exactly what was seen, in a round; a vote that went stale stays."""

    __tablename__ = "votes"
    reference: Mapped[str] = mapped_column(String(64), primary_key=True)
    stage: Mapped[str] = mapped_column(String(16), primary_key=True)
    round: Mapped[int] = mapped_column(Integer, primary_key=True)
    person: Mapped[str] = mapped_column(String(64), primary_key=True)
    seen: Mapped[str] = mapped_column(String(64), primary_key=True)
    answer: Mapped[str] = mapped_column(String(16))
    conditions: Mapped[list[dict[str, str]]] = mapped_column(JSON)
    reason: Mapped[str] = mapped_column(Text)
    signature: Mapped[str] = mapped_column(String(256))
    public_key: Mapped[str] = mapped_column(String(128))


class RoleChangeRow(Base):
    """A role given, taken away or delegated, in the order in which it was done."""

    __tablename__ = "role_changes"
    change_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    kind: Mapped[str] = mapped_column(String(32))
    person: Mapped[str] = mapped_column(String(64))
    role: Mapped[str] = mapped_column(String(32))
    from_day: Mapped[date] = mapped_column(Date)
    to_day: Mapped[date | None] = mapped_column(Date)
    by: Mapped[str] = mapped_column(String(64))


class RecipientUserRow(Base):
    """A named user of a recipient, from and to dates."""

    __tablename__ = "recipient_users"
    body_code: Mapped[str] = mapped_column(String(64), primary_key=True)
    person: Mapped[str] = mapped_column(String(64), primary_key=True)
    from_day: Mapped[date] = mapped_column(Date)
    to_day: Mapped[date | None] = mapped_column(Date)


class SuspensionRow(Base):
    """A written instruction that suspends or ends: what it reaches, from which day, and whether it was lifted."""

    __tablename__ = "suspensions"
    instruction: Mapped[str] = mapped_column(String(64), primary_key=True)
    scope: Mapped[str] = mapped_column(String(16))
    subject: Mapped[str] = mapped_column(String(64))
    from_day: Mapped[date] = mapped_column(Date)
    ends: Mapped[bool] = mapped_column(Boolean)
    lifted: Mapped[bool] = mapped_column(Boolean)


class AgreementTermRow(Base):
    """The last day of an agreement whose term was extended."""

    __tablename__ = "agreement_terms"
    agreement: Mapped[str] = mapped_column(String(64), primary_key=True)
    to_day: Mapped[date] = mapped_column(Date)


class DayRow(Base):
    """A day that was begun: nothing is done on an earlier one afterwards."""

    __tablename__ = "days"
    day: Mapped[date] = mapped_column(Date, primary_key=True)
