"""What officers, custodians and the calendar do, as commands: agreements, instructions, roles, users, records, the day."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from api.commands.journey_options import Day, Person, Reference, Workspace, day_option, house_of, read_json, say

__all__ = ["add_office_commands"]

agreement_app = typer.Typer(no_args_is_help=True, help="Agreements: signed, extended, and their data destroyed.")
people_app = typer.Typer(no_args_is_help=True, help="Roles given, taken away, delegated; named users of recipients.")

Agreement = Annotated[str, typer.Argument(help="Reference of the agreement.")]
To = Annotated[str, typer.Option("--to", help="Last day, such as 2022-12-31.")]
From = Annotated[str, typer.Option("--from", help="First day; today where none is given.")]


@agreement_app.command("sign")
def sign_agreement(
    reference: Reference,
    workspace: Workspace,
    person: Person,
    file: Annotated[Path, typer.Option(help="What both parties signed; its digest is kept.")],
) -> None:
    """Record that both parties signed the agreement of an application, as an officer."""
    from api.house.desk import LifeDesk  # noqa: PLC0415

    say(reference=reference, state=LifeDesk(house_of(workspace)).sign_agreement(reference, person, file))


@agreement_app.command()
def extend(agreement: Agreement, workspace: Workspace, person: Person, to: To) -> None:
    """Sign for a later last day, as an approver; the second signature extends the agreement."""
    from api.life.agreements import extend as extend_term  # noqa: PLC0415

    last = day_option(to)
    if last is None:
        message = "give the last day"
        raise typer.BadParameter(message)
    say(agreement=agreement, extended=extend_term(house_of(workspace).space, agreement, last, person))


@agreement_app.command()
def destroy(
    agreement: Agreement,
    workspace: Workspace,
    person: Person,
    certificate: Annotated[Path, typer.Option(help="The recipient's certificate, as JSON.")],
) -> None:
    """Take the recipient's certificate and end the agreement's key for good, as a custodian."""
    from api.life.agreements import destroy_agreement  # noqa: PLC0415

    path = destroy_agreement(house_of(workspace).space, agreement, certificate, person)
    say(agreement=agreement, certificate=str(path))


@agreement_app.command()
def resign(
    agreement: Agreement,
    workspace: Workspace,
    person: Person,
    body: Annotated[str, typer.Option(help="Code of the successor.")],
    file: Annotated[Path, typer.Option(help="What the successor signed; its digest is kept.")],
) -> None:
    """Record that a successor signed an agreement anew, as an officer; before that it takes nothing over."""
    from api.life.successions import resign_agreement  # noqa: PLC0415

    resign_agreement(house_of(workspace).space, agreement, body, file, person)
    say(agreement=agreement, resigned_by=body)


def succeed(
    before: Annotated[str, typer.Argument(help="Code of the body that Annex 3 lists.")],
    after: Annotated[str, typer.Argument(help="Code of the body that stands in its place.")],
    workspace: Workspace,
    person: Person,
    on: Day,
    evidence: Annotated[str, typer.Option(help="What shows it, in words.")],
    source: Annotated[str, typer.Option(help="Where that is written, in words.")],
) -> None:
    """Sign and record, as an officer, that a body stands in a listed one's place from a day on."""
    from api.life.successions import record_succession  # noqa: PLC0415
    from extracts.life.dars import day_of  # noqa: PLC0415

    try:
        day = day_of(on)
    except ValueError as fault:
        message = "a day is written 2022-12-31"
        raise typer.BadParameter(message) from fault
    digest = record_succession(
        house_of(workspace).space, person, from_code=before, to_code=after, on=day, evidence=evidence, source=source
    )
    say(succession=digest, before=before, after=after, on=on)


def instruct(
    workspace: Workspace,
    person: Person,
    scope: Annotated[str, typer.Option(help="agreement, recipient or direction.")],
    letter: Annotated[Path, typer.Option(help="The letter; its digest is kept.")],
    sender: Annotated[str, typer.Option(help="Who wrote it.")],
    effective: Day,
    subject: Annotated[str, typer.Option(help="Reference of the agreement or code of the recipient.")] = "whole",
    notice: Annotated[str, typer.Option(help="The notice that it gives, in words.")] = "",
    ends: Annotated[bool, typer.Option("--ends", help="Cessation: it is never lifted.")] = False,
) -> None:
    """Record a written instruction of Direction 8, as an officer; from its day nothing it reaches is built or leaves."""
    from api.life.suspensions import instruct as record  # noqa: PLC0415

    digest = record(
        house_of(workspace).space, person, scope=scope, subject=subject, sender=sender, letter=letter, notice=notice,
        effective=effective, ends=ends,
    )  # fmt: skip
    say(instruction=digest)


