"""The six verbs, and giving back, over one workspace: what the command line, the demo and the pages all call."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy.orm import Session

from api.house.acts import require_act
from api.house.disclosure_reports import write_refusal, write_report
from api.life.refusals import in_turn, told
from api.life.renewals import settle_renewals
from api.life.voting import Ballot, cast_vote, fresh_votes
from api.store.database import ApplicationRow, reading
from api.store.kept_policies import keep_version
from api.store.memory import SqlMemory
from api.store.opt_out_rules import require_opt_out_rule
from api.workspace.register import participation_of, read_register
from api.workspace.wiring import Workspace
from audit.journal import Event
from audit.stop import require_running
from cld.errors import DisclosureRefused, InvalidTransition, OptOutsUnknown
from cld.journey import (
    AcceptedSubmission,
    ApprovedPlan,
    CandidateExtract,
    CheckedExtract,
    Document,
    DocumentKind,
    LinkedDataset,
    SignedRelease,
)
from cld.plan import ExtractPlan, plan_from_json
from cld.shelf import atomic_write
from cld.vocabulary import Action, BodyClass, Coverage, Form
from collection.accept import accept
from collection.give_back import give_back
from disclosure.check import check
from extracts.approve import (
    Application,
    application_from_json,
    approve,
    decision_on,
    digest_to_sign,
    receive,
    standing_now,
)
from extracts.build import build
from extracts.life.states import Act
from extracts.life.votes import Answer, Approval, Vote
from extracts.release import collect, deliver, reissue, release
from linkage.link import link
from linkage.prepare.keyhash import keyed
from linkage.tell.standing import last_review
from linkage.tell.statement import quality_statement
from linkage.tell.statement_page import statement_page
from linkage.trace import PersonIndex, attach_index, trace_persons
from policies.decide import Decision
from policies.facts import Facts
from policies.profiles import profile_named
from policies.versioned.versions import version_on
from policies.words import GivenBack

__all__ = ["House", "Stage"]

OFFICER = "officer"
APPROVES = Ballot(Answer.APPROVE)


class Stage:
    """The two moments at which two people sign."""

    APPROVE = "approve"
    RELEASE = "release"


@dataclass(frozen=True, slots=True)
class House:
    """A workspace and what can be done in it."""

    space: Workspace

    @property
    def nhs(self) -> Path:
        """The NHS files that linkage and the opt-out gate read."""
        return self.space.folder / "nhs"

    @property
    def person_index(self) -> PersonIndex:
        """The NHS person index with its prepared versions, their blocking keys under the house's linkage-only key."""
        secret = self.space.keys.linkage_key().reveal()
        return PersonIndex(self.nhs / "person_index.parquet", self.space.folder / "index", keyed(secret))

    def accept(self, path: Path, la_code: str, actor: str = "collection officer") -> AcceptedSubmission:
        """Accept a council's file."""
        space, index, listed = self.space, self.person_index, participation_of(self.space.folder, la_code)
        shown = Facts(Action.COLLECT, BodyClass.CASSR, body_listed=listed.is_open_on(space.clock.today()))
        return accept(
            path, listed, permit=lambda: require_act(space, shown, la_code, actor, OFFICER), engine=space.engine, journal=space.journal, today=space.clock.today(),
            tracer=lambda session: trace_persons(session, attach_index(session, index)), synthetic_allowed=True, actor=actor,
        )  # fmt: skip

    def give_back(self, submission: AcceptedSubmission, actor: str = "collection officer") -> dict[str, int]:
        """Give numbers and findings back to the council that sent the rows, if policy allows."""
        space = self.space
        shown = Facts(
            Action.GIVE_BACK, BodyClass.CASSR, form=Form.IDENTIFIABLE, coverage=Coverage.OWN,
            given_back=GivenBack.NUMBERS_AND_FINDINGS, tells_of_own_alone=True,
        )  # fmt: skip
        return give_back(
            submission, space.folder / "given-back", to_la_code=submission.la_code, permit=lambda: require_act(space, shown, submission.la_code, actor, OFFICER),
            engine=space.engine, journal=space.journal, actor=actor,
        )  # fmt: skip

    def latest_submissions(self) -> tuple[AcceptedSubmission, ...]:
        """Return the latest submission of each council. Source: rule R03, latest file wins."""
        latest: dict[str, AcceptedSubmission] = {}
        for document in self._logged(DocumentKind.ACCEPTED_SUBMISSION):
            latest[str(document.body["la_code"])] = AcceptedSubmission(document)
        return tuple(latest[code] for code in sorted(latest))

    def submission_of(self, la_code: str) -> AcceptedSubmission:
        """Return a council's latest submission.

        Raises: InvalidTransition if it has none.
        """
        for submission in self.latest_submissions():
            if submission.la_code == la_code:
                return submission
        message = f"No file of council {la_code} was accepted."
        raise InvalidTransition(message, "Accept one first.")

    def link(self, actor: str = "linkage analyst", *, anew: bool = False) -> LinkedDataset:
        """Link the latest submission of every council; answers of the last linkage are kept unless all is weighed anew."""
        space, held = self.space, self._logged(DocumentKind.LINKED_DATASET)
        return link(
            self.latest_submissions(), self.nhs, self.person_index, engine=space.engine, journal=space.journal, actor=actor,
            today=space.clock.today(), earlier=LinkedDataset(held[-1]) if held and not anew else None,
        )  # fmt: skip

    def linked(self) -> LinkedDataset:
        """Return the latest linked data.

        Raises: InvalidTransition if nothing was linked.
        """
        found = self._logged(DocumentKind.LINKED_DATASET)
        if not found:
            message = "Nothing was linked yet."
            raise InvalidTransition(message, "Link first.")
        return LinkedDataset(found[-1])

    def statement(self) -> dict[str, Any]:
        """Return the quality statement of the latest linked data, with a review of them if one was settled.

        Raises: InvalidTransition if nothing was linked.
        """
        document = self.linked().document
        return quality_statement(document.body, last_review(self.space.journal, document.digest))

    def write_statement(self, folder: Path) -> tuple[Path, Path]:
        """Write the statement as JSON and as a page into a folder; returns both files."""
        statement = self.statement()
        paths = folder / "linkage-statement.json", folder / "linkage-statement.html"
        atomic_write(paths[0], json.dumps(statement, indent=2, sort_keys=True).encode() + b"\n")
        atomic_write(paths[1], statement_page(statement).encode())
        return paths

    def submissions_in(self, linked: LinkedDataset) -> tuple[AcceptedSubmission, ...]:
        """Return the submissions that linked data rest on, in their order.

        Raises: InvalidTransition if one is gone.
        """
        found = [self.space.journal.load(parent) for parent in linked.document.parents]
        held = tuple(AcceptedSubmission(document) for document in found if document is not None)
        if len(held) != len(found):
            message = "A submission that these data rest on is gone."
            raise InvalidTransition(message, "Restore it from the backup, or link again.")
        return held

    def receive(self, application: Application, plan: ExtractPlan) -> Decision:
        """Take an application in, complete as it is."""
        with told(self.space, "submit", application.applicant, "applicant", application.reference):
            self._keep_policies()
            space = self.space
            return receive(application, plan, today=space.clock.today(), journal=space.journal, people=space.people())

    def sign(self, reference: str, stage: str, person: str, key: Ed25519PrivateKey, ballot: Ballot = APPROVES) -> Vote:
        """Cast one person's vote at a stage; another's is not shown, and nobody votes twice on the same thing.

        Raises: NotPermitted if the person voted on this already; StaleVersion if it is no longer what the person saw;
                WrongRole, SamePerson, InvalidTransition.
        """
        role = "approver" if stage == Stage.APPROVE else "releaser"
        with told(self.space, f"vote: {stage}", person, role, reference):
            return cast_vote(
                self.space, reference, stage, person, key, now=self.to_sign(reference, stage), role=role, ballot=ballot
            )

    def to_sign(self, reference: str, stage: str) -> str:
        """Return the digest that is voted on at a stage, as things stand now.

        Raises: InvalidTransition if there is nothing to vote on.
        """
        if stage == Stage.RELEASE:
            return self._document(reference, DocumentKind.CHECKED_EXTRACT).digest
        application, plan = self.application(reference)
        return digest_to_sign(application, plan, self.decision(application, plan))

    def decision(self, application: Application, plan: ExtractPlan) -> Decision:
        """Ask policy as things stand now; nothing is logged."""
        self._keep_policies()
        today = self.space.clock.today()
        standing = standing_now(application, self.space.journal, today, self.space.people())
        return decision_on(application, plan, today, standing=standing)

    def _votes(self, reference: str, stage: str) -> tuple[Vote, ...]:
        """Return the approvals that count; a return or a refusal is none."""
        found = fresh_votes(self.space, reference, stage, self.to_sign(reference, stage))
        return tuple(vote for vote in found if vote.answer is Answer.APPROVE)

    def application(self, reference: str) -> tuple[Application, ExtractPlan]:
        """Return an application and its plan.

        Raises: InvalidTransition if there is none of that reference.
        """
        with reading(self.space.database) as session:
            row = session.get(ApplicationRow, reference)
        if row is None:
            message = f"There is no application {reference}."
            raise InvalidTransition(message, "Take it in first.")
        return application_from_json(row.application), plan_from_json(row.plan)

    def approve(self, reference: str) -> ApprovedPlan:
        """Approve an application that two people signed."""
        with in_turn(self.space, reference, Act.APPROVE, "approver", "approver"):
            self._keep_policies()
            application, plan = self.application(reference)
            space = self.space
            votes = self._votes(reference, Stage.APPROVE)
            approved = approve(
                application, plan, tuple(vote.sign for vote in votes), said=Approval(votes).as_json(), people=space.people(),
                today=space.clock.today(), journal=space.journal,
            )  # fmt: skip
            with Session(space.database) as session, session.begin():
                settle_renewals(space, session)
            return approved

    def approved(self, reference: str) -> ApprovedPlan:
        """Return the approval of an application.

        Raises: InvalidTransition if it has none.
        """
        return ApprovedPlan(self._document(reference, DocumentKind.APPROVED_PLAN))

    def build(self, reference: str, actor: str = "operator") -> CandidateExtract:
        """Build an approved plan; a refusal for what is known or not known of opt-outs is logged.

        Raises: DisclosureRefused if the recipient has the same data under the other opt-out rule; OptOutsUnknown;
                NoAnswerYet, to be asked again later.
        """
        require_running(self.space.journal)
        with in_turn(self.space, reference, Act.BUILD, actor, "operator"):
            space, approved = self.space, self.approved(reference)
            self._keep_policies()
            try:
                with reading(space.database) as session:
                    require_opt_out_rule(session, approved)
                return build(
                    approved, self.linked(), engine=space.engine, journal=space.journal, keys=space.keys, opt_outs=space.opt_outs,
                    people=space.people(), today=space.clock.today(), actor=actor,
                )  # fmt: skip
            except (DisclosureRefused, OptOutsUnknown) as refusal:
                measures = list(refusal.measures) if isinstance(refusal, DisclosureRefused) else ["opt-outs not known"]
                details = {"application": reference, "measures": measures}
                space.journal.record(Event("refused by opt-out gate", actor, "operator", details))
                raise

    def candidate(self, reference: str) -> CandidateExtract:
        """Return what was built for an application.

        Raises: InvalidTransition if nothing was.
        """
        return CandidateExtract(self._document(reference, DocumentKind.CANDIDATE_EXTRACT))

    def check(self, reference: str, actor: str = "operator") -> CheckedExtract:
        """Check a candidate against the profile of its approved plan and against all that its recipient holds."""
        with in_turn(self.space, reference, Act.CHECK, actor, "operator"):
            candidate = self._document(reference, DocumentKind.CANDIDATE_EXTRACT)
            space, name = self.space, str(candidate.body["plan"]["profile"])
            regions = {code: found.council.region for code, found in read_register(space.folder).items()}
            try:
                checked = check(
                    CandidateExtract(candidate), profile_named(name, space.clock.today()), regions=regions, engine=space.engine,
                    memory=SqlMemory(space.database, space.journal), journal=space.journal, actor=actor, application=reference,
                )  # fmt: skip
            except DisclosureRefused as refusal:
                write_refusal(space.folder, reference, refusal)
                raise
            write_report(space.folder, reference, checked.document.body)
            return checked

    def release(self, reference: str) -> tuple[SignedRelease, Path]:
        """Release a checked extract that two people signed, sealed to the key in its application."""
        require_running(self.space.journal)
        with in_turn(self.space, reference, Act.RELEASE, "releaser", "releaser"):
            space = self.space
            self._keep_policies()
            return release(
                CheckedExtract(self._document(reference, DocumentKind.CHECKED_EXTRACT)), tuple(vote.sign for vote in self._votes(reference, Stage.RELEASE)),
                people=space.people(), today=space.clock.today(), engine=space.engine,
                journal=space.journal, keys=space.keys, release_keys=space.release_keys, folder=space.folder / "released",
            )  # fmt: skip

    def collect(self, reference: str, person: str) -> Path:
        """Let a named user of the recipient collect a package; policy is asked again."""
        space = self.space
        with told(space, "collect", person, "recipient", reference):
            self._keep_policies()
            return collect(
                SignedRelease(self._document(reference, DocumentKind.SIGNED_RELEASE)), person, people=space.people(),
                today=space.clock.today(), journal=space.journal, folder=space.folder / "released",
            )  # fmt: skip

    def deliver(self, reference: str) -> Path:
        """Finish a release that was logged and not delivered."""
        space = self.space
        return deliver(
            SignedRelease(self._document(reference, DocumentKind.SIGNED_RELEASE)), people=space.people(), engine=space.engine, journal=space.journal,
            keys=space.keys, release_keys=space.release_keys, folder=space.folder / "released", today=space.clock.today(),
        )  # fmt: skip

    def reissue(self, reference: str, recipient_key: str) -> Path:
        """Seal a release anew to another enrolled key of its recipient."""
        space = self.space
        return reissue(
            SignedRelease(self._document(reference, DocumentKind.SIGNED_RELEASE)), recipient_key, people=space.people(), engine=space.engine,
            journal=space.journal, keys=space.keys, release_keys=space.release_keys, folder=space.folder / "released", today=space.clock.today(),
        )  # fmt: skip

    def _keep_policies(self) -> None:
        """Keep the policies of today with what is decided by them."""
        keep_version(self.space.folder, version_on(self.space.clock.today()))

    def _document(self, reference: str, kind: DocumentKind) -> Document:
        with reading(self.space.database) as session:
            row = session.get(ApplicationRow, reference)
        document = self.space.journal.load(row.documents.get(kind.value, "")) if row is not None else None
        if document is None:
            message = f"Application {reference} has no {kind.value} yet."
            raise InvalidTransition(message, "Take the steps in order: approve, build, check, release.")
        return document

    def _logged(self, kind: DocumentKind) -> list[Document]:
        """Return the documents of a kind, in the log's order."""
        digests = [json.loads(leaf)["document"] for leaf in self.space.journal.leaves()]
        loaded = [self.space.journal.load(digest) for digest in digests if digest]
        return [document for document in loaded if document is not None and document.kind is kind]
