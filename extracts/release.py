"""The street door ``release``: a checked extract, signed by two people and logged, leaves as one sealed file.

1. Every document it rests on is kept, unaltered and in the log.  2. Policy is asked again, on today, with what build and check found on the rows.  3. Two people sign
the checked extract's digest.  4. The payload is written to a private staging folder and digested.  5. The release key signs the
statement.  6. The SignedRelease and its leaf are kept in one transaction: the log comes before the bytes.  7. The log
signs a checkpoint, the witness cosigns, the proof is made.  8. The package is sealed and renamed to its final name.
A run that ends between 6 and 8 is finished by ``deliver``, which repeats 4, 7 and 8 from the shelf.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

from audit.journal import Event, Journal
from audit.sealing import SEAL_SUFFIXES, key_fingerprint, seal_kind
from audit.stop import require_running
from audit.succession import require_in_force
from audit.trust import read_trust
from cld.canonical import digest_of_bytes
from cld.engine import Engine
from cld.errors import AlreadyReleased, DisclosureRefused, InvariantBroken, NotSealed
from cld.journey import (
    CheckedExtract,
    Document,
    DocumentKind,
    SignedRelease,
)
from cld.signing import SignOff, require_two
from cld.vocabulary import Form
from extracts.approve import Application, require_act_allowed, standing_now
from extracts.bridge import bridged_from
from extracts.evidence import (
    ReleaseKeys,
    beside_digests,
    reissue_note,
    statement_of,
    write_beside,
    write_evidence,
)
from extracts.keying import key_id_for, told_of_pseudonyms
from extracts.lineage import Lineage, lineage_of, released
from extracts.opt_outs.gate import require_fresh
from extracts.package import Previous, seal_folder, told_of, write_payload
from extracts.recipients import require_enrolled
from keys.store import KeyStore

__all__ = [
    "ReleaseKeys",
    "collect",
    "deliver",
    "package_path",
    "payload_again",
    "reissue",
    "release",
]


def package_path(folder: Path, reference: str, recipient_key: str, suffix: str = "") -> Path:
    """Return the name of a sealed package; its ending names the seal."""
    return folder / f"{reference}{suffix}.zip{SEAL_SUFFIXES[seal_kind(recipient_key)]}"


def _facts(checked: CheckedExtract, lineage: Lineage, to_day: date) -> dict[str, Any]:
    application, plan = lineage.application, lineage.plan
    return {
        "name": application.reference,
        "recipient": application.recipient,
        "acting_for": application.acting_for or "",
        "agreement": application.agreement.reference,
        "agreement_from": application.agreement.from_day.isoformat(),
        "agreement_to": to_day.isoformat(),
        "purposes": list(application.purpose_codes),
        "form": plan.form.value,
        "period": [plan.period_start.isoformat(), plan.period_end.isoformat()],
        "opt_outs_applied": plan.opt_outs_applied,
        "opt_out_reason": plan.opt_out_reason,
        "key_version": lineage.key_version,
        "held_back": {name: lineage.held_back[name] for name in ("objecting", "untraced") if name in lineage.held_back},
        "pseudonyms": _pseudonyms(checked, lineage),
        "bridged_from": bridged_from(checked.document.body["tables"]),
        "not_bridged": list(lineage.not_bridged),
    }


def _pseudonyms(checked: CheckedExtract, lineage: Lineage) -> dict[str, Any]:
    """Tell of each kind's pseudonyms; of anonymised rows, one a person, only those that were kept count."""
    if lineage.plan.form is not Form.ANONYMISED:
        return dict(lineage.pseudonyms)
    n_rows = max(int(one["dataset"]["n_rows"]) for one in checked.document.body["tables"].values())
    return {kind: told_of_pseudonyms(n_rows, one["form"]) for kind, one in lineage.pseudonyms.items()}


