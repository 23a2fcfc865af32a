"""Re-identification in a workspace: a basis put on record, a question asked, signed by two and answered into a sealed file."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from api.house.acts import ask_policy
from api.house.house import House
from api.workspace.sign_offs import cast, signs_of
from api.workspace.wiring import Workspace
from cld.canonical import canonical_bytes
from cld.datasets import Dataset, Identified
from cld.engine import Query, Session
from cld.errors import Conflict, InputError, InvalidTransition
from cld.plan import Pseudonym
from cld.shelf import atomic_write
from cld.signing import sign_off
from cld.vocabulary import Action, BodyClass, Coverage, Form
from extracts.identifiers import identifiers_sql
from extracts.keying import key_id_for
from extracts.life.application import REFERENCE
from extracts.life.roles import role_of
from extracts.recipients import recipient_keys
from keys.derivation import PseudonymDomain
from keys.legal_basis import LegalBasis, basis_in_force, record_basis, withdraw_basis
from keys.pseudonym import PseudonymForm, form_of, version_of
from keys.reidentify import Limits, People, Question, reidentify, require_next_signer
from keys.text_form import version_letter
from keys.watch import watched
from policies.facts import Facts
from policies.safeguards import safeguards_on

__all__ = ["Desk"]

STAGE = "reidentify"
SOURCES = {"person": "person_id", "nhs": "nhs_number", "la_person": "la_person_unique_identifier"}
"""Column of a council's rows that holds the identifiers of each kind that is re-identified."""


