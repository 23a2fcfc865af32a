"""Two judges: each primitive that Caregate rests on must give the published answer in both libraries, or nothing starts.

Source: RFC 4231 (HMAC-SHA-256), RFC 5869 (HKDF), RFC 3394 (AES key wrap), McGrew and Viega's GCM test case 14, RFC 8032
(Ed25519).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib.resources import files

from Crypto.Cipher import AES
from Crypto.Hash import HMAC as SecondHMAC
from Crypto.Hash import SHA256 as SecondSHA256
from Crypto.Protocol.KDF import HKDF as second_hkdf
from Crypto.PublicKey import ECC
from Crypto.Signature import eddsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.keywrap import aes_key_wrap

from cld.errors import InvariantBroken

__all__ = ["require_both_libraries", "self_test_report"]

Case = dict[str, str]


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


def _wrap_first(case: Case) -> bytes:
    return aes_key_wrap(_bytes(case, "key"), _bytes(case, "data"))


def _wrap_second(case: Case) -> bytes:
    return bytes(AES.new(_bytes(case, "key"), AES.MODE_KW).seal(_bytes(case, "data")))


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


PRIMITIVES: dict[str, tuple[Callable[[Case], bytes], Callable[[Case], bytes]]] = {
    "HMAC-SHA-256": (_hmac_first, _hmac_second),
    "HKDF-SHA-256": (_hkdf_first, _hkdf_second),
    "AES key wrap": (_wrap_first, _wrap_second),
    "AES-256-GCM": (_gcm_first, _gcm_second),
    "Ed25519": (_sign_first, _sign_second),
}


def self_test_report() -> list[dict[str, object]]:
    """Run every published case in both libraries; a row a case says whether all three answers agree."""
    cases: dict[str, list[Case]] = json.loads(files("keys").joinpath("vectors.json").read_text("utf-8"))
    return [
        {"primitive": name, "source": case["source"], "agree": first(case) == second(case) == _bytes(case, "expected")}
        for name, (first, second) in PRIMITIVES.items()
        for case in cases[name]
    ]


def require_both_libraries() -> None:
    """Stop unless both libraries give every published answer.

    Raises: InvariantBroken, naming the primitives.
    """
    apart = sorted({str(row["primitive"]) for row in self_test_report() if not row["agree"]})
    if apart:
        message = f"The two cryptographic libraries disagree on: {', '.join(apart)}."
        raise InvariantBroken(message, "Stop the service and reinstall it from the lock.")
