"""Pictures for reports: one HTML page that fetches nothing, tables, and hand-written SVG beside them."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

__all__ = ["BLUE", "ROW_HEIGHT", "bars", "page", "svg", "table"]

WIDTH, ROW_HEIGHT = 780, 24
BLUE = "#005eb8"


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
        f'<text x="0" y="{place * ROW_HEIGHT + 16}" font-size="13">{escape(name)}</text>'
        f'<rect x="190" y="{place * ROW_HEIGHT + 4}" width="{max(abs(value) / most * 430, 0.5):.1f}" height="16" fill="{BLUE}"/>'
        f'<text x="{196 + abs(value) / most * 430:.1f}" y="{place * ROW_HEIGHT + 16}" font-size="12">{value:,.4g}</text>'
        for place, (name, value) in enumerate(rows)
    )
    return svg(title, len(rows) * ROW_HEIGHT + 6, drawn)


def svg(title: str, height: int, drawn: str) -> str:
    """Return a picture with its title for those who cannot see it."""
    return (
        f'<svg role="img" aria-label="{escape(title)}" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" '
        f'font-family="Arial, sans-serif">{drawn}</svg>'
    )
