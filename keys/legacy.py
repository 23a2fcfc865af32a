"""LEGACY, not for new agreements: the values of OpenPseudonymiser 0.9.7, so that its users can move away from it.

A plain SHA-256 of the values joined without a separator and the salt joined behind, in capitals. Two values can run
together, the salt is the only secret and is shared by all who hold it, and whoever has it can try all NHS numbers in
minutes: nothing here protects anybody, and no agreement is keyed with it.

Source: openpseudonymiser.org, FAQ; OpenPseudonymiser CryptoLib 0.9.7, class Crypto (values in the order of their names, blanks
removed from the values, salt trimmed and appended, UTF-8, hexadecimal capitals).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import pyarrow as pa

from keys.derivation import Secret

__all__ = ["legacy_digest", "legacy_digests"]

BLANKS = str.maketrans("", "", "\r\n\t ")


def _order(name: str) -> str:
    """The order of .NET, which puts small letters before capitals: the names' letters are exchanged and then sorted."""
    return name.swapcase()


def legacy_digest(values: Mapping[str, str], salt: str) -> str:
    """Return the legacy digest of named values.

    Source: OpenPseudonymiser CryptoLib 0.9.7, Crypto.GetDigest.
    """
    joined = "".join(values[name] for name in sorted(values, key=_order)).translate(BLANKS)
    return hashlib.sha256((joined + salt.strip()).encode()).hexdigest().upper()


def legacy_digests(columns: Mapping[str, pa.Array], salt: Secret) -> pa.Array:
    """Return the legacy digests of rows, null where every value is missing.

    Shape:  in columns of n texts by name; out n digests.
    """
    words, names = salt.reveal().decode(), sorted(columns)
    rows = zip(*(columns[name].to_pylist() for name in names), strict=True)
    made = [
        legacy_digest({name: value or "" for name, value in zip(names, row, strict=True)}, words) if any(row) else None
        for row in rows
    ]
    return pa.array(made, pa.string())
