"""Memory on the database: which releases each recipient holds, kept in the transaction that seals each release."""

from __future__ import annotations

import json

from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from api.store.database import DocumentRow, LeafRow, MemoryRow, reading
from audit.journal import Journal
from cld.errors import NotSealed, StaleVersion
from cld.journey import Document
from disclosure.memory.verdict import PastRelease

__all__ = ["SqlMemory", "remember_release"]

RESTORE = "Restore it from the backup; until then nothing leaves."


class SqlMemory:
    """A disclosure.memory.verdict.Memory on SQLAlchemy."""

    def __init__(self, database: Engine, journal: Journal) -> None:
        """Read an open database; what a release told is read from its sealed document."""
        self._database, self._journal = database, journal

    def held_by(self, body_code: str) -> tuple[PastRelease, ...]:
        """Return what a recipient holds, oldest first.

        Raises: NotSealed if a release is missing or altered, or the log has releases that memory lacks.
        """
        with reading(self._database) as session:
            _require_every_release(session)
            rows = session.scalars(
                select(MemoryRow).where(MemoryRow.body_code == body_code).order_by(MemoryRow.place)
            ).all()
        return tuple(self._past(row) for row in rows)

    def _past(self, row: MemoryRow) -> PastRelease:
        release, checked = self._journal.load(row.release), self._journal.load(row.checked)
        whole = release is not None and checked is not None
        whole = whole and release.digest == row.release and checked.digest == row.checked  # type: ignore[union-attr]
        if not whole or release.parents != (row.checked,) or release.body["body_code"] != row.body_code:  # type: ignore[union-attr]
            message = (
                f"What {row.name} told its recipient is missing or altered; what is not known is not assumed harmless."
            )
            raise NotSealed(message, (row.checked,), RESTORE)
        return PastRelease(row.name, row.body_code, checked.body, row.release)  # type: ignore[union-attr]


def _require_every_release(session: Session) -> None:
    """Hold that memory is as long as the log: a release that was forgotten would be taken for harmless."""
    leaves = session.scalars(select(LeafRow.content))
    n_released = sum(json.loads(leaf)["action"] == "release" for leaf in leaves)
    n_remembered = session.scalar(select(func.count()).select_from(MemoryRow)) or 0
    if n_released != n_remembered:
        message = f"The log has {n_released} releases and memory {n_remembered}."
        raise NotSealed(message, (), RESTORE)


def remember_release(session: Session, document: Document, name: str) -> None:
    """Add a release to its recipient's memory, in the transaction that seals it.

    Raises: StaleVersion if anyone it was weighed for holds more than when it was checked: it was not weighed against that.
    """
    content = session.get_one(DocumentRow, document.parents[0]).content
    judged_against: dict[str, int] = json.loads(content)["body"]["judged_against"]
    for code, n_then in sorted(judged_against.items()):
        if _n_held(session, code) != n_then:
            message = f"{code} was given something since this extract was checked, and it was not weighed against that."
            raise StaleVersion(message, "Check it again, and have it signed again.")
    code = str(document.body["body_code"])
    row = MemoryRow(
        body_code=code,
        place=_n_held(session, code),
        name=name,
        checked=document.parents[0],
        release=document.digest,
    )
    session.add(row)


def _n_held(session: Session, body_code: str) -> int:
    return session.scalar(select(func.count()).select_from(MemoryRow).where(MemoryRow.body_code == body_code)) or 0
