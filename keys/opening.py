"""What a root opens of a keystore, counted: the proof that another provider's root is the same, secret by secret."""

from __future__ import annotations

from pathlib import Path

from cld.errors import KeyUnavailable
from keys.derivation import Secret
from keys.periods import Periods
from keys.plain_files import is_there, read_plain
from keys.providers.root import RootProvider
from keys.records import KeyVersion, read_record, record_names
from keys.wrapping import unwrap

__all__ = ["ROOT_ID", "n_opened", "require_own_root"]

ROOT_ID = "root-id"


def require_own_root(keystore: Path, root: RootProvider) -> None:
    """Hold that a root is the one that a keystore belongs to; one that was never used belongs to none yet.

    Raises: KeyUnavailable.
    """
    path = keystore / ROOT_ID
    if is_there(path) and read_plain(path) != root.root_id().encode():
        message = "This root is not the one that the keystore belongs to."
        raise KeyUnavailable(message, "Open the keystore's own root.")


def n_opened(keystore: Path, root: RootProvider, periods: Periods) -> int:
    """Return how many wrapped secrets of a keystore a root opens, with the period keys that are there.

    Raises: KeyUnavailable for a record or a period key that is damaged.
    """
    keks: dict[str, Secret] = {}
    living = frozenset(periods.names())

    def opens(version: KeyVersion) -> bool:
        if not version.wrapped or version.period not in living:
            return False
        if version.period not in keks:
            keks[version.period] = root.key_encryption_key(periods.key(version.period))
        return unwrap(keks[version.period], version.wrapped) is not None

    names = record_names(keystore)
    return sum(opens(version) for name in names for version in read_record(keystore, name).versions)
