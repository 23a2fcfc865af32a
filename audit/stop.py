"""The emergency stop: whether the log says that nothing is built, released or re-identified, and how that ends.

Anybody of the staff stops, alone and at once. A quorum lifts, each signing over that very stop, so that signatures do
not serve for the next one. The log is the only place that says which of the two came last.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from audit.journal import Event, Journal
from cld.canonical import digest_of, digest_of_bytes
from cld.errors import InvalidTransition, Stopped
from cld.signing import SignOff, require_quorum

__all__ = ["LIFTED", "STOPPED", "digest_to_lift", "is_stop", "lift", "require_running", "stop", "stop_in_force"]

STOPPED = "emergency stop"
LIFTED = "emergency stop lifted"
MARK = b'"action":"emergency stop'


def is_stop(leaf: bytes) -> bool | None:
    """Say whether a leaf stops (True) or lifts (False), None where it does neither."""
    if MARK not in leaf:
        return None
    action = json.loads(leaf)["action"]
    return {STOPPED: True, LIFTED: False}.get(action)


def stop_in_force(journal: Journal) -> str | None:
    """Return the digest of the stop that is on, None where none is."""
    for leaf in reversed(journal.leaves()):
        found = is_stop(leaf)
        if found is not None:
            return digest_of_bytes(leaf) if found else None
    return None


def require_running(journal: Journal) -> None:
    """Let nothing pass while the stop is on.

    Raises: Stopped.
    """
    if stop_in_force(journal) is not None:
        raise Stopped


def stop(journal: Journal, actor: str, role: str) -> str:
    """Stop every build, release and re-identification from now on; return the digest of the stop that is on."""
    if stop_in_force(journal) is None:
        journal.record(Event(STOPPED, actor, role, {}))
    return str(stop_in_force(journal))


def digest_to_lift(stop_digest: str) -> str:
    """Return what each person signs who would lift a stop."""
    return digest_of({"lift": stop_digest})


def lift(journal: Journal, signs: tuple[SignOff, ...], people: Mapping[str, str], quorum: int) -> None:
    """Lift the stop that is on.

    Raises: InvalidTransition if none is; SamePerson if too few different people signed; BadSignature.
    """
    on = stop_in_force(journal)
    if on is None:
        message = "The emergency stop is not on."
        raise InvalidTransition(message)
    require_quorum(signs, digest_to_lift(on), people, quorum)
    names = sorted(sign.person for sign in signs)
    journal.record(Event(LIFTED, names[0], "quorum", {"stop": on, "people": names}))
