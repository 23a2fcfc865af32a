"""What a council and the house send each other: a request of blinded identifiers, a reply with a proof; and what stays home.

The request holds no identifier and the reply no key. The *state* does hold the identifiers with their blinds: it stays with
the council, for its owner's eyes, until the reply has come. Elements stand in the order of their own bytes, each once, so
that neither order nor repetition says anything. A proof is over the whole request, so nothing of a reply can be swapped.

Source: RFC 9497, section 3.3.2 (VOPRF); design, oblivious keying.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from cld.canonical import canonical_bytes, digest_of_bytes
from cld.clock import Entropy
from cld.errors import BadSignature, InputError, NotPermitted
from keys.derivation import PseudonymDomain, Secret
from keys.oblivious.groups import group_named
from keys.oblivious.protocol import Mode, Proof, Suite, key_for_domain, pseudonyms_from_outputs

__all__ = [
    "Reply",
    "Request",
    "State",
    "blinded",
    "evaluated",
    "finalised",
    "public_key_of",
    "read_reply",
    "read_request",
    "read_state",
    "suite_named",
]

VERSION = 1
MOST_BYTES = 16 << 20
MOST_IN_A_PROOF = 65_535


@dataclass(frozen=True, slots=True)
class Request:
    """What the house sees: the suite, the domain (its version is the house's to say) and the blinded elements."""

    suite: str
    domain: PseudonymDomain
    elements: tuple[bytes, ...]

    def content(self) -> bytes:
        """Return the request's bytes."""
        names = {"recipient": self.domain.recipient, "agreement": self.domain.agreement}
        names |= {"family": self.domain.family, "kind": self.domain.kind}
        return canonical_bytes(
            {"version": VERSION, "suite": self.suite, **names, "elements": [element.hex() for element in self.elements]}
        )

    def digest(self) -> str:
        """Return the digest that the reply names."""
        return digest_of_bytes(self.content())


@dataclass(frozen=True, slots=True)
class State:
    """What the council keeps: the request's digest, suite and domain, and each identifier with its blind, in the request's order."""

    request: Request
    identifiers: tuple[str, ...]
    blinds: Secret

    def content(self) -> Secret:
        """Return the state's bytes, a secret."""
        held = {"request": json.loads(self.request.content()), "identifiers": list(self.identifiers)}
        return Secret(canonical_bytes({"version": VERSION, **held, "blinds": self.blinds.reveal().hex()}))


@dataclass(frozen=True, slots=True)
class Reply:
    """What the house answers: evaluated elements in the request's order, and the proof that one key made them all."""

    request_digest: str
    key_version: int
    elements: tuple[bytes, ...]
    proof: tuple[bytes, bytes]

    def content(self) -> bytes:
        """Return the reply's bytes."""
        return canonical_bytes(
            {
                "version": VERSION, "request": self.request_digest, "key_version": self.key_version,
                "elements": [element.hex() for element in self.elements], "proof": [part.hex() for part in self.proof],
            }
        )  # fmt: skip


def suite_named(name: str) -> Suite:
    """Return a suite in the mode with a proof.

    Raises: UnknownSpecification.
    """
    return Suite(group_named(name), Mode.VOPRF)


def _refuse(what: str) -> InputError:
    return InputError(f"The {what} is malformed.", "Ask for it again.")


def _held(path: Path, what: str) -> dict[str, Any]:
    """Read one JSON object of a bounded size."""
    try:
        if path.stat().st_size > MOST_BYTES:
            raise _refuse(what)
        held = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        raise _refuse(what) from None
    if not isinstance(held, dict) or held.get("version") != VERSION:
        raise _refuse(what)
    return held


def _texts(held: Mapping[str, Any], *names: str) -> list[str]:
    found = [held[name] for name in names]
    if not all(isinstance(text, str) and text for text in found):
        raise ValueError
    return [str(text) for text in found]


def _elements(held: Sequence[str]) -> tuple[bytes, ...]:
    found = tuple(bytes.fromhex(text) for text in held)
    if not 0 < len(found) <= MOST_IN_A_PROOF or len(set(found)) != len(found):
        raise ValueError
    return found


def _request_from(held: Mapping[str, Any]) -> Request:
    suite, recipient, agreement, family, kind = _texts(held, "suite", "recipient", "agreement", "family", "kind")
    return Request(suite, PseudonymDomain(recipient, agreement, family, kind), _elements(held["elements"]))


def read_request(path: Path) -> Request:
    """Read a request; its elements are held to the group when they are evaluated.

    Raises: InputError, with one message for whatever is wrong with it.
    """
    held = _held(path, "request")
    try:
        return _request_from(held)
    except (KeyError, TypeError, ValueError):
        raise _refuse("request") from None


def read_state(path: Path) -> State:
    """Read a state.

    Raises: InputError.
    """
    held = _held(path, "state")
    try:
        request = _request_from(held["request"])
        state = State(request, tuple(map(str, held["identifiers"])), Secret(bytes.fromhex(held["blinds"])))
        n_bytes = len(suite_named(request.suite).group.write_scalar(1))
        if len(state.identifiers) != len(request.elements) or len(state.blinds.reveal()) != n_bytes * len(
            request.elements
        ):
            raise ValueError
    except (KeyError, TypeError, ValueError):
        raise _refuse("state") from None
    return state


def read_reply(path: Path) -> Reply:
    """Read a reply.

    Raises: InputError.
    """
    held = _held(path, "reply")
    try:
        first, second = (bytes.fromhex(part) for part in held["proof"])
        version = held["key_version"]
        if type(version) is not int or version < 1:
            raise ValueError
        return Reply(str(held["request"]), version, _elements(held["elements"]), (first, second))
    except (KeyError, TypeError, ValueError):
        raise _refuse("reply") from None


def blinded(identifiers: Sequence[str], suite_name: str, domain: PseudonymDomain, entropy: Entropy) -> State:
    """Blind identifiers, each once, and return the council's state with the request in it.

    Raises: InputError for none, or for more than one proof can cover.
    """
    suite = suite_named(suite_name)
    if not 0 < len(identifiers) <= MOST_IN_A_PROOF:
        message = f"{len(identifiers)} identifiers cannot be asked at once."
        raise InputError(message, f"Give a file with between one and {MOST_IN_A_PROOF} different ones.")
    made = []
    for identifier in identifiers:
        scalar = suite.random_scalar(entropy, "blind")
        made.append((suite.blind(identifier.encode(), scalar), identifier, Secret(suite.group.write_scalar(scalar))))
    made.sort(key=lambda one: one[0])
    request = Request(suite_name, domain, tuple(element for element, _, _ in made))
    blinds = Secret(b"".join(blind.reveal() for _, _, blind in made))
    return State(request, tuple(identifier for _, identifier, _ in made), blinds)


def public_key_of(suite_name: str, key: Secret, domain: PseudonymDomain) -> bytes:
    """Return the public key of a domain's evaluation key, which the council holds proofs against.

    ``key`` is the domain's HMAC key.
    """
    suite = suite_named(suite_name)
    return suite.public_key(key_for_domain(suite, key, domain))


def evaluated(request: Request, key: Secret, domain: PseudonymDomain, entropy: Entropy, *, most: int) -> Reply:
    """Evaluate a request under the evaluation key of a domain, with a proof over all of it.

    Raises: NotPermitted over the cap; InputError if something is no element of the group, the identity too.
    """
    if len(request.elements) > most:
        message = "The request asks for too many at once."
        raise NotPermitted(message, f"At most {most} go into one request.")
    suite = suite_named(request.suite)
    secret = key_for_domain(suite, key, domain)
    made = tuple(suite.evaluate(secret, element) for element in request.elements)
    proof = suite.prove(secret, request.elements, made, suite.random_scalar(entropy, "proof"))
    written = suite.group.write_scalar(proof.challenge), suite.group.write_scalar(proof.response)
    return Reply(request.digest(), domain.version, made, written)


def finalised(state: State, reply: Reply, public_key: bytes) -> pa.Array:
    """Hold a reply's proof against the public key and return the pseudonyms of the state's identifiers, in their order.

    Raises: BadSignature for a reply to another request, or not made with the key behind the public one; InputError.
    """
    request = state.request
    suite = suite_named(request.suite)
    if reply.request_digest != request.digest() or len(reply.elements) != len(request.elements):
        message = "The reply answers another request."
        raise BadSignature(message, "Use the state that was written with this request.")
    proof = Proof(suite.group.read_scalar(reply.proof[0]), suite.group.read_scalar(reply.proof[1]))
    suite.require_proof(public_key, request.elements, reply.elements, proof)
    outputs = [
        suite.finalise(identifier.encode(), _scalar(suite, state.blinds, place), element)
        for place, (identifier, element) in enumerate(zip(state.identifiers, reply.elements, strict=True))
    ]
    return pseudonyms_from_outputs(outputs, replace(request.domain, version=reply.key_version))


def _scalar(suite: Suite, blinds: Secret, place: int) -> int:
    n_bytes = len(suite.group.write_scalar(1))
    return suite.group.read_scalar(blinds.reveal()[place * n_bytes : (place + 1) * n_bytes])
