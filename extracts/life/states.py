"""The one table of an application's life: states, who must act next in each, and every act that leads on.

The diagram, the inbox, the kinds of audit event and the check in the transaction are all drawn from this table.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from cld.errors import InvalidTransition, WrongRole

__all__ = ["ACTS_OF", "BACK", "OWNERS", "TRANSITIONS", "Act", "State", "Transition", "possible", "step"]


class State(StrEnum):
    """Where an application stands."""

    DRAFT = "draft"
    IN_REVIEW = "in review"
    AGREEMENT_SIGNED = "agreement signed"
    RETURNED = "returned"
    APPROVED = "approved"
    BUILT = "built"
    CHECKED = "checked"
    RELEASED = "released"
    COLLECTED = "collected"
    EXPIRING = "expiring"
    EXPIRED = "expired"
    DESTRUCTION_DUE = "destruction due"
    DESTROYED = "destroyed"
    RENEWED = "renewed"
    REFUSED = "refused"
    APPEALED = "appealed"
    WITHDRAWN = "withdrawn"
    SUSPENDED = "suspended"
    REVOKED = "revoked"


class Act(StrEnum):
    """What somebody does; the value is the kind of audit event that says so."""

    SAVE = "application saved"
    SUBMIT = "application received"
    SIGN_AGREEMENT = "agreement signed"
    APPROVE = "approve"
    RETURN = "returned for change"
    REFUSE = "refused by approvers"
    REFUSE_BY_POLICY = "refused by policy"
    APPEAL = "appealed"
    UPHOLD_APPEAL = "appeal upheld"
    DISMISS_APPEAL = "appeal dismissed"
    BUILD = "build"
    CHECK = "check"
    REFUSE_BY_CHECK = "refused by check"
    RETURN_RELEASE = "release returned"
    REFUSE_RELEASE = "release refused"
    RELEASE = "release"
    COLLECT = "collected"
    SOON_EXPIRES = "agreement expiring"
    EXTEND = "agreement extended"
    EXPIRE = "agreement expired"
    RENEW = "renewed"
    MUST_DESTROY = "destruction due"
    DESTROY = "destroyed"
    WITHDRAW = "withdrawn"
    SUSPEND = "suspended"
    RESUME = "resumed"
    REVOKE = "revoked"


BACK = None
"""Where an act leads that takes an application back to where it stood before it was suspended."""


@dataclass(frozen=True, slots=True)
class Transition:
    """One act: from where, by which roles, to where (``BACK`` for the state before a suspension)."""

    act: Act
    origin: State | None
    roles: frozenset[str]
    target: State | None


APPLICANT, RECIPIENT = frozenset({"applicant"}), frozenset({"recipient"})
APPROVER, RELEASER = frozenset({"approver"}), frozenset({"releaser"})
OFFICER, OPERATOR, SYSTEM = frozenset({"officer"}), frozenset({"operator"}), frozenset({"system"})
CUSTODIAN = frozenset({"custodian"})

OWNERS: dict[State, str] = {
    State.DRAFT: "applicant",
    State.IN_REVIEW: "approver",
    State.AGREEMENT_SIGNED: "approver",
    State.RETURNED: "applicant",
    State.APPROVED: "operator",
    State.BUILT: "operator",
    State.CHECKED: "releaser",
    State.RELEASED: "recipient",
    State.COLLECTED: "",
    State.EXPIRING: "recipient",
    State.EXPIRED: "recipient",
    State.DESTRUCTION_DUE: "recipient",
    State.DESTROYED: "",
    State.RENEWED: "",
    State.REFUSED: "applicant",
    State.APPEALED: "officer",
    State.WITHDRAWN: "",
    State.SUSPENDED: "officer",
    State.REVOKED: "recipient",
}
"""The role that must act next; empty where nobody must."""

REVIEWED = (State.IN_REVIEW, State.AGREEMENT_SIGNED)
UNDER_WAY = (State.APPROVED, State.BUILT, State.CHECKED)
DELIVERED = (State.RELEASED, State.COLLECTED, State.EXPIRING)
LIVE = (*UNDER_WAY, *DELIVERED)
ENDED = (State.EXPIRED, State.DESTRUCTION_DUE)


def _each(act: Act, origins: tuple[State | None, ...], roles: frozenset[str], target: State | None) -> list[Transition]:
    return [Transition(act, origin, roles, target) for origin in origins]


TRANSITIONS: tuple[Transition, ...] = (
    *_each(Act.SAVE, (None, State.DRAFT), APPLICANT, State.DRAFT),
    *_each(Act.SAVE, (State.RETURNED,), APPLICANT, State.RETURNED),
    *_each(Act.SUBMIT, (None, State.DRAFT, State.RETURNED), APPLICANT, State.IN_REVIEW),
    *_each(Act.SIGN_AGREEMENT, (State.IN_REVIEW,), OFFICER, State.AGREEMENT_SIGNED),
    *_each(Act.APPROVE, REVIEWED, APPROVER, State.APPROVED),
    *_each(Act.RETURN, REVIEWED, APPROVER, State.RETURNED),
    *_each(Act.REFUSE, REVIEWED, APPROVER, State.REFUSED),
    *_each(Act.REFUSE_BY_POLICY, REVIEWED, APPLICANT, State.REFUSED),
    *_each(Act.APPEAL, (State.REFUSED,), APPLICANT, State.APPEALED),
    *_each(Act.UPHOLD_APPEAL, (State.APPEALED,), OFFICER, State.IN_REVIEW),
    *_each(Act.DISMISS_APPEAL, (State.APPEALED,), OFFICER, State.REFUSED),
    *_each(Act.BUILD, (*UNDER_WAY,), OPERATOR, State.BUILT),
    *_each(Act.CHECK, (State.BUILT, State.CHECKED), OPERATOR, State.CHECKED),
    *_each(Act.REFUSE_BY_CHECK, (State.BUILT, State.CHECKED), OPERATOR, State.REFUSED),
    *_each(Act.RETURN_RELEASE, (State.CHECKED,), RELEASER, State.APPROVED),
    *_each(Act.REFUSE_RELEASE, (State.CHECKED,), RELEASER, State.REFUSED),
    *_each(Act.RELEASE, (State.CHECKED,), RELEASER, State.RELEASED),
    *_each(Act.COLLECT, (State.RELEASED, State.COLLECTED), RECIPIENT, State.COLLECTED),
    *_each(Act.COLLECT, (State.EXPIRING,), RECIPIENT, State.EXPIRING),
    *_each(Act.SOON_EXPIRES, (State.RELEASED, State.COLLECTED), SYSTEM, State.EXPIRING),
    *_each(Act.EXTEND, (State.EXPIRING,), APPROVER, State.RELEASED),
    *_each(Act.EXPIRE, LIVE, SYSTEM, State.EXPIRED),
    *_each(Act.RENEW, (*DELIVERED, State.EXPIRED), SYSTEM, State.RENEWED),
    *_each(Act.MUST_DESTROY, (State.EXPIRED,), SYSTEM, State.DESTRUCTION_DUE),
    *_each(Act.DESTROY, (*DELIVERED, *ENDED, State.REVOKED), CUSTODIAN, State.DESTROYED),
    *_each(Act.WITHDRAW, (State.DRAFT, *REVIEWED, State.RETURNED, *UNDER_WAY), APPLICANT, State.WITHDRAWN),
    *_each(Act.SUSPEND, (*REVIEWED, *LIVE), OFFICER | SYSTEM, State.SUSPENDED),
    *_each(Act.RESUME, (State.SUSPENDED,), OFFICER, BACK),
    *_each(Act.EXPIRE, (State.SUSPENDED,), SYSTEM, State.EXPIRED),
    *_each(Act.REVOKE, (*REVIEWED, *LIVE, State.EXPIRED, State.SUSPENDED), OFFICER | SYSTEM, State.REVOKED),
)

ACTS_OF: dict[str, Act] = {act.value: act for act in Act}
"""Acts by the kind of audit event."""


def possible(state: State | None) -> tuple[Transition, ...]:
    """Return what may happen in a state, in the table's order; ``None`` is before there is an application."""
    return tuple(transition for transition in TRANSITIONS if transition.origin is state)


def step(state: State | None, act: Act, role: str) -> Transition:
    """Return the transition of an act.

    Raises: InvalidTransition, with what is possible, if the act does not lead on from the state; WrongRole if the role
            does not carry it.
    """
    found = next((one for one in possible(state) if one.act is act), None)
    if found is None:
        acts = ", ".join(dict.fromkeys(one.act.value for one in possible(state))) or "nothing"
        told = state.value if state else "not there yet"
        message = f"The application is {told}: '{act.value}' does not lead on from there."
        raise InvalidTransition(message, f"Possible is: {acts}.")
    if role not in found.roles:
        message = f"'{act.value}' is for: {', '.join(sorted(found.roles))}."
        raise WrongRole(message, "Ask somebody of that role.")
    return found
