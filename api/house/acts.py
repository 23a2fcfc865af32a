"""Acts of the house that rest on no application: policy is asked with what the log says, and each decision is kept.

Collecting a council's file, giving back to it, and re-identifying its rows. A suspension or an end of the Direction reaches
them as it reaches releases.
"""

from __future__ import annotations

from dataclasses import replace

from api.store.kept_policies import keep_version
from api.workspace.wiring import Workspace
from audit.journal import Event
from cld.errors import PolicyRefused
from extracts.approve import POLICY_ALLOWED
from extracts.life.standing import direction_standing
from policies.decide import Decision, decide_facts
from policies.facts import Facts
from policies.versioned.versions import version_on
from policies.words import Instrument

__all__ = ["POLICY_REFUSED", "ask_policy", "require_act"]

POLICY_REFUSED = "policy refused"


def ask_policy(space: Workspace, shown: Facts, council: str, actor: str, role: str) -> Decision:
    """Ask policy about an act for a council today, and log what it said.

    shown:  what the act itself shows; the day, the instrument and the written instructions are looked up here.
    Source: Direction 3 and 8.
    """
    today = space.clock.today()
    standing = direction_standing(space.journal, today)
    facts = replace(
        shown, on=today, instrument=Instrument.DIRECTION_2020, instructions_checked=True,
        suspended_from=standing.suspended_from, revoked_from=standing.revoked_from,
    )  # fmt: skip
    keep_version(space.folder, version_on(today))
    decision = decide_facts(facts)
    details = {"act": facts.action.value, "la_code": council, "decision": decision.as_kept()}
    space.journal.record(Event(POLICY_ALLOWED if decision.allowed else POLICY_REFUSED, actor, role, details))
    return decision


def require_act(space: Workspace, shown: Facts, council: str, actor: str, role: str) -> None:
    """Ask policy about an act, and refuse loudly.

    Raises: PolicyRefused with every refusing clause; the refusal is logged first.
    """
    decision = ask_policy(space, shown, council, actor, role)
    if not decision.allowed:
        message = f"Refused: {'; '.join(decision.clauses)}."
        raise PolicyRefused(message, decision.clauses, " ".join(decision.missing))
