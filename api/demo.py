"""The demo: council files go in, extracts come out, and what may not leave is refused with its clauses."""

from __future__ import annotations

import csv
import html
import json
import resource
import shutil
import tempfile
import time
import zipfile
from dataclasses import dataclass, field
from datetime import date
from importlib.resources import files
from io import BytesIO
from pathlib import Path
from typing import Any

import pyrage

from api.demo_requests import DemoRequest, demo_requests
from api.wiring import Workspace, demo_workspace
from audit.verifier import verify_folder
from cld.engine import Query
from cld.errors import (
    BadSignature,
    Conflict,
    DisclosureRefused,
    InvariantBroken,
    PolicyRefused,
    SubmissionRejected,
)
from cld.journey import AcceptedSubmission, LinkedDataset
from cld.places import Council, Participation, council_regions
from cld.progress import Progress
from cld.shelf import atomic_write
from cld.vocabulary import Form
from collection.accept import accept
from collection.give_back import give_back
from disclosure.check import check
from extracts.approve import approve, digest_to_sign, receive, sign_off
from extracts.build import build
from extracts.release import Recipient, release, trust_policy
from linkage.link import link
from linkage.trace import trace_persons
from policies.decide import decide
from policies.profiles import profile_named
from synthetic.england import England, make_england

__all__ = ["open_package", "run_demo"]

LOCAL_ITEM = "Local: Frailty Band"


@dataclass(slots=True)
class _Run:
    workspace: Workspace
    england: England
    progress: Progress
    seconds: dict[str, float] = field(default_factory=dict)
    rows: list[dict[str, Any]] = field(default_factory=list)

    def timed(self, stage: str, started: float) -> None:
        self.seconds[stage] = round(time.monotonic() - started, 3)


def _participations() -> dict[str, Participation]:
    regions = council_regions()
    listed = csv.DictReader(files("synthetic").joinpath("councils.csv").read_text("utf-8").splitlines())
    made = {}
    for row in listed:
        name, region = regions[row["ons_code"]]
        local = (LOCAL_ITEM,) if row["la_code"] == "503" else ()
        made[row["la_code"]] = Participation(
            Council(row["la_code"], row["ons_code"], name, region), date(2020, 12, 7), None, local
        )
    return made


