"""Measure ``caregate verify`` of a package of 1 GB, sealed and opened: ``python -m benchmarks.keys.run verification``.

The package is made of rows that never were anybody's, with true pseudonyms of one agreement in four columns, then signed,
logged and sealed by the doors' own functions. Each verification runs in a process of its own that has no network to ask:
its sockets raise.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa

from api.workspace.wiring import demo_workspace
from audit.sealing import new_identity
from cld.canonical import canonical_bytes
from cld.datasets import Pseudonymised
from cld.engine import Query
from cld.journey import CheckedExtract, Document, DocumentKind
from cld.plan import Keep, OutputColumn, Pseudonym, TablePlan
from cld.shelf import atomic_write
from cld.vocabulary import Form, Grain
from extracts.evidence import beside_digests, statement_of, write_beside, write_evidence
from extracts.package import seal_folder, write_manifests
from extracts.tables import Keyed, write_tables
from tests.lib.damage import Taken

__all__ = ["verification", "verified"]

GIGABYTE = 1_000_000_000
BAR_SECONDS = 10.0
ROUNDS = 3
ROWS_AT_ONCE = 500_000
BYTES_OF_A_ROW = 243
RECIPIENT, AGREEMENT, FAMILY = "503", "DARS-NIC-100001-A1B2C", "cld-linked"
KINDS = ("person", "nhs", "la_person", "event")
WORDS = (
    "Service user",
    "Registered care home",
    "Physical support: Personal care support",
    "NFA: Support ended as planned",
)
ON = "2022-06-01"
CHILD = """
import json, resource, socket, sys, time
from datetime import date
from pathlib import Path
def refuse(*_): raise OSError("no network")
from audit.verify import verify_package
import audit.scan, audit.sealing
socket.socket = socket.create_connection = socket.getaddrinfo = refuse
began = time.monotonic()
report = verify_package(Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]) if sys.argv[3] else None, date(2022, 6, 1))
spent = resource.getrusage(resource.RUSAGE_SELF)
peak = next(int(line.split()[1]) * 1024 for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(json.dumps({"ok": report["ok"], "failed": [one for one in report["checks"] if one["result"] == "failed"],
    "seconds": time.monotonic() - began, "cpu_seconds": spent.ru_utime + spent.ru_stime, "peak_bytes": peak}))
"""


def _batches(n_rows: int) -> Iterator[pa.RecordBatch]:
    """Yield rows under pseudonyms made from random tags, as events of persons."""
    from keys.derivation import PseudonymDomain
    from keys.text_form import Tags, encode_tags

    chance = np.random.default_rng(7)
    high, low = chance.integers(0, 2**64, 200_000, dtype=np.uint64), chance.integers(0, 2**56, 200_000, dtype=np.uint64)
    for start in range(0, n_rows, ROWS_AT_ONCE):
        here = min(ROWS_AT_ONCE, n_rows - start)
        of = chance.integers(0, len(high), here)
        columns: dict[str, Any] = {}
        for kind in KINDS:
            own = chance.integers(0, 2**56, here, dtype=np.uint64)
            tags = Tags(high[of], low[of] if kind != "event" else own)
            columns[f"{kind}_key"] = encode_tags(tags, PseudonymDomain(RECIPIENT, AGREEMENT, FAMILY, kind))
        days = np.datetime64("2021-01-01") + chance.integers(0, 365, here).astype("timedelta64[D]")
        columns["event_start_date"] = pa.array(days.astype("datetime64[D]"))
        for place, word in enumerate(WORDS):
            columns[f"words_{place}"] = pa.array(np.array([word, word.lower()])[chance.integers(0, 2, here)].tolist())
        yield pa.RecordBatch.from_pydict(columns)


def _make(folder: Path, n_bytes: int) -> tuple[Path, Path, Path, Path]:
    """Make the package; return the opened folder, the sealed file, the trust policy and the recipient's key."""
    space = demo_workspace(folder / "workspace", seed=5, n_threads=2)
    n_rows = n_bytes // BYTES_OF_A_ROW
    with space.engine.session() as session:
        source = _batches(n_rows)
        first = next(source)
        rows = pa.RecordBatchReader.from_batches(first.schema, iter([first, *source]))
        session.take("given", rows)
        order = ", ".join(f'"{name}"' for name in first.schema.names)
        dataset = session.store(Query(f"select * from given order by {order}", ("given",)), Pseudonymised)  # noqa: S608
    keyed = [OutputColumn(f"{kind}_key", "person_key", Pseudonym(kind)) for kind in KINDS]
    kept = [OutputColumn("event_start_date", "event_start_date", Keep())]
    plan: Any = SimpleNamespace(
        form=Form.PSEUDONYMISED, tables=(TablePlan("cld", Grain.EVENT, (*keyed, *kept)),), family=FAMILY
    )
    body = {"tables": {"cld": {"dataset": dataset.as_json(), "n_persons": 0}}}
    checked = CheckedExtract(Document(DocumentKind.CHECKED_EXTRACT, (), body))
    opened = folder / "opened"
    resources = write_tables(opened, checked, plan, space.engine, keyed=Keyed(1))
    facts = {"name": "CG-9999", "recipient": "A council", "agreement": AGREEMENT, "agreement_from": "2022-01-01", "agreement_to": "2023-01-01",
             "form": "pseudonymised", "period": ["2021-01-01", "2021-12-31"], "purposes": ["1b"], "acting_for": ""}  # fmt: skip
    for name, content in (
        ("datapackage.json", {"resources": resources}),
        ("disclosure-statement.json", {"limits": {}, "form": "pseudonymised"}),
    ):
        atomic_write(opened / name, canonical_bytes(content))
    secret, public = new_identity("age")
    keys, lineage = space.release_keys, SimpleNamespace(ancestry=())
    released = {"facts": facts, "recipient_key": public, "body_code": RECIPIENT, "released_on": ON, "beside": beside_digests(keys),
                "payload_digest": write_manifests(opened, facts), "signs": []}  # fmt: skip
    write_beside(opened, released, lineage, space.journal, keys)  # type: ignore[arg-type]
    statement = statement_of(opened, released, "0" * 64, lineage)  # type: ignore[arg-type]
    write_evidence(opened, statement, "", "", keys)
    Taken(opened, keys, "").log(statement)
    trust, identity, sealed = folder / "trust", folder / "key", folder / "package.zip.age"
    trust.write_text(keys.trust)
    identity.write_text(secret)
    seal_folder(opened, public, sealed)
    space.journal.close()
    shutil.rmtree(folder / "workspace")
    return opened, sealed, trust, identity


def _measured(given: Path, trust: Path, identity: Path | None) -> dict[str, Any]:
    """Verify in a process of its own, three times, and return the run of median wall time."""
    runs = []
    for _ in range(ROUNDS):
        command = [sys.executable, "-c", CHILD, str(given), str(trust), str(identity or "")]
        found = subprocess.run(
            command, capture_output=True, text=True, check=True, env={**os.environ, "PYTHONPATH": str(Path.cwd())}
        )
        runs.append(json.loads(found.stdout))
    if not all(one["ok"] for one in runs):
        message = f"the package does not verify: {runs[0]['failed']}"
        raise RuntimeError(message)
    return dict(sorted(runs, key=lambda one: float(one["seconds"]))[ROUNDS // 2])


def verified(opened: Path, sealed: Path, trust: Path, identity: Path) -> list[dict[str, Any]]:
    """Return one row of results for each way in which a package is given."""
    rows = []
    held = sum(path.stat().st_size for path in opened.rglob("*") if path.is_file()) / 1e9
    for way, given, key in (("sealed with age", sealed, identity), ("opened", opened, None)):
        found = _measured(given, trust, key)
        size = f" ({given.stat().st_size / 1e9:.2f} GB given)" if given.is_file() else ""
        words = f"{found['seconds']:.1f} s wall, {found['cpu_seconds']:.1f} s CPU, {found['peak_bytes'] / 1e9:.2f} GB of memory"
        rows.append(
            {
                "what": f"caregate verify of a package of {held:.2f} GB, {way}{size}, no network",
                "bar": f"{BAR_SECONDS:.0f} s",
                "found": words,
                "met": found["seconds"] <= BAR_SECONDS,
                **found,
            }
        )
    return rows


def verification(n_bytes: int = GIGABYTE) -> list[dict[str, Any]]:
    """Make a package and measure its verification."""
    with tempfile.TemporaryDirectory() as made:
        return verified(*_make(Path(made), n_bytes))
