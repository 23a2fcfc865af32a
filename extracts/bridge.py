"""The bridge in a package: the first deliveries after a rotation lead from the person keys that the recipient holds to theirs.

A bridge is a table of the extract like any other: built, checked, signed and sealed with it. It holds persons whose rows are in
this extract, and of them the old keys alone that earlier releases of the agreement carried and no earlier bridge led here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from audit.journal import Journal
from cld.datasets import Dataset, Pseudonymised
from cld.engine import Query, Session
from cld.errors import Conflict, KeyDestroyed, NotSealed
from cld.plan import BRIDGE, ExtractPlan, plan_from_json
from cld.vocabulary import Form
from extracts.approve import Application
from extracts.keying import PERSON_KIND, Keying, is_of_one_release
from extracts.lineage import released
from keys.bridge import bridge
from keys.pseudonym import PseudonymForm

__all__ = ["Bridges", "bridged_from", "bridges", "require_one_form"]

PERSONS = "bridge_persons"


@dataclass(frozen=True, slots=True)
class _Delivery:
    """An earlier release of an agreement to its recipient: plan, key version and tables."""

    plan: ExtractPlan
    key_version: int
    tables: Mapping[str, Any]

    def with_column(self, column: str) -> Iterator[Dataset[Pseudonymised]]:
        """Yield the tables that have a column."""
        for name, held in self.tables.items():
            if column in held["dataset"]["columns"]:
                yield from self.named(name)

    def named(self, name: str) -> Iterator[Dataset[Pseudonymised]]:
        """Yield the table of a name, if there is one."""
        if name in self.tables:
            yield Dataset.from_json(Pseudonymised, self.tables[name]["dataset"])


@dataclass(frozen=True, slots=True)
class Bridges:
    """The bridge tables of an extract by name, and the versions that are destroyed, from which nothing can lead."""

    tables: Mapping[str, Any]
    not_bridged: tuple[int, ...] = ()


def bridged_from(tables: Iterable[str]) -> list[int]:
    """Return the key versions that the bridges among an extract's tables lead from."""
    return sorted(int(name.removeprefix(BRIDGE)) for name in tables if name.startswith(BRIDGE))


def _deliveries(application: Application, journal: Journal) -> Iterator[_Delivery]:
    """Yield what left for this recipient under this agreement with pseudonyms that last."""
    for _, document in released(journal):
        facts = document.body["facts"]
        same = document.body["body_code"] == application.body_code
        if not same or facts["agreement"] != application.agreement.reference or facts["form"] != Form.PSEUDONYMISED:
            continue
        checked = journal.load(document.parents[0])
        candidate = journal.load(checked.parents[0]) if checked is not None else None
        if candidate is None:
            message = "A document of an earlier release of this agreement is missing."
            raise NotSealed(message, document.parents)
        plan = plan_from_json(candidate.body["plan"])
        if not is_of_one_release(plan):
            yield _Delivery(plan, int(candidate.body["key_version"]), candidate.body["tables"])


def require_one_form(application: Application, plan: ExtractPlan, journal: Journal) -> None:
    """Hold that all deliveries of an agreement write its pseudonyms in one form: nothing else would join them.

    Raises: Conflict.
    """
    if plan.form is not Form.PSEUDONYMISED or is_of_one_release(plan):
        return
    for delivery in _deliveries(application, journal):
        if delivery.plan.pseudonym_form != plan.pseudonym_form:
            message = (
                f"Earlier deliveries of this agreement have pseudonyms of the form {delivery.plan.pseudonym_form}."
            )
            raise Conflict(message, "Keep the form, or ask for a new agreement.")


def bridges(session: Session, application: Application, plan: ExtractPlan, keying: Keying, journal: Journal) -> Bridges:
    """Make the bridges of an extract whose rows were built in this session, one for each earlier version of its key.

    Raises: KeyUnavailable if an earlier version that is not destroyed does not open.
    """
    if plan.form is not Form.PSEUDONYMISED or is_of_one_release(plan):
        return Bridges({})
    earlier = [held for held in _deliveries(application, journal) if held.plan.family == plan.family]
    versions = sorted({held.key_version for held in earlier} - {keying.version})
    if not versions:
        return Bridges({})
    made = [f"source_{table.data_set}_person_key" for table in plan.tables]
    rows = " union ".join(f"select identifier, pseudonym from {name}" for name in made)  # noqa: S608 - names of ours
    session.table(PERSONS, Query(rows, tuple(made)))
    tables, lost = {}, []
    for version in versions:
        held = _held(session, version, keying.version, earlier)
        domain = keying.domain(PERSON_KIND, version)
        try:
            key = keying.keys.pseudonym_key(keying.key_id, domain)
        except KeyDestroyed:
            lost.append(version)
            continue
        query = bridge(session, PERSONS, held, key, domain, PseudonymForm(plan.pseudonym_form))
        dataset = session.store(query, Pseudonymised)
        if dataset.n_rows:
            tables[f"{BRIDGE}{version}"] = {"dataset": dataset.as_json(), "n_persons": dataset.n_rows}
    return Bridges(tables, tuple(lost))


def _held(session: Session, old: int, new: int, earlier: list[_Delivery]) -> str:
    """Make the table of the person keys of a version that were delivered and that no bridge led to the new one."""
    delivered = [rows for one in earlier if one.key_version == old for rows in one.with_column("person_key")]
    led = [rows for one in earlier if one.key_version == new for rows in one.named(f"{BRIDGE}{old}")]
    names = _attach(session, f"delivered_{old}", delivered), _attach(session, f"led_{old}", led)
    whole = " union ".join(f"select person_key from {name}" for name in names[0])  # noqa: S608 - names of ours
    without = "".join(f" and person_key not in (select old_pseudonym from {name})" for name in names[1])  # noqa: S608
    text = f"select person_key as pseudonym from ({whole}) where person_key is not null{without}"  # noqa: S608
    session.table(f"held_{old}", Query(text, (*names[0], *names[1])))
    return f"held_{old}"


def _attach(session: Session, name: str, datasets: list[Dataset[Pseudonymised]]) -> tuple[str, ...]:
    """Bring tables in, each under a name of its own."""
    names = tuple(f"{name}_{place}" for place in range(len(datasets)))
    for one, dataset in zip(names, datasets, strict=True):
        session.attach(one, dataset)
    return names
