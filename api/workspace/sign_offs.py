"""Sign-offs as they are cast and kept: one a person, a stage and a digest; each is in the log."""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import select
from sqlalchemy.orm import Session

from api.store.database import SignOffRow, reading
from api.workspace.wiring import Workspace
from audit.journal import Event
from cld.errors import NotPermitted
from cld.signing import SignOff, sign_off

__all__ = ["cast", "signs_of"]


def cast(
    space: Workspace, reference: str, stage: str, person: str, key: Ed25519PrivateKey, *, digest: str, role: str
) -> SignOff:
    """Cast one person's signature at a stage; nobody signs the same thing twice.

    Raises: NotPermitted if the person signed this already; what was changed is signed again.
    """
    made = sign_off(person, key, digest)
    with Session(space.database) as session, session.begin():
        before = session.get(SignOffRow, (reference, stage, person))
        if before is not None and before.digest == digest:
            message = f"{person} has signed already."
            raise NotPermitted(message, "Another person signs next.")
        session.merge(
            SignOffRow(
                reference=reference, stage=stage, person=person, digest=digest, signature=made.signature, public_key=made.public_key
            )
        )  # fmt: skip
        details = {"application": reference, "stage": stage, "digest": digest}
        space.journal.append(session, Event("signed", person, role, details), "")
    return made


def signs_of(space: Workspace, reference: str, stage: str) -> tuple[SignOff, ...]:
    """Return the signatures cast at a stage, by person."""
    with reading(space.database) as session:
        rows = session.scalars(
            select(SignOffRow)
            .where(SignOffRow.reference == reference, SignOffRow.stage == stage)
            .order_by(SignOffRow.person)
        )
        return tuple(SignOff(row.person, row.signature, row.public_key) for row in rows)
