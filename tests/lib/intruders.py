"""The demo's anonymised extract beside the truth of the synthetic England, for intruders to try."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session as DatabaseSession

from api.database import ApplicationRow
from api.house import House
from api.register import read_register
from api.wiring import open_demo_workspace
from cld.catalogue import column_of
from cld.engine import Query, Session, quote
from cld.hierarchies import Hierarchy, hierarchy_named
from cld.journey import released_dataset
from disclosure.intruder.attempt import Attempt, Intruder, Released, attempt, know
from disclosure.rows.classes import generalised

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
    measures: dict[str, Any]

    def released(self) -> Released:
        """Return the rows as they left."""
        return Released("rows", "linked_people", self.levels, self.hierarchies)

    def as_they_were(self) -> Released:
        """Return the same people's rows, nothing generalised."""
        return Released("raw_rows", "linked_people", {}, self.hierarchies)

    def choose(self, name: str, people: str, which: str) -> str:
        """Make a table of some people, in a Boolean expression of SQL, and return its name."""
        self.session.table(name, Query(f"select * from {people} where {which}", (people,)))  # noqa: S608
        return name

    def attempt(self, intruder: Intruder, released: Released, people: str = "true_people") -> Attempt:
        """Let an intruder that looks for people try some rows."""
        known = f"{people}_{released.table}_{len(intruder.knows)}_known"
        know(self.session, people, intruder, self.hierarchies, target="person", into=known)
        return attempt(self.session, known, released, intruder, truth="truth")


@contextmanager
def anonymised_extract(demo: Path, reference: str) -> Iterator[Tried]:
    """Open a demo's anonymised extract of the whole combined set; its rows are made again under true names, and must be the rows that left.

    A released row's key says nothing once it is destroyed. So the rows are generalised again from the linked people, keyed
    by who they are, and held against those that left, key apart.
    """
    space = open_demo_workspace(demo)
    with DatabaseSession(space.database) as database:
        row = database.get_one(ApplicationRow, reference)
        columns = tuple(column["name"] for column in row.plan["tables"][0]["columns"] if column["name"] != "person_key")
    checked = space.journal.load(row.documents["CheckedExtract"])
    assert checked is not None
    measures, dataset = checked.body["measures"]["people"], checked.body["tables"]["people"]["dataset"]
    regions = {code: found.council.region for code, found in read_register(demo).items()}
    hierarchies = {
        name: hierarchy_named(column_of("people", name).hierarchy, regions) for name in measures["quasi_identifiers"]
    }
    levels = {name: hierarchies[name].levels.index(level) for name, level in measures["levels"].items()}
    with space.engine.session() as session:
        session.attach("linked_people", House(space).linked().data_set("people"))
        session.attach("left_rows", released_dataset(dataset))
        _read_truth(session, demo)
        listed = ", ".join(quote(name) for name in columns)
        text = "select person_id as person, * exclude (person_id) from linked_people"
        session.table("recorded_people", Query(text, ("linked_people",)))
        text = f"select person_id as person_key, {listed} from linked_people"  # noqa: S608
        session.table("raw_rows", Query(text, ("linked_people",)))
        made = generalised("raw_rows", ("person_key", *columns), levels, hierarchies, checked.body["limits"]["k"])
        session.table("rows", made)
        _hold_same_rows(session, listed)
        text = "select person_key as target, person_key as row_key from raw_rows"
        session.table("truth", Query(text, ("raw_rows",)))
        yield Tried(session, columns, hierarchies, levels, measures)
    space.journal.close()


def _read_truth(session: Session, demo: Path) -> None:
    for name in ("clients", "apc", "attendances", "deaths"):
        session.read_file(name if name == "clients" else f"true_{name}", demo / "truth" / f"{name}.csv")
    session.read_file("person_index", demo / "nhs" / "person_index.parquet")
    inputs = ("clients", "true_apc", "true_attendances", "true_deaths", "person_index")
    session.table("true_people", Query(TRUE_PEOPLE, inputs))


def _hold_same_rows(session: Session, listed: str) -> None:
    text = f"""
        select count(*) from ((select {listed} from rows except all select {listed} from left_rows)
            union all (select {listed} from left_rows except all select {listed} from rows))
    """  # noqa: S608
    assert session.whole(Query(text, ("rows", "left_rows"))) == 0, "these are not the rows that left"
