"""The intruders that every anonymised extract of people is tried with, and what each is taken to know.

Assumes: what each knows is the project's own choice of example; no published list gives it.
Source: ICO code of practice on anonymisation (motivated intruder: reasonably competent, with public means, no hacking).
"""

from __future__ import annotations

from disclosure.intruder.attempt import Intruder, Known

__all__ = ["STATED", "stated_for"]

FIVE_YEARS, GROUP = 1, 1

STATED = (
    Intruder("a neighbour", (Known("age_years", FIVE_YEARS), Known("gender"), Known("la_code"))),
    Intruder("a colleague", (Known("age_years"), Known("gender"), Known("ethnicity", GROUP), Known("la_code"))),
    Intruder(
        "a journalist with a death notice",
        (Known("age_years"), Known("gender"), Known("la_code"), Known("died_in_period")),
    ),
    Intruder(
        "someone with a hospital date",
        (Known("age_years", FIVE_YEARS), Known("gender"), Known("la_code"), Known("n_admissions_band")),
    ),
    Intruder(
        "another recipient with its own extract",
        (
            Known("age_years"), Known("gender"), Known("ethnicity"), Known("la_code"), Known("primary_support_reason"),
            Known("service_group"), Known("n_admissions_band"), Known("n_attendances_band"), Known("died_in_period"),
        ),
    ),
)  # fmt: skip
"""From the least knowledge to the most; the last holds every column of the people it shares with the extract."""


def stated_for(columns: tuple[str, ...]) -> tuple[Intruder, ...]:
    """Return the stated intruders with what is of use against these columns; one that knows none of them is left out."""
    able = (intruder.within(columns) for intruder in STATED)
    return tuple(one for one in able if one.knows)
