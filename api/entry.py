"""The command line. Heavy rooms are imported inside commands, so that help answers at once."""

from __future__ import annotations

import errno
import json
import signal
import sys
import traceback
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from api.commands.anonymise import add_anonymise_commands
from api.commands.attack import add_attack_commands
from api.commands.differences import add_differences_commands
from api.commands.files import add_file_commands
from api.commands.journey import journey_app
from api.commands.keys import add_key_commands
from api.commands.linkage import add_linkage_commands
from api.commands.log import log_app
from api.commands.oprf import add_oprf_commands
from api.commands.options import Passphrases, Shares
from api.commands.policy import add_policy_commands
from api.commands.protect import add_protect_commands
from api.commands.pseudonym import add_pseudonym_commands
from api.commands.risk import add_risk_commands
from api.commands.uses import add_uses_commands
from api.commands.verify import add_verify_commands
from cld.errors import CLDError, StorageClosed, StorageFull

__all__ = ["app", "main"]

FULL_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
CLOSED = (errno.EACCES, errno.EPERM, errno.EROFS)

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None,
                  help="Privacy-preserving linkage and dissemination of client-level adult social care data.")  # fmt: skip
app.add_typer(journey_app, name="journey")
app.add_typer(log_app, name="log")

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output.")]


@app.command()
def demo(
    out: Annotated[Path, typer.Option(help="Workspace folder; made if it is not there.")],
    people: Annotated[int, typer.Option(help="People of the synthetic England.", min=300)] = 20_000,
    seed: Annotated[int, typer.Option(help="The same seed gives the same payloads.")] = 1,
    threads: Annotated[int, typer.Option(help="Threads of the engine.", min=1)] = 2,
    database: Annotated[
        str,
        typer.Option(help="An empty PostgreSQL database, postgresql://host/name; without it SQLite, in the folder."),
    ] = "",
    as_json: Json = False,
) -> None:
    """Run the whole journey on a synthetic England: files in, extracts out, refusals with their clauses."""
    from api.commands.screen import progress_bar  # noqa: PLC0415
    from api.demo.demo import run_demo  # noqa: PLC0415
    from api.demo.report import text_report  # noqa: PLC0415

    with progress_bar() as bar:
        summary = run_demo(out, n_people=people, seed=seed, n_threads=threads, progress=bar, database=database)
    sys.stdout.write(json.dumps(summary) + "\n" if as_json else text_report(summary) + f"open {out / 'index.html'}\n")


@app.command()
def serve(
    workspace: Annotated[Path, typer.Option(help="A workspace that demo made.")],
    port: Annotated[int, typer.Option(help="Port on the loopback address.")] = 8000,
    share: Shares = None,
    passphrase_file: Passphrases = None,
) -> None:
    """Serve a demo workspace on this machine alone; whoever holds its root is asked, unless files answer."""
    import uvicorn  # noqa: PLC0415

    from api.pages.app import create_app  # noqa: PLC0415
    from api.workspace.wiring import open_workspace_with  # noqa: PLC0415

    space = open_workspace_with(workspace, share or (), passphrase_file or ())
    uvicorn.run(create_app(space), host="127.0.0.1", port=port, log_level="warning")


add_anonymise_commands(app)
add_verify_commands(app)
add_file_commands(app)
add_linkage_commands(app)
add_risk_commands(app)
add_protect_commands(app)
add_attack_commands(app)
add_differences_commands(app)
add_pseudonym_commands(app)
add_key_commands(app)
add_oprf_commands(app)
add_policy_commands(app)
add_uses_commands(app)


def main() -> None:
    """Run a command; an error becomes one line on standard error and its exit status.

    What nobody foresaw is told by its kind and place alone: its own words could hold a value. A polite request to end
    (SIGTERM) unwinds, so that nothing is left in a spill folder.
    """
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        app(prog_name="caregate")
    except CLDError as fault:
        _say_and_exit(fault)
    except Exception as fault:  # noqa: BLE001 - the last place: a traceback could show a person's data
        if _is_full_disk(fault):
            _say_and_exit(StorageFull())
        if isinstance(fault, OSError) and fault.errno in CLOSED:
            _say_and_exit(StorageClosed())
        _say_bug(fault)


def _is_full_disk(fault: Exception) -> bool:
    """Say whether an error of the system or of the database means that there is no room."""
    return (isinstance(fault, OSError) and fault.errno in FULL_DISK) or "disk is full" in str(fault)


def _say_and_exit(fault: CLDError) -> NoReturn:
    if "--json" in sys.argv:
        told = {"error": fault.code, "message": fault.message, "remedy": fault.remedy}
        sys.stdout.write(json.dumps(told) + "\n")
    sys.stderr.write(f"{fault.code}: {fault}\n")
    sys.exit(fault.exit_status)


def _say_bug(fault: BaseException) -> NoReturn:
    places = [f"{Path(frame.filename).name}:{frame.lineno}" for frame in traceback.extract_tb(fault.__traceback__)[-3:]]
    sys.stderr.write(f"internal: {type(fault).__name__} at {' < '.join(reversed(places))}. Please report this.\n")
    sys.exit(70)
