"""The properties of a policy version, each proven by the solver or shown false by a request that the engine confirms.

Kinds of property, each with its ``name``, ``words`` and ``clause``:

* ``never``: nothing is allowed when the formula ``when`` holds.
* ``only_if``: whatever is allowed and meets ``when`` meets ``then``.
* ``granted_only_if``: whatever a permit grants and meets ``when`` meets ``then``, though a forbid may stop it.
* ``refused_naming``: whatever meets ``when`` is refused, and the refusal names ``policy``.
* ``possible``: something that meets ``when`` is allowed, so that no proof is empty.
* ``no_errors``: no policy can raise an evaluation error.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import z3

from cld.errors import InvariantBroken, UnknownSpecification
from policies.proving.engine import Engine, invalid_policies
from policies.proving.formula import named_in, read_formula
from policies.proving.model import SolverModel
from policies.proving.policy_set import PolicySet
from policies.proving.request import Concrete
from policies.proving.words import Words

__all__ = ["Proof", "Property", "prove", "read_properties"]

FIELDS = {
    "never": {"when"},
    "only_if": {"when", "then"},
    "granted_only_if": {"when", "then"},
    "refused_naming": {"when", "policy"},
    "possible": {"when"},
    "no_errors": set(),
}
SPEAK_OF_ALLOWED = ("only_if", "granted_only_if", "possible")
COMMON = {"name", "words", "clause", "kind"}


@dataclass(frozen=True, slots=True)
class Property:
    """One statement about every request; ``parts`` holds what its kind needs."""

    name: str
    words: str
    clause: str
    kind: str
    parts: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Proof:
    """Whether a property holds; ``request`` and ``told`` are the counterexample, or the example of what is possible."""

    property: Property
    holds: bool
    seconds: float
    request: Concrete | None
    told: str


def read_properties(held: Iterable[Mapping[str, Any]]) -> tuple[Property, ...]:
    """Read the properties of a version.

    Raises: UnknownSpecification for an unknown kind, a missing or further field, or a name used twice.
    """
    found = []
    for entry in held:
        wanted = FIELDS.get(entry.get("kind", ""))
        if wanted is None or entry.keys() != COMMON | wanted:
            message = "A property is of no known kind, or its fields are not those of its kind."
            raise UnknownSpecification(message, "Give each its name, words, clause, kind and the fields of its kind.")
        parts = {name: entry[name] for name in wanted}
        found.append(Property(entry["name"], entry["words"], entry["clause"], entry["kind"], parts))
    if not found or len({one.name for one in found}) != len(found):
        message = "There are no properties, or two share a name."
        raise UnknownSpecification(message, "Give each property a name of its own.")
    return tuple(found)


def prove(
    policies: PolicySet, properties: Iterable[Property], words: Words, clock: Callable[[], float] = time.perf_counter
) -> Iterator[Proof]:
    """Prove each property in turn, or find the least request that breaks it and put that to the engine.

    Raises: UnknownSpecification for a policy or property that no proof covers; InvariantBroken if the engine answers a
        counterexample otherwise than the solver: then nothing here can be trusted.
    """
    prover = _Prover(policies, words)
    for one in properties:
        started = clock()
        holds, request, told = prover.settle(one)
        yield Proof(one, holds, clock() - started, request, told)


class _Prover:
    """A set as solver and engine see it."""

    def __init__(self, policies: PolicySet, words: Words) -> None:
        self._policies, self._words = policies, words
        self._model, self._engine = SolverModel(policies), Engine(policies)

    def settle(self, one: Property) -> tuple[bool, Concrete | None, str]:
        """Return whether a property holds, and the request and words that show why not."""
        if one.kind == "no_errors":
            return self._no_errors()
        space = self._model.space
        allowed = self._model.granted if one.kind == "granted_only_if" else self._model.allowed
        when = read_formula(one.parts["when"], space)
        if not space.can(when, *([allowed] if one.kind in SPEAK_OF_ALLOWED else [])):
            return False, None, "Nothing of the kind is allowed, so that this would say nothing."
        named = named_in(one.parts["when"]) | named_in(one.parts.get("then", {}))
        if one.kind == "refused_naming":
            return self._refused_naming(one.parts["policy"], when, named)
        then = read_formula(one.parts["then"], space) if "then" in one.parts else z3.BoolVal(val=False)
        possible = one.kind == "possible"
        sought = [allowed, when] if possible else [allowed, when, z3.Not(then)]
        if one.kind == "granted_only_if" and space.can(*sought):
            sought += self._avoidable(sought)
        request = space.least(*sought)
        if request is None:
            return True, None, ""
        self._confirm(request)
        told = self._words.request(request, named)
        return possible, request, told if possible else f"{self._verdict(request)}: {told}"

    def _avoidable(self, sought: list[z3.BoolRef]) -> list[z3.BoolRef]:
        """Return, for as many forbids as one request can avoid, that they do not apply: the example shows what is wrong."""
        found: list[z3.BoolRef] = []
        for policy in self._policies.policies:
            avoided = z3.Not(self._model.applies[policy.name])
            if not policy.permits and self._model.space.can(*sought, *found, avoided):
                found.append(avoided)
        return found

    def _verdict(self, request: Concrete) -> str:
        """Say that a request is allowed, or that a permit grants what the forbids named still stop."""
        answer = self._engine.ask(request)
        if answer.allowed:
            return "Allowed"
        return f"Granted by a permit, stopped by {', '.join(sorted(answer.policies))} alone"

    def _refused_naming(
        self, policy: str, when: z3.BoolRef, named: frozenset[str]
    ) -> tuple[bool, Concrete | None, str]:
        if policy in self._policies.names and self._policies[policy].permits:
            policy = ""
        applies = self._model.applies.get(policy, z3.BoolVal(val=False))
        request = self._model.space.least(when, z3.Not(applies))
        if request is None:
            return True, None, ""
        self._confirm(request)
        verb = "Allowed" if self._engine.ask(request).allowed else "Refused without naming it"
        return False, request, f"{verb}: {self._words.request(request, named)}"

    def _no_errors(self) -> tuple[bool, Concrete | None, str]:
        """Ask the engine's strict validation, which guarantees that a valid policy raises no error on a valid request."""
        told = "; ".join(f"{name}: {fault}" for name, fault in invalid_policies(self._policies).items())
        return not told, None, told

    def _confirm(self, request: Concrete) -> None:
        if self._engine.ask(request) != self._model.outcome(request):
            message = "The engine and the solver answer one request differently."
            raise InvariantBroken(message, "Nothing is proven: mend the translation of the policies.")
