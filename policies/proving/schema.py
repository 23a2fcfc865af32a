"""The schema of a policy set, read for the solver: enumerated entities, actions and the facts each action carries.

Only what a solver can enumerate is understood: booleans, enumerated entities and sets of them. Anything else is an
error, so that no fact is ever left out of a proof.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import cedarpy

from cld.errors import UnknownSpecification

__all__ = ["FactType", "Schema", "read_schema"]

BOOL = "Bool"
ENUM = re.compile(r"entity (\w+) enum \[([^\]]*)\];")
PLAIN = re.compile(r"entity (\w+);")
ACTION = re.compile(
    r'action ("?[\w", ]+"?) appliesTo \{ principal: \[([^\]]*)\], resource: \[([^\]]*)\], context: \{([^{}]*)\} \};'
)
FACT = re.compile(r'^"?(\w+)"?: (?:(Set)<(\w+)>|(\w+))$')
NOTE = re.compile(r'@\w+\("(?:[^"\\]|\\.)*"\)\s*')
REMEDY = "Write the schema with booleans, enumerated entities and sets of them alone."


@dataclass(frozen=True, slots=True)
class FactType:
    """The type of a fact: a boolean, one of an enumerated entity, or a set of them; ``entity`` is empty for a boolean."""

    entity: str = ""
    is_set: bool = False


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
                    message = "The schema gives one fact two types."
                    raise UnknownSpecification(message, REMEDY)
        return found


def read_schema(text: str) -> Schema:
    """Read a schema in Cedar's own form.

    Raises: UnknownSpecification if it cannot be parsed or holds anything but booleans, enumerated entities and sets.
    """
    try:
        canonical = str(cedarpy.Schema.from_str(text))
    except ValueError as fault:
        message = "The schema of the policies cannot be parsed."
        raise UnknownSpecification(message, REMEDY) from fault
    plain = " ".join(NOTE.sub("", canonical).replace("{", " { ").split()).replace("} ;", "};")
    values = {name: tuple(re.findall(r'"([^"]*)"', listed)) for name, listed in ENUM.findall(plain)}
    plain = ENUM.sub("", plain)
    bare = set(PLAIN.findall(plain))
    plain = PLAIN.sub("", plain)
    schema = Schema(values, {}, {}, {})
    for names, principals, resources, context in ACTION.findall(plain):
        facts = dict(_fact(part.strip(), values) for part in context.split(",") if part.strip())
        for name in re.findall(r"\w+", names):
            schema.principals[name] = _types(principals, values.keys())
            schema.resources[name] = _types(resources, values.keys() | bare)
            schema.contexts[name] = facts
    left = ACTION.sub("", plain).strip()
    if left or not schema.contexts:
        message = "The schema of the policies holds something that no proof can cover."
        raise UnknownSpecification(message, REMEDY)
    return schema


def _types(listed: str, known: set[str]) -> tuple[str, ...]:
    names = tuple(name.strip() for name in listed.split(",") if name.strip())
    if not names or not set(names) <= known:
        message = "The schema names a type of entity that is not enumerated."
        raise UnknownSpecification(message, REMEDY)
    return names


def _fact(part: str, values: dict[str, tuple[str, ...]]) -> tuple[str, FactType]:
    found = FACT.match(part)
    if found is None:
        message = "The schema holds a fact of a form that no proof can cover."
        raise UnknownSpecification(message, REMEDY)
    name, is_set, element, plain = found.groups()
    kind = element or plain
    if kind == BOOL and not is_set:
        return name, FactType()
    if kind not in values:
        message = "The schema holds a fact of a type that no proof can cover."
        raise UnknownSpecification(message, REMEDY)
    return name, FactType(kind, bool(is_set))
