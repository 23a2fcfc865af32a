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

from policies.told import part_in_words
from policies.versioned.parsed import Policy
from policies.versioned.versions import Version

__all__ = ["Judge", "Verdict", "judge_of"]

NOBODY = cedarpy.Entities.from_json_str("[]")
REACH, PART = "reach:", "part:"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the engine said: its decision, whether it reported anything, and the policies that decided."""

    allowed: bool
    clean: bool
    decided: frozenset[str]


@dataclass(frozen=True, slots=True)
class Route:
    """A permit: its action, the bodies that it can be for (None: any), its parts in words, the facts it speaks of."""

    name: str
    action: str
    bodies: frozenset[str] | None
    parts: tuple[str, ...]
    facts: frozenset[str]

    def is_for(self, action: str, body: str) -> bool:
        """Say whether the route can be for a body that asks for an action."""
        return self.action in ("", action) and (self.bodies is None or body in self.bodies)

    def part(self, n: int) -> str:
        """Return the id under which one part of it is asked alone."""
        return f"{PART}{n}:{self.name}"


@dataclass(frozen=True)
class Judge:
    """One version's policies, parsed once, in the three forms in which they are asked."""

    version: Version
    together: cedarpy.PolicySet
    alone: cedarpy.PolicySet
    routes: cedarpy.PolicySet
    routes_by_name: Mapping[str, Route]
    remembered: dict[str, tuple[frozenset[str], tuple[str, ...]]] = field(default_factory=dict, compare=False)

    def decide(self, requests: list[dict[str, Any]]) -> list[Verdict]:
        """Ask all policies together, of each request."""
        return self._ask(requests, self.together)

    def applies(self, request: dict[str, Any]) -> Verdict:
        """Ask every policy alone: ``decided`` holds the ids that apply, and ``reach:`` ids without the exception."""
        return self._ask([request], self.alone)[0]

    def routes_of(self, request: dict[str, Any]) -> tuple[frozenset[str], tuple[str, ...]]:
        """Return the permits that apply and, in words, what the nearest still needs where none does.

        Only permits of the action that can be for the body are looked at; answers are remembered by the facts of which
        these speak, which are few.
        """
        action, body, context = request["action"]["id"], request["principal"]["id"], request["context"]
        mine = [one for one in self.routes_by_name.values() if one.is_for(action, body)]
        facts = sorted({name for one in mine for name in one.facts})
        key = json.dumps([action, body, *(context.get(name) for name in facts)])
        if key not in self.remembered:
            found = self._ask([request], self.routes)[0]
            grants = frozenset(one.name for one in mine if found.clean and one.name in found.decided)
            self.remembered[key] = grants, () if grants else self._nearest(mine, action, found.decided)
        return self.remembered[key]

    def _ask(self, requests: list[dict[str, Any]], policies: cedarpy.PolicySet) -> list[Verdict]:
        """Ask the engine, always with the schema; whatever it reports makes an answer unclean."""
        verdicts = []
        for found in cedarpy.is_authorized_batch(requests, policies, NOBODY, self.version.policies.schema):
            clean = not found.diagnostics.errors and found.decision is not cedarpy.Decision.NoDecision
            allowed = clean and found.decision is cedarpy.Decision.Allow
            verdicts.append(Verdict(allowed, clean, frozenset(found.diagnostics.reasons)))
        return verdicts

    def _nearest(self, mine: list[Route], action: str, holding: frozenset[str]) -> tuple[str, ...]:
        if not mine:
            bodies = sorted(
                {body for one in self.routes_by_name.values() if one.action == action for body in one.bodies or ()}
            )
            return (f"A body of a class that has a route: {', '.join(bodies)}.",) if bodies else ()
        unmet = [tuple(words for n, words in enumerate(one.parts) if one.part(n) not in holding) for one in mine]
        return min(unmet, key=len)


@cache
def judge_of(version: Version) -> Judge:
    """Return the judge of a version, made once."""
    policies = version.policies.policies
    alone: dict[str, dict[str, Any]] = {}
    routes: dict[str, dict[str, Any]] = {}
    by_name: dict[str, Route] = {}
    for policy in policies:
        alone[policy.name] = _as_permit(policy.tree, policy.tree["conditions"])
        if policy.permits:
            parts = list(_parts(policy.tree))
            by_name[policy.name] = route = _route(policy, parts)
            routes[policy.name] = alone[policy.name]
            routes.update({route.part(n): part for n, part in enumerate(parts)})
            continue
        whens = [one for one in policy.tree["conditions"] if one["kind"] == "when"]
        if len(whens) < len(policy.tree["conditions"]):
            alone[REACH + policy.name] = _as_permit(policy.tree, whens)
    together = {policy.name: policy.tree for policy in policies}
    return Judge(version, _policy_set(together), _policy_set(alone), _policy_set(routes), by_name)


def _route(policy: Policy, parts: list[dict[str, Any]]) -> Route:
    words = tuple(part_in_words(part) for part in parts)
    return Route(policy.name, policy.action, _bodies(parts), words, frozenset(_facts_in(policy.tree["conditions"])))


def _bodies(parts: list[dict[str, Any]]) -> frozenset[str] | None:
    """Return the bodies that a permit can be for: that of its head, or a list that its conditions hold the body to."""
    for part in parts:
        if part["principal"]["op"] == "==":
            return frozenset({part["principal"]["entity"]["id"]})
        body = part["conditions"][0]["body"]
        if part["conditions"][0]["kind"] == "when" and body.get("contains", {}).get("right") == {"Var": "principal"}:
            return frozenset(one["Value"]["__entity"]["id"] for one in body["contains"]["left"]["Set"])
    return None


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
