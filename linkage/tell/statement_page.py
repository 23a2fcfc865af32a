"""The quality statement as a page that fetches nothing: in packages, in the workspace and on screen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from cld.pictures import page, table

__all__ = ["statement_page", "statement_parts"]

TITLE = "Quality of linkage"


def statement_page(statement: Mapping[str, Any]) -> str:
    """Return a statement as one HTML file."""
    return page(TITLE, statement_parts(statement))


def statement_parts(statement: Mapping[str, Any]) -> list[str]:
    """Return the parts of the page, in the order of the guidance."""
    return [
        f"<p>In the form of {escape(statement['guidance'])}. Counts: {escape(statement['counts'])}.</p>",
        *_data(statement["data"]),
        *_linkage(statement["linkage"]),
        *_error(statement["error"]),
        *_changes(statement["changes"]),
        "<h2>For whoever analyses these data</h2>",
        f"<ul>{''.join(f'<li>{escape(line)}</li>' for line in statement['for_analysis'])}</ul>",
    ]


def _listed(caption: str, rows: Sequence[Mapping[str, str]]) -> str:
    heads = tuple(rows[0]) if rows else ()
    return table(caption, heads, [tuple(str(one[name]) for name in heads) for one in rows])


def _told(caption: str, found: Mapping[str, object]) -> str:
    return table(caption, ("what", "figure"), [(name, str(value)) for name, value in found.items()])


def _data(data: Mapping[str, Any]) -> list[str]:
    start, end = data["period"]
    return [
        "<h2>The data and their identifiers</h2>",
        f"<p>People whom {len(data['councils'])} councils sent in their client-level files, events from {start} to {end}.</p>",
        _told(
            "Records",
            {**data["n_rows"], "people": data["n_persons"], "people in the person index": data["n_people_in_index"]},
        ),
        _listed("Which identifiers there were, and how complete", data["identifiers"]),
        _listed("The same, council by council", data["identifiers_by_council"]),
    ]


def _linkage(linkage: Mapping[str, Any]) -> list[str]:
    second = linkage["second_estimate"]
    agreed = (
        "An independent estimate of the model agrees with it."
        if second["compared"]
        else f"The model was not held against a second estimate: {escape(str(second['reason']))}."
    )
    return [
        "<h2>How they were linked</h2>",
        f"<p>{escape(linkage['method'])} The threshold is {linkage['threshold_bits']} bits. {agreed}</p>",
        _listed("People by step", linkage["persons_by_step"]),
        f"<p>{escape(linkage['bands'])}</p>",
        _told("People by council and band", linkage["persons_by_council_and_band"]),
    ]


def _error(error: Mapping[str, Any]) -> list[str]:
    found = error["expected_precision"]
    return [
        "<h2>How linkage errs, and for whom</h2>",
        f"<p>Expected precision {escape(found['precision'])}, between {escape(found['low'])} and {escape(found['high'])}.</p>",
        _listed("Linked and expected errors, group by group", error["by_group"]),
        _told("Groups that are wanting", error["not_available"]),
        _told("Clerical review", {name: _interval(value) for name, value in error["clerical_review"].items()}),
    ]


def _interval(value: object) -> object:
    if isinstance(value, Mapping):
        return f"{value['estimate']} ({value['low']} to {value['high']})"
    return "not estimated" if value is None else value


def _changes(changes: Mapping[str, Any]) -> list[str]:
    plain = {name: value for name, value in changes.items() if isinstance(value, str)}
    parts = ["<h2>What changed since the delivery before</h2>", _told("This delivery", plain)]
    if "by_council" in changes:
        parts.append(_listed("People by what became of their link", changes["by_council"]))
    return [*parts, _told("People weighed in this delivery, by reason", changes["weighed"])]
