"""The engine behind a wrapper that fails closed: what one version of the policies says of one request.

1. All policies together decide; any diagnostic is a refusal.  2. Every policy is asked again alone, as a permit, and
each refusing policy also without its exception: what applies is the clause trace.  3. Where no permit applies, the
parts of each are asked, so that the nearest can be told.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import cedarpy

from policies.parsed import Policy
from policies.told import part_in_words
from policies.versions import Version

__all__ = ["Judge", "Verdict", "judge_of"]

NOBODY = cedarpy.Entities.from_json_str("[]")
REACH, PART = "reach:", "part:"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the engine said: its decision, whether it reported anything, and the policies that decided."""

    allowed: bool
    clean: bool
    decided: frozenset[str]


@dataclass(frozen=True)
class Judge:
    """One version's policies, parsed once, in the three forms in which they are asked."""

    version: Version
    together: cedarpy.PolicySet
    alone: cedarpy.PolicySet
    routes: cedarpy.PolicySet
    parts: Mapping[str, tuple[str, ...]]
    route_facts: tuple[str, ...]
    remembered: dict[str, tuple[frozenset[str], tuple[str, ...]]] = field(default_factory=dict, compare=False)

    def decide(self, request: dict[str, Any]) -> Verdict:
        """Ask all policies together, with the schema."""
        return _ask(request, self.together, self.version.policies.schema)

    def applies(self, request: dict[str, Any]) -> Verdict:
        """Ask every policy alone: ``decided`` holds the ids that apply, and ``reach:`` ids without the exception."""
        return _ask(request, self.alone, None)

    def routes_of(self, request: dict[str, Any]) -> tuple[frozenset[str], tuple[str, ...]]:
        """Return the permits that apply and, where none does, what the nearest still needs.

        Answers are remembered by the facts that permits speak of, which are few.
        """
        context = request["context"]
        key = json.dumps([request["principal"], request["action"], *(context.get(name) for name in self.route_facts)])
        if key not in self.remembered:
            found = _ask(request, self.routes, None)
            grants = frozenset(one for one in found.decided if not one.startswith(PART)) if found.clean else frozenset()
            self.remembered[key] = grants, () if grants else self._nearest(request, found.decided)
        return self.remembered[key]

    def _nearest(self, request: Mapping[str, Any], holding: frozenset[str]) -> tuple[str, ...]:
        """Return, in words, the parts of the nearest permit that do not hold: a route of this body before another's."""
        action, body = request["action"]["id"], request["principal"]["id"]
        best: tuple[tuple[bool, int], tuple[str, ...]] | None = None
        for policy in self.version.policies.policies:
            if policy.permits and policy.action in ("", action):
                unmet = tuple(
                    words
                    for n, words in enumerate(self.parts[policy.name])
                    if f"{PART}{n}:{policy.name}" not in holding
                )
                rank = (_body_is_another(policy, body) or not self.parts[policy.name], len(unmet))
                if best is None or rank < best[0]:
                    best = rank, unmet
        return best[1] if best is not None else ()


@cache
def judge_of(version: Version) -> Judge:
    """Return the judge of a version, made once."""
    policies = version.policies.policies
    alone: dict[str, dict[str, Any]] = {}
    routes: dict[str, dict[str, Any]] = {}
    parts: dict[str, tuple[str, ...]] = {}
    for policy in policies:
        alone[policy.name] = _as_permit(policy.tree, policy.tree["conditions"])
        if not policy.permits:
            whens = [one for one in policy.tree["conditions"] if one["kind"] == "when"]
            if len(whens) < len(policy.tree["conditions"]):
                alone[REACH + policy.name] = _as_permit(policy.tree, whens)
            continue
        routes[policy.name] = alone[policy.name]
        found = list(_parts(policy.tree))
        parts[policy.name] = tuple(part_in_words(part) for part in found)
        for n, part in enumerate(found):
            routes[f"{PART}{n}:{policy.name}"] = part
    together = {policy.name: policy.tree for policy in policies}
    facts = tuple(sorted({name for tree in routes.values() for name in _facts_in(tree["conditions"])}))
    return Judge(version, _policy_set(together), _policy_set(alone), _policy_set(routes), parts, facts)


def _ask(request: dict[str, Any], policies: cedarpy.PolicySet, schema: cedarpy.Schema | None) -> Verdict:
    found = cedarpy.is_authorized(request, policies, NOBODY, schema)
    clean = not found.diagnostics.errors and found.decision is not cedarpy.Decision.NoDecision
    return Verdict(clean and found.decision is cedarpy.Decision.Allow, clean, frozenset(found.diagnostics.reasons))


def _policy_set(trees: Mapping[str, dict[str, Any]]) -> cedarpy.PolicySet:
    return cedarpy.PolicySet.from_json_str(json.dumps({"staticPolicies": trees, "templates": {}, "templateLinks": []}))


def _as_permit(tree: Mapping[str, Any], conditions: list[Any]) -> dict[str, Any]:
    return {**tree, "effect": "permit", "conditions": conditions, "annotations": {}}


def _parts(tree: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield a permit for each condition of a permit: its body, and each link of its chain of ands.

    A link that reads a fact which may be absent is kept with the test that it is there.
    """
    if tree["principal"]["op"] != "All":
        yield {**_as_permit(tree, []), "action": {"op": "All"}}
    for condition in tree["conditions"]:
        present: list[Any] = []
        for link in _chain(condition["body"]):
            if "has" in link:
                present.append(link)
                continue
            body = link
            for test in reversed(present):
                body = {"&&": {"left": test, "right": body}}
            anyone = {**_as_permit(tree, [{"kind": condition["kind"], "body": body}]), "principal": {"op": "All"}}
            yield {**anyone, "action": {"op": "All"}}


def _chain(body: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    if "&&" in body:
        yield from _chain(body["&&"]["left"])
        yield from _chain(body["&&"]["right"])
    else:
        yield dict(body)


def _body_is_another(policy: Policy, body: str) -> bool:
    """Say whether a permit can never be for a body: by its head, or by a list of bodies in its condition."""
    head = policy.tree["principal"]
    if head["op"] == "==":
        return bool(head["entity"]["id"] != body)
    return f'"{body}"' not in json.dumps(policy.tree["conditions"])


def _facts_in(tree: Any) -> Iterator[str]:  # noqa: ANN401 - a tree of JSON
    """Yield the facts of the request's context that a tree speaks of."""
    if isinstance(tree, list):
        for one in tree:
            yield from _facts_in(one)
    elif isinstance(tree, dict):
        if tree.get("left") == {"Var": "context"} and "attr" in tree:
            yield tree["attr"]
        for one in tree.values():
            yield from _facts_in(one)
