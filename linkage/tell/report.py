"""The report of a linkage, as one page: what was done, what it rests on, how sure it is, and for whom it works less well."""

from __future__ import annotations

from collections.abc import Mapping
from math import log2

from cld.engine import Query, Session
from cld.pictures import bars, page, table
from linkage.settle.matching import Matched
from linkage.tell.quality import GROUPS, link_rates
from linkage.weigh.estimate import SMALLEST

__all__ = ["linkage_page"]


def linkage_page(session: Session, summary: Mapping[str, object], matched: Matched) -> str:
    """Return the page for the tables ``left_people`` and ``links`` of a session and its summary."""
    parts = [_figures(summary), _expected(summary), _steps(session, summary), _weights(session)]
    parts += [_model(matched), _dependence(matched), _blocks(summary)]
    if "id_l" in session.columns("links"):
        parts.append(_groups(session))
    return page("Linkage report", [part for part in parts if part])


def _figures(summary: Mapping[str, object]) -> str:
    names = {
        "n_left": "records of LEFT", "n_right": "records of RIGHT", "n_candidates": "pairs compared", "n_links": "links",
        "n_clusters": "people found", "threshold_bits": "threshold, bits", "precision": "precision against the truth",
        "recall": "recall against the truth", "f1": "F1 against the truth", "best_f1": "best F1 of any threshold",
        "recall_at_precision_9995": "recall where precision is 99.95%",
    }  # fmt: skip
    return table(
        "The run", ("what", "figure"), [(words, summary[name]) for name, words in names.items() if name in summary]
    )


def _expected(summary: Mapping[str, object]) -> str:
    found = summary.get("expected")
    if not isinstance(found, dict):
        return ""
    return (
        f"<p>Without any truth the run expects a precision of <strong>{found['precision']}</strong>, between {found['low']} and"
        f" {found['high']}: of {found['n_decoys']} records whose link was taken away for a trial, {found['n_decoys_linked']} would"
        " have been linked to somebody else.</p>"
    )


def _steps(session: Session, summary: Mapping[str, object]) -> str:
    if "step" not in session.columns("links"):
        return ""
    text = "select step, count(*), min(weight_bits) from links group by step order by count(*) desc, step"
    rows = [(str(step).replace("_", " "), int(n), float(low)) for step, n, low in session.rows(Query(text, ("links",)))]
    linked = sum(row[1] for row in rows)
    unlinked = int(str(summary["n_left"])) - linked
    return "<h2>Steps</h2>" + table(
        "Links by step", ("step", "links", "lowest weight, bits"), [*rows, ("unlinked", max(unlinked, 0), "")]
    )


def _weights(session: Session) -> str:
    text = "select cast(floor(weight_bits / 5) * 5 as integer) as from_bits, count(*) from links group by from_bits order by from_bits"
    rows = [(f"{low} to {low + 5} bits", float(n)) for low, n in session.rows(Query(text, ("links",)))]
    return "<h2>Weights</h2>" + bars("Links by weight", rows) if rows else ""


def _model(matched: Matched) -> str:
    model, rows = matched.model, []
    for one in matched.comparisons:
        for level in range(len(one.labels) - 1, -1, -1):
            m, u = model.m[one.name][level], model.u[one.name][level]
            rows.append((one.name, one.labels[level], m, u, round(log2(max(m, SMALLEST) / max(u, SMALLEST)), 2)))
    note = "<p>m: chance of the level for one person; u: for two; an equal value weighs by how rare it is, so its bits are a mean.</p>"
    return f"<h2>Model</h2>{note}" + table("m, u and weight by level", ("comparison", "level", "m", "u", "bits"), rows)


def _dependence(matched: Matched) -> str:
    rows = [(one.name, " and ".join(one.given), one.value) for one in matched.model.kappas]
    return (
        table("Agreement that other agreement explains", ("comparison", "given agreement on", "kappa"), rows)
        if rows
        else ""
    )


def _blocks(summary: Mapping[str, object]) -> str:
    pairs, over = summary.get("pairs_by_rule"), summary.get("blocks_over_cap")
    if not isinstance(pairs, dict) or not isinstance(over, dict):
        return ""
    rows = [(name, n, over.get(name, 0)) for name, n in pairs.items()]
    return "<h2>Blocking</h2>" + table("Pairs by rule", ("rule", "pairs", "blocks left out as too large"), rows)


def _groups(session: Session) -> str:
    text = "select l.*, k.id_l is not null as linked from left_people l left join (select distinct id_l from links) k on k.id_l = l.id"
    session.table("left_linked", Query(text, ("left_people", "links")))
    fields = session.columns("left_linked")
    rows = [
        (one.group, one.value, "under 10" if one.n_records is None else one.n_records,
         "withheld" if one.low is None else f"{one.low:.4f} to {one.high:.4f}")
        for one in link_rates(session, "left_linked", fields, "linked", GROUPS)
    ]  # fmt: skip
    return "<h2>For whom</h2>" + table(
        "Share of records linked", ("group", "value", "records", "linked, 95% interval"), rows
    )
