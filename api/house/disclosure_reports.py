"""Disclosure reports as files of a workspace: JSON, page and PDF, of what passed and of what was refused.

They hold intervals and what others hold: the approver and the auditor read them, and they never leave the house.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cld.errors import DisclosureRefused
from cld.pictures import page
from cld.shelf import atomic_write
from disclosure.report.page import report_parts
from disclosure.report.pdf import pdf_of
from disclosure.report.refusal import refusal_parts

__all__ = ["parts_of_last", "write_refusal", "write_report"]

REPORTED = ("profile", "limits", "limits_held", "judged_against", "memory", "report", "not_checked")


def write_report(folder: Path, reference: str, body: Mapping[str, Any]) -> None:
    """Write what the approver reads of a candidate that passed, intervals and all."""
    told = {"decision": "passed", **{name: body[name] for name in REPORTED}}
    _write(folder, reference, told, report_parts(body))


def write_refusal(folder: Path, reference: str, refusal: DisclosureRefused) -> None:
    """Write why a candidate was refused, with all that was measured before it was."""
    if refusal.told is not None:
        _write(folder, reference, {"decision": "refused", **refusal.told}, refusal_parts(refusal.told))


def parts_of_last(folder: Path, reference: str, checked: Mapping[str, Any] | None) -> list[str]:
    """Return the page's parts of the last check: a refusal if that refused, else the checked body; nothing was checked, nothing."""
    path = _reports(folder) / f"{reference}.json"
    told: dict[str, Any] = json.loads(path.read_text("utf-8")) if path.exists() else {}
    if told.get("decision") == "refused":
        return refusal_parts(told)
    return [] if checked is None else report_parts(checked)


def _reports(folder: Path) -> Path:
    return folder / "reports"


def _write(folder: Path, reference: str, told: Mapping[str, Any], parts: Sequence[str]) -> None:
    """Write the three files; a PDF that cannot be made here is said to be missing, and an older one goes."""
    title, place = f"Disclosure report, {reference}", _reports(folder)
    pdf, path = pdf_of(page(title, parts)), place / f"{reference}.pdf"
    link = f'<a href="{reference}.pdf">This report as PDF</a>' if pdf.content else f"PDF of this report: {pdf.reason}."
    if pdf.content is None:
        path.unlink(missing_ok=True)
    else:
        atomic_write(path, pdf.content)
    content = {**told, "pdf": f"{reference}.pdf" if pdf.content else pdf.reason}
    atomic_write(place / f"{reference}.json", json.dumps(content, indent=2, sort_keys=True).encode() + b"\n")
    atomic_write(place / f"{reference}.html", page(title, [f"<p>{link}</p>", *parts]).encode())
