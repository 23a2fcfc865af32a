"""The engine, asked with a set that is parsed once: its decision, the policies that decide, and any error it reports."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import cedarpy

from policies.proving.policy_set import PolicySet
from policies.proving.request import Concrete
from policies.proving.schema import Schema

__all__ = ["Engine", "Outcome", "Prepared", "invalid_policies", "prepare"]

NO_ENTITIES = cedarpy.Entities.from_json_str("[]")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the engine says: allowed or not, by which policies, and how many errors it met."""

    allowed: bool
    policies: frozenset[str]
    n_errors: int = 0


Prepared = Mapping[str, str]
"""A request written for the engine once, to be asked many times."""


def prepare(request: Concrete, schema: Schema) -> Prepared:
    """Write a request for the engine."""
    held = request.for_engine(schema)
    return {**held, "context": json.dumps(held["context"])}


@cache
def _typed(schema: str) -> cedarpy.Schema:
    return cedarpy.Schema.from_str(schema)


def invalid_policies(policies: PolicySet) -> dict[str, str]:
    """Return the policies that strict validation refuses, each with what it says.

    A policy that it accepts raises no error on any request of the schema.
    """
    found = cedarpy.validate_policies(policies.as_text(), policies.schema_text)
    told: dict[str, str] = {}
    for fault in found.errors:
        place = str(fault.policy_id).removeprefix("policy")
        name = policies.names[int(place)] if place.isdecimal() else str(fault.policy_id)
        told[name] = "; ".join(filter(None, (told.get(name), fault.error)))
    return told


class Engine:
    """Cedar over one set and its schema."""

    def __init__(self, policies: PolicySet, *, checks_requests: bool = True) -> None:
        """Parse the set once; requests are checked against the schema unless they were before."""
        self._schema = policies.schema
        self._set = cedarpy.PolicySet.from_json_str(policies.as_json())
        self._typed = _typed(policies.schema_text) if checks_requests else None

    def ask(self, request: Concrete) -> Outcome:
        """Ask one request."""
        return self.ask_prepared([prepare(request, self._schema)])[0]

    def ask_all(self, requests: Iterable[Concrete]) -> list[Outcome]:
        """Ask requests, in order."""
        return self.ask_prepared([prepare(request, self._schema) for request in requests])

    def ask_prepared(self, requests: Sequence[Prepared]) -> list[Outcome]:
        """Ask requests that are written for the engine already, in order."""
        answers = cedarpy.is_authorized_batch([dict(one) for one in requests], self._set, NO_ENTITIES, self._typed)
        return [
            Outcome(
                answer.decision == cedarpy.Decision.Allow,
                frozenset(answer.diagnostics.reasons),
                len(answer.diagnostics.errors),
            )
            for answer in answers
        ]
