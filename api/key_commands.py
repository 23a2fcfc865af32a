"""Commands of key custodians: ceremonies, a custodian replaced, versions rotated, keys destroyed with a certificate."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from api.run import Json, answer

if TYPE_CHECKING:
    from api.key_prompts import Prompts
    from api.wiring import Workspace
    from keys.ceremonies.making import CeremonyResult

__all__ = ["add_key_commands"]

Keystore = Annotated[Path, typer.Option(help="Folder of the keystore.")]
WorkspaceFolder = Annotated[Path, typer.Option("--workspace", help="Workspace whose keys these are.")]
Shares = Annotated[list[Path] | None, typer.Option("--share", help="A custodian's share file; once for each.")]
Passphrases = Annotated[
    list[Path] | None,
    typer.Option("--passphrase-file", help="File of one passphrase or PIN; once for each, in the order asked."),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Do everything with a root that is thrown away; keep nothing.")]
By = Annotated[str, typer.Option(help="Who does this.")]


def ceremony(
    keystore: Keystore,
    provider: Annotated[str, typer.Option(help="file, shares or pkcs11.")] = "file",
    to: Annotated[list[Path] | None, typer.Option(help="Folder of one custodian's share; once for each.")] = None,
    threshold: Annotated[int, typer.Option(help="How many custodians open the root.", min=2)] = 3,
    module: Annotated[str, typer.Option(help="Library of the token's maker.")] = "",
    token: Annotated[str, typer.Option(help="Label of the token.")] = "",
    key: Annotated[str, typer.Option(help="Label of the root in the token.")] = "caregate-root",
    dry_run: DryRun = False,
    passphrase_file: Passphrases = None,
    as_json: Json = False,
) -> None:
    """Make a root, guided; half a ceremony leaves nothing."""
    from api.key_acts import facts_of, in_the_log  # noqa: PLC0415
    from api.key_prompts import Prompts  # noqa: PLC0415
    from cld.clock import SystemEntropy  # noqa: PLC0415
    from keys.ceremonies.making import custody_ceremony, file_ceremony  # noqa: PLC0415
    from keys.ceremonies.token import token_ceremony  # noqa: PLC0415
    from keys.providers.token import TokenPlace  # noqa: PLC0415
    from keys.selftest import require_both_libraries  # noqa: PLC0415

    _require_kind(provider)
    require_both_libraries()
    prompts, entropy = Prompts(passphrase_file or ()), SystemEntropy()
    with in_the_log(keystore, "root made") as told:
        if provider == "file":
            made = file_ceremony(keystore, prompts, entropy, dry_run=dry_run)
        elif provider == "shares":
            made = custody_ceremony(keystore, to or (), threshold, prompts, entropy, dry_run=dry_run)
        else:
            made = token_ceremony(keystore, TokenPlace(module, token, key), prompts, dry_run=dry_run)
        told |= facts_of(made)
    _tell(made, as_json=as_json)


def _tell(made: CeremonyResult, *, as_json: bool) -> None:
    from api.key_acts import facts_of  # noqa: PLC0415

    found = facts_of(made) | {"files": [] if made.dry_run else [str(path) for path in made.files]}
    answer(found, f"root {made.root_id}" if made.root_id else "nothing was kept", as_json=as_json)


def _joiner(text: str) -> tuple[int, Path]:
    index, _, folder = text.partition("=")
    if not index.isdecimal() or not folder:
        message = "a custodian to replace is given as NUMBER=FOLDER"
        raise typer.BadParameter(message)
    return int(index), Path(folder)


def replace_custodian(
    keystore: Keystore,
    replace: Annotated[list[str], typer.Option(help="NUMBER=FOLDER: whom to replace, where the new share goes.")],
    share: Shares = None,
    dry_run: DryRun = False,
    passphrase_file: Passphrases = None,
    as_json: Json = False,
) -> None:
    """Replace custodians without changing the root; all who stay give their shares and get new ones."""
    from api.key_acts import facts_of, in_the_log  # noqa: PLC0415
    from api.key_prompts import Prompts  # noqa: PLC0415
    from cld.clock import SystemEntropy  # noqa: PLC0415
    from keys.ceremonies.custodians import replace_custodians  # noqa: PLC0415

    joining = dict(_joiner(text) for text in replace)
    prompts = Prompts(passphrase_file or ())
    with in_the_log(keystore, "custodian replaced") as told:
        made = replace_custodians(keystore, share or (), joining, prompts, SystemEntropy(), dry_run=dry_run)
        told |= facts_of(made) | {"replaced": sorted(joining)}
    _tell(made, as_json=as_json)


def move(
    keystore: Keystore,
    provider: Annotated[str, typer.Option(help="Where the root goes: file, shares or pkcs11.")],
    to: Annotated[list[Path] | None, typer.Option(help="Folder of one custodian's share; once for each.")] = None,
    threshold: Annotated[int, typer.Option(help="How many custodians open the root.", min=2)] = 3,
    module: Annotated[str, typer.Option(help="Library of the token's maker.")] = "",
    token: Annotated[str, typer.Option(help="Label of the token.")] = "",
    key: Annotated[str, typer.Option(help="Label of the root in the token.")] = "caregate-root",
    share: Shares = None,
    dry_run: DryRun = False,
    passphrase_file: Passphrases = None,
    as_json: Json = False,
) -> None:
    """Move the root to another provider; pseudonyms stay. The old passphrases are asked first, then the new ones."""
    from api.key_acts import facts_of, in_the_log  # noqa: PLC0415
    from api.key_prompts import FileUnlocking, Prompts  # noqa: PLC0415
    from cld.clock import SystemEntropy  # noqa: PLC0415
    from keys.ceremonies.moving import Destination, move_root  # noqa: PLC0415
    from keys.providers.root import RootKind  # noqa: PLC0415
    from keys.providers.token import TokenPlace  # noqa: PLC0415
    from keys.selftest import require_both_libraries  # noqa: PLC0415

    _require_kind(provider)
    require_both_libraries()
    prompts = Prompts(passphrase_file or ())
    going = Destination(RootKind(provider), tuple(to or ()), threshold, TokenPlace(module, token, key))
    unlocking = FileUnlocking(keystore, prompts, share or ())
    with in_the_log(keystore, "root moved", begun=not dry_run) as told:
        moved = move_root(keystore, going, unlocking, prompts, SystemEntropy(), dry_run=dry_run)
        told |= facts_of(moved)
    _tell(moved, as_json=as_json)


def _require_kind(provider: str) -> None:
    if provider not in ("file", "shares", "pkcs11"):
        message = "the provider is file, shares or pkcs11"
        raise typer.BadParameter(message)


def try_root(
    keystore: Keystore, share: Shares = None, passphrase_file: Passphrases = None, as_json: Json = False
) -> None:
    """Open the root and say that it opens; nothing else is done."""
    from api.key_acts import in_the_log  # noqa: PLC0415
    from api.key_prompts import FileUnlocking, Prompts  # noqa: PLC0415
    from keys.ceremonies.moving import left_over  # noqa: PLC0415
    from keys.opening import require_own_root  # noqa: PLC0415
    from keys.providers.choose import open_provider  # noqa: PLC0415

    prompts = Prompts(passphrase_file or ())
    with in_the_log(keystore, "root tried") as told:
        root = open_provider(keystore, FileUnlocking(keystore, prompts, share or ()))
        require_own_root(keystore, root)
        found = {"provider": root.kind.value, "root_id": root.root_id()}
        told |= found
    for path in left_over(keystore):
        prompts.say(
            f"{path.name} is left of another provider: caregate keys move --provider {found['provider']} clears it."
        )
    answer(found, f"the root {found['root_id']} opens", as_json=as_json)


def _open(folder: Path, prompts: Prompts | None, shares: Sequence[Path]) -> Workspace:
    """Open a workspace; its root with what was given, else as a demo's opens."""
    from api.key_prompts import FileUnlocking  # noqa: PLC0415
    from api.wiring import KEYSTORE, open_demo_workspace  # noqa: PLC0415

    unlocking = FileUnlocking(folder / KEYSTORE, prompts, shares) if prompts is not None else None
    return open_demo_workspace(folder, unlocking=unlocking)


