"""The demo's motivated intruders: each tries the anonymised extract, and the known truth says what it wins.

Only a synthetic England has the truth. What is won is set beside what the disclosure report promised before release.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from api.house.house import House
from api.store.database import ApplicationRow, reading
from api.workspace.register import read_register
from cld.catalogue import column_of
from cld.engine import Query, Session, quote
from cld.errors import InvariantBroken
from cld.hierarchies import Hierarchy, hierarchy_named
from cld.journey import Document, released_dataset
from cld.pictures import page, table
from cld.plan import plan_from_json
from cld.vocabulary import ColumnRole
from disclosure.intruder.attempt import Attempt, Intruder, Released, attempt, know
from disclosure.intruder.stated import stated_for
from disclosure.people import outside_k
from disclosure.rows.classes import generalised
from disclosure.rows.withhold import withhold

__all__ = ["LOOKED_FOR", "Tried", "anonymised_extract", "intruders_page", "try_all"]

EXTRACT = "CG-0004"
LOOKED_FOR = {
    "a neighbour": ("true_people", "true"),
    "a colleague": ("true_people", "age_years between 18 and 67"),
    "a journalist with a death notice": ("true_people", "died_in_period = 'yes'"),
    "someone with a hospital date": ("true_people", "n_admissions_band <> '0'"),
    "another recipient with its own extract": ("recorded_people", "registered_ccg in ('10Q', '14Y')"),
}
"""Whom each looks for: a notice is of the dead, a hospital date of those admitted, an extract of its own people."""

TRUE_PEOPLE = """
    with who as (select true_nhs_number as person, min(la_code) as la_code, min(gender) as gender, min(ethnicity) as ethnicity
        from clients where true_nhs_number is not null group by all),
    admitted as (select true_nhs_number as person, count(*) as n from true_apc group by all),
    attended as (select true_nhs_number as person, count(*) as n from true_attendances group by all),
    died as (select distinct true_nhs_number as person from true_deaths)
    select w.person, w.la_code, w.gender, w.ethnicity,
        cast(date_diff('year', i.date_of_birth, date '2021-12-31') as integer) as age_years,
        case when a.n is null then '0' when a.n = 1 then '1' else '2 and over' end as n_admissions_band,
        case when e.n is null then '0' when e.n = 1 then '1' else '2 and over' end as n_attendances_band,
        case when d.person is null then 'no' else 'yes' end as died_in_period
    from who w join person_index i on i.nhs_number = w.person
    left join admitted a using (person) left join attended e using (person) left join died d using (person)
    order by w.person
"""


@dataclass(frozen=True, slots=True)
class Tried:
    """A session that holds ``true_people`` (``person`` and what is true of each) and the extract's rows."""

    session: Session
    columns: tuple[str, ...]
    hierarchies: dict[str, Hierarchy]
    levels: dict[str, int]
    report: dict[str, Any]

    def released(self) -> Released:
        """Return the rows as they left."""
        return Released("rows", "linked_people", self.levels, self.hierarchies)

    def as_they_were(self) -> Released:
        """Return the same people's rows, nothing generalised."""
        return Released("raw_rows", "linked_people", {}, self.hierarchies)

    def choose(self, name: str, people: str, which: str) -> str:
        """Make a table of some people, by a Boolean expression of SQL, and return its name."""
        self.session.table(name, Query(f"select * from {people} where {which}", (people,)))  # noqa: S608
        return name

    def attempt(self, intruder: Intruder, released: Released, people: str) -> Attempt:
        """Let an intruder that looks for people try some rows."""
        known = f"{people}_{released.table}_known"
        know(self.session, people, intruder, self.hierarchies, target="person", into=known)
        found = attempt(self.session, known, released, intruder, truth="truth")
        self.session.drop(known)
        return found


