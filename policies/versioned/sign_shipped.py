"""Sign the shipped versions anew after a change: ``python -m policies.versioned.sign_shipped``.

Two keys are drawn, sign, and are thrown away; their public halves stand in ``trusted_signers``. They say that the files
are those that the project shipped, and not that any authority agreed: an organisation puts its own people's public keys
there instead and has two of them sign (``caregate policy sign-version``).
"""

from __future__ import annotations

import argparse
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cld.shelf import atomic_write
from policies.versioned.manifest import MANIFEST, SIGNERS, read_manifest, sign_version
from policies.versioned.versions import SHIPPED, all_versions

__all__ = ["sign_shipped"]

PROJECT = ("caregate-project-1", "caregate-project-2")


def sign_shipped(root: Path) -> tuple[str, ...]:
    """Sign every version below a folder with two keys drawn for it; return their digests."""
    keys = {person: Ed25519PrivateKey.generate() for person in PROJECT}
    (root / SIGNERS).mkdir(exist_ok=True)
    for person, key in keys.items():
        atomic_write(root / SIGNERS / f"{person}.pub", key.public_key().public_bytes_raw().hex().encode() + b"\n")
    for folder in sorted(path.parent for path in root.glob("*/*/policies.cedar")):
        held = read_manifest(folder) if (folder / MANIFEST).is_file() else None
        dates = {"to": held.effective_to, "superseded_by": held.superseded_by} if held is not None else {}
        for person, key in keys.items():
            sign_version(folder, person, key, **dates)
    return tuple(version.digest for version in all_versions.__wrapped__(root))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("root", nargs="?", type=Path, default=SHIPPED)
    for digest in sign_shipped(parser.parse_args().root):
        print(digest)  # noqa: T201 - the answer of a command
