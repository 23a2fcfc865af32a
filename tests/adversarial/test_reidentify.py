"""Re-identification: refused unless policy allows it, two others signed this very question, and the cap is not reached."""

from __future__ import annotations

import pytest

from cld.engine import Query
from cld.errors import BadSignature, KeyDestroyed, NotPermitted, PolicyRefused, SamePerson
from cld.signing import SignOff, sign_off
from keys.derivation import PseudonymDomain
from keys.pseudonym import plain_pseudonym
from keys.reidentify import question_digest, reidentify
from tests.lib.journey import OpenJourney

DOMAIN = PseudonymDomain("503", "A-1", "cld", "person")
NUMBER = "9434765919"


def ask(
    journey: OpenJourney,
    *,
    allowed: bool = True,
    people: tuple[str, ...] = ("approver one", "approver two"),
    cap: int = 1,
    about: str = NUMBER,
) -> str | None:
    space = journey.space
    space.keys.new_agreement("agreement-A-1")
    pseudonym = plain_pseudonym(space.keys.pseudonym_key("agreement-A-1", DOMAIN), DOMAIN, about)
    digest = question_digest(pseudonym, DOMAIN, "a legal basis", "officer")
    signs: tuple[SignOff, ...] = tuple(sign_off(name, space.staff[name], digest) for name in people)
    with space.engine.session() as session:
        session.table("people", Query("select unnest(['9434765919', '9434765870']) as person_id"))
        return reidentify(
            pseudonym, DOMAIN, reason="a legal basis", asked_by="officer", allowed=allowed, cap=cap, signs=signs, people=space.people(),
            session=session, table="people", column="person_id", key_id="agreement-A-1", keys=space.keys, journal=space.journal,
        )  # fmt: skip


def test_one_person_comes_back_once_and_the_log_holds_neither_pseudonym_nor_number(journey: OpenJourney) -> None:
    assert ask(journey) == NUMBER
    with pytest.raises(NotPermitted):
        ask(journey)
    log = b"".join(journey.space.journal.leaves())
    assert NUMBER.encode() not in log
    assert b"re-identified" in log


def test_an_unknown_person_is_answered_with_nothing_and_logged_alike(journey: OpenJourney) -> None:
    assert ask(journey, about="9999999980") is None
    assert b"re-identified" in journey.space.journal.leaves()[-1]


def test_it_is_refused_without_policy_without_two_people_and_after_destruction(journey: OpenJourney) -> None:
    with pytest.raises(PolicyRefused):
        ask(journey, allowed=False)
    with pytest.raises(SamePerson):
        ask(journey, people=("approver one",))
    with pytest.raises(SamePerson):
        ask(journey, people=("approver one", "approver one"))
    journey.space.keys.destroy("agreement-A-1", journey.space.clock.today())
    with pytest.raises(KeyDestroyed):
        ask(journey)


def test_a_signature_over_another_question_does_not_serve(journey: OpenJourney) -> None:
    space = journey.space
    space.keys.new_agreement("agreement-A-1")
    signs = tuple(sign_off(name, space.staff[name], "another question") for name in ("approver one", "approver two"))
    with space.engine.session() as session, pytest.raises(BadSignature):
        reidentify(
            "A" * 27, DOMAIN, reason="", asked_by="officer", allowed=True, cap=1, signs=signs, people=space.people(), session=session,
            table="people", column="person_id", key_id="agreement-A-1", keys=space.keys, journal=space.journal,
        )  # fmt: skip
