"""The street door ``release``: a checked extract, signed by two people and logged, leaves as one sealed file.

1. Every document it rests on is kept, unaltered and in the log.  2. Policy is asked again, on today.  3. Two people sign
the checked extract's digest.  4. The payload is written to a private staging folder and digested.  5. The release key signs the
statement.  6. The SignedRelease and its leaf are kept in one transaction: the log comes before the bytes.  7. The log
signs a checkpoint, the witness cosigns, the proof is made.  8. The package is sealed and renamed to its final name.
A run that ends between 6 and 8 is finished by ``deliver``, which repeats 4, 7 and 8 from the shelf.
"""

from __future__ import annotations

import base64
import json
import shutil
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any, Protocol

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from audit.journal import Event, Journal
from audit.note import ED25519_NOTE, CosignerKeys, NoteKey
from audit.verifier import MANIFEST, PAYLOAD_TYPE
from cld.canonical import canonical_bytes, digest_of_bytes
from cld.engine import Engine
from cld.errors import AlreadyReleased, DisclosureRefused, InvariantBroken, NotSealed
from cld.journey import (
    CheckedExtract,
    Document,
    DocumentKind,
    SignedRelease,
)
from cld.plan import ExtractPlan
from cld.signing import SignOff, require_two
from cld.vocabulary import Form
from extracts.approve import Application, require_allowed
from extracts.build import key_id_for
from extracts.lineage import Lineage, lineage_of
from extracts.package import add_evidence, seal_folder, write_payload
from keys.store import KeyStore

__all__ = ["ReleaseKeys", "deliver", "release"]


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


def _facts(application: Application, plan: ExtractPlan) -> dict[str, Any]:
    return {
        "name": application.reference,
        "recipient": application.recipient,
        "acting_for": application.acting_for or "",
        "agreement": application.agreement.reference,
        "agreement_to": application.agreement.to_day.isoformat(),
        "purposes": list(application.purposes),
        "form": plan.form.value,
        "period": [plan.period_start.isoformat(), plan.period_end.isoformat()],
        "opt_outs_applied": plan.opt_outs_applied,
        "opt_out_reason": plan.opt_out_reason,
    }


