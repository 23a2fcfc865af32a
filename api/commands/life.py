"""An application's life as commands: drafts and their changes, votes, withdrawal, appeal, collection, what waits for whom."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from api.commands.journey_options import Person, Reason, Reference, Workspace, house_of, read_json, say

__all__ = ["add_life_commands"]

Stage = Annotated[str, typer.Option(help="approve or release.")]
File = Annotated[Path, typer.Argument(help="JSON: application and plan.")]


def _desk(workspace: Path) -> Any:  # noqa: ANN401 - the type would load the whole house for help
    from api.house.desk import LifeDesk  # noqa: PLC0415

    return LifeDesk(house_of(workspace))


def _taken(workspace: Path, file: Path, act: str) -> tuple[Any, Any, Any]:
    """Open the house and read application and plan; a file that cannot be read is a refusal that the log tells."""
    from api.life.refusals import told  # noqa: PLC0415

    house = house_of(workspace)
    with told(house.space, act, "unknown", "applicant", "an application file"):
        return house, *_parts(file)


def _parts(file: Path) -> tuple[Any, Any]:
    """Read application and plan.

    Raises: UnreadableFile; InputError.
    """
    from cld.errors import UnreadableFile  # noqa: PLC0415
    from cld.plan import plan_from_json  # noqa: PLC0415
    from extracts.approve import application_from_json  # noqa: PLC0415

    held = read_json(file)
    if not isinstance(held, dict) or not {"application", "plan"} <= held.keys():
        message = "The application file holds no application and plan."
        raise UnreadableFile(message, "Give JSON with application and plan.")
    return application_from_json(held["application"]), plan_from_json(held["plan"])


def draft(file: File, workspace: Workspace, person: Person) -> None:
    """Save a draft, whatever it lacks, and say what it lacks."""
    from api.house.desk import LifeDesk  # noqa: PLC0415

    house, application, plan = _taken(workspace, file, "save")
    missing = LifeDesk(house).save(application, plan, person)
    say(reference=application.reference, state="draft", missing=missing)


def submit(reference: Reference, workspace: Workspace) -> None:
    """Submit a saved draft and say what policy makes of it."""
    house = house_of(workspace)
    decision = house.receive(*house.application(reference))
    say(reference=reference, decision="allow" if decision.allowed else "refuse", clauses=decision.clauses)


def apply(file: File, workspace: Workspace) -> None:
    """Take an application in and say what policy makes of it."""
    house, application, plan = _taken(workspace, file, "apply")
    decision = house.receive(application, plan)
    say(reference=application.reference, decision="allow" if decision.allowed else "refuse", clauses=decision.clauses)


def sign(
    reference: Reference,
    stage: Stage,
    person: Annotated[str, typer.Option("--as", help="A person of the demo's staff.")],
    workspace: Workspace,
    answer: Annotated[str, typer.Option(help="approve, return or refuse.")] = "approve",
    condition: Annotated[
        list[str] | None,
        typer.Option(
            help="latest-date=DAY, only-once, no-further-linkage or profile-at-least=NAME; as often as needed."
        ),
    ] = None,
    reason: Reason = "",
    seen: Annotated[str, typer.Option(help="The digest that was looked at; refused if it is another by now.")] = "",
) -> None:
    """Cast one person's vote; nobody sees another's before casting their own."""
    from api.life.voting import Ballot  # noqa: PLC0415
    from extracts.life.conditions import conditions_from  # noqa: PLC0415
    from extracts.life.votes import Answer  # noqa: PLC0415

    house = house_of(workspace)
    if stage not in ("approve", "release") or person not in house.space.staff:
        raise typer.BadParameter("the stage is approve or release, the person one of: " + ", ".join(house.space.staff))
    if answer not in set(Answer):
        raise typer.BadParameter("the answer is one of: " + ", ".join(Answer))
    given = [dict(zip(("kind", "value"), text.partition("=")[::2], strict=True)) for text in condition or []]
    ballot = Ballot(Answer(answer), conditions_from(given), reason, seen)
    vote = house.sign(reference, stage, person, house.space.staff[person], ballot)
    say(reference=reference, stage=stage, signed=person, seen=vote.seen)


def votes(reference: Reference, stage: Stage, person: Person, workspace: Workspace) -> None:
    """Show the votes of a stage as a person may see them; those that went stale are marked and do not count."""
    from api.life.voting import shown_to  # noqa: PLC0415

    house = house_of(workspace)
    now = house.to_sign(reference, stage)
    say(reference=reference, stage=stage, to_sign=now, votes=shown_to(house.space, reference, stage, now, person))


def status(reference: Reference, workspace: Workspace) -> None:
    """Say where an application stands, who acts next and what may happen."""
    say(**_desk(workspace).standing(reference))


def changes(reference: Reference, workspace: Workspace) -> None:
    """Show what the last version of an application changed, field by field."""
    found = _desk(workspace).changes(reference)
    say(reference=reference, changes=[{"field": c.field, "before": c.before, "after": c.after} for c in found])


def withdraw(reference: Reference, workspace: Workspace, person: Person, reason: Reason = "") -> None:
    """Withdraw an application that was not released."""
    say(reference=reference, state=_desk(workspace).withdraw(reference, person, reason))


def appeal(reference: Reference, workspace: Workspace, person: Person, reason: Reason) -> None:
    """Appeal against a refusal."""
    say(reference=reference, state=_desk(workspace).appeal(reference, person, reason))


def decide_appeal(
    reference: Reference,
    workspace: Workspace,
    person: Person,
    reason: Reason,
    uphold: Annotated[
        bool, typer.Option("--uphold/--dismiss", help="Open a new round of votes, or let the refusal stand.")
    ],
) -> None:
    """Uphold an appeal or dismiss it, as an officer."""
    say(reference=reference, state=_desk(workspace).decide_appeal(reference, person, reason, uphold=uphold))


def collect(reference: Reference, workspace: Workspace, person: Person) -> None:
    """Collect a released package, as its applicant or a named user of its recipient; policy is asked again."""
    say(package=str(house_of(workspace).collect(reference, person)))


def inbox(
    workspace: Workspace,
    person: Annotated[str, typer.Option("--as", help="Whose inbox; nobody's where mail is sent.")] = "",
    mail: Annotated[str, typer.Option(help="HOST:PORT of a mail server: tell everybody of the address file.")] = "",
    sender: Annotated[str, typer.Option(help="Address that mail comes from.")] = "caregate@localhost",
    addresses: Annotated[Path | None, typer.Option(help="JSON: address by person.")] = None,
) -> None:
    """Show what waits for a person by the role of the day, or tell everybody by mail that carries no content."""
    from api.house.inbox import inbox_of, tell_by_mail  # noqa: PLC0415
    from api.life.post import SmtpPost  # noqa: PLC0415

    house = house_of(workspace)
    if not mail:
        found = inbox_of(house, person)
        rows = [{"reference": w.reference, "recipient": w.recipient, "state": w.state, "role": w.role} for w in found]
        say(person=person, waiting=rows)
        return
    host, _, port = mail.rpartition(":")
    if not host or not port.isdigit() or addresses is None:
        message = "give mail as HOST:PORT, with the file of addresses"
        raise typer.BadParameter(message)
    say(sent=tell_by_mail(house, SmtpPost(host, int(port), sender), sorted(read_json(addresses).items())))


def add_life_commands(app: typer.Typer) -> None:
    """Add the commands to ``caregate journey``."""
    for command in (
        apply,
        draft,
        submit,
        sign,
        votes,
        status,
        changes,
        withdraw,
        appeal,
        decide_appeal,
        collect,
        inbox,
    ):
        app.command(name=command.__name__.replace("_", "-"))(command)
