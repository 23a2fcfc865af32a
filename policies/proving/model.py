"""A policy set as the solver sees it: which policies apply, what is allowed, and the least request of a kind.

Policy sets that share a ``Space`` share its facts, so that two versions can be held against each other.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from functools import cached_property
from itertools import chain

import z3

from cld.errors import InvariantBroken, UnknownSpecification
from policies.proving.engine import Outcome
from policies.proving.policy_set import Policy, PolicySet
from policies.proving.request import Concrete, Value
from policies.proving.schema import FactType, Schema
from policies.proving.translate import Choice, Facts, Many, Symbol, applies, milliseconds

__all__ = ["SolverModel", "Space", "is_true"]

ACTION = "Action"
FIRST = ("form", "coverage")
"""The choices that say what is asked for: settled first, in the schema's order."""
NOTHING = ("none", "no")
"""Values of the other choices that say nothing: preferred, so that an example tells only what matters."""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
NO_LATER = milliseconds(datetime(2100, 1, 1, tzinfo=UTC))
DAYS = {
    name: [milliseconds(datetime.fromisoformat(f"{day}T00:00:00+00:00")) for day in days.split()]
    for name, days in {
        "": "2021-06-01 2021-06-02 2021-05-31 2020-12-07 2020-12-06",
        "_from": "2021-01-01 2021-06-01 2021-06-02 2022-01-01",
        "_to": "2022-01-01 2021-06-01 2021-05-31 2021-01-01",
    }.items()
}
"""Days that an example is given if they fit, by the ending of the fact's name."""


