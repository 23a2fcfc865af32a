"""A witness: it keeps the last checkpoint it cosigned for each log and cosigns only what continues it.

A log's operator can rewrite the log and sign the new one; what stops that is a head kept by somebody else. Whoever runs
this program (a recipient, a department, a representative of the councils) needs its own keys and one folder.

Source: C2SP tlog-witness, add-checkpoint and monitor retrieval.
"""

from __future__ import annotations

import base64
import fcntl
import hashlib
import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from audit.note import (
    Checkpoint,
    CosignerKeys,
    NoteKey,
    SignedNote,
    canonical_base64,
    cosign,
    read_checkpoint,
    read_note,
    verified_at,
)
from audit.tree import EMPTY_ROOT, HASH_BYTES, verify_consistency
from cld.clock import Clock
from cld.errors import BadSignature, LogInconsistent
from cld.shelf import atomic_write

__all__ = ["Answer", "Witness", "WitnessPort", "add_checkpoint_request", "read_request"]

MOST_STEPS = 63
OLD = re.compile(r"old (0|[1-9][0-9]{0,18})")
PLAIN = "text/plain; charset=utf-8"
SIZE_TYPE = "text/x.tlog.size"
OK, BAD, FORBIDDEN, UNKNOWN, CONFLICT, UNPROCESSABLE, UNAVAILABLE = 200, 400, 403, 404, 409, 422, 503


@dataclass(frozen=True, slots=True)
class Answer:
    """What a witness answers: a status of HTTP, a text and its type."""

    status: int
    body: str
    content_type: str = PLAIN


class WitnessPort(Protocol):
    """A way to a witness: in this process, over HTTP, or by files carried by hand."""

    @property
    def name(self) -> str:
        """The name it is known by."""
        ...

    def add_checkpoint(self, request: bytes) -> Answer:
        """Hand over a checkpoint with its proof and return the answer."""
        ...


def add_checkpoint_request(old: int, proof: Sequence[bytes], note: str) -> bytes:
    """Write what a log sends: the size the witness knows, the proof from there, the signed checkpoint."""
    steps = "".join(base64.b64encode(step).decode() + "\n" for step in proof)
    return f"old {old}\n{steps}\n{note}".encode()


def read_request(request: bytes) -> tuple[int, tuple[bytes, ...], SignedNote]:
    """Read what a log sends.

    Raises: BadSignature if it is malformed.
    """
    try:
        head, found, rest = request.decode().partition("\n\n")
    except UnicodeDecodeError as fault:
        raise _malformed() from fault
    lines = head.split("\n")
    old = OLD.fullmatch(lines[0])
    if not found or old is None or len(lines) > MOST_STEPS + 1:
        raise _malformed()
    steps = tuple(canonical_base64(line) for line in lines[1:])
    if any(len(step) != HASH_BYTES for step in steps):
        raise _malformed()
    return int(old[1]), steps, read_note(rest)


def _malformed() -> BadSignature:
    return BadSignature("A request to a witness is malformed.")


class Witness:
    """One witness over its own folder; safe to ask from several threads and processes."""

    def __init__(self, keys: CosignerKeys, folder: Path, logs: Mapping[str, tuple[NoteKey, ...]], clock: Clock) -> None:
        """Watch these logs: origin to the keys that may sign for it."""
        self._keys, self._folder, self._logs, self._clock = keys, folder, logs, clock
        self._lock = threading.Lock()

    @property
    def name(self) -> str:
        """The name in its keys."""
        return self._keys.name

    def add_checkpoint(self, request: bytes) -> Answer:
        """Cosign a checkpoint that continues the last one, keeping it before answering.

        Source: C2SP tlog-witness, add-checkpoint, in the order of its paragraphs.
        """
        try:
            old, proof, note = read_request(request)
            checkpoint = read_checkpoint(note.text)
        except BadSignature:
            return Answer(BAD, "malformed request\n")
        keys = self._logs.get(checkpoint.origin)
        if keys is None:
            return Answer(UNKNOWN, "unknown log\n")
        try:
            signed = verified_at(note, keys)
        except BadSignature:
            signed = {}
        if not signed:
            return Answer(FORBIDDEN, "no good signature of the log\n")
        if old > checkpoint.size:
            return Answer(BAD, "the old size is above the new\n")
        with self._alone():
            return self._judge(old, proof, note, checkpoint, set(signed))

    def latest(self, origin_hash: str) -> str | None:
        """Return the last checkpoint cosigned for the log whose origin has this SHA-256, or None."""
        known = {hashlib.sha256(origin.encode()).hexdigest() for origin in self._logs}
        path = self._folder / origin_hash / "checkpoint"
        return path.read_text("utf-8") if origin_hash in known and path.is_file() else None

    def _judge(
        self, old: int, proof: tuple[bytes, ...], note: SignedNote, checkpoint: Checkpoint, signed: set[NoteKey]
    ) -> Answer:
        held_text = self.latest(hashlib.sha256(checkpoint.origin.encode()).hexdigest())
        held = read_note(held_text) if held_text is not None else None
        last = read_checkpoint(held.text) if held is not None else Checkpoint(checkpoint.origin, 0, EMPTY_ROOT)
        if old != last.size:
            return Answer(CONFLICT, f"{last.size}\n", SIZE_TYPE)
        if not _continues(last, checkpoint, proof):
            return Answer(UNPROCESSABLE, "the checkpoint does not continue the last one\n")
        now = int(self._clock.now_utc().timestamp())
        if held is not None and now < max(verified_at(held, self._keys.witness_keys()).values(), default=0):
            return Answer(UNAVAILABLE, "this witness's clock stands before its last signature\n")
        lines = cosign(checkpoint, note.text, self._keys, now)
        self._keep(note, checkpoint.origin, signed, lines)
        return Answer(OK, lines)

    def _keep(self, note: SignedNote, origin: str, signed: set[NoteKey], lines: str) -> None:
        """Keep text, the log's signatures that were verified, and what is answered now."""
        ids = {(key.name, key.key_id) for key in signed}
        block = note.content[len(note.text) + 1 :].splitlines(keepends=True)
        by_log = "".join(
            line for line, (name, raw) in zip(block, note.signatures, strict=True) if (name, raw[:4]) in ids
        )
        place = self._folder / hashlib.sha256(origin.encode()).hexdigest() / "checkpoint"
        atomic_write(place, f"{note.text}\n{by_log}{lines}".encode())

    @contextmanager
    def _alone(self) -> Iterator[None]:
        self._folder.mkdir(parents=True, exist_ok=True)
        with self._lock, (self._folder / ".lock").open("w") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX)
            yield


def _continues(last: Checkpoint, checkpoint: Checkpoint, proof: tuple[bytes, ...]) -> bool:
    if checkpoint.size == 0 and checkpoint.root != EMPTY_ROOT:
        return False
    if last.size == 0:
        return not proof
    try:
        verify_consistency(last.size, last.root, checkpoint.size, checkpoint.root, proof)
    except LogInconsistent:
        return False
    return True
