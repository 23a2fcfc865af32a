"""What a recipient opens: data, dictionary, statements and manifests, one folder that is a BagIt bag; the payload is repeatable.

The payload's digest is the SHA-256 of the tag manifest, which lists the SHA-512 of every payload file outside ``data/`` and of
the manifest of those inside. Statement, log proof, crate, trust policy and verifier stand beside the payload.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from audit.archive import pack_folder
from audit.sealing import seal_file
from audit.verifying.manifest import DATA_MANIFEST, EVIDENCE, MANIFEST
from cld.canonical import digest_of_file
from cld.engine import Engine
from cld.journey import CheckedExtract, LinkedDataset
from cld.plan import BRIDGE, ExtractPlan
from cld.shelf import atomic_write, sync_folder
from disclosure.report.statement import disclosure_statement, disclosure_statement_page
from extracts.tables import Keyed, write_code_lists, write_dictionary, write_tables
from extracts.words import change_log, first_page, licence, starters
from linkage.tell.statement import quality_statement
from linkage.tell.statement_page import statement_page

__all__ = ["Previous", "payload_sizes", "seal_folder", "told_of", "write_manifests", "write_payload"]

DATA_PACKAGE_SCHEMA = "https://datapackage.org/profiles/2.0/datapackage.json"
BAGIT = "BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"


@dataclass(frozen=True, slots=True)
class Previous:
    """The delivery before under the same agreement: its reference, rows and columns by table, and the version of the key
    of its pseudonyms; empty for the first."""

    reference: str = ""
    tables: Mapping[str, Any] | None = None
    key_version: int | None = None


def told_of(checked: CheckedExtract) -> dict[str, Any]:
    """Return the rows and columns of each table, as the change log of the next delivery needs them."""
    tables = checked.document.body["tables"].items()
    return {
        name: {"n_rows": one["dataset"]["n_rows"], "columns": list(one["dataset"]["columns"])}
        for name, one in tables
        if not name.startswith(BRIDGE)
    }


def write_payload(
    folder: Path, checked: CheckedExtract, plan: ExtractPlan, linked: LinkedDataset, facts: Mapping[str, Any],
    previous: Previous, engine: Engine,
) -> str:  # fmt: skip
    """Write the payload files under ``folder`` and return the payload's digest."""
    resources = write_tables(folder, checked, plan, engine, keyed=Keyed(facts["key_version"], facts["pseudonyms"]))
    statement = quality_statement(linked.document.body)
    protection = disclosure_statement(plan.form.value, checked.document.body, facts["pseudonyms"])
    documents = {
        "datapackage.json": _data_package(facts, resources),
        "linkage-statement.json": statement,
        "disclosure-statement.json": protection,
        "release.json": dict(facts),
    }
    for name, content in documents.items():
        atomic_write(folder / name, json.dumps(content, indent=2, sort_keys=True).encode() + b"\n")
    write_dictionary(folder, resources)
    write_code_lists(folder, plan)
    pages = {
        "linkage-statement.html": statement_page(statement),
        "disclosure-statement.html": disclosure_statement_page(protection),
        "README.html": first_page(facts, resources),
        "LICENCE.txt": licence(facts),
        "CHANGES.txt": change_log(
            facts["name"],
            previous.reference,
            previous.tables or {},
            told_of(checked),
            key_versions=(previous.key_version, facts["key_version"]),
            bridged_from=facts["bridged_from"],
            not_bridged=facts["not_bridged"],
        ),
        **{f"starters/{name}": text for name, text in starters(resources).items()},
    }
    for name, text in pages.items():
        atomic_write(folder / name, text.encode())
    return write_manifests(folder, facts)


def _data_package(facts: Mapping[str, Any], resources: list[dict[str, Any]]) -> dict[str, Any]:
    """Source: Data Package v2.0."""
    return {
        "$schema": DATA_PACKAGE_SCHEMA,
        "name": str(facts["name"]).lower(),
        "title": f"Extract {facts['name']} for {facts['recipient']}",
        "description": "Client-level adult social care data. Not to be published.",
        "licenses": [{"name": "licence-of-use", "path": "LICENCE.txt", "title": "Licence of use under the agreement"}],
        "sources": [{"title": "Client-level data of councils under the Direction of 7 December 2020"}],
        "resources": resources,
    }


def write_manifests(folder: Path, facts: Mapping[str, Any]) -> str:
    """Write the bag's declaration and manifests and return the payload's digest. Source: RFC 8493."""
    data = _names(folder / "data", folder)
    n_bytes = sum((folder / name).stat().st_size for name in data)
    info = f"External-Identifier: {facts['name']}\nPayload-Oxum: {n_bytes}.{len(data)}\n"
    atomic_write(folder / "bagit.txt", BAGIT.encode())
    atomic_write(folder / "bag-info.txt", info.encode())
    _list_digests(folder, DATA_MANIFEST, data)
    tags = [name for name in _names(folder, folder) if not name.startswith("data/") and name not in EVIDENCE]
    _list_digests(folder, MANIFEST, tags)
    return digest_of_file(folder / MANIFEST)


def _names(within: Path, folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in within.rglob("*") if path.is_file())


def _list_digests(folder: Path, manifest: str, names: list[str]) -> None:
    lines = [f"{digest_of_file(folder / name, 'sha512')}  {name}\n" for name in names]
    atomic_write(folder / manifest, "".join(lines).encode())


def payload_sizes(folder: Path) -> dict[str, int]:
    """Return the bytes of each payload file."""
    return {name: (folder / name).stat().st_size for name in _names(folder, folder) if name not in EVIDENCE}


def seal_folder(folder: Path, recipient_key: str, path: Path) -> None:
    """Zip a package and seal it to the recipient's key; the file appears when complete.

    Raises: InputError if the key is of no kind that is known.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as made:
        plain, staged = Path(made) / "package.zip", path.with_name(f".{path.name}.part")
        pack_folder(folder, plain)
        try:
            seal_file(plain, recipient_key, staged)
            staged.replace(path)
        except BaseException:
            staged.unlink(missing_ok=True)
            raise
    sync_folder(path.parent)
