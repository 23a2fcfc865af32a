"""The files of an opened package against its BagIt manifests: each listed once, whole, and no other there.

``manifest-sha512.txt`` lists the data, ``tagmanifest-sha512.txt`` every other file of the payload, the first manifest
among them, so that its SHA-256 digest is the payload's. Source: RFC 8493.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from audit.verifying.outcome import Failed

__all__ = ["CRATE", "DATA_MANIFEST", "EVIDENCE", "MANIFEST", "PROOF", "STATEMENT", "files_whole", "payload_files"]

DATA_MANIFEST = "manifest-sha512.txt"
MANIFEST = "tagmanifest-sha512.txt"
STATEMENT = "release.intoto.json"
PROOF = "release.tlog-proof"
CONSISTENCY = "release.consistency"
REISSUE = "reissue.intoto.json"
CRATE = "ro-crate-metadata.json"
EVIDENCE = frozenset({MANIFEST, STATEMENT, PROOF, CONSISTENCY, REISSUE, CRATE, "trust-policy.txt", "verify.py"})
"""Files beside the payload: each is signed, proves itself, or is named in the statement."""
MANIFEST_LINE = re.compile(r"([0-9a-f]{128})  ([A-Za-z0-9_][A-Za-z0-9_.-]*(?:/[A-Za-z0-9_][A-Za-z0-9_.-]*)*)")
HASH_THREADS = 4


def _listed(folder: Path, name: str) -> dict[str, str]:
    try:
        text = (folder / name).read_bytes().decode("ascii")
    except FileNotFoundError as fault:
        message = f"{name} is missing: ask the sender for the package again"
        raise Failed(message) from fault
    except (OSError, UnicodeDecodeError) as fault:
        message = f"{name} cannot be read"
        raise Failed(message) from fault
    lines = text.split("\n")
    found = [MANIFEST_LINE.fullmatch(line) for line in lines[:-1]]
    listed = {match[2]: match[1] for match in found if match is not None}
    if lines[-1] or len(listed) != len(lines) - 1 or list(listed) != sorted(listed):
        message = f"{name} is malformed"
        raise Failed(message)
    return listed


def payload_files(folder: Path) -> dict[str, str]:
    """Return the SHA-512 digest that the manifests give each file of the payload.

    Raises: Failed if a manifest is missing, malformed or lists what is not its to list.
    """
    data, tags = _listed(folder, DATA_MANIFEST), _listed(folder, MANIFEST)
    misplaced = [name for name in data if not name.startswith("data/")]
    misplaced += [name for name in tags if name.startswith("data/") or name in EVIDENCE]
    if misplaced:
        message = f"a manifest lists what is not its own: {', '.join(sorted(misplaced)[:3])}"
        raise Failed(message)
    return {**data, **tags}


def _present(folder: Path) -> set[str]:
    """Return every file of the folder; what is neither file nor folder is a fault, and no link is followed."""
    found = set()
    waiting = [folder]
    while waiting:
        with os.scandir(waiting.pop()) as entries:
            listed = list(entries)
        for entry in listed:
            name = Path(entry.path).relative_to(folder).as_posix()
            if entry.is_symlink():
                message = f"{name} is a symbolic link: a package holds none"
                raise Failed(message)
            if entry.is_dir(follow_symlinks=False):
                waiting.append(Path(entry.path))
            elif entry.is_file(follow_symlinks=False):
                found.add(name)
            else:
                message = f"{name} is no plain file"
                raise Failed(message)
    return found


def sha512_of(path: Path) -> str:
    """Return the SHA-512 digest of a file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha512").hexdigest()


def files_whole(folder: Path, known: Mapping[str, str]) -> str:
    """Hold every file against the manifests; ``known`` holds digests taken while the files were written here.

    Raises: Failed, naming the files.
    """
    listed, present = payload_files(folder), _present(folder)
    extra, missing = present - set(listed) - EVIDENCE, set(listed) - present
    if extra:
        message = "not in the manifest: " + ", ".join(sorted(extra)[:5])
        raise Failed(message)
    if missing:
        message = "missing: " + ", ".join(sorted(missing)[:5]) + ": ask the sender for the package again"
        raise Failed(message)
    names = sorted(listed)
    with ThreadPoolExecutor(HASH_THREADS) as workers:
        found = list(workers.map(lambda name: known.get(name) or sha512_of(folder / name), names))
    altered = [name for name, digest in zip(names, found, strict=True) if digest != listed[name]]
    if altered:
        message = "; ".join(f"{name} was altered" for name in altered[:5])
        raise Failed(message)
    return f"{len(listed)} files"
