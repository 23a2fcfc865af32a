"""What every command on a workspace shares: its options, how the house is opened, and how it answers."""

from __future__ import annotations

import json
import sys
import weakref
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import typer

__all__ = ["Day", "Person", "Reason", "Reference", "Workspace", "day_option", "house_of", "read_json", "say"]

Workspace = Annotated[Path, typer.Option("--workspace", help="A workspace that demo made.")]
Reference = Annotated[str, typer.Argument(help="Reference of the application.")]
Person = Annotated[str, typer.Option("--as", help="Who does it.")]
Reason = Annotated[str, typer.Option(help="Why, in words.")]
Day = Annotated[str, typer.Option(help="A day, such as 2022-12-31.")]


def house_of(workspace: Path) -> Any:  # noqa: ANN401 - the type would load the whole house for help
    """Open the house of a workspace; its database is let go of when nobody holds the house any more."""
    from api.house.house import House  # noqa: PLC0415
    from api.workspace.wiring import open_demo_workspace  # noqa: PLC0415

    house = House(open_demo_workspace(workspace))
    weakref.finalize(house.space.journal, house.space.database.dispose)
    return house


def say(**facts: object) -> None:
    """Print one JSON object."""
    sys.stdout.write(json.dumps(facts) + "\n")


def day_option(text: str) -> date | None:
    """Read a day that was given, None where none was."""
    from extracts.life.dars import day_of  # noqa: PLC0415

    if not text:
        return None
    try:
        return day_of(text)
    except ValueError as fault:
        message = "a day is written 2022-12-31"
        raise typer.BadParameter(message) from fault


def read_json(file: Path) -> Any:  # noqa: ANN401
    """Read a JSON file.

    Raises: UnreadableFile.
    """
    from cld.errors import UnreadableFile  # noqa: PLC0415

    try:
        return json.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as fault:
        message = "The file cannot be read as JSON."
        raise UnreadableFile(message, "Check its name and its content.") from fault
