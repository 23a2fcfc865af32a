"""Who is asking: server-side sessions; in a demo workspace a person signs in by choosing a role."""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from api.store.database import SessionRow, reading
from cld.canonical import digest_of_bytes
from cld.errors import InputError, NotPermitted, WrongRole
from cld.vocabulary import StaffRole

__all__ = ["COOKIE", "DEMO_PERSON", "SignedIn", "person_of", "require_role", "sign_in", "sign_out", "signed_in"]

COOKIE = "caregate_session"
DEMO_PERSON = "demo person"


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A signed-in person: a role, the token that every form of theirs must carry, and the name that the log keeps."""

    role: StaffRole
    form_token: str
    name: str

    def check_form(self, token: str) -> None:
        """Refuse a form that did not come from our own page.

        Raises: NotPermitted.
        """
        if not hmac.compare_digest(token, self.form_token):
            message = "The form does not belong to this session."
            raise NotPermitted(message, "Open the page again and send the form once more.")


def person_of(role: StaffRole, name: str, reviewers: tuple[str, ...]) -> str:
    """Return who signs in: one of the reviewers by name, or the one demo person of any other role.

    Raises: InputError for a name that no reviewer has.
    """
    if role is not StaffRole.REVIEWER:
        return DEMO_PERSON
    if (name or reviewers[0]) not in reviewers:
        message = "There is no such reviewer."
        raise InputError(message, "Choose one of the list.")
    return name or reviewers[0]


def sign_in(database: Engine, role: StaffRole, name: str = DEMO_PERSON) -> str:
    """Begin a session and return its cookie; only its hash is kept."""
    token = secrets.token_urlsafe(32)
    begun = SessionRow(
        token_hash=digest_of_bytes(token.encode()), role=role.value, form_token=secrets.token_hex(16), person=name
    )
    with Session(database) as session, session.begin():
        session.add(begun)
    return token


def signed_in(database: Engine, token: str | None) -> SignedIn | None:
    """Return who a cookie stands for, or None."""
    if not token:
        return None
    with reading(database) as session:
        row = session.get(SessionRow, digest_of_bytes(token.encode()))
        return SignedIn(StaffRole(row.role), row.form_token, row.person) if row else None


def sign_out(database: Engine, token: str | None) -> None:
    """End a session."""
    if token:
        with Session(database) as session, session.begin():
            row = session.get(SessionRow, digest_of_bytes(token.encode()))
            if row is not None:
                session.delete(row)


def require_role(person: SignedIn, *roles: StaffRole) -> None:
    """Let only these roles pass.

    Raises: WrongRole.
    """
    if person.role not in roles:
        message = f"This page is for: {', '.join(role.value for role in roles)}."
        raise WrongRole(message, "Sign in with that role.")
