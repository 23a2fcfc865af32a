"""Whether the cases of a version would notice every small wrong in its policies.

A mutant is killed when some case, run by the engine under the changed set, gets another decision, names other policies
or meets an error. One that no case kills is settled by the solver: either some request shows the difference, and the
mutant lives, or none does, and it is the same policy in other words.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cedarpy
import z3

from policies.proving.cases import Case, differs
from policies.proving.engine import Engine, Prepared, prepare
from policies.proving.model import SolverModel
from policies.proving.mutants import Mutant, mutants_of
from policies.proving.policy_set import PolicySet
from policies.proving.request import Concrete

__all__ = ["PolicyMutation", "failing_cases", "mutate"]

AT_ONCE = 8
"""Cases asked together: most mutants fall to one of the first."""


@dataclass(frozen=True, slots=True)
class PolicyMutation:
    """How one policy's mutants fared; ``alive`` holds each that no case noticed, with a request that would show it.

    ``n_invalid`` of the killed are refused by strict validation before any case is asked. ``redundant``: without this
    policy every decision is the same, and only the clauses that a refusal names are fewer.
    """

    policy: str
    n_mutants: int
    n_killed: int
    n_invalid: int
    equivalent: tuple[str, ...]
    alive: tuple[tuple[str, Concrete], ...]
    redundant: bool


def failing_cases(policies: PolicySet, cases: Sequence[Case]) -> list[Case]:
    """Return the cases that the engine answers otherwise than they say."""
    answers = Engine(policies).ask_all(case.request for case in cases)
    return [case for case, answer in zip(cases, answers, strict=True) if answer != case.outcome]


def mutate(policies: PolicySet, cases: Sequence[Case]) -> list[PolicyMutation]:
    """Put every mutant of every policy to the cases.

    Raises: UnknownSpecification for a policy that no proof covers.
    """
    model = SolverModel(policies)
    return [_policy_mutation(model, name, cases) for name in policies.names]


@dataclass(frozen=True, slots=True)
class _Asked:
    """A case as its one policy sees it: whether it is named, and whether others than it block."""

    request: Prepared
    is_named: bool
    others_block: bool


def _policy_mutation(model: SolverModel, name: str, cases: Sequence[Case]) -> PolicyMutation:
    ordered = sorted(cases, key=lambda case: (case.policy != name, name not in case.outcome.policies))
    asked = [
        _Asked(
            prepare(case.request, model.policies.schema),
            name in case.outcome.policies,
            not case.outcome.allowed and bool(case.outcome.policies - {name}),
        )
        for case in ordered
    ]
    mutants = list(mutants_of(model.policies[name], model.policies.schema))
    n_killed, n_invalid = 0, 0
    equivalent: list[str] = []
    alive: list[tuple[str, Concrete]] = []
    for mutant in mutants:
        if _is_killed(model.policies, mutant, asked):
            n_killed += 1
        elif _is_invalid(model.policies, mutant):
            n_invalid += 1
        else:
            shown = model.space.least(differs(model, model.replaced(name, mutant.changed), name))
            if shown is None:
                equivalent.append(mutant.words)
            else:
                alive.append((mutant.words, shown))
    without = model.replaced(name, None)
    redundant = not model.space.can(z3.Xor(model.allowed, without.allowed))
    return PolicyMutation(name, len(mutants), n_killed + n_invalid, n_invalid, tuple(equivalent), tuple(alive), redundant)


def _is_killed(policies: PolicySet, mutant: Mutant, asked: Sequence[_Asked]) -> bool:
    """Ask the changed policy alone, case by case: the others answer as they did, and a policy alone names itself."""
    permitted = policies[mutant.policy].permits
    if mutant.changed is None:
        return any(case.is_named for case in asked)
    alone = Engine(PolicySet((mutant.changed,), policies.schema, policies.schema_text))
    for start in range(0, len(asked), AT_ONCE):
        part = asked[start : start + AT_ONCE]
        for case, answer in zip(part, alone.ask_prepared([one.request for one in part]), strict=True):
            applies = bool(answer.policies)
            is_named = applies and not (mutant.changed.permits and case.others_block)
            turned = mutant.changed.permits != permitted and (is_named or case.is_named)
            if answer.n_errors or is_named != case.is_named or turned:
                return True
    return False


def _is_invalid(policies: PolicySet, mutant: Mutant) -> bool:
    """Say whether strict validation refuses the changed policy, so that its set would never be used."""
    if mutant.changed is None:
        return False
    alone = PolicySet((mutant.changed,), policies.schema, policies.schema_text)
    return not cedarpy.validate_policies(alone.as_text(), policies.schema_text).validation_passed
