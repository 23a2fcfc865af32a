"""What the tables of a package must hold: the dictionary's rows and columns, whole pseudonyms, no small number.

How a table is read is handed in: ``plain_scan`` needs nothing but Python and reads CSV; ``audit.scan`` reads Parquet too.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from audit.verifying.encoding import read_json
from audit.verifying.manifest import payload_files
from audit.verifying.outcome import Failed, NotPossible
from audit.verifying.pseudonyms import FieldDomain, pseudonym_fault
from audit.verifying.statement import Statement

__all__ = [
    "Compare",
    "Scan",
    "TableScan",
    "Tables",
    "no_small_number",
    "plain_scan",
    "pseudonyms_whole",
    "tables_agree",
]

VALUES_AT_ONCE = 100_000
MOST_CELL_BYTES = 1 << 24
HIDDEN = "*"
TEXT = "text"
BRIDGE, OLD = "bridge_", "old_pseudonym"
SCANS_AT_ONCE = 2
Groups = Mapping[tuple[str, ...], int]


@dataclass(frozen=True, slots=True)
class TableScan:
    """What one reading of a file found: its columns, rows, the fault of each pseudonym column, rows by group."""

    columns: tuple[str, ...]
    n_rows: int
    faults: Mapping[str, str]
    groups: Mapping[tuple[str, ...], int]


Compare = Callable[[Sequence[Path], Path], str]
"""Holds the CSV files of a table against its Parquet file and says what differs, or nothing."""
Scan = Callable[[Path, Mapping[str, FieldDomain], tuple[str, ...]], TableScan]
"""Reads a file: its path, the domain of each pseudonym column, the columns that rows are counted by."""


def plain_scan(path: Path, domains: Mapping[str, FieldDomain], counted: tuple[str, ...]) -> TableScan:
    """Read a CSV file with Python alone.

    Raises: NotPossible for Parquet; Failed for a file that is no table.
    """
    if path.suffix != ".csv":
        message = "reading Parquet takes more than Python and cryptography: caregate verify does it"
        raise NotPossible(message)
    csv.field_size_limit(MOST_CELL_BYTES)
    with path.open(encoding="utf-8", newline="") as stream:
        rows = csv.reader(stream, strict=True)
        columns = tuple(next(rows, ()))
        places = {name: columns.index(name) for name in domains if name in columns}
        by = tuple(columns.index(name) for name in counted if name in columns)
        waiting: dict[str, set[str]] = {name: set() for name in places}
        faults, groups, n_rows = dict.fromkeys(places, ""), Counter[tuple[str, ...]](), 0
        for row in rows:
            if len(row) != len(columns):
                message = f"{path.name}: a row has {len(row)} cells, not {len(columns)}"
                raise Failed(message)
            n_rows += 1
            groups[tuple(row[place] for place in by)] += 1
            for name, place in places.items():
                waiting[name].add(row[place])
                if len(waiting[name]) >= VALUES_AT_ONCE:
                    faults[name] = faults[name] or pseudonym_fault(waiting[name] - {""}, domains[name])
                    waiting[name].clear()
    for name, values in waiting.items():
        faults[name] = faults[name] or pseudonym_fault(values - {""}, domains[name])
    return TableScan(columns, n_rows, faults, groups)


@dataclass(slots=True)
class Tables:
    """The tables of an opened package, read once; what could not be read stays with its reason.

    ``misstated`` names the columns whose key version in the dictionary is not the one that the statement names, ``unlike`` the
    tables whose two forms were held against each other, with what differs.
    """

    resources: list[dict[str, Any]]
    limits: dict[str, Any]
    form: str
    scans: dict[str, TableScan] = field(default_factory=dict)
    unread: dict[str, str] = field(default_factory=dict)
    broken: dict[str, str] = field(default_factory=dict)
    misstated: tuple[str, ...] = ()
    unlike: dict[str, str] = field(default_factory=dict)


def read_tables(folder: Path, statement: Statement, scan: Scan, compare: Compare | None = None) -> Tables:
    """Read every table that the dictionary names, and hold its forms against each other where that can be done.

    Raises: Failed if dictionary or disclosure statement cannot be read, or a table is none of the package's.
    """
    listed = payload_files(folder)
    try:
        described = read_json((folder / "datapackage.json").read_bytes())
        protection = read_json((folder / "disclosure-statement.json").read_bytes())
        found = Tables(list(described["resources"]), dict(protection["limits"]), str(protection["form"]))
        tables = [one for one in found.resources if one["format"] in ("csv", "parquet")]
        named = [str(one["path"]) for one in tables]
        domains = [_domains(one, statement) for one in tables]
        counted = [tuple(one["caregate"]["counted_by"]) for one in tables]
    except (OSError, ValueError, LookupError, TypeError, AttributeError, ArithmeticError) as fault:
        message = "the dictionary datapackage.json or the disclosure statement cannot be read"
        raise Failed(message) from fault
    unlisted = [name for name in listed if name.startswith("data/") and name not in named]
    if unlisted or not set(named) <= set(listed) or len(set(named)) != len(named):
        message = "the dictionary does not name the tables that are there"
        raise Failed(message)
    with ThreadPoolExecutor(SCANS_AT_ONCE) as workers:
        scanned = list(workers.map(lambda of: _scanned(folder, scan, *of), zip(named, domains, counted, strict=True)))
    for name, outcome in zip(named, scanned, strict=True):
        if isinstance(outcome, TableScan):
            found.scans[name] = outcome
        else:
            (found.unread if isinstance(outcome, NotPossible) else found.broken)[name] = str(outcome)
    found.resources = tables
    if compare is not None:
        found.unlike = _unlike(folder, found, compare)
    found.misstated = _misstated(tables, domains, statement)
    return found


def _unlike(folder: Path, found: Tables, compare: Compare) -> dict[str, str]:
    """Return what differs between the forms of each table whose files could all be read."""
    forms: dict[str, dict[str, list[str]]] = {}
    for one in found.resources:
        held = forms.setdefault(str(one["caregate"]["table"]), {"csv": [], "parquet": []})
        held[str(one["format"])].append(str(one["path"]))
    outcome = {}
    for table, held in forms.items():
        if held["csv"] and len(held["parquet"]) == 1 and {*held["csv"], *held["parquet"]} <= found.scans.keys():
            fault = compare([folder / name for name in held["csv"]], folder / held["parquet"][0])
            outcome[table] = f"{', '.join(held['csv'])} and {held['parquet'][0]} {fault}" if fault else ""
    return outcome


def _scanned(
    folder: Path, scan: Scan, name: str, domains: Mapping[str, FieldDomain], counted: tuple[str, ...]
) -> TableScan | Failed | NotPossible:
    try:
        return scan(folder / name, domains, counted)
    except (Failed, NotPossible) as fault:
        return fault
    except (OSError, ValueError, LookupError, csv.Error):
        return Failed(f"{name} is no table")


def _domains(resource: Mapping[str, Any], statement: Statement) -> dict[str, FieldDomain]:
    recipient, agreement = statement.predicate["body_code"], statement.predicate["agreement"]
    found = {}
    for one in resource["schema"]["fields"]:
        held = one.get("caregate", {}).get("pseudonym")
        if held is not None:
            found[str(one["name"])] = FieldDomain(
                recipient,
                agreement,
                str(held["family"]),
                str(held["kind"]),
                int(held["version"]),
                str(held.get("form", TEXT)),
            )
    return found


def _misstated(
    tables: list[dict[str, Any]], domains: list[dict[str, FieldDomain]], statement: Statement
) -> tuple[str, ...]:
    """Name the columns of another key version than the statement's; statements once named none.

    The old side of a bridge is of an earlier version, and the statement says which.
    """
    if "key_version" not in statement.predicate:
        return ()
    stated = statement.predicate["key_version"]
    led = {(f"{BRIDGE}{version}", OLD, version) for version in statement.predicate.get("bridged_from", ())}
    wrong = {
        name
        for resource, one in zip(tables, domains, strict=True)
        for name, domain in one.items()
        if domain.version != stated and (resource["caregate"]["table"], name, domain.version) not in led
    }
    return tuple(sorted(wrong))


def tables_agree(tables: Tables) -> str:
    """Hold rows and columns of every table against the dictionary.

    Raises: Failed, naming the table; NotPossible if no table could be read at all.
    """
    if tables.broken:
        raise Failed("; ".join(tables.broken.values()))
    if not tables.scans:
        raise NotPossible("; ".join(sorted(set(tables.unread.values()))) or "there is no table")
    for resource in tables.resources:
        path = str(resource["path"])
        scan = tables.scans.get(path)
        if scan is None:
            continue
        if scan.n_rows != resource["n_rows"]:
            message = f"{path} has {scan.n_rows} rows, the dictionary says {resource['n_rows']}"
            raise Failed(message)
        if list(scan.columns) != [one["name"] for one in resource["schema"]["fields"]]:
            message = f"{path} has other columns than the dictionary says"
            raise Failed(message)
    if unlike := [fault for fault in tables.unlike.values() if fault]:
        message = f"{'; '.join(unlike)}: use neither and ask the sender which is right"
        raise Failed(message)
    aside = f"; cells of CSV and Parquet alike in {len(tables.unlike)}" if tables.unlike else ""
    aside += f"; {len(tables.unread)} not read: {next(iter(tables.unread.values()))}" if tables.unread else ""
    return f"{len(tables.scans)} files of tables, {sum(scan.n_rows for scan in tables.scans.values())} rows{aside}"


def pseudonyms_whole(tables: Tables) -> str:
    """Hold every pseudonym of every row against its column's domain.

    Raises: Failed, naming table and column; NotPossible if there are none.
    """
    n_columns = 0
    for path, scan in tables.scans.items():
        for column, fault in scan.faults.items():
            n_columns += 1
            if fault:
                message = f"{path}, column {column}: {fault}"
                raise Failed(message)
    if tables.misstated:
        message = f"{', '.join(tables.misstated)}: the dictionary's key version is not the one that the statement names"
        raise Failed(message)
    if not n_columns:
        message = "there are no pseudonyms in what could be read"
        raise NotPossible(message)
    return f"{n_columns} columns"


def no_small_number(tables: Tables) -> str:
    """Test the smallest number anew on what is shown: counts of an aggregate, class sizes of anonymised rows.

    Raises: Failed, naming the table; NotPossible where the form has no such rule.
    """
    if tables.form == "aggregate":
        rule, kept = _counts_kept(tables)
    elif tables.form == "anonymised":
        rule, kept = _classes_kept(tables)
    else:
        message = "pseudonymised rows are not bound by a smallest number"
        raise NotPossible(message)
    broken = sorted({table for table, groups in _by_table(tables) if not kept(groups)})
    if broken:
        message = f"{', '.join(broken)}: not every number keeps the rule: {rule}"
        raise Failed(message)
    return rule


def _by_table(tables: Tables) -> list[tuple[str, Groups]]:
    """Return the groups of each table, its parts taken together; CSV and Parquet each by itself."""
    found: dict[tuple[str, str], Counter[tuple[str, ...]]] = {}
    for resource in tables.resources:
        scan = tables.scans.get(str(resource["path"]))
        if scan is not None:
            place = str(resource["caregate"]["table"]), str(resource["format"])
            found.setdefault(place, Counter()).update(scan.groups)
    return [(table, groups) for (table, _), groups in found.items()]


def _counts_kept(tables: Tables) -> tuple[str, Callable[[Groups], bool]]:
    smallest, base = int(tables.limits["smallest_count_shown"]), int(tables.limits["rounded_to"])
    least = (smallest + base // 2) // base * base
    rule = (
        f"a count is a star, nought, or a multiple of {base} of at least {least} (counts below {smallest} are starred)"
    )

    def kept(groups: Groups) -> bool:
        shown = [value for group in groups for value in group if value != HIDDEN]
        if not all(value.isascii() and value.isdigit() for value in shown):
            return False
        return all(int(value) % base == 0 and (int(value) == 0 or int(value) >= least) for value in shown)

    return rule, kept


def _classes_kept(tables: Tables) -> tuple[str, Callable[[Groups], bool]]:
    k = int(tables.limits["k"])
    return f"every class holds at least {k} rows", lambda groups: all(n_rows >= k for n_rows in groups.values())
