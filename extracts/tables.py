"""The tables of a package: Parquet exactly as released, and CSV that a spreadsheet neither runs nor damages.

In a CSV file a text that a spreadsheet would run as a formula, or show as another number or a date, stands behind one
apostrophe; whoever reads the file as data takes one leading apostrophe off. Numbers and dates stand as they are. A table
of more rows than a worksheet holds is cut into parts.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cld.canonical import digest_of_file
from cld.catalogue import column_of
from cld.engine import Engine, Query, Session, quote, text_literal
from cld.errors import UnknownSpecification
from cld.journey import CheckedExtract, released_dataset
from cld.nhs_number import NumberFault
from cld.plan import BRIDGE, ExtractPlan, Keep, Month, OutputColumn, Pseudonym
from cld.shelf import atomic_write
from cld.specification import CodeList, Release, code_list, field_named
from cld.vocabulary import Form
from extracts.keying import PERSON_KIND

__all__ = ["MOST_EXCEL_ROWS", "Keyed", "guard_sql", "write_code_lists", "write_dictionary", "write_tables"]

MOST_EXCEL_ROWS = 1_048_575
TEXT, PSEUDONYM = "text", "pseudonym of 64 bits"
REASONS = (NumberFault.BLANK.value, NumberFault.INVALID.value, NumberFault.PLACEHOLDER.value)
DAMAGED = (
    r"^['=+\-@\t\r\n|%\x{FF1D}\x{FF0B}\x{FF0D}\x{FF20}]"  # runs as a formula, or begins as the guard does
    r"|^0[0-9]+(\.[0-9]*)?$"  # loses its leading noughts
    r"|^[0-9]{12,}$"  # is shown rounded, or loses digits from the sixteenth on
    r"|^[0-9]+(\.[0-9]*)?[eE][+-]?[0-9]+$"  # becomes a power of ten
    r"|^[0-9]{1,4}[-/.][0-9]{1,2}([-/.][0-9]{1,4})?$"  # becomes a date
    r"|^[0-9]{1,2}[-/ ]?(?i:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*([-/ ]?[0-9]{2,4})?$"
    r"|^(?i:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*[-/ ]?[0-9]{1,4}$"
    r"|^[0-9]{1,3}:[0-9]{2}(:[0-9]{2})?$"  # becomes a time
)
TYPES = {
    "DATE": "date", "BIGINT": "integer", "INTEGER": "integer", "HUGEINT": "integer", "SMALLINT": "integer",
    "DOUBLE": "number", "FLOAT": "number", "DECIMAL": "number", "BOOLEAN": "boolean",
}  # fmt: skip
DIALECT = {"delimiter": ",", "quoteChar": '"', "doubleQuote": True, "header": True, "lineTerminator": "\n"}
MEDIA = {"csv": "text/csv", "parquet": "application/vnd.apache.parquet"}


def guard_sql(column: str) -> str:
    """Return SQL for a text column as a spreadsheet leaves it alone. Source: OWASP, CSV injection; RFC 4180."""
    return f"case when regexp_matches({column}, {text_literal(DAMAGED)}) then '''' || {column} else {column} end"


@dataclass(frozen=True, slots=True)
class Keyed:
    """What the dictionary tells of an extract's pseudonyms: the version of their key, None where there are none, and by kind
    their form, their number and their collisions."""

    key_version: int | None
    told: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def column(self, family: str, kind: str, version: int | None = None) -> dict[str, Any]:
        """Describe the domain of one column, of an earlier version where one is named, and what is told of its values."""
        told = self.told.get(kind, {}) if version is None else {"form": self.told.get(kind, {}).get("form", TEXT)}
        return {"family": family, "kind": kind, "version": version or self.key_version, **told}


def write_tables(
    folder: Path, checked: CheckedExtract, plan: ExtractPlan, engine: Engine, *, keyed: Keyed
) -> list[dict[str, Any]]:
    """Write every table under ``data/`` and return their descriptions, one a file."""
    resources = []
    with engine.session() as session:
        for name, value in sorted(checked.document.body["tables"].items()):
            dataset = released_dataset(value["dataset"])
            session.attach(name, dataset)
            types = {column: TYPES.get(kind.split("(")[0], "string") for column, kind in session.types(name).items()}
            fields, counted = _fields(plan, name, types, keyed), _counted_by(plan, name, checked, tuple(types))
            numbers = {one["name"] for one in fields if _is_whole_number(one)}
            types = {column: kind if column not in numbers else PSEUDONYM for column, kind in types.items()}
            for path, n_rows in _write_one(session, name, types, dataset.n_rows, folder / "data"):
                resources.append(_resource(name, path, folder, n_rows, fields, counted))
    return resources


def _write_one(
    session: Session, name: str, types: Mapping[str, str], n_rows: int, folder: Path
) -> Iterator[tuple[Path, int]]:
    order = ", ".join(quote(column) for column in types)
    held = session.types(name)
    cells = ", ".join(_cell(column, kind, held[column]) for column, kind in types.items())
    n_parts = max(1, -(-n_rows // MOST_EXCEL_ROWS))
    for part in range(n_parts):
        rest = min(MOST_EXCEL_ROWS, n_rows - part * MOST_EXCEL_ROWS)
        path = folder / (f"{name}.csv" if n_parts == 1 else f"{name}-{part + 1}.csv")
        within = "" if n_parts == 1 else f" limit {MOST_EXCEL_ROWS} offset {part * MOST_EXCEL_ROWS}"
        text = f"select {cells} from (select * from {name} order by {order}{within}) order by {order}"  # noqa: S608 - names quoted
        session.export(Query(text, (name,)), path)
        yield path, rest
    session.export(Query(f"select * from {name} order by {order}", (name,)), folder / f"{name}.parquet")  # noqa: S608
    yield folder / f"{name}.parquet", n_rows


def _cell(column: str, kind: str, held: str) -> str:
    """Return SQL for a column's cells in a CSV file; a pseudonym of 64 bits is text there, for a spreadsheet would round it."""
    if kind == PSEUDONYM:
        return f"{guard_sql(f'cast({quote(column)} as varchar)')} as {quote(column)}"
    return f"{guard_sql(quote(column))} as {quote(column)}" if kind == "string" and held == "VARCHAR" else quote(column)


