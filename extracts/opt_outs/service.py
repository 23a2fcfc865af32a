"""What the gate asks of whoever knows who objects, and the plainest answerer: a list of the people who do.

The list is read into the session of one build and goes with it; nothing goes out to whoever keeps it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from cld.clock import Clock
from cld.engine import Query, Session

__all__ = ["ListedObjectors", "OptOutService"]


class OptOutService(Protocol):
    """Whoever says which of some people do not object."""

    def willing(self, session: Session, asked: str, into: str, question: str) -> datetime:
        """Make the table ``into`` x (nhs_number) of those in the table ``asked`` x (nhs_number) who do not object; return
        the moment at which that was asked.

        ``question`` is the digest of what is asked, the same whenever the same people are asked about.
        Raises: NoAnswerYet, to be tried again later; OptOutsUnknown if no answer came in time or what came is not one.
        """
        ...


@dataclass(frozen=True, slots=True)
class ListedObjectors:
    """A file that lists everybody who objects, as a column ``nhs_number``, as it stands."""

    path: Path
    clock: Clock

    def willing(self, session: Session, asked: str, into: str, question: str) -> datetime:
        """Take the listed ones away.

        Raises: UnreadableFile if there is no such list: an extract is not built without asking it.
        """
        del question
        session.read_file("objectors", self.path)
        text = f"select nhs_number from {asked} where nhs_number not in (select nhs_number from objectors) order by 1"  # noqa: S608
        session.table(into, Query(text, (asked, "objectors")))
        session.drop("objectors")
        return self.clock.now_utc()
