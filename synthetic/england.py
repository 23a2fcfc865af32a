"""The door of the synthetic England: one call makes files as sent, NHS files and the truth beside them."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from cld.engine import Query, Session, scratch_engine
from synthetic.council_files import SentFile, write_council_files
from synthetic.events import make_events
from synthetic.nhs import write_nhs_files
from synthetic.people import make_people, read_lists

__all__ = ["England", "make_england"]

TRUE_CLIENTS = """
    select c.la_code, c.la_person_id as la_person_unique_identifier, case when p.absent then null else p.nhs_number end
        as true_nhs_number, p.tradition, p.ethnicity, p.gender,
        case when date_diff('year', p.date_of_birth, date '2021-12-31') < 65 then '18 to 64' else '65 and above' end as age_band
    from clients c join people p on p.i = c.i
    order by c.la_code, c.la_person_id
"""


@dataclass(frozen=True, slots=True)
class England:
    """Where the files lie."""

    received: tuple[SentFile, ...]
    nhs: Path
    truth: Path


def make_england(folder: Path, scratch: Path, *, n_people: int, seed: int, n_threads: int = 2) -> England:
    """Make an England of ``n_people`` people and ten councils.

    Writes ``received/`` (council files), ``nhs/`` (person index, episodes, attendances, deaths, opt-outs, postcodes) and
    ``truth/`` (who each council id and each NHS record really is). The same seed gives the same bytes on any number
    of threads; memory stays bounded as people grow, since every table is made by one query.
    """
    with scratch_engine(scratch, n_threads).session() as session:
        read_lists(session, str(files("synthetic")))
        make_people(session, n_people, seed)
        make_events(session, seed)
        received = write_council_files(session, folder / "received", seed)
        write_nhs_files(session, folder / "nhs", seed)
        _write_truth(session, folder / "truth")
    return England(received, folder / "nhs", folder / "truth")


def _write_truth(session: Session, folder: Path) -> None:
    session.export(Query(TRUE_CLIENTS, ("clients", "people")), folder / "clients.csv")
    for name, key in (("apc", "episode_id"), ("attendances", "attendance_id"), ("deaths", "registration_id")):
        text = f"""
            select t.{key}, p.nhs_number as true_nhs_number from true_{name} t join people p on p.i = t.i order by t.{key}
        """  # noqa: S608
        session.export(Query(text, (f"true_{name}", "people")), folder / f"{name}.csv")
