"""Commands on anyone's files, without a workspace: check, pseudonymise, pseudonym check (shared commands page)."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from api.run import Json, Memory, Stopwatch, Threads, finish, peak_bytes, session_of
from cld.errors import InputError

__all__ = ["add_file_commands"]

Production = Annotated[bool, typer.Option("--production", help="Refuse NHS numbers of the synthetic range.")]


def _split_column(text: str) -> tuple[str, str]:
    column, _, kind = text.rpartition(":")
    if not column or not kind:
        message = "A column is given as NAME:KIND."
        raise typer.BadParameter(message)
    return column, kind


def _header_map(path: Path | None) -> dict[str, str]:
    import tomllib  # noqa: PLC0415

    if path is None:
        return {}
    try:
        return {str(name): str(header) for name, header in tomllib.loads(path.read_text("utf-8")).items()}
    except (OSError, tomllib.TOMLDecodeError, AttributeError) as fault:
        message = "The header map cannot be read."
        raise InputError(message, 'Give TOML lines such as nhs_number = "NHS No".') from fault


def check(
    file: Annotated[Path, typer.Argument(help="A council's file, CSV or Excel.")],
    council: Annotated[str | None, typer.Option(help="Code of the council whose rows these are.")] = None,
    release: Annotated[str, typer.Option(help="auto, V5, R1 or R2: the wording that the file is held to.")] = "auto",
    header_map: Annotated[Path | None, typer.Option(help="TOML: our column name to your header.")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder for HTML, CSV, Excel and JSON reports.")] = None,
    production: Production = False,
    threads: Threads = 2,
    memory: Memory = "2GB",
    as_json: Json = False,
) -> None:
    """Check a council's file against the specification; exit 1 when it has errors."""
    from collection.inspect import inspect_file  # noqa: PLC0415

    if release not in ("auto", "V5", "R1", "R2"):
        message = "the release is auto, V5, R1 or R2"
        raise typer.BadParameter(message)
    watch = Stopwatch()
    with session_of(threads, memory) as session:
        summary = inspect_file(
            session,
            file,
            council=council,
            release=release,
            header_map=_header_map(header_map),
            out=out,
            synthetic_allowed=not production,
        )
    summary["seconds"] = watch.stop()
    summary["peak_bytes"] = peak_bytes()
    if as_json:
        sys.stdout.write(json.dumps(summary) + "\n")
    else:
        sys.stdout.write(
            f"{summary['n_rows']} rows, {summary['n_findings']} findings, written in {summary['release']}\n"
        )
        for cause in summary["top_causes"]:
            sys.stdout.write(f"  {cause['rule']} in {cause['column']}: {cause['n_findings']}\n")
    raise typer.Exit(1 if summary["by_severity"].get("error") else 0)


def pseudonymise(
    file: Annotated[Path, typer.Argument(help="CSV, CSV.gz or Parquet.")],
    column: Annotated[list[str], typer.Option(help="NAME:KIND; kind is nhs or a name of your own.")],
    key_file: Annotated[Path, typer.Option(help="64 hexadecimal digits: an agreement's secret; read, never made.")],
    recipient: Annotated[str, typer.Option(help="Recipient of the domain.")],
    agreement: Annotated[str, typer.Option(help="Agreement of the domain.")],
    out: Annotated[Path, typer.Option(help="File to write, CSV, CSV.gz or Parquet.")],
    family: Annotated[str, typer.Option(help="Data set family of the domain.")] = "cld",
    version: Annotated[int, typer.Option(help="Key version of the domain.", min=1)] = 1,
    production: Production = False,
    threads: Threads = 2,
    memory: Memory = "2GB",
    as_json: Json = False,
) -> None:
    """Replace identifier columns by pseudonyms of one domain; a column NAME_reason says why a value is null."""
    from cld.engine import Query  # noqa: PLC0415
    from keys.derivation import PseudonymDomain  # noqa: PLC0415
    from keys.files import pseudonymise_columns, read_key_file  # noqa: PLC0415
    from keys.pseudonym import self_test  # noqa: PLC0415
    from keys.selftest import require_both_libraries  # noqa: PLC0415

    watch = Stopwatch()
    columns, secret = dict(_split_column(text) for text in column), read_key_file(key_file)
    require_both_libraries()
    domain = PseudonymDomain(recipient, agreement, family, "", version)
    with session_of(threads, memory) as session:
        self_test(session)
        session.read_file("given", file)
        query = pseudonymise_columns(session, "given", columns, secret, domain, synthetic_allowed=not production)
        session.export(query, out)
        n_rows = session.whole(Query("select count(*) from given", ("given",)))
    finish({"n_rows": n_rows, "columns": columns}, watch, f"{n_rows} rows written", as_json=as_json)


def pseudonym_check(
    file: Annotated[Path, typer.Argument(help="CSV, CSV.gz or Parquet.")],
    column: Annotated[str, typer.Option(help="Column of pseudonyms.")],
    recipient: Annotated[str | None, typer.Option(help="Recipient of the domain.")] = None,
    agreement: Annotated[str | None, typer.Option(help="Agreement of the domain.")] = None,
    family: Annotated[str, typer.Option(help="Data set family of the domain.")] = "cld",
    kind: Annotated[str | None, typer.Option(help="Identifier kind of the domain.")] = None,
    version: Annotated[int, typer.Option(help="Key version of the domain.", min=1)] = 1,
    as_json: Json = False,
) -> None:
    """Check a column of pseudonyms: form, check character and, with the domain, where they are from; exit 1 when any is bad."""
    from dataclasses import asdict  # noqa: PLC0415

    from keys.derivation import PseudonymDomain  # noqa: PLC0415
    from keys.files import check_column  # noqa: PLC0415

    whole = recipient is not None and agreement is not None and kind is not None
    domain = PseudonymDomain(str(recipient), str(agreement), family, str(kind), version) if whole else None
    with session_of(2, "2GB") as session:
        session.read_file("given", file)
        found = check_column(session, "given", column, domain)
    if as_json:
        sys.stdout.write(json.dumps(asdict(found)) + "\n")
    else:
        other = "" if found.n_other_domain is None else f", {found.n_other_domain} of another domain"
        sys.stdout.write(f"{found.n_rows} rows, {found.n_null} null, {found.n_bad} bad{other}\n")
    raise typer.Exit(1 if found.n_bad else 0)


def add_file_commands(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.command()(check)
    app.command()(pseudonymise)
    pseudonyms = typer.Typer(no_args_is_help=True, help="Pseudonyms in files.")
    pseudonyms.command("check")(pseudonym_check)
    app.add_typer(pseudonyms, name="pseudonym")