def release(
    checked: CheckedExtract, signs: tuple[SignOff, ...], *, people: Mapping[str, str], today: date,
    engine: Engine, journal: Journal, keys: KeyStore, release_keys: ReleaseKeys, folder: Path,
) -> tuple[SignedRelease, Path]:  # fmt: skip
    """Release a checked extract; return the document and the sealed file.

    Application, plan and linked data are those of the sealed documents it rests on; nothing else is asked.
    The recipient's age key is the one that stands in the approved application.
    Raises: NotSealed, PolicyRefused, SamePerson, BadSignature, AlreadyReleased; StaleVersion if opt-outs were asked about
            too long ago.
    Source: Direction 6(b); design, two signatures twice, log before bytes.
    """
    require_in_force(read_trust(release_keys.trust), journal)
    lineage = lineage_of(checked.document.digest, journal, people)
    application = lineage.application
    _require_still_allowed("release", "system", lineage, today, journal, people)
    require_two(signs, checked.document.digest, people, application.applicant)
    _refuse_second(application.reference, journal)
    _refuse_opt_out_pair(lineage, journal)
    require_fresh(lineage.held_back, today)
    require_enrolled(application.body_code, application.recipient_key, journal)
    staging = engine.spill / f"release-{application.reference}"
    try:
        to_day = standing_now(application, journal, today).to_day or application.agreement.to_day
        facts, previous = _facts(checked, lineage, to_day), _previous(application, journal)
        body: dict[str, Any] = {
            "facts": facts,
            "recipient_key": application.recipient_key,
            "body_code": application.body_code,
            "released_on": today.isoformat(),
            "told": told_of(checked),
            "beside": beside_digests(release_keys),
            "payload_digest": _stage(staging, checked, lineage, facts, previous, engine),
            "signs": [[sign.person, sign.signature, sign.public_key] for sign in signs],
        }
        write_beside(staging, body, lineage, journal, release_keys)
        statement = statement_of(staging, body, checked.document.digest, lineage)
        body["statement"] = digest_of_bytes(statement)
        document = Document(DocumentKind.SIGNED_RELEASE, (checked.document.digest,), body)
        details = {"application": application.reference, "statement": body["statement"]}
        journal.seal(document, Event("release", signs[0].person, "releaser", details))
        path = package_path(folder, application.reference, application.recipient_key)
        _finish(staging, document, statement, lineage, journal, keys, release_keys, path, today)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return SignedRelease(document), path


def deliver(
    signed: SignedRelease, *, people: Mapping[str, str], today: date, engine: Engine, journal: Journal, keys: KeyStore,
    release_keys: ReleaseKeys, folder: Path,
) -> Path:  # fmt: skip
    """Finish a release that was logged and not delivered: the same payload, sealed to the same key.

    Policy is asked again and the delivery is logged before the bytes.
    Raises: Stopped, NotSealed, PolicyRefused; InvariantBroken if the payload differs from the one that was logged.
    """
    body = signed.document.body
    path = package_path(folder, body["facts"]["name"], body["recipient_key"])
    if path.exists():
        lineage = lineage_of(signed.document.digest, journal, people)
        _require_still_allowed("delivered again", "system", lineage, today, journal, people)
        return path
    return _again(
        signed, Event("delivered again", "system", "releaser", {}), path, people=people, today=today, engine=engine,
        journal=journal, keys=keys, release_keys=release_keys,
    )  # fmt: skip


def collect(
    signed: SignedRelease, person: str, *, people: Mapping[str, str], today: date, journal: Journal, folder: Path
) -> Path:
    """Let a named user of the recipient collect a package: policy is asked again, and the collection is in the log first.

    Raises: PolicyRefused, NotSealed; whatever the journal refuses of a person who may not collect for this recipient.
    """
    lineage, body = lineage_of(signed.document.digest, journal, people), signed.document.body
    _require_still_allowed("collected", person, lineage, today, journal, people)
    path = package_path(folder, body["facts"]["name"], body["recipient_key"])
    if not path.exists():
        message = "The package is not there."
        raise NotSealed(message, (signed.document.digest,), "Deliver it first.")
    details = {"application": lineage.application.reference, "document": signed.document.digest}
    journal.record(Event("collected", person, "recipient", details))
    return path


def reissue(
    signed: SignedRelease, recipient_key: str, *, people: Mapping[str, str], today: date, engine: Engine, journal: Journal,
    keys: KeyStore, release_keys: ReleaseKeys, folder: Path,
) -> Path:  # fmt: skip
    """Seal a release anew to another enrolled key of its recipient: the same payload, statement and leaf.

    Raises: NotPermitted if the key is not enrolled for the recipient; Stopped; PolicyRefused; NotSealed.
    """
    body = signed.document.body
    require_enrolled(body["body_code"], recipient_key, journal, strict=True)
    fingerprint = key_fingerprint(recipient_key)
    path = package_path(folder, body["facts"]["name"], recipient_key, f".{fingerprint.replace(' ', '')[:8]}")
    return _again(
        signed, Event("sealed anew", "system", "releaser", {"recipient_key": fingerprint}), path, people=people, today=today,
        engine=engine, journal=journal, keys=keys, release_keys=release_keys, recipient_key=recipient_key,
    )  # fmt: skip


