"""What a recipient opens: data as CSV and Parquet, dictionary, statements and manifest; the payload is repeatable.

The payload's digest is the SHA-256 of the manifest, which lists the SHA-512 of every payload file. Signature, log proof,
trust policy and verifier stand beside it and are not in it.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

import pyrage

from audit.verifier import MANIFEST
from cld.canonical import canonical_bytes, digest_of_file
from cld.catalogue import column_of
from cld.engine import Engine, Query
from cld.errors import InputError
from cld.journey import CheckedExtract, LinkedDataset, released_dataset
from cld.plan import ExtractPlan
from cld.shelf import atomic_write
from disclosure.report.statement import disclosure_statement, disclosure_statement_page
from linkage.tell.statement import quality_statement
from linkage.tell.statement_page import statement_page

__all__ = ["seal_folder", "write_payload"]

ZIP_EPOCH = (1980, 1, 1, 0, 0, 0)
MOST_EXCEL_ROWS = 1_048_575


def _resource(name: str, path: str, form: str, n_rows: int, fields: list[dict[str, str]]) -> dict[str, Any]:
    return {"name": f"{name}-{form}", "path": path, "format": form, "n_rows": n_rows, "schema": {"fields": fields}}


def _fields(plan: ExtractPlan, name: str, columns: tuple[str, ...]) -> list[dict[str, str]]:
    sources = {
        column.name: column.source for table in plan.tables if table.data_set == name for column in table.columns
    }
    described = []
    for column in columns:
        source = sources.get(column, "")
        if source and source != "person_key" and not source.startswith("local_"):
            found = column_of(name, source)
            described.append(
                {
                    "name": column,
                    "type": "string",
                    "title": found.title,
                    "description": found.description,
                    "annex1": found.annex1_heading,
                }
            )
        else:
            described.append({"name": column, "type": "string", "title": column})
    return described


def write_payload(
    folder: Path,
    checked: CheckedExtract,
    plan: ExtractPlan,
    linked: LinkedDataset,
    facts: Mapping[str, Any],
    engine: Engine,
) -> str:
    """Write the payload files under ``folder`` and return the payload's digest."""
    resources = []
    with engine.session() as session:
        for name, value in sorted(checked.document.body["tables"].items()):
            dataset = released_dataset(value["dataset"])
            session.attach(name, dataset)
            described = _fields(plan, name, dataset.columns)
            for form in ("csv", "parquet"):
                session.export(Query(f"select * from {name} order by all", (name,)), folder / "data" / f"{name}.{form}")  # noqa: S608
                resources.append(_resource(name, f"data/{name}.{form}", form, dataset.n_rows, described))
    statement = quality_statement(linked.document.body)
    protection = disclosure_statement(plan.form.value, checked.document.body)
    documents = {
        "datapackage.json": {"name": facts["name"], "profile": "tabular-data-package", "resources": resources},
        "linkage-statement.json": statement,
        "disclosure-statement.json": protection,
        "release.json": dict(facts),
    }
    for name, content in documents.items():
        atomic_write(folder / name, json.dumps(content, indent=2, sort_keys=True).encode() + b"\n")
    atomic_write(folder / "linkage-statement.html", statement_page(statement).encode())
    atomic_write(folder / "disclosure-statement.html", disclosure_statement_page(protection).encode())
    atomic_write(folder / "README.txt", _readme(facts).encode())
    return _write_manifest(folder)


def _readme(facts: Mapping[str, Any]) -> str:
    return (
        f"{facts['name']}\n\nFor: {facts['recipient']}. Agreement {facts['agreement']}, until {facts['agreement_to']}.\n"
        "Data lie in data/ as CSV (for Excel) and Parquet; datapackage.json is the dictionary.\n"
        "How surely people were linked, and for whom less so: linkage-statement.html, for programs linkage-statement.json.\n"
        "How people are protected in these data, and what that does to them: disclosure-statement.html.\n"
        "To check this package offline: python verify.py . --trust POLICY, with the trust policy you got by another road.\n"
        "Not to be published (Direction of 7 December 2020, paragraph 5).\n"
    )


def _write_manifest(folder: Path) -> str:
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    lines = [f"{digest_of_file(folder / name, 'sha512')}  {name}" for name in names if name != MANIFEST]
    atomic_write(folder / MANIFEST, ("\n".join(lines) + "\n").encode())
    return digest_of_file(folder / MANIFEST)


def add_evidence(folder: Path, envelope: Mapping[str, Any], proof: str, trust: str) -> None:
    """Put signature, log proof, trust policy and verifier beside the payload."""
    atomic_write(folder / "release.intoto.json", canonical_bytes(dict(envelope)))
    atomic_write(folder / "release.tlog-proof", proof.encode())
    atomic_write(folder / "trust-policy.txt", trust.encode())
    atomic_write(folder / "verify.py", files("audit").joinpath("verifier.py").read_bytes())


def seal_folder(folder: Path, recipient_key: str, path: Path) -> None:
    """Zip a package and seal it to the recipient's age key; the file appears when complete.

    Raises: InputError if the key is not an age recipient.
    Source: C2SP age.
    """
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as target:
        for name in sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()):
            target.writestr(zipfile.ZipInfo(name, ZIP_EPOCH), (folder / name).read_bytes(), zipfile.ZIP_DEFLATED)
    try:
        recipient = pyrage.x25519.Recipient.from_str(recipient_key)
    except pyrage.RecipientError as fault:
        message = "The recipient's key is not an age key."
        raise InputError(message, "Ask the recipient for the line that begins age1.") from fault
    atomic_write(path, pyrage.encrypt(made.getvalue(), [recipient]))
