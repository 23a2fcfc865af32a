"""Versions of the policies made for a test: a copy of the shipped one, changed, and signed by two people of the test."""

from __future__ import annotations

import shutil
from datetime import date
from functools import cache
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from policies.versioned.manifest import MANIFEST, sign_version
from policies.versioned.versions import SHIPPED

INSTRUMENT = "direction-2020-12-07"
PEOPLE = ("Ada", "Ben")


@cache
def key_of(person: str) -> Ed25519PrivateKey:
    """One person's key, drawn once in a run."""
    return Ed25519PrivateKey.generate()


def trust(root: Path, *people: str) -> None:
    """Put people's public keys into the folder of trusted signers."""
    (root / "trusted_signers").mkdir(exist_ok=True)
    for person in people:
        public = key_of(person).public_key().public_bytes_raw().hex()
        (root / "trusted_signers" / f"{person}.pub").write_text(public + "\n")


def a_version(
    root: Path, day: str = "2020-12-07", *, instead: tuple[str, str] = ("", ""), file: str = "policies.cedar"
) -> Path:
    """Copy the shipped version under a root, with one text of a file replaced; it is not signed yet."""
    folder = root / INSTRUMENT / day
    shutil.copytree(SHIPPED / INSTRUMENT / "2020-12-07", folder)
    (folder / MANIFEST).unlink()
    text = (folder / file).read_text("utf-8")
    assert instead[0] in text
    (folder / file).write_text(text.replace(*instead, 1) if instead[0] else text, "utf-8")
    return folder


def signed(folder: Path, *people: str, to: str | None = None, superseded_by: str | None = None) -> Path:
    """Have people sign a version; without names, the two of the test, who are trusted."""
    last, follower = (date.fromisoformat(day) if day else None for day in (to, superseded_by))
    if not people:
        trust(folder.parents[1], *PEOPLE)
    for person in people or PEOPLE:
        sign_version(folder, person, key_of(person), to=last, superseded_by=follower)
    return folder