def _is_whole_number(described: Mapping[str, Any]) -> bool:
    return bool(described.get("caregate", {}).get("pseudonym", {}).get("form") == "bigint")


def _resource(
    table: str, path: Path, folder: Path, n_rows: int, fields: list[dict[str, Any]], counted: Sequence[str]
) -> dict[str, Any]:
    form = path.suffix[1:]
    made: dict[str, Any] = {
        "name": f"{path.stem.lower().replace('_', '-')}-{form}",
        "path": path.relative_to(folder).as_posix(),
        "format": form,
        "mediatype": MEDIA[form],
        "encoding": "utf-8",
        "n_rows": n_rows,
        "schema": {
            "fields": [_guarded(one) if form == "csv" else _loose(one) for one in fields],
            "missingValues": [""],
        },
        "caregate": {"table": table, "counted_by": list(counted)},
    }
    if form == "csv":
        made |= {"type": "table", "dialect": DIALECT, "bytes": path.stat().st_size}
        made |= {"hash": f"sha512:{digest_of_file(path, 'sha512')}"}
        made["caregate"] |= {"text_guard": "'"}
    return made


def _loose(described: dict[str, Any]) -> dict[str, Any]:
    """Describe a column of Parquet, whose file states its types: readers that go through frames make a missing whole number
    a fraction, which a validator would then refuse."""
    return {**described, "type": "any"} if described["type"] == "integer" else described


def _guarded(described: dict[str, Any]) -> dict[str, Any]:
    """Describe a column of CSV: pseudonyms of 64 bits stand there as text, guarded."""
    return {**described, "type": "string"} if _is_whole_number(described) else described


def _counted_by(plan: ExtractPlan, name: str, checked: CheckedExtract, columns: tuple[str, ...]) -> tuple[str, ...]:
    """Return the columns by which a verifier tests the smallest number anew: the count, or what makes the classes."""
    if plan.form is Form.AGGREGATE:
        return columns[-1:]
    if plan.form is Form.ANONYMISED:
        return tuple(checked.document.body["measures"][name]["quasi_identifiers"])
    return ()


def _fields(plan: ExtractPlan, name: str, types: Mapping[str, str], keyed: Keyed) -> list[dict[str, Any]]:
    if name.startswith(BRIDGE):
        return _fields_of_bridge(plan, int(name.removeprefix(BRIDGE)), types, keyed)
    here = [table for table in plan.tables if table.data_set == name]
    planned = {column.name: column for table in here for column in table.columns}
    reasons = {reason: told.name for table in here for reason, told in table.reasons().items()}
    return [
        _reason(column, reasons[column]) if column in reasons
        else _field(plan, name, column, kind, planned.get(column), keyed)
        for column, kind in types.items()
    ]  # fmt: skip


