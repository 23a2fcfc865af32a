"""Oblivious keying in a house: a council's request answered under its own agreement, within caps, and counted in the log."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from api.house.house import House
from api.workspace.wiring import Workspace
from audit.journal import Event
from audit.stop import require_running
from cld.clock import SystemEntropy
from cld.errors import CLDError, InvalidTransition, NotPermitted
from cld.shelf import atomic_write
from extracts.keying import Keying, is_of_one_release, keying_for, kinds_of
from keys.oblivious.exchange import Request, evaluated, public_key_of, read_request
from policies.safeguards import safeguards_on

__all__ = ["ObliviousDesk"]

ANSWERED = "oblivious keying answered"
REFUSED = "oblivious keying refused"


@dataclass(frozen=True, slots=True)
class ObliviousDesk:
    """Where councils' blinded identifiers are evaluated."""

    space: Workspace

    def public_key(self, reference: str, kind: str, suite: str) -> tuple[str, int]:
        """Return the public key, in hexadecimal, that proofs of an application's agreement hold against, and its version."""
        keying = self._keying(reference, kind)
        return public_key_of(suite, keying.key(kind), keying.domain(kind)).hex(), keying.version

    def evaluate(self, reference: str, path: Path, out: Path, by: str) -> dict[str, object]:
        """Answer a request under the key of an application's agreement, into a file; return what the log holds of it.

        The log is written before the answer is handed out, and holds counts and the request's digest alone.
        Raises: Stopped; InvalidTransition; NotPermitted for an agreement that is not in force, another's request or one over
                a cap; InputError for what is malformed; each is logged.
        """
        journal = self.space.journal
        told: dict[str, object] = {"application": reference}
        try:
            require_running(journal)
            request = read_request(path)
            told |= {"request": request.digest(), "n_elements": len(request.elements)}
            keying = self._keying(reference, request.domain.kind)
            told |= {"agreement": keying.agreement, "key_id": keying.key_id, "key_version": keying.version}
            self._require_own(request, keying)
            limits = safeguards_on(self.space.clock.today())
            self._require_within_cap(keying.agreement, len(request.elements), limits.oblivious_of_an_agreement)
            domain = keying.domain(request.domain.kind)
            reply = evaluated(request, keying.key(domain.kind), domain, SystemEntropy(), most=limits.oblivious_at_once)
            journal.record(Event(ANSWERED, by, "custodian", told))
            # counted again with this one in the log: of two requests at the same time neither goes over the cap
            self._require_within_cap(keying.agreement, 0, limits.oblivious_of_an_agreement)
        except CLDError as fault:
            journal.record(Event(REFUSED, by, "custodian", told | {"reason": fault.code}))
            raise
        atomic_write(out, reply.content())
        return told

    def _keying(self, reference: str, kind: str) -> Keying:
        """Return the key of an approved application whose agreement is in force."""
        house, today = House(self.space), self.space.clock.today()
        application, plan = house.application(reference)
        house.approved(reference)
        if not application.agreement.from_day <= today <= application.agreement.to_day:
            message = "The agreement is not in force."
            raise NotPermitted(message, "Agree anew, and apply.")
        if is_of_one_release(plan) or kind not in kinds_of(plan):
            message = "The agreement keys no identifiers of that kind that last from one release to the next."
            raise InvalidTransition(message, "Name a kind that its extracts key.")
        return keying_for(application, plan, self.space.keys, self.space.journal)

    def _require_own(self, request: Request, keying: Keying) -> None:
        asked, own = request.domain, keying.domain(request.domain.kind)
        if (asked.recipient, asked.agreement, asked.family) != (own.recipient, own.agreement, own.family):
            message = "The request names another recipient, agreement or family."
            raise NotPermitted(message, "Blind again with the names of this agreement.")

    def _require_within_cap(self, agreement: str, n_more: int, cap: int) -> None:
        held = (json.loads(leaf) for leaf in self.space.journal.leaves() if ANSWERED.encode() in leaf)
        n_so_far = sum(
            int(leaf["details"]["n_elements"])
            for leaf in held
            if leaf["action"] == ANSWERED and leaf["details"]["agreement"] == agreement
        )
        if n_so_far + n_more > cap:
            message = "The request goes over the agreement's cap on oblivious keying."
            raise NotPermitted(message, "Ask for a new agreement.")
