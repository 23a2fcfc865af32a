"""Words of the Data Uses Register as dated data: its fields in order and the values that some of them take."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from policies.dated import latest_in_force

__all__ = ["RegisterWords", "register_words_on"]


@dataclass(frozen=True, slots=True)
class RegisterWords:
    """Fields and values of the register; by form, by class of body and by data set where they follow from one.

    Source: fields and values as displayed on public copies of the register (shared reference, data-uses-register-fields).
    Assumes: the types of councils, processors and projects, and the names of data sets, were not seen there.
    """

    name: str
    fields: tuple[str, ...]
    types_of_data: Mapping[str, str]
    opt_outs_applied: str
    opt_outs_not_applied: Mapping[str, str]
    reason_not_applied: str
    reasons: tuple[str, ...]
    act: str
    organisation_types: Mapping[str, str]
    data_sets: Mapping[str, str]


def register_words_on(day: date) -> RegisterWords:
    """Return the words in force on a day, the latest where several are.

    Raises: UnknownSpecification if none is in force yet.
    """
    held = latest_in_force("register.json", "words of the register", day)
    return RegisterWords(**{**held, "fields": tuple(held["fields"]), "reasons": tuple(held["reasons"])})
