"""The shipped policies as proofs take them, and the same with one thing changed."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from functools import cache
from typing import Any

from policies.proving.material import Material, open_material
from policies.proving.policy_set import Policy, PolicySet, read_policy_set
from policies.proving.properties import Proof, Property, prove
from policies.proving.request import Concrete

ADDED = '@id("planted") @clause("none") @words("Planted.") @who("nobody")\n'


@cache
def shipped() -> Material:
    """The latest version, signatures checked."""
    return open_material(None)


def with_added(policy: str) -> PolicySet:
    """The shipped set and one policy more, written without its notes."""
    return read_policy_set(shipped().text("policies.cedar") + ADDED + policy, shipped().text("schema.cedarschema"))


def with_exception(name: str, exception: str) -> PolicySet:
    """The shipped set with one forbid weakened by an exception."""
    policies = shipped().policies
    body = read_policy_set(
        f"{ADDED}forbid (principal, action, resource) unless {{ {exception} }};", policies.schema_text
    )
    condition = body["planted"].parts["conditions"]
    forbid = policies[name]
    return policies.replaced(name, forbid.changed(conditions=[*forbid.parts["conditions"], *condition]))


def without(name: str) -> PolicySet:
    """The shipped set without one policy."""
    return shipped().policies.replaced(name, None)


def forbids() -> list[Policy]:
    """The shipped forbids."""
    return [policy for policy in shipped().policies.policies if not policy.permits]


def first_false(policies: PolicySet, properties: Iterable[Property] | None = None) -> Proof | None:
    """The first property that does not hold, or none."""
    proofs = prove(policies, shipped().properties if properties is None else properties, shipped().words)
    return next((proof for proof in proofs if not proof.holds), None)


def as_shown(request: Concrete) -> dict[str, Any]:
    """A request as the plain oracle reads it: each fact by its name, days as written, what is absent as none."""
    optional = [name for name, kind in shipped().policies.schema.contexts[request.action].items() if kind.is_optional]
    facts = {
        name: value.date().isoformat() if isinstance(value, datetime) else sorted(value) if isinstance(value, frozenset) else value
        for name, value in request.facts.items()
    }  # fmt: skip
    return {**dict.fromkeys(optional), **facts, "action": request.action, "body": request.body}
