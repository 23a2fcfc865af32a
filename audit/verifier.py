"""Verify an opened package, offline: python verify.py FOLDER --trust POLICY [--on DATE].

Needs Python 3.11 and the ``cryptography`` package, nothing of Caregate; a copy travels in every package. Checks:
1 the manifest lists every file and no other; 2 every file has its SHA-512 digest; 3 the statement is signed by a trusted
release key; 4 the statement speaks of this manifest; 5 the log's leaf speaks of this statement; 6 the leaf is in the
tree; 7 the checkpoint is signed by the log; 8 and by a witness; 9 row counts agree with the dictionary.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import json
import sys
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PublicKey

__all__ = ["verify_folder"]

MANIFEST = "manifest-sha512.txt"
OUTSIDE = {MANIFEST, "release.intoto.json", "release.tlog-proof", "trust-policy.txt", "verify.py"}
PAYLOAD_TYPE = "application/vnd.in-toto+json"


class Failed(Exception):  # noqa: N818 - a result, not an error of the program
    """A check did not pass; the message says what is wrong."""


def _decoded(text: str) -> bytes:
    """Decode base64 that is written the one canonical way: spare bits and other spellings are alterations."""
    raw = base64.b64decode(text, validate=True)
    if base64.b64encode(raw).decode() != text:
        message = "base64 is not canonical"
        raise ValueError(message)
    return raw


def _sha512(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha512").hexdigest()


def _manifest(folder: Path) -> dict[str, str]:
    try:
        lines = (folder / MANIFEST).read_text("utf-8").splitlines()
        return {name: digest for digest, name in (line.split("  ", 1) for line in lines)}
    except (OSError, ValueError) as fault:
        message = "the manifest is missing or malformed"
        raise Failed(message) from fault


def _files_listed(folder: Path) -> str:
    listed = set(_manifest(folder))
    present = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()} - OUTSIDE
    if present - listed:
        raise Failed("not in the manifest: " + ", ".join(sorted(present - listed)))
    if listed - present:
        raise Failed("missing: " + ", ".join(sorted(listed - present)))
    return f"{len(listed)} files"


def _files_whole(folder: Path) -> str:
    for name, digest in sorted(_manifest(folder).items()):
        if _sha512(folder / name) != digest:
            message = f"{name} was altered"
            raise Failed(message)
    return "every digest agrees"


Trust = dict[str, list[tuple[str, int, bytes]]]


def _trust(policy: str) -> Trust:
    """Read a trust policy: lines ``release|log|witness`` and a verifier key (name, type, public key)."""
    held: Trust = {"log": [], "witness": [], "release": []}
    for line in policy.splitlines():
        kind, _, key = line.partition(" ")
        if kind in held:
            name, _, encoded = key.split("+", 2)
            raw = _decoded(encoded)
            held[kind].append((name, raw[0], raw[1:]))
    return held


def _pae(kind: str, body: bytes) -> bytes:
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind.encode(), len(body), body)


def _statement(folder: Path, trust: Trust) -> tuple[dict[str, Any], bytes]:
    try:
        envelope = json.loads((folder / "release.intoto.json").read_text("utf-8"))
        body = _decoded(envelope["payload"])
        signers = {s["keyid"] for s in envelope["signatures"] if _signed(trust, s, envelope["payloadType"], body)}
    except (OSError, ValueError, KeyError, TypeError) as fault:
        message = "the statement is missing or malformed"
        raise Failed(message) from fault
    if envelope["payloadType"] != PAYLOAD_TYPE or not signers:
        message = "no trusted release key signed the statement"
        raise Failed(message)
    return json.loads(body), body


def _signed(trust: Trust, signature: dict[str, str], kind: str, body: bytes) -> bool:
    keys = [public for name, _, public in trust["release"] if name == signature["keyid"]]
    return any(_good(public, _decoded(signature["sig"]), _pae(kind, body)) for public in keys)


def _good(public: bytes, signature: bytes, content: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, content)
    except (InvalidSignature, ValueError):
        return False
    return True


def _proof(folder: Path) -> dict[str, Any]:
    """Read a .tlog-proof: leaf (base64), index, path, then the checkpoint."""
    try:
        head, checkpoint = (folder / "release.tlog-proof").read_text("utf-8").split("\n\n", 1)
        lines = head.split("\n")
        leaf = _decoded(lines[1].removeprefix("extra "))
        index = int(lines[2].removeprefix("index "))
        path = [_decoded(line) for line in lines[3:]]
        body, signatures = checkpoint.split("\n\n", 1)
        origin, size, root = body.split("\n")[:3]
        return {"leaf": leaf, "index": index, "path": path, "signed": (body + "\n").encode(), "signatures": signatures,
                "origin": origin, "size": int(size), "root": _decoded(root)}  # fmt: skip
    except (OSError, ValueError, IndexError) as fault:
        message = "the log proof is missing or malformed"
        raise Failed(message) from fault


def _root(leaf: bytes, index: int, size: int, path: list[bytes]) -> bytes:
    running, place, last = hashlib.sha256(b"\x00" + leaf).digest(), index, size - 1
    for step in path:
        if last == 0:
            message = "the inclusion proof is too long"
            raise Failed(message)
        if place % 2 or place == last:
            running = hashlib.sha256(b"\x01" + step + running).digest()
            while place % 2 == 0 and place:
                place, last = place >> 1, last >> 1
        else:
            running = hashlib.sha256(b"\x01" + running + step).digest()
        place, last = place >> 1, last >> 1
    if last or not 0 <= index < size:
        message = "the inclusion proof is too short"
        raise Failed(message)
    return running


def _line_good(proof: dict[str, Any], name: str, kind: int, public: bytes) -> bool:
    """Say whether a checkpoint carries a good signature of one key.

    Types: 1 a note's own Ed25519 signature; 4 and 6 timestamped cosignatures by Ed25519 and ML-DSA-44 (C2SP).
    """
    key_id = hashlib.sha256(name.encode() + b"\n" + bytes([kind]) + public).digest()[:4]
    for line in proof["signatures"].splitlines():
        _, signer, encoded = line.split(" ", 2)
        raw = _decoded(encoded)
        if signer != name or raw[:4] != key_id:
            continue
        if kind == 1:
            return _good(public, raw[4:], proof["signed"])
        timestamp, signature = int.from_bytes(raw[4:12], "big"), raw[12:]
        if kind == 4:  # noqa: PLR2004
            return _good(public, signature, f"cosignature/v1\ntime {timestamp}\n".encode() + proof["signed"])
        return kind == 6 and _good_ml_dsa(public, signature, _subtree(name, timestamp, proof))  # noqa: PLR2004
    return False


def _subtree(name: str, timestamp: int, proof: dict[str, Any]) -> bytes:
    named, origin = name.encode(), str(proof["origin"]).encode()
    numbers = (0).to_bytes(8, "big") + int(proof["size"]).to_bytes(8, "big")
    start = b"subtree/v1\n\0" + bytes([len(named)]) + named + timestamp.to_bytes(8, "big")
    return start + bytes([len(origin)]) + origin + numbers + bytes(proof["root"])


def _good_ml_dsa(public: bytes, signature: bytes, content: bytes) -> bool:
    try:
        MLDSA44PublicKey.from_public_bytes(public).verify(signature, content)
    except (InvalidSignature, ValueError):
        return False
    return True


def _note_signed(proof: dict[str, Any], keys: list[tuple[str, int, bytes]]) -> str:
    """Require every listed key of at least one listed name."""
    for name in dict.fromkeys(key[0] for key in keys):
        if all(_line_good(proof, *key) for key in keys if key[0] == name):
            return name
    message = "the checkpoint is not signed by every trusted key of a signer"
    raise Failed(message)


def _leaf_speaks(proof: dict[str, Any], body: bytes) -> str:
    leaf = json.loads(proof["leaf"])
    if leaf["action"] != "release":
        message = "the log's leaf is not of a release"
        raise Failed(message)
    details = leaf["details"]
    if details.get("statement") != hashlib.sha256(body).hexdigest():
        message = "the log's leaf speaks of another statement"
        raise Failed(message)
    return f"leaf {proof['index']} of {proof['size']}"


def _in_tree(proof: dict[str, Any]) -> str:
    if _root(proof["leaf"], proof["index"], proof["size"], proof["path"]) != proof["root"]:
        message = "the leaf is not in the tree of the checkpoint"
        raise Failed(message)
    return "included"


def _same_manifest(folder: Path, statement: dict[str, Any]) -> str:
    stated = {subject["name"]: subject["digest"]["sha256"] for subject in statement["subject"]}
    found = hashlib.sha256((folder / MANIFEST).read_bytes()).hexdigest()
    if stated.get(MANIFEST) != found:
        message = "the statement speaks of another manifest"
        raise Failed(message)
    return found


def _rows_agree(folder: Path) -> str:
    described = json.loads((folder / "datapackage.json").read_text("utf-8"))
    for resource in described["resources"]:
        if resource["format"] == "csv":
            with (folder / resource["path"]).open(encoding="utf-8", newline="") as stream:
                n_rows = sum(1 for _ in csv.reader(stream)) - 1
            if n_rows != resource["n_rows"]:
                message = f"{resource['path']} has {n_rows} rows, the dictionary says {resource['n_rows']}"
                raise Failed(message)
    return "row counts agree"


def verify_folder(folder: Path, policy: str, on: date) -> dict[str, Any]:
    """Run every check on an opened package; a check that rests on one that failed is ``not possible``."""
    trust = _trust(policy)
    checks: list[dict[str, Any]] = []
    held: dict[str, Any] = {}

    def run(name: str, action: Any) -> Any:  # noqa: ANN401
        try:
            found = action()
            checks.append(
                {
                    "number": len(checks) + 1,
                    "name": name,
                    "result": "passed",
                    "reason": found if isinstance(found, str) else "",
                }
            )
        except Failed as fault:
            found = None
            checks.append({"number": len(checks) + 1, "name": name, "result": "failed", "reason": str(fault)})
        except (OSError, ValueError, KeyError, TypeError):
            found = None
            checks.append(
                {
                    "number": len(checks) + 1,
                    "name": name,
                    "result": "not possible",
                    "reason": "what it rests on is missing",
                }
            )
        return found

    run("the manifest lists every file and no other", lambda: _files_listed(folder))
    run("every file has its digest", lambda: _files_whole(folder))
    held["statement"] = run("the statement is signed by a trusted release key", lambda: _statement(folder, trust))
    run("the statement speaks of this manifest", lambda: _same_manifest(folder, held["statement"][0]))
    held["proof"] = run("the log proof reads", lambda: _proof(folder))
    run("the log's leaf speaks of this statement", lambda: _leaf_speaks(held["proof"], held["statement"][1]))
    run("the leaf is in the tree", lambda: _in_tree(held["proof"]))
    run("the checkpoint is signed by the log", lambda: _note_signed(held["proof"], trust["log"]))
    run("the checkpoint is signed by a witness", lambda: _note_signed(held["proof"], trust["witness"]))
    run("row counts agree with the dictionary", lambda: _rows_agree(folder))
    until = held["statement"][0]["predicate"]["agreement_to"] if held["statement"] else "0001-01-01"
    return {
        "ok": all(check["result"] == "passed" for check in checks),
        "in_force": on <= date.fromisoformat(until),
        "checks": checks,
    }


def main(arguments: list[str]) -> int:
    """Verify the folder named on the command line and print the checks; a package is no witness to its own trust."""
    options = dict(zip(arguments[1::2], arguments[2::2], strict=False))
    if not arguments or "--trust" not in options:
        sys.stdout.write("usage: python verify.py FOLDER --trust POLICY [--on YYYY-MM-DD]\n")
        sys.stdout.write("Get the trust policy by another road than this package: the one inside proves nothing.\n")
        return 2
    on = date.fromisoformat(options["--on"]) if "--on" in options else datetime.now(UTC).date()
    report = verify_folder(Path(arguments[0]), Path(options["--trust"]).read_text("utf-8"), on)
    for check in report["checks"]:
        sys.stdout.write(f"{check['number']:>2} {check['result']:<12} {check['name']}: {check['reason']}\n")
    sys.stdout.write("ok\n" if report["ok"] else "NOT OK\n")
    sys.stdout.write(f"agreement in force on {on}: {'yes' if report['in_force'] else 'no'}\n")
    return 0 if report["ok"] else 6


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
