"""A request in the facts that the policies read, as the engine takes it and as the solver finds it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from cld.errors import UnreadableFile
from policies.proving.schema import Schema

__all__ = ["Concrete", "Value", "read_concrete", "written_moment"]

Value = bool | str | frozenset[str] | datetime
"""A moment is held in UTC."""


@dataclass(frozen=True, slots=True)
class Concrete:
    """Who asks (an id of an enumerated type), for what act, with which facts.

    A fact is a truth, an id of its enumerated type, a set of them or a moment; an optional one may be missing.
    """

    body: str
    action: str
    facts: Mapping[str, Value]

    def for_engine(self, schema: Schema) -> dict[str, Any]:
        """Return the request as the engine takes it."""
        return {
            "principal": _uid(schema.principals[self.action][0], self.body),
            "action": _uid("Action", self.action),
            "resource": _uid(schema.resources[self.action][0], _only(schema, self.action)),
            "context": {name: _json(schema, self.action, name, value) for name, value in sorted(self.facts.items())},
        }

    def known_to(self, schema: Schema) -> Concrete:
        """Return the request with the facts of a schema alone."""
        known = schema.contexts.get(self.action, {})
        return Concrete(self.body, self.action, {name: value for name, value in self.facts.items() if name in known})


def written_moment(moment: datetime) -> str:
    """Write a moment as the engine reads it: a day where it is the first of its day."""
    moment = moment.astimezone(UTC)
    if moment.time() == datetime.min.time():
        return f"{moment:%Y-%m-%d}"
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"


def _only(schema: Schema, action: str) -> str:
    return schema.values[schema.resources[action][0]][0]


def _uid(kind: str, name: str) -> str:
    return f'{kind}::"{name}"'


def _json(schema: Schema, action: str, name: str, value: Value) -> object:
    kind = schema.contexts[action][name]
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        return {"__entity": {"type": kind.entity, "id": value}}
    if isinstance(value, datetime):
        return {"__extn": {"fn": "datetime", "arg": written_moment(value)}}
    return [{"__entity": {"type": kind.entity, "id": one}} for one in sorted(value)]


def read_concrete(held: Mapping[str, Any], schema: Schema) -> Concrete:
    """Read a request back from the form the engine takes.

    Raises: UnreadableFile if it is not of that form, or names what the schema does not.
    """
    try:
        action = _name_of(held["action"])
        context = schema.contexts[action]
        facts = {name: _value(value) for name, value in held["context"].items()}
        needed = {name for name, kind in context.items() if not kind.is_optional}
        if needed <= facts.keys() <= context.keys():
            return Concrete(_name_of(held["principal"]), action, facts)
    except (KeyError, TypeError, AttributeError, IndexError, ValueError) as fault:
        raise UnreadableFile(*_unreadable()) from fault
    raise UnreadableFile(*_unreadable())


def _unreadable() -> tuple[str, str]:
    return "A case is not a request of the schema.", "Make the cases again from the policies of their version."


def _name_of(uid: str | Mapping[str, str]) -> str:
    return uid.split('"')[1] if isinstance(uid, str) else uid["id"]


def _value(value: Any) -> Value:  # noqa: ANN401 - any JSON value
    if isinstance(value, bool):
        return value
    if isinstance(value, dict) and "__extn" in value:
        return datetime.fromisoformat(value["__extn"]["arg"]).replace(tzinfo=UTC)
    if isinstance(value, dict):
        return str(value["__entity"]["id"])
    return frozenset(str(one["__entity"]["id"]) for one in value)
