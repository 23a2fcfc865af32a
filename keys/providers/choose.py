"""Which provider a keystore's root is in: settings alone say so, and whoever opens it only answers what is asked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, assert_never

from cld.canonical import canonical_bytes
from cld.errors import Conflict, KeyUnavailable
from keys.derivation import Secret
from keys.plain_files import is_there, json_in, read_plain
from keys.providers.custody import read_custody, root_of_shares
from keys.providers.file import open_root, unsealed_root
from keys.providers.imported import open_imported_root
from keys.providers.root import HeldRoot, RootKind, RootProvider
from keys.providers.token import TokenPlace, open_token_root

__all__ = [
    "ROOT_FILE",
    "SETTINGS",
    "RootSettings",
    "Unlocking",
    "open_provider",
    "read_settings",
    "root_to_move",
    "settings_bytes",
]

SETTINGS = "provider.json"
ROOT_FILE = "root.json"
NO_TOKEN = TokenPlace("", "", "")


@dataclass(frozen=True, slots=True)
class RootSettings:
    """The kind of provider and, for a token, its place; ``carried`` is there where the root came into the token from outside."""

    kind: RootKind
    token: TokenPlace = NO_TOKEN
    carried: Mapping[str, bytes] | None = None


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
    if settings.carried is not None:
        held["carried"] = {label: wrapped.hex() for label, wrapped in settings.carried.items()}
    return canonical_bytes(held)


def read_settings(keystore: Path) -> RootSettings:
    """Read a keystore's settings; a keystore with a root's file and no settings is one of the embedded default.

    Raises: KeyUnavailable for settings that cannot be read, and where there is no root at all.
    """
    if not is_there(keystore / SETTINGS) and is_there(keystore / ROOT_FILE):
        return RootSettings(RootKind.FILE)
    try:
        held = json_in(read_plain(keystore / SETTINGS))
        place = TokenPlace(*(str(held.get(name, "")) for name in ("module", "token", "key")))
        carried = held.get("carried")
        return RootSettings(RootKind(held["kind"]), place, None if carried is None else _carried(carried))
    except (OSError, ValueError, KeyError, AttributeError, TypeError):
        message = "There is no root here, or its settings cannot be read."
        raise KeyUnavailable(message, "Make one with: caregate keys ceremony.") from None


def _carried(held: Mapping[str, str]) -> dict[str, bytes]:
    return {label: bytes.fromhex(wrapped) for label, wrapped in held.items()}


def root_to_move(keystore: Path, unlocking: Unlocking) -> tuple[Secret, tuple[Path, ...]]:
    """Open the root itself, for the one ceremony that moves it, with the share files that opened it, if any did.

    Raises: KeyUnavailable; Conflict for a root in a token, which gives it to nobody.
    """
    settings = read_settings(keystore)
    match settings.kind:
        case RootKind.FILE:
            return unsealed_root(keystore / ROOT_FILE, unlocking.passphrase()), ()
        case RootKind.SHARES:
            given = list(unlocking.shares())
            return root_of_shares(given, read_custody(keystore)), tuple(path for path, _ in given)
        case RootKind.TOKEN:
            message = "The root is in a token, which gives it to nobody: it cannot be moved."
            raise Conflict(
                message,
                "Make a new keystore under the provider that you want for new agreements, and keep this token until the "
                "last agreement under it has ended.",
            )
        case _:
            assert_never(settings.kind)


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
            if settings.carried is None:
                return open_token_root(settings.token, unlocking.pin())
            return open_imported_root(settings.token, unlocking.pin(), settings.carried)
        case _:
            assert_never(settings.kind)
