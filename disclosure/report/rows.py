"""What the report tells of rows: risk before and after, what a class tells, what was lost, who could find whom.

Shares and distances are text with four digits after the point: what is sealed holds no float.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from cld.engine import Query, Session, quote
from cld.hierarchies import Hierarchy
from disclosure.intruder.attempt import Released, promised
from disclosure.intruder.stated import stated_for
from disclosure.rows.classes import losses
from disclosure.rows.coded import read_columns
from disclosure.rows.measures import Classes, SensitiveMeasures, measure_table
from disclosure.rows.sizes import by_size
from disclosure.rows.suda import special_uniques
from disclosure.rows.unicity import unicity
from disclosure.rows.withhold import WITHHELD

__all__ = ["GeneralisedRows", "as_text", "report_of_events", "report_of_people"]

PERSON = "person_key"
POINTS = {
    "cld": ("service_type", "event_start_date"),
    "apc": ("provider_code", "admission_date"),
    "attendances": ("provider_code", "arrival_date"),
}
MOST_COLUMNS_OF_A_SPECIAL_UNIQUE = 4
Report = dict[str, Any]


def as_text(share: float) -> str:
    """Write a share or distance with four digits after the point."""
    return f"{share:.4f}"


@dataclass(frozen=True, slots=True)
class GeneralisedRows:
    """An anonymised table before and after, and how it was made; ``withheld`` counts rows by column outside k."""

    before: str
    after: str
    columns: tuple[str, ...]
    quasi: tuple[str, ...]
    sensitive: tuple[str, ...]
    levels: Mapping[str, int]
    hierarchies: Mapping[str, Hierarchy]
    n_suppressed: int
    withheld: Mapping[str, int] = field(default_factory=dict)


def report_of_people(session: Session, rows: GeneralisedRows) -> Report:
    """Report anonymised rows, one a person.

    Assumes: the intruders that are stated, who know that the person is in the rows.
    """
    before, _ = measure_table(session, rows.before, rows.quasi, person=PERSON)
    after, _ = measure_table(session, rows.after, rows.quasi, person=PERSON)
    everything, _ = measure_table(session, rows.after, [n for n in rows.columns if n != PERSON], person=PERSON)
    lost = losses(session, rows.before, rows.hierarchies, rows.levels)
    return {
        "before": _risk(before),
        "after": {**_risk(after), "k_on_all_columns": everything.k, "n_alone_on_all_columns": everything.n_uniques},
        "sizes": [list(line) for line in by_size(after)],
        "risk_by_column": _by_column(session, rows.before, rows.quasi, before),
        "special_uniques": _special(session, rows.before, rows.quasi),
        "sensitive": _where_shown(session, rows),
        "utility_lost": {
            **{
                name: {"level": rows.hierarchies[name].levels[level], "loss": as_text(lost[name])}
                for name, level in sorted(rows.levels.items())
            },
            **_withheld(rows, after.n_members),
        },
        "n_suppressed": rows.n_suppressed,
        "intruders": _intruders(session, rows),
    }


def report_of_events(session: Session, data_set: str, quasi: Sequence[str]) -> Report:
    """Report pseudonymised rows, several a person: as they are, with unicity where they tell when something happened."""
    classes, _ = measure_table(session, data_set, quasi, person=PERSON)
    found: Report = {"after": _risk(classes), "sizes": [list(line) for line in by_size(classes)]}
    if data_set in POINTS and set(POINTS[data_set]) <= set(session.columns(data_set)):
        found["unicity"] = _unicity(session, data_set)
    return found


def _risk(classes: Classes) -> Report:
    return {
        "k": classes.k,
        "n_classes": classes.n_classes,
        "n_uniques": classes.n_uniques,
        "highest_prosecutor_risk": as_text(classes.highest_risk),
        "average_prosecutor_risk": as_text(classes.average_risk),
    }


def _by_column(session: Session, table: str, quasi: Sequence[str], whole: Classes) -> dict[str, int]:
    """Count the persons who are alone because of each column: those who are not when it is left out."""
    found = {}
    for name in quasi:
        without, _ = measure_table(session, table, [one for one in quasi if one != name], person=PERSON)
        found[name] = whole.n_uniques - without.n_uniques
    return found


def _withheld(rows: GeneralisedRows, n_kept: int) -> Report:
    """Tell of each column outside k the share of people of whom it is not shown."""
    return {
        name: {"level": "withheld of some" if n else "as recorded", "loss": as_text(n / max(n_kept, 1))}
        for name, n in sorted(rows.withheld.items())
    }


def _where_shown(session: Session, rows: GeneralisedRows) -> Report:
    """Measure each sensitive column over the rows that show it: one that withholds it tells nothing of it."""
    found: Report = {}
    for name in rows.sensitive:
        text = f"select * from {quote(rows.after)} where cast({quote(name)} as varchar) is distinct from '{WITHHELD}'"  # noqa: S608
        session.table("shown_rows", Query(text, (rows.after,)))
        _, told = measure_table(session, "shown_rows", rows.quasi, (name,), person=PERSON)
        session.drop("shown_rows")
        found |= {column: _told(measured) for column, measured in told.items()}
    return found


def _special(session: Session, table: str, quasi: Sequence[str]) -> Report:
    """Count special uniques before generalisation, by size, with each column's share of their scores."""
    columns = read_columns(session, (table,), quasi)
    if not columns or not len(columns[0].codes):
        return {}
    found = special_uniques(columns, MOST_COLUMNS_OF_A_SPECIAL_UNIQUE)
    return {
        "n_by_size": {str(size): n for size, n in enumerate(found.n_by_size) if size},
        "n_people": int((found.n_msu > 0).sum()),
        "share_by_column": {name: as_text(share) for name, share in found.share_by_column.items()},
    }


def _told(measured: SensitiveMeasures) -> Report:
    found = {name: as_text(value) for name, value in asdict(measured).items() if isinstance(value, float)}
    return {
        **found,
        "distinct_l": measured.distinct_l,
        "distance_of_t": "ordered" if measured.is_ordered else "equal",
    }


def _intruders(session: Session, rows: GeneralisedRows) -> list[Report]:
    """Say of each stated intruder what the released rows let it hope for, from the columns it knows."""
    released = Released(rows.after, rows.before, rows.levels, rows.hierarchies)
    found = []
    for intruder in stated_for(rows.columns):
        promise = promised(session, released, intruder.columns())
        found.append(
            {
                "name": intruder.name,
                "knows": list(intruder.columns()),
                "outside_k": sorted(set(intruder.columns()) - set(rows.quasi)),
                "highest": as_text(promise.highest),
                "average": as_text(promise.average),
                "n_alone": promise.n_alone,
            }
        )
    return found


def _unicity(session: Session, data_set: str) -> list[Report]:
    what, when = POINTS[data_set]
    text = f"""
        select {PERSON}, {quote(what)} as what, substr(cast({quote(when)} as varchar), 1, 7) as month
        from {data_set} where {quote(what)} is not null and {quote(when)} is not null
    """  # noqa: S608
    session.table("points", Query(text, (data_set,)))
    measured = unicity(session, "points", person=PERSON, point=("what", "month"))
    session.drop("points")
    return [
        {
            "n_known": one.n_known, "n_persons": one.n_persons, "share_alone": as_text(one.share_alone),
            "interval": [as_text(one.low), as_text(one.high)], "n_could_be_alone": one.n_could_be_alone,
            "is_exact": one.is_exact, "point": [what, "month"],
        }
        for one in measured
    ]  # fmt: skip
