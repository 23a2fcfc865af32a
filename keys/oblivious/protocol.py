"""The protocol: blind, evaluate, finalise, with a proof that the evaluation used the key it should (OPRF and VOPRF modes).

The client (a council) blinds its identifiers; the server (the key's holder) evaluates without seeing them; the client
unblinds and has a value that depends on identifier and key alike, and the other side has learnt nothing.
Source: RFC 9497, sections 2.2, 3.2 and 3.3.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import pyarrow as pa

from cld.clock import Entropy
from cld.errors import BadSignature, InvariantBroken
from keys.derivation import PseudonymDomain, Secret
from keys.oblivious.expand import prefixed
from keys.oblivious.groups import Group
from keys.text_form import encode_tags, tags_from_digests

__all__ = ["Mode", "Proof", "Suite", "key_for_domain", "pseudonyms_from_outputs"]


class Mode(IntEnum):
    """Modes of the protocol: without and with a proof."""

    OPRF = 0
    VOPRF = 1


@dataclass(frozen=True, slots=True)
class Proof:
    """That two logarithms are equal: a challenge and a response."""

    challenge: int
    response: int


@dataclass(frozen=True, slots=True)
class Suite:
    """A group in a mode."""

    group: Group
    mode: Mode

    @property
    def context(self) -> bytes:
        """The string that separates suites and modes."""
        return b"OPRFV1-" + bytes([self.mode]) + b"-" + self.group.name.encode()

    def derive_key(self, seed: Secret, info: bytes) -> Secret:
        """Derive a private key, written as the suite writes scalars. Source: RFC 9497, section 3.2.1."""
        for counter in range(256):
            scalar = self.group.hash_to_scalar(
                seed.reveal() + prefixed(info) + bytes([counter]), b"DeriveKeyPair" + self.context
            )
            if scalar:
                return Secret(self.group.write_scalar(scalar))
        message = "No private key could be derived."
        raise InvariantBroken(message)

    def public_key(self, key: Secret) -> bytes:
        """Return the public key of a private key."""
        return self.group.multiply(self.group.read_scalar(key.reveal()), self.group.generator())

    def random_scalar(self, entropy: Entropy, label: str) -> int:
        """Draw a scalar."""
        return int.from_bytes(entropy.secret_bytes(64, label), "big") % (self.group.order - 1) + 1

    def blind(self, identifier: bytes, scalar: int) -> bytes:
        """Blind an identifier by a scalar drawn for it alone."""
        return self.group.multiply(scalar, self.group.hash_to_element(identifier, b"HashToGroup-" + self.context))

    def evaluate(self, key: Secret, blinded: bytes) -> bytes:
        """Evaluate a blinded element under the key.

        Raises: InputError if it is no element.
        """
        return self.group.multiply(self.group.read_scalar(key.reveal()), blinded)

    def finalise(self, identifier: bytes, scalar: int, evaluated: bytes) -> bytes:
        """Unblind an evaluated element and hash it with the identifier. Source: RFC 9497, section 3.3.1."""
        element = self.group.multiply(pow(scalar, -1, self.group.order), evaluated)
        return self._output(identifier, element)

    def evaluate_in_clear(self, key: Secret, identifier: bytes) -> bytes:
        """Compute the same output with both identifier and key in hand, as tests and the key's holder can."""
        element = self.group.hash_to_element(identifier, b"HashToGroup-" + self.context)
        return self._output(identifier, self.evaluate(key, element))

    def _output(self, identifier: bytes, element: bytes) -> bytes:
        return hashlib.new(self.group.hash_name, prefixed(identifier, element) + b"Finalize").digest()

    def prove(self, key: Secret, blinded: Sequence[bytes], evaluated: Sequence[bytes], scalar: int) -> Proof:
        """Prove that all evaluations used the key behind the public one. Source: RFC 9497, section 2.2.1."""
        public, secret = self.public_key(key), self.group.read_scalar(key.reveal())
        first = self._composite(public, blinded, evaluated, blinded)
        second = self.group.multiply(secret, first)
        steps = self.group.multiply(scalar, self.group.generator()), self.group.multiply(scalar, first)
        challenge = self._challenge(public, first, second, *steps)
        return Proof(challenge, (scalar - challenge * secret) % self.group.order)

    def require_proof(self, public: bytes, blinded: Sequence[bytes], evaluated: Sequence[bytes], proof: Proof) -> None:
        """Hold a proof against a public key. Source: RFC 9497, section 2.2.2.

        Raises: BadSignature; InputError if something is no element.
        """
        first = self._composite(public, blinded, evaluated, blinded)
        second = self._composite(public, blinded, evaluated, evaluated)
        steps = (
            self._both(proof.response, self.group.generator(), proof.challenge, public),
            self._both(proof.response, first, proof.challenge, second),
        )
        if self._challenge(public, first, second, *steps) != proof.challenge:
            message = "The evaluation was not made with the key that it should be."
            raise BadSignature(message)

    def _both(self, first: int, element: bytes, second: int, other: bytes) -> bytes:
        return self.group.add(self.group.multiply(first, element), self.group.multiply(second, other))

    def _composite(
        self, public: bytes, blinded: Sequence[bytes], evaluated: Sequence[bytes], summed: Sequence[bytes]
    ) -> bytes:
        """Add elements up, each times a number that depends on all of them."""
        seed = hashlib.new(self.group.hash_name, prefixed(public, b"Seed-" + self.context)).digest()
        total: bytes | None = None
        for place, (before, after, element) in enumerate(zip(blinded, evaluated, summed, strict=True)):
            transcript = prefixed(seed) + place.to_bytes(2, "big") + prefixed(before, after) + b"Composite"
            part = self.group.multiply(self._to_scalar(transcript), element)
            total = part if total is None else self.group.add(total, part)
        if total is None:
            message = "A proof is over one element or more."
            raise InvariantBroken(message)
        return total

    def _challenge(self, *elements: bytes) -> int:
        return self._to_scalar(prefixed(*elements) + b"Challenge")

    def _to_scalar(self, transcript: bytes) -> int:
        return self.group.hash_to_scalar(transcript, b"HashToScalar-" + self.context)


def key_for_domain(suite: Suite, key: Secret, domain: PseudonymDomain) -> Secret:
    """Derive the evaluation key of a pseudonym domain from its HMAC key, so that it ends with the agreement's secret."""
    info = f"caregate/oblivious {domain.kind}".encode()
    return suite.derive_key(Secret(bytes.fromhex(key.reveal().decode())), info)


def pseudonyms_from_outputs(outputs: Sequence[bytes], domain: PseudonymDomain) -> pa.Array:
    """Print outputs as pseudonyms: their first 120 bits, in the form of all others. They are not those that HMAC gives."""
    digests = np.frombuffer(b"".join(output[:32] for output in outputs), dtype=np.uint8).reshape(-1, 32)
    return encode_tags(tags_from_digests(digests), domain)
