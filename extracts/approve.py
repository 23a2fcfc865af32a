"""The door ``approve``: an application with its plan and the policy's decision, signed by two different people.

1. The plan is read into its closed algebra.  2. Policy decides on the facts of application, agreement and plan.
3. Two people, neither the applicant nor each other, sign the digest of all three.  4. The document is sealed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any, NoReturn

from audit.journal import Event, Journal
from cld.canonical import digest_of
from cld.errors import PolicyRefused
from cld.journey import ApprovedPlan, Document, DocumentKind
from cld.plan import Combined, ExtractPlan, Registered, Resident, Submitted, Subset
from cld.signing import SignOff
from cld.vocabulary import Coverage, Form
from extracts.life.application import Agreement, Application, application_from_json
from extracts.life.completeness import require_complete
from extracts.life.conditions import Condition, Facts, broken
from extracts.life.renewal import NO_OTHER, may_go_on
from extracts.life.standing import Standing, standing_of
from extracts.life.votes import approval_from
from policies.decide import Decision, decide

__all__ = [
    "Agreement",
    "Application",
    "application_from_json",
    "approve",
    "conditions_of",
    "decision_on",
    "digest_to_sign",
    "receive",
    "require_allowed",
    "signs_json",
    "standing_now",
]

AS_APPLIED_FOR = Standing()


def coverage_for(plan: ExtractPlan, body_code: str) -> Coverage:
    """Say whether the plan's population is the recipient's own. Source: shared reading, 6(b) bullet 3."""
    match plan.population:
        case Submitted(code) | Registered(code, _) | Resident(code, _):
            return Coverage.OWN if code == body_code else Coverage.OTHER
        case Combined():
            return Coverage.COMBINED
        case Subset():
            return Coverage.SUBSET


def standing_now(application: Application, journal: Journal, today: date) -> Standing:
    """Return what the log says by now of an application's agreement, recipient and Direction."""
    agreement = application.agreement
    return standing_of(
        agreement.reference, application.body_code, journal, today, keyed_by=agreement.pseudonyms_of,
        reference=application.reference,
    )  # fmt: skip


def decision_on(
    application: Application, plan: ExtractPlan, today: date, *, checked: bool, standing: Standing = AS_APPLIED_FOR,
    conditions: tuple[Condition, ...] = (),
) -> Decision:  # fmt: skip
    """Ask policy. Before the disclosure check ``checked`` speaks of the plan's profile; at release, of its result.

    standing:  what happened to the agreement since; conditions:  what the approvers set.
    """
    agreement = application.agreement
    asked = {
        "action": application.action,
        "body": application.body,
        "acting_for": application.acting_for,
        "form": plan.form.value,
        "coverage": coverage_for(plan, application.body_code).value,
        "annex3_aim": application.annex3_aim,
        "small_numbers_suppressed": checked and plan.form is Form.AGGREGATE,
        "anonymisation_checked": checked and plan.form is Form.ANONYMISED,
        "key_for_recipient": plan.form is Form.PSEUDONYMISED,
        "purposes": list(application.purpose_codes) if all(p.justification for p in application.purposes) else [],
        "dars_approved": application.dars_approved,
        "agreement_from": agreement.from_day.isoformat(),
        "agreement_to": (standing.to_day or agreement.to_day).isoformat(),
        "agreement_signed": agreement.signed or standing.signed,
        "lawful_basis_nhs": application.lawful_basis_nhs == "s261(1) with s261(2)(e)",
        "lawful_basis_recipient": bool(application.lawful_basis_recipient),
        "nihr_funded": application.nihr_funded,
        "joint_approval": application.joint_approval,
        "processor_contract_to": application.processor_contract_to.isoformat()
        if application.processor_contract_to
        else None,
        "on": today.isoformat(),
    }
    unkept = broken(conditions, Facts(plan, today, standing.n_collections))
    return _held_back(decide(asked), standing, unkept)


def _held_back(decision: Decision, standing: Standing, unkept: tuple[Condition, ...]) -> Decision:
    """Refuse what the Direction's policies allow but a suspension, an ended agreement or a condition holds back."""
    told = [*standing.refusals(), *((f"condition of the approval: {one}", "an approval without it") for one in unkept)]
    if not told:
        return decision
    clauses = (*(clause for clause, _ in told), *(() if decision.allowed else decision.clauses))
    return replace(decision, allowed=False, clauses=clauses, missing=(*(words for _, words in told), *decision.missing))


def receive(application: Application, plan: ExtractPlan, *, today: date, journal: Journal) -> Decision:
    """Log an application as received, with its plan and the decision of the day, and return the decision.

    Raises: InputError if it lacks anything; PolicyRefused, logged first, if its pseudonyms may not go on.
    """
    require_complete(application, plan)
    _require_may_go_on(application, journal)
    decision = decision_on(application, plan, today, checked=True, standing=standing_now(application, journal, today))
    details = {
        "application": application.as_json(),
        "plan": plan.as_json(),
        "decision": decision.as_json(),
    }
    journal.record(Event("application received", application.applicant, "applicant", details))
    return decision


def _require_may_go_on(application: Application, journal: Journal) -> None:
    if not may_go_on(application, journal):
        _refuse(application, (NO_OTHER,), "Apply under a new agreement with keys of its own.", journal)


def _refuse(application: Application, clauses: tuple[str, ...], remedy: str, journal: Journal) -> NoReturn:
    details = {"application": application.reference, "clauses": list(clauses)}
    journal.record(Event("refused by policy", application.applicant, "applicant", details))
    message = f"Refused: {'; '.join(clauses)}."
    raise PolicyRefused(message, clauses, remedy)


def digest_to_sign(application: Application, plan: ExtractPlan, decision: Decision) -> str:
    """Return the digest that approvers sign: application, plan and decision together."""
    return digest_of({"application": application.as_json(), "plan": plan.as_json(), "decision": decision.as_json()})


def require_allowed(
    application: Application, plan: ExtractPlan, today: date, *, checked: bool, journal: Journal,
    conditions: tuple[Condition, ...] = (),
) -> Decision:  # fmt: skip
    """Ask policy, with what the log says by now of agreement, recipient and Direction, and refuse loudly.

    Raises: PolicyRefused with every refusing clause; the refusal is logged first.
    """
    standing = standing_now(application, journal, today)
    decision = decision_on(application, plan, today, checked=checked, standing=standing, conditions=conditions)
    if not decision.allowed:
        _refuse(application, decision.clauses, " ".join(decision.missing), journal)
    return decision


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
    _require_may_go_on(application, journal)
    decision = require_allowed(application, plan, today, checked=True, journal=journal)
    approval = approval_from(signs_json(signs), said, digest_to_sign(application, plan, decision))
    approval.require(people, application.applicant)
    require_allowed(application, plan, today, checked=True, journal=journal, conditions=approval.conditions)
    body = {
        "application": application.as_json(),
        "plan": plan.as_json(),
        "decision": decision.as_json(),
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
