"""What a check says: passed, failed with a reason a person can act on, or not possible and why."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

__all__ = ["CHECKS", "Checklist", "Failed", "NotPossible"]

CHECKS = (
    "the package opens for this recipient",
    "every file is listed and whole, and no other is there",
    "enough trusted release keys signed the statement",
    "the statement speaks of these files",
    "the log's leaf speaks of this statement",
    "the leaf is in the tree",
    "the checkpoint is signed by the log",
    "enough witnesses signed the checkpoint",
    "the log continues what was seen before",
    "the package is for this recipient",
    "tables have the rows and columns of the dictionary",
    "every pseudonym is whole and of this agreement",
    "no small number can be read",
    "nothing of it was withdrawn",
)
NEEDED = (2, 3, 4, 5, 6, 7, 8, 11)
"""The checks without which a package is not shown to be authentic and whole."""


class Failed(Exception):  # noqa: N818 - a result, not an error of the program
    """A check did not pass; the message says what is wrong and what to do."""


class NotPossible(Exception):  # noqa: N818 - a result, not an error of the program
    """A check could not be made; the message says why."""


@dataclass(slots=True)
class Checklist:
    """The checks made so far, in their order."""

    made: list[dict[str, Any]] = field(default_factory=list)

    def run(self, number: int, action: Callable[[], Any]) -> Any:  # noqa: ANN401
        """Make one check and return what it found, or None; text found is the reason shown."""
        try:
            found = action()
        except Failed as fault:
            return self._keep(number, "failed", str(fault))
        except NotPossible as fault:
            return self._keep(number, "not possible", str(fault))
        except (OSError, ValueError, LookupError, TypeError, AttributeError, ArithmeticError):
            return self._keep(number, "failed", "what this check reads is malformed")
        self._keep(number, "passed", found if isinstance(found, str) else "")
        return found

    def explain(self, number: int, reason: str) -> None:
        """Give the reason of a check that was made and had none to show."""
        self.made[number - 1]["reason"] = reason

    def _keep(self, number: int, result: str, reason: str) -> None:
        self.made.append({"number": number, "name": CHECKS[number - 1], "result": result, "reason": reason})

    def ok(self) -> bool:
        """Say whether nothing failed and what must be shown was shown."""
        shown = {check["number"] for check in self.made if check["result"] == "passed"}
        return set(NEEDED) <= shown and all(check["result"] != "failed" for check in self.made)
