"""The log as its operator keeps it: tiles grown from the journal, heads signed, witnesses asked, proofs made.

1. The tiles must be the start of what the journal holds.  2. New leaves are written as tiles and flushed.  3. The new head
must continue the last one signed.  4. The clock may not stand before the last entry or the last signature.  5. Both keys
of the log sign.  6. Each witness gets the head with a proof from the one it knows.  7. A head is kept and handed out only
with the quorum of the policy. Nothing is ever signed that does not continue what was signed before.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple, Protocol

from audit.note import Checkpoint, CosignerKeys, NoteKey, SignedNote, read_checkpoint, read_note, sign_head, verified_at
from audit.policy import WitnessPolicy
from audit.proof import consistency_text, require_signed, write_proof
from audit.tiles import TILE_WIDTH, TileStore
from audit.tree import leaf_hash
from audit.witness import Answer, WitnessPort, add_checkpoint_request
from cld.clock import Clock
from cld.errors import BadSignature, LogInconsistent, NotWitnessed
from cld.shelf import atomic_write

__all__ = ["Extent", "LeafReader", "LeafRows", "Log", "LogFolder", "moment_of"]

ENTRIES_AT_ONCE = 64 * TILE_WIDTH
MOST_EARLIER = 256
GIVEN = "given"
DISOWNED = "disowned"
OK, CONFLICT, UNPROCESSABLE = 200, 409, 422
MOST_SIZE_DIGITS = 19
STOP = "Stop. Keep every file as it is, and compare the database with the log's folder: caregate log fsck."


class Extent(NamedTuple):
    """Where leaves begin and end, how many there are, and how many were ever kept, which is counted apart from them.

    Untouched leaves begin at 0, and the other three are one number.
    """

    first: int
    end: int
    n_rows: int
    n_counted: int


class LeafReader(Protocol):
    """What reads leaves by range; it can be sent to another process."""

    def rows(self, start: int, stop: int) -> list[tuple[int, bytes]]:
        """Return place and bytes of the leaves of a range, in order; a place that is gone is left out."""
        ...


class LeafRows(LeafReader, Protocol):
    """Where leaves are read from: a database, or the entry bundles of an exported log."""

    def n_leaves(self) -> int:
        """Return one more than the place of the last leaf."""
        ...

    def extent(self) -> Extent:
        """Return where the leaves begin and end, and how many there are and were, as of one moment."""
        ...

    def apart(self) -> LeafReader:
        """Return what another process can read the same leaves with."""
        ...


def moment_of(leaf: bytes) -> int:
    """Return the time that a leaf states, in seconds since 1970."""
    at_utc = datetime.strptime(json.loads(leaf)["at_utc"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    return int(at_utc.timestamp())


@dataclass(frozen=True, slots=True)
class LogFolder:
    """A log's folder as anybody can read it, with the origin it must have and the policy it must meet."""

    tiles: TileStore
    origin: str
    policy: WitnessPolicy

    def last_head(self) -> SignedNote | None:
        """Return the last head that was kept, or None.

        Raises: BadSignature if it is malformed.
        """
        path = self.tiles.folder / "checkpoint"
        return read_note(path.read_text("utf-8")) if path.is_file() else None


