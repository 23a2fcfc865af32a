"""The parts of an application's life alone: the table, votes, roles, conditions, the calendar, differences."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from api.demo.requests import demo_requests
from cld.clock import SeededClock
from cld.errors import BadSignature, InputError, InvalidTransition, SamePerson, WrongRole
from cld.signing import sign_off
from extracts.approve import decision_on
from extracts.life.calendar import due
from extracts.life.changes import Change, changes_between
from extracts.life.completeness import what_is_missing
from extracts.life.conditions import Condition, ConditionKind, Judged, broken, conditions_from, union
from extracts.life.dars import day_of
from extracts.life.roles import RoleChange, RoleChangeKind, holds
from extracts.life.standards import checklist, standards
from extracts.life.standing import Scope, Standing, Suspension
from extracts.life.states import BACK, OWNERS, TRANSITIONS, Act, State, possible, step
from extracts.life.votes import Answer, Approval, Vote, digest_of_vote, fresh, outcome
from policies.life import life_rules_on
from tests.golden.life_diagram import drawn, parts

ASKED = demo_requests()[0]
DAY = date(2022, 3, 1)
SEEN = "a" * 64
GOOD = Standing(submitted=True)


def test_the_documentation_shows_the_table_as_it_is() -> None:
    assert parts()[1] == drawn(), "draw it anew: python -m tests.golden.life_diagram"


def test_every_state_is_reached_has_an_owner_and_the_ends_are_known() -> None:
    reached, before = {State.DRAFT}, set[State]()
    while reached != before:
        before = set(reached)
        reached |= {one.target for one in TRANSITIONS if one.origin in reached and one.target is not BACK}
    assert reached == set(State) == set(OWNERS)
    ends = {state for state in State if not possible(state)}
    assert ends == {State.DESTROYED, State.RENEWED, State.WITHDRAWN}
    assert len({(one.origin, one.act) for one in TRANSITIONS}) == len(TRANSITIONS), "an act leads to one place"


def test_whoever_owns_a_state_can_act_in_it() -> None:
    acting = {"recipient": {"recipient", "custodian", "system"}}
    for state, owner in OWNERS.items():
        roles = {role for one in possible(state) for role in one.roles}
        assert not owner or acting.get(owner, {owner}) & roles, state


def test_an_act_that_does_not_lead_on_says_what_is_possible() -> None:
    with pytest.raises(InvalidTransition, match=re.escape("Possible is: application saved, application received")):
        step(None, Act.BUILD, "operator")
    with pytest.raises(InvalidTransition, match="Possible is: nothing"):
        step(State.DESTROYED, Act.COLLECT, "recipient")
    with pytest.raises(WrongRole):
        step(State.IN_REVIEW, Act.APPROVE, "applicant")


def test_from_destroyed_withdrawn_and_renewed_nothing_leads_to_a_build() -> None:
    for state in (State.DESTROYED, State.WITHDRAWN, State.RENEWED, State.EXPIRED, State.REVOKED, State.SUSPENDED):
        assert not {Act.BUILD, Act.RELEASE, Act.COLLECT} & {one.act for one in possible(state)}, state


def vote(person: str, answer: Answer = Answer.APPROVE, seen: str = SEEN, turn: int = 1, **more: object) -> Vote:
    conditions, reason = more.get("conditions", ()), "" if answer is Answer.APPROVE else "why"
    digest = digest_of_vote(seen, answer, conditions, reason)  # type: ignore[arg-type]
    key = Ed25519PrivateKey.from_private_bytes(person.encode().ljust(32, b"."))
    return Vote(sign_off(person, key, digest), seen, answer, conditions, reason, turn)  # type: ignore[arg-type]


def register(*votes: Vote) -> dict[str, str]:
    return {one.sign.person: one.sign.public_key for one in votes}


@pytest.mark.parametrize(
    ("first", "second", "decided"),
    [
        (Answer.APPROVE, Answer.APPROVE, Answer.APPROVE), (Answer.APPROVE, Answer.RETURN, Answer.RETURN),
        (Answer.RETURN, Answer.REFUSE, Answer.REFUSE), (Answer.REFUSE, Answer.APPROVE, Answer.REFUSE),
    ],
)  # fmt: skip
def test_two_votes_decide_and_one_decides_nothing(first: Answer, second: Answer, decided: Answer) -> None:
    assert outcome((vote("one", first),)) is None
    assert outcome((vote("one", first), vote("two", second))) is decided


def test_votes_over_something_else_or_of_an_earlier_round_do_not_count() -> None:
    votes = (vote("one"), vote("two", seen="b" * 64), vote("three", turn=0))
    assert fresh(votes, SEEN, 1) == votes[:1]


def test_a_vote_cannot_be_made_into_another() -> None:
    """Dropping a condition, or turning a return into an approval, breaks the signature."""
    latest = (Condition(ConditionKind.LATEST_DATE, "2022-06-30"),)
    held, other = vote("one", conditions=latest), vote("two")
    people = register(held, other)
    Approval((held, other)).require(people, "applicant")
    for forged in (replace(held, conditions=()), replace(held, reason="fine"), replace(vote("one", Answer.RETURN), answer=Answer.APPROVE)):  # fmt: skip
        with pytest.raises(BadSignature):
            Approval((forged, other)).require(people, "applicant")
    with pytest.raises(SamePerson):
        Approval((held, held)).require(people, "applicant")
    with pytest.raises(SamePerson):
        Approval((held, other)).require(people, "two")
    with pytest.raises(InputError):
        Approval((vote("one", Answer.RETURN), other)).require(people, "applicant")
    with pytest.raises(InputError):
        digest_of_vote(SEEN, Answer.REFUSE, (), " ")


def test_conditions_are_a_closed_list_and_each_is_held() -> None:
    judged = Judged(ASKED.plan, DAY, 0)
    once, linked = Condition(ConditionKind.ONLY_ONCE), Condition(ConditionKind.NO_FURTHER_LINKAGE)
    last = Condition(ConditionKind.LATEST_DATE, "2022-03-01")
    assert broken((last, once), judged) == ()
    assert broken((last, once), Judged(ASKED.plan, DAY + timedelta(days=1), 1)) == (last, once)
    assert broken((linked,), judged) == (linked,)
    assert broken((linked,), replace(judged, plan=replace(ASKED.plan, pseudonyms_last="release"))) == ()
    strict = Condition(ConditionKind.PROFILE_AT_LEAST, "caregate")
    assert broken((strict,), judged) == ()
    assert broken((strict,), replace(judged, plan=replace(ASKED.plan, profile="nhs-published"))) == (strict,)
    for wrong in ([{"kind": "be nice"}], [{"kind": "latest-date", "value": "2022-06-30T00:00Z"}], [{"kind": "only-once", "value": "x"}], ["only-once"], 7):  # fmt: skip
        with pytest.raises(InputError):
            conditions_from(wrong)
    assert union((last, once), (once,)) == (last, once)


def change(kind: RoleChangeKind, person: str, start: date = DAY, end: date | None = None, by: str = "") -> RoleChange:
    return RoleChange(kind, person, "approver", start, end, by)


def test_a_role_is_held_on_its_days_alone() -> None:
    lent = change(RoleChangeKind.DELEGATED, "releaser one", DAY, DAY + timedelta(days=2), by="approver one")
    days = [DAY + timedelta(days=n) for n in range(-1, 4)]
    assert [holds("releaser one", "approver", day, (lent,)) for day in days] == [False, True, True, True, False]
    assert [holds("approver one", "approver", day, (lent,)) for day in days] == [True, False, False, False, True]
    taken = change(RoleChangeKind.TAKEN, "approver one")
    assert not holds("releaser one", "approver", DAY, (lent, taken)), "what was lent ends with the lender's role"
    given = change(RoleChangeKind.GIVEN, "approver one")
    assert holds("approver one", "approver", DAY, (taken, given))
    assert not holds("approver one", "approver", DAY, (given, taken))


@pytest.mark.parametrize(
    ("days_after_the_end", "state", "act"),
    [
        (-60, State.COLLECTED, None), (-59, State.COLLECTED, Act.SOON_EXPIRES), (0, State.EXPIRING, None), (1, State.EXPIRING, Act.EXPIRE),
        (1, State.BUILT, Act.EXPIRE), (0, State.BUILT, None), (30, State.EXPIRED, None), (31, State.EXPIRED, Act.MUST_DESTROY),
        (500, State.DESTROYED, None), (500, State.DRAFT, None), (1, State.SUSPENDED, Act.EXPIRE),
    ],
)  # fmt: skip
def test_the_calendar_to_the_day(days_after_the_end: int, state: State, act: Act | None) -> None:
    end = date(2022, 12, 31)
    assert due(state, end, end + timedelta(days=days_after_the_end), life_rules_on(DAY)) is act


def test_a_day_is_a_day_in_london_and_a_moment_is_none() -> None:
    summer = SeededClock(datetime(2022, 6, 30, 23, 30, tzinfo=UTC))
    assert summer.today() == date(2022, 7, 1)
    assert SeededClock(datetime(2022, 12, 31, 23, 30, tzinfo=UTC)).today() == date(2022, 12, 31)
    summer.go_on_to(date(2022, 7, 2))
    assert summer.today() == date(2022, 7, 2)
    with pytest.raises(InvalidTransition):
        summer.go_on_to(date(2022, 7, 1))
    for wrong in ("2022-01-01T00:00:00+01:00", "20220101", "2022-1-1", "", None, 20220101):
        with pytest.raises(ValueError):  # noqa: PT011 - the border turns it into an error of ours
            day_of(wrong)


def test_changes_are_named_field_by_field_and_an_item_put_in_between_shifts_no_other() -> None:
    before = {"a": {"purposes": [{"purpose": "1b", "justification": "x"}], "n": 1}}
    after = {
        "a": {"purposes": [{"purpose": "1a", "justification": "y"}, {"purpose": "1b", "justification": "z"}], "n": 1}
    }
    assert changes_between(before, after) == (
        Change("a.purposes[1a].justification", None, "y"), Change("a.purposes[1a].purpose", None, "1a"), Change("a.purposes[1b].justification", "x", "z"),
    )  # fmt: skip
    assert changes_between(before, before) == ()


def test_the_demo_s_applications_lack_nothing_and_an_empty_form_lacks_much() -> None:
    assert all(not what_is_missing(one.application, one.plan) for one in demo_requests())
    dars = replace(ASKED.application.dars, title=" ", columns=(), security=None, standards={})
    missing = what_is_missing(replace(ASKED.application, dars=dars), ASKED.plan)
    assert {"a title", "a justification of column cld.gender"} <= set(missing)
    assert sum("standard" in one for one in missing) == len(standards())


def test_the_checklist_is_of_the_published_standards_and_says_what_is_assumed() -> None:
    """Twenty standards with versions and days. Source: the DARS guidance page."""
    assert len(standards()) == 20
    assert {(one.evidence, one.assumed) for one in standards()} == {("A", True)}
    minimal = next(line for line in checklist({"Data Minimisation": "few"}) if line.answer)
    assert (minimal.standard.version, minimal.answer) == ("1.0", "few")


ALLOWED_BY_POLICY = {"CG-0001", "CG-0002", "CG-0003", "CG-0004", "CG-0005", "CG-0006", "CG-0007", "CG-0018", "CG-0020"}
"""The demo's first seven, and two that the disclosure check refuses."""


