"""The root in an encrypted file: Argon2id over a passphrase, AES-256-GCM over the root. The embedded default."""

from __future__ import annotations

from pathlib import Path

from cld.canonical import canonical_bytes
from cld.clock import Entropy
from cld.errors import Conflict, KeyUnavailable
from cld.shelf import atomic_write
from keys.derivation import KEY_BYTES, Secret
from keys.plain_files import json_in, read_plain
from keys.providers.root import HeldRoot
from keys.wrapping import seal, unseal

__all__ = ["create_root", "open_root", "sealed_root", "unsealed_root"]

PURPOSE = b"caregate/root/1"


def sealed_root(root: Secret, passphrase: Secret, entropy: Entropy) -> bytes:
    """Return the bytes of a root's file."""
    return canonical_bytes({"version": 1, **seal(root, passphrase, PURPOSE, entropy, "root")})


def create_root(path: Path, passphrase: Secret, entropy: Entropy) -> HeldRoot:
    """Make a root and seal it under a passphrase. Source: RFC 9106 (Argon2id).

    Raises: Conflict if there is one already.
    """
    if path.exists():
        message = "There is a root already."
        raise Conflict(message, "Open it, or choose an empty keystore.")
    root = Secret(entropy.secret_bytes(KEY_BYTES, "root"))
    atomic_write(path, sealed_root(root, passphrase, entropy))
    path.chmod(0o600)
    return HeldRoot(root)


def open_root(path: Path, passphrase: Secret) -> HeldRoot:
    """Open a sealed root.

    Raises: KeyUnavailable, with one message for a wrong passphrase and a damaged or missing file alike.
    """
    return HeldRoot(unsealed_root(path, passphrase))


def unsealed_root(path: Path, passphrase: Secret) -> Secret:
    """Return a sealed root itself, for the one ceremony that moves it elsewhere.

    Raises: KeyUnavailable, as ``open_root`` does.
    """
    try:
        held = json_in(read_plain(path))
    except (OSError, ValueError):
        held = {}
    root = unseal(held, passphrase, PURPOSE) if isinstance(held, dict) else None
    if root is None:
        message = "The root does not open."
        raise KeyUnavailable(message, "Check the passphrase; if it is right, restore the file.")
    return root
