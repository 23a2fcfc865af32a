"""Witnesses as commands: be one to somebody's log, and enrol and retire those of one's own."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from api.commands.run import text_of

if TYPE_CHECKING:
    from api.workspace.wiring import Workspace as Space
    from audit.succession import WitnessKeys

__all__ = ["witness_app"]

witness_app = typer.Typer(no_args_is_help=True, help="Be a witness to somebody's log, or enrol those of your own.")

Folder = Annotated[Path, typer.Option(help="The witness's own folder.")]
Workspace = Annotated[Path, typer.Option("--workspace", help="A workspace that demo made.")]
Keys = Annotated[Path, typer.Argument(help="File with the two lines that the witness printed.")]
FAULTY = 6


@witness_app.command()
def create(
    folder: Folder, name: Annotated[str, typer.Option(help="Name in its keys, such as dhsc.example/w1.")]
) -> None:
    """Make a witness's keys in its folder, and print the two lines a policy needs."""
    from api.workspace.witness_store import create_witness_keys  # noqa: PLC0415

    for key in create_witness_keys(folder, name).witness_keys():
        sys.stdout.write(key.text() + "\n")


@witness_app.command(name="answer")
def answer_request(
    request: Annotated[Path, typer.Argument(help="What the log sent: an add-checkpoint request.")],
    folder: Folder,
    trust: Annotated[Path, typer.Option(help="Policy naming the logs to watch.")],
) -> None:
    """Answer one request that came as a file, for networks that are not joined; exit 6 unless it was cosigned."""
    from api.workspace.witness_store import open_witness  # noqa: PLC0415

    found = open_witness(folder, text_of(trust)).add_checkpoint(request.read_bytes())
    sys.stdout.write(found.body)
    raise typer.Exit(0 if found.status == 200 else FAULTY)  # noqa: PLR2004 - HTTP's success


@witness_app.command()
def serve(
    folder: Folder,
    trust: Annotated[Path, typer.Option(help="Policy naming the logs to watch.")],
    port: Annotated[int, typer.Option(help="Port on the loopback address.")] = 8010,
) -> None:
    """Answer over HTTP on this machine alone; put a server with TLS before it to be reached from elsewhere."""
    import uvicorn  # noqa: PLC0415

    from api.workspace.witness_http import create_witness_app  # noqa: PLC0415
    from api.workspace.witness_store import open_witness  # noqa: PLC0415

    uvicorn.run(
        create_witness_app(open_witness(folder, text_of(trust))), host="127.0.0.1", port=port, log_level="warning"
    )


def _space(workspace: Path) -> Space:
    from api.workspace.wiring import open_demo_workspace  # noqa: PLC0415

    return open_demo_workspace(workspace)


def _present(space: Space) -> tuple[WitnessKeys, ...]:
    from audit.succession import witnesses_in  # noqa: PLC0415
    from audit.trust import read_trust  # noqa: PLC0415

    return witnesses_in(read_trust(space.release_keys.trust))[0]


@witness_app.command()
def offer(
    keys: Keys, workspace: Workspace, out: Annotated[Path, typer.Option(help="File for the request to be answered.")]
) -> None:
    """Take a witness's keys in; write the head that it must cosign to show that it has them."""
    from audit.enrolment import fingerprint_of, offer_witness, read_witness  # noqa: PLC0415
    from audit.trust import read_trust  # noqa: PLC0415
    from audit.witness import add_checkpoint_request  # noqa: PLC0415
    from cld.shelf import atomic_write  # noqa: PLC0415

    space, offered = _space(workspace), read_witness(text_of(keys))
    named = {key.name for key in read_trust(space.release_keys.trust).witnessing.witness_keys()}
    offer_witness(offered, named, space.journal, "custodian")
    head = space.log.head(space.journal)
    atomic_write(out, add_checkpoint_request(0, (), head.content))
    _say(name=offered.name, fingerprint=fingerprint_of(offered), request=str(out))


@witness_app.command()
def enrol(
    keys: Keys,
    workspace: Workspace,
    heard: Annotated[str, typer.Option(help="The fingerprint as it was read out over another channel.")],
    answer: Annotated[Path, typer.Option(help="What the witness answered to the request.")],
    url: Annotated[str, typer.Option(help="Where it answers over HTTP from now on.")] = "",
) -> None:
    """Enrol an offered witness on its proofs; it counts from the next trust policy. Exit 6 if a proof fails."""
    from api.workspace.witness_client import require_url  # noqa: PLC0415
    from audit.enrolment import enrol_witness, read_witness  # noqa: PLC0415
    from audit.succession import WitnessKeys  # noqa: PLC0415

    space = _space(workspace)
    offered = WitnessKeys(read_witness(text_of(keys)).keys, require_url(url) if url else "")
    size = enrol_witness(
        offered, text_of(answer), heard=heard, log=space.log.folder, journal=space.journal, actor="custodian"
    )
    _say(name=offered.name, cosigned=size, next="caregate log trust draft")


@witness_app.command()
def retire(name: Annotated[str, typer.Argument(help="The witness's name.")], workspace: Workspace) -> None:
    """Let a witness end with the next trust policy; what it signed before still counts."""
    from audit.enrolment import retire_witness  # noqa: PLC0415

    space = _space(workspace)
    retire_witness(name, [one.name for one in _present(space)], space.journal, "custodian")
    _say(name=name, next="caregate log trust draft")


@witness_app.command(name="list")
def list_witnesses(workspace: Workspace) -> None:
    """Show the witnesses of the policy in force, and those that the next one will name."""
    from audit.enrolment import enrolled_witnesses, fingerprint_of  # noqa: PLC0415

    space = _space(workspace)
    present = _present(space)
    for state, found in (("in_force", present), ("next", enrolled_witnesses(present, space.journal))):
        for one in found:
            _say(policy=state, name=one.name, fingerprint=fingerprint_of(one), url=one.url)


def _say(**facts: object) -> None:
    sys.stdout.write(json.dumps(facts) + "\n")
