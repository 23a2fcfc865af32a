"""The error tree. Expected findings are values; what is forbidden is an error; what cannot happen is a bug.

::

    CLDError                  code, message without personal data, what to do, exit status
    +- InputError          3   UnreadableFile, UnknownSpecification, UnknownColumn
    +- Refused             1   PolicyRefused, DisclosureRefused, SubmissionRejected, NotSealed, OptOutsUnknown
    +- NotPermitted        4   WrongRole, SamePerson
    +- Conflict            5   InvalidTransition, StaleVersion, AlreadyReleased, StorageFull, StorageClosed,
    |                        Stopped, NoAnswerYet
    +- TrustError          6   KeyUnavailable, KeyDestroyed, BadSignature, LogInconsistent, NotWitnessed,
    |                        UntrustedPolicy
    +- InvariantBroken    70   a bug: no user can cause it
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

__all__ = [
    "AlreadyReleased",
    "BadSignature",
    "CLDError",
    "Conflict",
    "DisclosureRefused",
    "InputError",
    "InvalidTransition",
    "InvariantBroken",
    "KeyDestroyed",
    "KeyUnavailable",
    "LogInconsistent",
    "NoAnswerYet",
    "NotPermitted",
    "NotSealed",
    "NotWitnessed",
    "OptOutsUnknown",
    "PolicyRefused",
    "Refused",
    "SamePerson",
    "StaleVersion",
    "Stopped",
    "StorageClosed",
    "StorageFull",
    "SubmissionRejected",
    "TrustError",
    "UnknownColumn",
    "UnknownSpecification",
    "UnreadableFile",
    "UntrustedPolicy",
    "WrongRole",
]


class CLDError(Exception):
    """Anything Caregate refuses or cannot do, told without personal data.

    ``message`` says what is wrong, ``remedy`` what to do about it. Neither may hold an identifier or a data
    value: callers pass column names, counts, codes and digests only.
    """

    code: ClassVar[str] = "error"
    exit_status: ClassVar[int] = 70

    def __init__(self, message: str, remedy: str = "") -> None:
        """Keep the message and the remedy."""
        super().__init__(message)
        self.message = message
        self.remedy = remedy

    def __str__(self) -> str:
        """Return the message and, where there is one, the remedy."""
        return f"{self.message} {self.remedy}".strip()


class InputError(CLDError):
    """What was given cannot be read or understood."""

    code = "input"
    exit_status = 3


class UnreadableFile(InputError):
    """A file is missing, truncated, binary, wrongly encoded or without a header."""

    code = "unreadable-file"


class UnknownSpecification(InputError):
    """A specification release, profile or policy version that Caregate does not hold."""

    code = "unknown-specification"


class UnknownColumn(InputError):
    """A column that the data set's catalogue does not know."""

    code = "unknown-column"


class Refused(CLDError):
    """The request is understood and may not be carried out."""

    code = "refused"
    exit_status = 1


class PolicyRefused(Refused):
    """The Direction, as the policies read it, does not allow this; ``clauses`` names every one that refuses."""

    code = "policy-refused"

    def __init__(self, message: str, clauses: tuple[str, ...], remedy: str = "") -> None:
        """Keep the refusing clauses beside the message."""
        super().__init__(message, remedy)
        self.clauses = clauses


class DisclosureRefused(Refused):
    """What an intruder could still learn is above the profile's limits; ``measures`` names each that is.

    ``lines`` hold, where they are known, each failing measure with its limit and what was found; ``told`` is the whole
    report of a refused check, which the approver alone may read.
    """

    code = "disclosure-refused"

    def __init__(
        self,
        message: str,
        measures: tuple[str, ...],
        remedy: str = "",
        lines: Sequence[Mapping[str, Any]] = (),
        told: Mapping[str, Any] | None = None,
    ) -> None:
        """Keep the failing measures, and what was found, beside the message."""
        super().__init__(message, remedy)
        self.measures = measures
        self.lines = tuple(lines)
        self.told = told


class SubmissionRejected(Refused):
    """A council's file cannot be accepted, for the reasons listed."""

    code = "submission-rejected"

    def __init__(self, message: str, reasons: tuple[str, ...], remedy: str = "") -> None:
        """Keep the reasons beside the message."""
        super().__init__(message, remedy)
        self.reasons = reasons


class NotSealed(Refused):
    """A document that must exist, unaltered and in the log, does not; ``missing`` lists the digests."""

    code = "not-sealed"

    def __init__(self, message: str, missing: tuple[str, ...], remedy: str = "") -> None:
        """Keep the digests of what is missing beside the message."""
        super().__init__(message, remedy)
        self.missing = missing


class OptOutsUnknown(Refused):
    """Who objects is not known: no answer came in time, or what came is not one; nothing is built on it."""

    code = "opt-outs-unknown"


class NotPermitted(CLDError):
    """The person may not do this."""

    code = "not-permitted"
    exit_status = 4


class WrongRole(NotPermitted):
    """The person's role does not carry this act."""

    code = "wrong-role"


class SamePerson(NotPermitted):
    """Two different people are needed, neither of them the applicant."""

    code = "same-person"


class Conflict(CLDError):
    """The thing is in a state in which this cannot happen."""

    code = "conflict"
    exit_status = 5


class InvalidTransition(Conflict):
    """No such step leads on from the present state."""

    code = "invalid-transition"


class StaleVersion(Conflict):
    """The thing changed since it was read."""

    code = "stale-version"


class AlreadyReleased(Conflict):
    """The extract has left already and is never made twice under one number."""

    code = "already-released"


class NoAnswerYet(Conflict):
    """Another service was asked and has not answered yet; the same act is tried again later."""

    code = "no-answer-yet"


class StorageClosed(Conflict):
    """The system does not let a file or folder be read or written; nothing half-written stands under its final name."""

    code = "storage-closed"

    def __init__(self) -> None:
        """Say the same every time."""
        super().__init__(
            "A file or folder may not be read or written here.", "Look at its owner, its rights and its volume."
        )


class Stopped(Conflict):
    """The emergency stop is on: nothing is built, released or re-identified until a quorum lifts it."""

    code = "stopped"

    def __init__(self) -> None:
        """Say the same every time."""
        super().__init__("The emergency stop is on.", "A quorum lifts it; see caregate emergency --help.")


class StorageFull(Conflict):
    """The disk has no room for what must be written; nothing half-written stands under its final name."""

    code = "storage-full"

    def __init__(self) -> None:
        """Say the same every time."""
        super().__init__("The disk is full.", "Free space or choose another folder, and run the command again.")


class TrustError(CLDError):
    """A key, a signature or the log does not stand up."""

    code = "trust"
    exit_status = 6


class KeyUnavailable(TrustError):
    """A key cannot be opened: wrong passphrase, missing period key, damaged store. One message for all."""

    code = "key-unavailable"


class KeyDestroyed(TrustError):
    """The key was destroyed; a certificate says when."""

    code = "key-destroyed"


class BadSignature(TrustError):
    """A signature, digest or proof does not verify."""

    code = "bad-signature"


class LogInconsistent(TrustError):
    """The log contradicts itself or a checkpoint seen before."""

    code = "log-inconsistent"


class NotWitnessed(TrustError):
    """Too few witnesses answered; nothing is handed out on the log's own word alone."""

    code = "not-witnessed"


class UntrustedPolicy(TrustError):
    """A version of the policies whose manifest, signatures, dates or text do not check: nothing is decided by it."""

    code = "untrusted-policy"


class InvariantBroken(CLDError):
    """A bug in Caregate: something that no user can cause has happened."""

    code = "invariant-broken"
    exit_status = 70
