"""Seals: a file closed for one recipient by age, by HPKE with X-Wing (post-quantum) or by crypt4gh, in streams.

A recipient's key is one line, whose start names the seal: ``age1...``, ``xwing1:`` and ``crypt4gh1:`` with base64. None of
the three says who sealed: the signed statement inside does. A seal that does not open gives one message for every cause.
Source: C2SP age; RFC 9180 with X-Wing (draft-connolly-cfrg-xwing-kem), STREAM of Hoang et al. 2015; GA4GH crypt4gh 1.0.
"""

from __future__ import annotations

import base64
import hashlib
import io
import logging
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import pyrage
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, MLKEM768X25519PrivateKey, MLKEM768X25519PublicKey, Suite

from cld.errors import BadSignature, InputError

__all__ = [
    "SEAL_SUFFIXES",
    "is_sealed",
    "key_fingerprint",
    "new_identity",
    "open_seal",
    "public_key_of",
    "seal_bytes",
    "seal_file",
    "seal_kind",
]

AGE, XWING, CRYPT4GH = "age", "xwing", "crypt4gh"
SEAL_SUFFIXES = {AGE: ".age", XWING: ".hpke", CRYPT4GH: ".c4gh"}
STARTS = {b"age-encryption.org/": AGE, b"-----BEGIN AGE ENC": AGE, b"caregate-hpke/1\n": XWING, b"crypt4gh": CRYPT4GH}
XWING_PUBLIC, XWING_SECRET, CRYPT4GH_PUBLIC = "xwing1:", "XWING-SECRET-KEY-1:", "crypt4gh1:"
XWING_MAGIC = b"caregate-hpke/1\n"
XWING_INFO = b"caregate/package/1"
KEY_BYTES, ML_KEM_SEED_BYTES, ML_KEM_PUBLIC_BYTES = 32, 64, 1184
XWING_EXPANDED_BYTES = 96
WRAPPED_BYTES = 1168
CHUNK, TAG = 1 << 20, 16
CLOSED = "The package does not open: it was altered or cut short, or the key is not its recipient's."


def _suite() -> Suite:
    return Suite(KEM.MLKEM768_X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)


def seal_kind(recipient_key: str) -> str:
    """Say by which seal a recipient's key asks to be served.

    Raises: InputError if it is no such key.
    """
    for start, kind in (("age1", AGE), (XWING_PUBLIC, XWING), (CRYPT4GH_PUBLIC, CRYPT4GH)):
        if recipient_key.startswith(start):
            return kind
    message = "The recipient's key is of no kind that is known."
    raise InputError(message, "Ask the recipient for the line that begins age1, xwing1: or crypt4gh1:.")


def key_fingerprint(recipient_key: str) -> str:
    """Return eight groups of four digits to read out over another channel; half of SHA-256 of the key's line."""
    digest = hashlib.sha256(b"caregate/recipient-key\n" + recipient_key.encode()).hexdigest()[:32].upper()
    return " ".join(digest[place : place + 4] for place in range(0, 32, 4))


def new_identity(kind: str) -> tuple[str, str]:
    """Make a recipient's key pair and return (secret, public), each as the text that people keep.

    Raises: InputError for a kind that is not known.
    """
    if kind == AGE:
        made = pyrage.x25519.Identity.generate()
        return f"{made}\n", str(made.to_public())
    if kind == XWING:
        secret = f"{XWING_SECRET}{_text(os.urandom(KEY_BYTES))}\n"
        return secret, public_key_of(secret)
    if kind == CRYPT4GH:
        raw = _text(b"c4gh-v1\x00\x04none\x00\x04none" + KEY_BYTES.to_bytes(2, "big") + os.urandom(KEY_BYTES))
        secret = f"-----BEGIN CRYPT4GH PRIVATE KEY-----\n{raw}\n-----END CRYPT4GH PRIVATE KEY-----\n"
        return secret, public_key_of(secret)
    message = "There is no such kind of recipient's key."
    raise InputError(message, "Choose age, xwing or crypt4gh.")


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def _secret_line(identity: str) -> str:
    """Return the line of a key file that holds the key; comments begin with a hash."""
    lines = [line.strip() for line in identity.splitlines() if line.strip() and not line.startswith("#")]
    return lines[1] if lines and "CRYPT4GH PRIVATE KEY" in lines[0] and len(lines) > 1 else "".join(lines)


def _xwing_parts(identity: str) -> tuple[MLKEM768PrivateKey, X25519PrivateKey]:
    """Expand the seed of 32 bytes into both secret keys. Source: draft-connolly-cfrg-xwing-kem, section 5.2."""
    seed = base64.b64decode(_secret_line(identity).removeprefix(XWING_SECRET), validate=True)
    if len(seed) != KEY_BYTES:
        message = "an X-Wing seed has 32 bytes"
        raise ValueError(message)
    raw = hashlib.shake_256(seed).digest(XWING_EXPANDED_BYTES)
    first = MLKEM768PrivateKey.from_seed_bytes(raw[:ML_KEM_SEED_BYTES])
    return first, X25519PrivateKey.from_private_bytes(raw[ML_KEM_SEED_BYTES:])


def _crypt4gh_secret(identity: str) -> bytes:
    raw = base64.b64decode(_secret_line(identity), validate=True)
    head = b"c4gh-v1\x00\x04none\x00\x04none\x00\x20"
    if not raw.startswith(head) or len(raw) < len(head) + KEY_BYTES:
        message = "the key is under a passphrase or malformed"
        raise ValueError(message)
    return raw[len(head) : len(head) + KEY_BYTES]


