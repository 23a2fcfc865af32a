"""Two values of a field beside each other, with only what tells them apart shown: what agrees is told and not written.

A value that is the same on both sides is not needed to decide; where two values are close, the letters that differ are
shown in their places; where little of them agrees, neither is written. Whoever needs the values asks for them, and that
is audited.

Source: Ragan, Kum, Ilangovan and Wang 2018, Balancing Privacy and Information Disclosure in Interactive Record Linkage
with Visual Masking (CHI 2018), which masks what agrees and found decisions about as good with much of it masked.
"""

from __future__ import annotations

from difflib import SequenceMatcher

__all__ = ["HIDDEN", "mask_pair"]

HIDDEN = "•"
DIFFERENT = ("different", "different")
MOST_SHOWN = 0.5
"""Where more than this share of the longer value differs, nothing of either is shown."""


def mask_pair(left: str | None, right: str | None, *, alike: bool = True) -> tuple[str, str]:
    """Return both values as they are shown: a dot for every letter that both have, the others as they are.

    ``alike`` false says that the comparison found nothing in common, whatever letters the values share by chance.

    Nulls:  a missing value is said to be missing and the other to be there.
    """
    if left is None or right is None:
        return _said(left), _said(right)
    if left == right:
        return "the same", "the same"
    if not alike:
        return DIFFERENT
    parts = _by_place(left, right) if len(left) == len(right) else _by_letters(left, right)
    longest = max(len(left), len(right))
    if max(sum(sign != HIDDEN for sign in shown) for shown in parts) > MOST_SHOWN * longest:
        return DIFFERENT
    return parts


def _said(value: str | None) -> str:
    return "not given" if value is None else "given"


def _by_place(left: str, right: str) -> tuple[str, str]:
    pairs = [(HIDDEN, HIDDEN) if a == b else (a, b) for a, b in zip(left, right, strict=True)]
    return "".join(a for a, _ in pairs), "".join(b for _, b in pairs)


def _by_letters(left: str, right: str) -> tuple[str, str]:
    one, other = "", ""
    for same, a, b, c, d in SequenceMatcher(None, left, right, autojunk=False).get_opcodes():
        one += HIDDEN * (b - a) if same == "equal" else left[a:b]
        other += HIDDEN * (d - c) if same == "equal" else right[c:d]
    return one, other
