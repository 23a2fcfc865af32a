"""The disclosure statement for the recipient: what was done to the data and what an analyst must mind, no help to an intruder.

It holds no interval, no count of hidden cells by reason, no class size and no number but the rules in force and how many
pseudonyms there are, which the rows show.
"""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

from cld.pictures import page, table

__all__ = ["disclosure_statement", "disclosure_statement_page"]

Body = Mapping[str, Any]
TOLD = ("levels", "quasi_identifiers", "columns_outside_k", "columns_withheld_in_places")
COUNTED = ("form", "n_distinct", "expected_collisions", "collisions")
MIND = {
    "pseudonymised": (
        "These rows are of people and stay personal data: a few dates or services known of a person can single them out.",
        "Nobody may be sought in them, and they may not be joined to other data about people unless the agreement says so.",
    ),
    "anonymised": (
        "Values were made coarser until each person is alike with others; people who stood out were left out.",
        "Small groups are therefore rarer here than in truth; people were left out unevenly.",
        "Columns outside k are as recorded, or a star where they would tell too much of someone; the starred are no random sample.",
    ),
    "aggregate": (
        "Small counts are a star, others are rounded: sums of what is shown differ from the totals shown.",
        "Some larger counts are starred too, so that the small ones cannot be worked out.",
    ),
}


def disclosure_statement(form: str, body: Body, pseudonyms: Body) -> dict[str, Any]:
    """Return the statement of a checked extract's body; ``pseudonyms`` tells of each kind's form, number and collisions."""
    rules = [
        {name: line[name] for name in ("measure", "bound", "limit", "set_by", "answers")}
        for line in body["limits_held"]
        if line["limit"] is not None
    ]
    return {
        "profile": body["profile"],
        "form": form,
        "limits": body["limits"],
        "rules": rules,
        "tables": {name: _table(body, name) for name in sorted(body["report"])},
        "pseudonyms": {kind: dict(told) for kind, told in sorted(pseudonyms.items())},
        "mind": list(MIND[form]),
        "not_checked": body["not_checked"],
    }


def _table(body: Body, name: str) -> dict[str, Any]:
    """Return what was done to a table, in levels and shares of detail; never in numbers of people or cells."""
    measures, report = body["measures"][name], body["report"][name]
    told = {key: measures[key] for key in TOLD if key in measures}
    lost = report.get("utility_lost", {})
    of_columns = {key: one["loss"] for key, one in lost.items() if isinstance(one, Mapping)}
    return {**told, "detail_lost": of_columns} if of_columns else told


def disclosure_statement_page(statement: Body) -> str:
    """Return the statement as one page that fetches nothing."""
    rules = [(line["measure"].replace("_", " "), f"{line['bound']} {line['limit']}", line["set_by"], line["answers"]) for line in statement["rules"]]  # fmt: skip
    parameters = [(name.replace("_", " "), value) for name, value in sorted(statement["limits"].items())]
    parts = [
        _list("What to mind", statement["mind"]),
        table(f"Parameters of the profile {statement['profile']}", ("parameter", "value"), parameters),
    ]
    if rules:
        parts.append(table("Rules in force", ("measure", "limit", "set by", "answers"), rules))
    if statement["pseudonyms"]:
        keyed = [(kind, *(told[name] for name in COUNTED)) for kind, told in sorted(statement["pseudonyms"].items())]
        heads = ("kind", "form", "distinct", "pairs expected to share one", "pairs that do")
        parts.append(table("Pseudonyms", heads, keyed))
    for name, told in sorted(statement["tables"].items()):
        if told.get("levels"):
            lost = told.get("detail_lost", {})
            rows = [(column, level, lost.get(column, "")) for column, level in sorted(told["levels"].items())]
            parts.append(table(f"Detail of {name}", ("column", "level", "detail lost, 0 none to 1 all"), rows))
    return page("How these data were protected", [*parts, _list("What was not checked", statement["not_checked"])])


def _list(title: str, words: list[str]) -> str:
    return f"<h2>{title}</h2><ul>{''.join(f'<li>{escape(one)}</li>' for one in words)}</ul>"