def public_key_of(identity: str) -> str:
    """Return the recipient's key that belongs to a secret one.

    Raises: BadSignature if the secret cannot be read, with the one message of a seal that does not open.
    """
    try:
        line = _secret_line(identity)
        if line.startswith("AGE-SECRET-KEY-1"):
            return str(pyrage.x25519.Identity.from_str(line).to_public())
        if line.startswith(XWING_SECRET):
            kem, curve = _xwing_parts(identity)
            first, second = kem.public_key().public_bytes_raw(), curve.public_key().public_bytes_raw()
            return XWING_PUBLIC + _text(first + second)
        secret = X25519PrivateKey.from_private_bytes(_crypt4gh_secret(identity))
        return CRYPT4GH_PUBLIC + _text(secret.public_key().public_bytes_raw())
    except (ValueError, pyrage.IdentityError) as fault:
        raise BadSignature(CLOSED, "Ask the sender for the package again.") from fault


def is_sealed(path: Path) -> bool:
    """Say whether a file begins as a seal does."""
    with path.open("rb") as stream:
        return _kind_of(stream.read(32)) != ""


def _kind_of(start: bytes) -> str:
    return next((kind for magic, kind in STARTS.items() if start.startswith(magic)), "")


def seal_file(plain: Path, recipient_key: str, sealed: Path) -> None:
    """Seal a file for a recipient, in a stream.

    Raises: InputError if the key is malformed.
    """
    with plain.open("rb") as source, sealed.open("wb") as target:
        _seal(source, recipient_key, target)


def seal_bytes(plain: bytes, recipient_key: str) -> bytes:
    """Seal something short for a recipient, without a file that holds it in clear.

    Raises: InputError if the key is malformed.
    """
    sealed = io.BytesIO()
    _seal(io.BytesIO(plain), recipient_key, sealed)
    return sealed.getvalue()


def _seal(source: BinaryIO, recipient_key: str, target: BinaryIO) -> None:
    kind = seal_kind(recipient_key)
    try:
        if kind == AGE:
            pyrage.encrypt_io(source, target, [pyrage.x25519.Recipient.from_str(recipient_key)])
        elif kind == XWING:
            _seal_xwing(source, target, recipient_key)
        else:
            from crypt4gh.lib import encrypt  # noqa: PLC0415 - a library that few recipients need

            public = base64.b64decode(recipient_key.removeprefix(CRYPT4GH_PUBLIC), validate=True)
            X25519PublicKey.from_public_bytes(public)
            encrypt([(0, os.urandom(KEY_BYTES), public)], source, target)
    except (ValueError, pyrage.RecipientError) as fault:
        message = "The recipient's key is malformed."
        raise InputError(message, "Ask the recipient for the whole line.") from fault


def _seal_xwing(source: BinaryIO, target: BinaryIO, recipient_key: str) -> None:
    raw = base64.b64decode(recipient_key.removeprefix(XWING_PUBLIC), validate=True)
    first = MLKEM768PublicKey.from_public_bytes(raw[:ML_KEM_PUBLIC_BYTES])
    public = MLKEM768X25519PublicKey(first, X25519PublicKey.from_public_bytes(raw[ML_KEM_PUBLIC_BYTES:]))
    file_key = secrets.token_bytes(KEY_BYTES)
    wrapped = _suite().encrypt(file_key, public, XWING_INFO)
    target.write(XWING_MAGIC + wrapped)
    cipher, bound = AESGCM(file_key), hashlib.sha256(XWING_MAGIC + wrapped).digest()
    for nonce, chunk in _numbered(source, CHUNK):
        target.write(cipher.encrypt(nonce, chunk, bound))


def _numbered(source: BinaryIO, size: int) -> Iterator[tuple[bytes, bytes]]:
    """Yield chunks with their nonces: eleven bytes of a counter and one that marks the last. Source: STREAM."""
    chunk, number = source.read(size), 0
    while True:
        after = source.read(size)
        yield number.to_bytes(11, "big") + (b"\x00" if after else b"\x01"), chunk
        if not after:
            return
        chunk, number = after, number + 1


def open_seal(sealed: Path, identity: str, plain: Path) -> str:
    """Open a sealed file and return the kind of its seal.

    Raises: BadSignature; one message for every cause, the wrong key included.
    """
    try:
        with sealed.open("rb") as source, plain.open("wb") as target:
            kind = _kind_of(source.read(32))
            source.seek(0)
            if kind == AGE:
                key = pyrage.x25519.Identity.from_str(_secret_line(identity))
                pyrage.decrypt_io(source, target, [key])
            elif kind == XWING:
                _open_xwing(source, target, identity)
            else:
                logging.getLogger("crypt4gh").setLevel(logging.CRITICAL + 1)  # it would tell causes apart
                from crypt4gh.lib import decrypt  # noqa: PLC0415 - a library that few recipients need

                decrypt([(0, _crypt4gh_secret(identity), None)], source, target)
    except (
        pyrage.DecryptError,
        pyrage.IdentityError,
        InvalidTag,
        OSError,
        EOFError,
        ValueError,
        TypeError,
        LookupError,
    ) as fault:
        plain.unlink(missing_ok=True)
        raise BadSignature(CLOSED, "Ask the sender for the package again.") from fault
    return kind


def _open_xwing(source: BinaryIO, target: BinaryIO, identity: str) -> None:
    head = source.read(len(XWING_MAGIC) + WRAPPED_BYTES)
    file_key = _suite().decrypt(head[len(XWING_MAGIC) :], MLKEM768X25519PrivateKey(*_xwing_parts(identity)), XWING_INFO)
    cipher, bound = AESGCM(file_key), hashlib.sha256(head).digest()
    for nonce, chunk in _numbered(source, CHUNK + TAG):
        target.write(cipher.decrypt(nonce, chunk, bound))
