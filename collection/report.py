"""Findings for people and programs: one HTML file without outside links, CSV, a workbook of three sheets, JSON.

No report holds a value of a person: a finding is a row of the file, a column and a rule.
"""

from __future__ import annotations

import html
import json
from pathlib import Path
from typing import Any

import openpyxl

from cld.engine import Query, Session, text_literal
from cld.shelf import atomic_write
from cld.workbooks import workbook_bytes
from collection.rules import rules

__all__ = ["findings_query", "summary_of", "write_reports"]

MOST_SHEET_ROWS = 100_000
MOST_PAGE_ROWS = 500
TOP_CAUSES = 3


def findings_query() -> Query:
    """Return the query of findings with their severity and how to mend them, from ``faults``."""
    parts = {}
    for part in ("severity", "mend"):
        cases = " ".join(f"when {text_literal(rule['code'])} then {text_literal(rule[part])}" for rule in rules())
        parts[part] = f"case rule {cases} end"
    text = f"""
        select row_number, column_name, rule, {parts["severity"]} as severity, {parts["mend"]} as how_to_mend
        from faults order by row_number, column_name, rule
    """  # noqa: S608
    return Query(text, ("faults",))


def summary_of(session: Session) -> dict[str, Any]:
    """Count findings by severity, rule and cause; a cause is a rule and a column."""
    severity = {rule["code"]: rule["severity"] for rule in rules()}
    counted = session.rows(
        Query(
            "select rule, column_name, count(*) as n from faults group by all order by n desc, rule, column_name",
            ("faults",),
        )
    )
    by_rule: dict[str, int] = {}
    by_severity: dict[str, int] = {}
    for rule, _, count in counted:
        by_rule[str(rule)] = by_rule.get(str(rule), 0) + int(count)
        name = severity[str(rule)]
        by_severity[name] = by_severity.get(name, 0) + int(count)
    total = sum(by_rule.values())
    top = [{"rule": rule, "column": column, "n_findings": int(count)} for rule, column, count in counted[:TOP_CAUSES]]
    return {
        "n_findings": total,
        "by_severity": by_severity,
        "by_rule": dict(sorted(by_rule.items())),
        "top_causes": top,
        "top_causes_share_percent": sum(cause["n_findings"] for cause in top) * 100 // total if total else 0,
    }


def write_reports(session: Session, summary: dict[str, Any], folder: Path) -> None:
    """Write findings.csv, findings.xlsx, findings.html and findings.json under ``folder``."""
    query = findings_query()
    session.export(query, folder / "findings.csv")
    limited = Query(f"select * from ({query.text}) limit {MOST_SHEET_ROWS}", query.inputs)  # noqa: S608
    rows = session.rows(limited)
    atomic_write(
        folder / "findings.json",
        json.dumps(
            {name: value for name, value in summary.items() if not isinstance(value, dict) or name.startswith("by_")},
            indent=2,
        ).encode(),
    )
    atomic_write(folder / "findings.xlsx", _workbook(summary, rows))
    atomic_write(folder / "findings.html", _page(summary, rows[:MOST_PAGE_ROWS]).encode())


def _workbook(summary: dict[str, Any], rows: list[tuple[object, ...]]) -> bytes:
    book = openpyxl.Workbook()
    first = book.active
    first.title = "Summary"
    for name in ("n_rows", "n_findings", "release", "period_start", "period_end"):
        first.append([name, str(summary.get(name, ""))])
    errors = book.create_sheet("Error Summary")
    errors.append(["rule", "title", "severity", "findings", "how to mend"])
    for rule in rules():
        if rule["code"] in summary["by_rule"]:
            errors.append(
                [rule["code"], rule["title"], rule["severity"], summary["by_rule"][rule["code"]], rule["mend"]]
            )
    data = book.create_sheet("Error Data")
    data.append(["row", "column", "rule", "severity", "how to mend"])
    for row in rows:
        data.append(list(row))
    return workbook_bytes(book)


def _page(summary: dict[str, Any], rows: list[tuple[object, ...]]) -> str:
    listed = {rule["code"]: rule for rule in rules()}
    totals = "".join(
        f"<tr><td>{code} {html.escape(listed[code]['title'])}</td><td>{listed[code]['severity']}</td><td>{count}</td>"
        f"<td>{html.escape(listed[code]['mend'])}</td></tr>"
        for code, count in summary["by_rule"].items()
    )
    lines = "".join(
        "<tr>" + "".join(f"<td>{html.escape(str(cell))}</td>" for cell in row[:4]) + "</tr>" for row in rows
    )
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Findings</title>'
        "<style>body{font-family:Arial,sans-serif;margin:2rem}td,th{border:1px solid #768692;padding:.3rem;text-align:left}"
        f"table{{border-collapse:collapse;margin-bottom:2rem}}</style></head><body><h1>Findings</h1><p>{summary['n_findings']} findings"
        f" in {summary.get('n_rows', '')} rows. Mend the first {len(summary['top_causes'])} causes and"
        f" {summary['top_causes_share_percent']}% of the findings go.</p>"
        "<table><caption>By rule</caption><tr><th>Rule</th><th>Severity</th><th>Findings</th><th>How to mend</th></tr>"
        f"{totals}</table><table><caption>The first {len(rows)} findings, without values</caption>"
        f"<tr><th>Row</th><th>Column</th><th>Rule</th><th>Severity</th></tr>{lines}</table></body></html>"
    )
