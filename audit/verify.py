"""Open a package and verify it: sealed, zipped or already a folder; the checks are those of the one-file verifier."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any

from audit.archive import BadArchive, unpack
from audit.scan import fast_scan
from audit.sealing import is_sealed, open_seal, public_key_of
from audit.twins import cells_differ
from audit.verifying.checks import NO_SEAL, Asked, lies_within, verify_folder
from audit.verifying.manifest import PROOF
from audit.verifying.outcome import CHECKS
from cld.canonical import canonical_bytes
from cld.errors import BadSignature, UnreadableFile
from cld.shelf import atomic_write

__all__ = ["Remembered", "open_package", "read_remembered", "verify_package"]

UNOPENED = "the package was not opened"


@dataclass(slots=True)
class Remembered:
    """What a recipient's verifier keeps: the last checkpoint of each log, and of each release that it passed the statement
    and the checkpoint.
    """

    checkpoints: dict[str, str] = field(default_factory=dict)
    releases: dict[str, str] = field(default_factory=dict)
    passed: dict[str, str] = field(default_factory=dict)

    def last_seen(self, checkpoint: str) -> str | None:
        """Return the checkpoint to hold a package's against: the very one if it passed before, or else its log's last.

        One that passed was joined to the last of its day, so that an old package may be verified again.
        """
        text = checkpoint.partition("\n\n")[0]
        again = (one for one in self.passed.values() if one.partition("\n\n")[0] == text)
        return next(again, self.checkpoints.get(checkpoint.partition("\n")[0]))


def read_remembered(path: Path) -> Remembered:
    """Read what was kept; a file that is not there yet is an empty memory.

    Raises: UnreadableFile.
    """
    if not path.exists():
        return Remembered()
    try:
        held = json.loads(path.read_text("utf-8"))
        return Remembered(dict(held["checkpoints"]), dict(held["releases"]), dict(held.get("passed", {})))
    except (OSError, ValueError, KeyError, TypeError) as fault:
        message = "What the verifier remembers cannot be read."
        raise UnreadableFile(message, "Restore the file, or begin a new one under another name.") from fault


def open_package(package: Path, identity: Path, folder: Path) -> None:
    """Open a sealed package into a folder.

    Raises: BadSignature if it does not open; one message for every cause of the seal.
    """
    try:
        secret = identity.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as fault:
        message = "The package does not open: the key cannot be read."
        raise BadSignature(message, "Give the recipient's key file.") from fault
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as made:
        plain = Path(made) / "package.zip"
        open_seal(package, secret, plain)
        try:
            unpack(plain, folder)
        except BadArchive as fault:
            message = "The package is not unpacked."
            raise BadSignature(message, f"Its archive: {fault}.") from fault


def verify_package(
    package: Path, trust: Path | None, identity: Path | None, on: date, *, last_seen: Path | None = None,
    consistency: Path | None = None, revocations: Path | None = None, remember: Path | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Run every offline check on a package, and remember what was seen if asked to.

    Raises: UnreadableFile if the package or a file beside it cannot be read.
    """
    if not package.exists():
        message = "There is no such package."
        raise UnreadableFile(message, "Check the name.")
    secret = _text(identity, "key")
    kept = read_remembered(remember) if remember is not None else Remembered()
    asked = Asked(
        policy=_text(trust, "trust policy"),
        on=on,
        policy_inside=lies_within(trust, package),
        recipient_keys=_public_keys(secret),
        last_seen=_text(last_seen, "checkpoint"),
        consistency=_text(consistency, "consistency proof") or "",
        revocations=_text(revocations, "list of withdrawn packages"),
        releases_seen=kept.releases,
    )
    with tempfile.TemporaryDirectory() as made:
        folder, opened, digests = _opened(package, secret, Path(made))
        if folder is None:
            return _closed(opened[1])
        if asked.last_seen is None and kept.checkpoints:
            asked = replace(asked, last_seen=kept.last_seen(_checkpoint(folder)))
        report = verify_folder(folder, replace(asked, opened=opened, digests=digests), fast_scan, cells_differ)
        if remember is not None and report["ok"]:
            _remember(remember, kept, report, folder)
    return report


def _text(path: Path | None, what: str) -> str | None:
    if path is None:
        return None
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as fault:
        message = f"The {what} cannot be read."
        raise UnreadableFile(message, "Check the name.") from fault


def _public_keys(secret: str | None) -> tuple[str, ...]:
    """Return the public key of an identity; one that cannot be read opens nothing, and the seal says so."""
    if secret is None:
        return ()
    try:
        return (public_key_of(secret),)
    except BadSignature:
        return ("",)


def _opened(package: Path, secret: str | None, scratch: Path) -> tuple[Path | None, tuple[str, str], Mapping[str, str]]:
    """Return the opened folder, the outcome of check 1 and the digests taken on the way; no folder if it stays closed."""
    if package.is_dir():
        return package, ("not possible", NO_SEAL), {}
    folder, kind, archive = scratch / "opened", "", package
    folder.mkdir()
    if is_sealed(package):
        if secret is None:
            return None, ("failed", "the package is sealed: give its recipient's key with --identity"), {}
        archive = scratch / "package.zip"
        try:
            kind = open_seal(package, secret, archive)
        except BadSignature as fault:
            return None, ("failed", str(fault)), {}
    try:
        made = unpack(archive, folder)
    except BadArchive as fault:
        return None, ("failed", str(fault)), {}
    if made.packed_again:
        return folder, ("failed", made.packed_again), made.digests
    return folder, ("passed", f"sealed with {kind}") if kind else ("not possible", NO_SEAL), made.digests


def _closed(reason: str) -> dict[str, Any]:
    checks = [
        {"number": number, "name": name, "result": "not possible", "reason": UNOPENED}
        for number, name in enumerate(CHECKS, 1)
    ]
    checks[0] |= {"result": "failed", "reason": reason}
    return {"ok": False, "in_force": False, "checks": checks}


def _checkpoint(folder: Path) -> str:
    try:
        return (folder / PROOF).read_text("utf-8").partition("\n\n")[2]
    except (OSError, UnicodeDecodeError):
        return ""


def _remember(path: Path, kept: Remembered, report: Mapping[str, Any], folder: Path) -> None:
    """Keep the newer checkpoint of the log and the statement of the release."""
    origin, size = report["log"]["origin"], report["log"]["size"]
    before = kept.checkpoints.get(origin)
    if before is None or int(before.split("\n")[1]) <= size:
        kept.checkpoints[origin] = _checkpoint(folder)
    name = report["release"]["name"]
    kept.releases[name], kept.passed[name] = report["release"]["statement"], _checkpoint(folder)
    atomic_write(path, canonical_bytes(asdict(kept)))
