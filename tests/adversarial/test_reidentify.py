"""Re-identification: each way round its safeguards is tried and refused, and what is answered opens for the council alone."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pyarrow as pa
import pyrage
import pytest

from api.house.reidentification import Desk
from api.workspace.wiring import Workspace, demo_workspace
from audit.commitment import opens
from audit.sealing import new_identity, open_seal
from audit.stop import stop
from cld.errors import (
    BadSignature,
    CLDError,
    InputError,
    InvalidTransition,
    KeyDestroyed,
    NotPermitted,
    PolicyRefused,
    SamePerson,
    Stopped,
    WrongRole,
)
from cld.signing import sign_off
from extracts.life.roles import role_of
from extracts.recipients import lose_key
from keys.derivation import PseudonymDomain
from keys.legal_basis import LegalBasis, basis_in_force, record_basis, withdraw_basis
from keys.pseudonym import plain_pseudonym
from keys.reidentify import Limits, People, Question, reidentify
from tests.lib.enrolling import enrol

DOMAIN = PseudonymDomain("503", "A-1", "cld", "person")
KEY_ID = "agreement-A-1"
NUMBER, OTHER, ELSEWHERE = "9434765919", "9434765870", "9000000009"
COUNCIL = pyrage.x25519.Identity.generate()
KEYS = {"503": str(COUNCIL.to_public())}
LIMITS = Limits(cap_of_an_agreement=3, most_at_once=2, most_days_open=28)


@pytest.fixture
def space(tmp_path: Path) -> Iterator[Workspace]:
    made = demo_workspace(tmp_path / "space", seed=9, n_threads=1)
    made.keys.new_agreement(KEY_ID)
    yield made
    made.journal.close()


def pseudonym_of(space: Workspace, identifier: str) -> str:
    return plain_pseudonym(space.keys.pseudonym_key(KEY_ID, DOMAIN), DOMAIN, identifier)


def a_question(space: Workspace, *identifiers: str) -> Question:
    today = space.clock.today()
    return Question(
        reference="Q-1", council="503", body="CASSR", body_code="503", domain=DOMAIN, key_id=KEY_ID,
        pseudonyms=tuple(pseudonym_of(space, identifier) for identifier in identifiers or (NUMBER,)),
        purpose="to reach a person at risk", legal_basis="0" * 64, asked_by="officer", asked_on=today,
        expires_on=today + timedelta(days=7), nonce="n",
    )  # fmt: skip


def ask(
    space: Workspace, question: Question, *, signers: tuple[str, ...] = ("approver one", "releaser one"),
    over: Question | None = None, allowed: bool | Callable[[], bool] = True, today: date | None = None, people: People | None = None,
    limits: Limits = LIMITS,
) -> Path:  # fmt: skip
    digest = (over or question).digest()
    register = People(space.people(), {name: role_of(name) for name in space.staff}, KEYS.get)
    with space.engine.session() as session:
        session.take("own_rows", pa.table({"person_id": [NUMBER, OTHER]}))
        return reidentify(
            question, tuple(sign_off(name, space.staff[name], digest) for name in signers), allowed=allowed if callable(allowed) else lambda: allowed, limits=limits,
            people=people or register, today=today or space.clock.today(), session=session, own_rows=lambda: ("own_rows", "person_id"), keys=space.keys, journal=space.journal, folder=space.folder / "reidentified",
        )  # fmt: skip


def events(space: Workspace) -> list[dict[str, object]]:
    return [json.loads(leaf) for leaf in space.journal.leaves()]


def test_the_council_alone_opens_the_answer_and_the_log_holds_counts_and_nobody(space: Workspace) -> None:
    question = a_question(space, NUMBER, ELSEWHERE)
    sealed = ask(space, question).read_bytes()
    told = json.loads(pyrage.decrypt(sealed, [COUNCIL]))
    assert [one["identifier"] for one in told["answers"]] == [NUMBER, None]
    with pytest.raises(pyrage.DecryptError):
        pyrage.decrypt(sealed, [pyrage.x25519.Identity.generate()])
    asked, answered = events(space)[-2:]
    assert (asked["action"], asked["details"]["n_asked"]) == ("re-identified", 2)  # type: ignore[index]
    assert (answered["action"], answered["details"]["n_found"]) == ("re-identification answered", 1)  # type: ignore[index]
    log = b"".join(space.journal.leaves())
    for secret in (NUMBER, ELSEWHERE, *question.pseudonyms, question.purpose):
        assert secret.encode() not in log


def test_somebody_who_is_in_no_row_of_the_council_is_answered_and_logged_like_anybody(space: Workspace) -> None:
    told = json.loads(pyrage.decrypt(ask(space, a_question(space, ELSEWHERE)).read_bytes(), [COUNCIL]))
    assert told["answers"][0]["identifier"] is None
    assert [event["action"] for event in events(space)[-2:]] == ["re-identified", "re-identification answered"]


def test_neither_the_sealed_file_nor_the_log_before_it_tells_whether_somebody_was_found(space: Workspace) -> None:
    """The seal adds a header of its own, of a length drawn at random; what is sealed has one size."""
    found, asked = ask(space, a_question(space, NUMBER)), events(space)[-2]
    nobody = ask(space, replace(a_question(space, ELSEWHERE), reference="Q-2"))
    sizes = {len(pyrage.decrypt(path.read_bytes(), [COUNCIL])) for path in (found, nobody)}
    assert len(sizes) == 1
    again = events(space)[-2]
    told = [
        {k: v for k, v in one["details"].items() if k not in ("question", "purpose")}  # type: ignore[attr-defined]
        for one in (asked, again)
    ]
    assert told[0] == told[1]


def changed(**parts: object) -> Callable[[Workspace, Question], Question]:
    return lambda _, question: replace(question, **parts)  # type: ignore[arg-type]


def unchanged(_: Workspace, question: Question) -> Question:
    return question


REFUSALS: dict[str, tuple[type[CLDError], Callable[[Workspace, Question], Question], dict[str, object]]] = {
    "policy does not allow it": (PolicyRefused, unchanged, {"allowed": False}),
    "a general practitioner": (PolicyRefused, changed(body="OTHER", body_code="GP"), {}),
    "another council": (PolicyRefused, changed(body_code="504"), {}),
    "one approver": (SamePerson, unchanged, {"signers": ("approver one",)}),
    "one approver twice": (SamePerson, unchanged, {"signers": ("approver one", "approver one")}),
    "two of one role": (SamePerson, unchanged, {"signers": ("approver one", "approver two")}),
    "who asks signs": (SamePerson, changed(asked_by="approver one"), {}),
    "expired": (NotPermitted, unchanged, {"today": date(2022, 3, 9)}),
    "open for too long": (NotPermitted, changed(expires_on=date(2023, 1, 1)), {}),
    "no purpose": (InputError, changed(purpose=" "), {}),
    "nobody named": (InputError, changed(pseudonyms=()), {}),
    "a pseudonym with a slip": (InputError, lambda s, q: replace(q, pseudonyms=("A" * 27,)), {}),
    "one named twice": (InputError, lambda s, q: replace(q, pseudonyms=q.pseudonyms * 2), {}),
    "a council without a key": (NotPermitted, changed(council="505", body_code="505"), {}),
    "too many at once": (
        NotPermitted,
        lambda s, q: replace(q, pseudonyms=tuple(pseudonym_of(s, str(n)) for n in range(3))),
        {},
    ),
}


@pytest.mark.parametrize("case", sorted(REFUSALS))
def test_each_safeguard_refuses_and_logs_and_nothing_is_written(space: Workspace, case: str) -> None:
    fault, change, how = REFUSALS[case]
    question = change(space, a_question(space))
    with pytest.raises(fault):
        ask(space, question, **how)  # type: ignore[arg-type]
    last = events(space)[-1]
    assert last["action"] == "re-identification refused"
    assert not (space.folder / "reidentified").exists()


def test_a_signature_over_another_question_does_not_serve(space: Workspace) -> None:
    question = a_question(space)
    with pytest.raises(BadSignature):
        ask(space, replace(question, pseudonyms=(pseudonym_of(space, OTHER),)), over=question)


def test_people_without_a_role_that_carries_it_do_not_serve(space: Workspace) -> None:
    roles = {"approver one": "approver", "releaser one": "analyst"}
    with pytest.raises(WrongRole):
        ask(space, a_question(space), people=People(space.people(), roles, KEYS.get))


def test_the_cap_of_an_agreement_counts_every_pseudonym_ever_asked(space: Workspace) -> None:
    ask(space, a_question(space, NUMBER, OTHER))
    ask(space, replace(a_question(space), reference="Q-2"))
    with pytest.raises(NotPermitted):
        ask(space, replace(a_question(space), reference="Q-3"))


def test_a_destroyed_key_answers_nothing(space: Workspace) -> None:
    question = a_question(space)
    space.keys.destroy(KEY_ID, space.clock.today())
    with pytest.raises(KeyDestroyed):
        ask(space, question)
    assert events(space)[-1]["details"]["reason"] == "key-destroyed"  # type: ignore[index]


def test_the_emergency_stop_stops_it(space: Workspace) -> None:
    question = a_question(space)
    stop(space.journal, "approver two", "approver")
    with pytest.raises(Stopped):
        ask(space, question)


def test_a_basis_withdrawn_or_a_key_that_ended_while_an_answer_is_made_holds_for_it_too(space: Workspace) -> None:
    turns = iter((True, False))
    with pytest.raises(PolicyRefused):
        ask(space, a_question(space), allowed=lambda: next(turns))
    held = iter((KEYS["503"], None))
    register = People(space.people(), {name: role_of(name) for name in space.staff}, lambda _: next(held))
    with pytest.raises(NotPermitted, match="enrolled no key"):
        ask(space, replace(a_question(space), reference="Q-2"), people=register)
    assert [event["action"] for event in events(space)[-4:]] == ["re-identified", "re-identification refused"] * 2
    assert not (space.folder / "reidentified").exists()


@pytest.mark.parametrize("kind", ["age", "xwing", "crypt4gh"])
def test_the_answer_is_sealed_as_the_councils_enrolled_key_asks(space: Workspace, tmp_path: Path, kind: str) -> None:
    secret, key = new_identity(kind)
    register = People(space.people(), {name: role_of(name) for name in space.staff}, {"503": key}.get)
    sealed = ask(space, a_question(space), people=register)
    assert open_seal(sealed, secret, tmp_path / "plain") == kind
    assert json.loads((tmp_path / "plain").read_bytes())["answers"][0]["identifier"] == NUMBER


def test_the_desk_seals_to_the_key_that_is_enrolled_now(space: Workspace) -> None:
    desk, first, second = Desk(space), new_identity("age"), new_identity("xwing")
    assert desk._council_key("503") is None
    enrol(space, "503", first[0])
    assert desk._council_key("503") == first[1]
    enrol(space, "503", second[0], old=first[0], retire=(first[1],))
    assert desk._council_key("503") == second[1]
    lose_key("503", second[1], journal=space.journal, actor="officer")
    assert desk._council_key("503") is None


def test_the_words_of_questions_and_bases_reach_the_log_as_salted_commitments_alone(space: Workspace) -> None:
    ask(space, a_question(space))
    with pytest.raises(PolicyRefused):
        ask(space, replace(a_question(space), reference="Q-2"), allowed=False)
    purposes = [event["details"]["purpose"] for event in events(space)]  # type: ignore[index]
    assert len(purposes) == 3
    assert len({one["sha256-salted"] for one in purposes}) == 3
    for one in purposes:
        opening = space.journal.opening(one["sha256-salted"])
        assert opening is not None
        assert (opening.text, opens(opening)) == ("to reach a person at risk", True)


def a_recorded_basis(space: Workspace) -> LegalBasis:
    basis = LegalBasis("503", "Care Act 2014 s42", date(2022, 1, 1), date(2022, 12, 31))
    two = tuple(sign_off(name, space.staff[name], basis.digest()) for name in ("approver one", "releaser one"))
    record_basis(basis, two, recorded_by="officer", people=space.people(), journal=space.journal)
    return basis


def test_a_basis_is_withdrawn_at_once_by_an_authorised_role_and_recorded_anew_by_two(space: Workspace) -> None:
    basis, day = a_recorded_basis(space), date(2022, 3, 1)
    how = {"day": day, "journal": space.journal}
    with pytest.raises(WrongRole):
        withdraw_basis(basis.digest(), "503", "why", person="somebody", role="analyst", **how)  # type: ignore[arg-type]
    for digest, council in ((basis.digest(), "504"), ("0" * 64, "503")):
        with pytest.raises(InvalidTransition):
            withdraw_basis(digest, council, "why", person="approver two", role="approver", **how)  # type: ignore[arg-type]
    with pytest.raises(InputError):
        withdraw_basis(basis.digest(), "503", " ", person="approver two", role="approver", **how)  # type: ignore[arg-type]
    assert basis_in_force(basis.digest(), "503", day, space.journal)
    withdraw_basis(basis.digest(), "503", "Mr Jones died", person="approver two", role="approver", **how)  # type: ignore[arg-type]
    assert not basis_in_force(basis.digest(), "503", day, space.journal)
    last = events(space)[-1]
    assert (last["actor"], last["role"], last["details"]["on"]) == ("approver two", "approver", "2022-03-01")  # type: ignore[index]
    log = b"".join(space.journal.leaves())
    assert b"Jones" not in log
    assert b"Care Act" not in log
    with pytest.raises(InvalidTransition):
        withdraw_basis(basis.digest(), "503", "why", person="approver two", role="approver", **how)  # type: ignore[arg-type]
    a_recorded_basis(space)
    assert basis_in_force(basis.digest(), "503", day, space.journal)


def test_a_basis_holds_for_its_council_and_days_alone_and_needs_two_others(space: Workspace) -> None:
    basis = LegalBasis("503", "Care Act 2014 s42", date(2022, 1, 1), date(2022, 12, 31))
    two = tuple(sign_off(name, space.staff[name], basis.digest()) for name in ("approver one", "releaser one"))
    with pytest.raises(SamePerson):
        record_basis(basis, two, recorded_by="approver one", people=space.people(), journal=space.journal)
    assert not basis_in_force(basis.digest(), "503", date(2022, 3, 1), space.journal)
    record_basis(basis, two, recorded_by="officer", people=space.people(), journal=space.journal)
    assert basis_in_force(basis.digest(), "503", date(2022, 3, 1), space.journal)
    assert not basis_in_force(basis.digest(), "504", date(2022, 3, 1), space.journal)
    assert not basis_in_force(basis.digest(), "503", date(2023, 1, 1), space.journal)
    assert b"Care Act" not in b"".join(space.journal.leaves())
