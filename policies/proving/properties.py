"""The properties of a policy version, each proven by the solver or shown false by a request that the engine confirms.

Kinds of property, each with its ``name``, ``words`` and ``clause``:

* ``never``: nothing is allowed when the formula ``when`` holds.
* ``only_if``: whatever is allowed and meets ``when`` meets ``then``.
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
    "refused_naming": {"when", "policy"},
    "possible": {"when"},
    "no_errors": set(),
}
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
        space, allowed = self._model.space, self._model.allowed
        when = read_formula(one.parts["when"], space)
        if not space.can(when, *([allowed] if one.kind in ("only_if", "possible") else [])):
            return False, None, "Nothing of the kind is allowed, so that this would say nothing."
        named = named_in(one.parts["when"]) | named_in(one.parts.get("then", {}))
        if one.kind == "refused_naming":
            return self._refused_naming(one.parts["policy"], when, named)
        then = read_formula(one.parts["then"], space) if one.kind == "only_if" else z3.BoolVal(val=False)
        possible = one.kind == "possible"
        request = space.least(allowed, when) if possible else space.least(allowed, when, z3.Not(then))
        if request is None:
            return True, None, ""
        self._confirm(request)
        told = self._words.request(request, named)
        return possible, request, told if possible else f"Allowed: {told}"

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
