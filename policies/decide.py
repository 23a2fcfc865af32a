"""The door ``decide``: a request in, a decision with every clause out; anything unclear is a refusal that says why.

1. The request is read into facts; what cannot be read is named and counts as not shown.  2. The version of the day
decides.  3. A decision carries the whole clause trace, what would change it and who can, and the version's digest.
The caller logs what it asked and what it was told; nothing here raises because of what a request holds.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any

from cld.errors import UnknownSpecification
from policies.facts import Facts
from policies.judge import Judge, judge_of
from policies.parsed import Policy
from policies.plain import read_plain
from policies.versions import Version, latest_version, version_on

__all__ = [
    "NO_ROUTE",
    "ClauseOutcome",
    "ClauseRow",
    "Decision",
    "decide",
    "decide_facts",
    "decision_lines",
    "policy_digest",
]

NO_ROUTE = "Direction 6(b): no listed route permits this"
UNREADABLE = "the request cannot be read"
NO_VERSION = "no policies hold on the day of the request"
READABLE = "A request that can be read"


class ClauseOutcome(StrEnum):
    """What a clause does to a request."""

    MET = "met"
    BLOCKS = "blocks"
    GRANTS = "grants"
    NOT_RELEVANT = "not relevant"


@dataclass(frozen=True, slots=True)
class ClauseRow:
    """One row of the clause trace; ``who`` can change its outcome."""

    policy: str
    clause: str
    words: str
    outcome: ClauseOutcome
    interpretation: str
    who: str


@dataclass(frozen=True, slots=True)
class Decision:
    """Allowed or not, the clauses that decide, what is missing, the whole trace, and the version that decided."""

    allowed: bool
    clauses: tuple[str, ...]
    missing: tuple[str, ...]
    trace: tuple[ClauseRow, ...]
    version: str
    facts: Facts | None = None

    def as_json(self) -> dict[str, object]:
        """Return the decision as a JSON value for a sealed document."""
        return {
            "decision": "allow" if self.allowed else "refuse",
            "clauses": list(self.clauses),
            "missing": list(self.missing),
            "trace": [
                [row.policy, row.clause, row.words, row.outcome.value, row.interpretation, row.who]
                for row in self.trace
            ],
            "policy_digest": self.version,
        }

    def as_record(self) -> dict[str, object]:
        """Return the decision with the facts of its day, from which ``decide_facts`` takes it again."""
        return {**self.as_json(), "facts": self.facts.as_json() if self.facts is not None else None}


def policy_digest(day: date | None = None) -> str:
    """Return the digest of the policies that hold on a day, or of the latest."""
    return (version_on(day) if day is not None else latest_version()).digest


def decide(request: Mapping[str, Any]) -> Decision:
    """Decide a request of the plain form (shared commands page, policy) by the policies of its day.

    Source: Direction 1, 3, 5, 6, 8 and Annex 3, as the policies read them.
    """
    facts, faults = read_plain(request)
    return _decide(facts, faults, None, traced=True)


def decide_facts(facts: Facts, version: Version | None = None) -> Decision:
    """Decide on all facts of an application, by the policies of its day or, in a replay, by those named."""
    return _decide(facts, (), version, traced=True)


def _decide(facts: Facts | None, faults: tuple[str, ...], version: Version | None, *, traced: bool) -> Decision:
    if facts is None:
        told = tuple(f"{UNREADABLE}: {fault}" for fault in faults)
        return Decision(False, (*told, NO_ROUTE), (f"{READABLE}.",), (), latest_version().digest)
    try:
        chosen = version or (version_on(facts.on) if facts.on is not None else latest_version())
    except UnknownSpecification:
        return Decision(False, (NO_VERSION,), ("Policies of that day.",), (), "", facts)
    judge = judge_of(chosen)
    request = facts.as_request()
    verdict = judge.decide(request)
    if not verdict.clean:
        return Decision(False, (UNREADABLE,), (f"{READABLE}.",), (), chosen.digest, facts)
    trace = _trace(judge, request) if traced else ()
    if verdict.allowed and not faults:
        named = _named(judge, verdict.decided)
        return Decision(True, tuple(one.clause for one in named), (), trace, chosen.digest, facts)
    return _refusal(judge, request, verdict.decided, faults, trace, facts)


def _refusal(
    judge: Judge, request: dict[str, Any], decided: frozenset[str], faults: tuple[str, ...], trace: tuple[ClauseRow, ...], facts: Facts
) -> Decision:  # fmt: skip
    """Name every clause that refuses, and the nearest route where none is open."""
    grants, nearest = judge.routes_of(request)
    blocking = [policy for policy in _named(judge, decided) if not policy.permits]
    clauses = [f"{UNREADABLE}: {fault}" for fault in faults] + [policy.clause for policy in blocking]
    missing = [f"{READABLE}: {fault}." for fault in faults] + [policy.words for policy in blocking]
    if not grants:
        clauses.append(NO_ROUTE)
        missing.extend(nearest)
    unique = tuple(dict.fromkeys(clauses)), tuple(dict.fromkeys(missing))
    return Decision(False, *unique, trace, judge.version.digest, facts)


def _named(judge: Judge, names: frozenset[str]) -> list[Policy]:
    return [policy for policy in judge.version.policies.policies if policy.name in names]


def _trace(judge: Judge, request: dict[str, Any]) -> tuple[ClauseRow, ...]:
    """Say of every policy what it does to a request."""
    applying = judge.applies(request)
    action = request["action"]["id"]
    rows = []
    for policy in judge.version.policies.policies:
        outcome = ClauseOutcome.NOT_RELEVANT
        if not applying.clean:
            outcome = ClauseOutcome.BLOCKS
        elif policy.name in applying.decided:
            outcome = ClauseOutcome.GRANTS if policy.permits else ClauseOutcome.BLOCKS
        elif policy.action in ("", action) and f"reach:{policy.name}" in applying.decided:
            outcome = ClauseOutcome.MET
        told = str(policy.interpretation) if policy.interpretation is not None else ""
        rows.append(ClauseRow(policy.name, policy.clause, policy.words, outcome, told, policy.who))
    return tuple(rows)


def decision_lines(lines: Iterator[str]) -> Iterator[str]:
    """Answer requests, one JSON object a line, in order; a line that is no request is refused under a null id."""
    for line in lines:
        if not line.strip():
            continue
        try:
            request = json.loads(line)
        except (ValueError, RecursionError):
            request = None
        if isinstance(request, dict):
            identity, (facts, faults) = request.get("id"), read_plain(request)
        else:
            identity, facts, faults = None, None, ("it is no JSON object",)
        found = _decide(facts, faults, None, traced=False)
        answer = {"id": identity, "decision": "allow" if found.allowed else "refuse", "clauses": found.clauses, "missing": found.missing}  # fmt: skip
        yield json.dumps(answer, ensure_ascii=False)
