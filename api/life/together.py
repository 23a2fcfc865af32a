"""What several people sign before it is done: each signs over the same digest, and the last signature does it."""

from __future__ import annotations

from api.store.database import reading
from api.store.life_advance import require_role_on
from api.workspace.sign_offs import cast, signs_of
from api.workspace.wiring import Workspace
from cld.errors import InputError
from cld.signing import SignOff, require_quorum

__all__ = ["require_staff", "sign_together"]


def require_staff(space: Workspace, person: str) -> None:
    """Hold that a person is one of the staff.

    Raises: InputError.
    """
    if person not in space.staff:
        message = "There is no such person on the staff."
        raise InputError(message, f"They are: {', '.join(space.staff)}.")


def sign_together(
    space: Workspace, stage: str, digest: str, person: str, role: str, n_people: int
) -> tuple[SignOff, ...]:
    """Cast one person's signature; return the signatures once they are enough, none before.

    Raises: WrongRole by the role of the day; NotPermitted if the person signed already; BadSignature.
    """
    require_staff(space, person)
    with reading(space.database) as session:
        require_role_on(session, person, role, space.clock.today())
    reference = f"{stage}-{digest[:16]}"
    cast(space, reference, stage, person, space.staff[person], digest=digest, role=role)
    signs = signs_of(space, reference, stage)
    if len(signs) < n_people:
        return ()
    require_quorum(signs, digest, space.people(), n_people)
    return signs
