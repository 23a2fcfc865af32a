"""Refused acts go into the log too: who tried what on which application, and the kind of refusal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from api.store.database import ApplicationRow, reading
from api.workspace.wiring import Workspace
from audit.journal import Event
from cld.errors import CLDError, InvalidTransition, NotPermitted
from extracts.life.states import Act, State, step

__all__ = ["ACT_REFUSED", "OUT_OF_TURN", "in_turn", "told"]

ACT_REFUSED = "act refused"
OUT_OF_TURN = (InvalidTransition, NotPermitted)
"""What is refused for the state of an application or the role of a person."""


@contextmanager
def told(
    space: Workspace, act: str, person: str, role: str, about: str, kinds: tuple[type[CLDError], ...] = (CLDError,)
) -> Iterator[None]:
    """Log an act that is refused inside; what was refused by then left nothing else behind.

    kinds:  those refusals that nobody else tells the log: the doors tell what policy and check refuse.
    """
    try:
        yield
    except kinds as fault:
        details = {"act": act, "about": about, "refusal": fault.code}
        space.journal.record(Event(ACT_REFUSED, person, role, details))
        raise


@contextmanager
def in_turn(space: Workspace, reference: str, act: Act, person: str, role: str) -> Iterator[None]:
    """Hold, before a door's work begins, that its act leads on from where the application stands; the transaction that
    keeps what the door made holds it again.

    Raises: InvalidTransition, WrongRole; each is logged.
    """
    with told(space, act.value, person, role, reference, OUT_OF_TURN):
        with reading(space.database) as session:
            row = session.get(ApplicationRow, reference)
        if row is not None:
            step(State(row.state), act, role)
        yield
