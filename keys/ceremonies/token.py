"""The ceremony of a token: the token makes the root itself, and the keystore's settings then name its place."""

from __future__ import annotations

from pathlib import Path

from keys.ceremonies.making import CeremonyResult, Dialogue, require_empty, whole_or_nothing
from keys.derivation import Secret
from keys.providers.choose import SETTINGS, RootSettings, settings_bytes
from keys.providers.root import RootKind
from keys.providers.token import TokenPlace, create_token_root, remove_token_root

__all__ = ["token_ceremony"]

TRIAL = "-dry-run"


def token_ceremony(keystore: Path, place: TokenPlace, dialogue: Dialogue, *, dry_run: bool) -> CeremonyResult:
    """Let a token make a root; a dry run makes one of another name, uses it and takes it out again.

    Raises: Conflict if the keystore or the token has a root of that name; KeyUnavailable.
    """
    require_empty(keystore)
    dialogue.say(f"The token {place.token} makes a root that it will not give out.")
    with whole_or_nothing(dialogue, dry_run=dry_run, left="There is no root.") as together:
        pin = dialogue.passphrase("the token (its PIN)")
        used = TokenPlace(place.module, place.token, place.key + TRIAL) if dry_run else place
        root = create_token_root(used, pin)
        together.on_abandon(lambda: remove_token_root(used, pin))
        root.key_encryption_key(Secret(bytes(32)))
        root_id = root.root_id()
        together.stage(keystore / SETTINGS, settings_bytes(RootSettings(RootKind.TOKEN, place)))
    return CeremonyResult(RootKind.TOKEN, dry_run, "" if dry_run else root_id, 1, 0, ())
