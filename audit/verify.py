"""Open a package and verify it: sealed, zipped or already a folder; the checks are those of the one-file verifier."""

from __future__ import annotations

import tempfile
import zipfile
from datetime import date
from io import BytesIO
from pathlib import Path
from typing import Any

import pyrage

from audit.verifier import verify_folder
from cld.errors import BadSignature, UnreadableFile

__all__ = ["open_package", "verify_package"]


def open_package(package: Path, identity: Path, folder: Path) -> None:
    """Open a sealed package into a folder.

    Raises: BadSignature if it does not open; one message for every cause.
    """
    try:
        key = pyrage.x25519.Identity.from_str(identity.read_text("utf-8").strip())
        content = pyrage.decrypt(package.read_bytes(), [key])
        with zipfile.ZipFile(BytesIO(content)) as source:
            source.extractall(folder)
    except (OSError, ValueError, pyrage.DecryptError, pyrage.IdentityError, zipfile.BadZipFile) as fault:
        message = "The package does not open: it was altered, or the key is not its recipient's."
        raise BadSignature(message, "Ask the sender for the package again.") from fault


def verify_package(package: Path, trust: Path, identity: Path | None, on: date) -> dict[str, Any]:
    """Run every offline check on a package.

    A package that does not open is one failed check.
    Raises: UnreadableFile if package or trust policy is not there.
    """
    if not package.exists() or not trust.is_file():
        message = "The package or the trust policy is not there."
        raise UnreadableFile(message, "Check the two names.")
    policy = trust.read_text("utf-8")
    if package.is_dir():
        return verify_folder(package, policy, on)
    with tempfile.TemporaryDirectory() as opened:
        folder = Path(opened)
        try:
            if identity is not None:
                open_package(package, identity, folder)
            else:
                _unzip(package, folder)
        except BadSignature as fault:
            closed = {"number": 1, "name": "the package opens", "result": "failed", "reason": str(fault)}
            return {"ok": False, "in_force": False, "checks": [closed]}
        return verify_folder(folder, policy, on)


def _unzip(package: Path, folder: Path) -> None:
    try:
        with zipfile.ZipFile(package) as source:
            source.extractall(folder)
    except (OSError, zipfile.BadZipFile) as fault:
        message = "The package is sealed or damaged."
        raise BadSignature(message, "Give the recipient's key with --identity.") from fault
