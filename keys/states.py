"""The states of a key and the ways between them, as one table.

Source: NIST SP 800-57 part 1 rev. 5, section 7. The suspended state of that page is not used: a key is active or it is not.
"""

from __future__ import annotations

from enum import StrEnum

from cld.errors import InvalidTransition

__all__ = ["PROCESSING", "TRANSITIONS", "KeyState", "require_transition"]


class KeyState(StrEnum):
    """States of a key. Source: NIST SP 800-57 part 1, section 7."""

    PRE_ACTIVE = "pre-active"
    ACTIVE = "active"
    DEACTIVATED = "deactivated"
    COMPROMISED = "compromised"
    DESTROYED = "destroyed"


TRANSITIONS: dict[KeyState, frozenset[KeyState]] = {
    KeyState.PRE_ACTIVE: frozenset({KeyState.ACTIVE, KeyState.COMPROMISED, KeyState.DESTROYED}),
    KeyState.ACTIVE: frozenset({KeyState.DEACTIVATED, KeyState.COMPROMISED, KeyState.DESTROYED}),
    KeyState.DEACTIVATED: frozenset({KeyState.COMPROMISED, KeyState.DESTROYED}),
    KeyState.COMPROMISED: frozenset({KeyState.DESTROYED}),
    KeyState.DESTROYED: frozenset(),
}

PROCESSING = frozenset({KeyState.ACTIVE, KeyState.DEACTIVATED, KeyState.COMPROMISED})
"""States in which a key may still recompute what it once made; only an active one makes anything new."""


def require_transition(before: KeyState, after: KeyState) -> None:
    """Hold a change of state to the table.

    Raises: InvalidTransition.
    """
    if after not in TRANSITIONS[before]:
        message = f"A key that is {before} does not become {after}."
        raise InvalidTransition(message, "See the states of a key in docs/methods/keys.md.")
