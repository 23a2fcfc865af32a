"""The street door ``release``: a checked extract, signed by two people and logged, leaves as one sealed file.

1. Every document it rests on is kept, unaltered and in the log.  2. Policy is asked again, on today.  3. Two people sign
the checked extract's digest.  4. The payload is written to a staging folder and digested.  5. The release key signs the
statement.  6. The SignedRelease and its leaf are kept in one transaction: the log comes before the bytes.  7. The log
signs a checkpoint, the witness cosigns, the proof is made.  8. The package is sealed and renamed to its final name.
A run that ends between 6 and 8 is finished by ``deliver``, which repeats 4, 7 and 8 from the shelf.
"""

from __future__ import annotations

import base64
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Protocol

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from audit.ancestry import require_ancestry
from audit.journal import Event, Journal
from audit.note import ED25519_NOTE, Checkpoint, CosignerKeys, NoteKey, sign_checkpoint
from audit.tree import inclusion_proof, leaf_hash, root_of
from audit.verifier import MANIFEST, PAYLOAD_TYPE
from cld.canonical import canonical_bytes, digest_of_bytes
from cld.engine import Engine
from cld.errors import AlreadyReleased, InvariantBroken
from cld.journey import (
    CheckedExtract,
    Document,
    DocumentKind,
    LinkedDataset,
    SignedRelease,
)
from cld.plan import ExtractPlan
from cld.signing import SignOff, require_two
from cld.vocabulary import Form
from extracts.approve import Application, require_allowed
from extracts.build import key_id_for
from extracts.package import add_evidence, seal_folder, write_payload
from keys.store import KeyStore

__all__ = ["Recipient", "ReleaseKeys", "deliver", "release"]


@dataclass(frozen=True, slots=True)
class Recipient:
    """Who receives: a name for people and the age key the package is sealed to."""

    name: str
    age_key: str


class ReleaseKeys(Protocol):
    """The keys that sign: of releases, of the log and of the witness; the log's name is its origin."""

    @property
    def release_key(self) -> Ed25519PrivateKey: ...  # noqa: D102
    @property
    def log(self) -> CosignerKeys: ...  # noqa: D102
    @property
    def witness(self) -> CosignerKeys: ...  # noqa: D102


def _release_key_name(keys: ReleaseKeys) -> str:
    return f"{keys.log.name}/release"


def trust_policy(keys: ReleaseKeys) -> str:
    """Return the lines a verifier trusts: the release key, and both keys of log and witness."""
    release_key = NoteKey(_release_key_name(keys), ED25519_NOTE, keys.release_key.public_key().public_bytes_raw())
    lines = [("release", release_key), ("log", keys.log.note_key()), ("log", keys.log.ml_dsa_key())]
    lines += [("witness", keys.witness.cosigner_key()), ("witness", keys.witness.ml_dsa_key())]
    return "".join(f"{kind} {key.text()}\n" for kind, key in lines)


def _facts(application: Application, plan: ExtractPlan, recipient: Recipient, name: str) -> dict[str, Any]:
    return {
        "name": name,
        "recipient": recipient.name,
        "acting_for": application.acting_for or "",
        "agreement": application.agreement.reference,
        "agreement_to": application.agreement.to_day.isoformat(),
        "purposes": list(application.purposes),
        "form": plan.form.value,
        "period": [plan.period_start.isoformat(), plan.period_end.isoformat()],
        "opt_outs_applied": plan.opt_outs_applied,
        "opt_out_reason": plan.opt_out_reason,
    }


def _statement(
    payload_digest: str, facts: Mapping[str, Any], checked: CheckedExtract, ancestry: tuple[str, ...]
) -> bytes:
    return canonical_bytes(
        {
            "_type": "https://in-toto.io/Statement/v1",
            "subject": [{"name": MANIFEST, "digest": {"sha256": payload_digest}}],
            "predicateType": "urn:caregate:release:1",
            "predicate": {**facts, "checked_extract": checked.document.digest, "ancestry": list(ancestry)},
        }
    )


def _envelope(body: bytes, keys: ReleaseKeys) -> dict[str, Any]:
    signed = b"DSSEv1 %d %s %d %s" % (len(PAYLOAD_TYPE), PAYLOAD_TYPE.encode(), len(body), body)
    signature = base64.b64encode(keys.release_key.sign(signed)).decode()
    return {
        "payloadType": PAYLOAD_TYPE,
        "payload": base64.b64encode(body).decode(),
        "signatures": [{"keyid": _release_key_name(keys), "sig": signature}],
    }


