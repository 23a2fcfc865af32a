"""What an extract will hold, as a small closed algebra that approver, policy, engine and auditor read alike."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from typing import Any, assert_never

from cld.catalogue import column_of
from cld.errors import InputError
from cld.free_text import FreeText
from cld.hierarchies import OLDEST
from cld.vocabulary import ColumnRole, Coverage, Form, Grain

__all__ = [
    "BRIDGE",
    "Combined",
    "ExtractPlan",
    "Keep",
    "Month",
    "OutputColumn",
    "Population",
    "Pseudonym",
    "Registered",
    "Resident",
    "Submitted",
    "Subset",
    "TableOfCounts",
    "TablePlan",
    "coverage_of",
    "plan_from_json",
]


@dataclass(frozen=True, slots=True)
class Submitted:
    """People in rows that a council submitted."""

    la_code: str


@dataclass(frozen=True, slots=True)
class Registered:
    """People registered with a CCG's practices, known to the councils named (all where none is)."""

    ccg: str
    la_codes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Resident:
    """People who live in a CCG's small areas, known to the councils named (all where none is)."""

    ccg: str
    la_codes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Combined:
    """All people of all participating councils."""


@dataclass(frozen=True, slots=True)
class Subset:
    """People of named councils, with the reason for the choice (Direction 6(b) bullet 5)."""

    la_codes: tuple[str, ...]
    reason: str


Population = Submitted | Registered | Resident | Combined | Subset


def coverage_of(population: Population) -> Coverage:
    """Say what a population covers. Whether it is the recipient's own is tested where the recipient is known."""
    match population:
        case Submitted() | Registered() | Resident():
            return Coverage.OWN
        case Combined():
            return Coverage.COMBINED
        case Subset():
            return Coverage.SUBSET
        case _:
            assert_never(population)


@dataclass(frozen=True, slots=True)
class Keep:
    """The column as it is, mapped to Release 2."""


@dataclass(frozen=True, slots=True)
class Month:
    """A date cut to its month."""


@dataclass(frozen=True, slots=True)
class Pseudonym:
    """An identifier keyed in its own kind, in the domain of recipient, agreement and data set family.

    An identifier as sent brings a column of reasons beside it, which say why a value has no pseudonym.
    """

    kind: str


Derivation = Keep | Month | Pseudonym


@dataclass(frozen=True, slots=True)
class OutputColumn:
    """A column of an extract: its name there, where it comes from and what is done to it."""

    name: str
    source: str
    derivation: Derivation


@dataclass(frozen=True, slots=True)
class TablePlan:
    """One table of an extract: a data set, what a row stands for, its columns."""

    data_set: str
    grain: Grain
    columns: tuple[OutputColumn, ...]

    def reasons(self) -> dict[str, OutputColumn]:
        """Return the columns of reasons that leave beside the plan's, each name with the keyed column that it speaks of."""
        keyed = [column for column in self.columns if isinstance(column.derivation, Pseudonym)]
        return {f"{column.name}{REASON}": column for column in keyed if column.derivation != Pseudonym(PERSON_KIND)}


