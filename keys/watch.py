"""Failed acts on keys, told to the log: what was tried and the kind of refusal, never which secret or how near it was."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from audit.journal import Event, Journal
from cld.errors import CLDError

__all__ = ["REFUSED", "watched"]

REFUSED = "key act refused"


@contextmanager
def watched(journal: Journal | None, act: str, actor: str) -> Iterator[None]:
    """Log a refusal of what is done inside, where there is a log, and let it pass on."""
    try:
        yield
    except CLDError as fault:
        if journal is not None:
            journal.record(Event(REFUSED, actor, "custodian", {"act": act, "refusal": fault.code}))
        raise
