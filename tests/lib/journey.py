"""A journey held open: every document of one council's extract, so that a test can attack any of them."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import pyrage

from api.demo.requests import DemoRequest, demo_requests
from api.store.memory import SqlMemory
from api.workspace.wiring import Workspace, demo_workspace
from cld.journey import CheckedExtract, Document, LinkedDataset, SignedRelease
from cld.places import Council, Participation
from cld.signing import sign_off
from collection.accept import accept
from disclosure.check import check
from extracts.approve import approve, decision_on, digest_to_sign, standing_now
from extracts.build import build
from extracts.opt_outs.gate import OptOutGate
from extracts.opt_outs.service import ListedObjectors
from extracts.release import deliver, release
from linkage.link import link
from linkage.prepare.keyhash import PLAIN
from linkage.trace import PersonIndex, attach_index, trace_persons
from policies.profiles import profile_named
from synthetic.england import make_england


@dataclass(frozen=True, slots=True)
class OpenJourney:
    """Documents and workspace of a journey that has reached check."""

    space: Workspace
    request: DemoRequest
    linked: LinkedDataset
    checked: CheckedExtract
    documents: dict[str, str]
    identity: pyrage.x25519.Identity

    def release(self, first: str = "releaser one", second: str = "releaser two") -> tuple[SignedRelease, Path]:
        """Try to release."""
        space = self.space
        signs = tuple(sign_off(name, space.staff[name], self.checked.document.digest) for name in (first, second))
        return release(
            self.checked, signs, people=space.people(), today=space.clock.today(), engine=space.engine,
            journal=space.journal, keys=space.keys, release_keys=space.release_keys, folder=space.folder / "released",
        )  # fmt: skip

    def deliver(self, signed: SignedRelease) -> Path:
        """Finish a release that was logged."""
        space = self.space
        return deliver(
            signed, people=space.people(), engine=space.engine, journal=space.journal, keys=space.keys, release_keys=space.release_keys,
            folder=space.folder / "released", today=space.clock.today(),
        )  # fmt: skip

    def in_database(self, text: str, *values: object) -> None:
        """Do what an operator with the database could do."""
        with sqlite3.connect(self.space.folder / "caregate.sqlite") as connection:
            connection.execute(text, values)
        connection.close()


def open_journey(folder: Path, database: str = "") -> OpenJourney:
    """Run a journey for one council up to check, on SQLite or on the PostgreSQL database of an address."""
    england = make_england(folder / "england", folder / "scratch", n_people=900, seed=3)
    space = demo_workspace(folder / "workspace", seed=3, n_threads=2, database=database)
    asked, identity = demo_requests()[0], pyrage.x25519.Identity.generate()
    request = replace(asked, application=replace(asked.application, recipient_key=str(identity.to_public())))
    application, plan = request.application, request.plan
    today, people = space.clock.today(), space.people()
    sent = next(file for file in england.received if file.la_code == "503")
    council = Participation(
        Council("503", "E10000019", "Lincolnshire", ""), date(2020, 12, 7), None, ("Local: Frailty Band",)
    )
    index = PersonIndex(england.nhs / "person_index.parquet", folder / "index", PLAIN)
    accepted = accept(
        sent.path, council, engine=space.engine, journal=space.journal, today=today, synthetic_allowed=True, actor="officer", permit=lambda: None,
        tracer=lambda session: trace_persons(session, attach_index(session, index)),
    )  # fmt: skip
    linked = link(
        (accepted,), england.nhs, index, engine=space.engine, journal=space.journal, actor="analyst", today=today
    )
    digest = digest_to_sign(
        application,
        plan,
        decision_on(application, plan, today, standing=standing_now(application, space.journal, today)),
    )
    signs = tuple(sign_off(name, space.staff[name], digest) for name in ("approver one", "approver two"))
    approved = approve(application, plan, signs, people=people, today=today, journal=space.journal)
    candidate = build(
        approved, linked, engine=space.engine, journal=space.journal, keys=space.keys,
        opt_outs=OptOutGate(ListedObjectors(england.nhs / "opt_outs.parquet", space.clock)), people=people, today=today, actor="operator",
    )  # fmt: skip
    profile = profile_named(plan.profile, today)
    checked = check(
        candidate,
        profile,
        memory=SqlMemory(space.database, space.journal),
        regions={},
        engine=space.engine,
        journal=space.journal,
        actor="operator",
        application=application.reference,
    )
    held: tuple[Document, ...] = tuple(made.document for made in (accepted, linked, approved, candidate, checked))
    return OpenJourney(space, request, linked, checked, {d.kind.value: d.digest for d in held}, identity)