def _again(
    signed: SignedRelease, event: Event, path: Path, *, people: Mapping[str, str], today: date, engine: Engine,
    journal: Journal, keys: KeyStore, release_keys: ReleaseKeys, recipient_key: str = "",
) -> Path:  # fmt: skip
    require_in_force(read_trust(release_keys.trust), journal)
    lineage = lineage_of(signed.document.digest, journal, people)
    application, body = lineage.application, signed.document.body
    _require_still_allowed(event.action, event.actor, lineage, today, journal, people)
    held = journal.load(signed.document.parents[0])
    if held is None:
        message = "The checked extract of this release is missing."
        raise NotSealed(message, signed.document.parents)
    checked = CheckedExtract(held)
    staging = engine.spill / f"release-{application.reference}"
    try:
        own = lineage_of(checked.document.digest, journal, people)
        payload = _stage(staging, checked, own, body["facts"], _previous(application, journal), engine)
        write_beside(staging, body, own, journal, release_keys)
        statement = statement_of(staging, body, checked.document.digest, own)
        if payload != body["payload_digest"] or digest_of_bytes(statement) != body["statement"]:
            message = "The payload is not the one that was released."
            raise InvariantBroken(message)
        require_running(journal)  # asked again: a stop meanwhile holds for what is under way too
        details = {**event.details, "application": application.reference, "document": signed.document.digest}
        journal.record(Event(event.action, event.actor, event.role, details))
        note = reissue_note(statement, recipient_key, today.isoformat(), release_keys) if recipient_key else b""
        _finish(
            staging, signed.document, statement, lineage, journal, keys, release_keys, path, today, note, recipient_key
        )
        return path
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _require_still_allowed(  # noqa: PLR0913
    act: str, actor: str, lineage: Lineage, today: date, journal: Journal, people: Mapping[str, str]
) -> None:
    require_running(journal)
    require_act_allowed(
        act, actor, lineage.application, lineage.plan, today, journal=journal, people=people,
        conditions=lineage.conditions, rows=lineage.rows,
    )  # fmt: skip


def payload_again(signed: SignedRelease, *, people: Mapping[str, str], engine: Engine, journal: Journal) -> str:
    """Make the payload of a release once more from the shelf, and return its digest; nothing of it is kept or leaves.

    Raises: NotSealed, or UnreadableFile if what it is made from is gone.
    """
    (parent,) = signed.document.parents
    held = journal.load(parent)
    if held is None:
        message = "The checked extract of this release is missing."
        raise NotSealed(message, (parent,))
    own = lineage_of(parent, journal, people)
    staging = engine.spill / f"release-{own.application.reference}-again"
    try:
        previous = _previous(own.application, journal)
        return _stage(staging, CheckedExtract(held), own, signed.document.body["facts"], previous, engine)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _previous(application: Application, journal: Journal) -> Previous:
    """Return what left for this recipient under this agreement before this release."""
    found = Previous()
    for reference, document in released(journal):
        if reference == application.reference:
            break
        body = document.body
        if body["body_code"] == application.body_code and body["facts"]["agreement"] == application.agreement.reference:
            found = Previous(reference, body["told"], body["facts"]["key_version"])
    return found


def _refuse_opt_out_pair(lineage: Lineage, journal: Journal) -> None:
    """Refuse rows with opt-outs applied beside rows without: one subtracted from the other lists the objectors."""
    plan = lineage.plan
    if plan.form is Form.AGGREGATE:
        return
    for _, document in released(journal):
        facts = document.body["facts"]
        same = document.body["body_code"] == lineage.application.body_code and facts["form"] != Form.AGGREGATE
        if same and facts["opt_outs_applied"] != plan.opt_outs_applied:
            message = f"This recipient holds {facts['name']}, under the other opt-out rule: the two together list the objectors."
            raise DisclosureRefused(message, ("opt-out pair",), "Use one opt-out rule for a recipient.")


def _refuse_second(reference: str, journal: Journal) -> None:
    """Hold that an application is released once, by the log and not by what lies in a folder."""
    if any(held == reference for held, _ in released(journal)):
        message = f"{reference} was released already."
        raise AlreadyReleased(message, "If its package is missing, deliver it; otherwise apply for a new release.")


def _stage(
    staging: Path,
    checked: CheckedExtract,
    lineage: Lineage,
    facts: Mapping[str, Any],
    previous: Previous,
    engine: Engine,
) -> str:
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir(parents=True, mode=0o700)
    return write_payload(staging, checked, lineage.plan, lineage.linked, facts, previous, engine)


def _finish(
    staging: Path, document: Document, statement: bytes, lineage: Lineage, journal: Journal, keys: KeyStore,
    release_keys: ReleaseKeys, path: Path, today: date, note: bytes = b"", recipient_key: str = "",
) -> None:  # fmt: skip
    """Destroy a key made for this release alone, prove the leaf, and give the sealed package its final name."""
    key_id = key_id_for(lineage.application, lineage.plan)
    if lineage.plan.form is Form.ANONYMISED and not keys.is_destroyed(key_id):
        journal.record(Event("key destroyed", "system", "custodian", keys.destroy(key_id, today)))
    proof, continuing = journal.prove(document.digest)
    write_evidence(staging, statement, proof, continuing, release_keys, note)
    seal_folder(staging, recipient_key or document.body["recipient_key"], path)
