"""The National Data Opt-out gate: what is asked, what is believed, what is held back, and what is told of it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from sqlalchemy.orm import Session as DatabaseSession

from api.demo.requests import demo_requests
from api.store.database import open_database
from api.store.journal import SqlJournal
from api.store.opt_out_rules import keep_opt_out_rule, require_opt_out_rule
from audit.journal import Event
from cld.clock import SystemEntropy
from cld.engine import Engine, Query, Session
from cld.errors import DisclosureRefused, InputError, KeyDestroyed, NoAnswerYet, OptOutsUnknown, StaleVersion
from cld.journey import ApprovedPlan, Document, DocumentKind, LinkedDataset
from cld.nhs_number import fault_of
from cld.plan import ExtractPlan, Resident
from cld.shelf import Shelf
from extracts.opt_outs.cache import FORGOTTEN, AnswerCache
from extracts.opt_outs.gate import OptOutGate, hold_back, require_fresh
from extracts.opt_outs.mesh import MeshFolder
from keys.derivation import Secret
from keys.store import KeyStore
from policies.opt_outs import opt_out_limits_on
from tests.lib.opt_out_service import NOTE, OWN, SERVICE, OptOutEmulator, field_of
from tests.lib.small_log import HandClock

START = datetime(2022, 3, 1, 9, tzinfo=UTC)
PLAN = next(one.plan for one in demo_requests() if one.plan.opt_outs_applied)
LINKED = LinkedDataset(Document(DocumentKind.LINKED_DATASET, (), {"n": 1}))


def numbers(n: int) -> list[str]:
    """Return the first valid numbers of the synthetic range."""
    found = (f"9{place:09d}" for place in range(10_000, 10_000 + 20 * n))
    return [number for number in found if fault_of(number, synthetic_allowed=True) is None][:n]


PEOPLE = numbers(120)
OBJECTORS = PEOPLE[5:105:10]
UNTRACED = ["L1", "L2", "L3"]


@dataclass
class Bench:
    """A gate with its mailbox, its clock, and a session with a population."""

    session: Session
    gate: OptOutGate
    service: OptOutEmulator
    clock: HandClock
    journal: SqlJournal
    keys: KeyStore
    folder: Path

    def ask(self, plan: ExtractPlan = PLAN) -> tuple[set[str], dict[str, str]]:
        """Pass the gate; return who was chosen and what is told."""
        for name in ("chosen", "opt_out_question", "opt_out_answer"):
            if self.session.has(name):
                self.session.drop(name)
        told = hold_back(self.session, plan, LINKED, self.gate, self.clock.now.date())
        return {row[0] for row in self.session.rows(Query("select person_id from chosen", ("chosen",)))}, told

    def ask_and_answer(self) -> tuple[set[str], dict[str, str]]:
        """Ask, let the service answer, and ask again."""
        with pytest.raises(NoAnswerYet):
            self.ask()
        self.service.run()
        return self.ask()


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """A gate before a mailbox that nobody has answered yet."""
    clock = HandClock(START)
    keys = KeyStore(tmp_path / "keystore", Secret(b"r" * 32), SystemEntropy(), "2022")
    shelf = Shelf(tmp_path / "shelf", keys)
    journal = SqlJournal(open_database(tmp_path / "kept.sqlite"), clock)  # type: ignore[arg-type]
    service = MeshFolder(tmp_path / "mesh", OWN, SERVICE, clock)  # type: ignore[arg-type]
    cache = AnswerCache(tmp_path / "opt-outs.json", shelf, keys, journal, clock)  # type: ignore[arg-type]
    with Engine(shelf, tmp_path / "spill", 1).session() as session:
        session.take("population", pa.table({"person_id": [*PEOPLE, *UNTRACED]}))
        emulator = OptOutEmulator(tmp_path / "mesh", OBJECTORS)
        yield Bench(session, OptOutGate(service, cache), emulator, clock, journal, keys, tmp_path)
    journal.close()


def test_numbers_go_out_as_published_and_who_objects_or_cannot_be_asked_is_held_back(bench: Bench) -> None:
    with pytest.raises(NoAnswerYet) as later:
        bench.ask()
    assert later.value.exit_status == 5
    (data,) = (bench.folder / "mesh" / "out").glob("*.dat")
    assert data.name == f"{OWN}-010322-0001.dat"
    assert data.read_text() == "".join(f"{number},\n" for number in sorted(PEOPLE))
    control = data.with_suffix(".ctl").read_text()
    wanted = {"WorkflowId": "SPINE_NTT_UPHOLDING", "From_DTS": OWN, "To_DTS": SERVICE, "Subject": data.stem, "LocalId": data.stem}  # fmt: skip
    assert {name: field_of(control, name) for name in wanted} == wanted
    with pytest.raises(NoAnswerYet):
        bench.ask()
    assert bench.service.run() == 1
    chosen, told = bench.ask()
    assert chosen == set(PEOPLE) - set(OBJECTORS)
    assert told == {"limits": "opt-outs-1", "asked_at_utc": START.isoformat(), "objecting": "about 10", "untraced": "1 to 7"}  # fmt: skip


def test_nothing_of_question_and_answer_is_left_lying_and_what_is_kept_is_encrypted(bench: Bench) -> None:
    bench.ask_and_answer()
    left = [path for path in bench.folder.rglob("*") if path.is_file() and path.suffix in (".dat", ".ctl", ".part")]
    assert left == []
    for path in bench.folder.rglob("*"):
        if path.is_file() and "spill" not in path.parts:
            held = path.read_bytes()
            assert not [number for number in PEOPLE if number.encode() in held], path.name


def test_an_answer_serves_again_for_hours_and_is_then_destroyed_with_its_key(bench: Bench) -> None:
    before = bench.ask_and_answer()
    bench.clock.now = START + timedelta(hours=23)
    assert bench.ask() == before
    held = json.loads((bench.folder / "opt-outs.json").read_text())
    (key_id,) = (one["dataset"]["key_id"] for one in held.values())
    bench.clock.now = START + timedelta(hours=25)
    with pytest.raises(NoAnswerYet):
        bench.ask()
    with pytest.raises(KeyDestroyed):
        bench.keys.open_data_key(key_id)
    assert json.loads((bench.folder / "opt-outs.json").read_text()) == {}
    assert not list((bench.folder / "shelf").rglob(f"*{key_id}*"))
    (leaf,) = [json.loads(leaf) for leaf in bench.journal.leaves() if json.loads(leaf)["action"] == FORGOTTEN]
    assert leaf["details"]["key"]["key_id"] == key_id
    bench.service.objectors = [*OBJECTORS, PEOPLE[0]]
    bench.service.run()
    assert PEOPLE[0] in before[0]
    assert PEOPLE[0] not in bench.ask()[0]
    assert len(bench.service.asked) == 2


def test_other_people_are_another_question(bench: Bench) -> None:
    bench.ask_and_answer()
    with pytest.raises(NoAnswerYet):
        bench.ask(replace(PLAN, population=Resident("14Y")))


def test_nobody_is_asked_where_opt_outs_do_not_apply(bench: Bench) -> None:
    chosen, told = bench.ask(replace(PLAN, opt_outs_applied=False))
    assert (chosen, told) == ({*PEOPLE, *UNTRACED}, {})
    assert not (bench.folder / "mesh").exists()


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda text: "", "empty"),
        (lambda text: text[:-4], "breaks off"),
        (lambda text: "The file contains an invalid NHS number\n", "breaks off, or is a line of words"),
        (lambda text: text.replace("\n", "\r\n"), "do not end as agreed"),
        (lambda text: text + text.splitlines(keepends=True)[0], "names somebody twice"),
        (lambda text: text + f"{numbers(130)[-1]},\n", "not asked about"),
        (lambda text: text.replace("9", "x", 1), "no NHS numbers"),
        (lambda text: text.replace(",\n", "\n", 1), "no NHS numbers"),
        (lambda text: "\n" + text, "no NHS numbers"),
        (lambda text: "".join(text.splitlines(keepends=True)[:40]), "more people than can be"),
    ],
)
def test_an_answer_that_is_none_is_refused_deleted_and_asked_for_anew(
    bench: Bench, spoil: Callable[[str], str], words: str
) -> None:
    bench.service.spoil = spoil
    with pytest.raises(OptOutsUnknown, match=words) as refusal:
        bench.ask_and_answer()
    assert refusal.value.exit_status == 1
    assert not re.search("[0-9]{10}", str(refusal.value))
    assert not list((bench.folder / "mesh" / "in").iterdir())
    bench.service.spoil = lambda answer: answer
    assert bench.ask_and_answer()[0] == set(PEOPLE) - set(OBJECTORS)


def test_two_answers_an_answer_from_elsewhere_and_a_failed_transfer_are_refused(bench: Bench) -> None:
    bench.service.n_answers = 2
    with pytest.raises(OptOutsUnknown, match="twice"):
        bench.ask_and_answer()
    bench.service.n_answers, bench.service.sender = 1, "X26HC999"
    with pytest.raises(OptOutsUnknown, match="not the opt-out service's"):
        bench.ask_and_answer()
    bench.service.sender = SERVICE
    with pytest.raises(NoAnswerYet):
        bench.ask()
    (control,) = (bench.folder / "mesh" / "out").glob("*.ctl")
    bench.service.deliver(control.stem, "report", b"", status="ERROR", kind="Report")
    with pytest.raises(OptOutsUnknown, match="did not reach"):
        bench.ask()
    assert not list((bench.folder / "mesh" / "out").iterdir())


def test_no_answer_in_time_and_an_answer_fetched_too_late_are_refused(bench: Bench) -> None:
    with pytest.raises(NoAnswerYet):
        bench.ask()
    bench.clock.now = START + timedelta(minutes=239)
    with pytest.raises(NoAnswerYet):
        bench.ask()
    bench.clock.now = START + timedelta(minutes=241)
    with pytest.raises(OptOutsUnknown, match="no answer within 240 minutes"):
        bench.ask()
    assert bench.service.run() == 0
    with pytest.raises(NoAnswerYet):
        bench.ask()
    bench.service.run()
    bench.clock.now += timedelta(hours=25)
    with pytest.raises(OptOutsUnknown, match="too old"):
        bench.ask()


def test_other_mail_and_notes_of_the_service_are_no_answers_and_stay(bench: Bench) -> None:
    with pytest.raises(NoAnswerYet):
        bench.ask()
    (control,) = (bench.folder / "mesh" / "out").glob("*.ctl")
    bench.service.deliver("somebody-elses", "answer", b"9000000000,\n")
    bench.service.deliver(control.stem, "note", NOTE)
    (bench.folder / "mesh" / "in" / "bad.ctl").write_text("<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>")
    with pytest.raises(NoAnswerYet):
        bench.ask()
    bench.service.run()
    bench.ask()
    assert {path.name for path in (bench.folder / "mesh" / "in").iterdir()} == {
        "somebody-elses-answer.dat", "somebody-elses-answer.ctl", "bad.ctl",
    }  # fmt: skip


def test_a_mailbox_is_letters_and_digits(tmp_path: Path) -> None:
    with pytest.raises(InputError):
        MeshFolder(tmp_path, "a:b", SERVICE, HandClock())  # type: ignore[arg-type]


def test_small_numbers_of_people_held_back_are_never_told() -> None:
    """Hand-worked: 1 to 7 as a range, others to the nearest 5."""
    told = opt_out_limits_on(date(2022, 3, 1)).told
    assert [told(n) for n in (0, 1, 7, 8, 12, 13, 102)] == ["0", "1 to 7", "1 to 7", "about 10", "about 10", "about 15", "about 100"]  # fmt: skip


def test_an_extract_leaves_only_while_its_answer_is_fresh() -> None:
    held = {"asked_at_utc": START.isoformat()}
    require_fresh(held, date(2022, 3, 8))
    require_fresh({}, date(2030, 1, 1))
    with pytest.raises(StaleVersion, match="more than 7 days ago"):
        require_fresh(held, date(2022, 3, 9))


def approved(reference: str, *, applied: bool, agreement: str = "DARS-NIC-1-A1B2C") -> Document:
    asked = next(one for one in demo_requests() if one.plan.opt_outs_applied)
    application = asked.application.as_json()
    application["agreement"]["reference"], application["reference"] = agreement, reference
    plan = replace(asked.plan, opt_outs_applied=applied).as_json()
    body = json.loads(json.dumps({"application": application, "plan": plan}))
    return Document(DocumentKind.APPROVED_PLAN, (), body)


def test_one_rule_holds_for_a_recipient_s_data_for_the_life_of_the_agreement(database_place: Path | str) -> None:
    database = open_database(database_place)
    journal = SqlJournal(database, HandClock())  # type: ignore[arg-type]
    event = Event("build", "operator", "operator", {})

    def built(document: Document) -> Document:
        journal.seal(document, replace(event, action="approve"))
        return Document(DocumentKind.CANDIDATE_EXTRACT, (document.digest,), {"n": document.digest})

    journal.seal(built(approved("CG-1", applied=True)), event)
    journal.seal(built(approved("CG-2", applied=True)), event)
    other = built(approved("CG-3", applied=False))
    n_leaves = journal.n_leaves()
    with pytest.raises(DisclosureRefused, match="other opt-out rule"):
        journal.seal(other, event)
    assert (journal.load(other.digest), journal.n_leaves()) == (None, n_leaves)
    with DatabaseSession(database) as session, pytest.raises(DisclosureRefused):
        require_opt_out_rule(session, ApprovedPlan(approved("CG-3", applied=False)))
    elsewhere = built(approved("CG-4", applied=False, agreement="DARS-NIC-2-A1B2C"))
    journal.seal(elsewhere, event)
    with DatabaseSession(database) as session, session.begin():
        keep_opt_out_rule(session, elsewhere)
    database.dispose()
