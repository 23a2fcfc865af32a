"""What a package says to people: a first page, the licence of use, what changed since the last delivery, and starters."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from cld.pictures import page, table
from cld.plan import BRIDGE

__all__ = ["change_log", "first_page", "licence", "starters"]

Facts = Mapping[str, Any]
Resources = Sequence[Mapping[str, Any]]


def first_page(facts: Facts, resources: Resources) -> str:
    """Return the page that a recipient reads first."""
    commands = (
        "caregate verify PACKAGE --trust POLICY --identity KEY",
        "python verify.py . --trust POLICY",
        "sha512sum --check manifest-sha512.txt tagmanifest-sha512.txt",
    )
    files = [(one["path"], one["format"], one["n_rows"], len(one["schema"]["fields"])) for one in resources]
    parts = [
        f"<p>For {escape(facts['recipient'])}. Agreement {escape(facts['agreement'])}, from {facts['agreement_from']} to "
        f"{facts['agreement_to']}. Form: {facts['form']}. Period: {facts['period'][0]} to {facts['period'][1]}.</p>",
        *_held_back(facts),
        "<p>Not to be published (Direction of 7 December 2020, paragraph 5). What may be done with these data: LICENCE.txt.</p>",
        table("Tables", ("file", "format", "rows", "columns"), files),
        "<p>Parquet holds the values exactly. CSV is for spreadsheets: a text that a spreadsheet would run or damage stands "
        "behind one apostrophe, which the starters take off. Columns: dictionary.csv; their values: code-lists.csv; both for "
        "programs: datapackage.json.</p>",
        "<h2>To check this package, offline</h2><ul>" + "".join(f"<li><code>{one}</code></li>" for one in commands) + "</ul>"
        "<p>Get the trust policy by another road than this package, and verify.py too: what lies inside proves nothing.</p>",
        "<h2>What to know before using it</h2><ul><li>How surely people were linked, and for whom less so: "
        '<a href="linkage-statement.html">linkage statement</a>.</li><li>How people are protected in it, and what that does '
        'to the data: <a href="disclosure-statement.html">disclosure statement</a>.</li><li>What changed since the last '
        "delivery: CHANGES.txt.</li><li>First steps in R, Python and SQL: the folder starters.</li></ul>",
    ]  # fmt: skip
    return page(str(facts["name"]), parts)


def _held_back(facts: Facts) -> list[str]:
    """Say who is not in it for having objected, or for nobody knowing whether they did."""
    held: Mapping[str, str] = facts.get("held_back") or {}
    if not held:
        return []
    return [
        f"<p>National Data Opt-out applied. People held back because they object: {escape(held['objecting'])}. Because they have "
        f"no NHS number, so that nobody could be asked: {escape(held['untraced'])}. They are asked about anew for each delivery.</p>"
    ]


def licence(facts: Facts) -> str:
    """Return the licence of use: what the agreement allows, and what it never does."""
    acting = f"\nActing for: {facts['acting_for']}" if facts["acting_for"] else ""
    return f"""Licence of use for {facts["name"]}

Recipient: {facts["recipient"]}{acting}
Agreement: {facts["agreement"]}, from {facts["agreement_from"]} to {facts["agreement_to"]}
Form: {facts["form"]}
Purposes: Direction of 7 December 2020, paragraph {", ".join(facts["purposes"])}

