"""Commands of oblivious keying: a council blinds and finalises on its own machine, the house evaluates; neither sees the rest."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from api.commands.options import Passphrases, Shares
from api.commands.run import Json, Memory, Out, Threads, answer, session_of

__all__ = ["add_oprf_commands"]

File = Annotated[Path, typer.Argument(help="The council's file, CSV, CSV.gz or Parquet.")]
Column = Annotated[
    str, typer.Option(help="NAME:KIND of the column of identifiers; the kind is nhs or a name of your own.")
]
StateFile = Annotated[
    Path, typer.Option(help="What stays with the council: identifiers and blinds. Keep it to yourself.")
]
SuiteName = Annotated[str, typer.Option("--suite", help="ristretto255-SHA512 or P256-SHA256.")]
Application = Annotated[str, typer.Argument(help="Reference of the approved application.")]
Workspace = Annotated[Path, typer.Option("--workspace", help="Workspace of the house.")]
Production = Annotated[bool, typer.Option("--production", help="Refuse NHS numbers of the synthetic range.")]
RISTRETTO = "ristretto255-SHA512"


def _split(column: str) -> tuple[str, str]:
    name, _, kind = column.rpartition(":")
    if not name or not kind:
        message = "a column is given as NAME:KIND"
        raise typer.BadParameter(message)
    return name, kind


def blind(
    file: File,
    column: Column,
    recipient: Annotated[str, typer.Option(help="Code of the council, as in its agreement.")],
    agreement: Annotated[str, typer.Option(help="Reference of the agreement.")],
    request: Annotated[Path, typer.Option(help="Request to write, for the house.")],
    state: StateFile,
    family: Annotated[str, typer.Option(help="Family of data sets.")] = "cld",
    suite: SuiteName = RISTRETTO,
    production: Production = False,
    threads: Threads = 2,
    memory: Memory = "2GB",
    as_json: Json = False,
) -> None:
    """Council: blind a column's identifiers into a request, and keep the state that finalises it."""
    from cld.clock import SystemEntropy  # noqa: PLC0415
    from keys.ceremonies.together import Together  # noqa: PLC0415
    from keys.derivation import PseudonymDomain  # noqa: PLC0415
    from keys.oblivious.exchange import blinded  # noqa: PLC0415
    from keys.oblivious.files import column_identifiers  # noqa: PLC0415

    name, kind = _split(column)
    with session_of(threads, memory) as session:
        found = column_identifiers(session, file, name, kind, synthetic_allowed=not production)
    made = blinded(found, suite, PseudonymDomain(recipient, agreement, family, kind), SystemEntropy())
    together = Together()
    try:
        together.stage(state, made.content().reveal())
        together.stage(request, made.request.content())
        together.commit()
    except BaseException:
        together.abandon()
        raise
    facts = {"n_elements": len(found), "request": made.request.digest()}
    answer(
        facts, f"{len(found)} different identifiers blinded; send {request.name}, keep {state.name}", as_json=as_json
    )


def public_key(
    application: Application,
    kind: Annotated[str, typer.Option(help="Kind of identifier.")],
    workspace: Workspace,
    suite: SuiteName = RISTRETTO,
    share: Shares = None,
    passphrase_file: Passphrases = None,
    as_json: Json = False,
) -> None:
    """House: print the public key of an agreement's oblivious keying; the council gets it by another channel than replies."""
    from api.house.oblivious import ObliviousDesk  # noqa: PLC0415
    from api.workspace.wiring import open_workspace_with  # noqa: PLC0415

    space = open_workspace_with(workspace, share or (), passphrase_file or ())
    key, version = ObliviousDesk(space).public_key(application, kind, suite)
    answer({"public_key": key, "key_version": version, "suite": suite}, key, as_json=as_json)


def evaluate(
    request: Annotated[Path, typer.Argument(help="A council's request.")],
    application: Annotated[str, typer.Option(help="Reference of the council's approved application.")],
    workspace: Workspace,
    by: Annotated[str, typer.Option(help="Who does this.")],
    out: Annotated[Path, typer.Option(help="Reply to write, for the council.")],
    share: Shares = None,
    passphrase_file: Passphrases = None,
    as_json: Json = False,
) -> None:
    """House: evaluate a request under the agreement's own key, with a proof; the log counts it."""
    from api.house.oblivious import ObliviousDesk  # noqa: PLC0415
    from api.workspace.wiring import open_workspace_with  # noqa: PLC0415

    space = open_workspace_with(workspace, share or (), passphrase_file or ())
    told = ObliviousDesk(space).evaluate(application, request, out, by)
    answer(told, f"{told['n_elements']} blinded identifiers evaluated", as_json=as_json)


def finalise(
    file: File,
    column: Column,
    state: StateFile,
    reply: Annotated[Path, typer.Option(help="The house's reply.")],
    public_key: Annotated[str, typer.Option(help="Public key of the agreement, in hexadecimal, from another channel.")],
    out: Out,
    production: Production = False,
    threads: Threads = 2,
    memory: Memory = "2GB",
    as_json: Json = False,
) -> None:
    """Council: check the reply's proof and write the file with pseudonyms in place of the column."""
    import pyarrow as pa  # noqa: PLC0415

    from keys.oblivious.exchange import finalised, read_reply, read_state  # noqa: PLC0415
    from keys.oblivious.files import replace_column  # noqa: PLC0415

    name, kind = _split(column)
    held, answered = read_state(state), read_reply(reply)
    try:
        public = bytes.fromhex(public_key)
    except ValueError:
        message = "a public key is given in hexadecimal digits"
        raise typer.BadParameter(message) from None
    texts = finalised(held, answered, public)
    keyed = pa.table({"identifier": pa.array(held.identifiers, pa.string()), "pseudonym": texts})
    with session_of(threads, memory) as session:
        n_rows = replace_column(session, file, name, kind, keyed, out, synthetic_allowed=not production)
    facts = {"n_rows": n_rows, "n_pseudonyms": len(texts), "key_version": answered.key_version}
    answer(facts, f"{len(texts)} pseudonyms in {n_rows} rows; destroy {state.name} now", as_json=as_json)


def add_oprf_commands(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    oprf = typer.Typer(
        no_args_is_help=True, help="Oblivious keying (RFC 9497): identifiers and key stay each with their holder."
    )
    oprf.command("blind")(blind)
    oprf.command("public-key")(public_key)
    oprf.command("evaluate")(evaluate)
    oprf.command("finalise")(finalise)
    app.add_typer(oprf, name="oprf")
