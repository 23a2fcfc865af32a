"""Published vectors of seals and of the signed envelope, each with its source; both libraries where both can.

DSSE: protocol.md of secure-systems-lab/dsse. age: C2SP/CCTV. HPKE: RFC 9180's file of vectors, and hpkewg/hpke-pq for X-Wing.
No published ciphertext of crypt4gh was found; there, the reference program and ours read each other.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import tarfile
import zlib
from pathlib import Path
from typing import Any

import pyrage
import pytest
from Crypto.Protocol import HPKE
from Crypto.PublicKey import ECC, Hybrid
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from audit.sealing import XWING_INFO, XWING_MAGIC, new_identity, open_seal, public_key_of, seal_file
from audit.verifying.statement import pre_authentication
from cld.errors import BadSignature

DATA = Path(__file__).parents[1] / "data"
AEADS = {1: HPKE.AEAD.AES128_GCM, 2: HPKE.AEAD.AES256_GCM, 3: HPKE.AEAD.CHACHA20_POLY1305}
CURVES = {16: "p256", 18: "p521", 32: "curve25519", 33: "curve448"}
OWN_KDF = {16: 1, 18: 3, 32: 1, 33: 3}
"""The KDF that pycryptodome uses with each KEM: setups of another are beyond it, and left out."""
OPENED_THOUGH_MALFORMED = {"stanza_missing_body", "stanza_missing_final_line"}
"""Header faults that pyrage forgives, as older files of age had them; the header's authentication still holds."""
NOT_OPENED_BY_PYRAGE = {"armor_whitespace_outside"}
"""The one file that should open and does not. Files of the hybrid recipient, which pyrage lacks, are not among ours."""


def test_the_encoding_before_a_dsse_signature_is_the_published_one_and_its_signature_verifies() -> None:
    x = 46950820868899156662930047687818585632848591499744589407958293238635476079160
    y = 5640078356564379163099075877009565129882514886557779369047442380624545832820
    sig = base64.b64decode("A3JqsQGtVsJ2O2xqrI5IcnXip5GToJ3F+FnZ+O88SjtR6rDAajabZKciJTfUiHqJPcIAriEGAHTVeCUjW2JIZA==")
    signed = pre_authentication("http://example.com/HelloWorld", b"hello world")
    assert signed == b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    key = ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()
    r, s = int.from_bytes(sig[:32], "big"), int.from_bytes(sig[32:], "big")
    key.verify(encode_dss_signature(r, s), signed, ec.ECDSA(SHA256()))


def kit() -> dict[str, tuple[dict[str, list[str]], bytes]]:
    """Return each file of the age test kit: its head and the age file."""
    found = {}
    with tarfile.open(DATA / "age" / "testkit.tar.gz") as source:
        for member in source.getmembers():
            taken = source.extractfile(member)
            assert taken is not None
            head, _, body = taken.read().partition(b"\n\n")
            held: dict[str, list[str]] = {}
            for line in head.decode().split("\n"):
                name, _, value = line.partition(": ")
                held.setdefault(name, []).append(value)
            found[member.name] = held, zlib.decompress(body) if held.get("compressed") == ["zlib"] else body
    return found


KIT = kit()
OURS = sorted(n for n, (h, b) in KIT.items() if "identity" in h and "passphrase" not in h and all(i.startswith("AGE-SECRET-KEY-1") for i in h["identity"]) and len(h["identity"]) == 1)  # fmt: skip


def test_the_age_test_kit_is_whole() -> None:
    assert len(KIT) == 143
    assert len(OURS) > 70


@pytest.mark.parametrize("name", OURS)
def test_an_age_file_opens_when_the_kit_says_so_and_never_otherwise(name: str, tmp_path: Path) -> None:
    """Through our own door, which reads binary age files with one X25519 identity; armour is read too."""
    head, body = KIT[name]
    (tmp_path / "sealed").write_bytes(body)
    try:
        open_seal(tmp_path / "sealed", head["identity"][0], tmp_path / "plain")
    except BadSignature:
        assert head["expect"] != ["success"] or name in NOT_OPENED_BY_PYRAGE
        assert not (tmp_path / "plain").exists()
    else:
        assert head["expect"] == ["success"] or name in OPENED_THOUGH_MALFORMED
        if name not in OPENED_THOUGH_MALFORMED:
            assert hashlib.sha256((tmp_path / "plain").read_bytes()).hexdigest() == head["payload"][0]


def test_no_passphrase_file_of_the_kit_opens_through_our_door(tmp_path: Path) -> None:
    """A package is sealed to a key; a passphrase is no recipient here."""
    for head, body in (held for name, held in KIT.items() if "passphrase" in held[0]):
        (tmp_path / "sealed").write_bytes(body)
        with pytest.raises(BadSignature):
            open_seal(tmp_path / "sealed", head["passphrase"][0], tmp_path / "plain")


def rfc9180() -> list[dict[str, Any]]:
    held: list[dict[str, Any]] = json.loads(gzip.decompress((DATA / "hpke" / "rfc9180.json.gz").read_bytes()))
    return [one for one in held if OWN_KDF[one["kem_id"]] == one["kdf_id"]]


