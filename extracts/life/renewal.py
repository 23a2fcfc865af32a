"""Whether pseudonyms may go on: under one agreement, or a renewal that keeps recipient and purposes, and under no other.

Source: design, keys: a pseudonym's domain is of one recipient and one agreement.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from audit.journal import Journal
from extracts.life.application import Application, application_from_json
from extracts.life.standing import DESTROYED

__all__ = ["NO_OTHER", "approved_under", "may_go_on"]

NO_OTHER = "pseudonyms survive a renewal that keeps recipient and purpose, and no other"
APPROVED, ENDED = b'"action":"approve"', f'"action":"{DESTROYED}"'.encode()


def approved_under(agreement: str, journal: Journal) -> Iterator[Application]:
    """Yield every application that was approved under an agreement."""
    for leaf in journal.leaves():
        if APPROVED not in leaf:
            continue
        document = journal.load(json.loads(leaf)["document"])
        if document is not None and document.body["application"]["agreement"]["reference"] == agreement:
            yield application_from_json(document.body["application"])


def may_go_on(application: Application, journal: Journal, codes: frozenset[str]) -> bool:
    """Say whether an application keeps to recipient and purposes of what was approved under its agreement before, and of
    the agreement that it renews where it goes on with that one's pseudonyms.

    codes:  the body's own and those of bodies that it succeeded, under whose agreements it may apply once policy is shown that
    it signed them anew; its pseudonyms are its own, since their domain holds the recipient's code.
    """
    agreement = application.agreement
    before = [*approved_under(agreement.reference, journal)]
    if agreement.keyed_by:
        renewed = [*approved_under(agreement.renews, journal)]
        if not renewed or any(one.agreement.pseudonyms_of != agreement.keyed_by for one in renewed):
            return False
        if not all(_keeps(application, one, frozenset({application.body_code})) for one in renewed):
            return False
    elif any(one.agreement.keyed_by for one in before):
        return False
    return all(_keeps(application, one, codes) for one in before) and not _is_ended(agreement.pseudonyms_of, journal)


def _keeps(application: Application, before: Application, codes: frozenset[str]) -> bool:
    kind = (application.body, application.acting_for) == (before.body, before.acting_for)
    same_body = kind and before.body_code in codes
    return same_body and set(application.purpose_codes) == set(before.purpose_codes)


def _is_ended(agreement: str, journal: Journal) -> bool:
    ended = [json.loads(leaf) for leaf in journal.leaves() if ENDED in leaf]
    return any(leaf["action"] == DESTROYED and leaf["details"]["keyed_by"] == agreement for leaf in ended)
