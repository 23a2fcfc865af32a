"""Policies read from text: each with its id, clause, words, who can change it and the reading it rests on, all of it checked."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import date
from typing import Any

import cedarpy

from cld.errors import UntrustedPolicy

__all__ = ["Interpretation", "ParsedPolicies", "Policy", "parse_policies"]

INTERPRETATION = re.compile(
    r"(?P<author>[^,:|]+), (?P<day>\d{4}-\d{2}-\d{2}): (?P<reading>[^|]+) \| other reading: (?P<other>[^|]+)"
)
NOTES = {"id", "clause", "words", "who"}


@dataclass(frozen=True, slots=True)
class Interpretation:
    """How an open question of the text was answered: by whom, when, and the reading not taken."""

    author: str
    day: date
    reading: str
    other: str

    def __str__(self) -> str:
        """Return it in one line, as approvers see it."""
        return f"{self.reading} ({self.author}, {self.day.isoformat()}; other reading: {self.other})"


@dataclass(frozen=True, slots=True)
class Policy:
    """One policy: ``tree`` is its JSON form, in which ``action`` is empty where it speaks of every action."""

    name: str
    permits: bool
    action: str
    clause: str
    words: str
    who: str
    interpretation: Interpretation | None
    tree: dict[str, Any]


@dataclass(frozen=True, slots=True)
class ParsedPolicies:
    """The policies of one version, in the order of the file, and its schema."""

    policies: tuple[Policy, ...]
    schema: cedarpy.Schema


def parse_policies(name: str, text: str, schema: str) -> ParsedPolicies:
    """Read policies against their schema; ``name`` is how errors speak of them.

    Raises: UntrustedPolicy for a line that cannot be read, an attribute or value that the schema does not have, a
        policy without its notes, an id that comes twice, or policies that do not refuse publication outright.
    """
    try:
        trees = json.loads(cedarpy.policies_to_json_str(text))
        checked = cedarpy.validate_policies(text, schema)
        parsed = cedarpy.Schema.from_str(schema)
    except ValueError as fault:
        raise _refusal(name, f"a line cannot be read ({fault})") from fault
    if not checked.validation_passed:
        raise _refusal(name, "; ".join(one.error for one in checked.errors))
    if trees["templates"] or trees["templateLinks"]:
        raise _refusal(name, "templates are not used here")
    policies = tuple(_policy(name, tree) for tree in trees["staticPolicies"].values())
    names = [policy.name for policy in policies]
    for twice in sorted({one for one in names if names.count(one) > 1}):
        raise _refusal(name, f"the id {twice} comes twice")
    if not any(_refuses_publication(policy.tree) for policy in policies):
        raise _refusal(name, "no policy refuses publication outright")
    ordered = sorted(policies, key=lambda policy: text.index(f'@id("{policy.name}")'))
    return ParsedPolicies(tuple(ordered), parsed)


def _policy(name: str, tree: dict[str, Any]) -> Policy:
    notes = tree.get("annotations", {})
    if set(notes) - {"interpretation"} != NOTES or not all(notes.values()):
        raise _refusal(name, f"the policy {notes.get('id', 'without an id')} lacks a note, or has one too many")
    action = tree["action"]
    return Policy(
        notes["id"], tree["effect"] == "permit", action["entity"]["id"] if action["op"] == "==" else "",
        notes["clause"], notes["words"], notes["who"], _interpretation(name, notes), tree,
    )  # fmt: skip


def _interpretation(name: str, notes: dict[str, str]) -> Interpretation | None:
    if "interpretation" not in notes:
        return None
    found = INTERPRETATION.fullmatch(notes["interpretation"])
    try:
        if found is None:
            raise ValueError
        return Interpretation(found["author"], date.fromisoformat(found["day"]), found["reading"], found["other"])
    except ValueError as fault:
        message = f"the interpretation of {notes['id']} is not: author, day: reading | other reading: reading"
        raise _refusal(name, message) from fault


def _refuses_publication(tree: dict[str, Any]) -> bool:
    """Say whether a policy forbids publication of anything, by anyone, on no condition. Source: Direction 5."""
    action = tree["action"]
    speaks = action["op"] == "All" or (action["op"] == "==" and action["entity"]["id"] == "publish")
    everyone = tree["principal"]["op"] == "All" and tree["resource"]["op"] == "All"
    return tree["effect"] == "forbid" and speaks and everyone and not tree["conditions"]


def _refusal(name: str, fault: str) -> UntrustedPolicy:
    return UntrustedPolicy(f"The policies of {name} are refused: {fault}.", "Correct them, and have them signed again.")