@dataclass(frozen=True, slots=True)
class Desk:
    """Where questions are asked and answered."""

    space: Workspace

    def record_basis(self, basis: LegalBasis, people: tuple[str, ...], recorded_by: str) -> str:
        """Put a legal basis on record under the signatures of members of the staff; return its digest."""
        signs = tuple(sign_off(name, self.space.staff[name], basis.digest()) for name in people)
        record_basis(basis, signs, recorded_by=recorded_by, people=self.space.people(), journal=self.space.journal)
        return basis.digest()

    def withdraw_basis(self, digest: str, council: str, person: str, reason: str) -> None:
        """Withdraw a legal basis at once; one member of the staff of a role that carries it does."""
        space = self.space
        with watched(space.journal, "re-identification basis withdrawn", person):
            withdraw_basis(
                digest,
                council,
                reason,
                person=person,
                role=role_of(person),
                day=space.clock.today(),
                journal=space.journal,
            )

    def ask(self, given: Mapping[str, Any]) -> Question:
        """Take a question in.

        Raises: InputError if a part is missing; Conflict if there is a question of this reference.
        """
        question = self._question_from(given)
        path = self._place(question.reference)
        if path.exists():
            message = f"There is a question {question.reference} already."
            raise Conflict(message, "Ask under another reference.")
        kept = {name: given[name] for name in WORDS} | {
            "pseudonyms": list(question.pseudonyms), "asked_on": question.asked_on.isoformat(), "nonce": question.nonce
        }  # fmt: skip
        atomic_write(path, canonical_bytes(kept))
        path.chmod(0o600)
        return question

    def question(self, reference: str) -> Question:
        """Return a question that was asked.

        Raises: InvalidTransition if there is none of that reference.
        """
        try:
            return self._question_from(json.loads(self._place(reference).read_text("utf-8")))
        except OSError as fault:
            message = f"There is no question {reference}."
            raise InvalidTransition(message, "Ask it first.") from fault

    def sign(self, reference: str, person: str) -> None:
        """Cast one person's signature over a question.

        Raises: NotPermitted, SamePerson, WrongRole for a signature that would be none of the two it needs.
        """
        question, key = self.question(reference), self.space.staff[person]
        digest, signed = question.digest(), tuple(sign.person for sign in signs_of(self.space, reference, STAGE))
        require_next_signer(question, person, {name: role_of(name) for name in self.space.staff}, signed)
        cast(self.space, reference, STAGE, person, key, digest=digest, role=role_of(person))

    def answer(self, reference: str) -> Path:
        """Answer a question that two people of two roles signed, into a file sealed to the council."""
        space, question, today = self.space, self.question(reference), self.space.clock.today()
        limits = safeguards_on(today)
        people = People(space.people(), {name: role_of(name) for name in space.staff}, self._council_key)
        with space.engine.session() as session:
            return reidentify(
                question, signs_of(space, reference, STAGE), allowed=lambda: self._is_allowed(question),
                limits=Limits(limits.cap_of_an_agreement, limits.most_at_once, limits.most_days_open), people=people,
                today=today, session=session, own_rows=lambda: self._own_rows(session, question), keys=space.keys, journal=space.journal,
                folder=space.folder / "reidentified",
            )  # fmt: skip

    def _place(self, reference: str) -> Path:
        if not REFERENCE.fullmatch(reference):
            message = "A reference is made of letters, digits and hyphens."
            raise InputError(message)
        return self.space.folder / "reidentification" / f"{reference}.json"

    def _question_from(self, given: Mapping[str, Any]) -> Question:
        """Read a question; domain and key follow from the extract that holds the pseudonyms.

        Raises: InputError.
        """
        try:
            held = {name: str(given[name]) for name in WORDS}
            pseudonyms = tuple(str(text) for text in given["pseudonyms"])
            asked_on = date.fromisoformat(given.get("asked_on") or self.space.clock.today().isoformat())
            expires_on = date.fromisoformat(held["expires_on"])
        except (KeyError, TypeError, ValueError) as fault:
            message = "The question is incomplete or holds a value of the wrong kind."
            raise InputError(message, f"Give {', '.join(WORDS)} and pseudonyms.") from fault
        application, plan = House(self.space).application(held["extract"])
        kinds = {
            column.derivation.kind
            for table in plan.tables
            for column in table.columns
            if isinstance(column.derivation, Pseudonym)
        }
        if held["kind"] not in kinds & SOURCES.keys():
            message = "The extract keys no identifiers of that kind, or they are not re-identified."
            raise InputError(message, f"The kinds are {', '.join(sorted(SOURCES))}.")
        version = self._version_of(held["extract"], pseudonyms)
        domain = PseudonymDomain(
            application.body_code, application.agreement.pseudonyms_of, plan.family, held["kind"], version
        )
        return Question(
            reference=held["reference"], council=held["council"], body=held["body"], body_code=held["body_code"],
            pseudonyms=pseudonyms, domain=domain, key_id=key_id_for(application, plan), purpose=held["purpose"],
            legal_basis=held["legal_basis"], asked_by=held["asked_by"], asked_on=asked_on, expires_on=expires_on,
            nonce=str(given.get("nonce") or secrets.token_hex(16)),
        )  # fmt: skip

    def _version_of(self, extract: str, pseudonyms: tuple[str, ...]) -> int:
        """Return the key version of some pseudonyms: the extract's own, else the one of their letter, as a bridge leads to.

        Raises: InputError if they are of more than one; InvalidTransition if the extract was never built.
        """
        built = House(self.space).candidate(extract).document.body["key_version"]
        if form_of(pseudonyms) is PseudonymForm.BIGINT:
            return int(built)
        named = version_of(pseudonyms)
        return int(built) if version_letter(built) == version_letter(named) else named

    def _is_allowed(self, question: Question) -> bool:
        """Ask policy, on the basis as the log holds it at this moment."""
        today = self.space.clock.today()
        on_record = basis_in_force(question.legal_basis, question.council, today, self.space.journal)
        shown = Facts(
            Action.REIDENTIFY, _class_of(question.body), form=Form.IDENTIFIABLE, reidentification_basis=on_record,
            coverage=Coverage.OWN if question.council == question.body_code else Coverage.OTHER,
        )  # fmt: skip
        return ask_policy(self.space, shown, question.council, question.asked_by, "applicant").allowed

    def _council_key(self, council: str) -> str | None:
        """Return the key that a council enrolled last and still uses."""
        enrolled = recipient_keys(council, self.space.journal).enrolled
        return enrolled[-1] if enrolled else None

    def _own_rows(self, session: Session, question: Question) -> tuple[str, str]:
        """Bring in the identifiers in the council's own rows; return their table and column."""
        cld: Dataset[Identified] = House(self.space).linked().data_set("cld")
        session.attach("cld", cld)
        keyed = identifiers_sql(session, "cld", SOURCES[question.domain.kind], question.domain.kind)
        text = f"select distinct {keyed} as identifier from cld where la_code = $council"  # noqa: S608 - columns of ours
        session.table("own_rows", Query(text, ("cld",), {"council": question.council}))
        return "own_rows", "identifier"


def _class_of(body: str) -> BodyClass:
    """Read the class of whoever asks; one that is in no list is any other, which policy refuses."""
    return BodyClass(body) if body in tuple(BodyClass) else BodyClass.OTHER


WORDS = (
    "reference", "extract", "kind", "council", "body", "body_code", "purpose", "legal_basis", "asked_by", "expires_on",
)  # fmt: skip
