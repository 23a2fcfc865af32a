"""Custodians' shares: a root split so that any ``threshold`` of them give it back and fewer give nothing.

Shamir's scheme over GF(2^128) shares 16 bytes, so the root's two halves are shared by two polynomials under one index.
The scheme itself notices nothing: too few shares, or one altered share, combine to a wrong secret without a word. So
every share and the root have a commitment, held openly beside the keystore: a share that is not the one that was
made is named, and what combines to anything but the root is refused.

Source: Shamir 1979, How to share a secret; NIST SP 800-185 (TupleHash256, the commitments). Assumes: a commitment to 32
random bytes hides them, and with two shares known each half of the root is still one of 2^128, which the commitments,
made over both halves at once, do not let anybody try one half at a time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from Crypto.Protocol.SecretSharing import Shamir

from cld.errors import InputError, KeyUnavailable
from keys.derivation import KEY_BYTES, Secret, label_of

__all__ = ["Commitments", "Share", "combine", "commit_share", "require_plan", "split"]

HALF_BYTES = 16
LEAST_THRESHOLD = 2
MOST_SHARES = 16


@dataclass(frozen=True, slots=True)
class Share:
    """One custodian's part of a root: the index (from 1) and 32 secret bytes."""

    index: int
    content: Secret


@dataclass(frozen=True, slots=True)
class Commitments:
    """What may be known of a set of shares: its name, how many open it, and labels of each share and of the root."""

    set_id: str
    threshold: int
    shares: tuple[str, ...]
    root: str


def require_plan(threshold: int, n_shares: int) -> None:
    """Hold a plan of custody to sense.

    Raises: InputError unless 2 <= threshold <= n_shares <= 16.
    """
    if not LEAST_THRESHOLD <= threshold <= n_shares <= MOST_SHARES:
        message = f"{threshold} of {n_shares} custodians is no plan."
        raise InputError(message, f"At least {LEAST_THRESHOLD} open a root, of at most {MOST_SHARES}.")


def commit_share(set_id: str, share: Share) -> str:
    """Return the label of a share."""
    return label_of("caregate/share", set_id.encode(), bytes([share.index]), share.content.reveal())


def _commit_root(set_id: str, root: Secret) -> str:
    return label_of("caregate/root", set_id.encode(), root.reveal())


def _half(root: Secret, place: int) -> Secret:
    return Secret(root.reveal()[place * HALF_BYTES : (place + 1) * HALF_BYTES])


def _shares_of_half(half: Secret, threshold: int, n_shares: int) -> list[Secret]:
    return [Secret(part) for _, part in Shamir.split(threshold, n_shares, half.reveal())]


def split(root: Secret, threshold: int, n_shares: int, set_id: str) -> tuple[tuple[Share, ...], Commitments]:
    """Split a root of 32 bytes into shares of 32 bytes; ``set_id`` is a fresh public name of this set of shares.

    Raises: InputError for a senseless plan. Source: Shamir 1979.
    """
    require_plan(threshold, n_shares)
    halves = [_shares_of_half(_half(root, place), threshold, n_shares) for place in (0, 1)]
    shares = tuple(
        Share(index, Secret(first.reveal() + second.reveal()))
        for index, (first, second) in enumerate(zip(*halves, strict=True), start=1)
    )
    labels = tuple(commit_share(set_id, share) for share in shares)
    return shares, Commitments(set_id, threshold, labels, _commit_root(set_id, root))


def _named(indexes: Sequence[int]) -> str:
    listed = ", ".join(str(index) for index in sorted(indexes))
    return f"Share {listed}" if len(indexes) == 1 else f"Shares {listed}"


def _require_sound(shares: Sequence[Share], commitments: Commitments) -> None:
    """Name every share given twice, every wrong one, and how many are missing."""
    indexes = [share.index for share in shares]
    twice = sorted({index for index in indexes if indexes.count(index) > 1})
    if twice:
        message = f"{_named(twice)}: given twice."
        raise KeyUnavailable(message, "Each custodian gives one share, once.")
    wrong = [share.index for share in shares if not _is_of(share, commitments)]
    if wrong:
        message = f"{_named(wrong)}: altered, or of another root."
        raise KeyUnavailable(message, "Take the custodian's other copy, or another custodian.")
    if len(shares) < commitments.threshold:
        message = f"{len(shares)} shares were given; {commitments.threshold} open this root."
        raise KeyUnavailable(message, "Ask more custodians.")


def _is_of(share: Share, commitments: Commitments) -> bool:
    known = 1 <= share.index <= len(commitments.shares) and len(share.content.reveal()) == KEY_BYTES
    return known and commit_share(commitments.set_id, share) == commitments.shares[share.index - 1]


def _combined_half(shares: Sequence[Share], place: int) -> Secret:
    return Secret(Shamir.combine([(share.index, _half(share.content, place).reveal()) for share in shares]))


def combine(shares: Sequence[Share], commitments: Commitments) -> Secret:
    """Give the root back from its shares.

    Raises: KeyUnavailable for a share given twice, for a share that is not of this set (each is named), for too few,
    and where what combines is not the root.
    Source: Shamir 1979.
    """
    _require_sound(shares, commitments)
    used = shares[: commitments.threshold]
    root = Secret(_combined_half(used, 0).reveal() + _combined_half(used, 1).reveal())
    if _commit_root(commitments.set_id, root) != commitments.root:
        message = "The shares do not give this keystore's root."
        raise KeyUnavailable(message, "Restore the keystore's custody file.")
    return root
