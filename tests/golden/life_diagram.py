"""The drawn parts of docs/methods/application.md; run as a module to draw it anew."""

from __future__ import annotations

import json
from pathlib import Path

from api.demo.requests import demo_requests
from extracts.life.diagram import diagram, state_table

PAGE = Path(__file__).parents[2] / "docs" / "methods" / "application.md"
BEGIN, END = "<!-- drawn -->\n", "<!-- end -->"


def example() -> str:
    """Return the smallest of the demo's applications as its file would be; `draft` and `apply` take it."""
    asked = next(one for one in demo_requests() if one.application.reference == "CG-0007")
    held = {"application": asked.application.as_json(), "plan": asked.plan.as_json()}
    return json.dumps(held, indent=1)


def drawn() -> str:
    """Return what the table draws, and an application's file."""
    file = f"An application's file, as `caregate journey draft` and `apply` take it:\n\n```json\n{example()}\n```"
    return f"{diagram()}\n\n{state_table()}\n\n{file}\n"


def parts() -> tuple[str, str, str]:
    """Return the page before, in and after the drawn part."""
    before, _, rest = PAGE.read_text("utf-8").partition(BEGIN)
    held, _, after = rest.partition(END)
    return before, held, after


if __name__ == "__main__":
    before, _, after = parts()
    PAGE.write_text(f"{before}{BEGIN}{drawn()}{END}{after}", "utf-8")
