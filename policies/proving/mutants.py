"""Every small wrong that a policy could carry: taken out, turned round, a part negated, dropped, or a list longer or shorter."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from policies.proving.policy_set import FORBID, PERMIT, Policy
from policies.proving.request import written_moment
from policies.proving.schema import Schema
from policies.proving.translate import moment_of

__all__ = ["Mutant", "mutants_of"]

TRUE: Mapping[str, Any] = {"Value": True}
FALSE: Mapping[str, Any] = {"Value": False}
LOGIC = (
    "&&",
    "||",
    "!",
    "==",
    "!=",
    "<",
    "<=",
    ">",
    ">=",
    "contains",
    "containsAll",
    "containsAny",
    "isEmpty",
    "in",
    "has",
)
LONGEST = 60
BOUNDARY = {"<": "<=", "<=": "<", ">": ">=", ">=": ">"}

Body = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Mutant:
    """A policy changed in one place: ``changed`` is nothing where it was taken out."""

    policy: str
    words: str
    changed: Policy | None


def mutants_of(policy: Policy, schema: Schema) -> Iterator[Mutant]:
    """Give every mutant of a policy, in a fixed order.

    Each condition and each part of one is negated, taken as always true and as always false; each element of a list is
    left out and each missing one added; each value compared with is replaced by each other one; the scope is widened;
    a permit becomes a forbid and a forbid a permit.
    """
    yield Mutant(policy.name, "taken out", None)
    turned = FORBID if policy.permits else PERMIT
    yield Mutant(policy.name, f"turned into a {turned}", policy.changed(effect=turned))
    yield from _scopes(policy, schema)
    conditions = list(policy.parts["conditions"])
    for place, condition in enumerate(conditions):
        for words, body in _bodies(condition["body"], schema):
            changed = [*conditions]
            changed[place] = {**condition, "body": body}
            yield Mutant(policy.name, f"{condition['kind']} {words}", policy.changed(conditions=changed))


def _scopes(policy: Policy, schema: Schema) -> Iterator[Mutant]:
    for name in ("principal", "action"):
        scope = policy.parts[name]
        if scope == {"op": "All"}:
            continue
        yield Mutant(policy.name, f"any {name}", policy.changed(**{name: {"op": "All"}}))
        if scope["op"] == "==":
            entity = scope["entity"]
            for other in _others(entity, schema):
                changed = {"op": "==", "entity": {**entity, "id": other}}
                yield Mutant(policy.name, f"{name} {other} for {entity['id']}", policy.changed(**{name: changed}))


def _others(entity: Mapping[str, str], schema: Schema) -> list[str]:
    values = schema.actions if entity["type"] == "Action" else schema.values.get(entity["type"], ())
    return [value for value in values if value != entity["id"]]


def _bodies(body: Body, schema: Schema) -> Iterator[tuple[str, Body]]:
    """Give every body with one change, and words for the change."""
    said = _said(body)
    said = said if len(said) <= LONGEST else f"{said[:LONGEST]}..."
    if _is_truth(body, schema):
        yield f"({said}) negated", {"!": {"arg": body}}
        yield f"({said}) always true", TRUE
        yield f"({said}) always false", FALSE
    match body:
        case {"Set": elements}:
            yield from _lists(list(elements), schema)
        case {"Value": {"__entity": entity}}:
            for other in _others(entity, schema):
                yield f"{entity['type']} {other} for {entity['id']}", {"Value": {"__entity": {**entity, "id": other}}}
        case {"datetime": [{"Value": written}]}:
            for days in (-1, 1):
                other = written_moment(moment_of(written) + timedelta(days=days))
                yield f"{other} for {written}", {"datetime": [{"Value": other}]}
        case _:
            yield from _inside(body, schema)


def _inside(body: Body, schema: Schema) -> Iterator[tuple[str, Body]]:
    for operator, parts in body.items():
        if operator in BOUNDARY:
            yield f"({_said(body)}) with {BOUNDARY[operator]}", {BOUNDARY[operator]: parts}
        if isinstance(parts, Mapping):
            for side, part in parts.items():
                for words, changed in _bodies(part, schema) if isinstance(part, Mapping) else ():
                    yield words, {operator: {**parts, side: changed}}


def _is_truth(body: Body, schema: Schema) -> bool:
    operator = next(iter(body))
    return operator in LOGIC or (operator == "." and schema.facts[body["."]["attr"]].is_truth)


def _lists(elements: list[Body], schema: Schema) -> Iterator[tuple[str, Body]]:
    held = [element["Value"]["__entity"] for element in elements if "__entity" in str(element)]
    for place, entity in enumerate(held):
        yield f"without {entity['type']} {entity['id']}", {"Set": elements[:place] + elements[place + 1 :]}
    here = {entity["id"] for entity in held}
    for other in _others(held[0], schema) if held else ():
        if other not in here:
            yield (
                f"with {held[0]['type']} {other}",
                {"Set": [*elements, {"Value": {"__entity": {**held[0], "id": other}}}]},
            )


def _said(body: Body) -> str:
    """Write a part of a condition shortly."""
    match body:
        case {"Value": {"__entity": entity}}:
            return str(entity["id"])
        case {"Value": held}:
            return str(held).lower()
        case {"Var": name}:
            return str(name)
        case {".": {"attr": name}}:
            return str(name)
        case {"Set": elements}:
            return f"[{', '.join(map(_said, elements))}]"
        case {"!": {"arg": part}}:
            return f"not {_said(part)}"
        case {"has": {"attr": name}}:
            return f"has {name}"
        case {"datetime": [{"Value": written}]}:
            return str(written)
        case {"isEmpty": {"arg": part}}:
            return f"{_said(part)} empty"
        case {"if-then-else": parts}:
            return f"if {_said(parts['if'])} then {_said(parts['then'])} else {_said(parts['else'])}"
    operator, sides = next(iter(body.items()))
    return f"{_said(sides['left'])} {operator} {_said(sides['right'])}"
