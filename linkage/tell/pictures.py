"""Pictures for linkage reports: hand-written SVG, each with the same figures as a table beside it."""

from __future__ import annotations

from html import escape

from cld.pictures import ROW_HEIGHT, svg
from linkage.tell.explain import Explanation

__all__ = ["waterfall"]

GREEN, RED, GREY = "#007f3b", "#d5281b", "#768692"


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
        f'<line x1="{x(explained.threshold_bits):.1f}" x2="{x(explained.threshold_bits):.1f}" y1="0" y2="{len(ends) * ROW_HEIGHT + ROW_HEIGHT}" stroke="{GREY}" stroke-dasharray="4 3"/>'
    ]
    for place, (part, start, end) in enumerate(ends):
        colour = GREEN if end >= start else RED
        drawn.append(
            f'<text x="0" y="{place * ROW_HEIGHT + 16}" font-size="13">{escape(part.name)}: {escape(part.label)}</text>'
            f'<rect x="{x(min(start, end)):.1f}" y="{place * ROW_HEIGHT + 4}" width="{max(abs(end - start) * scale, 0.8):.1f}" height="16" fill="{colour}"/>'
            f'<text x="{x(max(start, end)) + 4:.1f}" y="{place * ROW_HEIGHT + 16}" font-size="12">{part.bits:+.1f}</text>'
        )
    drawn.append(
        f'<text x="0" y="{len(ends) * ROW_HEIGHT + 16}" font-size="13" font-weight="bold">weight {explained.weight_bits:.1f} bits</text>'
    )
    return svg("Weights of a pair, in bits", (len(ends) + 1) * ROW_HEIGHT + 6, "".join(drawn))
