"""Rows of the Data Uses Register, one for each release and agreement, read from sealed documents alone.

No figure about people stands in them, nor anything derived from rows; words that people wrote stand only in the fields for
which the register publishes words, and none that holds a number of ten digits. What an application does not say is empty.

Source: Data Uses Register; shared reading of Direction 5.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import date
from typing import Any

from audit.journal import Journal
from cld.catalogue import column_of
from cld.errors import NotSealed
from cld.journey import ApprovedPlan, Document, DocumentKind
from cld.plan import ExtractPlan, plan_from_json
from cld.vocabulary import ColumnRole
from policies.register import RegisterWords, register_words_on

__all__ = ["register_rows"]

TEN_DIGITS = re.compile(r"(?:\d[ -]?){9}\d")
TO_PLAN = (DocumentKind.CHECKED_EXTRACT, DocumentKind.CANDIDATE_EXTRACT, DocumentKind.APPROVED_PLAN)
WITHHELD = "withheld: it holds a long number"


def register_rows(journal: Journal) -> tuple[dict[str, str], ...]:
    """Return a row by the register's field for every release in the log, in its order.

    Raises: NotSealed if a document that a release rests on is gone.
    """
    releases = (json.loads(leaf) for leaf in journal.leaves() if b'"action":"release"' in leaf)
    return tuple(_row(_held(journal, leaf["document"]), journal) for leaf in releases if leaf["action"] == "release")


def _held(journal: Journal, digest: str) -> Document:
    document = journal.load(digest)
    if document is None or document.digest != digest:
        message = f"A document of a release is missing or altered: {digest[:16]}."
        raise NotSealed(message, (digest,), "Restore it from the backup.")
    return document


def _plan_of(release: Document, journal: Journal) -> ApprovedPlan:
    document = release
    for kind in TO_PLAN:
        parents = [_held(journal, parent) for parent in document.parents]
        (document,) = (one for one in parents if one.kind is kind)
    return ApprovedPlan(document)


def _row(release: Document, journal: Journal) -> dict[str, str]:
    body = _plan_of(release, journal).document.body
    application, plan = body["application"], plan_from_json(body["plan"])
    sent = date.fromisoformat(release.body["released_on"])
    words, form = register_words_on(sent), plan.form.value
    dars: Mapping[str, Any] = application.get("dars") or {}
    agreement = application["agreement"]
    values = {
        "Project title": _words(dars, "title"),
        "Agreement reference": agreement["reference"],
        "Type of data": words.types_of_data[form],
        "Opt outs honoured": words.opt_outs_applied if plan.opt_outs_applied else words.opt_outs_not_applied[form],
        "Opt out reason": _reason(plan, words),
        "Legal basis": f"{words.act} - {application['lawful_basis_nhs'].replace(' with ', ' and ')}",
        "Commercial purpose": _yes_or_no(dars, "commercial"),
        "Organisation type": words.organisation_types.get(application["body"], ""),
        "Sensitive": "Sensitive" if _is_sensitive(plan) else "Non-Sensitive",
        "Agreement start": agreement["from"],
        "Agreement end": agreement["to"],
        "Months of files sent": f"{sent:%Y.%m}",
        "Access method": str(dars.get("access_method", "")),
        "Data controllers": "; ".join(dars.get("controllers") or [application["recipient"]]),
        "Sublicensing allowed": _yes_or_no(dars, "sublicensing"),
        "Datasets": "; ".join(words.data_sets[name] for name in plan.data_sets()),
        "Objectives": _words(dars, "objectives"),
        "Expected benefits": _words(dars, "benefits"),
        "Processing activities": _words(dars, "processing"),
        "Outputs": _words(dars, "outputs"),
    }
    return {name: values[name] for name in words.fields}


def _reason(plan: ExtractPlan, words: RegisterWords) -> str:
    """Return the reason in the register's words: the plan's own only where it is one of them."""
    if not plan.opt_outs_applied:
        return words.reason_not_applied
    return plan.opt_out_reason if plan.opt_out_reason in words.reasons else ""


def _is_sensitive(plan: ExtractPlan) -> bool:
    """Say whether a column of the plan is sensitive; every table of NHS data is about health."""
    kept = [(table.data_set, column.source) for table in plan.tables for column in table.columns]
    kept += [("people", name) for table in plan.counts for name in table.dimensions]
    listed = [
        column_of(data_set, name) for data_set, name in kept if name != "person_key" and not name.startswith("local_")
    ]
    return any(column.role is ColumnRole.SENSITIVE for column in listed)


def _yes_or_no(dars: Mapping[str, Any], name: str) -> str:
    return {True: "Yes", False: "No"}.get(dars.get(name, None), "") if name in dars else ""


def _words(dars: Mapping[str, Any], name: str) -> str:
    text = str(dars.get(name, "")).strip()
    return WITHHELD if TEN_DIGITS.search(text) else text
