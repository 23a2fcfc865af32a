"""Certificates of destruction: what was destroyed, when, by whom, and whose signature says so.

A certificate proves that its signer says so and that nothing in it was altered since. That no copy of the wrapped bytes
and the period key together is left anywhere is what the keystore's custodians answer for; ``period_key`` says for each
version whether the period key has ended too, which alone ends old backups.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from cld.canonical import canonical_bytes
from cld.errors import BadSignature

__all__ = ["CertificateSigner", "KeySigner", "require_certificate", "signed_certificate"]

PURPOSE = b"caregate/destruction/1\n"


class CertificateSigner(Protocol):
    """Whoever signs certificates: the house's release key, or a signer handed in."""

    def public_key(self) -> str:
        """Return the 32 bytes of the public key in hexadecimal."""
        ...

    def sign(self, content: bytes) -> bytes:
        """Return an Ed25519 signature."""
        ...


class KeySigner:
    """A signer with an Ed25519 key in this process."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        """Sign with a key."""
        self._key = key

    def public_key(self) -> str:
        """Return the public key in hexadecimal."""
        return self._key.public_key().public_bytes_raw().hex()

    def sign(self, content: bytes) -> bytes:
        """Sign."""
        return self._key.sign(content)


def signed_certificate(facts: Mapping[str, Any], signer: CertificateSigner) -> bytes:
    """Return a certificate's file for the facts that ``KeyStore.destroy`` gave. Source: RFC 8032; RFC 8785."""
    signature = signer.sign(PURPOSE + canonical_bytes(dict(facts)))
    return canonical_bytes(
        {"certificate": dict(facts), "public_key": signer.public_key(), "signature": signature.hex(), "type": "Ed25519"}
    )


def require_certificate(content: bytes, public_key: str) -> dict[str, Any]:
    """Return the facts of a certificate that a known key signed.

    Raises: BadSignature, with one message for another signer, an altered certificate and no certificate at all.
    """
    try:
        held = json.loads(content)
        facts: dict[str, Any] = held["certificate"]
        key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(public_key))
        key.verify(bytes.fromhex(held["signature"]), PURPOSE + canonical_bytes(facts))
    except (InvalidSignature, ValueError, KeyError, TypeError) as fault:
        message = "The certificate does not verify."
        raise BadSignature(message, "Ask the house for it again, and for its release key by another road.") from fault
    return facts
