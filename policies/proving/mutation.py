"""Whether the cases of a version would notice every small wrong in its policies.

A mutant is killed when strict validation refuses it, so that its set would never be used, or when some case, asked of
the engine under the changed policy, gets another decision or names other policies. One that no case kills is settled
by the solver: either some request shows the difference, and the mutant lives, or none does, and it is the same policy
in other words.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import z3

from policies.proving.cases import Case, differs
from policies.proving.engine import Engine, Prepared, invalid_policies, prepare
from policies.proving.model import SolverModel
from policies.proving.mutants import Mutant, mutants_of
from policies.proving.policy_set import PERMIT, Policy, PolicySet
from policies.proving.request import Concrete

__all__ = ["PolicyMutation", "failing_cases", "mutate"]

ROUNDS = (0, 4, 16, 64)
"""Cases are asked in rounds of those mutants that the rounds before left, and most fall in the first."""


@dataclass(frozen=True, slots=True)
class PolicyMutation:
    """How one policy's mutants fared; ``alive`` holds each that no case noticed, with a request that would show it.

    ``n_invalid`` of the killed are refused by strict validation before any case is asked. ``is_redundant``: without
    this policy every decision is the same, and only the clauses that a refusal names are fewer.
    """

    policy: str
    n_mutants: int
    n_killed: int
    n_invalid: int
    equivalent: tuple[str, ...]
    alive: tuple[tuple[str, Concrete], ...]
    is_redundant: bool


@dataclass(frozen=True, slots=True)
class _Asked:
    """A case as one policy sees it: whether it is named, and whether others than it block."""

    request: Prepared
    is_named: bool
    others_block: bool


def failing_cases(policies: PolicySet, cases: Sequence[Case]) -> list[Case]:
    """Return the cases that the engine answers otherwise than they say."""
    answers = Engine(policies).ask_all(case.request for case in cases)
    return [case for case, answer in zip(cases, answers, strict=True) if answer != case.outcome]


def mutate(policies: PolicySet, cases: Sequence[Case], names: Sequence[str] = ()) -> list[PolicyMutation]:
    """Put every mutant of every policy, or of those named, to the cases, which the policies as they are must pass.

    Raises: UnknownSpecification for a policy that no proof covers.
    """
    model = SolverModel(policies)
    prepared = [prepare(case.request, policies.schema) for case in cases]
    return [_policy_mutation(model, name, cases, prepared) for name in names or policies.names]


def _policy_mutation(
    model: SolverModel, name: str, cases: Sequence[Case], prepared: Sequence[Prepared]
) -> PolicyMutation:
    mutants = {
        str(place): mutant for place, mutant in enumerate(mutants_of(model.policies[name], model.policies.schema))
    }
    invalid = invalid_policies(_as_permits(model.policies, mutants))
    valid = {key: mutant for key, mutant in mutants.items() if key not in invalid}
    equivalent: list[str] = []
    alive: list[tuple[str, Concrete]] = []
    for mutant in _not_killed(model.policies, valid, _as_seen_by(name, cases, prepared)).values():
        shown = model.space.least(differs(model, model.replaced(name, mutant.changed), name))
        if shown is None:
            equivalent.append(mutant.words)
        else:
            alive.append((mutant.words, shown))
    n_killed = len(mutants) - len(equivalent) - len(alive)
    is_redundant = not model.space.can(z3.Xor(model.allowed, model.replaced(name, None).allowed))
    return PolicyMutation(name, len(mutants), n_killed, len(invalid), tuple(equivalent), tuple(alive), is_redundant)


def _as_seen_by(name: str, cases: Sequence[Case], prepared: Sequence[Prepared]) -> list[_Asked]:
    """Return the cases, those made for a policy or naming it first."""
    order = sorted(range(len(cases)), key=lambda n: (cases[n].policy != name, name not in cases[n].outcome.policies))
    return [
        _Asked(prepared[n], name in said.policies, not said.allowed and bool(said.policies - {name}))
        for n in order
        for said in [cases[n].outcome]
    ]


def _not_killed(policies: PolicySet, mutants: Mapping[str, Mutant], asked: Sequence[_Asked]) -> dict[str, Mutant]:
    """Ask the changed policies alone, all as permits in one set, whose answer names each that applies.

    The other policies answer a case as they did, so that this settles what the whole set would answer; and a valid
    policy raises no error.
    """
    left = dict(mutants)
    for start, end in pairwise((*ROUNDS, len(asked))):
        engine = Engine(_as_permits(policies, left), checks_requests=False)
        part = asked[start:end]
        for case, answer in zip(part, engine.ask_prepared([one.request for one in part]), strict=True):
            left = {
                key: mutant
                for key, mutant in left.items()
                if not _notices(case, mutant, policies, applies=key in answer.policies)
            }
    return left


def _notices(case: _Asked, mutant: Mutant, policies: PolicySet, *, applies: bool) -> bool:
    permitted = policies[mutant.policy].permits
    permits = mutant.changed.permits if mutant.changed is not None else permitted
    is_named = applies and not (permits and case.others_block)
    return is_named != case.is_named or (permits != permitted and (is_named or case.is_named))


def _as_permits(policies: PolicySet, mutants: Mapping[str, Mutant]) -> PolicySet:
    """Return the changed policies as one set of permits, each under its key."""
    found = tuple(
        Policy(key, {**mutant.changed.parts, "effect": PERMIT, "annotations": {}})
        for key, mutant in mutants.items()
        if mutant.changed is not None
    )
    return PolicySet(found, policies.schema, policies.schema_text)
