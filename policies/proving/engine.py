"""The engine, asked with a set that is parsed once: its decision, the policies that decide, and any error it reports."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import cedarpy

from policies.proving.policy_set import PolicySet
from policies.proving.request import Concrete

__all__ = ["Engine", "Outcome"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the engine says: allowed or not, by which policies, and how many errors it met."""

    allowed: bool
    policies: frozenset[str]
    n_errors: int = 0


class Engine:
    """Cedar over one set and its schema."""

    def __init__(self, policies: PolicySet) -> None:
        """Parse the set and the schema once."""
        self._schema = policies.schema
        self._set = cedarpy.PolicySet.from_json_str(policies.as_json())
        self._typed = cedarpy.Schema.from_str(policies.schema_text)
        self._entities = cedarpy.Entities.from_json_str("[]")

    def ask(self, request: Concrete) -> Outcome:
        """Ask one request."""
        return next(iter(self.ask_all([request])))

    def ask_all(self, requests: Iterable[Concrete]) -> list[Outcome]:
        """Ask requests, in order."""
        asked = [request.for_engine(self._schema) for request in requests]
        answers = cedarpy.is_authorized_batch(asked, self._set, self._entities, self._typed)
        return [
            Outcome(
                answer.decision == cedarpy.Decision.Allow,
                frozenset(answer.diagnostics.reasons),
                len(answer.diagnostics.errors),
            )
            for answer in answers
        ]
