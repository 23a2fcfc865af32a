"""What one version of the policies newly permits and newly refuses against another, in plain words.

The solver goes through every act, body, form and coverage; each change comes with the least request that shows it,
which both engines confirm, and with the clauses that refuse it on the side that does.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import z3

from cld.errors import InvariantBroken
from policies.proving.engine import Engine
from policies.proving.model import SolverModel, Space
from policies.proving.policy_set import PolicySet
from policies.proving.request import Concrete
from policies.proving.translate import Choice
from policies.proving.words import Words

__all__ = ["Change", "Difference", "compare", "compare_lists"]

NO_ROUTE = "no route of its own"
ANY = "any"


@dataclass(frozen=True, slots=True)
class Change:
    """What changes for a body: ``form`` is ``any`` where the form does not matter; ``coverages`` is empty likewise.

    ``clauses`` refuse the example in the version that refuses it.
    """

    action: str
    body: str
    form: str
    coverages: tuple[str, ...]
    example: Concrete
    told: str
    clauses: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Difference:
    """What B permits and A does not, what A permits and B does not, policies that differ, and lists that differ."""

    permits: tuple[Change, ...]
    refuses: tuple[Change, ...]
    policies: tuple[str, ...]
    lists: tuple[str, ...]

    @property
    def is_empty(self) -> bool:
        """Say whether nothing differs."""
        return not (self.permits or self.refuses or self.policies or self.lists)


def compare(one: PolicySet, other: PolicySet, words: Words, lists: tuple[str, ...] = ()) -> Difference:
    """Compare two versions, ``one`` being the earlier.

    Raises: UnknownSpecification for a policy that no proof covers, or a fact to which the two give different types;
        InvariantBroken if an engine does not confirm an example.
    """
    space = Space(one.schema, other.schema)
    comparer = _Comparer(space, SolverModel(one, space), SolverModel(other, space), words)
    permits = tuple(comparer.changes(newly=True))
    refuses = tuple(comparer.changes(newly=False))
    return Difference(permits, refuses, tuple(comparer.policies()), lists)


class _Comparer:
    """Two versions in one space."""

    def __init__(self, space: Space, one: SolverModel, other: SolverModel, words: Words) -> None:
        self._space, self._one, self._other, self._words = space, one, other, words

    def changes(self, *, newly: bool) -> Iterator[Change]:
        """Give each change in the order of acts, bodies and forms of the schema."""
        allowing, refusing = (self._other, self._one) if newly else (self._one, self._other)
        differs = z3.And(self._allowed(allowing), z3.Not(self._allowed(refusing)))
        space = self._space
        for action in self._open(space.symbols["action"], differs):
            for body in self._open(space.symbols["principal"], differs, action):
                here = z3.And(differs, action, body)
                forms = list(self._open(space.facts["form"], here))
                covered = [self._coverages(z3.And(here, form)) for form in forms]
                if len(forms) == self._n_values("form") and len(set(covered)) == 1:
                    yield self._change(here, ANY, covered[0], allowing, refusing)
                    continue
                for form, coverages in zip(forms, covered, strict=True):
                    yield self._change(z3.And(here, form), "", coverages, allowing, refusing)

    def _allowed(self, model: SolverModel) -> z3.BoolRef:
        return z3.And(model.allowed, self._space.known_to(model.policies.schema))

    def _n_values(self, name: str) -> int:
        symbol = self._space.facts[name]
        return len(symbol.truths) if isinstance(symbol, Choice) else 0

    def _open(self, symbol: object, *wanted: z3.BoolRef) -> Iterator[z3.BoolRef]:
        """Give each value of a choice at which the formulas can hold."""
        if isinstance(symbol, Choice) and self._space.can(*wanted):
            yield from (truth for truth in symbol.truths.values() if self._space.can(*wanted, truth))

    def _coverages(self, here: z3.BoolRef) -> tuple[str, ...]:
        symbol = self._space.facts["coverage"]
        assert isinstance(symbol, Choice)
        found = tuple(name for (_, name), truth in symbol.truths.items() if self._space.can(here, truth))
        return () if len(found) == len(symbol.truths) else found

    def _change(
        self, here: z3.BoolRef, form: str, coverages: tuple[str, ...], allowing: SolverModel, refusing: SolverModel
    ) -> Change:
        request = self._space.least(here)
        if request is None:
            message = "A change has no example."
            raise InvariantBroken(message)
        clauses = _confirmed(request, allowing.policies, refusing.policies)
        form = form or str(request.facts["form"])
        return Change(request.action, request.body, form, coverages, request, self._words.request(request), clauses)

    def policies(self) -> Iterator[str]:
        """Tell of each policy that is new, gone or means something else; what it does to decisions stands apart."""
        for name in dict.fromkeys((*self._one.applies, *self._other.applies)):
            if name not in self._one.applies:
                yield f"{name} is new: {self._other.policies[name].note('words')}"
            elif name not in self._other.applies:
                yield f"{name} is gone: {self._one.policies[name].note('words')}"
            else:
                earlier, later = self._one.policies[name], self._other.policies[name]
                if earlier.permits != later.permits:
                    yield f"{name} is {'a permit' if later.permits else 'a forbid'} now: {later.note('words')}"
                elif self._space.can(z3.Xor(self._one.applies[name], self._other.applies[name])):
                    yield f"{name} applies to other requests: {later.note('words')}"
                elif earlier.parts["annotations"] != later.parts["annotations"]:
                    yield f"{name} is worded otherwise: {later.note('words')}"


def _confirmed(request: Concrete, allowing: PolicySet, refusing: PolicySet) -> tuple[str, ...]:
    """Ask both engines, and return the clauses by which one refuses."""
    allows = Engine(allowing).ask(request.known_to(allowing.schema))
    knows = request.action in refusing.schema.contexts
    refuses = Engine(refusing).ask(request.known_to(refusing.schema)) if knows else None
    if not allows.allowed or (refuses is not None and refuses.allowed):
        message = "The engine and the solver answer one request differently."
        raise InvariantBroken(message, "Nothing is compared: mend the translation of the policies.")
    named = refuses.policies if refuses is not None else frozenset()
    return tuple(refusing[name].note("clause") for name in refusing.names if name in named) or (NO_ROUTE,)


LISTS: Mapping[str, Callable[[Mapping[str, Any]], tuple[str, str]]] = {
    "classes": lambda one: (str(one["class"]), str(one["from"])),
    "bodies": lambda one: (f"{one['code']} {one['name']}", str(one["from"])),
    "successors": lambda one: (f"{one['from_code']} to {one['to_code']}", str(one["on"])),
}


def compare_lists(one: bytes, other: bytes) -> tuple[str, ...]:
    """Tell what changes in the dated lists of Annex 3, entry by entry."""
    earlier, later = json.loads(one), json.loads(other)
    told = []
    for kind, key in LISTS.items():
        before = {key(entry): entry for entry in earlier.get(kind, [])}
        after = {key(entry): entry for entry in later.get(kind, [])}
        for name, day in dict.fromkeys((*before, *after)):
            if (name, day) not in before:
                told.append(f"Annex 3, {kind}: {name} is new, from {day}")
            elif (name, day) not in after:
                told.append(f"Annex 3, {kind}: {name}, from {day}, is gone")
            else:
                old, new = before[name, day], after[name, day]
                parts = [f"{part} {old.get(part)} becomes {new.get(part)}" for part in dict.fromkeys((*old, *new)) if old.get(part) != new.get(part)]  # fmt: skip
                told += [f"Annex 3, {kind}: {name}, from {day}: {', '.join(parts)}"] if parts else []
    return tuple(told)
