"""A second implementation of a pseudonym, from docs/pseudonyms.md alone; it uses nothing of the house."""

import hashlib
import hmac
import unicodedata

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def enc(*items: object) -> bytes:
    parts = [str(item).encode() for item in items]
    return b"".join(len(part).to_bytes(4, "big") + part for part in parts)


def times(a: int, b: int) -> int:
    product = 0
    while b:
        product, a, b = product ^ (a if b & 1 else 0), (a << 1) ^ (0b100101 if a & 16 else 0), b >> 1
    return product


def second_pseudonym(secret: bytes, pepper: bytes, domain: tuple[object, ...], sent: str) -> str:
    """domain is (recipient, agreement, family, kind, version)."""
    nhs = domain[3] == "nhs"
    identifier = sent.replace(" ", "").replace("-", "") if nhs else unicodedata.normalize("NFC", sent.strip()).upper()
    extracted = hmac.digest(pepper or bytes(32), secret, "sha256")
    key = hmac.digest(extracted, enc("caregate/pseudonym", 1, *domain) + b"\x01", "sha256").hex().encode()
    tag = int.from_bytes(hmac.digest(key, identifier.encode(), "sha256")[:15], "big")
    letters = "ABCDEFGHJKMNPQRSTVWXYZ"
    text = letters[(int(str(domain[4])) - 1) % 22] + "".join(ALPHABET[tag >> n & 31] for n in range(115, -1, -5))
    check, power = 0, 1
    for letter in text:
        power = times(power, 2)
        check ^= times(power, ALPHABET.index(letter))
    digest = hashlib.sha256(enc("caregate/domain-tag", *domain)).digest()
    first, second = (int.from_bytes(digest[at : at + 8], "big") | 1 for at in (0, 8))
    mixed = (first * (tag >> 56) + second * (tag & (2**56 - 1))) % 2**64
    return text + ALPHABET[check] + ALPHABET[mixed >> 59]
