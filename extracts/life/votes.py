"""Votes of the two people at each stage: an answer over exactly what was seen; stale ones are kept and do not count.

A vote to approve without conditions is signed over the digest of what was seen itself; any other over that digest with
its answer, its conditions and a digest of its reason, so that nobody can make one into another.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from cld.canonical import digest_of, digest_of_bytes
from cld.errors import InputError
from cld.signing import SignOff, require_two_over
from extracts.life.conditions import Condition, conditions_from, union

__all__ = [
    "N_VOTES",
    "Answer",
    "Approval",
    "Vote",
    "approval_from",
    "digest_of_vote",
    "fresh",
    "outcome",
    "who_refused_before",
]

N_VOTES = 2


class Answer(StrEnum):
    """What a person answers."""

    APPROVE = "approve"
    RETURN = "return"
    REFUSE = "refuse"


@dataclass(frozen=True, slots=True)
class Vote:
    """One person's answer over a digest, in one round of an application."""

    sign: SignOff
    seen: str
    answer: Answer
    conditions: tuple[Condition, ...] = ()
    reason: str = ""
    round: int = 0

    @property
    def signed(self) -> str:
        """The digest that was signed."""
        return digest_of_vote(self.seen, self.answer, self.conditions, self.reason)


def digest_of_vote(seen: str, answer: Answer, conditions: tuple[Condition, ...], reason: str) -> str:
    """Return what a vote is signed over.

    Raises: InputError for a return or a refusal without a reason, or with conditions.
    """
    if answer is not Answer.APPROVE and (conditions or not reason.strip()):
        message = "Whoever returns or refuses says why; conditions go with an approval."
        raise InputError(message, "Give a reason.")
    if answer is Answer.APPROVE and not conditions and not reason:
        return seen
    held = {"seen": seen, "answer": answer.value, "conditions": [one.as_json() for one in conditions]}
    return digest_of(held | {"reason": digest_of_bytes(reason.encode())})


def fresh(votes: Iterable[Vote], seen: str, turn: int) -> tuple[Vote, ...]:
    """Return the votes that count: of this round, over what stands there now."""
    return tuple(vote for vote in votes if vote.seen == seen and vote.round == turn)


def outcome(votes: tuple[Vote, ...]) -> Answer | None:
    """Return what two fresh votes decide: a refusal over a return over an approval; None until both are cast."""
    if len(votes) < N_VOTES:
        return None
    answers = {vote.answer for vote in votes}
    return next(answer for answer in (Answer.REFUSE, Answer.RETURN, Answer.APPROVE) if answer in answers)


def who_refused_before(votes: Iterable[Vote], turn: int) -> frozenset[str]:
    """Return who refused in an earlier round that two votes ended with a refusal: once an appeal is upheld, others decide.

    Assumes: nobody judges an appeal against their own refusal (our own choice; the Direction is silent on appeals).
    """
    rounds: dict[tuple[int, str], list[Vote]] = {}
    for vote in votes:
        if vote.round < turn:
            rounds.setdefault((vote.round, vote.seen), []).append(vote)
    ended = [held for held in rounds.values() if outcome(tuple(held)) is Answer.REFUSE]
    return frozenset(vote.sign.person for held in ended for vote in held if vote.answer is Answer.REFUSE)


@dataclass(frozen=True, slots=True)
class Approval:
    """Two votes to approve, as a sealed document holds them."""

    votes: tuple[Vote, ...]

    @property
    def conditions(self) -> tuple[Condition, ...]:
        """Every condition that one of the two set."""
        return union(*(vote.conditions for vote in self.votes))

    def as_json(self) -> list[dict[str, Any]]:
        """Return conditions and the digest of the reason, vote by vote, in the order of the signs."""
        return [
            {
                "person": vote.sign.person,
                "conditions": [one.as_json() for one in vote.conditions],
                "reason": vote.reason,
            }
            for vote in self.votes
        ]

    def require(self, people: Mapping[str, str], applicant: str) -> None:
        """Hold that two different people, neither the applicant, signed these very votes.

        Raises: SamePerson, BadSignature; InputError if one of them is no approval.
        """
        if any(vote.answer is not Answer.APPROVE for vote in self.votes):
            message = "One of the two did not approve."
            raise InputError(message)
        require_two_over(tuple((vote.sign, vote.signed) for vote in self.votes), people, applicant)


def approval_from(signs: Iterable[Any], told: Iterable[Mapping[str, Any]], seen: str) -> Approval:
    """Read an approval back from a sealed document; ``signs`` are person, signature and public key."""
    held = {str(one["person"]): one for one in told}
    votes = []
    for parts in signs:
        sign = SignOff(*parts)
        words = held.get(sign.person, {})
        votes.append(
            Vote(sign, seen, Answer.APPROVE, conditions_from(words.get("conditions", [])), str(words.get("reason", "")))
        )
    return Approval(tuple(votes))
