"""What a recipient runs: ``verify``, fourteen checks of a package, offline (shared commands page), and a key of one's own."""

from __future__ import annotations

import json
import sys
from datetime import date
from pathlib import Path
from typing import Annotated

import typer

from api.commands.run import Json

__all__ = ["add_verify_commands"]


def verify(
    package: Annotated[Path, typer.Argument(help="A sealed package, a zip or an opened folder.")],
    trust: Annotated[Path | None, typer.Option(help="Trust policy, got by another road than the package.")] = None,
    identity: Annotated[Path | None, typer.Option(help="The recipient's secret key, for a sealed package.")] = None,
    last_seen: Annotated[Path | None, typer.Option(help="The last checkpoint that you saw of this log.")] = None,
    consistency: Annotated[Path | None, typer.Option(help="Consistency proofs got from the sender.")] = None,
    revoked: Annotated[Path | None, typer.Option(help="List of withdrawn packages.")] = None,
    remember: Annotated[
        Path | None, typer.Option(help="File that keeps the last checkpoint and the releases seen; made if not there.")
    ] = None,
    on: Annotated[str, typer.Option(help="Day for the agreement, YYYY-MM-DD.")] = "",
    second_library: Annotated[
        bool, typer.Option("--second-library", help="First hold both libraries to published answers.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Verify a package offline by fourteen checks; exit 0 when authentic and whole, 6 when not."""
    from audit.verify import verify_package  # noqa: PLC0415
    from audit.verifying.command import report_text  # noqa: PLC0415

    if second_library:
        _say_second_library()
    day = _day(on)
    report = verify_package(
        package,
        trust,
        identity,
        day,
        last_seen=last_seen,
        consistency=consistency,
        revocations=revoked,
        remember=remember,
    )
    sys.stdout.write(json.dumps(report) + "\n" if as_json else report_text(report, day))
    raise typer.Exit(0 if report["ok"] else 6)


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text) if text else date.today()  # noqa: DTZ011 - the reader's own day
    except ValueError as fault:
        message = "a day is written YYYY-MM-DD"
        raise typer.BadParameter(message) from fault


def _say_second_library() -> None:
    """Hold both cryptographic libraries to published answers and say so on standard error."""
    from keys.selftest import require_both_libraries, self_test_report  # noqa: PLC0415

    require_both_libraries()
    judged = [len(row["libraries"]) for row in self_test_report()]
    sys.stderr.write(
        f"{judged.count(2)} published answers agree in both libraries, {judged.count(1)} in the one that can give them\n"
    )


keys_app = typer.Typer(no_args_is_help=True, help="A recipient's own key: packages are sealed to it.")


@keys_app.command("new")
def new_key(
    out: Annotated[Path, typer.Option(help="File for the secret key; it never leaves you.")],
    kind: Annotated[str, typer.Option(help="age, xwing (post-quantum) or crypt4gh.")] = "age",
    as_json: Json = False,
) -> None:
    """Make a key; print its public line, to be offered, and its fingerprint, to be read out over another channel."""
    from audit.sealing import new_identity  # noqa: PLC0415
    from cld.errors import Conflict  # noqa: PLC0415
    from cld.shelf import atomic_write  # noqa: PLC0415

    if out.exists():
        message = "There is a file of that name already."
        raise Conflict(message, "Choose another: a key that is overwritten is lost.")
    secret, public = new_identity(kind)
    atomic_write(out, secret.encode())
    out.chmod(0o600)
    _say_key(public, as_json=as_json)


@keys_app.command("show")
def show_key(
    identity: Annotated[Path, typer.Argument(help="Your secret key's file.")],
    as_json: Json = False,
) -> None:
    """Print the public line and the fingerprint of a secret key."""
    from audit.sealing import public_key_of  # noqa: PLC0415

    _say_key(public_key_of(_read(identity)), as_json=as_json)


@keys_app.command("answer")
def answer_challenge(
    challenge: Annotated[Path, typer.Argument(help="The sealed challenge that the sender gave.")],
    identity: Annotated[Path, typer.Option(help="Your secret key's file.")],
) -> None:
    """Open a challenge and print what to send back, which shows that the key is yours."""
    import tempfile  # noqa: PLC0415

    from audit.sealing import open_seal  # noqa: PLC0415

    with tempfile.TemporaryDirectory() as made:
        plain = Path(made) / "challenge"
        open_seal(challenge, _read(identity), plain)
        sys.stdout.write(plain.read_text("ascii") + "\n")


def _read(identity: Path) -> str:
    from cld.errors import UnreadableFile  # noqa: PLC0415

    try:
        return identity.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as fault:
        message = "The key file cannot be read."
        raise UnreadableFile(message, "Check the name.") from fault


def _say_key(public: str, *, as_json: bool) -> None:
    from audit.sealing import key_fingerprint  # noqa: PLC0415

    told = {"key": public, "fingerprint": key_fingerprint(public)}
    sys.stdout.write(json.dumps(told) + "\n" if as_json else f"{public}\nfingerprint {told['fingerprint']}\n")


def add_verify_commands(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.command()(verify)
    app.add_typer(keys_app, name="recipient-key")