def lift(
    instruction: Annotated[str, typer.Argument(help="Digest of the instruction.")], workspace: Workspace, person: Person
) -> None:
    """Sign to lift a suspension, as an officer; the second signature lifts it."""
    from api.life.suspensions import lift_suspension  # noqa: PLC0415

    say(instruction=instruction, lifted=lift_suspension(house_of(workspace).space, instruction, person))


def daily(
    workspace: Workspace,
    on: Annotated[str, typer.Option(help="Let a demo workspace's clock go on to this day first; never back.")] = "",
) -> None:
    """Begin the day: agreements end soon, end, and their data are to be destroyed; suspensions take effect."""
    from api.life.days import begin_day  # noqa: PLC0415

    space, day = house_of(workspace).space, day_option(on)
    if day is not None:
        space.clock.go_on_to(day)
    say(day=space.clock.today().isoformat(), moved=begin_day(space))


def record(
    kind: Annotated[str, typer.Argument(help="change (Direction 3) or review (Direction 9).")],
    file: Annotated[Path, typer.Argument(help="The record, as JSON.")],
    workspace: Workspace,
    person: Person,
) -> None:
    """Seal a record of a change of the specification or of a review, as an officer."""
    from api.life.records import RECORDS, keep_record  # noqa: PLC0415

    value = read_json(file)
    if kind not in RECORDS or not isinstance(value, dict):
        raise typer.BadParameter("the kinds are: " + ", ".join(RECORDS))
    document = keep_record(house_of(workspace).space, kind, value, person)
    say(kind=document.kind.value, digest=document.digest)


def _change(kind: str, workspace: Path, person: str, whom: str, role: str, days: tuple[str, str]) -> None:
    from api.life.people import change_role  # noqa: PLC0415
    from extracts.life.roles import RoleChangeKind  # noqa: PLC0415

    space = house_of(workspace).space
    start, end = day_option(days[0]) or space.clock.today(), day_option(days[1])
    change_role(space, RoleChangeKind(kind), whom, role, actor=person, from_day=start, to_day=end)
    say(person=whom, role=role, change=kind)


Whom = Annotated[str, typer.Argument(help="Whose role it is.")]
Role = Annotated[str, typer.Option(help="The role.")]


@people_app.command()
def give(whom: Whom, role: Role, workspace: Workspace, person: Person, start: From = "", to: To = "") -> None:
    """Give somebody a role, as an officer."""
    _change("role given", workspace, person, whom, role, (start, to))


@people_app.command()
def take(whom: Whom, role: Role, workspace: Workspace, person: Person, start: From = "") -> None:
    """Take a role away, as an officer: from that day the person's acts in it are refused, whatever is open."""
    _change("role taken away", workspace, person, whom, role, (start, ""))


@people_app.command()
def delegate(whom: Whom, role: Role, workspace: Workspace, person: Person, to: To, start: From = "") -> None:
    """Delegate one's own role from one day to another; meanwhile one does not hold it."""
    _change("role delegated", workspace, person, whom, role, (start, to))


@people_app.command()
def user(
    whom: Annotated[str, typer.Argument(help="The person.")],
    body: Annotated[str, typer.Option(help="Code of the recipient.")],
    workspace: Workspace,
    person: Person,
    start: From = "",
    to: To = "",
) -> None:
    """Name a user of a recipient, as an officer; naming again with a last day ends it."""
    from api.life.people import name_user  # noqa: PLC0415

    space = house_of(workspace).space
    name_user(space, body, whom, actor=person, from_day=day_option(start) or space.clock.today(), to_day=day_option(to))
    say(body=body, user=whom)


def add_office_commands(app: typer.Typer) -> None:
    """Add the commands to ``caregate journey``."""
    app.add_typer(agreement_app, name="agreement")
    app.add_typer(people_app, name="people")
    for command in (instruct, lift, daily, record, succeed):
        app.command()(command)