def run_demo(out: Path, *, n_people: int, seed: int, n_threads: int, progress: Progress) -> dict[str, Any]:
    """Run the whole journey in ``out`` and return the summary (shared commands page, demo).

    Raises: Conflict if ``out`` holds something that no demo made.
    """
    _clear(out)
    started = time.monotonic()
    progress.step(f"Making a synthetic England of {n_people:,} people")
    scratch = out / "scratch"
    england = make_england(out, scratch, n_people=n_people, seed=seed, n_threads=n_threads)
    shutil.rmtree(scratch, ignore_errors=True)
    run = _Run(demo_workspace(out, seed=seed, n_threads=n_threads), england, progress)
    run.timed("synthetic", started)
    participations = _participations()
    submissions = _accept_all(run, participations)
    linked = _link(run, submissions)
    linkage = _quality(run, submissions)
    _requests(run, linked, {code: p.council.region for code, p in participations.items()})
    _verify_all(run)
    summary = {
        "rows": run.rows,
        "linkage": linkage,
        "seconds": {**run.seconds, "total": round(time.monotonic() - started, 3)},
        "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    }
    atomic_write(out / "summary.json", json.dumps(summary, indent=2).encode())
    atomic_write(out / "index.html", _index(summary).encode())
    run.workspace.journal.close()
    shutil.rmtree(out / "spill", ignore_errors=True)
    return summary


def _clear(out: Path) -> None:
    marker = out / ".caregate-demo"
    if out.exists() and any(out.iterdir()) and not marker.exists():
        message = "The folder is not empty and no demo made it."
        raise Conflict(message, "Give another folder with --out.")
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    atomic_write(marker, b"1")


def _accept_all(run: _Run, participations: dict[str, Participation]) -> tuple[AcceptedSubmission, ...]:
    started, space = time.monotonic(), run.workspace
    index = run.england.nhs / "person_index.parquet"
    accepted = []
    for sent in run.england.received:
        run.progress.step(f"Accepting the file of council {sent.la_code}")
        submission = accept(
            sent.path, participations[sent.la_code], engine=space.engine, journal=space.journal, today=space.clock.today(),
            tracer=lambda session: trace_persons(session, index), synthetic_allowed=True, actor="collection officer",
        )  # fmt: skip
        decision = decide(
            {
                "action": "give_back",
                "body": "CASSR",
                "submitted_by_recipient": True,
                "on": space.clock.today().isoformat(),
            }
        )
        give_back(
            submission,
            space.folder / "given-back",
            to_la_code=sent.la_code,
            allowed=decision.allowed,
            engine=space.engine,
            journal=space.journal,
            actor="collection officer",
        )
        accepted.append(submission)
    _refuse_outsider(run)
    run.timed("accept", started)
    return tuple(accepted)


def _refuse_outsider(run: _Run) -> None:
    """A council that does not take part sends a file."""
    outsider = Participation(Council("999", "E10000032", "West Sussex", "South East"), date(2099, 1, 1), None)
    space = run.workspace
    try:
        accept(
            run.england.received[0].path, outsider, engine=space.engine, journal=space.journal, today=space.clock.today(),
            tracer=lambda session: session, synthetic_allowed=True, actor="collection officer",
        )  # fmt: skip
    except SubmissionRejected as refusal:
        run.rows.append(
            _row(
                "West Sussex council (file sent, not taking part)",
                "identifiable",
                ["cld"],
                "refused",
                list(refusal.reasons),
            )
        )


def _link(run: _Run, submissions: tuple[AcceptedSubmission, ...]) -> LinkedDataset:
    run.progress.step("Linking people to the person index and the NHS data sets")
    started, space = time.monotonic(), run.workspace
    linked = link(submissions, run.england.nhs, engine=space.engine, journal=space.journal, actor="linkage analyst")
    run.timed("link", started)
    return linked


QUALITY = """
    with judged as (
        select p.person_id, t.* from persons p join truth t using (la_code, la_person_unique_identifier)
    )
    select {by}, count(*), count(person_id), count(*) filter (person_id = true_nhs_number), count(true_nhs_number)
    from judged group by all order by all
"""


def _quality(run: _Run, submissions: tuple[AcceptedSubmission, ...]) -> dict[str, Any]:
    """Hold the tracing against the truth; rates are text of four digits."""
    with run.workspace.engine.session() as session:
        session.read_file("truth", run.england.truth / "clients.csv")
        for place, submission in enumerate(submissions):
            session.attach(f"p{place}", submission.persons)
        union = " union all ".join(
            f"select la_code, la_person_unique_identifier, person_id from p{place}" for place in range(len(submissions))
        )  # noqa: S608
        session.table("persons", Query(union))
        answers = {}
        for name, by in (
            ("all", "'all'"),
            ("by_council", "la_code"),
            ("by_tradition", "tradition"),
            ("by_age_band", "age_band"),
        ):
            rows = session.rows(Query(QUALITY.replace("{by}", by), ("persons", "truth")))
            answers[name] = {str(key): _rates(*(int(str(v)) for v in values)) for key, *values in rows}
    return {**answers["all"].get("all", {}), **{name: found for name, found in answers.items() if name != "all"}}


def _rates(n_persons: int, n_linked: int, n_right: int, n_true: int) -> dict[str, object]:
    return {
        "n_persons": n_persons,
        "n_linked": n_linked,
        "precision": f"{n_right / n_linked:.4f}" if n_linked else None,
        "recall": f"{n_right / n_true:.4f}" if n_true else None,
    }


def _row(
    recipient: str, form: str, data_sets: list[str], decision: str, clauses: list[str], **more: object
) -> dict[str, Any]:
    base: dict[str, Any] = dict.fromkeys(("n_rows", "n_persons", "smallest_class", "n_hidden_cells", "digest"))
    return {
        "recipient": recipient,
        "form": form,
        "datasets": data_sets,
        "decision": decision,
        "clauses": clauses,
        **base,
        **more,
    }


def _requests(run: _Run, linked: LinkedDataset, regions: dict[str, str]) -> None:
    started = time.monotonic()
    for request in demo_requests():
        run.progress.step(f"Deciding: {request.recipient}")
        try:
            run.rows.append(_release_one(run, request, linked, regions))
        except PolicyRefused as refusal:
            run.rows.append(_refusal(request, list(refusal.clauses)))
        except DisclosureRefused as refusal:
            run.rows.append(_refusal(request, [f"disclosure check: {measure}" for measure in refusal.measures]))
    run.timed("requests", started)


def _refusal(request: DemoRequest, clauses: list[str]) -> dict[str, Any]:
    return _row(request.recipient, request.plan.form.value, list(request.plan.data_sets()), "refused", clauses)


def _release_one(run: _Run, request: DemoRequest, linked: LinkedDataset, regions: dict[str, str]) -> dict[str, Any]:
    space, application, plan = run.workspace, request.application, request.plan
    today, people = space.clock.today(), space.people()
    decision = receive(application, plan, request.recipient, today=today, journal=space.journal)
    digest = digest_to_sign(application, plan, decision)
    signs = tuple(sign_off(name, space.staff[name], digest) for name in ("approver one", "approver two"))
    approved = approve(application, plan, signs, people=people, today=today, journal=space.journal)
    candidate = build(
        approved, application, plan, linked, engine=space.engine, journal=space.journal, keys=space.keys,
        opt_outs=run.england.nhs / "opt_outs.parquet", today=today, actor="operator",
    )  # fmt: skip
    checked = check(
        candidate,
        plan,
        profile_named(plan.profile, today),
        regions=regions,
        engine=space.engine,
        journal=space.journal,
        actor="operator",
        application=application.reference,
    )
    final = tuple(
        sign_off(name, space.staff[name], checked.document.digest) for name in ("releaser one", "releaser two")
    )
    identity, recipient = _recipient(space, request)
    signed, package = release(
        checked, application, plan, linked, final, recipient=recipient, people=people, today=today, engine=space.engine,
        journal=space.journal, keys=space.keys, release_keys=space.release_keys, folder=space.folder / "released",
    )  # fmt: skip
    tables, measures = checked.document.body["tables"].values(), checked.document.body["measures"].values()
    aggregate = plan.form is Form.AGGREGATE
    return _row(
        request.recipient, plan.form.value, list(plan.data_sets()), "released", list(approved.document.body["decision"]["clauses"]),
        n_rows=sum(table["dataset"]["n_rows"] for table in tables),
        n_persons=max(table["n_persons"] for table in tables),
        smallest_class=None if aggregate else min(measure["k"] for measure in measures),
        n_hidden_cells=sum(measure["n_primary"] + measure["n_secondary"] for measure in measures) if aggregate else None,
        digest=signed.document.body["payload_digest"],
        package=str(package.relative_to(space.folder)),
        identity=str(identity.relative_to(space.folder)),
        trust="trust-policy.txt",
    )  # fmt: skip


def _recipient(space: Workspace, request: DemoRequest) -> tuple[Path, Recipient]:
    """Make the recipient's age key: in a demo workspace it lies beside, so that anyone can open the package."""
    identity = pyrage.x25519.Identity.generate()
    path = space.folder / "recipients" / f"{request.application.reference}.age-key"
    atomic_write(path, f"{identity}\n".encode())
    atomic_write(space.folder / "trust-policy.txt", trust_policy(space.release_keys).encode())
    return path, Recipient(request.recipient, str(identity.to_public()))


def open_package(package: Path, identity: Path, folder: Path) -> None:
    """Open a sealed package into a folder.

    Raises: CLDError of the trust family if it does not open; one message for every cause.
    """
    try:
        key = pyrage.x25519.Identity.from_str(identity.read_text("utf-8").strip())
        content = pyrage.decrypt(package.read_bytes(), [key])
        with zipfile.ZipFile(BytesIO(content)) as source:
            source.extractall(folder)
    except (OSError, ValueError, pyrage.DecryptError, pyrage.IdentityError, zipfile.BadZipFile) as fault:
        message = "The package does not open: it was altered, or the key is not its recipient's."
        raise BadSignature(message, "Ask the sender for the package again.") from fault


def verify_package(package: Path, trust: Path, identity: Path | None, on: date) -> dict[str, Any]:
    """Open a package (sealed, zipped or a folder) and run every offline check."""
    if package.is_dir():
        return verify_folder(package, trust.read_text("utf-8"), on)
    with tempfile.TemporaryDirectory() as opened:
        if identity is None:
            with zipfile.ZipFile(package) as source:
                source.extractall(opened)
        else:
            open_package(package, identity, Path(opened))
        return verify_folder(Path(opened), trust.read_text("utf-8"), on)


def _verify_all(run: _Run) -> None:
    """Verify every package, then change one byte of one and watch it fail."""
    started, folder = time.monotonic(), run.workspace.folder
    run.progress.step("Verifying every package offline")
    on, trust = run.workspace.clock.today(), folder / "trust-policy.txt"
    for row in run.rows:
        if row["decision"] == "released":
            row["verified"] = verify_package(folder / row["package"], trust, folder / row["identity"], on)["ok"]
    released = [row for row in run.rows if row["decision"] == "released"]
    if released and not _tampered_fails(folder, released[0], trust, on):
        message = "A changed package still verified."
        raise InvariantBroken(message)
    run.timed("verify", started)


def _tampered_fails(folder: Path, row: dict[str, Any], trust: Path, on: date) -> bool:
    with tempfile.TemporaryDirectory() as opened:
        place = Path(opened)
        open_package(folder / row["package"], folder / row["identity"], place)
        target = sorted((place / "data").glob("*.csv"))[0]
        content = bytearray(target.read_bytes())
        content[len(content) // 2] ^= 1
        target.write_bytes(bytes(content))
        report = verify_folder(place, trust.read_text("utf-8"), on)
        row["one_byte_changed"] = [check["reason"] for check in report["checks"] if check["result"] == "failed"]
        return not report["ok"]


def _index(summary: dict[str, Any]) -> str:
    """One page that links every output."""
    lines = []
    for row in summary["rows"]:
        link_to = f'<a href="{html.escape(row["package"])}">package</a>' if row.get("package") else ""
        cells = (
            row["recipient"],
            row["form"],
            ", ".join(row["datasets"]),
            row["n_rows"],
            row["n_persons"],
            row["smallest_class"],
            row["n_hidden_cells"],
            row["decision"],
            "; ".join(row["clauses"]),
        )
        lines.append(
            "<tr>"
            + "".join(f"<td>{html.escape('' if c is None else str(c))}</td>" for c in cells)
            + f"<td>{link_to}</td></tr>"
        )
    heads = (
        "Recipient",
        "Form",
        "Data sets",
        "Rows",
        "People",
        "Smallest class",
        "Hidden cells",
        "Decision",
        "Clauses",
        "Package",
    )
    head = "".join(f'<th scope="col">{name}</th>' for name in heads)
    quality = f"precision {summary['linkage'].get('precision')}, recall {summary['linkage'].get('recall')}"
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Caregate demo</title>'
        "<style>body{font-family:Arial,sans-serif;margin:2rem}td,th{border:1px solid #768692;padding:.3rem;text-align:left}table{border-collapse:collapse}</style>"
        f"</head><body><h1>Caregate demo</h1><p>Linkage against the known truth: {quality}.</p>"
        f"<table><caption>Requests and what became of them</caption><thead><tr>{head}</tr></thead><tbody>{''.join(lines)}</tbody></table>"
        '<p><a href="summary.json">summary.json</a>, <a href="given-back/">given back</a>, <a href="received/">received</a>, '
        '<a href="truth/">truth</a>, <a href="trust-policy.txt">trust policy</a></p></body></html>'
    )