def _prompts(files: Sequence[Path] | None, shares: Sequence[Path] | None) -> Prompts | None:
    from api.key_prompts import Prompts  # noqa: PLC0415

    return Prompts(files or ()) if files or shares else None


def _opened(workspace: Path, passphrase_file: Sequence[Path] | None, share: Sequence[Path] | None) -> Workspace:
    return _open(workspace, _prompts(passphrase_file, share), share or ())


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
    from api.key_acts import rotate_key  # noqa: PLC0415

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
    from api.key_acts import change_state  # noqa: PLC0415
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
    from api.key_acts import destroy_key  # noqa: PLC0415
    from cld.shelf import atomic_write  # noqa: PLC0415

    space = _opened(workspace, passphrase_file, share)
    facts, content = destroy_key(space, key_id, version, by)
    atomic_write(certificate, content)
    answer(facts, f"{key_id} is destroyed", as_json=as_json)


def begin_period(
    period: Annotated[str, typer.Argument(help="Name of the new period, such as 2023.")],
    workspace: WorkspaceFolder,
    by: By,
    share: Shares = None,
    passphrase_file: Passphrases = None,
    as_json: Json = False,
) -> None:
    """Wrap all that lives under a new period key and destroy the one before; older backups open nothing after it."""
    from api import key_acts  # noqa: PLC0415

    n_moved = key_acts.begin_period(_opened(workspace, passphrase_file, share), period, by)
    answer({"period": period, "n_moved": n_moved}, f"{n_moved} secrets moved to period {period}", as_json=as_json)


def write_bridge(
    reference: Annotated[str, typer.Argument(help="Application whose recipient holds the old pseudonyms.")],
    workspace: WorkspaceFolder,
    out: Annotated[Path, typer.Option(help="File to write, CSV, CSV.gz or Parquet.")],
    by: By,
    share: Shares = None,
    passphrase_file: Passphrases = None,
    as_json: Json = False,
) -> None:
    """Write old and new person keys side by side, for persons whose old key the application's extract holds."""
    from api.key_acts import bridge_file  # noqa: PLC0415

    space = _opened(workspace, passphrase_file, share)
    found = bridge_file(space, reference, out, by)
    answer(found, f"{found['n_rows']} pseudonyms bridged", as_json=as_json)


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
    keys.command("ceremony")(ceremony)
    keys.command("replace-custodian")(replace_custodian)
    keys.command("move")(move)
    keys.command("try")(try_root)
    keys.command("list")(list_keys)
    keys.command("rotate")(rotate)
    keys.command("state")(set_state)
    keys.command("destroy")(destroy)
    keys.command("begin-period")(begin_period)
    keys.command("bridge")(write_bridge)
    keys.command("check-certificate")(check_certificate)
    app.add_typer(keys, name="keys")
