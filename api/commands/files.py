"""Commands on anyone's files, without a workspace: check, pseudonymise, pseudonym check (shared commands page)."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from api.commands.run import Json, Memory, Stopwatch, Threads, finish, peak_bytes, session_of
from cld.errors import InputError, Refused

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
    form: Annotated[str, typer.Option(help="text, or bigint: a whole number of 64 bits.")] = "text",
    one_time: Annotated[
        bool, typer.Option("--one-time", help="Give values that cannot be keyed a value of their own, for this once.")
    ] = False,
    production: Production = False,
    threads: Threads = 2,
    memory: Memory = "2GB",
    as_json: Json = False,
) -> None:
    """Replace identifier columns by pseudonyms of one domain; a column NAME_reason says why a value is null."""
    from keys.derivation import PseudonymDomain  # noqa: PLC0415
    from keys.files import keying_for, pseudonymise_file, read_key_file  # noqa: PLC0415
    from keys.pseudonym import PseudonymForm, expected_collisions  # noqa: PLC0415
    from keys.routes import require_routes_agree  # noqa: PLC0415
    from keys.selftest import require_both_libraries  # noqa: PLC0415

    watch = Stopwatch()
    columns, written = _columns_of(column), _form_of(form)
    secret = read_key_file(key_file)
    watch("self-test")
    require_both_libraries()
    require_routes_agree()
    watch("pseudonymise")
    domain = PseudonymDomain(recipient, agreement, family, "", version)
    keying = keying_for(
        columns, secret, domain, synthetic_allowed=not production, form=PseudonymForm(written), one_time=one_time
    )
    with session_of(threads, memory) as session:
        found = pseudonymise_file(session, file, out, keying, n_threads=threads)
    n_rows = int(str(found["n_rows"]))
    expected = expected_collisions(n_rows, PseudonymForm(written))
    summary = {**found, "columns": columns, "form": written, "expected_collisions": float(f"{expected:.3g}")}
    words = f"{n_rows} rows written; expected collisions among as many persons: {expected:.2g}"
    finish(summary, watch, words, as_json=as_json)


def _columns_of(given: list[str]) -> dict[str, str]:
    found = dict(_split_column(text) for text in given)
    if len(found) != len(given):
        message = "A column is keyed once."
        raise typer.BadParameter(message)
    return found


def _form_of(text: str) -> str:
    if text == "legacy":
        message = "Legacy digests are refused for new agreements: their salt is shared, and whoever has it can try every number."
        raise Refused(message, "Key the column, and carry old values over with caregate pseudonym migrate.")
    if text not in ("text", "bigint"):
        message = "the form is text or bigint"
        raise typer.BadParameter(message)
    return text


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

    named = [part is not None for part in (recipient, agreement, kind)]
    if any(named) and not all(named):
        message = "a domain is given by --recipient, --agreement and --kind together"
        raise typer.BadParameter(message)
    whole = all(named)
    domain = PseudonymDomain(str(recipient), str(agreement), family, str(kind), version) if whole else None
    with session_of(2, "2GB") as session:
        found = check_column(session, file, column, domain)
    if as_json:
        sys.stdout.write(json.dumps(asdict(found)) + "\n")
    else:
        other = "" if found.n_other_domain is None else f", {found.n_other_domain} of another domain"
        sys.stdout.write(f"{found.n_rows} rows, {found.n_null} null, {found.n_bad} bad{other}\n")
    raise typer.Exit(1 if found.n_bad else 0)


def pseudonym_migrate(
    file: Annotated[Path, typer.Argument(help="The list to move from: CSV, CSV.gz or Parquet.")],
    column: Annotated[str, typer.Option(help="NAME:KIND of the identifier.")],
    key_file: Annotated[Path, typer.Option(help="64 hexadecimal digits: the agreement's secret.")],
    recipient: Annotated[str, typer.Option(help="Recipient of the domain.")],
    agreement: Annotated[str, typer.Option(help="Agreement of the domain.")],
    out: Annotated[Path, typer.Option(help="File to write: old_pseudonym, pseudonym.")],
    old: Annotated[str | None, typer.Option(help="Column of old pseudonyms.")] = None,
    legacy_salt_file: Annotated[
        Path | None, typer.Option(help="Salt of OpenPseudonymiser, whose digests are computed as the old values.")
    ] = None,
    family: Annotated[str, typer.Option(help="Data set family of the domain.")] = "cld",
    version: Annotated[int, typer.Option(help="Key version of the domain.", min=1)] = 1,
    production: Production = False,
    threads: Threads = 2,
    memory: Memory = "2GB",
    as_json: Json = False,
) -> None:
    """Write old pseudonyms beside new ones, without identifiers, for a recipient who moves from another service."""
    from keys.derivation import PseudonymDomain, Secret  # noqa: PLC0415
    from keys.files import keying_for, read_key_file  # noqa: PLC0415
    from keys.migration import migrate_list  # noqa: PLC0415

    watch = Stopwatch()
    name, kind = _split_column(column)
    domain = PseudonymDomain(recipient, agreement, family, "", version)
    keying = keying_for({name: kind}, read_key_file(key_file), domain, synthetic_allowed=not production)
    salt = None
    if legacy_salt_file is not None:
        try:
            salt = Secret(legacy_salt_file.read_bytes())
        except OSError as fault:
            message = "The salt file cannot be read."
            raise InputError(message) from fault
    with session_of(threads, memory) as session:
        found = migrate_list(session, file, out, keying, column=name, old=old, salt=salt)
    words = f"{found['n_pairs']} pairs written, {found['n_left_out']} of {found['n_rows']} rows left out"
    finish(dict(found), watch, words, as_json=as_json)


def add_file_commands(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.command()(check)
    app.command()(pseudonymise)
    pseudonyms = typer.Typer(no_args_is_help=True, help="Pseudonyms in files.")
    pseudonyms.command("check")(pseudonym_check)
    pseudonyms.command("migrate")(pseudonym_migrate)
    app.add_typer(pseudonyms, name="pseudonym")
