"""Write the results of a linkage benchmark as one table in Markdown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["as_markdown"]

TITLES = {
    "febrl4": "FEBRL 4, 5,000 to 5,000",
    "historical": "Historical figures, 50,578 deduplicated",
    "20k_200k": "20 thousand to 200 thousand",
    "100k_1m": "100 thousand to 1 million",
    "100k_1m_hard": "the same, 2.5 times the errors",
    "1m_10m": "1 million to 10 million",
    "1m_60m": "1 million to 60 million",
}
# an engine is compared with the peer that had the same head start
PEER_OF = {"Caregate, index and model kept": "Splink, model ready"}
HEAD = (
    "| set | engine | wall s, median (range) | own s, median (range) | Splink : this, wall (own) | peak MB | best F1 "
    "| F1 at weight 0 | P / R at weight 5 | P / R at own threshold | R at P >= 99.95% | same bytes |\n"
    "|---|---|---|---|---|---|---|---|---|---|---|---|\n"
)
NOTES = """
Every run is a fresh process; engines take turns within a round. Wall is the whole process, imports included; own is
what the engine itself counts from its first to its last stage. Links are judged on at most one link a record; links of
equal weight enter the sweep together; an engine that writes only links above its threshold is swept above it.

Splink runs as its documentation teaches (see `linkage/splink_peer.py`), its sampling at the default size, and where the
model is ready only loads and scores; it has no threshold of its own. "Kept" runs find the index (and the model) that a
run before them wrote; what that run took is `preparation_seconds` in `linkage.json`.

For historical figures precision and recall are of pairs within clusters, and best F1 is the best over ten thresholds of
probability, made without a clock. The populations are synthetic and their error rates are assumptions, so ratios say
more than the figures themselves.
"""


def _number(value: object, digits: int) -> str:
    return f"{value:.{digits}f}" if isinstance(value, int | float) else "-"


def _range(spread: Mapping[str, float] | None) -> str:
    if not spread:
        return "-"
    return f"{spread['median']:.2f} ({spread['lowest']:.2f}-{spread['highest']:.2f})"


def _both(found: Mapping[str, Any], ending: str) -> str:
    precision, recall = found.get(f"precision{ending}"), found.get(f"recall{ending}")
    return f"{_number(precision, 4)} / {_number(recall, 4)}" if precision is not None else "-"


def _ratio(engine: str, found: Mapping[str, Any], engines: Mapping[str, Any]) -> str:
    peer = engines.get(PEER_OF.get(engine, "Splink"), {})
    if engine.startswith("Splink") or "fault" in peer or not peer:
        return "-"
    wall, own = (
        f"{peer[kind]['median'] / found[kind]['median']:.1f}" if peer[kind] and found[kind] else "-"
        for kind in ("wall_seconds", "own_seconds")
    )
    return f"{wall} ({own})"


def _row(name: str, engine: str, found: Mapping[str, Any], engines: Mapping[str, Any]) -> str:
    title = TITLES.get(name, name)
    if "fault" in found:
        return f"| {title} | {engine} | not run: {found['fault']} | | | | | | | | |\n"
    cells = (
        title,
        engine,
        _range(found["wall_seconds"]),
        _range(found["own_seconds"]),
        _ratio(engine, found, engines),
        _number(found["peak_bytes"] / 1e6, 0),
        _number(found.get("best_f1", found.get("best_f1_clusters")), 4),
        _number(found.get("f1_at_0"), 4),
        _both(found, "_at_5"),
        _both(found, "") if not engine.startswith("Splink") or "f1_at_0" not in found else "-",
        _number(found.get("recall_at_precision_9995"), 4),
        "yes" if found["same_bytes_each_round"] else "no",
    )
    return "| " + " | ".join(cells) + " |\n"


def as_markdown(results: Mapping[str, Any]) -> str:
    """Return the page: machine, versions, the table and how to read it."""
    machine, versions = results["machine"], results["versions"]
    about = (
        f"# Linkage benchmark\n\nMade {results['date']} by `make bench-linkage`; {machine['n_cores']} cores "
        f"{machine['processor']}, {machine['memory_gib']} GiB; "
        + ", ".join(f"{name} {version}" for name, version in sorted(versions.items()))
        + f"; {results['n_rounds']} rounds.\n\n"
    )
    rows = "".join(
        _row(name, engine, found, engines)
        for name, engines in results["sets"].items()
        for engine, found in engines.items()
    )
    return about + HEAD + rows + NOTES