@contextmanager
def anonymised_extract(house: House, reference: str = EXTRACT) -> Iterator[Tried]:
    """Open a demo's anonymised extract of the whole combined set; its rows are made again under true names.

    A released row's key says nothing once it is destroyed. So the rows are generalised again from the linked people, keyed
    by who they are, and held against those that left, key apart.
    Raises: InvariantBroken if these are not the rows that left.
    """
    space = house.space
    with reading(space.database) as database:
        row = database.get_one(ApplicationRow, reference)
        (people,) = plan_from_json(row.plan).tables
        digest = row.documents["CheckedExtract"]
    columns = tuple(column.name for column in people.columns if column.name != "person_key")
    checked = space.journal.load(digest)
    if checked is None:
        message = "The checked extract is gone."
        raise InvariantBroken(message)
    measures = checked.body["measures"]["people"]
    regions = {code: found.council.region for code, found in read_register(space.folder).items()}
    hierarchies = {
        name: hierarchy_named(column_of("people", name).hierarchy, regions) for name in measures["quasi_identifiers"]
    }
    levels = {name: hierarchies[name].levels.index(level) for name, level in measures["levels"].items()}
    with space.engine.session() as session:
        session.attach("linked_people", house.linked().data_set("people"))
        _read_truth(session, space.folder)
        _make_rows(session, checked, columns, levels, hierarchies)
        yield Tried(session, columns, hierarchies, levels, dict(checked.body["report"]["people"]))


def _read_truth(session: Session, folder: Path) -> None:
    for name in ("clients", "apc", "attendances", "deaths"):
        session.read_file(name if name == "clients" else f"true_{name}", folder / "truth" / f"{name}.csv")
    session.read_file("person_index", folder / "nhs" / "person_index.parquet")
    inputs = ("clients", "true_apc", "true_attendances", "true_deaths", "person_index")
    session.table("true_people", Query(TRUE_PEOPLE, inputs))
    text = "select person_id as person, * exclude (person_id) from linked_people"
    session.table("recorded_people", Query(text, ("linked_people",)))


def _make_rows(
    session: Session,
    checked: Document,
    columns: tuple[str, ...],
    levels: dict[str, int],
    hierarchies: dict[str, Hierarchy],
) -> None:
    """Make ``raw_rows``, ``rows`` as they left, and ``truth``."""
    session.attach("left_rows", released_dataset(checked.body["tables"]["people"]["dataset"]))
    listed = ", ".join(quote(name) for name in columns)
    text = f"select person_id as person_key, {listed} from linked_people"  # noqa: S608
    session.table("raw_rows", Query(text, ("linked_people",)))
    k, measures = int(checked.body["limits"]["k"]), checked.body["measures"]["people"]
    session.table("kept_rows", generalised("raw_rows", ("person_key", *columns), levels, hierarchies, k))
    asked = {one["measure"]: Decimal(one["limit"]) for one in checked.body["limits_held"] if one["limit"] is not None}
    sensitive = [
        name for name in measures["columns_outside_k"] if column_of("people", name).role is ColumnRole.SENSITIVE
    ]
    outside = outside_k(measures["columns_outside_k"], sensitive, asked)
    withhold(session, "kept_rows", measures["quasi_identifiers"], outside, "rows")
    text = "select person_key as target, person_key as row_key from raw_rows"
    session.table("truth", Query(text, ("raw_rows",)))
    text = f"""
        select count(*) from ((select {listed} from rows except all select {listed} from left_rows)
            union all (select {listed} from left_rows except all select {listed} from rows))
    """  # noqa: S608
    if session.whole(Query(text, ("rows", "left_rows"))):
        message = "These are not the rows that left."
        raise InvariantBroken(message)


def try_all(tried: Tried, released: Released) -> dict[str, Attempt]:
    """Let every stated intruder try some rows, each after the people it would look for."""
    found = {}
    for intruder in stated_for(tried.columns):
        people = tried.choose("looked_for", *LOOKED_FOR[intruder.name])
        found[intruder.name] = tried.attempt(intruder, released, people)
        tried.session.drop(people)
    return found


def intruders_page(house: House) -> str:
    """Let every stated intruder try the demo's anonymised extract, and return a page of what each won and was promised."""
    with anonymised_extract(house) as tried:
        attempts = {
            "As released": try_all(tried, tried.released()),
            "Had nothing been generalised": try_all(tried, tried.as_they_were()),
        }
    heads = (
        "intruder", "looks for", "one row fits", "rightly claimed", "success of the best guess", "95% interval",
        "promised, highest", "promised, average",
    )  # fmt: skip
    parts = ["<p>Only here is the truth known. Each guesses among the rows that fit what it knows.</p>"]
    for title, found in attempts.items():
        rows = [
            (
                name, one.n_targets, one.n_claims, one.n_correct_claims, one.success_rate,
                " to ".join(f"{end:.4f}" for end in one.interval), one.promise.highest, one.promise.average,
            )
            for name, one in found.items()
        ]  # fmt: skip
        parts.append(table(title, heads, rows))
    return page("Motivated intruders try the demo's anonymised extract", parts)