def test_policy_decides_every_application_of_the_demo_as_asked() -> None:
    decided = {
        one.application.reference: decision_on(one.application, one.plan, DAY, standing=GOOD).allowed
        for one in demo_requests()
    }
    assert {name for name, allowed in decided.items() if allowed} == ALLOWED_BY_POLICY


def suspension(scope: Scope) -> Standing:
    return replace(GOOD, suspended=(Suspension("d", scope, "x", DAY),))


@pytest.mark.parametrize(
    ("standing", "words"),
    [
        (replace(GOOD, submitted=False), "Annex 3"), (suspension(Scope.DIRECTION), "Direction 8"), (suspension(Scope.AGREEMENT), "suspended"),
        (suspension(Scope.RECIPIENT), "suspended"), (replace(GOOD, revoked=True), "suspended"), (replace(GOOD, destroyed=True), "suspended"),
        (replace(GOOD, to_day=DAY - timedelta(days=1)), "data sharing agreement"),
    ],
)  # fmt: skip
def test_what_happened_since_is_held_against_an_application(standing: Standing, words: str) -> None:
    decision = decision_on(ASKED.application, ASKED.plan, DAY, standing=standing)
    assert not decision.allowed
    assert any(words in clause for clause in decision.clauses), decision.clauses


def test_an_extended_term_and_an_agreement_signed_later_are_held_for_an_application() -> None:
    ended = replace(ASKED.application.agreement, to_day=DAY - timedelta(days=1), signed=False)
    application = replace(ASKED.application, agreement=ended)
    assert not decision_on(application, ASKED.plan, DAY, standing=GOOD).allowed
    later = replace(GOOD, to_day=DAY, signed=True)
    assert decision_on(application, ASKED.plan, DAY, standing=later).allowed
