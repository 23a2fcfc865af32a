"""The emergency stop of a workspace: one person stops, a quorum of signatures over that stop lifts it."""

from __future__ import annotations

from dataclasses import dataclass

from api.workspace.sign_offs import cast, signs_of
from api.workspace.wiring import Workspace
from audit.stop import digest_to_lift, lift, stop, stop_in_force
from cld.errors import InvalidTransition
from extracts.life.roles import role_of
from policies.safeguards import safeguards_on

__all__ = ["Emergency"]

STAGE = "lift"


@dataclass(frozen=True, slots=True)
class Emergency:
    """The stop of one workspace."""

    space: Workspace

    @property
    def is_on(self) -> bool:
        """Whether the stop is on."""
        return stop_in_force(self.space.journal) is not None

    def stop(self, person: str) -> str:
        """Stop everything; return the digest of the stop."""
        return stop(self.space.journal, person, role_of(person))

    def sign_to_lift(self, person: str) -> tuple[int, int]:
        """Cast one person's signature and lift the stop when enough have; return how many signed and how many must.

        Raises: InvalidTransition if no stop is on; NotPermitted if the person signed already.
        """
        space, on = self.space, stop_in_force(self.space.journal)
        if on is None:
            message = "The emergency stop is not on."
            raise InvalidTransition(message)
        reference = f"stop-{on[:16]}"
        digest, quorum = digest_to_lift(on), safeguards_on(space.clock.today()).quorum_to_lift
        cast(space, reference, STAGE, person, space.staff[person], digest=digest, role=role_of(person))
        signs = signs_of(space, reference, STAGE)
        if len(signs) >= quorum:
            lift(space.journal, signs, space.people(), quorum)
        return len(signs), quorum
