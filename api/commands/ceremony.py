"""Commands of key custodians around the root: made, moved to another provider, a custodian replaced, tried."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from api.commands.options import Passphrases, Shares
from api.commands.run import Json, answer

if TYPE_CHECKING:
    from keys.ceremonies.making import CeremonyResult

__all__ = ["add_ceremony_commands"]

Keystore = Annotated[Path, typer.Option(help="Folder of the keystore.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Do everything with a root that is thrown away; keep nothing.")]
Provider = Annotated[str, typer.Option(help="Where the root is, or goes: file, shares or pkcs11.")]
To = Annotated[list[Path] | None, typer.Option(help="Folder of one custodian's share; once for each.")]
Threshold = Annotated[int, typer.Option(help="How many custodians open the root.", min=2)]
Module = Annotated[str, typer.Option(help="Library of the token's maker.")]
Token = Annotated[str, typer.Option(help="Label of the token.")]
KeyLabel = Annotated[str, typer.Option("--key", help="Label of the root in the token.")]


def ceremony(
    keystore: Keystore,
    provider: Provider = "file",
    to: To = None,
    threshold: Threshold = 3,
    module: Module = "",
    token: Token = "",
    key: KeyLabel = "caregate-root",
    dry_run: DryRun = False,
    passphrase_file: Passphrases = None,
    as_json: Json = False,
) -> None:
    """Make a root, guided; half a ceremony leaves nothing."""
    from api.workspace.key_acts import facts_of, in_the_log  # noqa: PLC0415
    from api.workspace.key_prompts import Prompts  # noqa: PLC0415
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
    from api.workspace.key_acts import facts_of  # noqa: PLC0415

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
    from api.workspace.key_acts import facts_of, in_the_log  # noqa: PLC0415
    from api.workspace.key_prompts import Prompts  # noqa: PLC0415
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
    provider: Provider,
    to: To = None,
    threshold: Threshold = 3,
    module: Module = "",
    token: Token = "",
    key: KeyLabel = "caregate-root",
    share: Shares = None,
    dry_run: DryRun = False,
    passphrase_file: Passphrases = None,
    as_json: Json = False,
) -> None:
    """Move the root to another provider; pseudonyms stay. The old passphrases are asked first, then the new ones."""
    from api.workspace.key_acts import facts_of, in_the_log  # noqa: PLC0415
    from api.workspace.key_prompts import FileUnlocking, Prompts  # noqa: PLC0415
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
    from api.workspace.key_acts import in_the_log  # noqa: PLC0415
    from api.workspace.key_prompts import FileUnlocking, Prompts  # noqa: PLC0415
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


def add_ceremony_commands(keys: typer.Typer) -> None:
    """Add the commands to those on keys."""
    keys.command("ceremony")(ceremony)
    keys.command("move")(move)
    keys.command("replace-custodian")(replace_custodian)
    keys.command("try")(try_root)
