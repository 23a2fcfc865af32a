"""What released rows tell of the people in them: the risk of one file, measured, estimated and written per record."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from cld.engine import Query, Session, quote
from cld.errors import InputError
from disclosure.rows.coded import Column, Counts, Key, key_of, read_columns
from disclosure.rows.hierarchy_files import read_hierarchy
from disclosure.rows.individual import individual_risk
from disclosure.rows.measures import Classes, SensitiveMeasures, classes_of, measure_classes, person_part
from disclosure.rows.population import KnownPopulation, know_population
from disclosure.rows.suda import SpecialUniques, dis_suda, special_uniques
from disclosure.rows.uniqueness import PopulationUniqueness, estimate_uniqueness
from disclosure.rows.value_levels import ValueLevels

__all__ = ["FileRisk", "RiskRequest", "measure_file", "write_records"]

FILE, POPULATION = "the_file", "the_population"
SEPARATORS = ",;"
Floats = npt.NDArray[np.float64]
Stage = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class RiskRequest:
    """What is asked of a file: its columns by role, what is known of the population, and how far to search."""

    file: Path
    quasi_identifiers: tuple[str, ...]
    sensitive: tuple[str, ...] = ()
    person: str | None = None
    sampling_fraction: float | None = None
    population: Path | None = None
    weight: str | None = None
    hierarchies: Mapping[str, Path] = field(default_factory=dict)
    suda: int | None = None


@dataclass(frozen=True, slots=True)
class FileRisk:
    """Everything that was measured of one file; ``columns`` are the quasi-identifiers, ``weighed`` by class.

    ``dis_suda`` are DIS and each record's DIS-SUDA score, where special uniques were sought and a fraction is known.
    """

    asked: RiskRequest
    n_records: int
    n_persons: int
    columns: tuple[Column, ...]
    key: Key
    person: Column | None
    classes: Classes
    sensitive: Mapping[str, SensitiveMeasures]
    levels: Mapping[str, ValueLevels]
    uniqueness: PopulationUniqueness | None
    population: KnownPopulation | None
    weighed: Floats | None
    suda: SpecialUniques | None
    notes: tuple[str, ...]
    dis_suda: tuple[float, Floats] | None = None

    def class_of_row(self) -> Counts:
        """Return for each row the place of its class among the classes."""
        return np.unique(self.key.values, return_inverse=True)[1]

    def level_classes(self, column: str, level: int) -> Classes:
        """Count the classes with one column at a level of its hierarchy and the others as they are."""
        coded, n_groups = self.levels[column].at(self._column(column), level)
        return self._recounted(key_of(self._without(column), self.n_records).with_part(coded, n_groups))

    def classes_without(self, column: str) -> Classes:
        """Count the classes with one column left out."""
        return self._recounted(key_of(self._without(column), self.n_records))

    def _recounted(self, key: Key) -> Classes:
        return classes_of(*person_part(key, self.person))

    def _column(self, name: str) -> Column:
        return next(column for column in self.columns if column.name == name)

    def _without(self, name: str) -> list[Column]:
        return [column for column in self.columns if column.name != name]


def measure_file(session: Session, asked: RiskRequest, stage: Stage) -> FileRisk:
    """Measure a file as asked.

    Raises: InputError if the file has no rows, persons are missing, weights are no numbers, or values stand in no
    hierarchy; UnknownColumn for a column that is not there.
    """
    stage("read")
    levels = {name: ValueLevels(read_hierarchy(name, path)) for name, path in asked.hierarchies.items()}
    n_records, quasi = _read(session, asked)
    own = tuple(column.first(n_records) for column in quasi)
    for one in own:
        if one.name in levels:
            levels[one.name].at(one, 0)
    who = _read_persons(session, FILE, asked.person)
    stage("count")
    key, person = person_part(key_of(quasi, len(quasi[0].codes)), who)
    key, sample_key = _room_for_population(session, asked, key, n_records)
    held = read_columns(session, (FILE,), asked.sensitive)
    classes, sensitive = measure_classes(sample_key, person, held)
    stage("population")
    population = _population(session, asked, key, n_records, classes)
    fraction = classes.n_members / population.n_persons if population else asked.sampling_fraction
    uniqueness = None if fraction is None else estimate_uniqueness(classes.sizes, fraction)
    weighed = None if asked.weight is None else _weighed(session, asked.weight, sample_key, person)
    stage("special uniques")
    suda = None if asked.suda is None else special_uniques(own, asked.suda, person)
    shared = None if suda is None or fraction is None else dis_suda(suda, len(own), classes.sizes, fraction)
    n_persons = n_records if who is None else who.n_values
    notes = _notes(asked, [*own, *held], classes, n_persons, uniqueness, population)
    return FileRisk(
        asked, n_records, n_persons, own, sample_key, person, classes, sensitive, levels, uniqueness, population,
        weighed, suda, tuple(notes), shared,
    )  # fmt: skip


def _read(session: Session, asked: RiskRequest) -> tuple[int, list[Column]]:
    """Read the quasi-identifiers of the file and, after its rows, of the population."""
    session.scan_file(FILE, asked.file, SEPARATORS)
    tables = [FILE]
    if asked.population is not None:
        session.scan_file(POPULATION, asked.population, SEPARATORS)
        tables.append(POPULATION)
    quasi = read_columns(session, tables, asked.quasi_identifiers)
    n_records = session.whole(Query(f"select count(*) from {FILE}", (FILE,)))  # noqa: S608
    if not n_records:
        message = f"The file {asked.file.name} has no rows."
        raise InputError(message, "Give a file with at least one record.")
    return n_records, quasi


def _read_persons(session: Session, table: str, name: str | None) -> Column | None:
    if name is None:
        return None
    (person,) = read_columns(session, (table,), (name,))
    if person.values.null_count:
        missing = int(person.values.is_null().to_numpy(zero_copy_only=False)[person.codes].sum())
        message = f"{missing} rows of {table.replace('_', ' ')} have no person in {name}."
        raise InputError(message, "Fill them in, or leave --person out to count each row as a person.")
    return person


def _room_for_population(session: Session, asked: RiskRequest, key: Key, n_records: int) -> tuple[Key, Key]:
    """Return keys of all rows with room for the population's persons, and those of the file alone."""
    if asked.population is not None and not key.fits(len(key.values)):
        key = key.dense()
    return key, Key(key.values[:n_records], key.n_keys)