@dataclass(frozen=True, slots=True)
class Log:
    """A log's folder with what signs it; its origin is the signer's name."""

    tiles: TileStore
    signer: CosignerKeys
    witnesses: tuple[WitnessPort, ...]
    policy: WitnessPolicy
    clock: Clock

    def require_whole(self, rows: LeafRows) -> None:
        """Hold that the journal goes on where the tiles end; quick, so that it can be asked before every change.

        Raises: LogInconsistent, naming an older backup, a removed leaf or another history.
        """
        size = self.tiles.size
        if rows.n_leaves() < size:
            message = (
                f"The database holds {rows.n_leaves()} leaves and the log has {size}: "
                "it was restored from an older backup, or its last leaves were removed."
            )
            raise LogInconsistent(message, "Restore the newest backup; nothing may be added to this one.")
        start = size - min(size, TILE_WIDTH)
        held = _whole_range(rows, start, size)
        if [leaf_hash(leaf) for leaf in held] != self.tiles.hashes(start, size):
            message = "The database tells another history than the log: its last leaves are not those of the tiles."
            raise LogInconsistent(message, STOP)

    def grow(self, rows: LeafRows) -> int:
        """Write what the journal has and the tiles have not; return the size."""
        with self.tiles.locked():
            self.require_whole(rows)
            size, n_leaves = self.tiles.size, rows.n_leaves()
            while size < n_leaves:
                held = _whole_range(rows, size, min(n_leaves, size + ENTRIES_AT_ONCE))
                self.tiles.append(held, size)
                size += len(held)
        return size

    @property
    def folder(self) -> LogFolder:
        """The log as anybody can read it."""
        return LogFolder(self.tiles, self.signer.name, self.policy)

    def head(self, rows: LeafRows) -> SignedNote:
        """Return a head over everything the journal holds, signed and witnessed.

        Raises: LogInconsistent, NotWitnessed.
        """
        size = self.grow(rows)
        with self.tiles.locked():
            size = max(size, self.tiles.size)
            checkpoint = Checkpoint(self.signer.name, size, self.tiles.root(size))
            last = self._last_signed(checkpoint)
            if last is not None and read_checkpoint(last.text) == checkpoint:
                return last
            now = self._require_forward(last, rows, size)
            note = self._witnessed(sign_head(checkpoint, self.signer, now), checkpoint, last)
            atomic_write(self.tiles.folder / "checkpoints" / str(size), note.encode())
            atomic_write(self.tiles.folder / "checkpoint", note.encode())
        return read_note(note)

    def prove(self, rows: LeafRows, index: int) -> tuple[str, str]:
        """Return the proof that a leaf is in the log under a head of now, and the proofs from heads handed out before.

        Raises: LogInconsistent if the journal's leaf is not the one in the tiles.
        """
        note = self.head(rows)
        size = read_checkpoint(note.text).size
        (leaf,) = _whole_range(rows, index, index + 1)
        if self.tiles.hashes(index, index + 1) != [leaf_hash(leaf)]:
            message = f"Leaf {index} of the database is not the one in the log."
            raise LogInconsistent(message, STOP)
        continuing = self._continuing(size)
        atomic_write(self.tiles.folder / GIVEN / str(size), note.content.encode())
        return write_proof(leaf, index, self.tiles.inclusion(index, size), note.content), continuing

    def consistency(self, older: int, size: int) -> tuple[bytes, ...]:
        """Return the proof that the log of ``size`` continues that of ``older`` entries."""
        return self.tiles.consistency(older, size)

    def _continuing(self, size: int) -> str:
        """Return proofs from the last heads that were handed out before ``size``: their holders have seen one of them."""
        folder = self.tiles.folder / GIVEN
        sizes = sorted(int(path.name) for path in folder.iterdir() if path.name.isdigit()) if folder.is_dir() else []
        earlier = [older for older in sizes if 0 < older < size][-MOST_EARLIER:]
        return consistency_text({older: self.tiles.consistency(older, size) for older in earlier})

    def _last_signed(self, checkpoint: Checkpoint) -> SignedNote | None:
        """Return the last head, holding that the new one continues it."""
        last = self.folder.last_head()
        if last is None:
            return None
        seen = require_signed(last, self.policy, self.signer.name)
        if seen.size > checkpoint.size or self.tiles.root(seen.size) != seen.root:
            message = "The log does not continue the head that it signed last."
            raise LogInconsistent(message, STOP)
        return last

    def _require_forward(self, last: SignedNote | None, rows: LeafRows, size: int) -> int:
        """Return the present moment, holding that it is not before the last entry or signature."""
        now = int(self.clock.now_utc().timestamp())
        before = [moment_of(leaf) for _, leaf in rows.rows(size - 1, size)]
        if last is not None:
            before += verified_at(last, self.policy.log_keys(self.signer.name)).values()
        if now < max(before, default=0):
            message = "The clock stands before the last entry or signature of the log: it was set back."
            raise LogInconsistent(message, "Set the machine's clock right; nothing is signed until then.")
        return now

    def _witnessed(self, note: str, checkpoint: Checkpoint, last: SignedNote | None) -> str:
        """Ask every witness and add what verifies, holding the quorum at the end."""
        for witness in self.witnesses:
            note += self._ask(witness, note, checkpoint, last)
        signed = verified_at(read_note(note), self.policy.witness_keys())
        if not self.policy.is_met(signed, checkpoint.size):
            message = "Too few witnesses signed the head of the log."
            raise NotWitnessed(message, "See that the witnesses of the policy can be reached, and try again.")
        return note

    def _ask(self, witness: WitnessPort, note: str, checkpoint: Checkpoint, last: SignedNote | None) -> str:
        keys = [key for key in self.policy.witness_keys() if key.name == witness.name]
        knows = last is not None and bool(verified_at(last, keys))
        old = read_checkpoint(last.text).size if last is not None and knows else 0
        answer = self._send(witness, old, note, checkpoint)
        if answer.status == CONFLICT:
            answer = self._send(witness, self._size_told(witness, answer, checkpoint), note, checkpoint)
        if answer.status == UNPROCESSABLE:
            message = (
                f"The witness {witness.name} finds that the log does not continue what it saw: history was rewritten."
            )
            raise LogInconsistent(message, STOP)
        return _verified_lines(answer, note, keys) if answer.status == OK and checkpoint.size else ""

    def _send(self, witness: WitnessPort, old: int, note: str, checkpoint: Checkpoint) -> Answer:
        proof = self.tiles.consistency(old, checkpoint.size) if old else ()
        return witness.add_checkpoint(add_checkpoint_request(old, proof, note))

    def _size_told(self, witness: WitnessPort, answer: Answer, checkpoint: Checkpoint) -> int:
        text = answer.body.strip()
        told = int(text) if text.isascii() and text.isdigit() and len(text) <= MOST_SIZE_DIGITS else -1
        if told > checkpoint.size:
            message = f"The witness {witness.name} saw a longer log, of {told} entries: this one was restored from an older backup."
            raise LogInconsistent(message, "Restore the newest backup; nothing may be added to this one.")
        return max(told, 0)


def _whole_range(rows: LeafRows, start: int, stop: int) -> list[bytes]:
    found = rows.rows(start, stop)
    if [place for place, _ in found] != list(range(start, stop)):
        message = "A leaf was removed from the database."
        raise LogInconsistent(message, STOP)
    return [leaf for _, leaf in found]


def _verified_lines(answer: Answer, note: str, keys: Sequence[NoteKey]) -> str:
    """Return the lines of an answer that are good signatures of the witness's keys; a bad one spoils the answer."""
    text = read_note(note).text
    try:
        added = read_note(f"{text}\n{answer.body}")
        good = verified_at(added, keys)
    except BadSignature:
        return ""
    ids = {(key.name, key.key_id) for key in good}
    lines = answer.body.splitlines(keepends=True)
    return "".join(line for line, (name, raw) in zip(lines, added.signatures, strict=True) if (name, raw[:4]) in ids)
