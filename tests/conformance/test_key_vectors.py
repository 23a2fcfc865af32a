"""Published answers for every primitive of the keys room, in both libraries where both have it.

Provenance of the files: tests/data/keys/README.md.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from Crypto.Cipher import AES
from Crypto.Signature import eddsa
from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap

from keys.derivation import Secret
from keys.judges import JUDGES, Judge
from keys.providers.token import counter_input
from keys.wrapping import unwrap, wrap
from tests.lib.vectors import blocks, wycheproof

BOTH = ("cryptography", "pycryptodome")
RFC_3394 = (
    (
        "000102030405060708090A0B0C0D0E0F",
        "00112233445566778899AABBCCDDEEFF",
        "1FA68B0A8112B447AEF34BD8FB5A7B829D3E862371D2CFE5",
    ),
    (
        "000102030405060708090A0B0C0D0E0F1011121314151617",
        "00112233445566778899AABBCCDDEEFF",
        "96778B25AE6CA435F92B5B97C050AED2468AB8A17AD84E5D",
    ),
    (
        "000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F",
        "00112233445566778899AABBCCDDEEFF",
        "64E8C3F9CE0F5BA263E9777905818A2A93C8191E7D6E8AE7",
    ),
    (
        "000102030405060708090A0B0C0D0E0F1011121314151617",
        "00112233445566778899AABBCCDDEEFF0001020304050607",
        "031D33264E15D33268F24EC260743EDCE1C6C7DDEE725A936BA814915C6762D2",
    ),
    (
        "000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F",
        "00112233445566778899AABBCCDDEEFF0001020304050607",
        "A8F9BC1612C68B3FF6E6F4FBE30E71E4769C8B80A32CB8958CD5D17D6B254DA1",
    ),
    (
        "000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F",
        "00112233445566778899AABBCCDDEEFF000102030405060708090A0B0C0D0E0F",
        "28C9F404C4B810F4CBCCB35CFB87F8263F5786E2D80ED326CBC7F0E71A99F43BFB988B9B7A02DD21",
    ),
)
"""RFC 3394, 4.1 to 4.6: key-encryption key, key data, wrapped."""


def judges(primitive: str) -> list[Judge]:
    return [JUDGES[primitive][library] for library in BOTH]


def test_rfc_4231_in_both_libraries() -> None:
    cases = blocks("rfc-4231-sha256.txt", "Len")
    assert len(cases) == 6
    for judge in judges("HMAC-SHA-256"):
        for case in cases:
            assert judge({"key": case["Key"], "data": case["Msg"]}).hex() == case["MD"]
        truncated = judge({"key": "0c" * 20, "data": b"Test With Truncation".hex()})
        assert truncated[:16].hex() == "a3b6167473100ee06e0c796c2955552b"  # case 5, cut to 128 bits


def test_rfc_5869_with_its_extract_step_in_both_libraries() -> None:
    cases = blocks("rfc-5869-HKDF-SHA256.txt", "COUNT")
    assert len(cases) == 3
    for case in cases:
        salt = case.get("salt", "")
        for judge in judges("HKDF-SHA-256"):
            asked = {"key": case["IKM"], "salt": salt, "info": case.get("info", ""), "length": case["L"]}
            assert judge(asked).hex() == case["OKM"]
        for judge in judges("HMAC-SHA-256"):
            assert judge({"key": salt or "00" * 32, "data": case["IKM"]}).hex() == case["PRK"]
        expanded = HKDFExpand(SHA256(), int(case["L"]), bytes.fromhex(case.get("info", "")))
        assert expanded.derive(bytes.fromhex(case["PRK"])).hex() == case["OKM"]


@pytest.mark.parametrize(("key", "data", "wrapped"), RFC_3394)
def test_rfc_3394_in_both_libraries_and_in_the_store(key: str, data: str, wrapped: str) -> None:
    for judge in judges("AES key wrap"):
        assert judge({"key": key, "data": data}) == bytes.fromhex(wrapped)
    assert wrap(Secret(bytes.fromhex(key)), Secret(bytes.fromhex(data))) == bytes.fromhex(wrapped)
    opened = unwrap(Secret(bytes.fromhex(key)), bytes.fromhex(wrapped))
    assert opened is not None
    assert opened.reveal() == bytes.fromhex(data)


def test_nist_key_wrap_500_times_each_way_in_both_libraries() -> None:
    wrapped, unwrapped = blocks("KW_AE_256.txt.gz", "COUNT"), blocks("KW_AD_256.txt.gz", "COUNT")
    assert (len(wrapped), len(unwrapped)) == (500, 500)
    for judge in judges("AES key wrap"):
        for case in wrapped:
            assert judge({"key": case["K"], "data": case["P"]}).hex() == case["C"]
    n_refused = 0
    for case in unwrapped:
        expected = case.get("P")
        n_refused += expected is None
        assert unwrapped_hex(case) == [expected, expected]
    assert n_refused == 100


def unwrapped_hex(case: dict[str, str]) -> list[str | None]:
    """Unwrap in both libraries; None where one refuses."""
    key, wrapped = bytes.fromhex(case["K"]), bytes.fromhex(case["C"])
    first = unwrap(Secret(key), wrapped)
    return [first.reveal().hex() if first is not None else None, second_unwrap(key, wrapped)]


def second_unwrap(key: bytes, wrapped: bytes) -> str | None:
    try:
        return bytes(AES.new(key, AES.MODE_KW).unseal(wrapped)).hex()
    except ValueError:
        return None


def test_nist_counter_mode_is_one_hmac_for_what_a_token_derives() -> None:
    """CAVP gives the fixed data whole; up to 256 bits the mode is HMAC(key, counter || fixed data), as a token computes it."""
    cases = blocks("nist-800-108-KBKDF-CTR-HMAC-SHA256-before-32.txt.gz", "COUNT")
    assert len(cases) == 40
    for case in cases:
        message, n_bytes = "00000001" + case["FixedInputData"], int(case["L"]) // 8
        if n_bytes <= 32:
            for judge in judges("HMAC-SHA-256"):
                assert judge({"key": case["KI"], "data": message})[:n_bytes].hex() == case["KO"]


def test_a_tokens_one_message_is_the_counter_mode_of_both_libraries() -> None:
    purpose, context = b"caregate/kek/1", bytes(range(32))
    asked = {"key": "11" * 32, "label": purpose.hex(), "context": context.hex(), "length": "32"}
    one_call = JUDGES["HMAC-SHA-256"]["cryptography"]({"key": "11" * 32, "data": counter_input(purpose, context).hex()})
    assert [judge(asked) for judge in judges("SP 800-108 counter mode")] == [one_call, one_call]


def test_nist_sha_512_in_both_libraries() -> None:
    cases = blocks("SHA512ShortMsg.rsp.gz", "Len")
    assert len(cases) == 129
    for judge in judges("SHA-512"):
        for case in cases:
            assert judge({"data": case["Msg"] if case["Len"] != "0" else ""}).hex() == case["MD"]


def test_rfc_9106_and_the_argon2_tool() -> None:
    cases = blocks("argon2id.txt", "COUNT")
    judge = JUDGES["Argon2id"]["cryptography"]
    n_held = 0
    for case in cases:
        asked = {
            "data": case.get("pass", ""),
            "salt": case.get("salt", ""),
            "secret": case.get("secret", ""),
            "ad": case.get("ad", ""),
        }
        if int(case["memcost"]) > 1 << 16:
            continue
        asked |= {
            "passes": case["iter"],
            "lanes": case["lanes"],
            "memory_kib": case["memcost"],
            "length": case["length"],
        }
        assert judge(asked).hex() == case["output"]
        n_held += 1
    assert n_held >= 5


def test_wycheproof_hkdf_in_both_libraries() -> None:
    n_valid = 0
    for _, case in wycheproof("hkdf_sha256_test.json.gz"):
        if case["result"] == "valid":
            n_valid += 1
            asked = {"key": case["ikm"], "salt": case["salt"], "info": case["info"], "length": str(case["size"])}
            assert [judge(asked).hex() for judge in judges("HKDF-SHA-256")] == [case["okm"]] * 2
    assert n_valid >= 80


def test_wycheproof_key_wrap_in_both_libraries() -> None:
    """Wrong paddings, lengths and tags are refused by both; a valid one opens in both."""
    n_cases = {"valid": 0, "invalid": 0, "acceptable": 0}
    for _, case in wycheproof("aes_wrap_test.json.gz"):
        opened = unwrapped_hex({"K": case["key"], "C": case["ct"]})
        n_cases[case["result"]] += 1
        if case["result"] == "valid":
            assert opened == [case["msg"], case["msg"]]
        elif case["result"] == "invalid":
            assert opened == [None, None], case["tcId"]
    assert n_cases["valid"] >= 20
    assert n_cases["invalid"] >= 100


def verify_first(public: bytes, message: bytes, signature: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def verify_second(public: bytes, message: bytes, signature: bytes) -> bool:
    try:
        eddsa.new(eddsa.import_public_key(public), "rfc8032").verify(message, signature)
    except ValueError:
        return False
    return True


def test_wycheproof_ed25519_in_both_libraries() -> None:
    """Where Wycheproof leaves the answer open, the two libraries must still give the same."""
    n_cases = 0
    for group, case in wycheproof("ed25519_test.json.gz"):
        parts = [bytes.fromhex(text) for text in (group["publicKey"]["pk"], case["msg"], case["sig"])]
        found = {verify_first(*parts), verify_second(*parts)}
        assert len(found) == 1, case["tcId"]
        if case["result"] != "acceptable":
            assert found == {case["result"] == "valid"}, case["tcId"]
        n_cases += 1
    assert n_cases >= 140


def open_first(key: bytes, nonce: bytes, sealed: bytes, tag: bytes, bound: bytes) -> str | None:
    try:
        return AESGCM(key).decrypt(nonce, sealed + tag, bound).hex()
    except (InvalidTag, ValueError):
        return None


def open_second(key: bytes, nonce: bytes, sealed: bytes, tag: bytes, bound: bytes) -> str | None:
    try:
        cipher = AES.new(key, AES.MODE_GCM, nonce=nonce)
        cipher.update(bound)
        return bytes(cipher.decrypt_and_verify(sealed, tag)).hex()
    except ValueError:
        return None


@pytest.mark.parametrize("opened", [open_first, open_second])
def test_wycheproof_gcm_as_seals_use_it_in_both_libraries(opened: Callable[..., str | None]) -> None:
    """Keys of 256 bits, nonces of 96 and tags of 128, which is all that a seal uses."""
    n_cases = 0
    for group, case in wycheproof("aes_gcm_test.json.gz"):
        if (group["keySize"], group["ivSize"], group["tagSize"]) == (256, 96, 128):
            parts = (bytes.fromhex(case[name]) for name in ("key", "iv", "ct", "tag", "aad"))
            assert opened(*parts) == (case["msg"] if case["result"] == "valid" else None), case["tcId"]
            n_cases += 1
    assert n_cases >= 60


def test_a_wrong_key_opens_nothing() -> None:
    wrapped = bytes.fromhex(RFC_3394[-1][2])
    with pytest.raises(InvalidUnwrap):
        aes_key_unwrap(bytes(32), wrapped)
    assert unwrap(Secret(bytes(32)), wrapped) is None
