"""What a body could receive, and what would still have to be met: answered by the solver from the policies alone.

A route is a permit with a form and coverage for which something of the body can be allowed. Its conditions are the
forbids that could still refuse it, each with who can meet it, and what the permit itself needs beside form and coverage.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import z3

from cld.errors import UnknownSpecification
from policies.proving.formula import read_formula
from policies.proving.model import SolverModel
from policies.proving.policy_set import Policy, PolicySet
from policies.proving.translate import Choice
from policies.proving.words import Words

__all__ = ["ASSUMED", "Answer", "Condition", "Route", "what_could_be_received"]

ASSUMED: Mapping[str, str] = {"instrument": "direction-2020-12-07", "successor": "no", "local_items": "none"}
"""What is taken as given of an applicant who does not say otherwise."""
ACTIONS = ("disseminate", "give_back")


@dataclass(frozen=True, slots=True)
class Condition:
    """Something that must hold: the policy that asks for it, its clause, words, who can meet it, and its reading."""

    policy: str
    clause: str
    words: str
    who: str
    interpretation: str

    def as_json(self) -> dict[str, str]:
        """Return the condition as a JSON value."""
        names = ("policy", "clause", "words", "who", "interpretation")
        return {name: str(getattr(self, name)) for name in names}


@dataclass(frozen=True, slots=True)
class Route:
    """What could be received: by which permit, in what form, about whom, on which conditions."""

    action: str
    permit: Condition
    form: str
    coverages: tuple[str, ...]
    needs: tuple[str, ...]
    conditions: tuple[Condition, ...]

    def as_json(self) -> dict[str, Any]:
        """Return the route as a JSON value."""
        return {
            "action": self.action,
            "route": self.permit.as_json(),
            "form": self.form,
            "coverages": list(self.coverages),
            "needs": list(self.needs),
            "conditions": [one.as_json() for one in self.conditions],
        }


@dataclass(frozen=True, slots=True)
class Answer:
    """Every route open to a body, what is taken as given, and, where no route is open, what closes them all."""

    body: str
    assumed: Mapping[str, object]
    routes: tuple[Route, ...]
    closed_by: tuple[Condition, ...]

    @property
    def shared(self) -> tuple[Condition, ...]:
        """Return the conditions that every route has, to be told once."""
        first = self.routes[0].conditions if self.routes else ()
        return tuple(one for one in first if all(one in route.conditions for route in self.routes))

    def as_json(self) -> dict[str, Any]:
        """Return the answer as a JSON value."""
        return {
            "body": self.body,
            "assumed": dict(self.assumed),
            "routes": [route.as_json() for route in self.routes],
            "closed_by": [one.as_json() for one in self.closed_by],
        }


def what_could_be_received(policies: PolicySet, words: Words, body: str, known: Mapping[str, object]) -> Answer:
    """Return what a body of a class could receive, given what it says of itself.

    ``known`` holds facts in the closed form of properties: a truth, or a value of a choice.
    Raises: UnknownSpecification for a body, fact or value that the schema does not have.
    Source: Direction 3, 6(b) and Annex 3, as the policies read them.
    """
    model = SolverModel(policies)
    assumed = {**{name: value for name, value in ASSUMED.items() if name in model.space.facts}, **known}
    _require_known(policies, body, assumed)
    base = read_formula({"body": body, **assumed}, model.space)
    routes = tuple(_routes(model, words, base))
    closed = () if routes else tuple(_closed_by(model, base))
    return Answer(body, assumed, routes, closed)


def _require_known(policies: PolicySet, body: str, said: Mapping[str, object]) -> None:
    """Hold what an applicant says against the schema, so that an error can name what may be said."""
    bodies = [value for kind in policies.schema.principals[ACTIONS[0]] for value in policies.schema.values[kind]]
    if body not in bodies:
        message = "There is no such class of body."
        raise UnknownSpecification(message, f"Say one of {', '.join(bodies)}.")
    for name, value in said.items():
        kind = policies.schema.facts.get(name)
        values = policies.schema.values.get(kind.entity, ()) if kind is not None else ()
        if kind is None or (values and value not in values):
            message = f"The policies know no such {name.replace('_', ' ')}."
            raise UnknownSpecification(message, f"Say one of {', '.join(values)}." if values else "Leave it out.")


def _routes(model: SolverModel, words: Words, base: z3.BoolRef) -> Iterator[Route]:
    for action in ACTIONS:
        for policy in (one for one in model.policies.policies if one.permits):
            here = z3.And(base, model.space.action_is(action), model.applies[policy.name])
            if model.space.can(here, model.allowed):
                yield from _routes_of(model, words, policy, action, here)


def _routes_of(model: SolverModel, words: Words, policy: Policy, action: str, here: z3.BoolRef) -> Iterator[Route]:
    """Give a permit's routes form by form; coverages on the same conditions stand together."""
    for form, in_form in _values(model, "form"):
        found: dict[tuple[tuple[str, ...], tuple[Condition, ...]], list[str]] = {}
        for coverage, about in _values(model, "coverage"):
            asked = z3.And(here, in_form, about)
            if model.space.can(asked, model.allowed):
                found.setdefault((_needs(model, words, asked), _conditions(model, asked)), []).append(coverage)
        for (needs, conditions), coverages in found.items():
            yield Route(action, _condition(policy), form, tuple(coverages), needs, conditions)


def _values(model: SolverModel, name: str) -> Iterator[tuple[str, z3.BoolRef]]:
    symbol = model.space.facts[name]
    if isinstance(symbol, Choice):
        for (_, value), truth in symbol.truths.items():
            yield value, truth


def _needs(model: SolverModel, words: Words, asked: z3.BoolRef) -> tuple[str, ...]:
    """Return, in words, the truths and values that the permit itself cannot do without."""
    space, needed = model.space, []
    for name, symbol in space.facts.items():
        if isinstance(symbol, z3.BoolRef) and not space.can(asked, z3.Not(symbol)):
            needed.append(words.fact(name))
        if isinstance(symbol, Choice) and name in space.present:
            forced = [value for (_, value), truth in symbol.truths.items() if not space.can(asked, z3.Not(truth))]
            needed += [words.value(name, value) for value in forced]
    return tuple(needed)


def _conditions(model: SolverModel, asked: z3.BoolRef) -> tuple[Condition, ...]:
    """Return the forbids that could still refuse what is asked."""
    forbids = (one for one in model.policies.policies if not one.permits)
    return tuple(_condition(one) for one in forbids if model.space.can(asked, model.applies[one.name]))


def _closed_by(model: SolverModel, base: z3.BoolRef) -> Iterator[Condition]:
    """Give the forbids that refuse whatever the body asks to receive."""
    asked = z3.And(base, model.space.action_is(ACTIONS[0]))
    for policy in model.policies.policies:
        if not policy.permits and not model.space.can(asked, z3.Not(model.applies[policy.name])):
            yield _condition(policy)


def _condition(policy: Policy) -> Condition:
    return Condition(policy.name, *(policy.note(name) for name in ("clause", "words", "who", "interpretation")))
