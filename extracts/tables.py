"""The tables of a package: Parquet exactly as released, and CSV that a spreadsheet neither runs nor damages.

In a CSV file a text that a spreadsheet would run as a formula, or show as another number or a date, stands behind one
apostrophe; whoever reads the file as data takes one leading apostrophe off. Numbers and dates stand as they are. A table
of more rows than a worksheet holds is cut into parts.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from cld.canonical import digest_of_file
from cld.catalogue import column_of
from cld.engine import Engine, Query, Session, quote, text_literal
from cld.errors import UnknownSpecification
from cld.journey import CheckedExtract, released_dataset
from cld.plan import ExtractPlan, Keep, Month, OutputColumn, Pseudonym
from cld.shelf import atomic_write
from cld.specification import CodeList, Release, code_list, field_named
from cld.vocabulary import Form

__all__ = ["MOST_EXCEL_ROWS", "guard_sql", "write_code_lists", "write_dictionary", "write_tables"]

MOST_EXCEL_ROWS = 1_048_575
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


def write_tables(
    folder: Path, checked: CheckedExtract, plan: ExtractPlan, engine: Engine, *, key_version: int | None
) -> list[dict[str, Any]]:
    """Write every table under ``data/`` and return their descriptions, one a file.

    ``key_version`` is the version of the key that the pseudonyms were made with, None where there are none.
    """
    resources = []
    with engine.session() as session:
        for name, value in sorted(checked.document.body["tables"].items()):
            dataset = released_dataset(value["dataset"])
            session.attach(name, dataset)
            types = {column: TYPES.get(kind.split("(")[0], "string") for column, kind in session.types(name).items()}
            fields, counted = _fields(plan, name, types, key_version), _counted_by(plan, name, checked, tuple(types))
            for path, n_rows in _write_one(session, name, types, dataset.n_rows, folder / "data"):
                resources.append(_resource(name, path, folder, n_rows, fields, counted))
    return resources


def _write_one(
    session: Session, name: str, types: Mapping[str, str], n_rows: int, folder: Path
) -> Iterator[tuple[Path, int]]:
    order = ", ".join(quote(column) for column in types)
    cells = ", ".join(
        f"{guard_sql(quote(column))} as {quote(column)}" if kind == "string" and session.types(name)[column] == "VARCHAR"
        else quote(column)
        for column, kind in types.items()
    )  # fmt: skip
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
        "schema": {"fields": fields if form == "csv" else [_loose(one) for one in fields], "missingValues": [""]},
        "caregate": {"table": table, "counted_by": list(counted)},
    }
    if form == "csv":
        made |= {"type": "table", "dialect": DIALECT, "bytes": path.stat().st_size}
        made |= {"hash": f"sha512:{digest_of_file(path, 'sha512')}"}
        made["caregate"] |= {"text_guard": "'"}
    return made


def _loose(field: dict[str, Any]) -> dict[str, Any]:
    """Describe a column of Parquet, whose file states its types: readers that go through frames make a missing whole number
    a fraction, which a validator would then refuse."""
    return {**field, "type": "any"} if field["type"] == "integer" else field


def _counted_by(plan: ExtractPlan, name: str, checked: CheckedExtract, columns: tuple[str, ...]) -> tuple[str, ...]:
    """Return the columns by which a verifier tests the smallest number anew: the count, or what makes the classes."""
    if plan.form is Form.AGGREGATE:
        return columns[-1:]
    if plan.form is Form.ANONYMISED:
        return tuple(checked.document.body["measures"][name]["quasi_identifiers"])
    return ()


def _fields(plan: ExtractPlan, name: str, types: Mapping[str, str], key_version: int | None) -> list[dict[str, Any]]:
    planned = {column.name: column for table in plan.tables if table.data_set == name for column in table.columns}
    return [_field(plan, name, column, kind, planned.get(column), key_version) for column, kind in types.items()]


def _field(
    plan: ExtractPlan, data_set: str, name: str, kind: str, planned: OutputColumn | None, key_version: int | None
) -> dict[str, Any]:
    made: dict[str, Any] = {"name": name, "type": kind, "title": name}
    if planned is None:
        return made
    if planned.source != "person_key" and not planned.source.startswith("local_"):
        found = column_of(data_set, planned.source)
        made |= {"title": found.title, "description": found.description, "caregate": {"annex1": found.annex1_heading}}
    if isinstance(planned.derivation, Pseudonym):
        held = {"family": plan.family, "kind": planned.derivation.kind, "version": key_version}
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
        for field in resource["schema"]["fields"]:
            if (table, field["name"]) in told:
                continue
            told.add((table, field["name"]))
            ours = field.get("caregate", {})
            keyed = ours.get("pseudonym")
            how = f"pseudonym of kind {keyed['kind']}, key version {keyed['version']}" if keyed else ""
            words = (field["title"], field["type"], field.get("description", ""), ours.get("annex1", ""))
            rows.append((table, field["name"], *words, how))
    _write_csv(
        folder / "dictionary.csv", ("table", "column", "title", "type", "description", "annex1_heading", "keyed"), rows
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
