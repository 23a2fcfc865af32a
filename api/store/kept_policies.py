"""Versions of the policies that a workspace's decisions were taken under, kept in it: a later Caregate need not ship them.

What is kept is signed as it was shipped, and found by the digest that stands in each decision.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from cld.errors import UnknownSpecification, UntrustedPolicy
from policies.manifest import SIGNERS
from policies.versions import SHIPPED, Version, all_versions, version_by_digest

__all__ = ["KEPT", "keep_version", "version_of"]

KEPT = "policies"


def keep_version(workspace: Path, version: Version) -> None:
    """Keep a version with the keys that signed it, once; it is there whole or not at all."""
    place = workspace / KEPT / version.digest
    if place.exists():
        return
    staged = place.with_name(f".{version.digest}.part")
    shutil.rmtree(staged, ignore_errors=True)
    shutil.copytree(_folder_of(version), staged / _within(version))
    shutil.copytree(SHIPPED / SIGNERS, staged / SIGNERS)
    staged.replace(place)


def version_of(digest: str, workspace: Path, shipped: Path = SHIPPED) -> Version:
    """Return the version that a decision names: the one shipped, or the one kept.

    Raises: UnknownSpecification if neither is held; UntrustedPolicy if the kept one does not check.
    """
    try:
        return version_by_digest(digest, shipped)
    except UnknownSpecification:
        kept = workspace / KEPT / digest
        if not digest.isalnum() or not kept.is_dir():
            raise
        all_versions.cache_clear()  # what lies in a folder may have changed since it was read
        return version_by_digest(digest, kept)


def _within(version: Version) -> Path:
    return Path(version.manifest.instrument) / version.manifest.effective_from.isoformat()


def _folder_of(version: Version) -> Path:
    folder = SHIPPED / _within(version)
    if not folder.is_dir():
        message = "The folder of the policies in force is gone."
        raise UntrustedPolicy(message, "Install Caregate anew.")
    return folder
