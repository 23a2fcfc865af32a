"""What changed between two versions of an application and its plan, field by field."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["Change", "changes_between"]

NAMED_BY = (("data_set", "column"), ("data_set",), ("purpose",), ("name",))
"""What names an item of a list, so that one put in between does not shift all others."""


@dataclass(frozen=True, slots=True)
class Change:
    """A field with what it held before and what it holds now; None where it was not there."""

    field: str
    before: Any
    after: Any


def changes_between(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[Change, ...]:
    """Return every field that differs, by name."""
    old, new = dict(_fields(before, "")), dict(_fields(after, ""))
    names = sorted(old.keys() | new.keys())
    return tuple(Change(name, old.get(name), new.get(name)) for name in names if old.get(name) != new.get(name))


def _fields(value: Any, name: str) -> Iterator[tuple[str, Any]]:  # noqa: ANN401
    if isinstance(value, Mapping) and value:
        for key, item in value.items():
            yield from _fields(item, f"{name}.{key}" if name else str(key))
    elif isinstance(value, list | tuple) and value:
        for place, item in enumerate(value):
            yield from _fields(item, f"{name}[{_key(item, place)}]")
    else:
        yield name, value


def _key(item: Any, place: int) -> str:  # noqa: ANN401
    if isinstance(item, Mapping):
        for names in NAMED_BY:
            if all(part in item for part in names):
                return " ".join(str(item[part]) for part in names)
    return str(place)