def release(
    checked: CheckedExtract, application: Application, plan: ExtractPlan, linked: LinkedDataset, signs: tuple[SignOff, ...], *,
    recipient: Recipient, people: Mapping[str, str], today: date, engine: Engine, journal: Journal, keys: KeyStore,
    release_keys: ReleaseKeys, folder: Path,
) -> tuple[SignedRelease, Path]:  # fmt: skip
    """Release a checked extract; return the document and the sealed file.

    Raises: NotSealed, PolicyRefused, SamePerson, BadSignature, AlreadyReleased.
    Source: Direction 6(b); design, two signatures twice, log before bytes.
    """
    ancestry = require_ancestry(checked.document.digest, journal)
    require_allowed(application, plan, today, checked=True, journal=journal)
    require_two(signs, checked.document.digest, people, application.applicant)
    path = folder / f"{application.reference}.zip.age"
    if path.exists():
        message = f"{application.reference} was released already."
        raise AlreadyReleased(message, "Apply for a new release.")
    facts = _facts(application, plan, recipient, application.reference)
    staging = folder / f".{application.reference}.staging"
    try:
        payload_digest = _stage(staging, checked, plan, linked, facts, engine)
        statement = _statement(payload_digest, facts, checked, ancestry)
        body = {"facts": facts, "payload_digest": payload_digest, "statement": digest_of_bytes(statement),
                "signs": [[s.person, s.signature, s.public_key] for s in signs]}  # fmt: skip
        document = Document(DocumentKind.SIGNED_RELEASE, (checked.document.digest,), body)
        details = {"application": application.reference, "statement": digest_of_bytes(statement)}
        journal.seal(document, Event("release", signs[0].person, "releaser", details))
        if plan.form is Form.ANONYMISED:
            certificate = keys.destroy(key_id_for(application, plan), today)
            journal.record(Event("key destroyed", "system", "custodian", certificate))
        _finish(staging, document, statement, journal, release_keys, recipient, path)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return SignedRelease(document), path


def deliver(
    signed: SignedRelease, checked: CheckedExtract, plan: ExtractPlan, linked: LinkedDataset, *,
    recipient: Recipient, engine: Engine, journal: Journal, release_keys: ReleaseKeys, folder: Path,
) -> Path:  # fmt: skip
    """Finish a release that was logged and not delivered; the payload must come out with the digest that was logged.

    Raises: NotSealed; InvariantBroken if the payload differs.
    """
    require_ancestry(signed.document.digest, journal)
    facts = signed.document.body["facts"]
    path = folder / f"{facts['name']}.zip.age"
    if path.exists():
        return path
    staging = folder / f".{facts['name']}.staging"
    try:
        payload_digest = _stage(staging, checked, plan, linked, facts, engine)
        if payload_digest != signed.document.body["payload_digest"]:
            message = "The payload is not the one that was released."
            raise InvariantBroken(message)
        statement = _statement(payload_digest, facts, checked, require_ancestry(checked.document.digest, journal))
        _finish(staging, signed.document, statement, journal, release_keys, recipient, path)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return path


def _stage(
    staging: Path,
    checked: CheckedExtract,
    plan: ExtractPlan,
    linked: LinkedDataset,
    facts: Mapping[str, Any],
    engine: Engine,
) -> str:
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir(parents=True, mode=0o700)
    return write_payload(staging, checked, plan, linked, facts, engine)


def _finish(
    staging: Path,
    document: Document,
    statement: bytes,
    journal: Journal,
    keys: ReleaseKeys,
    recipient: Recipient,
    path: Path,
) -> None:
    proof = _log_proof(document.digest, journal, keys)
    add_evidence(staging, _envelope(statement, keys), proof, trust_policy(keys))
    seal_folder(staging, recipient.age_key, path)


def _log_proof(document: str, journal: Journal, keys: ReleaseKeys) -> str:
    """Return the proof that the release's leaf is in the log, with a checkpoint signed by log and witness.

    Source: C2SP tlog-proof.
    """
    leaves = journal.leaves()
    hashes = [leaf_hash(leaf) for leaf in leaves]
    needle = f'"document":"{document}"'.encode()
    index = next(place for place, leaf in enumerate(leaves) if needle in leaf)
    checkpoint = Checkpoint(keys.log.name, len(hashes), root_of(hashes))
    at_utc = datetime.strptime(json.loads(leaves[-1])["at_utc"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    note = sign_checkpoint(checkpoint, keys.log, keys.witness, int(at_utc.timestamp()))
    path = [base64.b64encode(step).decode() for step in inclusion_proof(hashes, index)]
    head = ["c2sp.org/tlog-proof@v1", f"extra {base64.b64encode(leaves[index]).decode()}", f"index {index}", *path]
    return "\n".join(head) + "\n\n" + note
