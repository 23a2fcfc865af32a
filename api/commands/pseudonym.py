"""Commands on a workspace's pseudonyms: whose file is this, re-identification, the emergency stop."""

from __future__ import annotations

import json
import sys
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import typer

from api.commands.run import Json, answer

__all__ = ["add_pseudonym_commands"]

Workspace = Annotated[Path, typer.Option("--workspace", help="A workspace that demo made.")]
Person = Annotated[str, typer.Option("--as", help="A member of the workspace's staff.")]
Question = Annotated[str, typer.Argument(help="Reference of the question.")]


def _space(workspace: Path) -> Any:  # noqa: ANN401 - the type would load the whole house for help
    from api.workspace.wiring import open_demo_workspace  # noqa: PLC0415

    return open_demo_workspace(workspace)


def _require_staff(space: Any, *people: str) -> None:  # noqa: ANN401
    for person in people:
        if person not in space.staff:
            raise typer.BadParameter("the staff are: " + ", ".join(space.staff))


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as fault:
        message = "a day is written YYYY-MM-DD"
        raise typer.BadParameter(message) from fault


def whose_file(
    file: Annotated[Path, typer.Argument(help="A leaked file, CSV, CSV.gz or Parquet.")],
    column: Annotated[str, typer.Option(help="Column of pseudonyms.")],
    workspace: Workspace,
    as_json: Json = False,
) -> None:
    """Name the agreement whose key made a leaked file's pseudonyms; exit 1 when none can be named."""
    from api.house.leak import whose_file as find  # noqa: PLC0415

    found = find(_space(workspace), file, column)
    told = [one for one in found if one.n_fit]
    words = [
        f"agreement {one.agreement}, recipient {one.recipient}, kind {one.kind}, version {one.version} ({one.state}): "
        f"{one.verdict}; {one.n_found} of {one.n_fit} values computed again"
        + (f"; {one.reason}" if one.verdict == "cannot be told" else "")
        for one in told
    ]
    made = sorted({one.agreement for one in found if one.verdict == "made with this key"})
    summary = {"agreements": made, "answers": [one.as_json() for one in found]}
    answer(summary, "\n".join(words) or "no agreement of this workspace made these values", as_json=as_json)
    raise typer.Exit(0 if made else 1)


def basis(
    council: Annotated[str, typer.Option(help="Code of the council whose own rows it covers.")],
    words: Annotated[str, typer.Option(help="The legal basis, outside the Direction.")],
    from_day: Annotated[str, typer.Option("--from", help="First day, YYYY-MM-DD.")],
    to_day: Annotated[str, typer.Option("--to", help="Last day, YYYY-MM-DD.")],
    people: Annotated[list[str], typer.Option("--as", help="A member of the staff who signs; given twice.")],
    recorded_by: Annotated[str, typer.Option(help="Who records it.")],
    workspace: Workspace,
) -> None:
    """Put a legal basis on record, under two signatures; questions name it by the digest that is printed."""
    from api.house.reidentification import Desk  # noqa: PLC0415
    from keys.legal_basis import LegalBasis  # noqa: PLC0415

    space = _space(workspace)
    _require_staff(space, *people)
    held = LegalBasis(council, words, _day(from_day), _day(to_day))
    _say(legal_basis=Desk(space).record_basis(held, tuple(people), recorded_by))


def withdraw(
    legal_basis: Annotated[str, typer.Argument(help="Digest of the basis.")],
    council: Annotated[str, typer.Option(help="Code of the council that it covers.")],
    reason: Annotated[str, typer.Option(help="Why; the log holds a commitment to it alone.")],
    person: Person,
    workspace: Workspace,
) -> None:
    """Withdraw a legal basis before its last day; questions under way are not answered any more."""
    from api.house.reidentification import Desk  # noqa: PLC0415

    space = _space(workspace)
    _require_staff(space, person)
    Desk(space).withdraw_basis(legal_basis, council, person, reason)
    _say(legal_basis=legal_basis, withdrawn=True)


def _say(**facts: object) -> None:
    sys.stdout.write(json.dumps(facts) + "\n")


def ask(file: Annotated[Path, typer.Argument(help="JSON: the question.")], workspace: Workspace) -> None:
    """Ask about named pseudonyms; the question waits for two signatures."""
    from api.house.reidentification import Desk  # noqa: PLC0415
    from cld.errors import UnreadableFile  # noqa: PLC0415

    try:
        given = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as fault:
        message = "The question cannot be read."
        raise UnreadableFile(message, "Give one JSON object.") from fault
    if not isinstance(given, dict):
        message = "The question cannot be read."
        raise UnreadableFile(message, "Give one JSON object.")
    question = Desk(_space(workspace)).ask(given)
    _say(reference=question.reference, digest=question.digest(), n_asked=len(question.pseudonyms))


def sign(reference: Question, person: Person, workspace: Workspace) -> None:
    """Sign a question; two people of two roles must."""
    from api.house.reidentification import Desk  # noqa: PLC0415

    space = _space(workspace)
    _require_staff(space, person)
    Desk(space).sign(reference, person)
    _say(reference=reference, signed=person)


def answer_question(reference: Question, workspace: Workspace) -> None:
    """Answer a question into one file sealed to the council that sent the rows."""
    from api.house.reidentification import Desk  # noqa: PLC0415

    _say(reference=reference, sealed=str(Desk(_space(workspace)).answer(reference)))


def stop(person: Person, workspace: Workspace) -> None:
    """Stop every build, release and re-identification at once, those under way too."""
    from api.house.emergency import Emergency  # noqa: PLC0415

    space = _space(workspace)
    _require_staff(space, person)
    _say(stopped=True, stop=Emergency(space).stop(person))


def lift(person: Person, workspace: Workspace) -> None:
    """Sign to lift the stop; it is lifted when a quorum has signed."""
    from api.house.emergency import Emergency  # noqa: PLC0415

    space = _space(workspace)
    _require_staff(space, person)
    desk = Emergency(space)
    n_signed, quorum = desk.sign_to_lift(person)
    _say(stopped=desk.is_on, n_signed=n_signed, quorum=quorum)


def status(workspace: Workspace) -> None:
    """Say whether the stop is on."""
    from api.house.emergency import Emergency  # noqa: PLC0415

    _say(stopped=Emergency(_space(workspace)).is_on)


def add_pseudonym_commands(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.command("whose-file")(whose_file)
    door = typer.Typer(no_args_is_help=True, help="Re-identification: off unless a legal basis is on record.")
    for made, name in (
        (basis, "basis"),
        (withdraw, "withdraw"),
        (ask, "ask"),
        (sign, "sign"),
        (answer_question, "answer"),
    ):
        door.command(name)(made)
    app.add_typer(door, name="reidentify")
    emergency = typer.Typer(no_args_is_help=True, help="The emergency stop.")
    for halting, name in ((stop, "stop"), (lift, "lift"), (status, "status")):
        emergency.command(name)(halting)
    app.add_typer(emergency, name="emergency")
