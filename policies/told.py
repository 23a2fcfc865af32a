"""Conditions of permits in plain words, for whoever asks what is still missing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["part_in_words"]

FACTS = {
    "form": "the form is",
    "coverage": "the data are about",
    "acting_for": "the processor acts for",
    "nihr_funded": "the body is funded by the NIHR",
    "joint_approval": "the project was approved jointly by DHSC and ADASS",
    "body_listed": "the body is in the list of the day",
    "reidentification_basis": "a legal basis outside the Direction is on record",
}
VALUES = {
    "own": "the recipient's own people",
    "combined": "the combined set",
    "subset": "a named part of the combined set",
    "other": "other people",
}


def part_in_words(part: Mapping[str, Any]) -> str:
    """Tell one condition of a permit: the body in its head, a fact that holds, or a fact with its possible values.

    A shape that has no words here is told as a further condition, so that none is left out.
    """
    if part["principal"]["op"] == "==":
        return f"The body is {part['principal']['entity']['id']}."
    try:
        return _sentence(_told(part["conditions"][0]["body"]))
    except (KeyError, TypeError):
        return _sentence("a further condition of the route holds")


def _told(body: Mapping[str, Any]) -> str:
    """Tell a condition of one of the four shapes that routes have.

    Raises: KeyError or TypeError for another.
    """
    if "." in body:
        return _subject(body)
    if "==" in body:
        return f"{_subject(body['==']['left'])} {_value(body['==']['right'])}"
    if "&&" in body:
        return _told(body["&&"]["right"])
    values = [_value(one) for one in body["contains"]["left"]["Set"]]
    return f"{_subject(body['contains']['right'])} {' or '.join(values)}"


def _subject(side: Mapping[str, Any]) -> str:
    if "Var" in side:
        return "the body is"
    name = str(side["."]["attr"])
    return FACTS.get(name, name)


def _value(side: Mapping[str, Any]) -> str:
    found = str(side["Value"]["__entity"]["id"])
    return VALUES.get(found, found)


def _sentence(words: str) -> str:
    return words[0].upper() + words[1:] + "."
