"""The door ``decide``: a request in plain facts in, a decision with every clause out; anything unclear is a refusal.

1. Facts are typed; a fact not shown is taken as not holding.  2. The engine is asked with the schema; any diagnostic
is a refusal.  3. Each policy is then asked alone, which gives the clause trace an approver reads.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import cache
from importlib.resources import files
from typing import Any

import cedarpy

from cld.canonical import digest_of_bytes
from cld.errors import InputError
from cld.vocabulary import BodyClass, Coverage, Form, Purpose

__all__ = ["ClauseOutcome", "ClauseRow", "Decision", "decide", "policy_digest"]

DIRECTION_FROM = date(2020, 12, 7)
ACTIONS = ("disseminate", "publish", "give_back", "reidentify")
NO_ROUTE = "Direction 6(b): no listed route permits this"
UNREADABLE = "the request cannot be read"


class ClauseOutcome(StrEnum):
    """What a clause does to a request."""

    MET = "met"
    BLOCKS = "blocks"
    GRANTS = "grants"
    NOT_RELEVANT = "not relevant"


@dataclass(frozen=True, slots=True)
class ClauseRow:
    """One row of the clause trace."""

    policy: str
    clause: str
    words: str
    outcome: ClauseOutcome
    interpretation: str


@dataclass(frozen=True, slots=True)
class Decision:
    """Allowed or not, the clauses that decide, and the whole trace."""

    allowed: bool
    clauses: tuple[str, ...]
    missing: tuple[str, ...]
    trace: tuple[ClauseRow, ...]

    def as_json(self) -> dict[str, object]:
        """Return the decision as a JSON value for a sealed document."""
        return {
            "decision": "allow" if self.allowed else "refuse",
            "clauses": list(self.clauses),
            "missing": list(self.missing),
            "trace": [[row.policy, row.clause, row.words, row.outcome.value, row.interpretation] for row in self.trace],
            "policy_digest": policy_digest(),
        }


UNREADABLE_DECISION = Decision(allowed=False, clauses=(UNREADABLE,), missing=("a readable request",), trace=())


@dataclass(frozen=True, slots=True)
class _Policy:
    name: str
    text: str
    permits: bool
    action: str
    clause: str
    words: str
    interpretation: str


def _folder_text(name: str) -> str:
    return files("policies").joinpath(f"direction-2020-12-07/{name}").read_text("utf-8")


def policy_digest() -> str:
    """Return the digest of the policy set and its schema."""
    return digest_of_bytes((_folder_text("policies.cedar") + _folder_text("schema.cedarschema")).encode())


@cache
def _policies() -> tuple[_Policy, ...]:
    text = re.sub(r"^//.*$", "", _folder_text("policies.cedar"), flags=re.M)
    return tuple(_read_policy(part.strip() + ";") for part in text.split(";\n") if part.strip())


def _read_policy(text: str) -> _Policy:
    notes = dict(re.findall(r'@(\w+)\("((?:[^"\\]|\\.)*)"\)', text))
    action = re.search(r'action == Action::"(\w+)"', text)
    permits = re.search(r"^permit", text, flags=re.M) is not None
    return _Policy(
        notes["id"],
        text,
        permits,
        action[1] if action else "",
        notes["clause"],
        notes["words"],
        notes.get("interpretation", ""),
    )


def _truth(request: Mapping[str, Any], name: str) -> bool:
    return request.get(name) is True


def _day(value: object) -> date | None:
    return date.fromisoformat(value) if isinstance(value, str) else None


def _facts(request: Mapping[str, Any]) -> dict[str, Any]:
    """Turn a plain request into the context of the schema.

    Raises: InputError for a value outside the closed lists.
    """
    try:
        on = _day(request.get("on"))
        start, end = _day(request.get("agreement_from")), _day(request.get("agreement_to"))
        contract = _day(request.get("processor_contract_to"))
        form = Form(request["form"]).value if request.get("form") else "none"
        coverage = Coverage(request["coverage"]).value if request.get("coverage") else "none"
        purposes = request.get("purposes") or []
        known = all(purpose in set(Purpose) for purpose in purposes)
    except (ValueError, TypeError, KeyError) as fault:
        raise InputError(UNREADABLE) from fault
    plain = ("annex3_aim", "small_numbers_suppressed", "anonymisation_checked", "key_for_recipient", "dars_approved",
             "agreement_signed", "lawful_basis_nhs", "lawful_basis_recipient", "nihr_funded", "joint_approval", "reidentification_basis")  # fmt: skip
    acting_for = request.get("acting_for")
    return {
        **{name: _truth(request, name) for name in plain},
        "form": {"__entity": {"type": "Form", "id": form}},
        "coverage": {"__entity": {"type": "Coverage", "id": coverage}},
        "acting_for_adass": acting_for == BodyClass.ADASS.value,
        "acting_for_other": acting_for not in (None, BodyClass.ADASS.value),
        "processor_contract_in_force": on is not None and contract is not None and on <= contract,
        "purposes_stated": bool(purposes),
        "purposes_known": known,
        "agreement_in_force": on is not None and start is not None and end is not None and start <= on <= end,
        "direction_in_force": on is not None and on >= DIRECTION_FROM,
    }


def decide(request: Mapping[str, Any]) -> Decision:
    """Decide a request of the plain form (shared commands page, policy).

    Source: Direction 1, 3, 5, 6, 8 and Annex 3, as the policies read them.
    """
    try:
        action = request.get("action") or "disseminate"
        principal = BodyClass(request.get("body") or BodyClass.OTHER).value
        if action not in ACTIONS:
            raise InputError(UNREADABLE)
        context = _facts(request)
    except (InputError, ValueError):
        return UNREADABLE_DECISION
    asked = {
        "principal": {"type": "BodyClass", "id": principal},
        "action": {"type": "Action", "id": action},
        "resource": {"type": "Request", "id": "request"},
        "context": context,
    }
    allowed, clean = _ask("\n".join(policy.text for policy in _policies()), asked)
    trace = tuple(_row(policy, asked, str(action)) for policy in _policies())
    blocking = tuple(row for row in trace if row.outcome is ClauseOutcome.BLOCKS)
    grants = tuple(row for row in trace if row.outcome is ClauseOutcome.GRANTS)
    if allowed and clean and grants and not blocking:
        return Decision(
            allowed=True, clauses=tuple(dict.fromkeys(row.clause for row in grants)), missing=(), trace=trace
        )
    clauses = tuple(dict.fromkeys(row.clause for row in blocking)) + (() if grants else (NO_ROUTE,))
    return Decision(allowed=False, clauses=clauses, missing=tuple(row.words for row in blocking), trace=trace)


def _ask(policies: str, asked: Mapping[str, Any]) -> tuple[bool, bool]:
    """Ask the engine; the second answer is false when it reported anything at all."""
    result = cedarpy.is_authorized(dict(asked), policies, [], schema=_folder_text("schema.cedarschema"))
    return result.decision == cedarpy.Decision.Allow, not result.diagnostics.errors


def _row(policy: _Policy, asked: Mapping[str, Any], action: str) -> ClauseRow:
    """Ask one policy alone: a forbid is asked as a permit, so that its condition shows."""
    outcome = ClauseOutcome.NOT_RELEVANT
    if policy.action in ("", action):
        alone = policy.text if policy.permits else re.sub(r"^forbid", "permit", policy.text, flags=re.M)
        applies, clean = _ask(alone, asked)
        if not clean:
            outcome = ClauseOutcome.BLOCKS
        elif policy.permits:
            outcome = ClauseOutcome.GRANTS if applies else ClauseOutcome.NOT_RELEVANT
        else:
            outcome = ClauseOutcome.BLOCKS if applies else _met_or_beside_the_point(alone, asked)
    return ClauseRow(policy.name, policy.clause, policy.words, outcome, policy.interpretation)


def _met_or_beside_the_point(alone: str, asked: Mapping[str, Any]) -> ClauseOutcome:
    """Tell a clause whose condition holds from one that speaks of other forms or bodies: ask it without its ``unless``."""
    scope, has_exception, _ = alone.partition("unless")
    reaches, clean = _ask(scope.rstrip() + ";" if has_exception else alone, asked)
    return ClauseOutcome.MET if reaches or not clean else ClauseOutcome.NOT_RELEVANT


def decision_lines(requests: str) -> list[str]:
    """Answer requests, one JSON object a line, in order."""
    answers = []
    for line in requests.splitlines():
        if not line.strip():
            continue
        try:
            request = json.loads(line)
        except ValueError:
            request = None
        found = decide(request) if isinstance(request, dict) else UNREADABLE_DECISION
        identity = request.get("id") if isinstance(request, dict) else None
        answer = {
            "id": identity,
            "decision": "allow" if found.allowed else "refuse",
            "clauses": found.clauses,
            "missing": found.missing,
        }
        answers.append(json.dumps(answer))
    return answers