class Space:
    """Every request that a schema, or the union of two, can form, as truths for the solver."""

    def __init__(self, *schemas: Schema) -> None:
        """Lay out the truths of every fact of every schema.

        Raises: UnknownSpecification if two schemas give a fact two types.
        """
        self._schemas = schemas
        self.facts: dict[str, Symbol] = {}
        self.kinds: dict[str, FactType] = {}
        self.present: dict[str, z3.BoolRef] = {}
        bodies = _merged(schema.principals[action] for schema in schemas for action in schema.actions)
        resources = _merged(schema.resources[action] for schema in schemas for action in schema.actions)
        actions = _merged(schema.actions for schema in schemas)
        self.symbols = {
            "principal": Choice(self._truths("principal", [(t, v) for t in bodies for v in self._values(t)])),
            "action": Choice(self._truths("action", [(ACTION, name) for name in actions])),
            "resource": Choice(self._truths("resource", [(t, v) for t in resources for v in self._values(t)])),
        }
        kinds = [(name, kind) for schema in schemas for name, kind in schema.facts.items()]
        for name, kind in sorted(kinds, key=lambda one: (one[0] not in FIRST, one[0])):
            if self.kinds.setdefault(name, kind) != kind:
                message = "Two versions give one fact two types."
                raise UnknownSpecification(message, "Compare them one fact at a time by hand.")
            self.facts.setdefault(name, self._symbol(name, kind))
            if kind.is_optional:
                self.present.setdefault(name, z3.Bool(f"has {name}"))

    def _values(self, kind: str) -> tuple[str, ...]:
        return _merged(schema.values.get(kind, ()) for schema in self._schemas)

    def _truths(self, name: str, values: list[tuple[str, str]]) -> dict[tuple[str, str], z3.BoolRef]:
        return {value: z3.Bool(f"{name} {value[0]} {value[1]}") for value in values}

    def _symbol(self, name: str, kind: FactType) -> Symbol:
        if kind.is_moment:
            return z3.Int(name)
        if kind.is_truth:
            return z3.Bool(name)
        truths = self._truths(name, [(kind.entity, value) for value in self._values(kind.entity)])
        return Many(truths) if kind.is_set else Choice(truths)

    @cached_property
    def well_formed(self) -> z3.BoolRef:
        """Return the truth that each choice is exactly one of its values."""
        choices = [*self.symbols.values(), *self.facts.values()]
        exact = [list(held.truths.values()) for held in choices if isinstance(held, Choice)]
        return z3.And([z3.PbEq([(truth, 1) for truth in truths], 1) for truths in exact])

    @cached_property
    def _preferred(self) -> list[tuple[z3.BoolRef, bool]]:
        """The order in which a least request is settled: first values of choices, then as few facts as possible."""
        found: list[tuple[z3.BoolRef, bool]] = []
        for name, held in (*self.symbols.items(), *self.facts.items()):
            if isinstance(held, Choice):
                values = sorted(held.truths, key=lambda value: name not in FIRST and value[1] not in NOTHING)
                found += [(held.truths[value], True) for value in values]
        found += [(truth, False) for truth in self.present.values()]
        for held in self.facts.values():
            if isinstance(held, z3.BoolRef):
                found.append((held, False))
            elif isinstance(held, Many):
                found += [(truth, False) for truth in reversed(list(held.truths.values()))]
        return found

    def can(self, *wanted: z3.BoolRef) -> bool:
        """Say whether some request meets every formula."""
        return self._checked(self._solver(wanted))

    def least(self, *wanted: z3.BoolRef) -> Concrete | None:
        """Return the least request that meets every formula, the same whatever the solver's version, or none.

        Least: values of choices as early as they can be in the schema's order, and no fact true that could be false.
        """
        solver = self._solver(wanted)
        if not self._checked(solver):
            return None
        model = solver.model()
        for truth, wish in self._preferred:
            literal = truth if wish else z3.Not(truth)
            if not z3.is_true(model.eval(literal, model_completion=True)):
                if self._checked(solver, literal):
                    model = solver.model()
                else:
                    literal = z3.Not(literal)
            solver.add(literal)
        for name, held in self.facts.items():
            if isinstance(held, z3.ArithRef):
                self._settle_moment(solver, name, held)
        self._checked(solver)
        return self._concrete(solver.model())

    def _settle_moment(self, solver: z3.Solver, name: str, held: z3.ArithRef) -> None:
        """Fix a moment: a day that examples like if one fits, else the earliest that does."""
        liked = next((days for ending, days in DAYS.items() if ending and name.endswith(ending)), DAYS[""])
        fit = next((moment for moment in liked if self._checked(solver, held == moment)), None)
        if fit is None:
            low, high = 0, NO_LATER
            while low < high:
                middle = (low + high) // 2
                low, high = (low, middle) if self._checked(solver, held >= 0, held <= middle) else (middle + 1, high)
            fit = low
        solver.add(held == fit)

    def holds(self, request: Concrete) -> z3.ModelRef:
        """Return the solver's model of one concrete request, in which any formula can be evaluated."""
        solver = self._solver(self.fixed(request))
        if not self._checked(solver):
            message = "A request has no model in its own space."
            raise InvariantBroken(message)
        return solver.model()

    def fixed(self, request: Concrete) -> list[z3.BoolRef]:
        """Return a request as truths: every fact it carries, set; facts of other actions stay free."""
        found = [self.body_is(request.body), self.action_is(request.action)]
        found += [truth if name in request.facts else z3.Not(truth) for name, truth in self.present.items()]
        for name, value in request.facts.items():
            held = self.facts[name]
            if isinstance(held, z3.BoolRef):
                found.append(held if value else z3.Not(held))
            elif isinstance(value, datetime):
                found.append(held == milliseconds(value))
            elif isinstance(held, Choice):
                found.append(held.is_value((self.kinds[name].entity, str(value))))
            elif isinstance(value, frozenset):
                found += [truth if one in value else z3.Not(truth) for (_, one), truth in held.truths.items()]
        return found

    def known_to(self, schema: Schema) -> z3.BoolRef:
        """Return the truth that a request holds only values that a schema knows, so that its engine reads it at all."""
        symbols = {**self.symbols, **{name: self.facts[name] for name in schema.facts}}
        known = {kind: set(values) for kind, values in schema.values.items()} | {ACTION: set(schema.actions)}
        unknown = [
            z3.And(truth, self.present.get(name, z3.BoolVal(val=True)))
            for name, symbol in symbols.items()
            if isinstance(symbol, Choice | Many)
            for (kind, value), truth in symbol.truths.items()
            if value not in known.get(kind, ())
        ]
        return z3.Not(z3.Or(unknown))

    def body_is(self, body: str) -> z3.BoolRef:
        """Return the truth that a body of this class asks."""
        return z3.Or([truth for (_, name), truth in self.symbols["principal"].truths.items() if name == body])

    def action_is(self, action: str) -> z3.BoolRef:
        """Return the truth that this act is asked for."""
        return self.symbols["action"].is_value((ACTION, action))

    def _solver(self, wanted: Iterable[z3.BoolRef]) -> z3.Solver:
        solver = z3.Solver()
        solver.add(self.well_formed, *wanted)
        return solver

    def _checked(self, solver: z3.Solver, *assumed: z3.BoolRef) -> bool:
        answer = solver.check(*assumed)
        if answer == z3.unknown:
            message = "The solver gave no answer."
            raise InvariantBroken(message)
        return bool(answer == z3.sat)

    def _concrete(self, model: z3.ModelRef) -> Concrete:
        action = _chosen(self.symbols["action"], model)
        contexts = [schema.contexts[action] for schema in self._schemas if action in schema.contexts]
        there = [
            name
            for name in dict.fromkeys(chain(*contexts))
            if name not in self.present or is_true(self.present[name], model)
        ]
        facts = {name: _read(self.facts[name], model) for name in there}
        return Concrete(_chosen(self.symbols["principal"], model), action, facts)


