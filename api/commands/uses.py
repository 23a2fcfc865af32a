"""The register of what left, and whether all that was decided would be decided again: commands that anybody may be shown."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Annotated

import typer

from api.commands.run import Json, answer

__all__ = ["add_uses_commands"]

Workspace = Annotated[Path, typer.Option("--workspace", help="A workspace that demo made.")]
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "|", "%")
NAME = "data-uses-register"


def register(
    workspace: Workspace,
    out: Annotated[Path, typer.Option(help="Folder for the rows as CSV and as JSON.")],
    as_json: Json = False,
) -> None:
    """Write the rows of the Data Uses Register: one for each release and agreement, in the register's fields."""
    from api.workspace.wiring import open_demo_workspace  # noqa: PLC0415
    from cld.shelf import atomic_write  # noqa: PLC0415
    from extracts.register import register_rows  # noqa: PLC0415
    from policies.register import register_words_on  # noqa: PLC0415

    space = open_demo_workspace(workspace)
    rows = register_rows(space.journal)
    fields = register_words_on(space.clock.today()).fields
    written = [out / f"{NAME}{ending}" for ending in (".csv", ".json")]
    atomic_write(written[0], _as_csv(fields, rows).encode())
    atomic_write(written[1], json.dumps(rows, indent=2, ensure_ascii=False).encode() + b"\n")
    space.journal.close()
    told = {"n_rows": len(rows), "written": [str(path) for path in written]}
    answer(told, f"{len(rows)} rows in {written[0]} and {written[1].name}", as_json=as_json)


def _as_csv(fields: tuple[str, ...], rows: tuple[dict[str, str], ...]) -> str:
    """Write rows as CSV; a text that a spreadsheet would run stands behind an apostrophe."""
    text = io.StringIO()
    writer = csv.DictWriter(text, fields, lineterminator="\n")
    writer.writeheader()
    guarded = [{name: f"'{cell}" if cell.startswith(FORMULA) else cell for name, cell in row.items()} for row in rows]
    writer.writerows(guarded)
    return text.getvalue()


def replay(
    workspace: Workspace,
    extracts: Annotated[bool, typer.Option(help="Make every extract and payload again too.")] = True,
    as_json: Json = False,
) -> None:
    """Take every stored decision again by its own policies, and make every extract again: the same, or where it differs."""
    from api.house.replay import Result, repeat_decisions  # noqa: PLC0415
    from api.house.replay_extracts import repeat_extracts  # noqa: PLC0415
    from api.workspace.wiring import open_demo_workspace  # noqa: PLC0415

    space = open_demo_workspace(workspace)
    rows = [*repeat_decisions(space), *(repeat_extracts(space) if extracts else ())]
    space.journal.close()
    counted = {f"n_{result.name.lower()}": sum(row.result is result for row in rows) for result in Result}
    lines = [
        f"{row.result.value}: {row.what} of {row.application}, {row.where}. {row.reason}" for row in rows if row.reason
    ]
    words = "\n".join([*lines, ", ".join(f"{n} {name[2:].replace('_', ' ')}" for name, n in counted.items())])
    told = {
        "n_decisions": sum(row.what == "decision" for row in rows),
        **counted,
        "rows": [row.as_json() for row in rows],
    }
    answer(told, words, as_json=as_json)
    if counted["n_different"]:
        raise typer.Exit(1)


def add_uses_commands(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(register)
    app.command()(replay)
