"""The six verbs and giving back, as commands on a workspace; each says what it sealed, or why it did not."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from api.commands.journey_options import Reference, Workspace, house_of, say
from api.commands.life import add_life_commands
from api.commands.office import add_office_commands
from api.commands.recipient import recipient_app, reissue
from api.commands.review import review_app

__all__ = ["journey_app"]

journey_app = typer.Typer(
    no_args_is_help=True, help="The six verbs on a workspace, and an application's whole life, from draft to destroyed."
)

journey_app.add_typer(review_app, name="review")
journey_app.add_typer(recipient_app, name="recipient")
journey_app.command()(reissue)
add_life_commands(journey_app)
add_office_commands(journey_app)


def _sealed(made: Any) -> None:  # noqa: ANN401
    say(kind=made.document.kind.value, digest=made.document.digest)


@journey_app.command()
def accept(
    file: Annotated[Path, typer.Argument(help="A council's file.")],
    council: Annotated[str, typer.Option(help="Code of the council that sent it.")],
    workspace: Workspace,
) -> None:
    """Accept a council's file: read, check, trace, seal."""
    _sealed(house_of(workspace).accept(file, council))


@journey_app.command(name="give-back")
def give_back(council: Annotated[str, typer.Option(help="Code of the council.")], workspace: Workspace) -> None:
    """Give a council its traced numbers and findings."""
    house = house_of(workspace)
    say(council=council, outcomes=house.give_back(house.submission_of(council)))


@journey_app.command()
def link(
    workspace: Workspace,
    anew: Annotated[
        bool, typer.Option("--anew", help="Learn the model again and weigh every record, keeping no answer.")
    ] = False,
) -> None:
    """Link the latest file of every council to the person index and the NHS data sets; earlier answers are kept."""
    _sealed(house_of(workspace).link(anew=anew))


@journey_app.command()
def statement(
    workspace: Workspace, out: Annotated[Path, typer.Option(help="Folder for the statement as JSON and as a page.")]
) -> None:
    """Write the quality statement of the latest linked data: how surely people were linked, and for whom less so."""
    written = house_of(workspace).write_statement(out)
    say(written=[str(path) for path in written])


@journey_app.command()
def approve(reference: Reference, workspace: Workspace) -> None:
    """Approve an application that two people signed."""
    _sealed(house_of(workspace).approve(reference))


@journey_app.command()
def build(reference: Reference, workspace: Workspace) -> None:
    """Build the extract of an approved plan."""
    _sealed(house_of(workspace).build(reference))


@journey_app.command()
def check(reference: Reference, workspace: Workspace) -> None:
    """Check a built extract against its profile."""
    _sealed(house_of(workspace).check(reference))


@journey_app.command()
def release(
    reference: Reference,
    workspace: Workspace,
) -> None:
    """Release a checked extract that two people signed, sealed to its recipient."""
    made, path = house_of(workspace).release(reference)
    say(kind=made.document.kind.value, digest=made.document.digest, package=str(path))


@journey_app.command()
def deliver(reference: Reference, workspace: Workspace) -> None:
    """Finish a release that was logged and then interrupted."""
    say(package=str(house_of(workspace).deliver(reference)))
