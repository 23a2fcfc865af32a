"""Trust policies as commands: drafted, signed and adopted by the house, shown to anybody, followed by recipients."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from api.commands.run import Json, answer, text_of

if TYPE_CHECKING:
    from api.workspace.wiring import Workspace as Space

__all__ = ["trust_app"]

trust_app = typer.Typer(no_args_is_help=True, help="The trust policy: whose signatures count, and what succeeds it.")

Workspace = Annotated[Path, typer.Option("--workspace", help="A workspace that demo made.")]
Update = Annotated[Path, typer.Argument(help="The update: the next policy as a signed note.")]
NEW_KEYS = ("release", "log")


def _space(workspace: Path) -> Space:
    from api.workspace.wiring import open_demo_workspace  # noqa: PLC0415

    return open_demo_workspace(workspace)


@trust_app.command()
def show(
    policy: Annotated[Path, typer.Argument(help="A trust policy, or an update that is to succeed one.")],
    held: Annotated[Path | None, typer.Option(help="The policy that you hold, to see what an update changes.")] = None,
    as_json: Json = False,
) -> None:
    """Say in words whose signatures count; of an update, what it changes and who must still sign it."""
    from api.commands.trust_words import changes_of, facts_of, words_of  # noqa: PLC0415

    text = text_of(policy)
    facts = facts_of(text)
    if held is not None:
        facts |= changes_of(text_of(held), text)
    answer(facts, words_of(facts), as_json=as_json)


@trust_app.command()
def draft(
    workspace: Workspace,
    out: Annotated[Path, typer.Option(help="File for the update.")],
    new_key: Annotated[list[str] | None, typer.Option(help="release or log: a new key in place of today's.")] = None,
    quorum: Annotated[int, typer.Option(help="How many witnesses must sign, kept as the house's setting.", min=0)] = 0,
    update_key: Annotated[
        list[str] | None,
        typer.Option(help="Every update key from then on, each a whole line; today's if none is given."),
    ] = None,
    withdraw: Annotated[
        tuple[str, str], typer.Option(help="SHA-256 of a statement whose package must not be used, and why.")
    ] = ("", ""),
) -> None:
    """Draft the next policy from the one in force and the log: new keys, stolen keys, witnesses enrolled and retired."""
    from api.house.trust_acts import Asked, missing_signers, trust_of  # noqa: PLC0415
    from api.house.trust_acts import draft as make  # noqa: PLC0415
    from audit.note import NoteKey  # noqa: PLC0415
    from cld.shelf import atomic_write  # noqa: PLC0415

    if not set(new_key or ()) <= set(NEW_KEYS):
        message = "a new key is release or log"
        raise typer.BadParameter(message)
    space = _space(workspace)
    asked = Asked(
        new_release="release" in (new_key or ()),
        new_log="log" in (new_key or ()),
        quorum=quorum,
        update_keys=tuple(NoteKey.parse(line) for line in update_key) if update_key else None,
        withdrawn=withdraw if withdraw[0] else None,
    )
    update = make(space, asked)
    atomic_write(out, update.encode())
    _say(update=str(out), must_still_sign=[key.name for key in missing_signers(trust_of(space), update)])


@trust_app.command()
def sign(
    update: Update,
    key: Annotated[Path | None, typer.Option(help="Your update key's file.")] = None,
    workspace: Annotated[Path | None, typer.Option("--workspace", help="A demo, whose custodians are there.")] = None,
    person: Annotated[str, typer.Option("--as", help="The demo's custodian who signs.")] = "",
) -> None:
    """Sign an update with an update key: a custodian's own file, or in a demo one of its custodians."""
    from api.house.trust_acts import sign_update  # noqa: PLC0415
    from api.workspace.signing_keys import CUSTODIANS, custodian_key  # noqa: PLC0415
    from api.workspace.update_keys import read_update_key  # noqa: PLC0415
    from cld.shelf import atomic_write  # noqa: PLC0415

    if key is not None:
        name, secret = read_update_key(key)
    elif workspace is not None and person in CUSTODIANS:
        name, secret = custodian_key(_space(workspace).entropy, person)
    else:
        message = f"give --key, or --workspace with --as one of: {', '.join(CUSTODIANS)}"
        raise typer.BadParameter(message)
    atomic_write(update, sign_update(text_of(update), name, secret).encode())
    _say(update=str(update), signed=name)


@trust_app.command()
def adopt(update: Update, workspace: Workspace) -> None:
    """Put an update in force in this house: entered in the log, kept, and the log goes on under its keys; exit 6 if unsigned."""
    from api.house.trust_acts import adopt as put_in_force  # noqa: PLC0415
    from api.workspace.wiring import TRUST  # noqa: PLC0415

    found = put_in_force(_space(workspace), text_of(update))
    _say(policy=found.number, digest=found.digest, trust=str(workspace / TRUST))


@trust_app.command()
def follow(
    policy: Annotated[Path, typer.Argument(help="The trust policy you hold.")],
    updates: Annotated[list[Path], typer.Argument(help="The signed updates that you were sent, in their order.")],
    out: Annotated[Path, typer.Option(help="File for the new policy; it may be the one you hold.")],
) -> None:
    """Take a new trust policy only if the one you hold says that it may succeed it; exit 6 if not."""
    from audit.trust import follow as succeed  # noqa: PLC0415
    from audit.trust import read_trust  # noqa: PLC0415
    from cld.shelf import atomic_write  # noqa: PLC0415

    found = read_trust(text_of(policy))
    for update in updates:
        found = succeed(found, text_of(update))
    atomic_write(out, found.text.encode())
    _say(policy=found.number, digest=found.digest, retired=len(found.retired))


@trust_app.command(name="new-update-key")
def new_update_key(
    out: Annotated[Path, typer.Option(help="File for the secret key, kept apart from the house.")],
    name: Annotated[str, typer.Option(help="Name in the key, such as house.example/update/custodian-one.")],
) -> None:
    """Make an update key, and print the line that a policy needs."""
    from api.workspace.update_keys import create_update_key  # noqa: PLC0415

    sys.stdout.write(create_update_key(out, name).text() + "\n")


def _say(**facts: object) -> None:
    sys.stdout.write(json.dumps(facts) + "\n")
