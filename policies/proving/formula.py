"""The closed form in which a property speaks of requests, read into a formula over the facts.

An object is a conjunction of its entries. ``all`` and ``any`` hold lists of such objects, ``not`` holds one. Any other
entry names ``body``, ``action`` or a fact: ``true`` or ``false`` for a boolean, a value or a list of values for a
choice, for a set ``{"has": value}``, ``{"only": values}`` or ``{"empty": true}``, for an optional fact
``{"shown": true}``, for a moment ``{"before": other}``, ``{"after": other}``, ``{"from": other}`` or ``{"until": other}``
(the last two with the day itself), where the other is a day or a fact, and both must be shown. Whatever else stands
there is an error: a property that is not understood is never taken as proven.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any

import z3

from cld.errors import UnknownSpecification
from policies.proving.model import Space
from policies.proving.translate import Choice, Many, milliseconds, moment_of

__all__ = ["named_in", "read_formula"]

SYMBOLS = {"body": "principal", "action": "action"}
JOINTS = ("all", "any", "not")
ORDERS: Mapping[str, Callable[[z3.ArithRef, z3.ArithRef], z3.BoolRef]] = {
    "before": operator.lt,
    "after": operator.gt,
    "from": operator.ge,
    "until": operator.le,
}


def read_formula(held: object, space: Space) -> z3.BoolRef:
    """Read a formula.

    Raises: UnknownSpecification for a name or value outside the schema, or an entry of another form.
    """
    if not isinstance(held, Mapping):
        raise _unread()
    return z3.And([_entry(str(name), value, space) for name, value in held.items()])


def named_in(held: object) -> frozenset[str]:
    """Return the facts that a formula names."""
    if isinstance(held, list):
        return frozenset().union(*map(named_in, held))
    if not isinstance(held, Mapping):
        return frozenset()
    inner = frozenset().union(*(named_in(value) for name, value in held.items() if name in JOINTS))
    return inner | {str(name) for name in held if name not in JOINTS}


def _unread() -> UnknownSpecification:
    message = "A property cannot be read."
    return UnknownSpecification(message, "Name facts and values of the schema, joined by all, any and not.")


def _entry(name: str, value: object, space: Space) -> z3.BoolRef:
    match name, value:
        case "all", list():
            return z3.And([read_formula(part, space) for part in value])
        case "any", list() if value:
            return z3.Or([read_formula(part, space) for part in value])
        case "not", Mapping():
            return z3.Not(read_formula(value, space))
    symbol = space.symbols[SYMBOLS[name]] if name in SYMBOLS else space.facts.get(name)
    match symbol, value:
        case _, {"shown": bool(wish), **rest} if symbol is not None and not rest:
            return _shown(name, space) if wish else z3.Not(_shown(name, space))
        case z3.BoolRef(), bool():
            held = symbol if value else z3.Not(symbol)
        case Choice(), str():
            held = _one(symbol, value)
        case Choice(), list() if value:
            held = z3.Or([_one(symbol, one) for one in value])
        case Many(), Mapping():
            held = _many(symbol, value)
        case z3.ArithRef(), Mapping():
            held = _moment(symbol, value, space)
        case _:
            raise _unread()
    return z3.And(_shown(name, space), held)


def _shown(name: str, space: Space) -> z3.BoolRef:
    return space.present.get(name, z3.BoolVal(val=True))


def _many(symbol: Many, value: Mapping[str, Any]) -> z3.BoolRef:
    match value:
        case {"has": str(one), **rest} if not rest:
            return _one(symbol, one)
        case {"only": list(held), **rest} if not rest:
            _ = [_one(symbol, one) for one in held]
            return z3.Not(z3.Or([truth for (_, name), truth in symbol.truths.items() if name not in held]))
        case {"empty": bool(wish), **rest} if not rest:
            some = z3.Or(list(symbol.truths.values()))
            return z3.Not(some) if wish else some
    raise _unread()


def _moment(symbol: z3.ArithRef, value: Mapping[str, Any], space: Space) -> z3.BoolRef:
    if len(value) != 1:
        raise _unread()
    (order, other), *_ = value.items()
    against = space.facts.get(str(other))
    if against is None:
        against = z3.IntVal(milliseconds(moment_of(str(other))))
    if order not in ORDERS or not isinstance(against, z3.ArithRef):
        raise _unread()
    return z3.And(_shown(str(other), space), ORDERS[order](symbol, against))


def _one(symbol: Choice | Many, value: Any) -> z3.BoolRef:  # noqa: ANN401 - any JSON value
    found = [truth for (_, name), truth in symbol.truths.items() if name == value]
    if len(found) != 1:
        raise _unread()
    return found[0]
