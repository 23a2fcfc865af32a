"""Keys from keys: length-prefixed contexts, HKDF and AES key wrap, exactly as the construction CLD-P1 says.

::

    KEK   = HKDF-SHA-256(ikm = root, salt = period key, info = enc("caregate/kek", 1))
    S_a   = 32 random bytes of an agreement, kept only as AES-KW(KEK, S_a)
    PRK_a = HKDF-Extract(salt = HKDF(root, "caregate/pepper", 1), ikm = S_a)
    K     = HKDF-Expand(PRK_a, enc("caregate/pseudonym", 1, recipient, agreement, family, kind, version), 32)
    key of the HMAC = the 64 lower-case hexadecimal digits of K

Source: RFC 5869 (HKDF), RFC 3394 (AES key wrap); shared research on keys, section 2.2.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF, HKDFExpand

__all__ = ["PseudonymDomain", "Secret", "domain_key", "encode_context", "key_encryption_key"]

KEY_BYTES = 32


class Secret:
    """Key bytes that do not show, compare, copy or pickle; ``reveal`` is the one way to them."""

    __slots__ = ("_content",)

    def __init__(self, content: bytes) -> None:
        """Hold the bytes."""
        self._content = content

    def __repr__(self) -> str:
        """Show nothing."""
        return "Secret(...)"

    def __reduce__(self) -> str:
        """Refuse to be pickled or copied.

        Raises: TypeError always.
        """
        message = "a secret is not written down"
        raise TypeError(message)

    def reveal(self) -> bytes:
        """Return the bytes, for the one call that needs them."""
        return self._content


@dataclass(frozen=True, slots=True)
class PseudonymDomain:
    """Where a pseudonym holds: recipient, agreement, data set family, identifier kind, key version."""

    recipient: str
    agreement: str
    family: str
    kind: str
    version: int = 1


def encode_context(*items: str | int) -> bytes:
    """Write a list so that no two lists look alike: four length bytes before each item."""
    parts = [str(item).encode() for item in items]
    return b"".join(len(part).to_bytes(4, "big") + part for part in parts)


def key_encryption_key(root: Secret, period: Secret) -> Secret:
    """Derive the key that wraps agreement secrets. Source: RFC 5869."""
    derived = HKDF(SHA256(), KEY_BYTES, salt=period.reveal(), info=encode_context("caregate/kek", 1))
    return Secret(derived.derive(root.reveal()))


def pepper_of(root: Secret) -> Secret:
    """Derive the pepper that every pseudonym key also needs, so that a leaked agreement secret alone is no use."""
    derived = HKDF(SHA256(), KEY_BYTES, salt=None, info=encode_context("caregate/pepper", 1))
    return Secret(derived.derive(root.reveal()))


def domain_key(agreement_secret: Secret, pepper: Secret, domain: PseudonymDomain) -> Secret:
    """Derive the HMAC key of a domain, as its 64 hexadecimal digits. Source: RFC 5869; FIPS 198-1."""
    extracted = hmac.digest(pepper.reveal(), agreement_secret.reveal(), hashlib.sha256)
    context = encode_context(
        "caregate/pseudonym", 1, domain.recipient, domain.agreement, domain.family, domain.kind, domain.version
    )
    expanded = HKDFExpand(SHA256(), KEY_BYTES, context).derive(extracted)
    return Secret(expanded.hex().encode())
