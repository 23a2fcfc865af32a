"""The disclosure report as a page for the approver: before, after, limit, what was lost, and what an intruder could learn.

It holds the intervals of hidden cells and is never for the recipient: see ``disclosure.report.statement``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from cld.pictures import bars, page, table

__all__ = ["named", "report_page", "report_parts"]

Body = Mapping[str, Any]
NAMES = {
    "k": "smallest class (k)", "n_classes": "classes", "n_uniques": "alone in their class (a person counts in each class it is in)",
    "highest_prosecutor_risk": "prosecutor risk, highest", "average_prosecutor_risk": "prosecutor risk, average",
    "n_cells": "cells", "n_small": "small counts", "n_primary": "cells hidden for being small",
    "n_secondary": "cells hidden to protect them", "narrowest_interval": "narrowest interval of a hidden cell",
    "distinct_l": "distinct l", "n_alone_to_another_recipient": "alone to one who holds every column",
    "unicity": "unicity", "t": "t", "delta": "delta", "k_on_all_columns": "smallest class on all columns",
    "n_alone_on_all_columns": "alone on all columns",
}  # fmt: skip
TOLD = ("distinct_l", "entropy_l", "t", "alpha", "basic_beta", "enhanced_beta", "delta", "distance_of_t")
STAR = "*"


def report_page(title: str, body: Body) -> str:
    """Return the page of a checked extract's body; it fetches nothing from outside."""
    return page(title, report_parts(body))


def report_parts(body: Body) -> list[str]:
    """Return the parts of the report, for a page of its own or within another.

    A check that was refused may have stopped before its limits, its memory or its measures: what is not there is left out.
    """
    parts = [_limits(body), _memory(body)]
    for name, found in sorted(body.get("report", {}).items()):
        parts += [f"<h2>{escape(name)}</h2>", _before_after(found), _sizes(found), _by_column(found), _special(found)]
        parts += [_told(found), _lost(found), _intruders(found), _unicity(found), _grid(name, found), _hidden(found)]
    words = "".join(f"<li>{escape(one)}</li>" for one in body["not_checked"])
    return [part for part in (*parts, f"<h2>What was not checked</h2><ul>{words}</ul>") if part]


def named(measure: str) -> str:
    """Return a measure's name in words."""
    return NAMES.get(measure, measure.replace("_", " "))


def _limits(body: Body) -> str:
    heads = ("measure", "limit", "found", "set by", "why", "answers")
    rows = [
        (
            named(line["measure"]),
            "reported, no limit" if line["limit"] is None else f"{line['bound']} {line['limit']}",
            "not measured" if line["found"] is None else line["found"],
            line["set_by"], line["why"], line["answers"],
        )
        for line in body.get("limits_held", [])
    ]  # fmt: skip
    parameters = [(name.replace("_", " "), value) for name, value in sorted(body["limits"].items())]
    return (
        "<h2>Limits</h2>"
        + (table("Limits in force and what was found", heads, rows) if rows else "")
        + table(f"Parameters of the profile {body['profile']}", ("parameter", "value"), parameters)
    )


def _memory(body: Body) -> str:
    """Tell which releases the candidate was weighed beside, how, and, where it passed, that nothing could be worked out."""
    if "memory" not in body:
        return ""
    told = body["memory"]
    groups = [(one["name"], ", ".join(one["members"])) for one in told["groups"]]
    releases = [
        (
            one["holder"], one["name"], one["digest"], one["n_numbers"],
            "yes" if one["can_be_subtracted"] else "no: no day in common",
        )
        for one in told["releases"]
    ]  # fmt: skip
    heads = ("holder", "release", "digest", "numbers told", "weighed together")
    verdict = "Nothing small can be worked out from this together with what these hold."
    parts = [
        "<h2>Beside earlier releases</h2>",
        f"<p>{verdict}</p>" if "judged_against" in body else "",
        table("Who may put together what they hold", ("group", "members"), groups),
        table("Releases weighed", heads, releases) if releases else "<p>None of them holds a release yet.</p>",
        f"<p>This candidate tells {told['n_numbers']:,} numbers. A count is small where it is {escape(told['small'])}. "
        f"At most {told['work_limit']:,} units of work for each group.</p>",
    ]
    lists = (("What was judged", "judged"), ("By which method", "methods"), ("What was not proven", "not_proven"))
    return "".join([*parts, *(_list(title, told[name]) for title, name in lists)])


def _list(title: str, words: Sequence[str]) -> str:
    return f"<h3>{title}</h3><ul>{''.join(f'<li>{escape(one)}</li>' for one in words)}</ul>"


def _before_after(found: Body) -> str:
    before, after = found.get("before", {}), found["after"]
    rows = [(named(name), before.get(name, ""), after.get(name, "")) for name in dict.fromkeys([*before, *after])]
    return table("Before and after", ("measure", "before", "after"), rows)


def _sizes(found: Body) -> str:
    if "sizes" not in found:
        return ""
    drawn = bars("Persons by the size of their class", [(name, float(n)) for name, _, n in found["sizes"]])
    heads = ("persons in the class", "classes", "persons")
    return "<h3>Class sizes</h3>" + drawn + table("Classes by size", heads, found["sizes"])


