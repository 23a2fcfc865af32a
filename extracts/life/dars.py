"""What an application to DARS says beside the plan: who controls and processes, why each column, to what end, how secure.

Words that people write are FreeText: the log holds salted commitments to them alone. A draft may lack anything;
``what_is_missing`` is advice until it is submitted.
Source: fields of the Data Uses Register and titles of the DARS standards, as on public pages; what each asks is our reading.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from cld.errors import InputError
from cld.free_text import FreeText

__all__ = ["ACCESS_METHODS", "SECURITY_KINDS", "ColumnReason", "DarsForm", "Security", "StatedPurpose", "day_of"]

ACCESS_METHODS = ("One-Off", "Ongoing", "Frequent Adhoc Flow", "System Access")
"""Source: values seen in the Data Uses Register."""
SECURITY_KINDS = ("DSPT", "ISO 27001", "SLSP")
"""Source: shared domain page, DARS, proofs of security."""
WORDS = ("objectives", "processing", "outputs", "benefits")
DAY_LENGTH = len("2022-01-01")


def day_of(text: object) -> date:
    """Read a day of the calendar, as it is in Europe/London; a moment, with a zone or without, is none.

    Raises: ValueError.
    """
    if not isinstance(text, str) or len(text) != DAY_LENGTH:
        raise ValueError
    return date.fromisoformat(text)


@dataclass(frozen=True, slots=True)
class StatedPurpose:
    """A purpose of Direction 1 with its justification."""

    code: str
    justification: str

    def as_json(self) -> dict[str, str]:
        """Return it as a JSON value."""
        return {"purpose": self.code, "justification": FreeText(self.justification)}


@dataclass(frozen=True, slots=True)
class ColumnReason:
    """Why a column of the plan is needed, under its heading of Annex 1 (empty for columns of NHS data sets)."""

    data_set: str
    column: str
    annex1_heading: str
    justification: str

    def as_json(self) -> dict[str, str]:
        """Return it as a JSON value."""
        return {
            "data_set": self.data_set,
            "column": self.column,
            "annex1_heading": self.annex1_heading,
            "justification": FreeText(self.justification),
        }


@dataclass(frozen=True, slots=True)
class Security:
    """The recipient's security assurance, until when it is good."""

    kind: str
    reference: str
    valid_to: date

    def as_json(self) -> dict[str, str]:
        """Return it as a JSON value."""
        return {"kind": self.kind, "reference": self.reference, "valid_to": self.valid_to.isoformat()}


@dataclass(frozen=True, slots=True)
class DarsForm:
    """The fields of a DARS application. ``standards`` answers each DARS standard by its title."""

    title: str = ""
    controllers: tuple[str, ...] = ()
    processors: tuple[str, ...] = ()
    access_method: str = ""
    commercial: bool = False
    sublicensing: bool = False
    objectives: str = ""
    processing: str = ""
    outputs: str = ""
    benefits: str = ""
    columns: tuple[ColumnReason, ...] = ()
    security: Security | None = None
    standards: Mapping[str, str] | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the form as a JSON value; ``dars_from_json`` reads it back."""
        return {
            "title": FreeText(self.title),
            "controllers": list(self.controllers),
            "processors": list(self.processors),
            "access_method": self.access_method,
            "commercial": self.commercial,
            "sublicensing": self.sublicensing,
            **{name: FreeText(getattr(self, name)) for name in WORDS},
            "columns": [one.as_json() for one in self.columns],
            "security": self.security.as_json() if self.security else None,
            "standards": {name: FreeText(words) for name, words in (self.standards or {}).items()},
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> DarsForm:
        """Read a form.

        Raises: InputError for an unknown field or a value of the wrong kind.
        """
        try:
            security = value["security"]
            return cls(
                title=_text(value["title"]),
                controllers=tuple(_text(name) for name in value["controllers"]),
                processors=tuple(_text(name) for name in value["processors"]),
                access_method=_text(value["access_method"]),
                commercial=value["commercial"] is True,
                sublicensing=value["sublicensing"] is True,
                **{name: _text(value[name]) for name in WORDS},
                columns=tuple(ColumnReason(**{k: _text(v) for k, v in one.items()}) for one in value["columns"]),
                security=Security(_text(security["kind"]), _text(security["reference"]), day_of(security["valid_to"]))
                if security
                else None,
                standards={_text(name): _text(words) for name, words in value["standards"].items()},
            )
        except (KeyError, TypeError, ValueError, AttributeError) as fault:
            message = "The application's DARS form is incomplete or holds a value of the wrong kind."
            raise InputError(message, "Write it as the documentation shows; a day is written 2022-01-31.") from fault


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value
