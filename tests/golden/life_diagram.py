"""The drawn part of docs/methods/application.md; run as a module to draw it anew."""

from __future__ import annotations

from pathlib import Path

from extracts.life.diagram import diagram, state_table

PAGE = Path(__file__).parents[2] / "docs" / "methods" / "application.md"
BEGIN, END = "<!-- drawn -->\n", "<!-- end -->"


def drawn() -> str:
    """Return what the table draws."""
    return f"{diagram()}\n\n{state_table()}\n"


def parts() -> tuple[str, str, str]:
    """Return the page before, in and after the drawn part."""
    before, _, rest = PAGE.read_text("utf-8").partition(BEGIN)
    held, _, after = rest.partition(END)
    return before, held, after


if __name__ == "__main__":
    before, _, after = parts()
    PAGE.write_text(f"{before}{BEGIN}{drawn()}{END}{after}", "utf-8")
