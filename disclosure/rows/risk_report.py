"""The report of a file's risk, as one page: class sizes, risk by column and by level, estimates, what was not checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from html import escape

from cld.pictures import bars, page, table
from disclosure.rows.risk import FileRisk
from disclosure.rows.sizes import by_size

__all__ = ["risk_page"]

NAMES = {
    "n_records": "records", "n_persons": "persons", "n_classes": "classes", "n_uniques": "persons alone in their class",
    "k": "smallest class (k)", "highest_prosecutor_risk": "prosecutor risk, highest",
    "average_prosecutor_risk": "prosecutor risk, average", "n_population": "persons of the population",
    "n_population_uniques": "population uniques, counted", "population_uniqueness_exact": "population uniqueness, counted",
    "n_sample_uniques_alone_in_population": "persons alone here and in the population",
    "highest_journalist_risk": "journalist risk, highest", "average_journalist_risk": "journalist risk, average",
    "marketer_risk": "marketer risk", "individual_risk": "individual risk, average",
    "highest_individual_risk": "individual risk, highest", "expected_reidentifications": "records named rightly, expected",
}  # fmt: skip
NOT_CHECKED = (
    "Columns that were not named as quasi-identifiers: whoever knows them knows more.",
    "What other files, tables or earlier releases add to this one.",
    "Dates and orders of several rows of one person: see unicity.",
)


def risk_page(found: FileRisk, summary: Mapping[str, object]) -> str:
    """Return the page of a measured file and its summary; it fetches nothing from outside."""
    parts = [
        _figures(summary),
        _sizes(found),
        _columns(found),
        _levels(summary),
        _sensitive(found),
        _population(summary),
    ]
    parts += [_special(found), _list("What to know", found.notes), _list("What was not checked", NOT_CHECKED)]
    return page("Risk of the rows", [part for part in parts if part])


def _figures(summary: Mapping[str, object]) -> str:
    rows = [(words, summary[name]) for name, words in NAMES.items() if name in summary]
    return table("The file", ("what", "figure"), rows)


def _sizes(found: FileRisk) -> str:
    """Draw how many classes, and persons in them, there are of each size."""
    rows = by_size(found.classes)
    drawn = bars("Persons by the size of their class", [(name, float(n)) for name, _, n in rows])
    return (
        "<h2>Class sizes</h2><p>Persons alike in all quasi-identifiers are a class; in a small one they are easily found.</p>"
        + drawn
        + table("Classes by size", ("persons in the class", "classes", "persons"), rows)
    )


def _columns(found: FileRisk) -> str:
    """Draw how many persons are alone because of each column: those who are not when it is left out."""
    rows: list[tuple[object, ...]] = []
    for column in found.columns:
        without = found.classes_without(column.name)
        fewer = found.classes.n_uniques - without.n_uniques
        share = found.suda.share_by_column[column.name] if found.suda else "not sought"
        rows.append((column.name, column.n_values, fewer, without.n_uniques, without.k, without.average_risk, share))
    heads = (
        "column", "values", "alone because of it", "alone without it", "k without it", "average risk without it",
        "share of special-unique scores",
    )  # fmt: skip
    drawn = bars("Persons alone because of a column", [(str(row[0]), float(str(row[2]))) for row in rows])
    return "<h2>Risk by column</h2>" + drawn + table("Risk by column", heads, rows)


def _levels(summary: Mapping[str, object]) -> str:
    by_level = summary.get("by_level")
    if not isinstance(by_level, dict):
        return ""
    parts = ["<h2>Risk by level</h2><p>One column generalised, the others as they are.</p>"]
    for column, levels in by_level.items():
        parts.append(
            bars(f"Persons alone by level of {column}", [(f"level {one['level']}", one["n_uniques"]) for one in levels])
        )
        heads = ("level", "classes", "persons alone", "k", "average risk")
        parts.append(table(str(column), heads, [tuple(one.values()) for one in levels]))
    return "".join(parts)


def _sensitive(found: FileRisk) -> str:
    if not found.sensitive:
        return ""
    heads = ("column", "distinct l", "entropy l", "t", "alpha", "basic beta", "enhanced beta", "delta", "distance of t")
    rows = [
        (name, *list(asdict(one).values())[:-1], "ordered" if one.is_ordered else "equal")
        for name, one in found.sensitive.items()
    ]
    return "<h2>What a class tells</h2>" + table("The worst class, by sensitive column", heads, rows)


def _population(summary: Mapping[str, object]) -> str:
    estimates = summary["population_uniqueness"]
    if not isinstance(estimates, dict) or "dankar_choice" not in summary:
        return ""
    known = {"counted": summary["population_uniqueness_exact"]} if "population_uniqueness_exact" in summary else {}
    values = {**estimates, **known}
    drawn = bars(
        "Share of the population that is alone", [(name, float(one)) for name, one in values.items() if one is not None]
    )
    rows = [(name, "no value" if one is None else one) for name, one in values.items()]
    return (
        f"<h2>Population uniqueness</h2><p>Dankar's rule takes: {escape(str(summary['dankar_choice']))}.</p>"
        + drawn
        + table("Share of the population that is alone", ("estimate", "share"), rows)
    )


def _special(found: FileRisk) -> str:
    if found.suda is None:
        return ""
    rows = [(size, n) for size, n in enumerate(found.suda.n_by_size) if size]
    drawn = bars("Minimal sample uniques by number of columns", [(f"{size} columns", float(n)) for size, n in rows])
    told = "<h2>Special uniques</h2>" + drawn + table("Minimal sample uniques", ("columns", "how many"), rows)
    if found.dis_suda is None:
        return told
    dis, scores = found.dis_suda
    words = "<p>A match that is unique in the file is right with a chance of DIS; DIS-SUDA shares it out by special uniques.</p>"
    figures = [("DIS", dis), ("DIS-SUDA, highest", float(scores.max())), ("DIS-SUDA, sum", float(scores.sum()))]
    return told + words + table("Matches that are right", ("what", "figure"), figures)


def _list(title: str, words: Sequence[str]) -> str:
    return f"<h2>{title}</h2><ul>{''.join(f'<li>{escape(one)}</li>' for one in words)}</ul>" if words else ""
