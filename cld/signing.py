"""People who sign: a sign-off over a digest, two different people neither the applicant, and a quorum."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from cld.errors import BadSignature, SamePerson

__all__ = ["SignOff", "require_quorum", "require_two", "require_two_over", "sign_off"]


@dataclass(frozen=True, slots=True)
class SignOff:
    """One person's signature over a digest; the public key stands beside it for whoever checks later."""

    person: str
    signature: str
    public_key: str


def sign_off(person: str, key: Ed25519PrivateKey, digest: str) -> SignOff:
    """Sign a digest."""
    return SignOff(person, key.sign(digest.encode()).hex(), key.public_key().public_bytes_raw().hex())


def require_two(signs: tuple[SignOff, ...], digest: str, people: Mapping[str, str], applicant: str) -> None:
    """Hold two sign-offs over one digest against the register of people (name to public key).

    Raises: SamePerson unless they are two different people, neither the applicant; BadSignature if one is not theirs.
    """
    require_two_over(tuple((sign, digest) for sign in signs), people, applicant)


def require_two_over(signed: tuple[tuple[SignOff, str], ...], people: Mapping[str, str], applicant: str) -> None:
    """Hold two sign-offs, each over a digest of its own, against the register of people.

    Raises: as require_two does.
    """
    names = {sign.person for sign, _ in signed}
    keys = {sign.public_key for sign, _ in signed}
    if len(signed) != 2 or len(names) != 2 or len(keys) != 2 or applicant in names:  # noqa: PLR2004 - two people
        message = "Two different people must sign, neither of them the applicant."
        raise SamePerson(message)
    for sign, digest in signed:
        _require_genuine(sign, digest, people)


def require_quorum(signs: tuple[SignOff, ...], digest: str, people: Mapping[str, str], n_people: int) -> None:
    """Hold sign-offs of at least so many different people against the register.

    Raises: SamePerson if they are too few or come twice; BadSignature if one is not theirs.
    """
    if len({sign.person for sign in signs}) != len(signs) or len({sign.public_key for sign in signs}) < n_people:
        message = f"{n_people} different people must sign."
        raise SamePerson(message)
    for sign in signs:
        _require_genuine(sign, digest, people)


def _require_genuine(sign: SignOff, digest: str, people: Mapping[str, str]) -> None:
    try:
        if people.get(sign.person) != sign.public_key:
            raise InvalidSignature
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(sign.public_key)).verify(
            bytes.fromhex(sign.signature), digest.encode()
        )
    except (InvalidSignature, ValueError) as fault:
        message = "A sign-off does not verify."
        raise BadSignature(message) from fault
