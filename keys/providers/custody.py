"""Custodians' shares as files: each sealed under its custodian's own passphrase, the commitments beside the keystore.

``custody.json`` in the keystore holds no secret: the set's name, the threshold and the commitments. A share's file
holds one share under Argon2id and AES-256-GCM, bound to its set and index, and lies wherever its custodian keeps it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from cld.canonical import canonical_bytes
from cld.clock import Entropy
from cld.errors import InputError, KeyUnavailable
from keys.derivation import Secret, encode_context
from keys.plain_files import json_in, read_plain
from keys.providers.shares import Commitments, Share, combine, require_plan
from keys.wrapping import seal, unseal

__all__ = ["CUSTODY", "custody_bytes", "open_share", "read_custody", "root_of_shares", "share_bytes", "share_name"]

CUSTODY = "custody.json"
VERSION = 1


def share_name(commitments: Commitments, index: int) -> str:
    """Return a share's file name: its set's name keeps the shares of two sets apart."""
    return f"caregate-share-{index}-of-{len(commitments.shares)}-{commitments.set_id[:8]}.json"


def _purpose(set_id: str, index: int) -> bytes:
    return encode_context("caregate/share", VERSION, set_id, index)


def share_bytes(share: Share, commitments: Commitments, passphrase: Secret, entropy: Entropy) -> bytes:
    """Return the bytes of a share's file."""
    set_id = commitments.set_id
    sealed = seal(share.content, passphrase, _purpose(set_id, share.index), entropy, f"share {share.index}")
    return canonical_bytes({"version": VERSION, "set": set_id, "index": share.index, **sealed})


def index_in(path: Path, commitments: Commitments) -> int:
    """Return the index that a share's file says it has.

    Raises: KeyUnavailable if it is no share's file, or one of another set.
    """
    try:
        held = json_in(path.read_bytes())
        index, set_id = int(held["index"]), str(held["set"])
    except (OSError, ValueError, KeyError, TypeError):
        index, set_id = 0, ""
    if set_id != commitments.set_id or not 1 <= index <= len(commitments.shares):
        message = f"{path.name} is no share of this keystore."
        raise KeyUnavailable(message, "Give the file of the ceremony that is in force.")
    return index


def open_share(path: Path, passphrase: Secret, commitments: Commitments) -> Share:
    """Open a share's file.

    Raises: KeyUnavailable, naming the share, with one message for a wrong passphrase and a damaged file alike.
    """
    index = index_in(path, commitments)
    content = unseal(json_in(path.read_bytes()), passphrase, _purpose(commitments.set_id, index))
    if content is None:
        message = f"Share {index} does not open."
        raise KeyUnavailable(message, "Check its custodian's passphrase; if it is right, take the other copy.")
    return Share(index, content)


def custody_bytes(commitments: Commitments) -> bytes:
    """Return the bytes of the custody file."""
    return canonical_bytes(
        {
            "version": VERSION,
            "set": commitments.set_id,
            "threshold": commitments.threshold,
            "shares": list(commitments.shares),
            "root": commitments.root,
        }
    )


def read_custody(keystore: Path) -> Commitments:
    """Read the commitments of the set in force.

    Raises: KeyUnavailable if the file is missing or damaged.
    """
    try:
        held = json_in(read_plain(keystore / CUSTODY))
        if not isinstance(held["shares"], list):
            raise TypeError
        labels = tuple(str(label) for label in held["shares"])
        require_plan(int(held["threshold"]), len(labels))
        return Commitments(str(held["set"]), int(held["threshold"]), labels, str(held["root"]))
    except (OSError, ValueError, KeyError, TypeError, InputError):
        message = "The keystore's custody file cannot be read."
        raise KeyUnavailable(message, "Restore it from the backup; it holds no secret.") from None


def root_of_shares(given: Iterable[tuple[Path, Secret]], commitments: Commitments) -> Secret:
    """Open shares' files, each with its custodian's passphrase, and give the root back.

    Raises: KeyUnavailable, as ``open_share`` and ``combine`` do; a file given twice is named before it is opened.
    """
    files = list(given)
    _refuse_twice([index_in(path, commitments) for path, _ in files])
    shares: Sequence[Share] = [open_share(path, passphrase, commitments) for path, passphrase in files]
    return combine(shares, commitments)


def _refuse_twice(indexes: Sequence[int]) -> None:
    twice = sorted({index for index in indexes if indexes.count(index) > 1})
    if twice:
        message = f"Share {', '.join(map(str, twice))}: given twice."
        raise KeyUnavailable(message, "Each custodian gives one share, once.")