1. Use these data for the purposes above and within the agreement's dates, and for nothing else.
2. Do not publish them, and pass them to nobody whom the agreement does not name (Direction, paragraph 5).
3. Do not seek anybody in them, and join them to other data about people only where the agreement says so.
4. Keep them as the agreement says. At its end destroy every copy and confirm it.
5. If a package or a key is lost, or a trust policy says that this package was withdrawn, stop and tell the sender at once.
"""


def change_log(
    reference: str, previous: str, before: Facts, now: Facts, *, key_versions: tuple[int | None, int | None],
    bridged_from: Sequence[int] = (), not_bridged: Sequence[int] = (),
) -> str:  # fmt: skip
    """Return what differs from the delivery before under the same agreement; ``before`` and ``now`` tell rows and columns
    by table, ``key_versions`` the version of the key of pseudonyms before and now, the last two the versions of earlier
    deliveries from which a bridge leads here, and none can."""
    lines = [f"Changes of {reference}", ""]
    if not previous:
        return "\n".join([*lines, "This is the first delivery under this agreement.", ""])
    lines.append(f"Since {previous}:")
    for name in sorted({*before, *now}):
        if name not in now or name not in before:
            lines.append(f"- table {name}: {'new' if name in now else 'no longer delivered'}")
            continue
        old, new = before[name], now[name]
        lines.append(f"- table {name}: {old['n_rows']} rows before, {new['n_rows']} now")
        added = [column for column in new["columns"] if column not in old["columns"]]
        gone = [column for column in old["columns"] if column not in new["columns"]]
        lines += [f"  columns added: {', '.join(added)}"] if added else []
        lines += [f"  columns no longer delivered: {', '.join(gone)}"] if gone else []
    old_version, new_version = key_versions
    if old_version is not None and new_version is not None and old_version != new_version:
        lines += [
            f"- pseudonyms: of key version {old_version} before, of {new_version} now; nobody's is the same",
        ]
    lines += [
        f"- table {BRIDGE}{version}: leads from person keys of key version {version} that you hold to those of the same persons "
        "in this delivery"
        for version in bridged_from
    ]
    lines += [
        f"- key version {version} is destroyed: nothing leads from its pseudonyms any more" for version in not_bridged
    ]
    lines += [
        "",
        "Rows of earlier periods may differ too: councils send their whole file anew, and the latest stands.",
        "",
    ]
    return "\n".join(lines)


def starters(resources: Resources) -> dict[str, str]:
    """Return the first steps in R, Python and SQL by file name."""
    tables: dict[str, dict[str, list[str]]] = {}
    for one in resources:
        tables.setdefault(one["caregate"]["table"], {}).setdefault(one["format"], []).append(one["path"])
    return {"starter.R": _r(tables), "starter.py": _python(tables), "starter.sql": _sql(tables, resources)}


def _r(tables: Mapping[str, Mapping[str, list[str]]]) -> str:
    lines = [
        "# Run in the folder of the package: Rscript starters/starter.R. Parquet needs the package arrow; CSV needs nothing.",
        "read_guarded <- function(paths) {",
        '  parts <- lapply(paths, read.csv, colClasses = "character", na.strings = "", encoding = "UTF-8", check.names = FALSE)',
        '  as.data.frame(lapply(do.call(rbind, parts), function(x) sub("^\'", "", x)), check.names = FALSE)',
        "}",
        "read_table <- function(parquet, csv) {",
        '  if (requireNamespace("arrow", quietly = TRUE)) as.data.frame(arrow::read_parquet(parquet)) else read_guarded(csv)',
        "}",
    ]
    for name, paths in tables.items():
        listed = ", ".join(json.dumps(path) for path in paths["csv"])
        lines += [
            f"{name} <- read_table({json.dumps(paths['parquet'][0])}, c({listed}))",
            f'cat("{name}", nrow({name}), "rows\\n")',
        ]
    return "\n".join([*lines, ""])


def _python(tables: Mapping[str, Mapping[str, list[str]]]) -> str:
    lines = [
        '"""Run in the folder of the package: python starters/starter.py. Needs pandas with pyarrow."""',
        "",
        "import pandas as pd",
        "",
        "",
        "def read_guarded(*paths):",
        '    """Read CSV parts as text and take off the apostrophe that guards a text from spreadsheets."""',
        '    parts = [pd.read_csv(path, dtype="string", keep_default_na=False, na_values=[""]) for path in paths]',
        '    return pd.concat(parts, ignore_index=True).apply(lambda column: column.str.replace("^\'", "", regex=True))',
        "",
        "",
    ]
    for name, paths in tables.items():
        lines += [
            f"{name} = pd.read_parquet({json.dumps(paths['parquet'][0])})",
            f'print("{name}", len({name}), "rows")',
        ]
    return "\n".join([*lines, ""])


def _sql(tables: Mapping[str, Mapping[str, list[str]]], resources: Resources) -> str:
    kinds = {
        "string": "varchar(400)",
        "date": "date",
        "integer": "bigint",
        "number": "double precision",
        "boolean": "boolean",
    }
    lines = ["-- DuckDB, in the folder of the package: duckdb < starters/starter.sql"]
    for name, paths in tables.items():
        lines += [
            f"create view {name} as select * from read_parquet('{paths['parquet'][0]}');",
            f"select '{name}' as table_name, count(*) as n_rows from {name};",
        ]
    lines.append("-- Any other database: make these tables and load the CSV files with the database's own tool.")
    for name in tables:
        fields = next(one["schema"]["fields"] for one in resources if one["caregate"]["table"] == name)
        columns = ", ".join(f'"{one["name"]}" {kinds[one["type"]]}' for one in fields)
        lines.append(f"-- create table {name} ({columns});")
    return "\n".join([*lines, ""])