def _merged(groups: Iterable[Iterable[str]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(one for group in groups for one in group))


def is_true(truth: z3.BoolRef, model: z3.ModelRef) -> bool:
    """Evaluate a formula in a model; what the model leaves open is taken as false."""
    return bool(z3.is_true(model.eval(truth, model_completion=True)))


def _chosen(held: Choice, model: z3.ModelRef) -> str:
    return next(name for (_, name), truth in held.truths.items() if is_true(truth, model))


def _read(held: Symbol, model: z3.ModelRef) -> Value:
    if isinstance(held, Choice):
        return _chosen(held, model)
    if isinstance(held, Many):
        return frozenset(name for (_, name), truth in held.truths.items() if is_true(truth, model))
    if isinstance(held, z3.ArithRef):
        return EPOCH + timedelta(milliseconds=model.eval(held, model_completion=True).as_long())
    return is_true(held, model)


class SolverModel:
    """One policy set in a space of requests."""

    def __init__(self, policies: PolicySet, space: Space | None = None) -> None:
        """Translate every policy; a space of its own unless one is shared.

        Raises: UnknownSpecification for a policy that no proof covers.
        """
        self.policies = policies
        self.space = space or Space(policies.schema)
        self.applies: dict[str, z3.BoolRef] = {policy.name: self._applies(policy) for policy in policies.policies}

    def _applies(self, policy: Policy) -> z3.BoolRef:
        return applies(policy, self.space.symbols, Facts(self.space.facts, self.space.present))

    def replaced(self, name: str, changed: Policy | None) -> SolverModel:
        """Return the model of the set with one policy changed or taken out; the others are not translated again."""
        found = object.__new__(SolverModel)
        found.policies, found.space = self.policies.replaced(name, changed), self.space
        found.applies = {key: held for key, held in self.applies.items() if key != name}
        if changed is not None:
            found.applies[name] = self._applies(changed)
        return found

    def _of(self, *, permits: bool) -> list[z3.BoolRef]:
        return [self.applies[one.name] for one in self.policies.policies if one.permits == permits]

    @cached_property
    def blocked(self) -> z3.BoolRef:
        """Return the truth that some forbid applies."""
        return z3.Or(self._of(permits=False))

    @cached_property
    def granted(self) -> z3.BoolRef:
        """Return the truth that some permit applies."""
        return z3.Or(self._of(permits=True))

    @cached_property
    def allowed(self) -> z3.BoolRef:
        """Return the truth that the engine allows: some permit applies, and no forbid."""
        return z3.And(self.granted, z3.Not(self.blocked))

    def decides(self, name: str) -> z3.BoolRef:
        """Return the truth that the engine names this policy: a forbid that applies, or a permit where none does."""
        if name not in self.applies:
            return z3.BoolVal(val=False)
        here = self.applies[name]
        return z3.And(here, z3.Not(self.blocked)) if self.policies[name].permits else here

    def outcome(self, request: Concrete) -> Outcome:
        """Evaluate the translation on one request, as the engine would answer."""
        model = self.space.holds(request)
        here = {name for name, applying in self.applies.items() if is_true(applying, model)}
        forbids = frozenset(name for name in here if not self.policies[name].permits)
        return Outcome(is_true(self.allowed, model), forbids or frozenset(here))
