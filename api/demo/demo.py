"""The demo: council files go in, extracts come out, and what may not leave is refused with its clauses."""

from __future__ import annotations

import csv
import json
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date
from importlib.resources import files
from pathlib import Path
from typing import Any

import pyrage

from api.commands.run import peak_bytes
from api.demo.intruders import intruders_page
from api.demo.report import index_page, linkage_quality, summary_row
from api.demo.requests import DemoRequest, demo_requests
from api.house.house import House, Stage
from api.workspace.register import write_register
from api.workspace.wiring import TRUST, demo_workspace
from audit.scan import fast_scan
from audit.trust import policy_event, read_trust
from audit.verify import open_package, verify_package
from audit.verifying.checks import Asked, verify_folder
from cld.errors import Conflict, DisclosureRefused, InputError, InvariantBroken, PolicyRefused, SubmissionRejected
from cld.places import Council, Participation, council_regions
from cld.progress import Progress
from cld.shelf import atomic_write
from cld.vocabulary import Action, Form
from synthetic.england import England, make_england

__all__ = ["demo_participations", "run_demo"]

LOCAL_ITEM = "Local: Frailty Band"
OUTSIDER = Participation(Council("999", "E10000032", "West Sussex", "South East"), date(2022, 4, 1), None)
N_OTHER_STEPS = 16


@dataclass(slots=True)
class _Run:
    house: House
    england: England
    progress: Progress
    seconds: dict[str, float] = field(default_factory=dict)
    rows: list[dict[str, Any]] = field(default_factory=list)

    @contextmanager
    def stage(self, name: str, words: str) -> Iterator[None]:
        """Tell of a stage and keep its seconds."""
        self.progress.step(words)
        started = time.monotonic()
        yield
        self.seconds[name] = round(time.monotonic() - started, 3)


def demo_participations() -> tuple[Participation, ...]:
    """Return the ten councils that take part, and one whose participation has not begun."""
    regions = council_regions()
    listed = csv.DictReader(files("synthetic").joinpath("councils.csv").read_text("utf-8").splitlines())
    made = []
    for row in listed:
        name, region = regions[row["ons_code"]]
        local = (LOCAL_ITEM,) if row["la_code"] == "503" else ()
        made.append(
            Participation(Council(row["la_code"], row["ons_code"], name, region), date(2020, 12, 7), None, local)
        )
    return (*made, OUTSIDER)


def run_demo(
    out: Path, *, n_people: int, seed: int, n_threads: int, progress: Progress, database: str = ""
) -> dict[str, Any]:
    """Run the whole journey in ``out`` and return the summary (shared commands page, demo).

    ``database`` is the address of a PostgreSQL database, empty for the workspace's own SQLite.

    Raises: Conflict if ``out`` holds something that no demo made.
    """
    _clear(out)
    started = time.monotonic()
    progress.expect(len(demo_requests()) + N_OTHER_STEPS)
    progress.step(f"Making a synthetic England of {n_people:,} people")
    england = make_england(out, out / "scratch", n_people=n_people, seed=seed, n_threads=n_threads)
    shutil.rmtree(out / "scratch", ignore_errors=True)
    house = House(demo_workspace(out, seed=seed, n_threads=n_threads, database=database))
    write_register(out, demo_participations())
    house.space.journal.record(policy_event(read_trust(house.space.release_keys.trust), "custodian"))
    run = _Run(house, england, progress, {"synthetic": round(time.monotonic() - started, 3)})
    _accept_all(run)
    with run.stage("link", "Linking people to the person index and the NHS data sets"):
        house.link()
    house.write_statement(out)
    linkage = linkage_quality(house, house.latest_submissions(), england.truth / "clients.csv")
    with run.stage("requests", "Deciding applications"):
        for request in demo_requests():
            run.rows.append(_decide_one(run, request))
    with run.stage("verify", "Verifying every package offline"):
        _verify_all(run)
    with run.stage("intruders", "Letting motivated intruders try the anonymised extract"):
        atomic_write(out / "intruders.html", intruders_page(house).encode())
    house.space.log.head(house.space.journal)
    summary = {
        "rows": run.rows,
        "linkage": linkage,
        "seconds": {**run.seconds, "total": round(time.monotonic() - started, 3)},
        "peak_bytes": peak_bytes(),
    }
    atomic_write(out / "summary.json", json.dumps(summary, indent=2).encode())
    atomic_write(out / "index.html", index_page(summary, [sent.la_code for sent in england.received]).encode())
    house.space.journal.close()
    shutil.rmtree(out / "spill", ignore_errors=True)
    return summary


