"""The log as commands: sign a head, recompute everything, copy it out, prove consistency, and enter a stolen key."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.commands.run import Json, answer, text_of
from api.commands.trust import trust_app
from api.commands.witness import witness_app

if TYPE_CHECKING:
    from audit.log import LogFolder

__all__ = ["log_app"]

log_app = typer.Typer(no_args_is_help=True, help="The audit log: heads, proofs, checks, and witnesses.")
log_app.add_typer(witness_app, name="witness")
log_app.add_typer(trust_app, name="trust")

Workspace = Annotated[Path, typer.Option("--workspace", help="A workspace that demo made.")]
Seen = Annotated[
    list[Path] | None, typer.Option("--seen", help="A head from elsewhere: a witness, an earlier package.")
]
FAULTY = 6


def _space(workspace: Path) -> Any:  # noqa: ANN401 - the type would load the whole house for help
    from api.workspace.wiring import open_demo_workspace  # noqa: PLC0415

    return open_demo_workspace(workspace)


@log_app.command()
def checkpoint(workspace: Workspace, as_json: Json = False) -> None:
    """Sign a head over everything logged until now, and have it witnessed as the trust policy in force asks."""
    from audit.note import read_checkpoint  # noqa: PLC0415

    space = _space(workspace)
    note = space.log.head(space.journal)
    found = read_checkpoint(note.text)
    answer({"size": found.size, "root": found.root.hex(), "head": note.content}, note.content.rstrip(), as_json=as_json)


@log_app.command()
def fsck(
    workspace: Annotated[Path | None, typer.Option("--workspace", help="A workspace that demo made.")] = None,
    export: Annotated[Path | None, typer.Option(help="A copy made by log export, without the workspace.")] = None,
    trust: Annotated[Path | None, typer.Option(help="Trust policy, for a copy: got by another road.")] = None,
    seen: Seen = None,
    as_json: Json = False,
) -> None:
    """Recompute every leaf, tile, head and document digest; exit 0 when all agree, 6 when not."""
    heads = {f"head in {path.name}": text_of(path) for path in seen or ()}
    if export is not None and trust is not None:
        report = _check_export(export, text_of(trust), heads)
    elif workspace is not None:
        report = _check_workspace(workspace, heads)
    else:
        message = "give --workspace, or --export with --trust"
        raise typer.BadParameter(message)
    words = [f"{report['n_leaves']} leaves, root {report['root']}", *report["faults"]]
    if not report["n_in_tiles"]:
        words.append("no head was signed yet: leaves were held against nothing but themselves")
    if report["clock_set_back"]:
        words.append(
            "marked in the log: the clock was set back at leaf " + ", ".join(map(str, report["clock_set_back"]))
        )
    answer(report, "\n".join(words) + ("" if report["faults"] else "\nok"), as_json=as_json)
    raise typer.Exit(FAULTY if report["faults"] else 0)


def _check_workspace(workspace: Path, heads: dict[str, str]) -> dict[str, Any]:
    """Check a workspace without its keys, whatever state its log is in; its witness's head counts as one seen."""
    from sqlalchemy.exc import DatabaseError  # noqa: PLC0415

    from api.workspace.wiring import open_demo_log  # noqa: PLC0415
    from audit.fsck import fsck as check  # noqa: PLC0415
    from cld.errors import LogInconsistent  # noqa: PLC0415

    try:
        with open_demo_log(workspace) as (journal, log, witnessed):
            return check(journal, log.folder, heads | witnessed)
    except DatabaseError as fault:
        message = "The database is damaged and cannot be read."
        raise LogInconsistent(message, "Restore it from the newest backup, and check again.") from fault


def _check_export(export: Path, trust: str, heads: dict[str, str]) -> dict[str, Any]:
    from audit.copied import check_export  # noqa: PLC0415

    return check_export(_folder_of(export, trust), heads)


def _folder_of(export: Path, trust: str) -> LogFolder:
    from audit.log import LogFolder  # noqa: PLC0415
    from audit.tiles import TileStore  # noqa: PLC0415
    from audit.trust import read_trust  # noqa: PLC0415

    policy = read_trust(trust).witnessing
    return LogFolder(TileStore(export), policy.logs[0].key.name if policy.logs else "", policy)


@log_app.command()
def export(
    out: Annotated[Path, typer.Option(help="Folder to make.")], workspace: Workspace, as_json: Json = False
) -> None:
    """Copy tiles, bundles and heads out for an auditor; no document and nobody's words go with them."""
    from audit.export import export_log  # noqa: PLC0415

    space = _space(workspace)
    size = export_log(space.log.folder, space.release_keys.trust, out)
    answer({"size": size, "out": str(out)}, f"{size} entries in {out}", as_json=as_json)


@log_app.command()
def consistency(
    seen: Annotated[Path, typer.Option(help="The head seen before.")],
    workspace: Workspace,
    out: Annotated[Path, typer.Option(help="File for the proof.")],
) -> None:
    """Write the proof that the newest head continues one that a recipient saw before."""
    from audit.note import read_checkpoint, read_note  # noqa: PLC0415
    from audit.proof import consistency_text  # noqa: PLC0415
    from cld.shelf import atomic_write  # noqa: PLC0415

    space = _space(workspace)
    older = read_checkpoint(read_note(text_of(seen)).text)
    newest = read_checkpoint(space.log.head(space.journal).text)
    proof = space.log.consistency(older.size, newest.size)
    atomic_write(out, consistency_text({older.size: proof}).encode())
    sys.stdout.write(json.dumps({"old": older.size, "new": newest.size}) + "\n")


@log_app.command()
def compromised(
    key: Annotated[str, typer.Argument(help="The verifier key, as it stands in the policy.")],
    since: Annotated[str, typer.Option(help="First day on which somebody else may have had it, YYYY-MM-DD.")],
    workspace: Workspace,
    actor: Annotated[str, typer.Option("--as", help="Who says so.")] = "custodian",
) -> None:
    """Enter into the log that a key was stolen, and say up to which size of the log it still counts."""
    from datetime import UTC, date, datetime, time  # noqa: PLC0415

    from audit.note import NoteKey  # noqa: PLC0415
    from audit.trust import compromise_event, last_size_before  # noqa: PLC0415

    try:
        day = date.fromisoformat(since)
    except ValueError as fault:
        message = "a day is written YYYY-MM-DD"
        raise typer.BadParameter(message) from fault
    space = _space(workspace)
    counts = last_size_before(space.log.folder, datetime.combine(day, time.min, UTC))
    event = compromise_event(NoteKey.parse(key), day, counts, actor)
    space.journal.record(event)
    sys.stdout.write(json.dumps({"retired": f"retired {key} {counts}", "counts_until": counts}) + "\n")
