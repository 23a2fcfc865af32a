"""An application as its applicant writes it, its agreement included; what the plan holds stands in the plan."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from cld.errors import InputError
from cld.vocabulary import Action, BodyClass, Purpose
from extracts.life.dars import DarsForm, StatedPurpose, day_of
from policies.words import DhscEnd

__all__ = ["REFERENCE", "Agreement", "Application", "application_from_json"]

REFERENCE = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,63}")
PLAIN_PARTS = (
    "reference", "recipient", "recipient_key", "applicant", "body", "body_code", "acting_for", "annex3_aim", "dars_approved",
    "lawful_basis_nhs", "lawful_basis_recipient", "nihr_funded", "joint_approval", "action", "dhsc_end",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Agreement:
    """A data sharing agreement; both days are included.

    renews:  the agreement that ends for this one, empty where it is no renewal.
    keyed_by:  the agreement whose pseudonyms go on under this one, empty where it has its own.
    """

    reference: str
    from_day: date
    to_day: date
    signed: bool
    renews: str = ""
    keyed_by: str = ""

    @property
    def pseudonyms_of(self) -> str:
        """The agreement whose key makes the pseudonyms."""
        return self.keyed_by or self.reference

    def has_keys_of(self, agreement: str) -> bool:
        """Say whether an agreement, this one or one before it, has the same pseudonyms."""
        return agreement == self.reference or (bool(self.keyed_by) and agreement in (self.keyed_by, self.renews))

    def as_json(self) -> dict[str, Any]:
        """Return the agreement as a JSON value."""
        return {
            "reference": self.reference, "from": self.from_day.isoformat(), "to": self.to_day.isoformat(),
            "signed": self.signed, "renews": self.renews, "keyed_by": self.keyed_by,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Application:
    """What a body asks for, why and on what basis. ``recipient`` is the body's name, ``body_code`` its LA or ODS
    code, ``recipient_key`` the age key that its packages are sealed to."""

    reference: str
    recipient: str
    recipient_key: str
    applicant: str
    body: str
    body_code: str
    acting_for: str | None
    agreement: Agreement
    purposes: tuple[StatedPurpose, ...]
    annex3_aim: bool
    dars_approved: bool
    lawful_basis_nhs: str
    lawful_basis_recipient: str
    nihr_funded: bool
    joint_approval: bool
    processor_contract_to: date | None
    action: str = "disseminate"
    dhsc_end: str = DhscEnd.NONE.value
    dars: DarsForm = field(default_factory=DarsForm)

    def __post_init__(self) -> None:
        """Refuse a reference that is no plain name, for it becomes the name of a file, and words outside the closed lists.

        Raises: InputError.
        """
        agreement = self.agreement
        names = (self.reference, *filter(None, (agreement.reference, agreement.renews, agreement.keyed_by)))
        if not all(REFERENCE.fullmatch(name) for name in names) or not agreement.reference:
            message = "A reference is made of letters, digits and hyphens."
            raise InputError(message, "Correct the application.")
        stated = {one.code for one in self.purposes}
        acting_for = {self.acting_for} - {None}
        for what, given, known in (
            ("body", {self.body} | acting_for, BodyClass), ("action", {self.action}, Action), ("purpose", stated, Purpose),
            ("end of DHSC's", {self.dhsc_end}, DhscEnd),
        ):  # fmt: skip
            if given - {str(one) for one in known}:
                message = f"The application names an unknown {what}."
                raise InputError(message, f"They are: {', '.join(str(one) for one in known)}.")

    @property
    def purpose_codes(self) -> tuple[str, ...]:
        """The codes of the purposes stated."""
        return tuple(one.code for one in self.purposes)

    def as_json(self) -> dict[str, Any]:
        """Return the application as a JSON value."""
        contract = self.processor_contract_to
        return {
            **{name: getattr(self, name) for name in PLAIN_PARTS},
            "purposes": [one.as_json() for one in self.purposes],
            "processor_contract_to": contract.isoformat() if contract else None,
            "agreement": self.agreement.as_json(),
            "dars": self.dars.as_json(),
        }


def application_from_json(value: Mapping[str, Any]) -> Application:
    """Read an application from its JSON value.

    Raises: InputError if a part is missing or of the wrong kind; a day with a time or a zone is of the wrong kind.
    """
    try:
        agreement, contract = value["agreement"], value["processor_contract_to"]
        return Application(
            **{name: value[name] for name in PLAIN_PARTS},
            purposes=tuple(StatedPurpose(str(one["purpose"]), str(one["justification"])) for one in value["purposes"]),
            agreement=Agreement(
                agreement["reference"],
                day_of(agreement["from"]),
                day_of(agreement["to"]),
                signed=agreement["signed"] is True,
                renews=agreement["renews"],
                keyed_by=agreement["keyed_by"],
            ),
            processor_contract_to=day_of(contract) if contract else None,
            dars=DarsForm.from_json(value["dars"]),
        )
    except (KeyError, TypeError, ValueError) as fault:
        message = "The application is incomplete or holds a value of the wrong kind."
        raise InputError(message, "Write it as the documentation shows; a day is written 2022-01-31.") from fault
