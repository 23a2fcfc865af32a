"""Refused acts go into the log too: who tried what on which application, and the kind of refusal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from api.wiring import Workspace
from audit.journal import Event
from cld.errors import CLDError

__all__ = ["ACT_REFUSED", "told"]

ACT_REFUSED = "act refused"


@contextmanager
def told(space: Workspace, act: str, person: str, role: str, about: str) -> Iterator[None]:
    """Log an act that is refused inside; what was refused by then left nothing else behind."""
    try:
        yield
    except CLDError as fault:
        details = {"act": act, "about": about, "refusal": fault.code}
        space.journal.record(Event(ACT_REFUSED, person, role, details))
        raise
