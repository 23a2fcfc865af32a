"""The door ``decide``: a request in, a decision with every clause out; anything unclear is a refusal that says why.

1. The request is read into facts; what cannot be read is named and counts as not shown.  2. The version of the day
decides.  3. A decision carries the whole clause trace, what would change it and who can, and the version's digest.
The caller logs what it asked and what it was told; nothing here raises because of what a request holds.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from itertools import islice
from math import isfinite
from typing import Any

from cld.errors import UnknownSpecification
from policies.facts import Facts
from policies.judge import Judge, Verdict, judge_of
from policies.plain import read_plain
from policies.versioned.versions import Version, latest_version, version_on

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
NO_REQUEST = None, ("it is no JSON object that can be read in one way alone",)
AT_ONCE = 512


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

    def as_kept(self) -> dict[str, object]:
        """Return the record without its trace, for the acts of every day; the trace follows from the rest."""
        return {name: value for name, value in self.as_record().items() if name != "trace"}


def policy_digest(day: date | None = None) -> str:
    """Return the digest of the policies that hold on a day, or of the latest."""
    return (version_on(day) if day is not None else latest_version()).digest


def decide(request: Mapping[str, Any]) -> Decision:
    """Decide a request of the plain form (shared commands page, policy) by the policies of its day.

    Source: Direction 1, 3, 5, 6, 8 and Annex 3, as the policies read them.
    """
    return _decide([read_plain(request)], None, traced=True)[0]


def decide_facts(facts: Facts, version: Version | None = None) -> Decision:
    """Decide on all facts of an application, by the policies of its day or, in a replay, by those named."""
    return _decide([(facts, ())], version, traced=True)[0]


Read = tuple[Facts | None, tuple[str, ...]]
"""A request's facts, and what of it could not be read."""


def _decide(read: list[Read], version: Version | None, *, traced: bool) -> list[Decision]:
    """Decide requests, those of one version in one call of the engine."""
    decisions: dict[int, Decision] = {}
    by_version: dict[Version, list[tuple[int, Facts, tuple[str, ...]]]] = {}
    for place, (facts, faults) in enumerate(read):
        chosen = _version_for(facts, version)
        if facts is None:
            told = tuple(f"{UNREADABLE}: {fault}" for fault in faults)
            decisions[place] = Decision(False, (*told, NO_ROUTE), (f"{READABLE}.",), (), latest_version().digest)
        elif chosen is None:
            decisions[place] = Decision(False, (NO_VERSION,), ("Policies of that day.",), (), "", facts)
        else:
            by_version.setdefault(chosen, []).append((place, facts, faults))
    for chosen, asked in by_version.items():
        judge = judge_of(chosen)
        requests = [facts.as_request() for _, facts, _ in asked]
        for (place, facts, faults), request, verdict in zip(asked, requests, judge.decide(requests), strict=True):
            trace = _trace(judge, request) if traced and verdict.clean else ()
            found = _decision(judge, request, verdict, faults)
            decisions[place] = Decision(*found, trace, chosen.digest, facts)
    return [decisions[place] for place in range(len(read))]


def _version_for(facts: Facts | None, version: Version | None) -> Version | None:
    """Return the version named, or that of the day; a request that shows no day is held against the latest."""
    if version is not None or facts is None:
        return version
    try:
        return version_on(facts.on) if facts.on is not None else latest_version()
    except UnknownSpecification:
        return None


def _decision(
    judge: Judge, request: dict[str, Any], verdict: Verdict, faults: tuple[str, ...]
) -> tuple[bool, tuple[str, ...], tuple[str, ...]]:
    """Return allowed or not, every clause that decides, and what is missing: the nearest route where none is open."""
    if not verdict.clean:
        return False, (UNREADABLE,), (f"{READABLE}.",)
    deciding = [policy for policy in judge.version.policies.policies if policy.name in verdict.decided]
    if verdict.allowed and not faults:
        return True, tuple(dict.fromkeys(policy.clause for policy in deciding)), ()
    grants, nearest = judge.routes_of(request)
    blocking = [policy for policy in deciding if not policy.permits]
    clauses = [f"{UNREADABLE}: {fault}" for fault in faults] + [policy.clause for policy in blocking]
    missing = [f"{READABLE}: {fault}." for fault in faults] + [policy.words for policy in blocking]
    if not grants:
        clauses.append(NO_ROUTE)
        missing.extend(nearest)
    return False, tuple(dict.fromkeys(clauses)), tuple(dict.fromkeys(missing))


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


def decision_lines(lines: Iterable[str]) -> Iterator[str]:
    """Answer requests, one JSON object a line, in order; a line that is no request is refused under a null id."""
    written = (line for line in lines if line.strip())
    while chunk := list(islice(written, AT_ONCE)):
        requests = [_request(line) for line in chunk]
        read = [NO_REQUEST if request is None else read_plain(request) for request in requests]
        for request, found in zip(requests, _decide(read, None, traced=False), strict=True):
            answer = {
                "id": None if request is None else request.get("id"),
                "decision": "allow" if found.allowed else "refuse",
                "clauses": found.clauses,
                "missing": found.missing,
            }
            yield json.dumps(answer)


def _request(line: str) -> dict[str, Any] | None:
    """Read a line; what another reader could read otherwise (a key named twice, a number that is none) is no request."""
    try:
        found = json.loads(line, object_pairs_hook=_each_once, parse_constant=_no_number, parse_float=_finite)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError
    return found


def _no_number(text: str) -> float:
    raise ValueError(text)


def _finite(text: str) -> float:
    found = float(text)
    return found if isfinite(found) else _no_number(text)
