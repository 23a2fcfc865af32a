"""The translation of a policy to the solver: what the engine would evaluate, as a formula over the facts.

Every fact of an enumerated type is one truth per value, of which exactly one holds; a set is one truth per value, free;
a moment is a whole number of milliseconds, as in the engine; an optional fact has a truth that it is there.
The engine skips a policy that errs; that none can is a property of its own, proven by strict validation, and without
it this translation would say nothing. An expression that is not named here is an error: nothing is ever skipped.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeAlias

import z3

from cld.errors import UnknownSpecification
from policies.proving.policy_set import Policy

__all__ = ["Choice", "Facts", "Many", "Symbol", "applies", "milliseconds", "moment_of"]


@dataclass(frozen=True)
class Choice:
    """An entity: for each value (type and id) the truth that it is this one."""

    truths: Mapping[tuple[str, str], z3.BoolRef]

    def is_value(self, value: tuple[str, str]) -> z3.BoolRef:
        """Return the truth of a value, false for one it can never be."""
        return self.truths.get(value, FALSE)


@dataclass(frozen=True)
class Many:
    """A set of entities: for each value the truth that it is in the set."""

    truths: Mapping[tuple[str, str], z3.BoolRef]


Symbol: TypeAlias = z3.BoolRef | Choice | Many | z3.ArithRef

TRUE, FALSE = z3.BoolVal(val=True), z3.BoolVal(val=False)

ORDERS: Mapping[str, Callable[[z3.ArithRef, z3.ArithRef], z3.BoolRef]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


@dataclass(frozen=True)
class Facts:
    """The context: each fact's symbol, and for an optional one the truth that it is there."""

    symbols: Mapping[str, Symbol]
    present: Mapping[str, z3.BoolRef]


def milliseconds(moment: datetime) -> int:
    """Return a moment as the engine counts it, from the start of 1970 in UTC."""
    return round(moment.timestamp() * 1000)


def moment_of(written: str) -> datetime:
    """Read a moment as the engine writes it, in UTC where it names no zone.

    Raises: UnknownSpecification if it is none.
    """
    try:
        found = datetime.fromisoformat(written)
    except ValueError as fault:
        raise _unknown() from fault
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def applies(policy: Policy, symbols: Mapping[str, Choice], facts: Facts) -> z3.BoolRef:
    """Return the truth that a policy's scope and conditions hold.

    ``symbols`` holds principal, action and resource, ``facts`` the context.
    Raises: UnknownSpecification for a form of expression that this translation does not know.
    """
    parts = [_scope(policy.parts[name], symbols[name]) for name in ("principal", "action", "resource")]
    for condition in policy.parts["conditions"]:
        body = _truth(condition["body"], symbols, facts)
        parts.append(body if condition["kind"] == "when" else z3.Not(body))
    return z3.And(parts)


def _unknown() -> UnknownSpecification:
    message = "A policy holds a form of expression that no proof covers."
    return UnknownSpecification(message, "Write it with booleans, enumerated entities, sets and their tests alone.")


def _scope(scope: Mapping[str, Any], symbol: Choice) -> z3.BoolRef:
    match scope:
        case {"op": "All"}:
            return TRUE
        case {"op": "==", "entity": entity}:
            return symbol.is_value(_entity(entity))
        case {"op": "in", "entities": entities}:
            return z3.Or([symbol.is_value(_entity(entity)) for entity in entities])
        case {"op": "is", "entity_type": kind} if "in" not in scope:
            return z3.Or([truth for (of, _), truth in symbol.truths.items() if of == kind])
    raise _unknown()


def _entity(held: Mapping[str, Any]) -> tuple[str, str]:
    return str(held["type"]), str(held["id"])


def _truth(body: Mapping[str, Any], symbols: Mapping[str, Choice], facts: Facts) -> z3.BoolRef:
    found = _value(body, symbols, facts)
    if not isinstance(found, z3.BoolRef):
        raise _unknown()
    return found