@dataclass(frozen=True, slots=True)
class TableOfCounts:
    """An aggregate: persons counted over dimensions of the people table; the first dimension is the area.

    age_limits:  the ages at which bands begin, rising; none for the bands of CLD.
    withheld:  cells that the applicant goes without, each by its codes, ``Total`` for a total.
    """

    name: str
    dimensions: tuple[str, ...]
    age_limits: tuple[int, ...] = ()
    withheld: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class ExtractPlan:
    """The whole plan.

    max_suppressed_permille:  bounds the rows that an anonymised extract may lose.
    pseudonyms_last:  ``agreement``, the same over all its deliveries, or ``release``, other ones in each.
    missing_identifiers:  ``null``, or ``one-time``: a value for each that looks like a pseudonym and stands for nothing.
    pseudonym_form:  ``text``, 27 characters of 120 bits, or ``bigint``, whole numbers of 64 bits without check characters.
    """

    form: Form
    population: Population
    tables: tuple[TablePlan, ...]
    counts: tuple[TableOfCounts, ...]
    period_start: date
    period_end: date
    family: str
    profile: str
    local_items: bool
    opt_outs_applied: bool
    opt_out_reason: str
    max_suppressed_permille: int = 20
    fixed_levels: tuple[tuple[str, int], ...] = ()
    pseudonyms_last: str = "agreement"
    missing_identifiers: str = "null"
    pseudonym_form: str = "text"

    def __post_init__(self) -> None:
        """Refuse plans that mean nothing or that no form allows.

        Raises: InputError, naming the column or the contradiction.
        """
        if self.period_end < self.period_start:
            _refuse("The plan's period ends before it starts.")
        _require(
            self.pseudonyms_last in ("agreement", "release"), "Pseudonyms last for the agreement or for one release."
        )
        _require(self.pseudonym_form in PSEUDONYM_FORMS, "Pseudonyms are text, or whole numbers of 64 bits (bigint).")
        match self.form:
            case Form.AGGREGATE:
                _require(
                    len(self.counts) == 1 and not self.tables, "An aggregate plan holds one table of counts alone."
                )
                _check_counts(self.counts[0])
            case Form.PSEUDONYMISED | Form.ANONYMISED:
                _require(bool(self.tables) and not self.counts, "A plan of rows holds tables of rows alone.")
                _require(
                    all(_has_person_key(table) for table in self.tables), "Every table of rows has the person key."
                )
                sets = self.data_sets()
                _require(len(set(sets)) == len(sets), "A plan names each data set once.")
            case Form.IDENTIFIABLE:
                _refuse("No plan can hold identifiable rows.")
            case _:
                assert_never(self.form)
        if self.form is Form.ANONYMISED:
            people = all(table.data_set == "people" and table.grain is Grain.PERSON for table in self.tables)
            _require(
                people, "An anonymised extract holds one row a person: rows of events show when each thing happened."
            )
        if isinstance(self.population, Subset):
            _require(bool(self.population.reason.strip()), "A subset has its reason.")
        for table in self.tables:
            names = [*(column.name for column in table.columns), *table.reasons()]
            _require(len(set(names)) == len(names), "A table names each column once.")
            for column in table.columns:
                _require(bool(NAME.fullmatch(column.name)), "A column is named in letters, digits and underscores.")
                _check_column(table, column, self.form)
                if column.source.startswith(LOCAL_PREFIX):
                    _check_local(self)

    def as_json(self) -> dict[str, object]:
        """Return the plan as a JSON value; plan_from_json reads it back."""
        return {
            "form": self.form.value,
            "population": _population_json(self.population),
            "tables": [_table_json(table) for table in self.tables],
            "counts": [_counts_json(table) for table in self.counts],
            "period_start": self.period_start.isoformat(),
            "period_end": self.period_end.isoformat(),
            "family": self.family,
            "profile": self.profile,
            "local_items": self.local_items,
            "opt_outs_applied": self.opt_outs_applied,
            "opt_out_reason": FreeText(self.opt_out_reason),
            "max_suppressed_permille": self.max_suppressed_permille,
            "fixed_levels": [list(pair) for pair in self.fixed_levels],
            "pseudonyms_last": self.pseudonyms_last,
            "missing_identifiers": self.missing_identifiers,
            "pseudonym_form": self.pseudonym_form,
        }

    def data_sets(self) -> tuple[str, ...]:
        """Return the data sets the plan reads."""
        return tuple(table.data_set for table in self.tables) or ("people",)


def _refuse(message: str) -> None:
    raise InputError(message, "Correct the plan.")


def _require(condition: bool, message: str) -> None:  # noqa: FBT001
    if not condition:
        _refuse(message)


LOCAL_PREFIX = "local_"
NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
PERSON_KIND = "person"
PSEUDONYM_FORMS = ("text", "bigint")
REASON = "_reason"
BRIDGE = "bridge_"
"""Bridges of a rotation are tables of an extract beside the plan's: this word and the old key's version."""
TWO_WAY = 2


def _check_counts(table: TableOfCounts) -> None:
    """Hold a table of counts to what can be counted and protected."""
    _require(len(table.dimensions) == TWO_WAY, "A table of counts has two dimensions.")
    limits = table.age_limits
    rising = all(low < high for low, high in zip((0, *limits), limits, strict=False))
    _require(rising and max(limits, default=0) <= OLDEST, "Age bands begin at rising whole years.")
    _require(not limits or "age_years" in table.dimensions, "Age bands are given for a table by age.")
    _require(all(len(cell) == TWO_WAY for cell in table.withheld), "A withheld cell is named by its two codes.")


def _check_column(table: TablePlan, column: OutputColumn, form: Form) -> None:
    """Hold each column against its role: names and free text never leave, identifiers only keyed."""
    if column.source == "person_key":
        _require(column.derivation == Pseudonym(PERSON_KIND), "The person key leaves as a pseudonym of its own kind.")
        return
    if column.source.startswith(LOCAL_PREFIX):
        _require(isinstance(column.derivation, Keep), "A local item is kept as it is.")
        return
    described = column_of(table.data_set, column.source)
    role, keyed = described.role, isinstance(column.derivation, Pseudonym)
    if role in (ColumnRole.DIRECT_IDENTIFIER, ColumnRole.FREE_TEXT):
        _refuse(f"Column {column.source} names or may name a person and is in no extract.")
    if (role is ColumnRole.PERSON_IDENTIFIER) is not keyed:
        _refuse(f"Column {column.source} leaves as a pseudonym or not at all.")
    if isinstance(column.derivation, Pseudonym) and column.derivation.kind != described.identifier_kind:
        _refuse(f"Column {column.source} is keyed in its own kind, {described.identifier_kind}.")
    if isinstance(column.derivation, Month) and described.type != "date":
        _refuse(f"Column {column.source} is no date.")
    if form is Form.ANONYMISED and role is ColumnRole.PERSON_IDENTIFIER:
        _refuse(f"Column {column.source} cannot stand in an anonymised extract.")