def _reason(name: str, told: str) -> dict[str, Any]:
    """Describe a column of reasons."""
    words = f"Why {told} holds no pseudonym of an identifier: blank, invalid or placeholder; empty where it does."
    return {
        "name": name, "type": "string", "title": f"Reason of {told}", "description": words, "categories": list(REASONS)
    }  # fmt: skip


def _fields_of_bridge(plan: ExtractPlan, old: int, types: Mapping[str, str], keyed: Keyed) -> list[dict[str, Any]]:
    """Describe the two columns of a bridge."""
    told = (
        ("Person key in earlier deliveries", f"Of key version {old}, as delivered before the key was rotated.", old),
        ("Person key in this delivery", "The person key of the same person in this delivery.", None),
    )
    return [
        {"name": name, "type": kind, "title": title, "description": words,
         "caregate": {"pseudonym": keyed.column(plan.family, PERSON_KIND, version)}}
        for (name, kind), (title, words, version) in zip(types.items(), told, strict=True)
    ]  # fmt: skip


def _field(
    plan: ExtractPlan, data_set: str, name: str, kind: str, planned: OutputColumn | None, keyed: Keyed
) -> dict[str, Any]:
    made: dict[str, Any] = {"name": name, "type": kind, "title": name}
    if planned is None:
        return made
    if planned.source != "person_key" and not planned.source.startswith("local_"):
        found = column_of(data_set, planned.source)
        made |= {"title": found.title, "description": found.description, "caregate": {"annex1": found.annex1_heading}}
    if isinstance(planned.derivation, Pseudonym):
        held = keyed.column(plan.family, planned.derivation.kind)
        made["caregate"] = {**made.get("caregate", {}), "pseudonym": held}
    elif isinstance(planned.derivation, Month):
        made |= {"constraints": {"pattern": r"'?[0-9]{4}-[0-9]{2}"}}
    elif plan.form is Form.PSEUDONYMISED:
        codes = _codes_of(data_set, planned)
        if codes is not None and codes.complete and not codes.prefixes:
            made["categories"] = list(codes.values)
    return made


def _codes_of(data_set: str, planned: OutputColumn) -> CodeList | None:
    """Return the code list of a column that leaves as it came; only the council's data set has any."""
    if data_set != "cld" or not isinstance(planned.derivation, Keep):
        return None
    try:
        return code_list(field_named(planned.source).title, Release.R2)
    except UnknownSpecification:
        return None


def write_dictionary(folder: Path, resources: Sequence[Mapping[str, Any]]) -> None:
    """Write the dictionary for people, one row a column of a table."""
    rows, told = [], set()
    for resource in resources:
        table = resource["caregate"]["table"]
        for one in resource["schema"]["fields"]:
            if (table, one["name"]) in told:
                continue
            told.add((table, one["name"]))
            ours = one.get("caregate", {})
            keyed = ours.get("pseudonym")
            how = _how_keyed(keyed) if keyed else ""
            words = (one["title"], one["type"], one.get("description", ""), ours.get("annex1", ""))
            rows.append((table, one["name"], *words, how))
    _write_csv(
        folder / "dictionary.csv", ("table", "column", "title", "type", "description", "annex1_heading", "keyed"), rows
    )


def _how_keyed(keyed: Mapping[str, Any]) -> str:
    """Say how a column of pseudonyms was made and what is to be expected of its collisions."""
    made = f"pseudonym of kind {keyed['kind']}, key version {keyed['version']}"
    if "n_distinct" not in keyed:
        return made
    form = "whole numbers of 64 bits" if keyed["form"] == "bigint" else "text of 120 bits"
    return (
        f"{made}; {form}; {keyed['n_distinct']} distinct, collisions expected {keyed['expected_collisions']}, "
        f"found {keyed['collisions']}"
    )


def write_code_lists(folder: Path, plan: ExtractPlan) -> None:
    """Write the values that coded columns may hold, and whether each list is known to be whole."""
    rows = []
    for table in plan.tables:
        for column in table.columns:
            codes = _codes_of(table.data_set, column) if plan.form is Form.PSEUDONYMISED else None
            for value in codes.values if codes is not None else ():
                rows.append((table.data_set, column.name, value, "yes" if codes and codes.complete else "no"))
    _write_csv(folder / "code-lists.csv", ("table", "column", "value", "list_is_whole"), rows)


def _write_csv(path: Path, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    made = io.StringIO(newline="")
    writer = csv.writer(made, lineterminator="\n")
    writer.writerow(heads)
    writer.writerows([["'" + cell if cell[:1] in tuple("'=+-@\t\r") else cell for cell in row] for row in rows])
    atomic_write(path, made.getvalue().encode())