def _statement(document_body: Mapping[str, Any], checked: CheckedExtract, lineage: Lineage) -> bytes:
    """Return the statement's bytes: what left, for whom and to which key, and every document it rests on."""
    return canonical_bytes(
        {
            "_type": "https://in-toto.io/Statement/v1",
            "subject": [{"name": MANIFEST, "digest": {"sha256": document_body["payload_digest"]}}],
            "predicateType": "urn:caregate:release:1",
            "predicate": {
                **document_body["facts"],
                "recipient_key": document_body["recipient_key"],
                "checked_extract": checked.document.digest,
                "ancestry": list(lineage.ancestry),
            },
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
    checked: CheckedExtract, signs: tuple[SignOff, ...], *, people: Mapping[str, str], today: date,
    engine: Engine, journal: Journal, keys: KeyStore, release_keys: ReleaseKeys, folder: Path,
) -> tuple[SignedRelease, Path]:  # fmt: skip
    """Release a checked extract; return the document and the sealed file.

    Application, plan and linked data are those of the sealed documents it rests on; nothing else is asked.
    The recipient's age key is the one that stands in the approved application.
    Raises: NotSealed, PolicyRefused, SamePerson, BadSignature, AlreadyReleased.
    Source: Direction 6(b); design, two signatures twice, log before bytes.
    """
    lineage = lineage_of(checked.document.digest, journal, people)
    application, plan = lineage.application, lineage.plan
    require_allowed(application, plan, today, checked=True, journal=journal)
    require_two(signs, checked.document.digest, people, application.applicant)
    _refuse_second(application.reference, journal)
    _refuse_opt_out_pair(lineage, journal)
    staging = engine.spill / f"release-{application.reference}"
    try:
        facts = _facts(application, plan)
        body: dict[str, Any] = {
            "facts": facts,
            "recipient_key": application.recipient_key,
            "body_code": application.body_code,
            "payload_digest": _stage(staging, checked, lineage, facts, engine),
            "signs": [[sign.person, sign.signature, sign.public_key] for sign in signs],
        }
        statement = _statement(body, checked, lineage)
        body["statement"] = digest_of_bytes(statement)
        document = Document(DocumentKind.SIGNED_RELEASE, (checked.document.digest,), body)
        details = {"application": application.reference, "statement": body["statement"]}
        journal.seal(document, Event("release", signs[0].person, "releaser", details))
        path = _finish(staging, document, statement, lineage, journal, keys, release_keys, folder, today)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return SignedRelease(document), path


def deliver(
    signed: SignedRelease, *, people: Mapping[str, str], today: date, engine: Engine, journal: Journal, keys: KeyStore,
    release_keys: ReleaseKeys, folder: Path,
) -> Path:  # fmt: skip
    """Finish a release that was logged and not delivered: the same payload, sealed to the same key.

    Policy is asked again and the delivery is logged before the bytes.
    Raises: NotSealed, PolicyRefused; InvariantBroken if the payload differs from the one that was logged.
    """
    lineage = lineage_of(signed.document.digest, journal, people)
    require_allowed(lineage.application, lineage.plan, today, checked=True, journal=journal)
    body = signed.document.body
    path = folder / f"{body['facts']['name']}.zip.age"
    if path.exists():
        return path
    held = journal.load(signed.document.parents[0])
    if held is None:
        message = "The checked extract of this release is missing."
        raise NotSealed(message, signed.document.parents)
    checked = CheckedExtract(held)
    staging = engine.spill / f"release-{body['facts']['name']}"
    try:
        if _stage(staging, checked, lineage, body["facts"], engine) != body["payload_digest"]:
            message = "The payload is not the one that was released."
            raise InvariantBroken(message)
        statement = _statement(body, checked, lineage_of(checked.document.digest, journal, people))
        details = {"application": lineage.application.reference, "document": signed.document.digest}
        journal.record(Event("delivered again", "system", "releaser", details))
        return _finish(staging, signed.document, statement, lineage, journal, keys, release_keys, folder, today)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _released(journal: Journal) -> Iterator[tuple[str, Document]]:
    """Yield every release in the log: its application's reference and its document."""
    for leaf in journal.leaves():
        held = json.loads(leaf)
        document = journal.load(held["document"]) if held["action"] == "release" else None
        if document is not None:
            yield held["details"]["application"], document


def _refuse_opt_out_pair(lineage: Lineage, journal: Journal) -> None:
    """Refuse rows with opt-outs applied beside rows without: one subtracted from the other lists the objectors."""
    plan = lineage.plan
    if plan.form is Form.AGGREGATE:
        return
    for _, document in _released(journal):
        facts = document.body["facts"]
        same = document.body["body_code"] == lineage.application.body_code and facts["form"] != Form.AGGREGATE
        if same and facts["opt_outs_applied"] != plan.opt_outs_applied:
            message = f"This recipient holds {facts['name']}, under the other opt-out rule: the two together list the objectors."
            raise DisclosureRefused(message, ("opt-out pair",), "Use one opt-out rule for a recipient.")


def _refuse_second(reference: str, journal: Journal) -> None:
    """Hold that an application is released once, by the log and not by what lies in a folder."""
    if any(released == reference for released, _ in _released(journal)):
        message = f"{reference} was released already."
        raise AlreadyReleased(message, "If its package is missing, deliver it; otherwise apply for a new release.")


def _stage(staging: Path, checked: CheckedExtract, lineage: Lineage, facts: Mapping[str, Any], engine: Engine) -> str:
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir(parents=True, mode=0o700)
    return write_payload(staging, checked, lineage.plan, lineage.linked, facts, engine)


def _finish(
    staging: Path, document: Document, statement: bytes, lineage: Lineage, journal: Journal, keys: KeyStore,
    release_keys: ReleaseKeys, folder: Path, today: date,
) -> Path:  # fmt: skip
    """Destroy a key made for this release alone, prove the leaf, and give the sealed package its final name."""
    key_id = key_id_for(lineage.application, lineage.plan)
    if lineage.plan.form is Form.ANONYMISED and not keys.is_destroyed(key_id):
        journal.record(Event("key destroyed", "system", "custodian", keys.destroy(key_id, today)))
    proof = journal.prove(document.digest)
    add_evidence(staging, _envelope(statement, release_keys), proof, trust_policy(release_keys))
    path = folder / f"{document.body['facts']['name']}.zip.age"
    seal_folder(staging, document.body["recipient_key"], path)
    return path
