"""Published rules by which NHS data sets are joined, as dated data: what is valid for matching, and whose date stands.

Source: linkage/join-rules.csv, each row with its own.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from datetime import date
from importlib.resources import files

from cld.nhs_number import clean_number_sql, number_fault_sql

__all__ = ["DEATHS_BY_PERSON", "JoinRule", "death_date_sql", "rules_on", "valid_for_matching_sql"]

# of several registrations of one person the latest stands, and of one day the latest date of death
DEATHS_BY_PERSON = """
    select person_id, date_of_death from (
        select person_id, date_of_death, row_number() over (
            partition by person_id order by registration_id desc, date_of_death desc
        ) as place from deaths
    ) where place = 1 order by person_id
"""


@dataclass(frozen=True, slots=True)
class JoinRule:
    """A rule in force between two days, for some data sets."""

    name: str
    applies_to: tuple[str, ...]
    value: str
    from_day: date
    to_day: date | None


def _rules() -> tuple[JoinRule, ...]:
    text = files("linkage").joinpath("join-rules.csv").read_text("utf-8")
    return tuple(
        JoinRule(
            row["rule"],
            tuple(row["applies_to"].split()),
            row["value"],
            date.fromisoformat(row["from_day"]),
            date.fromisoformat(row["to_day"]) if row["to_day"] else None,
        )
        for row in csv.DictReader(text.splitlines())
    )


def rules_on(day: date, data_set: str) -> dict[str, str]:
    """Return the rules for a data set that are in force on a day, by name."""
    return {
        rule.name: rule.value
        for rule in _rules()
        if data_set in rule.applies_to and rule.from_day <= day and (rule.to_day is None or day <= rule.to_day)
    }


def valid_for_matching_sql(rules: dict[str, str]) -> tuple[str, str, str]:
    """Return SQL over nhs_number, date_of_birth and postcode that is null where a value may not be matched on.

    The number's range is not asked: ranges are the settings' business (see cld.nhs_number).
    """
    number, birth, postcode = "nhs_number", "date_of_birth", "postcode"
    if "number_is_checked" in rules:
        cleaned = clean_number_sql("nhs_number")
        fault = number_fault_sql(cleaned, synthetic_allowed=True)
        number = f"case when coalesce({fault}, 'range') = 'range' then {cleaned} end"
    if "earliest_birth" in rules:
        birth = (
            f"case when date_of_birth >= date '{date.fromisoformat(rules['earliest_birth'])}' then date_of_birth end"
        )
    if "postcode_not_valid" in rules:
        postcode = f"case when not starts_with(upper(postcode), '{rules['postcode_not_valid']}') then postcode end"
    return number, birth, postcode


def death_date_sql(rules: dict[str, str]) -> str:
    """Return SQL for a client's date of death, ``c`` being the council's row and ``d`` the registered death."""
    if rules.get("registered_death_replaces") == "yes":
        return "coalesce(d.date_of_death, c.date_of_death)"
    return "c.date_of_death"
