"""The emergency stop: everything is refused while it is on, a build under way too, and only a quorum lifts it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyrage
import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

import api.store.projections
import extracts.build
from api.house.emergency import Emergency
from api.store.database import StopRow
from api.workspace.wiring import Workspace, demo_workspace, open_demo_workspace
from audit.journal import Event
from audit.stop import digest_to_lift, lift, require_running, stop, stop_in_force
from cld.errors import BadSignature, InvalidTransition, NotPermitted, SamePerson, Stopped
from cld.journey import ApprovedPlan, CandidateExtract
from cld.signing import sign_off
from extracts.opt_outs.gate import OptOutGate
from extracts.opt_outs.service import ListedObjectors
from extracts.release import reissue
from tests.lib.enrolling import enrol
from tests.lib.journey import OpenJourney
from tests.lib.migrating import back_to


@pytest.fixture
def space(tmp_path: Path) -> Iterator[Workspace]:
    made = demo_workspace(tmp_path / "space", seed=9, n_threads=1)
    yield made
    made.journal.close()


def test_one_person_stops_and_three_lift(space: Workspace) -> None:
    desk = Emergency(space)
    assert not desk.is_on
    desk.stop("releaser two")
    assert desk.is_on
    for person in ("approver one", "approver two"):
        desk.sign_to_lift(person)
    with pytest.raises(NotPermitted):
        desk.sign_to_lift("approver two")
    assert desk.is_on
    assert desk.sign_to_lift("releaser one") == (3, 3)
    assert not desk.is_on
    with pytest.raises(InvalidTransition):
        desk.sign_to_lift("releaser two")


def test_signatures_over_one_stop_do_not_lift_the_next_and_nobody_counts_twice(space: Workspace) -> None:
    names = ("approver one", "approver two", "releaser one")
    first = stop(space.journal, "approver one", "approver")
    signs = tuple(sign_off(name, space.staff[name], digest_to_lift(first)) for name in names)
    lift(space.journal, signs, space.people(), 3)
    second = stop(space.journal, "approver one", "approver")
    assert first != second
    with pytest.raises(BadSignature):
        lift(space.journal, signs, space.people(), 3)
    twice = tuple(sign_off(name, space.staff[name], digest_to_lift(second)) for name in (*names[:2], names[1]))
    with pytest.raises(SamePerson):
        lift(space.journal, twice, space.people(), 3)
    with pytest.raises(SamePerson):
        lift(space.journal, twice[:2], space.people(), 3)
    assert stop_in_force(space.journal) == second


def test_words_like_a_stop_inside_an_application_neither_stop_nor_lift(space: Workspace) -> None:
    stop(space.journal, "approver one", "approver")
    space.journal.record(Event("noted", "applicant", "applicant", {"x": {"action": "emergency stop lifted"}}))
    with pytest.raises(Stopped):
        require_running(space.journal)


def test_the_stop_outlives_the_process(space: Workspace) -> None:
    stop(space.journal, "approver one", "approver")
    again = open_demo_workspace(space.folder)
    assert Emergency(again).is_on
    again.journal.close()


def build_again(journey: OpenJourney) -> CandidateExtract:
    space = journey.space
    held = space.journal.load(journey.documents["ApprovedPlan"])
    assert held is not None
    return extracts.build.build(
        ApprovedPlan(held), journey.linked, engine=space.engine, journal=space.journal, keys=space.keys,
        opt_outs=OptOutGate(
            ListedObjectors(space.folder.parent / "england" / "nhs" / "opt_outs.parquet", space.clock)
        ), people=space.people(),
        today=space.clock.today(), actor="second operator",
    )  # fmt: skip


def test_a_build_under_way_and_a_release_are_stopped(journey: OpenJourney, monkeypatch: pytest.MonkeyPatch) -> None:
    journal, counted = journey.space.journal, extracts.build._persons_by_council

    def stop_meanwhile(*given: object) -> dict[str, int]:
        stop(journal, "approver one", "approver")
        return counted(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(extracts.build, "_persons_by_council", stop_meanwhile)
    with pytest.raises(Stopped):
        build_again(journey)
    kept = b'"action":"build","actor":"second operator"'
    assert kept not in b"".join(journal.leaves()), "a build was kept after the stop"
    with pytest.raises(Stopped):
        journey.release()
    assert not list((journey.space.folder / "released").glob("*"))
    # with the defence inside the transaction switched off, the build under way would have been kept
    monkeypatch.setattr(extracts.build, "require_running", lambda _: None)
    monkeypatch.setattr(api.store.projections, "_require_running", lambda _: None)
    build_again(journey)
    assert kept in b"".join(journal.leaves())


def test_nothing_is_delivered_again_or_sealed_anew_after_a_stop(journey: OpenJourney) -> None:
    space, body_code = journey.space, journey.request.application.body_code
    signed, path = journey.release()
    other = enrol(space, body_code, str(pyrage.x25519.Identity.generate()), old=str(journey.identity))
    stop(space.journal, "approver one", "approver")

    def sealed_anew() -> Path:
        return reissue(
            signed, other, people=space.people(), today=space.clock.today(), engine=space.engine,
            journal=space.journal, keys=space.keys, release_keys=space.release_keys, folder=path.parent,
        )  # fmt: skip

    for _ in ("the package is there", "it is gone"):
        with pytest.raises(Stopped):
            journey.deliver(signed)
        with pytest.raises(Stopped):
            sealed_anew()
        path.unlink(missing_ok=True)
    assert not list(path.parent.iterdir())


def test_a_workspace_that_was_stopped_before_stops_had_a_table_stays_stopped(space: Workspace) -> None:
    """An older database: the table is gone, the log has a stop, a lift and a stop; and words like a lift."""
    names = ("approver one", "approver two", "releaser one")
    first = stop(space.journal, "approver one", "approver")
    lift(
        space.journal, tuple(sign_off(name, space.staff[name], digest_to_lift(first)) for name in names), space.people(), 3
    )  # fmt: skip
    stop(space.journal, "approver one", "approver")
    space.journal.record(Event("noted", "applicant", "applicant", {"x": "emergency stop lifted"}))
    kept = rows_of(space)
    assert [is_on for _, is_on in kept] == [True, False, True]
    back_to(space.database, "0005")
    again = open_demo_workspace(space.folder)
    assert rows_of(again) == kept
    with Session(again.database) as session, pytest.raises(Stopped):
        api.store.projections._require_running(session)
    again.journal.close()


def rows_of(space: Workspace) -> list[tuple[int, bool]]:
    with Session(space.database) as session:
        return [(row.seq, row.is_on) for row in session.scalars(select(StopRow).order_by(StopRow.seq))]