def _population(
    session: Session, asked: RiskRequest, key: Key, n_records: int, classes: Classes
) -> KnownPopulation | None:
    """Count the population's classes; without the person column there, each of its rows is a person."""
    if asked.population is None:
        return None
    if n_records == len(key.values):
        message = f"The population {asked.population.name} has no rows."
        raise InputError(message, "Give a file with every person of the population.")
    there = asked.person if asked.person in session.columns(POPULATION) else None
    rest = person_part(Key(key.values[n_records:], key.n_keys), _read_persons(session, POPULATION, there))
    found = know_population(classes, classes_of(*rest), counts_rows=there != asked.person)
    if found.n_persons < classes.n_members:
        message = f"The population {asked.population.name} holds fewer persons than the file."
        raise InputError(message, "Give a file with every person of the population, those of the file among them.")
    return found


def _weighed(session: Session, name: str, key: Key, person: Column | None) -> Floats:
    """Return the individual risk of each class from the sum of its records' weights."""
    if person is not None:
        message = "Weights count records, and some persons have several."
        raise InputError(message, "Give one row a person with --weight, or leave --person out.")
    (column,) = read_columns(session, (FILE,), (name,))
    text = f"select try_cast({quote(name)} as double) as weight from {FILE}"  # noqa: S608
    weights: Floats = session.arrow(Query(text, (FILE,)))["weight"].to_numpy()
    bad = int((~(np.isfinite(weights) & (weights > 0))).sum())
    if bad:
        message = f"{bad} weights in {column.name} are missing, no numbers, or not above zero."
        raise InputError(message, "Give each record the number of people it stands for.")
    _, classes, n = np.unique(key.values, return_inverse=True, return_counts=True)
    return individual_risk(n, np.bincount(classes, weights).astype(np.float64))


def _notes(
    asked: RiskRequest, columns: list[Column], classes: Classes, n_persons: int,
    uniqueness: PopulationUniqueness | None, population: KnownPopulation | None,
) -> list[str]:  # fmt: skip
    """Say what a reader must know of the figures."""
    notes = [
        f"The column {column.name} has no values: all rows are alike in it."
        for column in columns
        if column.is_missing()
    ]
    if classes.n_members > n_persons:
        extra = classes.n_members - n_persons
        notes.append(f"Some persons are in several classes: class sizes add up to {extra} more than there are persons.")
    if uniqueness is None:
        notes.append("Population uniqueness needs --sampling-fraction or --population.")
    else:
        notes.extend(uniqueness.notes)
    if population is not None and population.n_classes_beyond:
        notes.append(
            f"The population file lacks people of {population.n_classes_beyond} classes: they are taken to be as large as in the file."
        )
    if population is not None and population.counts_rows:
        notes.append(f"The population file has no column {asked.person}: each of its rows is counted as a person.")
    return notes


def write_records(session: Session, found: FileRisk, path: Path) -> None:
    """Write class size, risk, number of MSUs and score of each record, in the file's order.

    The risk is the individual risk where weights are given, else the prosecutor's, 1 / class size.
    """
    place = found.class_of_row()
    sizes = found.classes.sizes
    risk = (1 / sizes if found.weighed is None else found.weighed)[place]
    columns: dict[str, pa.Array] = {"class_size": pa.array(sizes[place]), "risk": pa.array(risk)}
    nothing = pa.nulls(found.n_records, pa.float64())
    columns["n_msu"] = pa.array(found.suda.n_msu) if found.suda else nothing.cast(pa.int32())
    columns["suda_score"] = pa.array(found.suda.score) if found.suda else nothing
    if found.dis_suda is not None:
        columns["dis_suda_score"] = pa.array(found.dis_suda[1])
    if found.population is not None:
        columns["population_class_size"] = pa.array(found.population.sizes[place])
    session.take("per_record", pa.table({**columns, "place": pa.array(np.arange(found.n_records))}))
    listed = ", ".join(columns)
    session.export(Query(f"select {listed} from per_record order by place", ("per_record",)), path)  # noqa: S608