def _clear(out: Path) -> None:
    marker = out / ".caregate-demo"
    if out.exists() and any(out.iterdir()) and not marker.exists():
        message = "The folder is not empty and no demo made it."
        raise Conflict(message, "Give another folder with --out.")
    shutil.rmtree(out, ignore_errors=True)
    try:
        out.mkdir(parents=True)
    except OSError as fault:
        message = f"The folder {out.name} cannot be made."
        raise InputError(message, "Give another folder with --out.") from fault
    atomic_write(marker, b"1")


def _accept_all(run: _Run) -> None:
    with run.stage("accept", "Accepting council files"):
        for sent in run.england.received:
            run.progress.step(f"Accepting the file of council {sent.la_code}")
            run.house.give_back(run.house.accept(sent.path, sent.la_code))
        try:
            run.house.accept(run.england.received[0].path, OUTSIDER.council.la_code)
        except SubmissionRejected as refusal:
            name = f"{OUTSIDER.council.name} council (a file sent, not taking part)"
            run.rows.append(summary_row(name, "identifiable", ["cld"], "refused", list(refusal.reasons)))


def _decide_one(run: _Run, request: DemoRequest) -> dict[str, Any]:
    """Carry one application as far as it may go."""
    run.progress.step(f"Deciding: {request.application.recipient}")
    plan = request.plan
    # a re-identification asks for a name, whatever the plan beside it holds
    form = Form.IDENTIFIABLE if request.application.action == Action.REIDENTIFY else plan.form
    head = (request.application.recipient, form.value, list(plan.data_sets()))
    try:
        return summary_row(*head, "released", **_release_one(run, request))
    except PolicyRefused as refusal:
        return summary_row(*head, "refused", list(refusal.clauses))
    except DisclosureRefused as refusal:
        measures = [f"disclosure check: {measure}" for measure in refusal.measures]
        return summary_row(*head, "refused", measures, report=f"reports/{request.application.reference}.html")


def _release_one(run: _Run, request: DemoRequest) -> dict[str, Any]:
    house, reference, staff = run.house, request.application.reference, run.house.space.staff
    identity, age_key = _recipient_key(house, reference)
    house.receive(replace(request.application, recipient_key=age_key), request.plan)
    for name in ("approver one", "approver two"):
        house.sign(reference, Stage.APPROVE, name, staff[name])
    approved = house.approve(reference)
    house.build(reference)
    checked = house.check(reference)
    for name in ("releaser one", "releaser two"):
        house.sign(reference, Stage.RELEASE, name, staff[name])
    signed, package = house.release(reference)
    tables, measures = checked.document.body["tables"].values(), checked.document.body["measures"].values()
    aggregate = request.plan.form is Form.AGGREGATE
    return {
        "clauses": list(approved.document.body["decision"]["clauses"]),
        "n_rows": sum(table["dataset"]["n_rows"] for table in tables),
        "n_persons": max(table["n_persons"] for table in tables),
        "smallest_class": None if aggregate else min(measure["k"] for measure in measures),
        "n_hidden_cells": sum(m["n_primary"] + m["n_secondary"] for m in measures) if aggregate else None,
        "digest": signed.document.body["payload_digest"],
        "package": str(package.relative_to(house.space.folder)),
        "identity": str(identity.relative_to(house.space.folder)),
        "trust": TRUST,
        "report": f"reports/{reference}.html",
    }


def _recipient_key(house: House, reference: str) -> tuple[Path, str]:
    """Make the recipient's age key: in a demo workspace it lies beside, so that anyone can open the package."""
    identity = pyrage.x25519.Identity.generate()
    path = house.space.folder / "recipients" / f"{reference}.age-key"
    atomic_write(path, f"{identity}\n".encode())
    return path, str(identity.to_public())


def _verify_all(run: _Run) -> None:
    """Verify every package, then change one byte of one and hold that the verification fails."""
    folder, on = run.house.space.folder, run.house.space.clock.today()
    released = [row for row in run.rows if row["decision"] == "released"]
    for row in released:
        row["verified"] = verify_package(folder / row["package"], folder / TRUST, folder / row["identity"], on)["ok"]
    if released:
        released[0]["one_byte_changed"] = _change_one_byte(folder, released[0], on)


def _change_one_byte(folder: Path, row: dict[str, Any], on: date) -> list[str]:
    with tempfile.TemporaryDirectory() as opened:
        place = Path(opened)
        open_package(folder / row["package"], folder / row["identity"], place)
        target = min((place / "data").glob("*.csv"))
        content = bytearray(target.read_bytes())
        content[len(content) // 2] ^= 1
        target.write_bytes(bytes(content))
        report = verify_folder(place, Asked((folder / TRUST).read_text("utf-8"), on), fast_scan)
    if report["ok"]:
        message = "A changed package still verified."
        raise InvariantBroken(message)
    return [check["reason"] for check in report["checks"] if check["result"] == "failed"]