def _value(body: Mapping[str, Any], symbols: Mapping[str, Choice], facts: Facts) -> Symbol:
    def truth(part: Mapping[str, Any]) -> z3.BoolRef:
        return _truth(part, symbols, facts)

    def value(part: Mapping[str, Any]) -> Symbol:
        return _value(part, symbols, facts)

    match body:
        case {"Value": bool(held)}:
            return z3.BoolVal(held)
        case {"Value": {"__entity": entity}}:
            return Choice({_entity(entity): TRUE})
        case {"Var": "principal" | "action" | "resource" as name}:
            return symbols[name]
        case {".": {"left": {"Var": "context"}, "attr": name}} if name in facts.symbols:
            return facts.symbols[name]
        case {"has": {"left": {"Var": "context"}, "attr": name}} if name in facts.symbols:
            return facts.present.get(name, TRUE)
        case {"datetime": [{"Value": str(written)}]}:
            return z3.IntVal(milliseconds(moment_of(written)))
        case {"!": {"arg": part}}:
            return z3.Not(truth(part))
        case {"&&": {"left": left, "right": right}}:
            return z3.And(truth(left), truth(right))
        case {"||": {"left": left, "right": right}}:
            return z3.Or(truth(left), truth(right))
        case {"if-then-else": {"if": test, "then": then, "else": other}}:
            return z3.If(truth(test), truth(then), truth(other))
        case {"Set": elements}:
            return _set([value(part) for part in elements])
        case {"==": {"left": left, "right": right}}:
            return _equal(value(left), value(right))
        case {"!=": {"left": left, "right": right}}:
            return z3.Not(_equal(value(left), value(right)))
        case {"contains": {"left": left, "right": right}}:
            return _contains(value(left), value(right))
        case {"containsAll": {"left": left, "right": right}}:
            return _contains_all(value(left), value(right))
        case {"containsAny": {"left": left, "right": right}}:
            return _contains_any(value(left), value(right))
        case {"isEmpty": {"arg": part}}:
            return _is_empty(value(part))
        case {"in": {"left": left, "right": right}}:
            return _in(value(left), value(right))
    named, sides = next(iter(body.items()))
    if named in ORDERS and isinstance(sides, Mapping) and sides.keys() == {"left", "right"}:
        return _ordered(named, value(sides["left"]), value(sides["right"]))
    raise _unknown()


def _ordered(named: str, left: Symbol, right: Symbol) -> z3.BoolRef:
    if not (isinstance(left, z3.ArithRef) and isinstance(right, z3.ArithRef)):
        raise _unknown()
    return ORDERS[named](left, right)


def _set(elements: list[Symbol]) -> Many:
    found: dict[tuple[str, str], z3.BoolRef] = {}
    for element in elements:
        if not isinstance(element, Choice):
            raise _unknown()
        for value, held in element.truths.items():
            found[value] = z3.Or(found[value], held) if value in found else held
    return Many(found)


def _equal(left: Symbol, right: Symbol) -> z3.BoolRef:
    match left, right:
        case (z3.BoolRef(), z3.BoolRef()) | (z3.ArithRef(), z3.ArithRef()):
            return left == right
        case Choice(), Choice():
            return _share(left, right)
        case Many(), Many():
            values = left.truths.keys() | right.truths.keys()
            return z3.And([left.truths.get(value, FALSE) == right.truths.get(value, FALSE) for value in sorted(values)])
    raise _unknown()


def _share(left: Choice | Many, right: Choice | Many) -> z3.BoolRef:
    """Return the truth that some value holds on both sides; a side that is written out needs no conjunction."""
    shared = [(held, right.truths[value]) for value, held in left.truths.items() if value in right.truths]
    found = [one if other is TRUE else other if one is TRUE else z3.And(one, other) for one, other in shared]
    return found[0] if len(found) == 1 else z3.Or(found)


def _contains(left: Symbol, right: Symbol) -> z3.BoolRef:
    if isinstance(left, Many) and isinstance(right, Choice):
        return _share(left, right)
    raise _unknown()


def _contains_all(left: Symbol, right: Symbol) -> z3.BoolRef:
    if isinstance(left, Many) and isinstance(right, Many):
        return z3.And([z3.Implies(held, left.truths.get(value, FALSE)) for value, held in right.truths.items()])
    raise _unknown()


def _contains_any(left: Symbol, right: Symbol) -> z3.BoolRef:
    if isinstance(left, Many) and isinstance(right, Many):
        return z3.Or(
            [z3.And(held, right.truths[value]) for value, held in left.truths.items() if value in right.truths]
        )
    raise _unknown()


def _is_empty(held: Symbol) -> z3.BoolRef:
    if isinstance(held, Many):
        return z3.Not(z3.Or(list(held.truths.values())))
    raise _unknown()


def _in(left: Symbol, right: Symbol) -> z3.BoolRef:
    """Enumerated entities have no parents, so that being in one is being it."""
    return _equal(left, right) if isinstance(right, Choice) else _contains(right, left)
