"""The door ``approve``: an application with its plan and the policy's decision, signed by two different people.

1. The plan is read into its closed algebra.  2. Policy decides on the facts of application, agreement and plan.
3. Two people, neither the applicant nor each other, sign the digest of all three.  4. The document is sealed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from audit.journal import Event, Journal
from cld.canonical import digest_of
from cld.errors import InputError, PolicyRefused
from cld.free_text import FreeText
from cld.journey import ApprovedPlan, Document, DocumentKind
from cld.plan import Combined, ExtractPlan, Registered, Resident, Submitted, Subset
from cld.signing import SignOff, require_two
from cld.vocabulary import Coverage, Form
from policies.decide import Decision, decide

__all__ = [
    "Agreement",
    "Application",
    "application_from_json",
    "approve",
    "decision_on",
    "digest_to_sign",
    "receive",
    "require_allowed",
]


@dataclass(frozen=True, slots=True)
class Agreement:
    """A data sharing agreement."""

    reference: str
    from_day: date
    to_day: date
    signed: bool


@dataclass(frozen=True, slots=True)
class Application:
    """What a body asks for, why and on what basis. ``recipient`` is the body's name, ``body_code`` its LA or ODS
    code, ``recipient_key`` the age key that its packages are sealed to."""

    reference: str
    recipient: str
    recipient_key: str
    applicant: str
    body: str
    body_code: str
    acting_for: str | None
    agreement: Agreement
    purposes: tuple[str, ...]
    justification: str
    annex3_aim: bool
    dars_approved: bool
    lawful_basis_nhs: str
    lawful_basis_recipient: str
    nihr_funded: bool
    joint_approval: bool
    processor_contract_to: date | None
    action: str = "disseminate"

    def __post_init__(self) -> None:
        """Refuse a reference that is no plain name: it becomes the name of a file.

        Raises: InputError.
        """
        if not REFERENCE.fullmatch(self.reference) or not REFERENCE.fullmatch(self.agreement.reference):
            message = "A reference is made of letters, digits and hyphens."
            raise InputError(message, "Correct the application.")

    def as_json(self) -> dict[str, Any]:
        """Return the application as a JSON value."""
        return {
            "reference": self.reference, "recipient": self.recipient, "recipient_key": self.recipient_key,
            "applicant": self.applicant, "body": self.body, "body_code": self.body_code,
            "acting_for": self.acting_for, "purposes": list(self.purposes), "justification": FreeText(self.justification),
            "annex3_aim": self.annex3_aim, "dars_approved": self.dars_approved,
            "lawful_basis_nhs": self.lawful_basis_nhs, "lawful_basis_recipient": self.lawful_basis_recipient,
            "nihr_funded": self.nihr_funded, "joint_approval": self.joint_approval,
            "processor_contract_to": self.processor_contract_to.isoformat() if self.processor_contract_to else None,
            "action": self.action,
            "agreement": {"reference": self.agreement.reference, "from": self.agreement.from_day.isoformat(),
                          "to": self.agreement.to_day.isoformat(), "signed": self.agreement.signed},
        }  # fmt: skip


def application_from_json(value: Mapping[str, Any]) -> Application:
    """Read an application from its JSON value.

    Raises: InputError if a part is missing or of the wrong kind.
    """
    try:
        agreement, contract = value["agreement"], value["processor_contract_to"]
        held = {name: value[name] for name in PLAIN_PARTS}
        return Application(
            **held,
            purposes=tuple(value["purposes"]),
            agreement=Agreement(
                agreement["reference"],
                date.fromisoformat(agreement["from"]),
                date.fromisoformat(agreement["to"]),
                signed=agreement["signed"] is True,
            ),
            processor_contract_to=date.fromisoformat(contract) if contract else None,
        )
    except (KeyError, TypeError, ValueError) as fault:
        message = "The application is incomplete or holds a value of the wrong kind."
        raise InputError(message, "Write it as the documentation shows.") from fault


REFERENCE = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,63}")
PLAIN_PARTS = (
    "reference", "recipient", "recipient_key", "applicant", "body", "body_code", "acting_for", "justification", "annex3_aim", "dars_approved", "lawful_basis_nhs",
    "lawful_basis_recipient", "nihr_funded", "joint_approval", "action",
)  # fmt: skip


def coverage_for(plan: ExtractPlan, body_code: str) -> Coverage:
    """Say whether the plan's population is the recipient's own. Source: shared reading, 6(b) bullet 3."""
    match plan.population:
        case Submitted(code) | Registered(code, _) | Resident(code, _):
            return Coverage.OWN if code == body_code else Coverage.OTHER
        case Combined():
            return Coverage.COMBINED
        case Subset():
            return Coverage.SUBSET


def decision_on(application: Application, plan: ExtractPlan, today: date, *, checked: bool) -> Decision:
    """Ask policy. Before the disclosure check ``checked`` speaks of the plan's profile; at release, of its result."""
    agreement = application.agreement
    return decide(
        {
            "action": application.action,
            "body": application.body,
            "acting_for": application.acting_for,
            "form": plan.form.value,
            "coverage": coverage_for(plan, application.body_code).value,
            "annex3_aim": application.annex3_aim,
            "small_numbers_suppressed": checked and plan.form is Form.AGGREGATE,
            "anonymisation_checked": checked and plan.form is Form.ANONYMISED,
            "key_for_recipient": plan.form is Form.PSEUDONYMISED,
            "purposes": list(application.purposes) if application.justification else [],
            "dars_approved": application.dars_approved,
            "agreement_from": agreement.from_day.isoformat(),
            "agreement_to": agreement.to_day.isoformat(),
            "agreement_signed": agreement.signed,
            "lawful_basis_nhs": application.lawful_basis_nhs == "s261(1) with s261(2)(e)",
            "lawful_basis_recipient": bool(application.lawful_basis_recipient),
            "nihr_funded": application.nihr_funded,
            "joint_approval": application.joint_approval,
            "processor_contract_to": application.processor_contract_to.isoformat()
            if application.processor_contract_to
            else None,
            "on": today.isoformat(),
        }
    )


