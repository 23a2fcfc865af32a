"""The street door ``reidentify``: one pseudonym back to one identifier, by recomputing; no table of them is kept.

1. Policy must have allowed it (it is off by default: the Direction gives no such route).  2. Two different people, neither
the one who asks, signed the digest of exactly this question.  3. The agreement's cap is not reached.  4. The log is
written before the answer is given, whether or not there is one.  5. The answer is for the council that submitted the row.

Source: shared reading, re-identification; design, three street doors.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from audit.journal import Event, Journal
from cld.canonical import digest_of
from cld.engine import Query, Session
from cld.errors import NotPermitted, PolicyRefused
from cld.signing import SignOff, require_two
from keys.derivation import PseudonymDomain
from keys.pseudonym import is_well_formed, pseudonym_table
from keys.store import KeyStore

__all__ = ["question_digest", "reidentify"]

ACTION = "re-identified"


def question_digest(pseudonym: str, domain: PseudonymDomain, reason: str, asked_by: str) -> str:
    """Return the digest that the two approvers sign; the pseudonym itself is nowhere in the log."""
    parts = (domain.recipient, domain.agreement, domain.family, domain.kind, str(domain.version))
    return digest_of({"pseudonym": pseudonym, "domain": list(parts), "reason": reason, "asked_by": asked_by})


def _n_answered(journal: Journal, agreement: str) -> int:
    held = (json.loads(leaf) for leaf in journal.leaves())
    return sum(leaf["action"] == ACTION and leaf["details"]["agreement"] == agreement for leaf in held)


def reidentify(
    pseudonym: str, domain: PseudonymDomain, *, reason: str, asked_by: str, allowed: bool, cap: int,
    signs: tuple[SignOff, ...], people: Mapping[str, str], session: Session, table: str, column: str,
    key_id: str, keys: KeyStore, journal: Journal,
) -> str | None:  # fmt: skip
    """Return the identifier in ``table.column`` whose pseudonym this is, or None; both are logged alike.

    Raises: PolicyRefused, SamePerson, BadSignature; NotPermitted at the cap; KeyDestroyed.
    """
    digest = question_digest(pseudonym, domain, reason, asked_by)
    details = {"agreement": domain.agreement, "question": digest}
    if not allowed:
        journal.record(Event("re-identification refused", asked_by, "applicant", details))
        message = "Re-identification is not allowed."
        raise PolicyRefused(message, ("not in the Direction: re-identification",))
    require_two(signs, digest, people, asked_by)
    if _n_answered(journal, domain.agreement) >= cap:
        journal.record(Event("re-identification refused", asked_by, "applicant", details))
        message = f"The agreement's {cap} re-identifications are used up."
        raise NotPermitted(message, "Ask for a new agreement.")
    journal.record(Event(ACTION, asked_by, "applicant", details))
    if not is_well_formed(pseudonym):
        return None
    pseudonym_table(session, "recomputed", table, column, keys.pseudonym_key(key_id, domain), domain)
    found = session.rows(
        Query("select identifier from recomputed where pseudonym = $wanted", ("recomputed",), {"wanted": pseudonym})
    )
    session.drop("recomputed")
    return str(found[0][0]) if found else None
