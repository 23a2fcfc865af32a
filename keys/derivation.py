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

from Crypto.Hash import TupleHash256
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF, HKDFExpand

from cld.secret import Secret

__all__ = [
    "PseudonymDomain",
    "Secret",
    "domain_key",
    "encode_context",
    "expand_input",
    "expand_root",
    "extracted_root",
    "key_encryption_key",
    "label_of",
    "pepper_of",
]

KEY_BYTES = 32


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


def label_of(purpose: str, *parts: bytes, n_bytes: int = 32) -> str:
    """Return the public label of a list of byte strings, in hexadecimal; no other list or purpose has the same.

    Source: NIST SP 800-185, TupleHash256 with the purpose as customisation string.
    """
    made = TupleHash256.new(digest_bytes=n_bytes, custom=purpose.encode())
    for part in parts:
        made.update(part)
    return str(made.hexdigest())


def expand_root(root: Secret, purpose: str, period: Secret | None = None) -> Secret:
    """Derive 32 bytes from a root for one purpose, with the period key as salt where there is one. Source: RFC 5869."""
    context = encode_context(purpose, 1)
    derived = HKDF(SHA256(), KEY_BYTES, salt=None if period is None else period.reveal(), info=context)
    return Secret(derived.derive(root.reveal()))


def extracted_root(root: Secret) -> Secret:
    """Return the extract step of what ``expand_root`` makes without a period: a key for HMAC that stands for the root.

    Source: RFC 5869, section 2.2.
    """
    return Secret(hmac.digest(bytes(KEY_BYTES), root.reveal(), hashlib.sha256))


def expand_input(purpose: str) -> bytes:
    """Return the message whose HMAC under the extracted root is what ``expand_root`` makes for a purpose.

    Source: RFC 5869, section 2.3, the one block of 32 bytes.
    """
    return encode_context(purpose, 1) + b"\x01"


def key_encryption_key(root: Secret, period: Secret) -> Secret:
    """Derive the key that wraps agreement secrets. Source: RFC 5869."""
    return expand_root(root, "caregate/kek", period)


def pepper_of(root: Secret) -> Secret:
    """Derive the pepper that every pseudonym key also needs, so that a leaked agreement secret alone is no use."""
    return expand_root(root, "caregate/pepper")


def domain_key(agreement_secret: Secret, pepper: Secret, domain: PseudonymDomain) -> Secret:
    """Derive the HMAC key of a domain, as its 64 hexadecimal digits. Source: RFC 5869; FIPS 198-1."""
    extracted = Secret(hmac.digest(pepper.reveal(), agreement_secret.reveal(), hashlib.sha256))
    context = encode_context(
        "caregate/pseudonym", 1, domain.recipient, domain.agreement, domain.family, domain.kind, domain.version
    )
    expanded = Secret(HKDFExpand(SHA256(), KEY_BYTES, context).derive(extracted.reveal()))
    return Secret(expanded.reveal().hex().encode())
