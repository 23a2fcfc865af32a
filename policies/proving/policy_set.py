"""A policy set as its parts: each policy by its own id, with its effect, scope, conditions and notes, and the set as one.

The text is parsed by the engine itself; nothing here reads Cedar. A set whose policies can raise an error, carry no id
or share one is refused: ids are what traces, cases and proofs speak of.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import cedarpy

from cld.errors import UnknownSpecification
from policies.proving.schema import Schema, read_schema

__all__ = ["Policy", "PolicySet", "read_policy_set"]

PERMIT, FORBID = "permit", "forbid"
REMEDY = "Mend the policy file; a set that does not check is never used."


@dataclass(frozen=True, slots=True)
class Policy:
    """One policy: ``parts`` is its JSON form of Cedar's, with effect, scopes, conditions and annotations."""

    name: str
    parts: Mapping[str, Any]

    @property
    def permits(self) -> bool:
        """Say whether it is a permit."""
        return bool(self.parts["effect"] == PERMIT)

    def note(self, name: str) -> str:
        """Return an annotation, or nothing."""
        return str(self.parts["annotations"].get(name) or "")

    def changed(self, **parts: Any) -> Policy:  # noqa: ANN401 - parts of a JSON form
        """Return the policy with some parts replaced."""
        return Policy(self.name, {**self.parts, **parts})


@dataclass(frozen=True)
class PolicySet:
    """Policies in the order of their text, under a schema."""

    policies: tuple[Policy, ...]
    schema: Schema
    schema_text: str

    def __getitem__(self, name: str) -> Policy:
        """Return a policy by its id.

        Raises: UnknownSpecification if there is none of that id.
        """
        for policy in self.policies:
            if policy.name == name:
                return policy
        message = "There is no policy of that id in the set."
        raise UnknownSpecification(message, REMEDY)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Return the ids."""
        return tuple(policy.name for policy in self.policies)

    def replaced(self, name: str, changed: Policy | None) -> PolicySet:
        """Return the set with one policy changed, or taken out."""
        found = tuple(changed if policy.name == name else policy for policy in self.policies)
        return PolicySet(tuple(policy for policy in found if policy is not None), self.schema, self.schema_text)

    def as_json(self) -> str:
        """Return the set in Cedar's JSON form, each policy under its own id."""
        static = {policy.name: policy.parts for policy in self.policies}
        return json.dumps({"templates": {}, "staticPolicies": static, "templateLinks": []})

    def as_text(self) -> str:
        """Return the set as Cedar's text, written by the engine."""
        return cedarpy.policies_from_json_str(self.as_json())


def read_policy_set(policies: str, schema: str) -> PolicySet:
    """Read a set of policies under a schema.

    Raises: UnknownSpecification if the text cannot be parsed, holds a template, or a policy has no id of its own, and
        if the schema is not one that proofs can cover. Whether a policy can raise an error is a property of its own.
    """
    try:
        held = json.loads(cedarpy.policies_to_json_str(policies))
    except ValueError as fault:
        message = "The policies cannot be parsed."
        raise UnknownSpecification(message, REMEDY) from fault
    if held.get("templates") or held.get("templateLinks"):
        message = "The policies hold a template."
        raise UnknownSpecification(message, REMEDY)
    static = held["staticPolicies"]
    ordered = sorted(static, key=lambda name: int(name.removeprefix("policy")))
    found = tuple(Policy(static[name].get("annotations", {}).get("id") or "", static[name]) for name in ordered)
    names = [policy.name for policy in found]
    if "" in names or len(names) != len(set(names)):
        message = "A policy has no id, or two share one."
        raise UnknownSpecification(message, REMEDY)
    return PolicySet(found, read_schema(schema), schema)
