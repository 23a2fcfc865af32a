"""Pictures for linkage reports: hand-written SVG, each with the same figures as a table beside it."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from linkage.tell.explain import Explanation

__all__ = ["bars", "page", "table", "waterfall"]

WIDTH, ROW = 720, 24
GREEN, RED, BLUE, GREY = "#007f3b", "#d5281b", "#005eb8", "#768692"


def page(title: str, parts: Sequence[str]) -> str:
    """Return one HTML file that fetches nothing."""
    style = (
        "body{font-family:Arial,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#212b32}"
        "table{border-collapse:collapse;margin:1rem 0}td,th{border-bottom:1px solid #d8dde0;padding:.3rem .7rem;text-align:left}"
        "td.n{text-align:right}svg{max-width:100%;height:auto}"
    )
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title><style>{style}</style></head>'
        f"<body><main><h1>{escape(title)}</h1>{''.join(parts)}</main></body></html>\n"
    )


def table(caption: str, heads: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Return an HTML table; numbers stand to the right."""
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in heads)
    body = "".join("<tr>" + "".join(_cell(value) for value in row) + "</tr>" for row in rows)
    return f"<table><caption>{escape(caption)}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f'<td class="n">{value:.4g}</td>'
    if isinstance(value, int):
        return f'<td class="n">{value:,}</td>'
    return f"<td>{escape(str(value))}</td>"


def bars(title: str, rows: Sequence[tuple[str, float]]) -> str:
    """Return a bar chart, one bar a row, with its figures in words."""
    most = max((abs(value) for _, value in rows), default=1.0) or 1.0
    drawn = "".join(
        f'<text x="0" y="{place * ROW + 16}" font-size="13">{escape(name)}</text>'
        f'<rect x="190" y="{place * ROW + 4}" width="{max(abs(value) / most * 430, 0.5):.1f}" height="16" fill="{BLUE}"/>'
        f'<text x="{196 + abs(value) / most * 430:.1f}" y="{place * ROW + 16}" font-size="12">{value:,.4g}</text>'
        for place, (name, value) in enumerate(rows)
    )
    return _svg(title, len(rows) * ROW + 6, drawn)


def waterfall(explained: Explanation) -> str:
    """Return the parts of a weight one under the other, each beginning where the last one ended."""
    at, lowest, highest, ends = 0.0, 0.0, explained.threshold_bits, []
    for part in explained.parts:
        ends.append((part, at, at + part.bits))
        at += part.bits
        lowest, highest = min(lowest, at), max(highest, at)
    scale = 480 / ((highest - lowest) or 1.0)

    def x(bits: float) -> float:
        return 200 + (bits - lowest) * scale

    drawn = [
        f'<line x1="{x(explained.threshold_bits):.1f}" x2="{x(explained.threshold_bits):.1f}" y1="0" y2="{len(ends) * ROW + ROW}" stroke="{GREY}" stroke-dasharray="4 3"/>'
    ]
    for place, (part, start, end) in enumerate(ends):
        colour = GREEN if end >= start else RED
        drawn.append(
            f'<text x="0" y="{place * ROW + 16}" font-size="13">{escape(part.name)}: {escape(part.label)}</text>'
            f'<rect x="{x(min(start, end)):.1f}" y="{place * ROW + 4}" width="{max(abs(end - start) * scale, 0.8):.1f}" height="16" fill="{colour}"/>'
            f'<text x="{x(max(start, end)) + 4:.1f}" y="{place * ROW + 16}" font-size="12">{part.bits:+.1f}</text>'
        )
    drawn.append(
        f'<text x="0" y="{len(ends) * ROW + 16}" font-size="13" font-weight="bold">weight {explained.weight_bits:.1f} bits</text>'
    )
    return _svg("Weights of a pair, in bits", (len(ends) + 1) * ROW + 6, "".join(drawn))


def _svg(title: str, height: int, drawn: str) -> str:
    return (
        f'<svg role="img" aria-label="{escape(title)}" viewBox="0 0 {WIDTH + 60} {height}" width="{WIDTH + 60}" height="{height}" '
        f'font-family="Arial, sans-serif">{drawn}</svg>'
    )
