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
    """Log a refusal or an interruption of what is done inside, where there is a log, and let it pass on."""
    try:
        yield
    except BaseException as fault:
        if journal is not None:
            journal.record(Event(REFUSED, actor, "custodian", {"act": act, "refusal": _kind(fault)}))
        raise


def _kind(fault: BaseException) -> str:
    """Return an error's code; of others only whether the system refused or somebody broke off."""
    if isinstance(fault, CLDError):
        return fault.code
    return "storage" if isinstance(fault, OSError) else "interrupted"
