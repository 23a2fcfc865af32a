"""A key's record held against the log: a record that was taken away or put back to an older state is not used.

The keystore alone cannot tell a key that never was from one whose record is gone. The log can: every build and every act
on a key names it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from audit.journal import Journal
from cld.canonical import canonical_bytes
from cld.errors import KeyDestroyed, KeyUnavailable
from keys.states import KeyState
from keys.store import KeyStore

__all__ = ["require_as_logged"]

ORDER = list(KeyState)
OLDER = "Restore the keystore from its newest backup."


def require_as_logged(key_id: str, keys: KeyStore, journal: Journal) -> None:
    """Hold that the keystore holds each version of a key that the log knows, no younger in its life than there.

    Raises: KeyDestroyed if the log says that a version was destroyed, which the keystore does not; KeyUnavailable if the log
            knows the key, or more of it than the keystore does.
    """
    logged = _logged(key_id, journal)
    if not logged:
        return
    held = {version.number: version.state for version in keys.versions(key_id)} if key_id in keys.key_ids() else {}
    for number, (state, day) in sorted(logged.items()):
        if number in held and ORDER.index(held[number]) >= ORDER.index(state):
            continue
        if state is KeyState.DESTROYED:
            message = f"The log says that the key was destroyed on {day}."
            raise KeyDestroyed(message)
        message = "The keystore lacks a key that the log knows, or holds it as it was before."
        raise KeyUnavailable(message, OLDER)


def _logged(key_id: str, journal: Journal) -> dict[int, tuple[KeyState, str]]:
    """Return the furthest state of each version of a key that the log knows, and the day on which it says so."""
    found: dict[int, tuple[KeyState, str]] = {}
    for leaf in journal.leaves():
        if canonical_bytes(key_id) not in leaf:
            continue
        held = json.loads(leaf)
        for number, state in _told(key_id, held["details"]):
            known = found.get(number)
            if known is None or ORDER.index(state) > ORDER.index(known[0]):
                found[number] = state, str(held["at_utc"])[:10]
    return found


def _told(key_id: str, details: dict[str, Any]) -> Iterator[tuple[int, KeyState]]:
    """Yield the versions that a leaf speaks of: made or used, put into another state, or destroyed, which names several."""
    if details.get("key_id") != key_id:
        return
    if "versions" in details:
        yield from ((int(one["version"]), KeyState(details["state"])) for one in details["versions"])
    else:
        yield (
            int(details.get("version", details.get("key_version", 1))),
            KeyState(details.get("state", KeyState.ACTIVE)),
        )
