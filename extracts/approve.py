"""The door ``approve``: an application with its plan and the policy's decision, signed by two different people.

1. The plan is read into its closed algebra.  2. Policy decides on the facts of application, agreement and plan.
3. Two people, neither the applicant nor each other, sign the digest of all three.  4. The document is sealed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, NoReturn

from audit.journal import Event, Journal
from cld.canonical import digest_of
from cld.errors import PolicyRefused
from cld.journey import ApprovedPlan, Document, DocumentKind
from cld.plan import ExtractPlan
from cld.signing import SignOff
from extracts.life.application import Agreement, Application, application_from_json
from extracts.life.completeness import require_complete
from extracts.life.conditions import Condition, Judged, broken
from extracts.life.facts import facts_on
from extracts.life.renewal import NO_OTHER, may_go_on
from extracts.life.rows import RowFacts, promised_by
from extracts.life.standing import Standing, standing_of
from extracts.life.successions import NOBODY, successions_in
from extracts.life.votes import approval_from
from policies.decide import Decision, decide_facts

__all__ = [
    "POLICY_ALLOWED",
    "Agreement",
    "Application",
    "application_from_json",
    "approve",
    "conditions_of",
    "decision_on",
    "digest_of_words",
    "digest_to_sign",
    "receive",
    "require_act_allowed",
    "require_allowed",
    "signs_json",
    "standing_now",
]


NOTHING: Mapping[str, Any] = {}
POLICY_ALLOWED = "policy allowed"


def standing_now(
    application: Application, journal: Journal, today: date, people: Mapping[str, str] = NOBODY
) -> Standing:
    """Return what the log says by now of an application's agreement, recipient and Direction.

    people:  the register by which signatures under entries of successors are held; without it no successor stands.
    """
    agreement = application.agreement
    return standing_of(
        agreement.reference, application.body_code, journal, today, keyed_by=agreement.pseudonyms_of,
        reference=application.reference, people=people,
    )  # fmt: skip


def decision_on(
    application: Application, plan: ExtractPlan, today: date, *, standing: Standing, conditions: tuple[Condition, ...] = (),
    rows: RowFacts | None = None,
) -> Decision:  # fmt: skip
    """Ask policy.

    rows:  what the sealed documents say of the rows; None before there are any, when the plan's promise is asked about.

    standing:  what happened to the agreement since (``standing_now``); conditions:  what the approvers set.
    """
    unkept = broken(conditions, Judged(plan, today, standing.n_collections))
    return decide_facts(
        facts_on(application, plan, today, rows=rows or promised_by(plan), standing=standing, unkept=unkept)
    )


def receive(
    application: Application, plan: ExtractPlan, *, today: date, journal: Journal, people: Mapping[str, str] = NOBODY
) -> Decision:
    """Log an application as received, with its plan and the decision of the day, and return the decision.

    Raises: InputError if it lacks anything; PolicyRefused, logged first, if its pseudonyms may not go on.
    """
    require_complete(application, plan)
    _require_may_go_on(application, journal, today, people)
    decision = decision_on(application, plan, today, standing=standing_now(application, journal, today, people))
    details = {
        "application": application.as_json(),
        "plan": plan.as_json(),
        "decision": decision.as_record(),
    }
    journal.record(Event("application received", application.applicant, "applicant", details))
    return decision


def _require_may_go_on(application: Application, journal: Journal, today: date, people: Mapping[str, str]) -> None:
    codes = successions_in(journal, people).codes_of(application.body_code, today)
    if not may_go_on(application, journal, codes):
        _refuse(application, (NO_OTHER,), "Apply under a new agreement with keys of its own.", journal)


def _refuse(
    application: Application,
    clauses: tuple[str, ...],
    remedy: str,
    journal: Journal,
    decided: Mapping[str, Any] = NOTHING,
) -> NoReturn:
    details = {"application": application.reference, "clauses": list(clauses), **decided}
    journal.record(Event("refused by policy", application.applicant, "applicant", details))
    message = f"Refused: {'; '.join(clauses)}."
    raise PolicyRefused(message, clauses, remedy)


def digest_to_sign(application: Application, plan: ExtractPlan, decision: Decision) -> str:
    """Return the digest that approvers sign: application, plan and decision together."""
    return digest_of_words(application.as_json(), plan.as_json(), decision.as_json())


def digest_of_words(application: Mapping[str, Any], plan: Mapping[str, Any], decision: Mapping[str, Any]) -> str:
    """Return the digest that approvers sign, of JSON values.

    The facts of a decision name its day; what is signed does not, so that a night makes no vote stale.
    """
    decided = {name: value for name, value in decision.items() if name != "facts"}
    return digest_of({"application": application, "plan": plan, "decision": decided})


def require_allowed(
    application: Application, plan: ExtractPlan, today: date, *, journal: Journal, people: Mapping[str, str],
    conditions: tuple[Condition, ...] = (), rows: RowFacts | None = None,
) -> Decision:  # fmt: skip
    """Ask policy, with what the log says by now of agreement, recipient and Direction, and refuse loudly.

    Raises: PolicyRefused with every refusing clause; the refusal is logged first.
    """
    standing = standing_now(application, journal, today, people)
    decision = decision_on(application, plan, today, standing=standing, conditions=conditions, rows=rows)
    if not decision.allowed:
        unkept = broken(conditions, Judged(plan, today, standing.n_collections))
        told = (*(f"An approval without the condition '{one}'." for one in unkept), *standing.remedies())
        decided = {"decision": decision.as_record()}
        _refuse(application, decision.clauses, " ".join((*decision.missing, *told)), journal, decided)
    return decision


def require_act_allowed(
    act: str, actor: str, application: Application, plan: ExtractPlan, today: date, *, journal: Journal,
    people: Mapping[str, str], conditions: tuple[Condition, ...], rows: RowFacts | None = None,
) -> None:  # fmt: skip
    """Ask policy of the act of a day on what was approved, refuse as ``require_allowed`` does, and log what allowed it.

    The decision is a leaf of its own: that of a release goes into the package.
    Raises: PolicyRefused.
    """
    decision = require_allowed(
        application, plan, today, journal=journal, people=people, conditions=conditions, rows=rows
    )
    details = {"act": act, "application": application.reference, "decision": decision.as_kept()}
    journal.record(Event(POLICY_ALLOWED, actor, "policy", details))


def approve(
    application: Application,
    plan: ExtractPlan,
    signs: tuple[SignOff, ...],
    *,
    people: Mapping[str, str],
    today: date,
    journal: Journal,
    said: Sequence[Mapping[str, Any]] = (),
) -> ApprovedPlan:
    """Seal an approved plan. ``said`` holds the conditions and the reason of each vote that has any, by person.

    Raises: PolicyRefused, SamePerson, BadSignature.
    Source: Direction 6(b) closing words; design, two signatures twice.
    """
    _require_may_go_on(application, journal, today, people)
    decision = require_allowed(application, plan, today, journal=journal, people=people)
    approval = approval_from(signs_json(signs), said, digest_to_sign(application, plan, decision))
    approval.require(people, application.applicant)
    require_allowed(application, plan, today, journal=journal, people=people, conditions=approval.conditions)
    body = {
        "application": application.as_json(),
        "plan": plan.as_json(),
        "decision": decision.as_record(),
        "signs": signs_json(signs),
        "votes": approval.as_json(),
    }
    document = Document(DocumentKind.APPROVED_PLAN, (), body)
    journal.seal(document, Event("approve", signs[0].person, "approver", {"application": application.reference}))
    return ApprovedPlan(document)


def signs_json(signs: tuple[SignOff, ...]) -> list[list[str]]:
    """Return sign-offs as a sealed document holds them."""
    return [[sign.person, sign.signature, sign.public_key] for sign in signs]


def conditions_of(approved: ApprovedPlan) -> tuple[Condition, ...]:
    """Return the conditions that an approved plan was given under."""
    body = approved.document.body
    return approval_from(body["signs"], body["votes"], "").conditions
