"""Recipients' keys in a workspace: offered, enrolled on their proofs, lost, and packages sealed anew to them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from api.commands.journey_options import Workspace, house_of, say

__all__ = ["recipient_app", "reissue"]

recipient_app = typer.Typer(
    no_args_is_help=True, help="The keys that packages are sealed to: enrolment, rotation, loss."
)

Body = Annotated[str, typer.Option("--body", help="Code of the body whose key it is.")]
Key = Annotated[str, typer.Option("--key", help="The key's whole public line.")]


@recipient_app.command()
def offer(
    workspace: Workspace,
    body: Body,
    key: Key,
    out: Annotated[Path, typer.Option(help="Folder for the sealed challenges.")],
) -> None:
    """Take a key in; write the challenges that its recipient opens."""
    from audit.sealing import key_fingerprint  # noqa: PLC0415
    from extracts.recipients import offer_key  # noqa: PLC0415

    space = house_of(workspace).space
    written = offer_key(body, key, journal=space.journal, entropy=space.entropy, actor="officer", folder=out)
    say(fingerprint=key_fingerprint(key), challenges=[{"key": one, "file": str(path)} for one, path in written.items()])


@recipient_app.command()
def enrol(
    workspace: Workspace,
    body: Body,
    key: Key,
    answer: Annotated[list[str], typer.Option(help="KEY=ANSWER, once for each challenge that was answered.")],
    heard: Annotated[str, typer.Option(help="The fingerprint as it was read out over another channel.")],
    retire: Annotated[list[str] | None, typer.Option(help="An old key that ends with this.")] = None,
    lost_sign: Annotated[
        list[str] | None, typer.Option(help="Where no old key can answer: two people of the demo's staff who vouch.")
    ] = None,
) -> None:
    """Enrol an offered key on its proofs; exit 6 with one message for every proof that fails."""
    from cld.signing import sign_off  # noqa: PLC0415
    from extracts.recipients import enrol_key, sign_for_lost  # noqa: PLC0415

    space = house_of(workspace).space
    unknown = [name for name in lost_sign or [] if name not in space.staff]
    if unknown:
        raise typer.BadParameter("the people are: " + ", ".join(space.staff))
    signs = tuple(sign_off(name, space.staff[name], sign_for_lost(body, key)) for name in lost_sign or [])
    answers = dict(part.rpartition("=")[::2] for part in answer)
    enrol_key(
        body, key, answers=answers, spoken_fingerprint=heard, journal=space.journal, actor="officer", people=space.people(),
        signs=signs, retire=tuple(retire or ()),
    )  # fmt: skip
    say(body=body, enrolled=key)


@recipient_app.command()
def lose(workspace: Workspace, body: Body, key: Key) -> None:
    """End a key that was lost, or that somebody else may hold."""
    from extracts.recipients import lose_key  # noqa: PLC0415

    lose_key(body, key, journal=house_of(workspace).space.journal, actor="officer")
    say(body=body, lost=key)


@recipient_app.command()
def show(workspace: Workspace, body: Body) -> None:
    """Show a body's keys as the log tells them."""
    from audit.sealing import key_fingerprint  # noqa: PLC0415
    from extracts.recipients import recipient_keys  # noqa: PLC0415

    held = recipient_keys(body, house_of(workspace).space.journal)
    told = [{"key": key, "fingerprint": key_fingerprint(key)} for key in held.enrolled]
    say(body=body, enrolled=told, ended=sorted(held.ended))


def reissue(
    reference: Annotated[str, typer.Argument(help="Reference of the application.")], workspace: Workspace, key: Key
) -> None:
    """Seal a release anew to another enrolled key of its recipient; the data are not touched."""
    say(package=str(house_of(workspace).reissue(reference, key)))
