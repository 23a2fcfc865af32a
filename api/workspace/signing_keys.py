"""The keys with which a demo house signs: each follows from the seed and a number, and the trust policy says which counts.

A key that was replaced stays derivable, as a real house would keep what it must still be able to prove; nothing signs with it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

from audit.note import ED25519_NOTE, CosignerKeys, NoteKey
from audit.succession import WitnessKeys, first_policy
from audit.trust import Trust, read_trust
from cld.clock import SeededEntropy
from cld.errors import KeyUnavailable

__all__ = [
    "CUSTODIANS",
    "DemoKeys",
    "custodian_key",
    "demo_keys",
    "first_trust",
    "house_signers",
    "new_log",
    "new_release",
]

ORIGIN = "caregate.demo"
RELEASE = f"{ORIGIN}/release"
CUSTODIANS = ("custodian one", "custodian two")
MOST_NUMBERS = 100


@dataclass(frozen=True, slots=True)
class DemoKeys:
    """Signing keys that follow from the seed, and the text of the trust policy in force."""

    release_key: Ed25519PrivateKey
    log: CosignerKeys
    witness: CosignerKeys
    trust: str


def _key(entropy: SeededEntropy, label: str) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(entropy.secret_bytes(32, label))


def _cosigner(entropy: SeededEntropy, name: str, number: int = 1) -> CosignerKeys:
    label = _numbered(name, number)
    ml_dsa = MLDSA44PrivateKey.from_seed_bytes(entropy.secret_bytes(32, f"ML-DSA {label}"))
    return CosignerKeys(name, _key(entropy, f"Ed25519 {label}"), ml_dsa)


def _numbered(label: str, number: int) -> str:
    return label if number == 1 else f"{label} {number}"


def _release(entropy: SeededEntropy, number: int) -> Ed25519PrivateKey:
    return _key(entropy, _numbered("signing release", number))


def _note_key(name: str, key: Ed25519PrivateKey) -> NoteKey:
    return NoteKey(name, ED25519_NOTE, key.public_key().public_bytes_raw())


def custodian_key(entropy: SeededEntropy, person: str) -> tuple[str, Ed25519PrivateKey]:
    """Return the name and the update key of a demo's custodian."""
    return f"{ORIGIN}/update/{person.replace(' ', '-')}", _key(entropy, f"update {person}")


def first_trust(entropy: SeededEntropy) -> str:
    """Return the first policy of a demo: its keys, its own witness as quorum, and two custodians who sign what follows."""
    log, witness = _cosigner(entropy, ORIGIN), _cosigner(entropy, f"{ORIGIN}/witness")
    updates = [_note_key(*custodian_key(entropy, person)) for person in CUSTODIANS]
    release = _note_key(RELEASE, _release(entropy, 1))
    return first_policy(release, log.log_keys(), [WitnessKeys(witness.witness_keys())], 1, updates)


def demo_keys(entropy: SeededEntropy, text: str) -> DemoKeys:
    """Return the keys that a policy says are in force.

    Raises: KeyUnavailable if it names none of this house's; InputError if it cannot be read.
    """
    trust = read_trust(text)
    live = {*trust.releases, *(log.key for log in trust.witnessing.logs)} - set(trust.retired)
    releases = (key for key in _releases(entropy) if _note_key(RELEASE, key) in live)
    logs = (keys for keys in _logs(entropy) if live >= set(keys.log_keys()))
    release, log = next(releases, None), next(logs, None)
    if release is None or log is None:
        message = "The trust policy in force names no signing key of this house."
        raise KeyUnavailable(message, "Restore the policy that this house adopted.")
    return DemoKeys(release, log, _cosigner(entropy, f"{ORIGIN}/witness"), text)


def _releases(entropy: SeededEntropy) -> Iterator[Ed25519PrivateKey]:
    return (_release(entropy, number) for number in range(1, MOST_NUMBERS))


def _logs(entropy: SeededEntropy) -> Iterator[CosignerKeys]:
    return (_cosigner(entropy, ORIGIN, number) for number in range(1, MOST_NUMBERS))


def new_release(entropy: SeededEntropy, trust: Trust) -> NoteKey:
    """Return the first release key of the house that a policy does not know yet."""
    return next(key for one in _releases(entropy) if (key := _note_key(RELEASE, one)) not in trust.releases)


def new_log(entropy: SeededEntropy, trust: Trust) -> CosignerKeys:
    """Return the first keys of the log that a policy does not know yet."""
    known = {log.key for log in trust.witnessing.logs}
    return next(keys for keys in _logs(entropy) if not known & set(keys.log_keys()))


def house_signers(entropy: SeededEntropy, needed: Collection[NoteKey]) -> list[tuple[str, Ed25519PrivateKey]]:
    """Return what the house itself signs an update with: those of the keys needed that are its own."""
    held = [(RELEASE, key) for key in _releases(entropy)]
    held += [(ORIGIN, keys.ed25519) for keys in _logs(entropy)]
    return [(name, key) for name, key in held if _note_key(name, key) in needed]
