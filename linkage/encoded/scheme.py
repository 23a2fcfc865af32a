"""What two partners agree on before they encode: fields, filter length, hashes, hardening, exact keys; never the secret.

Names are salted by year of birth, so that one name has as many encodings as there are years, and every filter is
diffused, so that no bit belongs to one q-gram. A scheme without hardening can only be made under a name that warns.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from cld.canonical import digest_of
from cld.errors import UnknownSpecification

__all__ = [
    "BIRTH_YEAR",
    "DEFAULT_FIELDS",
    "DEFAULT_KEYS",
    "EncodedField",
    "EncodingScheme",
    "ExactKey",
    "FieldKind",
    "Hardening",
    "Salt",
    "breakable_scheme_for_attack_tests",
]

SCHEME_VERSION = 1
BIRTH_YEAR = "birth_year"
"""The part of a key that is the year alone."""
MOST_ALIKE = 50
LENGTHS = (512, 1024, 2048)
FOLDED_TIMES = 2
MOST_DIFFUSED = 64
FEWEST_TO_SETTLE = 3


class FieldKind(StrEnum):
    """How a field's text is cleaned and cut into tokens."""

    NAME = "name"
    """Letters alone; q-grams."""
    TEXT = "text"
    """Letters and digits; q-grams."""
    DATE = "date"
    """A day; one token for each digit that varies, with its place."""
    IDENTIFIER = "identifier"
    """Letters and digits; one token for each character with its place."""
    CATEGORY = "category"
    """One token."""


class Hardening(StrEnum):
    """What is done to a filter after its bits are set."""

    DIFFUSION = "diffusion"
    XOR_FOLD = "xor_fold"
    NONE = "none"


class Salt(StrEnum):
    """What joins the q-grams of salted fields before they are hashed."""

    BIRTH_YEAR = "birth_year"
    BIRTH_DATE = "birth_date"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class EncodedField:
    """A field that gets a filter of its own."""

    name: str
    kind: FieldKind
    n_hashes: int
    salted: bool = False

    def as_json(self) -> dict[str, object]:
        """Return the field as a JSON value."""
        return {"name": self.name, "kind": self.kind.value, "n_hashes": self.n_hashes, "salted": self.salted}


DEFAULT_FIELDS = (
    EncodedField("given_name", FieldKind.NAME, 24, salted=True),
    EncodedField("family_name", FieldKind.NAME, 24, salted=True),
    EncodedField("date_of_birth", FieldKind.DATE, 30),
    EncodedField("sex", FieldKind.CATEGORY, 120, salted=True),
    EncodedField("postcode", FieldKind.TEXT, 24),
    EncodedField("nhs_number", FieldKind.IDENTIFIER, 18),
)


@dataclass(frozen=True, slots=True)
class ExactKey:
    """Fields that are keyed together; a key that settles links by itself, any other only chooses what is compared."""

    name: str
    parts: tuple[str, ...]
    settles: bool = False

    def as_json(self) -> dict[str, object]:
        """Return the key as a JSON value."""
        return {"name": self.name, "parts": list(self.parts), "settles": self.settles}


DEFAULT_KEYS = (
    ExactKey("number_birth_given", ("nhs_number", "date_of_birth", "given_name"), settles=True),
    ExactKey("number_birth_family", ("nhs_number", "date_of_birth", "family_name"), settles=True),
    ExactKey("name_birth_postcode", ("given_name", "family_name", "date_of_birth", "postcode"), settles=True),
    ExactKey("birth", ("date_of_birth",)),
    ExactKey("names_year", ("given_name", "family_name", BIRTH_YEAR)),
    ExactKey("postcode", ("postcode",)),
    ExactKey("number", ("nhs_number",)),
)


