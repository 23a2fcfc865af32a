"""The six verbs and giving back, as commands on a workspace; each says what it sealed, or why it did not."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from api.recipient_commands import recipient_app, reissue
from api.review_commands import review_app

__all__ = ["journey_app"]

journey_app = typer.Typer(
    no_args_is_help=True, help="The six verbs on a workspace: accept, link, approve, build, check, release."
)

journey_app.add_typer(review_app, name="review")
journey_app.add_typer(recipient_app, name="recipient")
journey_app.command()(reissue)

Workspace = Annotated[Path, typer.Option("--workspace", help="A workspace that demo made.")]
Reference = Annotated[str, typer.Argument(help="Reference of the application.")]


def _house(workspace: Path) -> Any:  # noqa: ANN401 - the type would load the whole house for help
    from api.house import House  # noqa: PLC0415
    from api.wiring import open_demo_workspace  # noqa: PLC0415

    return House(open_demo_workspace(workspace))


def _say(**facts: object) -> None:
    sys.stdout.write(json.dumps(facts) + "\n")


def _sealed(made: Any) -> None:  # noqa: ANN401
    _say(kind=made.document.kind.value, digest=made.document.digest)


@journey_app.command()
def accept(
    file: Annotated[Path, typer.Argument(help="A council's file.")],
    council: Annotated[str, typer.Option(help="Code of the council that sent it.")],
    workspace: Workspace,
) -> None:
    """Accept a council's file: read, check, trace, seal."""
    _sealed(_house(workspace).accept(file, council))


@journey_app.command(name="give-back")
def give_back(council: Annotated[str, typer.Option(help="Code of the council.")], workspace: Workspace) -> None:
    """Give a council its traced numbers and findings."""
    house = _house(workspace)
    _say(council=council, outcomes=house.give_back(house.submission_of(council)))


@journey_app.command()
def link(
    workspace: Workspace,
    anew: Annotated[
        bool, typer.Option("--anew", help="Learn the model again and weigh every record, keeping no answer.")
    ] = False,
) -> None:
    """Link the latest file of every council to the person index and the NHS data sets; earlier answers are kept."""
    _sealed(_house(workspace).link(anew=anew))


@journey_app.command()
def statement(
    workspace: Workspace, out: Annotated[Path, typer.Option(help="Folder for the statement as JSON and as a page.")]
) -> None:
    """Write the quality statement of the latest linked data: how surely people were linked, and for whom less so."""
    written = _house(workspace).write_statement(out)
    _say(written=[str(path) for path in written])


@journey_app.command()
def apply(file: Annotated[Path, typer.Argument(help="JSON: application and plan.")], workspace: Workspace) -> None:
    """Take an application in and say what policy makes of it."""
    from cld.errors import UnreadableFile  # noqa: PLC0415
    from cld.plan import plan_from_json  # noqa: PLC0415
    from extracts.approve import application_from_json  # noqa: PLC0415

    try:
        held = json.loads(file.read_text("utf-8"))
        parts = held["application"], held["plan"]
    except (OSError, ValueError, KeyError) as fault:
        message = "The application file cannot be read."
        raise UnreadableFile(message, "Give JSON with application and plan.") from fault
    application = application_from_json(parts[0])
    decision = _house(workspace).receive(application, plan_from_json(parts[1]))
    _say(reference=application.reference, decision="allow" if decision.allowed else "refuse", clauses=decision.clauses)


@journey_app.command()
def sign(
    reference: Reference,
    stage: Annotated[str, typer.Option(help="approve or release.")],
    person: Annotated[str, typer.Option("--as", help="A person of the demo's staff.")],
    workspace: Workspace,
) -> None:
    """Cast one person's signature; nobody sees another's before casting their own."""
    house = _house(workspace)
    if stage not in ("approve", "release") or person not in house.space.staff:
        raise typer.BadParameter("the stage is approve or release, the person one of: " + ", ".join(house.space.staff))
    house.sign(reference, stage, person, house.space.staff[person])
    _say(reference=reference, stage=stage, signed=person)


@journey_app.command()
def approve(reference: Reference, workspace: Workspace) -> None:
    """Approve an application that two people signed."""
    _sealed(_house(workspace).approve(reference))


@journey_app.command()
def build(reference: Reference, workspace: Workspace) -> None:
    """Build the extract of an approved plan."""
    _sealed(_house(workspace).build(reference))


@journey_app.command()
def check(reference: Reference, workspace: Workspace) -> None:
    """Check a built extract against its profile."""
    _sealed(_house(workspace).check(reference))


@journey_app.command()
def release(
    reference: Reference,
    workspace: Workspace,
) -> None:
    """Release a checked extract that two people signed, sealed to its recipient."""
    made, path = _house(workspace).release(reference)
    _say(kind=made.document.kind.value, digest=made.document.digest, package=str(path))


@journey_app.command()
def deliver(reference: Reference, workspace: Workspace) -> None:
    """Finish a release that was logged and then interrupted."""
    _say(package=str(_house(workspace).deliver(reference)))
