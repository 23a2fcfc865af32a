"""Which provider a keystore's root is in: settings alone say so, and whoever opens it only answers what is asked."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, assert_never

from cld.canonical import canonical_bytes
from cld.errors import KeyUnavailable
from keys.derivation import Secret
from keys.providers.custody import read_custody, root_of_shares
from keys.providers.file import open_root
from keys.providers.root import HeldRoot, RootKind, RootProvider
from keys.providers.token import TokenPlace, open_token_root

__all__ = ["ROOT_FILE", "SETTINGS", "RootSettings", "Unlocking", "open_provider", "read_settings", "settings_bytes"]

SETTINGS = "provider.json"
ROOT_FILE = "root.json"
NO_TOKEN = TokenPlace("", "", "")


@dataclass(frozen=True, slots=True)
class RootSettings:
    """The kind of provider and, for a token, its place."""

    kind: RootKind
    token: TokenPlace = NO_TOKEN


class Unlocking(Protocol):
    """What opens a root: a person at a keyboard, files that a service's account may read, or a test."""

    def passphrase(self) -> Secret:
        """Return the passphrase of the root's file."""
        ...

    def shares(self) -> Iterable[tuple[Path, Secret]]:
        """Return shares' files, each with its custodian's passphrase."""
        ...

    def pin(self) -> Secret:
        """Return the token's PIN."""
        ...


def settings_bytes(settings: RootSettings) -> bytes:
    """Return the bytes of the settings' file."""
    held: dict[str, object] = {"version": 1, "kind": settings.kind.value}
    if settings.kind is RootKind.TOKEN:
        held |= {"module": settings.token.module, "token": settings.token.token, "key": settings.token.key}
    return canonical_bytes(held)


def read_settings(keystore: Path) -> RootSettings:
    """Read a keystore's settings; a keystore with a root's file and no settings is one of the embedded default.

    Raises: KeyUnavailable for settings that cannot be read, and where there is no root at all.
    """
    if not (keystore / SETTINGS).exists() and (keystore / ROOT_FILE).exists():
        return RootSettings(RootKind.FILE)
    try:
        held = json.loads((keystore / SETTINGS).read_text("utf-8"))
        place = TokenPlace(*(str(held.get(name, "")) for name in ("module", "token", "key")))
        return RootSettings(RootKind(held["kind"]), place)
    except (OSError, ValueError, KeyError, AttributeError, TypeError):
        message = "There is no root here, or its settings cannot be read."
        raise KeyUnavailable(message, "Make one with: caregate keys ceremony.") from None


def open_provider(keystore: Path, unlocking: Unlocking) -> RootProvider:
    """Open a keystore's root, wherever its settings say it is.

    Raises: KeyUnavailable.
    """
    settings = read_settings(keystore)
    match settings.kind:
        case RootKind.FILE:
            return open_root(keystore / ROOT_FILE, unlocking.passphrase())
        case RootKind.SHARES:
            commitments = read_custody(keystore)
            return HeldRoot(root_of_shares(unlocking.shares(), commitments), RootKind.SHARES)
        case RootKind.TOKEN:
            return open_token_root(settings.token, unlocking.pin())
        case _:
            assert_never(settings.kind)
