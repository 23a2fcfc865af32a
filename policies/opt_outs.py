"""How the National Data Opt-out is asked about, as dated data: how long one waits, how long an answer serves, what is told."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from policies.dated import latest_in_force

__all__ = ["OptOutLimits", "opt_out_limits_on"]


@dataclass(frozen=True, slots=True)
class OptOutLimits:
    """Limits of the opt-out gate.

    most_minutes_waited:  after which a question without an answer is given up (answers come within about 40).
    most_hours_kept:      for how long an answer may serve again where the same people are asked about.
    most_days_to_release: how old the answer may be when its extract leaves.
    most_percent_objecting:  an answer that leaves out more than this is taken for a broken one, where at least
                          ``least_persons_for_percent`` were asked about.
    smallest_told, told_to_nearest:  a number of people held back is told as a range below the first, else rounded.

    Assumes: no length of time is laid down in what could be read of the service's terms, which ask for a temporary
             cache and a fresh check; the numbers here are this house's own.
    """

    name: str
    most_minutes_waited: int
    most_hours_kept: int
    most_days_to_release: int
    most_percent_objecting: int
    least_persons_for_percent: int
    smallest_told: int
    told_to_nearest: int

    def told(self, n_persons: int) -> str:
        """Return a number of people held back in the only form in which it may be told.

        Source: small numbers as NHS England shows them: 1 to 7 not shown, others to the nearest 5.
        """
        if n_persons == 0:
            return "0"
        if n_persons < self.smallest_told:
            return f"1 to {self.smallest_told - 1}"
        base = self.told_to_nearest
        return f"about {(n_persons + base // 2) // base * base}"


def opt_out_limits_on(day: date) -> OptOutLimits:
    """Return the limits in force on a day, the latest where several are.

    Raises: UnknownSpecification if none is in force yet.
    """
    return OptOutLimits(**latest_in_force("opt_outs.json", "limits of the opt-out gate", day))