def _has_person_key(table: TablePlan) -> bool:
    return any(column.name == column.source == "person_key" for column in table.columns)


def _check_local(plan: ExtractPlan) -> None:
    """Hold a council's local items to that council's own extract (Direction 6(b) bullet 3; shared reading)."""
    own = isinstance(plan.population, Submitted) and plan.form is Form.PSEUDONYMISED
    _require(own and plan.local_items, "Local items go to the council that added them, and the plan says so.")


def _population_json(population: Population) -> dict[str, object]:
    match population:
        case Submitted(la_code):
            return {"is": "submitted", "la_code": la_code}
        case Registered(ccg, la_codes):
            return {"is": "registered", "ccg": ccg, "la_codes": list(la_codes)}
        case Resident(ccg, la_codes):
            return {"is": "resident", "ccg": ccg, "la_codes": list(la_codes)}
        case Combined():
            return {"is": "combined"}
        case Subset(la_codes, reason):
            return {"is": "subset", "la_codes": list(la_codes), "reason": FreeText(reason)}
        case _:
            assert_never(population)


def _derivation_json(derivation: Derivation) -> dict[str, object]:
    match derivation:
        case Keep():
            return {"is": "keep"}
        case Month():
            return {"is": "month"}
        case Pseudonym(kind):
            return {"is": "pseudonym", "kind": kind}
        case _:
            assert_never(derivation)


def _table_json(table: TablePlan) -> dict[str, object]:
    columns = [
        {"name": column.name, "source": column.source, "derivation": _derivation_json(column.derivation)}
        for column in table.columns
    ]
    return {"data_set": table.data_set, "grain": table.grain.value, "columns": columns}


def _counts_json(table: TableOfCounts) -> dict[str, object]:
    return {
        "name": table.name,
        "dimensions": list(table.dimensions),
        "age_limits": list(table.age_limits),
        "withheld": [list(cell) for cell in table.withheld],
    }


def _counts_from(value: dict[str, Any]) -> TableOfCounts:
    """Read a table of counts; plans sealed before bands could be chosen name neither bands nor withheld cells."""
    return TableOfCounts(
        str(value["name"]),
        tuple(map(str, value["dimensions"])),
        tuple(int(limit) for limit in value.get("age_limits", [])),
        tuple(tuple(map(str, cell)) for cell in value.get("withheld", [])),
    )


def _population_from(value: dict[str, Any]) -> Population:
    match value["is"]:
        case "submitted":
            return Submitted(str(value["la_code"]))
        case "registered":
            return Registered(str(value["ccg"]), tuple(map(str, value["la_codes"])))
        case "resident":
            return Resident(str(value["ccg"]), tuple(map(str, value["la_codes"])))
        case "combined":
            return Combined()
        case "subset":
            return Subset(tuple(map(str, value["la_codes"])), str(value["reason"]))
        case other:
            message = f"A plan names an unknown population: {other}."
            raise InputError(message)


def _derivation_from(value: dict[str, Any]) -> Derivation:
    match value["is"]:
        case "keep":
            return Keep()
        case "month":
            return Month()
        case "pseudonym":
            return Pseudonym(str(value["kind"]))
        case other:
            message = f"A plan names an unknown derivation: {other}."
            raise InputError(message)


def plan_from_json(value: dict[str, Any]) -> ExtractPlan:
    """Read a plan from its JSON value.

    Raises: InputError for anything outside the algebra.
    """
    try:
        return _plan_from(value)
    except (KeyError, TypeError, ValueError) as fault:
        message = "The plan is incomplete or holds a value of the wrong type."
        raise InputError(message, "Write the plan as the documentation shows.") from fault


def _plan_from(value: dict[str, Any]) -> ExtractPlan:
    return ExtractPlan(
        form=Form(value["form"]),
        population=_population_from(value["population"]),
        tables=tuple(_table_from(table) for table in value["tables"]),
        counts=tuple(_counts_from(table) for table in value["counts"]),
        period_start=date.fromisoformat(str(value["period_start"])),
        period_end=date.fromisoformat(str(value["period_end"])),
        family=str(value["family"]),
        profile=str(value["profile"]),
        local_items=bool(value["local_items"]),
        opt_outs_applied=bool(value["opt_outs_applied"]),
        opt_out_reason=str(value["opt_out_reason"]),
        max_suppressed_permille=int(str(value["max_suppressed_permille"])),
        fixed_levels=tuple((str(name), int(level)) for name, level in value["fixed_levels"]),
        pseudonyms_last=str(value.get("pseudonyms_last", "agreement")),
        missing_identifiers=str(value.get("missing_identifiers", "null")),
        pseudonym_form=str(value.get("pseudonym_form", "text")),
    )


def _table_from(value: dict[str, Any]) -> TablePlan:
    return TablePlan(
        data_set=str(value["data_set"]),
        grain=Grain(value["grain"]),
        columns=tuple(
            OutputColumn(str(column["name"]), str(column["source"]), _derivation_from(column["derivation"]))
            for column in value["columns"]
        ),
    )
