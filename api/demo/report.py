"""What the demo says at its end: linkage quality against the truth, one row a request, one page that links every output."""

from __future__ import annotations

import html
from pathlib import Path
from typing import Any

from api.house.house import House
from cld.engine import Query
from cld.journey import AcceptedSubmission

__all__ = ["index_page", "linkage_quality", "summary_row", "text_report"]

QUALITY = """
    with judged as (
        select p.person_id, t.* from persons p join truth t using (la_code, la_person_unique_identifier)
    )
    select {by}, count(*), count(person_id), count(*) filter (person_id = true_nhs_number), count(true_nhs_number)
    from judged group by all order by all
"""
GROUPS = {"all": "'all'", "by_council": "la_code", "by_tradition": "tradition", "by_age_band": "age_band"}
COUNTED = ("n_rows", "n_persons", "smallest_class", "n_hidden_cells", "digest")


def linkage_quality(house: House, submissions: tuple[AcceptedSubmission, ...], truth: Path) -> dict[str, Any]:
    """Hold the tracing against the truth, whole, by council and by subgroup; rates are text of four digits."""
    with house.space.engine.session() as session:
        session.read_file("truth", truth)
        for place, submission in enumerate(submissions):
            session.attach(f"p{place}", submission.persons)
        columns = "la_code, la_person_unique_identifier, person_id"
        union = " union all ".join(f"select {columns} from p{place}" for place in range(len(submissions)))  # noqa: S608
        session.table("persons", Query(union))
        answers = {}
        for name, by in GROUPS.items():
            rows = session.rows(Query(QUALITY.replace("{by}", by), ("persons", "truth")))
            answers[name] = {str(key): _rates(*(int(v) for v in values)) for key, *values in rows}
    return {**answers.pop("all").get("all", {}), **answers}


def _rates(n_persons: int, n_linked: int, n_right: int, n_true: int) -> dict[str, object]:
    return {
        "n_persons": n_persons,
        "n_linked": n_linked,
        "precision": f"{n_right / n_linked:.4f}" if n_linked else None,
        "recall": f"{n_right / n_true:.4f}" if n_true else None,
    }


def summary_row(
    recipient: str, form: str, data_sets: list[str], decision: str, clauses: list[str], **more: object
) -> dict[str, Any]:
    """Return one row of the summary; figures that a refusal does not have are null."""
    row = {"recipient": recipient, "form": form, "datasets": data_sets, "decision": decision, "clauses": clauses}
    return {**row, **dict.fromkeys(COUNTED), **more}


def text_report(summary: dict[str, Any]) -> str:
    """Return the summary as one table of text: two or three lines a request."""
    lines = [line for row in summary["rows"] for line in _row_lines(row)]
    found, total = summary["linkage"], summary["seconds"]["total"]
    lines.append(
        f"linkage: precision {found['precision']}, recall {found['recall']} of {found['n_persons']} council ids; {total} s"
    )
    return "\n".join(lines) + "\n"


def _row_lines(row: dict[str, Any]) -> list[str]:
    shown = {name: "-" if row[name] is None else str(row[name]) for name in COUNTED}
    figures = f"rows {shown['n_rows']:>6}  people {shown['n_persons']:>6}  smallest class {shown['smallest_class']:>4}  hidden cells {shown['n_hidden_cells']:>3}"
    lines = [
        f"{row['decision']:<9} {row['recipient']}",
        f"          {row['form']}: {', '.join(row['datasets'])}  {figures}",
    ]
    lines.append(f"          {'; '.join(row['clauses'])}")
    if row["digest"]:
        lines.append(f"          {row['digest']}  {row['package']}  verified: {'yes' if row['verified'] else 'NO'}")
    if row.get("one_byte_changed"):
        lines.append(f"          with one byte changed: refused, {'; '.join(row['one_byte_changed'])}")
    return lines


HEADS = (
    "Recipient",
    "Form",
    "Data sets",
    "Rows",
    "People",
    "Smallest class",
    "Hidden cells",
    "Decision",
    "Clauses",
    "Digest",
    "Package",
)
STYLE = "body{font-family:Arial,sans-serif;margin:2rem}td,th{border:1px solid #768692;padding:.3rem;text-align:left;vertical-align:top}table{border-collapse:collapse}"


def _cells(row: dict[str, Any]) -> str:
    shown = (
        row["recipient"], row["form"], ", ".join(row["datasets"]), row["n_rows"], row["n_persons"], row["smallest_class"],
        row["n_hidden_cells"], row["decision"], "; ".join(row["clauses"]), (row["digest"] or "")[:16],
    )  # fmt: skip
    names = {"package": "package", "identity": "key", "report": "disclosure report"}
    package = ", ".join(f'<a href="{html.escape(row[key])}">{name}</a>' for key, name in names.items() if row.get(key))
    return (
        "".join(f"<td>{html.escape('' if cell is None else str(cell))}</td>" for cell in shown) + f"<td>{package}</td>"
    )


def _links(code: str) -> str:
    names = {
        "NHS numbers": "nhs-numbers.csv",
        "findings": "findings.html",
        "as CSV": "findings.csv",
        "as a workbook": "findings.xlsx",
        "as JSON": "findings.json",
    }
    return ", ".join(f'<a href="given-back/{code}/{name}">{title}</a>' for title, name in names.items())


def _quality_table(title: str, found: dict[str, dict[str, object]]) -> str:
    rows = "".join(
        f"<tr><td>{html.escape(name)}</td><td>{rates['n_persons']}</td><td>{rates['n_linked']}</td><td>{rates['precision']}</td><td>{rates['recall']}</td></tr>"
        for name, rates in found.items()
    )
    head = "".join(f'<th scope="col">{name}</th>' for name in ("Group", "Council ids", "Linked", "Precision", "Recall"))
    return f"<table><caption>Linkage {title}</caption><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"


def _verification(rows: list[dict[str, Any]]) -> str:
    released = [row for row in rows if row["decision"] == "released"]
    words = "; ".join(reason for row in released for reason in row.get("one_byte_changed", []))
    return f"<p>{sum(bool(row['verified']) for row in released)} of {len(released)} packages verified offline. With one byte of a package changed, verification said: {html.escape(words)}.</p>"


def index_page(summary: dict[str, Any], councils: list[str]) -> str:
    """Return the page that links every output; it fetches nothing."""
    rows = "".join(f"<tr>{_cells(row)}</tr>" for row in summary["rows"])
    head = "".join(f'<th scope="col">{name}</th>' for name in HEADS)
    back = "".join(f"<li>Council {code}: {_links(code)}</li>" for code in councils)
    found = summary["linkage"]
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Caregate demo</title><style>{STYLE}</style></head><body>'
        f"<h1>Caregate demo</h1><p>Linkage against the known truth: precision {found.get('precision')}, recall {found.get('recall')}."
        ' <a href="linkage-statement.html">The statement of its quality</a> that travels with each extract.</p>'
        f"<table><caption>Requests and what became of them</caption><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
        f"{_verification(summary['rows'])}"
        '<p><a href="intruders.html">What motivated intruders win from the anonymised extract</a>, the truth being known.</p>'
        f"{_quality_table('by council', found['by_council'])}{_quality_table('by naming tradition', found['by_tradition'])}"
        f"{_quality_table('by age', found['by_age_band'])}"
        f'<h2>Given back to councils</h2><ul>{back}</ul><p><a href="summary.json">summary.json</a>, <a href="received/">received</a>, '
        '<a href="truth/">truth</a>, <a href="trust-policy.txt">trust policy</a></p></body></html>'
    )
