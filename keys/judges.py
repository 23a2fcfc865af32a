"""Each primitive in use, once from ``cryptography`` and once from ``pycryptodome``: the pairs that the self-test compares.

Two primitives have one library each, and their judge is the published answer alone: Argon2id (pycryptodome has none) and
TupleHash256 (cryptography has none).
"""

from __future__ import annotations

from collections.abc import Callable

from Crypto.Cipher import AES
from Crypto.Hash import HMAC as SecondHMAC
from Crypto.Hash import SHA256 as SecondSHA256
from Crypto.Hash import SHA512 as SecondSHA512
from Crypto.Hash import TupleHash256
from Crypto.Protocol.KDF import HKDF as second_hkdf
from Crypto.Protocol.KDF import SP800_108_Counter
from Crypto.PublicKey import ECC
from Crypto.Signature import eddsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256, SHA512, Hash
from cryptography.hazmat.primitives.hmac import HMAC
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.kdf.kbkdf import KBKDFHMAC, CounterLocation, Mode
from cryptography.hazmat.primitives.keywrap import aes_key_unwrap, aes_key_wrap

__all__ = ["JUDGES", "Case", "Judge"]

Case = dict[str, str]
Judge = Callable[[Case], bytes]


def _bytes(case: Case, name: str) -> bytes:
    return bytes.fromhex(case[name])


def _hmac_first(case: Case) -> bytes:
    made = HMAC(_bytes(case, "key"), SHA256())
    made.update(_bytes(case, "data"))
    return made.finalize()


def _hmac_second(case: Case) -> bytes:
    return SecondHMAC.new(_bytes(case, "key"), _bytes(case, "data"), SecondSHA256).digest()


def _hkdf_first(case: Case) -> bytes:
    made = HKDF(SHA256(), int(case["length"]), salt=_bytes(case, "salt"), info=_bytes(case, "info"))
    return made.derive(_bytes(case, "key"))


def _hkdf_second(case: Case) -> bytes:
    made = second_hkdf(
        _bytes(case, "key"), int(case["length"]), _bytes(case, "salt"), SecondSHA256, context=_bytes(case, "info")
    )
    return bytes(made)


def _counter_first(case: Case) -> bytes:
    made = KBKDFHMAC(
        algorithm=SHA256(), mode=Mode.CounterMode, length=int(case["length"]), rlen=4, llen=4,
        location=CounterLocation.BeforeFixed, label=_bytes(case, "label"), context=_bytes(case, "context"), fixed=None,
    )  # fmt: skip
    return made.derive(_bytes(case, "key"))


def _hmac_sha256(key: bytes, message: bytes) -> bytes:
    return SecondHMAC.new(key, message, SecondSHA256).digest()


def _counter_second(case: Case) -> bytes:
    made = SP800_108_Counter(
        _bytes(case, "key"),
        int(case["length"]),
        _hmac_sha256,
        label=_bytes(case, "label"),
        context=_bytes(case, "context"),
    )
    return bytes(made) if isinstance(made, bytes) else b""


def _wrap_first(case: Case) -> bytes:
    wrapped = aes_key_wrap(_bytes(case, "key"), _bytes(case, "data"))
    return wrapped if aes_key_unwrap(_bytes(case, "key"), wrapped) == _bytes(case, "data") else b""


def _wrap_second(case: Case) -> bytes:
    wrapped = bytes(AES.new(_bytes(case, "key"), AES.MODE_KW).seal(_bytes(case, "data")))
    return wrapped if AES.new(_bytes(case, "key"), AES.MODE_KW).unseal(wrapped) == _bytes(case, "data") else b""


def _gcm_first(case: Case) -> bytes:
    return AESGCM(_bytes(case, "key")).encrypt(_bytes(case, "nonce"), _bytes(case, "data"), None)


def _gcm_second(case: Case) -> bytes:
    sealed, tag = AES.new(_bytes(case, "key"), AES.MODE_GCM, nonce=_bytes(case, "nonce")).encrypt_and_digest(
        _bytes(case, "data")
    )
    return bytes(sealed + tag)


def _sign_first(case: Case) -> bytes:
    return Ed25519PrivateKey.from_private_bytes(_bytes(case, "key")).sign(_bytes(case, "data"))


def _sign_second(case: Case) -> bytes:
    key = ECC.construct(curve="Ed25519", seed=_bytes(case, "key"))
    return bytes(eddsa.new(key, "rfc8032").sign(_bytes(case, "data")))


def _digest_first(case: Case) -> bytes:
    made = Hash(SHA512())
    made.update(_bytes(case, "data"))
    return made.finalize()


def _digest_second(case: Case) -> bytes:
    return SecondSHA512.new(_bytes(case, "data")).digest()


def _argon2_first(case: Case) -> bytes:
    made = Argon2id(
        salt=_bytes(case, "salt"),
        length=int(case["length"]),
        iterations=int(case["passes"]),
        lanes=int(case["lanes"]),
        memory_cost=int(case["memory_kib"]),
        ad=_bytes(case, "ad") or None,
        secret=_bytes(case, "secret") or None,
    )
    return made.derive(_bytes(case, "data"))


def _tuple_second(case: Case) -> bytes:
    made = TupleHash256.new(digest_bytes=int(case["length"]), custom=case["custom"].encode())
    made.update(*[bytes.fromhex(part) for part in case["parts"].split()])
    return bytes(made.digest())


JUDGES: dict[str, dict[str, Judge]] = {
    "HMAC-SHA-256": {"cryptography": _hmac_first, "pycryptodome": _hmac_second},
    "HKDF-SHA-256": {"cryptography": _hkdf_first, "pycryptodome": _hkdf_second},
    "SP 800-108 counter mode": {"cryptography": _counter_first, "pycryptodome": _counter_second},
    "AES key wrap": {"cryptography": _wrap_first, "pycryptodome": _wrap_second},
    "AES-256-GCM": {"cryptography": _gcm_first, "pycryptodome": _gcm_second},
    "Ed25519": {"cryptography": _sign_first, "pycryptodome": _sign_second},
    "SHA-512": {"cryptography": _digest_first, "pycryptodome": _digest_second},
    "Argon2id": {"cryptography": _argon2_first},
    "TupleHash256": {"pycryptodome": _tuple_second},
}
