"""Commands of key custodians on a house's keys: listed, rotated, put into another state, destroyed with a certificate."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from api.commands.ceremony import add_ceremony_commands
from api.commands.options import Passphrases, Shares
from api.commands.run import Json, answer

if TYPE_CHECKING:
    from api.workspace.wiring import Workspace

__all__ = ["add_key_commands"]

WorkspaceFolder = Annotated[Path, typer.Option("--workspace", help="Workspace whose keys these are.")]
By = Annotated[str, typer.Option(help="Who does this.")]


def _opened(workspace: Path, passphrase_file: Sequence[Path] | None, share: Sequence[Path] | None) -> Workspace:
    """Open a workspace with what was given; what was not is asked at a terminal."""
    from api.workspace.wiring import open_workspace_with  # noqa: PLC0415

    return open_workspace_with(workspace, share or (), passphrase_file or ())


def list_keys(
    workspace: WorkspaceFolder, share: Shares = None, passphrase_file: Passphrases = None, as_json: Json = False
) -> None:
    """List keys with their versions and states; nothing secret is shown."""
    space = _opened(workspace, passphrase_file, share)
    rows = [
        {"key_id": key_id, "version": version.number, "state": version.state.value, "period": version.period}
        for key_id in space.keys.key_ids()
        for version in space.keys.versions(key_id)
    ]
    words = "\n".join(f"{row['key_id']} v{row['version']} {row['state']} ({row['period']})" for row in rows)
    answer({"keys": rows}, words, as_json=as_json)


def rotate(
    key_id: Annotated[str, typer.Argument(help="Key as list shows it, such as agreement-REFERENCE.")],
    workspace: WorkspaceFolder,
    by: By,
    share: Shares = None,
    passphrase_file: Passphrases = None,
    as_json: Json = False,
) -> None:
    """Give a key a fresh version; the one before recomputes its pseudonyms until it is destroyed."""
    from api.workspace.key_acts import rotate_key  # noqa: PLC0415

    space = _opened(workspace, passphrase_file, share)
    number = rotate_key(space, key_id, by)
    answer({"key_id": key_id, "version": number}, f"{key_id} is at version {number}", as_json=as_json)


def set_state(
    key_id: Annotated[str, typer.Argument(help="Key as list shows it.")],
    version: Annotated[int, typer.Argument(help="Version.", min=1)],
    state: Annotated[str, typer.Argument(help="active, deactivated or compromised.")],
    workspace: WorkspaceFolder,
    by: By,
    share: Shares = None,
    passphrase_file: Passphrases = None,
    as_json: Json = False,
) -> None:
    """Put a version of a key into another state; to destroy it there is a command of its own."""
    from api.workspace.key_acts import change_state  # noqa: PLC0415
    from keys.states import KeyState  # noqa: PLC0415

    if state not in (KeyState.ACTIVE, KeyState.DEACTIVATED, KeyState.COMPROMISED):
        message = "the state is active, deactivated or compromised"
        raise typer.BadParameter(message)
    space = _opened(workspace, passphrase_file, share)
    change_state(space, key_id, version, KeyState(state), by)
    found = {"key_id": key_id, "version": version, "state": state}
    answer(found, f"{key_id} v{version} is {state}", as_json=as_json)


def destroy(
    key_id: Annotated[str, typer.Argument(help="Key as list shows it.")],
    workspace: WorkspaceFolder,
    by: By,
    certificate: Annotated[Path, typer.Option(help="Certificate to write.")],
    version: Annotated[int | None, typer.Option(help="One version only.", min=1)] = None,
    share: Shares = None,
    passphrase_file: Passphrases = None,
    as_json: Json = False,
) -> None:
    """Destroy a key and write a signed certificate; asked again, the certificate is written again."""
    from api.workspace.key_acts import destroy_key  # noqa: PLC0415
    from cld.shelf import atomic_write  # noqa: PLC0415

    space = _opened(workspace, passphrase_file, share)
    facts, content = destroy_key(space, key_id, version, by)
    ended = key_id if version is None else f"{key_id} v{version}"
    atomic_write(certificate, content)
    answer(facts, f"{ended} is destroyed", as_json=as_json)


def begin_period(
    period: Annotated[str, typer.Argument(help="Name of the new period, such as 2023.")],
    workspace: WorkspaceFolder,
    by: By,
    share: Shares = None,
    passphrase_file: Passphrases = None,
    as_json: Json = False,
) -> None:
    """Wrap all that lives under a new period key and destroy the one before; older backups open nothing after it."""
    from api.workspace import key_acts  # noqa: PLC0415

    n_moved = key_acts.begin_period(_opened(workspace, passphrase_file, share), period, by)
    answer({"period": period, "n_moved": n_moved}, f"{n_moved} secrets moved to period {period}", as_json=as_json)


def check_certificate(
    certificate: Annotated[Path, typer.Argument(help="Certificate of destruction.")],
    public_key: Annotated[str, typer.Option(help="64 hexadecimal digits: the house's release key.")],
    as_json: Json = False,
) -> None:
    """Check a certificate of destruction; exit 6 when it does not verify."""
    from cld.errors import UnreadableFile  # noqa: PLC0415
    from keys.certificate import require_certificate  # noqa: PLC0415

    if not certificate.is_file():
        message = "There is no such certificate."
        raise UnreadableFile(message, "Check the name.")
    facts = require_certificate(certificate.read_bytes(), public_key)
    answer(facts, f"{facts['key_id']} was destroyed on {facts['destroyed_on']}", as_json=as_json)


def add_key_commands(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    keys = typer.Typer(no_args_is_help=True, help="Roots, custodians, versions and ends of keys.")
    add_ceremony_commands(keys)
    keys.command("list")(list_keys)
    keys.command("rotate")(rotate)
    keys.command("state")(set_state)
    keys.command("destroy")(destroy)
    keys.command("begin-period")(begin_period)
    keys.command("check-certificate")(check_certificate)
    app.add_typer(keys, name="keys")
