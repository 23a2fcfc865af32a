"""Keys of an exchange, all from one secret of 32 bytes, and the hashes made with them.

::

    enc(a, b, ...) = each item as UTF-8 behind four big-endian length bytes
    K(purpose, field) = HKDF-SHA-256(ikm = secret, no salt, info = enc("caregate/encoded", 1, scheme digest, purpose, field))
    positions of a token = HMAC-SHA-256(K("positions", field), enc(salt, token, block)), block 0, 1, ...,
        as big-endian 16-bit numbers modulo the filter length
    exact key = the first 16 bytes of HMAC-SHA-256(K("key", name), enc(part, part, ...))

Source: RFC 5869 (HKDF); RFC 2104 and FIPS 198-1 (HMAC); Schnell, Bachteler and Reiher 2009, with HMAC for the hashes.
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES256
from cryptography.hazmat.primitives.ciphers.modes import CTR
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from cld.errors import KeyUnavailable
from linkage.encoded.scheme import EncodingScheme

__all__ = ["KEY_BYTES", "TAG_VALUES", "Keyring", "encode_context"]

SECRET_BYTES = 32
KEY_BYTES = 16
CHECK_BYTES = 16
NUMBERS_IN_BLOCK = 16
TAG_VALUES = 16
Positions = npt.NDArray[np.uint16]


def encode_context(*items: str | int) -> bytes:
    """Write a list so that no two lists look alike: four length bytes before each item."""
    parts = [str(item).encode() for item in items]
    return b"".join(len(part).to_bytes(4, "big") + part for part in parts)


@dataclass(frozen=True, slots=True)
class Keyring:
    """The secret of one exchange with one partner, and its scheme; shows nothing of the secret.

    Raises: KeyUnavailable unless the secret has 32 bytes that are not all alike.
    """

    secret: bytes = field(repr=False)
    scheme: EncodingScheme

    def __post_init__(self) -> None:
        """Refuse a secret that is none."""
        if len(self.secret) != SECRET_BYTES or len(set(self.secret)) == 1:
            message = "The secret of an encoding has 32 random bytes."
            raise KeyUnavailable(message, "Draw 32 random bytes for this exchange and give both partners the same.")

    def derive(self, purpose: str, name: str = "") -> bytes:
        """Derive the key of a purpose and a field. Source: RFC 5869."""
        info = encode_context("caregate/encoded", 1, self.scheme.digest, purpose, name)
        return HKDF(SHA256(), SECRET_BYTES, salt=None, info=info).derive(self.secret)

    def check_value(self) -> str:
        """Return what two files share exactly if their secret and scheme are the same; it tells nothing of either."""
        return hmac.digest(self.derive("check"), b"caregate/encoded/check", "sha256")[:CHECK_BYTES].hex()

    def positions(self, name: str, tokens: Sequence[tuple[str, str]], n_hashes: int) -> Positions:
        """Return the bit positions of tokens (salt, token) of a field.

        Shape:  in t distinct tokens; out t rows x n_hashes.
        Source: RFC 2104; a 16-bit number modulo a power of two favours no position.
        """
        key = self.derive("positions", name)
        n_blocks = -(-n_hashes // NUMBERS_IN_BLOCK)
        stream = b"".join(
            hmac.digest(key, encode_context(salt, token, block), "sha256")
            for salt, token in tokens
            for block in range(n_blocks)
        )
        numbers = np.frombuffer(stream, dtype=">u2").reshape(len(tokens), n_blocks * NUMBERS_IN_BLOCK)
        return np.ascontiguousarray(numbers[:, :n_hashes] % np.uint16(self.scheme.n_bits)).astype(np.uint16)

    def diffusion(self, name: str) -> Positions:
        """Return, for each bit that travels, the different source positions whose XOR it is.

        Shape:  n_bits rows x n_diffused.
        Source: Armknecht, Heng and Schnell 2023, a linear diffusion layer; here its index sets follow from the key.
        """
        n_bits, n_joined = self.scheme.n_bits, self.scheme.n_diffused
        order = np.argsort(
            self._numbers("diffusion", name, n_bits * n_bits).reshape(n_bits, n_bits), axis=1, kind="stable"
        )
        return order[:, :n_joined].astype(np.uint16)

    def noise(self, name: str, nonce: bytes, shape: tuple[int, int]) -> npt.NDArray[np.uint8]:
        """Return BLIP's bits to flip, one in ``flips_per_thousand`` on average.

        Source: Schnell and Borgs 2016 (BLIP); AES-256 in counter mode (SP 800-38A) as the stream of numbers.
        """
        threshold = round(self.scheme.flips_per_thousand * 65_536 / 1_000)
        numbers = self._numbers("noise", name, shape[0] * shape[1], nonce)
        return (numbers < threshold).astype(np.uint8).reshape(shape)

    def exact_key(self, name: str, parts: Sequence[str]) -> bytes:
        """Return the keyed hash of the parts of an exact key. Source: RFC 2104, cut to 128 bits."""
        return hmac.digest(self.derive("key", name), encode_context(*parts), "sha256")[:KEY_BYTES]

    def exact_keys(self, name: str, values: Sequence[Sequence[str]]) -> list[bytes]:
        """Return the keyed hashes of many distinct lists of parts."""
        key = self.derive("key", name)
        return [hmac.digest(key, encode_context(*parts), "sha256")[:KEY_BYTES] for parts in values]

    def salt_tag(self, salt: str) -> int:
        """Return one of 16 tags of a salt: unlike tags mean unlike salts, like tags say little."""
        return hmac.digest(self.derive("salt_tag"), encode_context(salt), "sha256")[0] % TAG_VALUES

    def _numbers(self, purpose: str, name: str, n: int, nonce: bytes = bytes(16)) -> npt.NDArray[np.uint16]:
        stream = Cipher(AES256(self.derive(purpose, name)), CTR(nonce)).encryptor().update(bytes(2 * n))
        return np.frombuffer(stream, dtype=">u2").astype(np.uint16)
