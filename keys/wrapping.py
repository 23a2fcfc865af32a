"""AES key wrap and passphrase seals over secrets; no plain bytes stand in a local variable here.

Source: RFC 3394 (AES key wrap); RFC 9106 (Argon2id); NIST SP 800-38D (AES-GCM).
"""

from __future__ import annotations

from collections.abc import Mapping

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap

from cld.clock import Entropy
from keys.derivation import KEY_BYTES, Secret

__all__ = ["seal", "unseal", "unwrap", "wrap"]

ARGON2_MEMORY_KIB = 65_536
ARGON2_PASSES = 3
ARGON2_LANES = 4


def wrap(kek: Secret, secret: Secret) -> bytes:
    """Wrap a secret under a key-encryption key. Source: RFC 3394."""
    return aes_key_wrap(kek.reveal(), secret.reveal())


def unwrap(kek: Secret, wrapped: bytes) -> Secret | None:
    """Unwrap a secret; None if the bytes were not wrapped under this key. Source: RFC 3394."""
    try:
        return Secret(aes_key_unwrap(kek.reveal(), wrapped))
    except (InvalidUnwrap, ValueError):
        return None


def _cipher(passphrase: Secret, salt: bytes) -> AESGCM:
    derived = Argon2id(
        salt=salt, length=KEY_BYTES, iterations=ARGON2_PASSES, lanes=ARGON2_LANES, memory_cost=ARGON2_MEMORY_KIB
    )
    return AESGCM(derived.derive(passphrase.reveal()))


def seal(secret: Secret, passphrase: Secret, purpose: bytes, entropy: Entropy, label: str) -> dict[str, str]:
    """Seal a secret under a passphrase, bound to a purpose; all values are hexadecimal. Source: RFC 9106, SP 800-38D."""
    salt, nonce = entropy.secret_bytes(16, f"{label} salt"), entropy.secret_bytes(12, f"{label} nonce")
    sealed = _cipher(passphrase, salt).encrypt(nonce, secret.reveal(), purpose)
    return {"salt": salt.hex(), "nonce": nonce.hex(), "sealed": sealed.hex()}


def unseal(held: Mapping[str, object], passphrase: Secret, purpose: bytes) -> Secret | None:
    """Open what ``seal`` made; None for a wrong passphrase, another purpose and any damage alike."""
    try:
        salt, nonce, sealed = (bytes.fromhex(str(held[name])) for name in ("salt", "nonce", "sealed"))
        return Secret(_cipher(passphrase, salt).decrypt(nonce, sealed, purpose))
    except (KeyError, ValueError, InvalidTag):
        return None