def _by_column(found: Body) -> str:
    if "risk_by_column" not in found:
        return ""
    rows = sorted(found["risk_by_column"].items(), key=lambda line: (-line[1], line[0]))
    words = (
        "<h3>Risk by column</h3><p>Before generalisation: persons alone who are not when the column is left out.</p>"
    )
    drawn = bars("Persons alone because of a column", [(name, float(n)) for name, n in rows])
    return words + drawn + table("Alone because of a column", ("column", "persons"), rows)


def _special(found: Body) -> str:
    if not found.get("special_uniques"):
        return ""
    told = found["special_uniques"]
    rows = sorted(told["share_by_column"].items(), key=lambda line: (-float(line[1]), line[0]))
    words = (
        f"<h3>Special uniques</h3><p>Before generalisation, {told['n_people']:,} people are alone on a few columns.</p>"
    )
    by_size = [(f"{size} columns", n) for size, n in told["n_by_size"].items()]
    return (
        words
        + bars("Smallest sets of columns on which someone is alone", [(name, float(n)) for name, n in by_size])
        + table("Smallest sets by number of columns", ("columns", "how many"), by_size)
        + table("Share of all scores", ("column", "share"), rows)
    )


def _told(found: Body) -> str:
    if not found.get("sensitive"):
        return ""
    rows = [(name, *(told[measure] for measure in TOLD)) for name, told in sorted(found["sensitive"].items())]
    heads = ("column", *(name.replace("_", " ") for name in TOLD))
    return "<h3>What a class tells</h3>" + table("The worst class, by sensitive column", heads, rows)


def _lost(found: Body) -> str:
    if "utility_lost" not in found:
        return ""
    lost = found["utility_lost"]
    of_columns = [(name, one["level"], one["loss"]) for name, one in sorted(lost.items()) if isinstance(one, Mapping)]
    rows = of_columns or [(name, "", one) for name, one in sorted(lost.items())]
    drawn = bars("Detail lost, 0 none to 1 all", [(name, float(loss)) for name, _, loss in rows])
    words = f"<p>{found['n_suppressed']} persons were left out.</p>" if "n_suppressed" in found else ""
    return "<h3>Detail lost</h3>" + drawn + table("Detail lost", ("what", "level", "loss"), rows) + words


def _intruders(found: Body) -> str:
    if not found.get("intruders"):
        return ""
    heads = ("intruder", "knows", "of this outside k", "highest risk", "average risk", "persons alone")
    rows = [
        (one["name"], ", ".join(one["knows"]), ", ".join(one["outside_k"]), one["highest"], one["average"], one["n_alone"])
        for one in found["intruders"]
    ]  # fmt: skip
    words = "<h3>Motivated intruders</h3><p>Each knows that the person is in the rows, and these columns exactly.</p>"
    return words + table("Risk to each stated intruder", heads, rows)


def _unicity(found: Body) -> str:
    if not found.get("unicity"):
        return ""
    rows: list[Sequence[object]] = []
    for one in found["unicity"]:
        how = "counted" if one["is_exact"] else f"sampled, {' to '.join(one['interval'])}"
        could = "not counted" if one["n_could_be_alone"] is None else one["n_could_be_alone"]
        rows.append((one["n_known"], one["n_persons"], one["share_alone"], how, could))
    point = " and ".join(name.replace("_", " ") for name in found["unicity"][0]["point"])
    drawn = bars(
        "Share of people alone", [(f"{one['n_known']} known", float(one["share_alone"])) for one in found["unicity"]]
    )
    heads = ("points known", "persons", "share alone", "how", "could be alone")
    return f"<h3>Unicity</h3><p>A point is {escape(point)}.</p>" + drawn + table("Alone by points known", heads, rows)


def _grid(name: str, found: Body) -> str:
    """Draw a table as it is released; what a hidden cell can be appears on hover or focus."""
    if "grid" not in found:
        return ""
    cells = {(line[0], line[1]): line[2:] for line in found["grid"]}
    columns = sorted({column for _, column in cells})
    head = "".join(f'<th scope="col">{escape(column)}</th>' for column in columns)
    body = ""
    for row in sorted({row for row, _ in cells}):
        drawn = "".join(_cell(cells.get((row, column), [""])) for column in columns)
        body += f'<tr><th scope="row">{escape(row)}</th>{drawn}</tr>'
    return (
        f"<table><caption>{escape(name)}, as released; point at a star for what it can be</caption>"
        f"<thead><tr><td></td>{head}</tr></thead><tbody>{body}</tbody></table>"
    )


def _hidden(found: Body) -> str:
    """List every hidden cell with what it can be: what hovering shows, for print and for those who do not hover."""
    rows = [(row, column, shown or "withheld", *ends) for row, column, shown, *ends in found.get("grid", []) if ends]
    if not rows:
        return ""
    return table("Hidden cells and what each can be", ("row", "column", "shown", "at least", "at most"), rows)


def _cell(line: Sequence[Any]) -> str:
    shown, interval = str(line[0]), line[1:]
    if not interval:
        return f'<td class="n">{escape(shown)}</td>'
    words = f"{shown or 'withheld'}, between {interval[0]} and {interval[1]}"
    return f'<td class="n"><span tabindex="0" title="{words}" aria-label="{words}">{escape(shown or STAR)}</span></td>'