def receive(application: Application, plan: ExtractPlan, *, today: date, journal: Journal) -> Decision:
    """Log an application as received, with its plan and the decision of the day, and return the decision."""
    decision = decision_on(application, plan, today, checked=True)
    details = {
        "application": application.as_json(),
        "plan": plan.as_json(),
        "decision": decision.as_record(),
    }
    journal.record(Event("application received", application.applicant, "applicant", details))
    return decision


def digest_to_sign(application: Application, plan: ExtractPlan, decision: Decision) -> str:
    """Return the digest that approvers sign: application, plan and decision together."""
    return digest_of({"application": application.as_json(), "plan": plan.as_json(), "decision": decision.as_record()})


def require_allowed(
    application: Application, plan: ExtractPlan, today: date, *, checked: bool, journal: Journal
) -> Decision:
    """Ask policy and refuse loudly.

    Raises: PolicyRefused with every refusing clause; the refusal is logged first.
    """
    decision = decision_on(application, plan, today, checked=checked)
    if not decision.allowed:
        details = {
            "application": application.reference,
            "clauses": list(decision.clauses),
            "decision": decision.as_record(),
        }
        journal.record(Event("refused by policy", application.applicant, "applicant", details))
        message = f"Refused: {'; '.join(decision.clauses)}."
        raise PolicyRefused(message, decision.clauses, " ".join(decision.missing))
    return decision


def approve(
    application: Application,
    plan: ExtractPlan,
    signs: tuple[SignOff, ...],
    *,
    people: Mapping[str, str],
    today: date,
    journal: Journal,
) -> ApprovedPlan:
    """Seal an approved plan.

    Raises: PolicyRefused, SamePerson, BadSignature.
    Source: Direction 6(b) closing words; design, two signatures twice.
    """
    decision = require_allowed(application, plan, today, checked=True, journal=journal)
    require_two(signs, digest_to_sign(application, plan, decision), people, application.applicant)
    body = {
        "application": application.as_json(),
        "plan": plan.as_json(),
        "decision": decision.as_record(),
        "signs": [[sign.person, sign.signature, sign.public_key] for sign in signs],
    }
    document = Document(DocumentKind.APPROVED_PLAN, (), body)
    journal.seal(document, Event("approve", signs[0].person, "approver", {"application": application.reference}))
    return ApprovedPlan(document)