@dataclass(frozen=True, slots=True)
class EncodingScheme:
    """The whole agreement. Two files can be linked only if their schemes are equal to the last number.

    ``n_diffused`` source positions are joined in each bit that travels; ``flips_per_thousand`` is BLIP's chance that a
    bit is flipped; ``most_alike`` is how many records may share one salted encoding before encoding is refused.

    Raises: UnknownSpecification for a wrong combination.
    Source: Schnell, Bachteler and Reiher 2009 (Bloom filters of q-grams); Niedermeyer, Steinmetzer, Kroll and Schnell
            2014 (salting); Armknecht, Heng and Schnell 2023 (diffusion); Schnell and Borgs 2016 (XOR folding, BLIP).
    """

    fields: tuple[EncodedField, ...] = DEFAULT_FIELDS
    keys: tuple[ExactKey, ...] = DEFAULT_KEYS
    n_bits: int = 1024
    q: int = 2
    padded: bool = True
    birth_field: str = "date_of_birth"
    salt: Salt = Salt.BIRTH_YEAR
    hardening: Hardening = Hardening.DIFFUSION
    n_diffused: int = 6
    flips_per_thousand: int = 0
    most_alike: int = MOST_ALIKE

    def __post_init__(self) -> None:
        """Refuse what cannot work or would give itself away, naming every fault."""
        if faults := _faults(self):
            message = f"An encoding scheme cannot be so: {'; '.join(faults)}."
            raise UnknownSpecification(message, "Start from the default scheme and change one thing at a time.")

    @property
    def is_hardened(self) -> bool:
        """Whether both hardenings, of frequency and of pattern, are on."""
        return self.salt is not Salt.NONE and self.hardening is not Hardening.NONE

    @property
    def n_bits_out(self) -> int:
        """How long a filter is when it travels."""
        return self.n_bits // FOLDED_TIMES if self.hardening is Hardening.XOR_FOLD else self.n_bits

    @property
    def n_joined(self) -> int:
        """How many source positions make one bit that travels."""
        return {Hardening.DIFFUSION: self.n_diffused, Hardening.XOR_FOLD: FOLDED_TIMES, Hardening.NONE: 1}[
            self.hardening
        ]

    def salted_by_birth_date(self) -> EncodingScheme:
        """Return the scheme for large files: salted by the whole date, without the keys that hold the year alone."""
        keys = tuple(key for key in self.keys if BIRTH_YEAR not in key.parts)
        return replace(self, salt=Salt.BIRTH_DATE, keys=keys)

    @property
    def digest(self) -> str:
        """The digest that every derived key is bound to."""
        return digest_of(self.as_json())

    def as_json(self) -> dict[str, object]:
        """Return the scheme as a JSON value without floats."""
        return {
            "version": SCHEME_VERSION,
            "fields": [field.as_json() for field in self.fields],
            "keys": [key.as_json() for key in self.keys],
            "n_bits": self.n_bits,
            "q": self.q,
            "padded": self.padded,
            "birth_field": self.birth_field,
            "salt": self.salt.value,
            "hardening": self.hardening.value,
            "n_diffused": self.n_diffused,
            "flips_per_thousand": self.flips_per_thousand,
            "most_alike": self.most_alike,
        }

    @classmethod
    def from_json(cls, value: Any) -> EncodingScheme:  # noqa: ANN401 - any JSON value
        """Read a scheme; what this version does not know, or lacks, is refused.

        Raises: UnknownSpecification.
        """
        try:
            scheme = cls(
                fields=tuple(_field_of(item) for item in value["fields"]),
                keys=tuple(_key_of(item) for item in value["keys"]),
                salt=Salt(value["salt"]),
                hardening=Hardening(value["hardening"]),
                birth_field=str(value["birth_field"]),
                **{name: value[name] for name in ("n_bits", "q", "padded")},
                **{name: value[name] for name in ("n_diffused", "flips_per_thousand", "most_alike")},
            )
            is_same = digest_of(scheme.as_json()) == digest_of(value)
        except (KeyError, TypeError, ValueError, AttributeError) as fault:
            message = "An encoding scheme cannot be read."
            raise UnknownSpecification(message, "Ask the partner for the scheme again.") from fault
        if not is_same:
            message = "An encoding scheme says something that this version does not know."
            raise UnknownSpecification(message, "Use the version of Caregate that wrote it.")
        return scheme


def _field_of(value: Mapping[str, Any]) -> EncodedField:
    return EncodedField(str(value["name"]), FieldKind(value["kind"]), value["n_hashes"], value["salted"])


def _key_of(value: Mapping[str, Any]) -> ExactKey:
    return ExactKey(str(value["name"]), tuple(map(str, value["parts"])), value["settles"])


def _faults(scheme: EncodingScheme) -> list[str]:
    kinds = {field.name: field.kind for field in scheme.fields}
    salted = {field.name for field in scheme.fields if field.salted} if scheme.salt is not Salt.NONE else set()
    faults = [f"a field or key is named twice or badly: {name}" for name in _bad_names(scheme)]
    if scheme.n_bits not in LENGTHS:
        faults.append("a filter has 512, 1024 or 2048 bits")
    if not 1 <= scheme.q <= 3 or not 1 <= scheme.n_diffused <= MOST_DIFFUSED:
        faults.append("q lies between 1 and 3, the diffusion between 1 and 64")
    if not 0 <= scheme.flips_per_thousand <= 200 or scheme.most_alike < 1:
        faults.append("flips lie between 0 and 200 in a thousand, and most_alike is 1 or more")
    if any(not 1 <= field.n_hashes <= scheme.n_bits // 4 for field in scheme.fields):
        faults.append("a token sets between one bit and a quarter of the filter")
    if kinds.get(scheme.birth_field) is not FieldKind.DATE or scheme.birth_field in salted:
        faults.append("the field of birth is an unsalted date")
    return faults + [fault for key in scheme.keys if (fault := _fault_of_key(key, scheme, set(kinds), salted))]


def _fault_of_key(key: ExactKey, scheme: EncodingScheme, known: set[str], salted: set[str]) -> str | None:
    """Say what is wrong with a key: above all, one key for a name of all years would undo the salt."""
    if not key.parts or set(key.parts) - known - {BIRTH_YEAR}:
        return f"key {key.name} rests on a field that the scheme lacks"
    if salted & set(key.parts) and not _is_bound(scheme, key.parts):
        return f"key {key.name} holds a salted field without its salt, and would join all its encodings"
    if key.settles and (scheme.birth_field not in key.parts or len(key.parts) < FEWEST_TO_SETTLE):
        return f"key {key.name} settles on less than three fields or without the date of birth"
    return None


def _is_bound(scheme: EncodingScheme, parts: tuple[str, ...]) -> bool:
    return scheme.birth_field in parts or (scheme.salt is Salt.BIRTH_YEAR and BIRTH_YEAR in parts)


def _bad_names(scheme: EncodingScheme) -> list[str]:
    bad = []
    for names in ([field.name for field in scheme.fields], [key.name for key in scheme.keys]):
        bad += [name for name in sorted(set(names)) if names.count(name) > 1 or not name.isidentifier()]
    return bad + [field.name for field in scheme.fields if field.name in (BIRTH_YEAR, "record_id")]


def breakable_scheme_for_attack_tests(scheme: EncodingScheme | None = None) -> EncodingScheme:
    """Return the scheme without salt, diffusion or flips. Anyone with a list of names can read what it encodes.

    No file is ever written or read under such a scheme; it exists so that the attacks have something to win against.
    """
    return replace(scheme or EncodingScheme(), salt=Salt.NONE, hardening=Hardening.NONE, flips_per_thousand=0)
