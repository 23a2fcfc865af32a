"""Requests in plain words, from the words that a policy version gives each body, act and fact."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from policies.proving.request import Concrete, Value, written_moment

__all__ = ["Words"]

CHOICES = ("form", "coverage")


@dataclass(frozen=True, slots=True)
class Words:
    """What each name means: ``body``, ``action`` and each choice by value; ``facts`` each truth and
    each moment as it holds and as it does not.

    What has no words is told by its own name, so that nothing is left out of an answer.
    """

    held: Mapping[str, Any]

    def value(self, name: str, value: str) -> str:
        """Return the words of one value of a choice."""
        return str(self.held.get(name, {}).get(value, value))

    def fact(self, name: str, *, holds: bool = True) -> str:
        """Return the words of a boolean fact, as it holds or does not."""
        told = self.held.get("facts", {}).get(name, {})
        plain = name.replace("_", " ")
        return str(told.get("holds", plain) if holds else told.get("not", f"not: {plain}"))

    def asks(self, request: Concrete) -> str:
        """Return who asks for what, in words."""
        told = [self.value("body", request.body), self.value("action", request.action)]
        told += [self.value(name, str(request.facts[name])) for name in CHOICES if name in request.facts]
        return ", ".join(part for part in told if part)

    def request(self, request: Concrete, beside: Iterable[str] = ()) -> str:
        """Return a request in words: who asks for what, all that holds, and of ``beside`` what does not."""
        holds = [
            part for name, value in request.facts.items() if name not in CHOICES for part in self._held(name, value)
        ]
        lacks = [self.fact(name, holds=False) for name in sorted(beside) if request.facts.get(name) is False]
        told = self.asks(request)
        told += f"; it holds that {', '.join(holds)}" if holds else "; nothing else holds"
        return told + (f"; but {', '.join(lacks)}" if lacks else "") + "."

    def _held(self, name: str, value: Value) -> list[str]:
        if isinstance(value, bool):
            return [self.fact(name)] if value else []
        if isinstance(value, datetime):
            return [f"{self.fact(name)} {written_moment(value)}"]
        named = sorted(value) if isinstance(value, frozenset) else [value]
        return [told for one in named if (told := self.value(name, one))]
