"""Packages taken apart: an opened package of the demo with the keys of its house, so that any one thing can be made wrong.

``sign_anew`` makes everything else right again: what is then refused is refused for the one fault alone.
"""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from api.workspace.wiring import DemoKeys
from audit.note import Checkpoint, cosign, sign_head
from audit.scan import fast_scan
from audit.tree import inclusion_proof, leaf_hash, root_of
from audit.twins import cells_differ
from audit.verifying.checks import Asked, verify_folder
from audit.verifying.manifest import CRATE, DATA_MANIFEST, EVIDENCE, MANIFEST, PROOF, STATEMENT
from audit.verifying.statement import PAYLOAD_TYPE, pre_authentication
from cld.canonical import canonical_bytes

ON = date(2022, 6, 1)
N_OTHER_LEAVES = 12
SIGNED_AT = 1646128800
"""Ten o'clock on 1 March 2022, the time that the leaf states."""


def signed_head(checkpoint: Checkpoint, log: DemoKeys, witness: DemoKeys) -> str:
    """Return a checkpoint signed by one house's log and another's witness."""
    return sign_head(checkpoint, log.log, SIGNED_AT) + cosign(checkpoint, checkpoint.body(), witness.witness, SIGNED_AT)


def base64_of(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


@dataclass(slots=True)
class Taken:
    """One opened package, what its verifier brings, and the house's keys."""

    folder: Path
    keys: DemoKeys
    trust: str
    asked: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def copy_of(cls, opened: Path, folder: Path, keys: DemoKeys) -> Taken:
        """Return a copy that may be spoilt."""
        shutil.copytree(opened, folder)
        return cls(folder, keys, keys.trust)

    def path(self, name: str) -> Path:
        return self.folder / name

    def first(self, pattern: str) -> Path:
        return min(self.folder.glob(pattern))

    def report(self) -> dict[str, Any]:
        """Verify what is there now."""
        return verify_folder(
            self.folder, Asked(**{"policy": self.trust, "on": ON, **self.asked}), fast_scan, cells_differ
        )

    def statement(self) -> dict[str, Any]:
        envelope = json.loads(self.path(STATEMENT).read_bytes())
        held: dict[str, Any] = json.loads(base64.b64decode(envelope["payload"]))
        return held

    def envelope(self, body: bytes, signatures: list[dict[str, str]] | None = None, kind: str = PAYLOAD_TYPE) -> None:
        """Write an envelope over a body, signed by the house unless signatures are given."""
        ours = [{"keyid": self.keyid, "sig": base64_of(self.keys.release_key.sign(pre_authentication(kind, body)))}]
        held = {
            "payloadType": kind,
            "payload": base64_of(body),
            "signatures": ours if signatures is None else signatures,
        }
        self.path(STATEMENT).write_bytes(canonical_bytes(held))

    @property
    def keyid(self) -> str:
        return f"{self.keys.log.name}/release"

    def list_anew(self) -> None:
        """Write both manifests over what is there."""
        files = sorted(p.relative_to(self.folder).as_posix() for p in self.folder.rglob("*") if p.is_file())
        data = [name for name in files if name.startswith("data/")]
        tags = [name for name in files if not name.startswith("data/") and name not in EVIDENCE]
        for manifest, names in ((DATA_MANIFEST, data), (MANIFEST, tags)):
            lines = [f"{hashlib.sha512(self.path(name).read_bytes()).hexdigest()}  {name}\n" for name in names]
            self.path(manifest).write_text("".join(lines))

    def sign_anew(self, change: Callable[[dict[str, Any]], object] = lambda _: None, **leaf: Any) -> None:
        """List, sign and log what is there, after a change of the statement and with these parts of the leaf."""
        self.list_anew()
        self.list_anew()  # the tag manifest lists the other one
        statement = self.statement()
        names = [one["name"] for one in statement["subject"]]
        present = {p.relative_to(self.folder).as_posix() for p in self.folder.rglob("*") if p.is_file()}
        names = sorted({*names, *(present - EVIDENCE), MANIFEST, CRATE} & present)
        digests = {name: hashlib.sha512(self.path(name).read_bytes()).hexdigest() for name in names}
        statement["subject"] = [{"name": name, "digest": {"sha512": digest}} for name, digest in digests.items()]
        change(statement)
        body = canonical_bytes(statement)
        self.envelope(body)
        self.log(body, **leaf)

    def log(self, body: bytes, *, raw: bytes | None = None, **changes: Any) -> None:
        """Log a statement in a small log of the house's own keys."""
        details = {
            "application": json.loads(body)["predicate"].get("name", ""),
            "statement": hashlib.sha256(body).hexdigest(),
        }
        place = N_OTHER_LEAVES // 2
        leaf = {"seq": place, "at_utc": "2022-03-01T10:00:00Z", "action": "release", "actor": "releaser one",
                "role": "releaser", "document": "0" * 64, "details": details, **changes}  # fmt: skip
        leaves = [b"other %d" % number for number in range(N_OTHER_LEAVES)]
        leaves[place] = raw if raw is not None else canonical_bytes(leaf)
        self.prove(leaves, place)

    def prove(self, leaves: list[bytes], place: int) -> None:
        """Write the proof of one leaf among others under a checkpoint of log and witness."""
        hashes = [leaf_hash(leaf) for leaf in leaves]
        note = signed_head(Checkpoint(self.keys.log.name, len(hashes), root_of(hashes)), self.keys, self.keys)
        steps = [base64_of(step) for step in inclusion_proof(hashes, place)]
        head = ["c2sp.org/tlog-proof@v1", f"extra {base64_of(leaves[place])}", f"index {place}", *steps]
        self.path(PROOF).write_text("\n".join(head) + "\n\n" + note)

    def in_proof(self, change: Callable[[list[str], list[str]], tuple[list[str], list[str]]]) -> None:
        """Change the lines of the proof before and after its empty line."""
        head, _, note = self.path(PROOF).read_text().partition("\n\n")
        first, second = change(head.split("\n"), note.split("\n"))
        self.path(PROOF).write_text("\n".join(first) + "\n\n" + "\n".join(second))

    def in_json(self, name: str, change: Callable[[dict[str, Any]], object]) -> None:
        held = json.loads(self.path(name).read_text())
        change(held)
        self.path(name).write_text(json.dumps(held))

    def checkpoint(self) -> str:
        return self.path(PROOF).read_text().partition("\n\n")[2]


def flipped(path: Path, place: int = -5) -> None:
    """Flip one bit of a file."""
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(bytes(content))


def failed_of(report: Mapping[str, Any]) -> dict[int, str]:
    """Return the reasons of the checks that failed, by number."""
    return {one["number"]: one["reason"] for one in report["checks"] if one["result"] == "failed"}
