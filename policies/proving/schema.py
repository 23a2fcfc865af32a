"""The schema of a policy set, read for the solver: enumerated entities, actions and the facts each action carries.

Only what a proof can cover is understood: truths, enumerated entities, sets of them and moments, each of which may be
optional. Anything else is an error, so that no fact is ever left out of a proof.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import cedarpy

from cld.errors import UnknownSpecification

__all__ = ["FactType", "Schema", "read_schema"]

BOOL, MOMENT = "Bool", "datetime"
ENUM = re.compile(r"entity (\w+) enum \[([^\]]*)\];")
ALIAS = re.compile(r"type (\w+) = (\{[^{}]*\});")
ACTION = re.compile(r'action "?(\w+)"? appliesTo \{ principal: \[([^\]]*)\], resource: \[([^\]]*)\], context: (\{[^{}]*\}|\w+) \};')  # fmt: skip
FACT = re.compile(r'^"?(\w+)"?(\?)?: (?:(Set)<(\w+)>|(\w+))$')
NOTE = re.compile(r'@\w+\("(?:[^"\\]|\\.)*"\)\s*')
REMEDY = "Write the schema with truths, enumerated entities, sets of them and moments alone."


@dataclass(frozen=True, slots=True)
class FactType:
    """The type of a fact: a truth, one of an enumerated entity, a set of them, or a moment; ``entity`` names the type."""

    entity: str = ""
    is_set: bool = False
    is_moment: bool = False
    is_optional: bool = False

    @property
    def is_truth(self) -> bool:
        """Say whether it is a plain truth."""
        return not self.entity and not self.is_moment


@dataclass(frozen=True, slots=True)
class Schema:
    """Values of each enumerated entity type, and for each action who may ask, of what, with which facts."""

    values: dict[str, tuple[str, ...]]
    principals: dict[str, tuple[str, ...]]
    resources: dict[str, tuple[str, ...]]
    contexts: dict[str, dict[str, FactType]]

    @property
    def actions(self) -> tuple[str, ...]:
        """Return the names of the actions."""
        return tuple(self.contexts)

    @property
    def facts(self) -> dict[str, FactType]:
        """Return every fact of any action with its type.

        Raises: UnknownSpecification if two actions give one name two types.
        """
        found: dict[str, FactType] = {}
        for context in self.contexts.values():
            for name, kind in context.items():
                if found.setdefault(name, kind) != kind:
                    raise _uncovered()
        return found


def read_schema(text: str) -> Schema:
    """Read a schema in Cedar's own form.

    Raises: UnknownSpecification if it cannot be parsed or holds what no proof can cover.
    """
    try:
        canonical = str(cedarpy.Schema.from_str(text))
    except ValueError as fault:
        message = "The schema of the policies cannot be parsed."
        raise UnknownSpecification(message, REMEDY) from fault
    plain = " ".join(NOTE.sub("", canonical).replace("{", " { ").split()).replace("} ;", "};")
    values = {name: tuple(re.findall(r'"([^"]*)"', listed)) for name, listed in ENUM.findall(plain)}
    records = dict(ALIAS.findall(plain))
    schema = Schema(values, {}, {}, {})
    for name, principals, resources, context in ACTION.findall(plain):
        schema.principals[name] = _types(principals, values)
        schema.resources[name] = _types(resources, values)
        schema.contexts[name] = _facts(records.get(context, context), values)
    left = ACTION.sub("", ALIAS.sub("", ENUM.sub("", plain))).strip()
    if left or not schema.contexts:
        raise _uncovered()
    return schema


def _uncovered() -> UnknownSpecification:
    message = "The schema of the policies holds something that no proof can cover."
    return UnknownSpecification(message, REMEDY)


def _types(listed: str, known: dict[str, tuple[str, ...]]) -> tuple[str, ...]:
    names = tuple(name.strip() for name in listed.split(",") if name.strip())
    if not names or not set(names) <= known.keys():
        raise _uncovered()
    return names


def _facts(record: str, values: dict[str, tuple[str, ...]]) -> dict[str, FactType]:
    parts = [part.strip() for part in record.strip("{} ").split(",") if part.strip()]
    return dict(_fact(part, values) for part in parts)


def _fact(part: str, values: dict[str, tuple[str, ...]]) -> tuple[str, FactType]:
    found = FACT.match(part)
    if found is None:
        raise _uncovered()
    name, optional, is_set, element, plain = found.groups()
    kind = element or plain
    if kind in (BOOL, MOMENT) and not is_set:
        return name, FactType(is_moment=kind == MOMENT, is_optional=bool(optional))
    if kind not in values:
        raise _uncovered()
    return name, FactType(kind, is_set=bool(is_set), is_optional=bool(optional))
