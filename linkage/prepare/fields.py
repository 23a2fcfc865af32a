"""Which columns of a file say who a person is: found by their headers, or given by a map.

A side is one file; LEFT is resolved, RIGHT is the index. What both sides hold is compared, what one lacks is left out.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from cld.errors import InputError, UnknownColumn

__all__ = ["FURTHER_KINDS", "Further", "Kind", "Side", "find_sides", "read_map"]


class Kind(StrEnum):
    """How a further column is compared."""

    TEXT = "text"
    EXACT = "exact"
    NUMBER = "number"
    IDENTIFIER = "identifier"


@dataclass(frozen=True, slots=True)
class Further:
    """A column beyond the usual ones, compared after its kind."""

    name: str
    kind: Kind


@dataclass(frozen=True, slots=True)
class Side:
    """The columns of one file by role; roles are those of ROLES and the names of further columns."""

    columns: Mapping[str, str]
    further: tuple[Further, ...] = ()

    def has(self, *roles: str) -> bool:
        """Say whether the file has a column for each role."""
        return all(role in self.columns for role in roles)


ROLES: Mapping[str, tuple[str, ...]] = {
    "id": ("id", "recordid", "uniqueid", "recid", "personid", "uid", "rowid", "patientid", "lapersonuniqueidentifier"),
    "nhs_number": ("nhsnumber", "nhsno", "nhs", "nhsnum", "newnhsno", "newnhsnumber"),
    "given_name": ("givenname", "givennames", "given", "firstname", "first", "forename", "forenames", "fname"),
    "family_name": ("familyname", "family", "surname", "lastname", "last", "secondname", "sname", "lname"),
    "full_name": ("fullname", "name", "personname", "patientname"),
    "date_of_birth": ("dateofbirth", "dob", "birthdate", "persondateofbirth", "personbirthdate", "datebirth"),
    "birth_day": ("birthday", "bd", "dobday", "dayofbirth"),
    "birth_month": ("birthmonth", "bm", "dobmonth", "monthofbirth"),
    "birth_year": ("birthyear", "by", "dobyear", "yearofbirth", "yob"),
    "sex": ("sex", "gender", "persongender", "patientsex", "gendercode", "sexcode"),
    "postcode": ("postcode", "postalcode", "zip", "zipcode"),
    "previous_family_name": ("previousfamilyname", "previoussurname", "maidenname", "previouslastname"),
    "previous_postcode": ("previouspostcode", "oldpostcode", "formerpostcode"),
}
"""Roles and the headers, in lower case without signs, by which they are known."""

FURTHER_KINDS: Mapping[str, Kind] = {
    **dict.fromkeys(
        ("address", "address1", "addressline1", "address2", "addressline2", "street", "streetname", "suburb", "city",
         "town", "county", "birthplace", "placeofbirth", "occupation", "middlename", "middlenames"),
        Kind.TEXT,
    ),
    **dict.fromkeys(("state", "country", "streetnumber", "housenumber", "nationality"), Kind.EXACT),
    **dict.fromkeys(
        ("email", "emailaddress", "phone", "phonenumber", "telephone", "mobile", "socsecid", "ssn", "nino",
         "nationalinsurancenumber", "passportnumber"),
        Kind.IDENTIFIER,
    ),
}  # fmt: skip
"""Headers of further columns that are compared without being asked for, where both files have them."""
FAMILIAR_PARTS = {"postcode": "postcode"}
MAP_SECTIONS = ("left", "right", "both", "further")


def _plain(header: str) -> str:
    return re.sub(r"[^a-z0-9]", "", header.lower())


def read_map(path: Path | None) -> Mapping[str, Mapping[str, object]]:
    """Read a map of columns (TOML with the sections left, right, both and further.NAME).

    Raises: InputError if it cannot be read or holds a section or role that is not known.
    """
    if path is None:
        return {}
    try:
        found = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as fault:
        message = "The map of columns cannot be read."
        raise InputError(message, "Give TOML with the sections [left], [right], [both] and [further.NAME].") from fault
    for section, body in found.items():
        if section not in MAP_SECTIONS or not isinstance(body, dict):
            message = f"The map has a section {section!r}, which is not one of {', '.join(MAP_SECTIONS)}."
            raise InputError(message, "See the example in docs/how-to/link-two-files.md.")
        unknown = sorted(set(body) - set(ROLES)) if section != "further" else []
        if unknown:
            message = f"The map names roles that are not known: {', '.join(unknown)}."
            raise InputError(message, f"The roles are {', '.join(ROLES)}; further columns go under [further.NAME].")
    return found


def find_sides(
    left: Sequence[str], right: Sequence[str], given: Mapping[str, Mapping[str, object]]
) -> tuple[Side, Side]:
    """Find each side's columns: the map first, then the headers that are known.

    Raises: UnknownColumn if the map names a column that a file lacks, InputError if a file has no id or the two files
    share nothing to compare.
    """
    asked = _asked_further(given)
    sides = []
    for name, headers in (("left", left), ("right", right)):
        mapped = {**_section(given, "both"), **_section(given, name)}
        columns = {role: _present(column, headers) for role, column in mapped.items()}
        taken = {*columns.values(), *(columns_of[name] for _, columns_of in asked)}
        known = _recognised(headers, taken=taken, settled=set(columns))
        sides.append({**known, **columns, **{f.name: _present(s[name], headers) for f, s in asked}})
    further = [
        (*(one for one, _ in asked), *_known_further(columns, headers))
        for columns, headers in zip(sides, (left, right), strict=True)
    ]
    return _checked(sides, further)


def _section(given: Mapping[str, Mapping[str, object]], name: str) -> dict[str, str]:
    return {role: str(column) for role, column in given.get(name, {}).items()}


def _present(column: str, headers: Sequence[str]) -> str:
    if column not in headers:
        message = f"The map names a column {column!r} that a file does not have."
        raise UnknownColumn(message)
    return column


def _asked_further(given: Mapping[str, Mapping[str, object]]) -> list[tuple[Further, dict[str, str]]]:
    asked = []
    for name, body in given.get("further", {}).items():
        if not re.fullmatch(r"[a-z][a-z0-9_]*", name) or name in ROLES or not isinstance(body, dict):
            message = f"A further column cannot be called {name!r}."
            raise InputError(message, "Use lower case letters, digits and underscores, and no name of a role.")
        sides = {side: str(body.get(side, body.get("both", name))) for side in ("left", "right")}
        kind = str(body.get("kind", "text"))
        if kind not in tuple(Kind):
            message = f"The kind of the further column {name} is not one of {', '.join(Kind)}."
            raise InputError(message)
        asked.append((Further(f"x_{name}", Kind(kind)), sides))
    return asked


def _recognised(headers: Sequence[str], taken: set[str], settled: set[str]) -> dict[str, str]:
    plain = {_plain(header): header for header in reversed(headers) if header not in taken}
    found: dict[str, str] = {}
    for role, names in ROLES.items():
        header = next((plain[name] for name in names if name in plain), None)
        if header is None and role in FAMILIAR_PARTS:
            header = next((plain[name] for name in plain if name.startswith(FAMILIAR_PARTS[role])), None)
        if header is not None and role not in settled and header not in found.values():
            found[role] = header
    if "id" not in {*found, *settled}:
        ends = [header for name, header in plain.items() if name.endswith("id") and name not in FURTHER_KINDS]
        found |= {"id": ends[-1]} if ends else {}
    if "birth_month" not in found and "birth_day" in found:  # a birthday alone is a date
        found.setdefault("date_of_birth", found.pop("birth_day"))
    return found


def _known_further(columns: dict[str, str], headers: Sequence[str]) -> tuple[Further, ...]:
    """Add to a side the headers that say something of a person beyond the roles; what is in use is not doubled."""
    found = []
    for header in headers:
        name = _plain(header)
        if name in FURTHER_KINDS and header not in columns.values() and f"x_{name}" not in columns:
            columns[f"x_{name}"] = header
            found.append(Further(f"x_{name}", FURTHER_KINDS[name]))
    return tuple(found)


def _checked(sides: Sequence[dict[str, str]], further: Sequence[tuple[Further, ...]]) -> tuple[Side, Side]:
    for name, columns in zip(("LEFT", "RIGHT"), sides, strict=True):
        if "id" not in columns:
            message = f"No column of {name} is known to be the id of a record."
            raise InputError(message, 'Say which it is: a map with [left] id = "...".')
    left, right = sides
    named, dated = {"given_name", "family_name", "full_name"}, {"date_of_birth", "birth_year"}
    alike = any(group & set(left) and group & set(right) for group in (named, dated))
    if not (set(left) & set(right)) - {"id", "sex"} and not alike:
        message = "The two files share no column that tells people apart."
        raise InputError(message, "Name the columns in a map: see docs/how-to/link-two-files.md.")
    return Side(left, further[0]), Side(right, further[1])
