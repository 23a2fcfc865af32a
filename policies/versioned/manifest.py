"""The manifest of one version of the policies: digests of its files, its dates, and two people's signatures over them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cld.canonical import digest_of, digest_of_bytes
from cld.errors import BadSignature, SamePerson, UntrustedPolicy
from cld.shelf import atomic_write
from cld.signing import SignOff, require_two, sign_off

__all__ = ["MANIFEST", "Manifest", "files_of", "read_manifest", "require_signed", "sign_version", "trusted_signers"]

MANIFEST = "manifest.json"
SIGNERS = "trusted_signers"
NEEDED = {"policies.cedar", "schema.cedarschema", "annex3.json", "instruments.json", "properties.json"}
KEYS = {"instrument", "effective_from", "effective_to", "superseded_by", "files", "signatures"}


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a version says of itself. ``effective_to`` is its last day, None while it has none; ``superseded_by`` the
    first day of the version that follows."""

    instrument: str
    effective_from: date
    effective_to: date | None
    superseded_by: date | None
    files: Mapping[str, str]
    signatures: tuple[SignOff, ...]

    @property
    def digest(self) -> str:
        """The digest that people sign, and by which a decision names the version that it was taken under."""
        return digest_of({name: value for name, value in self.as_json().items() if name != "signatures"})

    def as_json(self) -> dict[str, Any]:
        """Return the manifest as its file holds it."""
        return {
            "instrument": self.instrument,
            "effective_from": self.effective_from.isoformat(),
            "effective_to": self.effective_to.isoformat() if self.effective_to else None,
            "superseded_by": self.superseded_by.isoformat() if self.superseded_by else None,
            "files": dict(self.files),
            "signatures": [
                {"person": one.person, "public_key": one.public_key, "signature": one.signature}
                for one in self.signatures
            ],
        }


def files_of(folder: Path) -> dict[str, bytes]:
    """Return every file of a version but its manifest, by its path within the folder.

    Raises: UntrustedPolicy if one that every version has is missing.
    """
    found = {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != MANIFEST
    }
    for name in sorted(NEEDED - set(found)):
        _refuse(folder, f"{name} is missing")
    return found


def trusted_signers(root: Path) -> dict[str, str]:
    """Return who may sign versions: name to public key, from the files ``name.pub`` of one folder."""
    return {path.stem: path.read_text("utf-8").strip() for path in sorted((root / SIGNERS).glob("*.pub"))}


def read_manifest(folder: Path) -> Manifest:
    """Read a version's manifest.

    Raises: UntrustedPolicy if it is missing, damaged, or says other than where it lies.
    """
    try:
        held = json.loads((folder / MANIFEST).read_text("utf-8"))
        if set(held) != KEYS:
            raise ValueError
        manifest = Manifest(
            str(held["instrument"]), date.fromisoformat(held["effective_from"]), _day(held["effective_to"]), _day(held["superseded_by"]),
            {str(name): str(digest) for name, digest in held["files"].items()},
            tuple(SignOff(str(one["person"]), str(one["signature"]), str(one["public_key"])) for one in held["signatures"]),
        )  # fmt: skip
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as fault:
        raise _refusal(folder, f"its {MANIFEST} is missing or damaged") from fault
    if (manifest.instrument, manifest.effective_from.isoformat()) != (folder.parent.name, folder.name):
        _refuse(folder, "its manifest names another instrument or day than its folder")
    _require_an_end_after_the_beginning(folder, manifest)
    return manifest


def _require_an_end_after_the_beginning(folder: Path, manifest: Manifest) -> None:
    if manifest.effective_to is not None and manifest.effective_to < manifest.effective_from:
        _refuse(folder, "it ends before it begins")


def require_signed(folder: Path, files: Mapping[str, bytes], manifest: Manifest, signers: Mapping[str, str]) -> None:
    """Hold a version's files against its manifest, and the manifest against the people trusted to sign.

    Raises: UntrustedPolicy naming the file or signature at fault.
    """
    for name in sorted(set(files) ^ set(manifest.files)):
        _refuse(folder, f"{name} is {'not in the manifest' if name in files else 'missing'}")
    for name, content in files.items():
        if digest_of_bytes(content) != manifest.files[name]:
            _refuse(folder, f"{name} is not what was signed")
    try:
        require_two(manifest.signatures, manifest.digest, signers, applicant="")
    except SamePerson as fault:
        raise _refusal(folder, "two different people must have signed it") from fault
    except BadSignature as fault:
        raise _refusal(folder, "a signature does not verify, or is of nobody trusted to sign") from fault


def sign_version(
    folder: Path, person: str, key: Ed25519PrivateKey, *, to: date | None = None, superseded_by: date | None = None
) -> Manifest:
    """Write a version's manifest anew with one more signature; signatures over anything else are dropped.

    The first to sign fixes the dates; a second keeps them. Who signs twice replaces the signature cast before.
    Raises: UntrustedPolicy for a version that would end before it begins.
    """
    files = {name: digest_of_bytes(content) for name, content in files_of(folder).items()}
    earlier = read_manifest(folder) if (folder / MANIFEST).is_file() else None
    if earlier is not None and to is None and superseded_by is None:
        to, superseded_by = earlier.effective_to, earlier.superseded_by
    unsigned = Manifest(folder.parent.name, date.fromisoformat(folder.name), to, superseded_by, files, ())
    _require_an_end_after_the_beginning(folder, unsigned)
    kept = tuple(
        one
        for one in (earlier.signatures if earlier is not None and earlier.digest == unsigned.digest else ())
        if one.person != person
    )
    signs = (*kept, sign_off(person, key, unsigned.digest))
    signed = Manifest(unsigned.instrument, unsigned.effective_from, to, superseded_by, files, signs)
    atomic_write(folder / MANIFEST, json.dumps(signed.as_json(), indent=1).encode() + b"\n")
    return signed


def _day(value: object) -> date | None:
    return None if value is None else date.fromisoformat(str(value))


def _refusal(folder: Path, fault: str) -> UntrustedPolicy:
    return UntrustedPolicy(f"The policies of {folder.parent.name}, {folder.name}, are refused: {fault}.")


def _refuse(folder: Path, fault: str) -> None:
    raise _refusal(folder, fault)
