"""RFC 9497's test vectors for ristretto255-SHA512 and P256-SHA256, in OPRF and VOPRF mode, and what must not pass."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cld.clock import SystemEntropy
from cld.errors import BadSignature, InputError, UnknownSpecification
from keys.derivation import PseudonymDomain, Secret, domain_key
from keys.oblivious.groups import group_named
from keys.oblivious.protocol import Mode, Proof, Suite, key_for_domain, pseudonyms_from_outputs
from keys.pseudonym import is_well_formed

pytest.importorskip("rbcl")
HELD = json.loads((Path(__file__).parent / "rfc9497.json").read_text("utf-8"))["suites"]
SUITES = ("ristretto255-SHA512", "P256-SHA256")


def pieces(text: str) -> list[bytes]:
    return [bytes.fromhex(part) for part in text.split(",")]


def suite_of(held: dict[str, Any]) -> tuple[Suite, Secret]:
    suite = Suite(group_named(held["identifier"]), Mode(held["mode"]))
    return suite, suite.derive_key(Secret(bytes.fromhex(held["seed"])), bytes.fromhex(held["keyInfo"]))


@pytest.mark.parametrize("held", HELD, ids=lambda held: f"{held['identifier']}-{held['mode']}")
def test_keys_and_every_published_step_come_out_as_printed(held: dict[str, Any]) -> None:
    suite, key = suite_of(held)
    group = suite.group
    assert key.reveal().hex() == held["skSm"]
    assert held["mode"] == Mode.OPRF or suite.public_key(key).hex() == held["pkSm"]
    assert len(held["vectors"]) >= 2
    for vector in held["vectors"]:
        inputs, blinds = pieces(vector["Input"]), [group.read_scalar(part) for part in pieces(vector["Blind"])]
        blinded = [suite.blind(text, scalar) for text, scalar in zip(inputs, blinds, strict=True)]
        assert blinded == pieces(vector["BlindedElement"])
        evaluated = [suite.evaluate(key, element) for element in blinded]
        assert evaluated == pieces(vector["EvaluationElement"])
        for text, scalar, element, output in zip(inputs, blinds, evaluated, pieces(vector["Output"]), strict=True):
            assert suite.finalise(text, scalar, element) == output == suite.evaluate_in_clear(key, text)
        if held["mode"] == Mode.VOPRF:
            proof = suite.prove(key, blinded, evaluated, group.read_scalar(bytes.fromhex(vector["Proof"]["r"])))
            written = group.write_scalar(proof.challenge) + group.write_scalar(proof.response)
            assert written.hex() == vector["Proof"]["proof"]
            suite.require_proof(suite.public_key(key), blinded, evaluated, proof)


@pytest.mark.parametrize("name", SUITES)
def test_another_key_is_seen_by_its_proof_and_a_changed_element_is_refused(name: str) -> None:
    suite = Suite(group_named(name), Mode.VOPRF)
    key, other = (suite.derive_key(Secret(byte * 32), b"") for byte in (b"a", b"b"))
    scalar = suite.random_scalar(SystemEntropy(), "blind")
    blinded = [suite.blind(b"9434765919", scalar)]
    evaluated = [suite.evaluate(other, blinded[0])]
    proof = suite.prove(other, blinded, evaluated, suite.random_scalar(SystemEntropy(), "proof"))
    with pytest.raises(BadSignature):
        suite.require_proof(suite.public_key(key), blinded, evaluated, proof)
    with pytest.raises(BadSignature):
        suite.require_proof(suite.public_key(other), blinded, evaluated, replace(proof, response=proof.response + 1))
    for bad in (b"", bytes(len(blinded[0])), b"\xff" * len(blinded[0])):
        with pytest.raises(InputError):
            suite.evaluate(key, bad)
    with pytest.raises(InputError):
        suite.group.read_scalar(bytes(32))
    assert isinstance(proof, Proof)


@pytest.mark.parametrize("name", SUITES)
def test_a_council_and_the_key_holder_make_one_pseudonym_and_the_blinded_element_is_never_the_same(name: str) -> None:
    suite, domain = Suite(group_named(name), Mode.OPRF), PseudonymDomain("503", "A-1", "cld", "nhs")
    key = key_for_domain(suite, domain_key(Secret(b"s" * 32), Secret(b""), domain), domain)
    seen, outputs = set(), set()
    for _ in range(3):
        scalar = suite.random_scalar(SystemEntropy(), "blind")
        blinded = suite.blind(b"9434765919", scalar)
        seen.add(blinded)
        outputs.add(suite.finalise(b"9434765919", scalar, suite.evaluate(key, blinded)))
    assert len(seen) == 3
    assert len(outputs) == 1
    text = pseudonyms_from_outputs(sorted(outputs), domain)[0].as_py()
    assert is_well_formed(text)


def test_an_unknown_suite_is_refused() -> None:
    with pytest.raises(UnknownSpecification):
        group_named("P384-SHA384")