def private_key(kem: int, secret: bytes) -> ECC.EccKey:
    if CURVES[kem].startswith("curve"):
        return ECC.construct(curve=CURVES[kem], seed=secret)
    return ECC.construct(curve=CURVES[kem], d=int.from_bytes(secret, "big"))


def public_key(kem: int, encoded: bytes) -> ECC.EccKey:
    if CURVES[kem].startswith("curve"):
        return ECC.construct(curve=CURVES[kem], point_x=int.from_bytes(encoded, "little"))
    return ECC.import_key(encoded, curve_name=CURVES[kem])


@pytest.mark.parametrize(
    "case", rfc9180(), ids=lambda case: "-".join(str(case[name]) for name in ("mode", "kem_id", "kdf_id", "aead_id"))
)
def test_the_second_library_opens_the_encryptions_of_rfc_9180(case: dict[str, Any]) -> None:
    """All four modes. cryptography's suites take no associated data, which every encryption has: pycryptodome alone can."""
    taken, kem = {name: bytes.fromhex(case[name]) for name in case if isinstance(case[name], str)}, case["kem_id"]
    opener = HPKE.new(
        receiver_key=private_key(kem, taken["skRm"]),
        aead_id=AEADS[case["aead_id"]],
        enc=taken["enc"],
        info=taken["info"],
        sender_key=public_key(kem, taken["pkSm"]) if "pkSm" in taken else None,
        psk=(taken["psk_id"], taken["psk"]) if "psk" in taken else None,
    )
    for one in case["encryptions"]:
        assert opener.unseal(bytes.fromhex(one["ct"]), bytes.fromhex(one["aad"])) == bytes.fromhex(one["pt"])


def xwing_key(seed: bytes) -> Any:
    return Hybrid.generate(param_set=Hybrid.MLKEM768_X25519, randfunc=lambda _: seed)


def test_an_x_wing_seed_gives_the_published_public_key_and_the_second_library_opens_the_encryption() -> None:
    (case,) = json.loads((DATA / "hpke" / "xwing.json").read_text())
    seed = bytes.fromhex(case["skRm"])
    ours = public_key_of(f"XWING-SECRET-KEY-1:{base64.b64encode(seed).decode()}\n")
    assert base64.b64decode(ours.removeprefix("xwing1:")) == bytes.fromhex(case["pkRm"])
    first = case["encryptions"][0]
    opened = HPKE.new(
        receiver_key=xwing_key(seed),
        aead_id=AEADS[case["aead_id"]],
        enc=bytes.fromhex(case["enc"]),
        info=bytes.fromhex(case["info"]),
    ).unseal(bytes.fromhex(first["ct"]), bytes.fromhex(first["aad"]))
    assert opened == bytes.fromhex(first["pt"])


def test_what_one_library_seals_by_x_wing_the_other_opens(tmp_path: Path) -> None:
    secret, public = new_identity("xwing")
    (tmp_path / "plain").write_bytes(b"forty-two")
    seal_file(tmp_path / "plain", public, tmp_path / "sealed")
    head = (tmp_path / "sealed").read_bytes()[len(XWING_MAGIC) :][:1168]
    seed = base64.b64decode(secret.strip().removeprefix("XWING-SECRET-KEY-1:"))
    opened = HPKE.new(
        receiver_key=xwing_key(seed), aead_id=HPKE.AEAD.AES256_GCM, enc=head[:1120], info=XWING_INFO
    ).unseal(head[1120:])
    assert len(opened) == 32
    from Crypto.Cipher import AES

    sealed = (tmp_path / "sealed").read_bytes()
    body = sealed[len(XWING_MAGIC) + 1168 :]
    cipher = AES.new(opened, AES.MODE_GCM, nonce=b"\0" * 11 + b"\1")
    cipher.update(hashlib.sha256(sealed[: len(XWING_MAGIC) + 1168]).digest())
    assert cipher.decrypt_and_verify(body[:-16], body[-16:]) == b"forty-two"


def test_crypt4gh_files_are_those_of_the_reference_program(tmp_path: Path) -> None:
    """Its own reader of key files reads ours, and its own decryption opens what we sealed."""
    from crypt4gh.keys import get_private_key
    from crypt4gh.lib import decrypt

    secret, public = new_identity("crypt4gh")
    (tmp_path / "key").write_text(secret)
    (tmp_path / "plain").write_bytes(b"x" * 200_000)
    seal_file(tmp_path / "plain", public, tmp_path / "sealed")
    key = get_private_key(str(tmp_path / "key"), lambda: "")
    with (tmp_path / "sealed").open("rb") as source, (tmp_path / "out").open("wb") as target:
        decrypt([(0, key, None)], source, target)
    assert (tmp_path / "out").read_bytes() == (tmp_path / "plain").read_bytes()


def test_an_age_file_of_ours_is_one_of_anybodys(tmp_path: Path) -> None:
    secret, public = new_identity("age")
    (tmp_path / "plain").write_bytes(b"x" * 100_000)
    seal_file(tmp_path / "plain", public, tmp_path / "sealed")
    identity = pyrage.x25519.Identity.from_str(secret.strip())
    assert pyrage.decrypt((tmp_path / "sealed").read_bytes(), [identity]) == b"x" * 100_000
