"""Commands of the policies: decide on anyone's requests, and sign a version of the policies."""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from api.commands.proof import add_proof_commands
from api.commands.run import Json, answer

__all__ = ["add_policy_commands"]


def decide(
    requests: Annotated[Path, typer.Argument(help="Requests, one JSON object a line.")], as_json: Json = False
) -> None:
    """Answer requests: one decision a line, in order; each refusal with every clause and what is missing."""
    from cld.errors import UnreadableFile  # noqa: PLC0415
    from policies.decide import decision_lines  # noqa: PLC0415

    del as_json  # the answer is JSON either way
    try:
        lines = requests.read_text("utf-8-sig").split("\n")
    except (OSError, UnicodeDecodeError) as fault:
        message = "The file of requests is missing, or is no UTF-8 text."
        raise UnreadableFile(message, "Check the name, and write one JSON object a line.") from fault
    for line in decision_lines(lines):
        sys.stdout.write(line + "\n")


def sign_version(
    folder: Annotated[Path, typer.Argument(help="Folder of the version: INSTRUMENT/FIRST-DAY.")],
    person: Annotated[
        str, typer.Option(help="Who signs; NAME.pub in the folder of trusted signers is their public key.")
    ],
    key: Annotated[Path, typer.Option(help="File of the person's Ed25519 key: 64 hexadecimal digits.")],
    to: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Last day on which the version holds.")
    ] = None,
    superseded_by: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="First day of the version that follows.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Sign a version of the policies over the digests of its files; two different people must have."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: PLC0415

    from cld.errors import UnreadableFile  # noqa: PLC0415
    from policies import manifest  # noqa: PLC0415
    from policies.versions import load_version  # noqa: PLC0415

    load_version(folder.resolve(), None)
    try:
        secret = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(key.read_text("utf-8").strip()))
    except (OSError, ValueError) as fault:
        message = "The key cannot be read."
        raise UnreadableFile(message, "Give a file of 64 hexadecimal digits.") from fault
    last, follower = (one.date() if one is not None else None for one in (to, superseded_by))
    signed = manifest.sign_version(folder.resolve(), person, secret, to=last, superseded_by=follower)
    people = [one.person for one in signed.signatures]
    told = f"{signed.instrument}, {signed.effective_from}: signed by {' and '.join(people)}; digest {signed.digest}."
    answer({"digest": signed.digest, "signed_by": people}, told, as_json=as_json)


def add_policy_commands(app: typer.Typer) -> None:
    """Register the group ``policy``."""
    group = typer.Typer(help="The Direction as policy.", no_args_is_help=True)
    app.add_typer(group, name="policy")
    group.command("decide")(decide)
    group.command("sign-version")(sign_version)
    add_proof_commands(group)
