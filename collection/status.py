"""Field status: for each row and field, whether it is mandatory (2), applicable (1), not applicable (0) or undecided (-1).

Source: cld/specification/cld-dq-statuses.csv and the mandatory_when column of cld-spec-fields.csv, which fields.csv states
as conditions over the Release 2 wording.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from cld.engine import Query, Session

__all__ = ["FieldRule", "field_rules", "make_facts", "status_counts"]

# what several conditions share, worked out once a row
FACTS = """
    select *,
        client_type <> 'Unpaid carer known by association' as has_event,
        date_diff('year', date_of_birth, reporting_period_end_date)
            - case when strftime(reporting_period_end_date, '%m%d') < strftime(date_of_birth, '%m%d') then 1 else 0 end as age_years,
        coalesce(delivery_mechanism, '') <> 'CASSR commissioned support'
            and (service_type like 'Long term support%' or service_type like 'Unpaid carer support%'
                or service_component in ('Short term residential care', 'Short term nursing care', 'Unpaid carer respite'))
            as is_costed
    from mapped
    order by row_number
"""


@dataclass(frozen=True, slots=True)
class FieldRule:
    """When a field applies to a row and when it must hold a value, as SQL over the table ``facts``."""

    column: str
    applies_when: str
    mandatory_when: str

    def status_sql(self) -> str:
        """Return SQL for the field's status on a row."""
        return (
            f"case when ({self.mandatory_when}) then 2 when ({self.mandatory_when}) is null then -1"
            f" when ({self.applies_when}) then 1 else 0 end"
        )


@cache
def field_rules() -> tuple[FieldRule, ...]:
    """Return the rule of every field of the specification."""
    rows = csv.DictReader(files("collection").joinpath("fields.csv").read_text("utf-8").splitlines())
    return tuple(FieldRule(row["column"], row["applies_when"], row["mandatory_when"]) for row in rows)


def make_facts(session: Session) -> None:
    """Make the table ``facts``: ``mapped`` with the facts that the conditions share."""
    session.table("facts", Query(FACTS, ("mapped",)))


def status_counts(session: Session) -> dict[str, dict[str, int]]:
    """Count rows by field and status, with the mandatory ones that are blank, from ``facts``."""
    parts = [
        f"select '{rule.column}' as name, {rule.status_sql()} as status, {rule.column} is null as blank from facts"  # noqa: S608
        for rule in field_rules()
    ]
    text = f"""
        select name, status, count(*), count(*) filter (blank) from ({" union all ".join(parts)})
        group by all order by all
    """  # noqa: S608
    counted: dict[str, dict[str, int]] = {}
    for name, status, n_rows, n_blank in session.rows(Query(text, ("facts",))):
        found = counted.setdefault(
            str(name), {"mandatory": 0, "applicable": 0, "not_applicable": 0, "undetermined": 0, "blank_mandatory": 0}
        )
        label = {2: "mandatory", 1: "applicable", 0: "not_applicable", -1: "undetermined"}[int(status)]
        found[label] = int(n_rows)
        if int(status) == 2:  # noqa: PLR2004
            found["blank_mandatory"] = int(n_blank)
    return counted
