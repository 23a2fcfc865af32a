"""Who would get round an application's states: at the same instant, while something is under way, or by a clock set back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

import extracts.build
from api.house.house import House, Stage
from api.house.inbox import tell_by_mail
from api.life.agreements import destroy_agreement
from api.life.people import change_role
from api.life.suspensions import instruct
from api.life.voting import Ballot
from api.workspace.wiring import open_demo_workspace
from audit.journal import Event
from cld.errors import CLDError, InvalidTransition, KeyDestroyed, NotPermitted, PolicyRefused, WrongRole
from extracts.life.roles import RoleChangeKind
from extracts.life.votes import Answer
from tests.lib.life import APPLICANT, COUNCIL, Life


@pytest.fixture
def house(life: Life) -> Iterator[House]:
    life.do("apply", life.application("CG-0900"))
    made = House(open_demo_workspace(life.folder))
    yield made
    made.space.journal.close()


def vote(house: House, person: str, answer: Answer = Answer.APPROVE) -> str:
    try:
        reason = "" if answer is Answer.APPROVE else "why"
        house.sign("CG-0900", Stage.APPROVE, person, house.space.staff[person], Ballot(answer, reason=reason))
    except CLDError as fault:
        return fault.code
    return "cast"


def test_two_sign_offs_at_the_same_instant_both_count_and_one_person_s_two_do_not(house: House) -> None:
    with ThreadPoolExecutor(4) as pool:
        found = sorted(pool.map(lambda person: vote(house, person), ["approver one", "approver two", "approver one"]))
    assert found == ["cast", "cast", "not-permitted"]
    assert house.approve("CG-0900").document.body["decision"]["decision"] == "allow"
    with pytest.raises(InvalidTransition):
        house.approve("CG-0900")


def test_of_a_return_and_an_approval_at_the_same_instant_the_return_holds(house: House) -> None:
    votes = [("approver one", Answer.APPROVE), ("approver two", Answer.RETURN)]
    with ThreadPoolExecutor(2) as pool:
        assert [*pool.map(lambda one: vote(house, *one), votes)] == ["cast", "cast"]
    with pytest.raises(InvalidTransition, match="returned"):
        house.approve("CG-0900")


def test_the_answer_of_a_vote_is_not_in_the_log_before_both_are_cast(house: House, life: Life) -> None:
    vote(house, "approver one", Answer.REFUSE)
    (leaf,) = [leaf for leaf in house.space.journal.leaves() if b'"action":"signed"' in leaf]
    assert set(json.loads(leaf)["details"]) == {"application", "stage", "digest"}
    assert life.do("votes", "CG-0900", "--stage", "approve", "--as", "approver two")["votes"] == []


def test_a_suspension_stops_a_build_under_way(house: House, life: Life) -> None:
    for person in ("approver one", "approver two"):
        vote(house, person)
    house.approve("CG-0900")
    counted, letter = extracts.build._persons_by_council, life.files / "letter"
    letter.write_text("stop")

    def suspend_meanwhile(*given: object) -> dict[str, int]:
        instruct(
            house.space, "officer one", scope="recipient", subject=COUNCIL, sender="DHSC", letter=letter, notice="", effective="2022-03-01"
        )  # fmt: skip
        return counted(*given)  # type: ignore[arg-type]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(extracts.build, "_persons_by_council", suspend_meanwhile)
        with pytest.raises(InvalidTransition, match="suspended"):
            house.build("CG-0900")
    assert life.state("CG-0900") == "suspended"
    assert not [leaf for leaf in house.space.journal.leaves() if b'"action":"build"' in leaf]
    with pytest.raises(InvalidTransition, match="suspended"):
        house.build("CG-0900")
    assert b"act refused" in house.space.journal.leaves()[-1]


def test_a_suspension_of_days_to_come_takes_effect_on_its_day(house: House, life: Life) -> None:
    given = ("--as", "officer one", "--letter", life.file("x"), "--sender", "DHSC", "--effective", "2022-04-01")
    life.do("instruct", "--scope", "agreement", "--subject", "DARS-CG-0900", *given)
    assert life.state("CG-0900") == "in review"
    assert life.do("daily", "--on", "2022-04-01")["moved"] == {"CG-0900": "suspended"}
    life.do("instruct", "--scope", "moon", "--subject", "x", *given, fails=3)
    life.do("instruct", "--scope", "direction", *("--as", "approver one", *given[2:]), fails=4)


def test_an_officer_alone_does_not_lift(house: House, life: Life) -> None:
    given = ("--as", "officer one", "--letter", life.file("x"), "--sender", "DHSC", "--effective", "2022-03-01")
    letter = life.do("instruct", "--scope", "recipient", "--subject", COUNCIL, *given)["instruction"]
    life.do("lift", letter, "--as", "officer one")
    life.do("lift", letter, "--as", "officer one", fails=4)
    life.do("lift", letter, "--as", "approver one", fails=4)
    assert life.state("CG-0900") == "suspended"


def test_an_event_of_the_wrong_state_role_or_person_is_not_kept(house: House) -> None:
    journal = house.space.journal
    n_before = len(journal.leaves())
    for action, actor, role, fault in (
        ("collected", APPLICANT, "recipient", InvalidTransition), ("agreement signed", "officer one", "approver", WrongRole),
        ("agreement signed", "approver one", "officer", WrongRole), ("withdrawn", "stranger", "applicant", WrongRole),
        ("destroyed", "custodian one", "custodian", InvalidTransition),
    ):  # fmt: skip
        with pytest.raises(fault):
            journal.record(Event(action, actor, role, {"application": "CG-0900"}))
    assert len(journal.leaves()) == n_before


def test_nobody_gives_themselves_a_role(house: House) -> None:
    today = house.space.clock.today()
    with pytest.raises(NotPermitted):
        change_role(house.space, RoleChangeKind.GIVEN, "officer one", "approver", actor="officer one", from_day=today)
    with pytest.raises(WrongRole):
        change_role(
            house.space, RoleChangeKind.GIVEN, "approver one", "officer", actor="approver one x", from_day=today
        )


def test_a_clock_set_back_makes_no_ended_agreement_live_again(house: House, life: Life) -> None:
    life.do("daily", "--on", "2022-09-01")
    assert house.space.clock.today().year == 2022
    for refused in (lambda: vote(house, "approver one"), lambda: life.do("daily", "--on", "2022-08-31", fails=5)):
        refused()
    assert vote(house, "approver one") == "invalid-transition", "this process still stands in March"


def test_a_destroyed_key_neither_builds_nor_opens(house: House, life: Life) -> None:
    for person in ("approver one", "approver two"):
        vote(house, person)
    house.approve("CG-0900")
    life.finish("CG-0900")
    destroy_agreement(house.space, "DARS-CG-0900", life.files.parent / life.certificate("CG-0900"), "custodian one")
    with pytest.raises(KeyDestroyed):
        house.space.keys.active_version("agreement-DARS-CG-0900")
    with pytest.raises(InvalidTransition):
        house.build("CG-0900")
    with pytest.raises(PolicyRefused):
        house.deliver("CG-0900")
    (certified,) = (house.space.folder / "destroyed").glob("*.json")
    assert "overwritten" not in b"".join(house.space.journal.leaves()).decode(), "words of people are not in the log"
    assert json.loads(certified.read_text())["agreement"] == "DARS-CG-0900"


class Kept:
    """A post that keeps what it was given."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, str, str]] = []

    def send(self, address: str, subject: str, words: str) -> None:
        self.sent.append((address, subject, words))


def test_mail_goes_to_who_must_act_and_says_nothing_of_what(house: House) -> None:
    kept = Kept()
    addresses = [("approver one", "a@example.test"), ("releaser one", "r@example.test")]
    assert tell_by_mail(house, kept, addresses) == 1
    (address, subject, words) = kept.sent[0]
    assert address == "a@example.test"
    assert not any(word in subject + words for word in ("CG-0900", "Lincolnshire", COUNCIL, "review"))
