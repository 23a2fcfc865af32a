"""The prepared index: RIGHT in standard form with its blocking keys, exact shares of values and a sample to learn from.

Made once for each version of a file and kept as one DuckDB file with a manifest; without a kept file the same tables
are made in the session, or read through in passes where the file is large.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cld.engine import Query, Session, text_literal
from cld.errors import Conflict
from linkage.blocking import Rule, key_columns, rules_for
from linkage.comparisons import Comparison, comparisons_for
from linkage.fields import Further, Side
from linkage.frequencies import counted, make_frequencies, make_sample
from linkage.standard import Folded

__all__ = ["EARLIER", "Prepared", "fingerprint", "index_mark", "keep_index", "open_index", "prepare", "read_manifest"]

EARLIER = ("other_family", "other_postcode")
MOST_IN_MEMORY = 3_000_000
VERSION = "1"
BYTES_LOOKED_AT = 1 << 20


@dataclass(frozen=True, slots=True)
class Prepared:
    """RIGHT as the tables ``right_source`` (rid, id, fields, keys), ``share_FIELD`` and ``right_sample``."""

    fields: tuple[str, ...]
    n_people: int
    rules: tuple[Rule, ...]
    further: tuple[Further, ...]

    @property
    def earlier(self) -> tuple[str, ...]:
        """The fields that hold earlier values."""
        return tuple(name for name in EARLIER if name in self.fields)

    def comparisons(self, shared: Sequence[str]) -> tuple[Comparison, ...]:
        """Return the comparisons of the fields that LEFT shares."""
        return comparisons_for(shared, self.earlier, self.further)


def fingerprint(path: Path, side: Side) -> str:
    """Return a digest that changes when a file or the reading of its columns does: size, first and last MiB, columns.

    A Parquet file's last bytes hold the statistics of every row group, so a changed row shows there.
    """
    size = path.stat().st_size
    digest = hashlib.sha256(f"{VERSION}|{size}|".encode())
    with path.open("rb") as stream:
        digest.update(stream.read(BYTES_LOOKED_AT))
        stream.seek(max(size - BYTES_LOOKED_AT, 0))
        digest.update(stream.read(BYTES_LOOKED_AT))
    digest.update(json.dumps([dict(side.columns), [(one.name, one.kind) for one in side.further]]).encode())
    return digest.hexdigest()


def prepare(session: Session, right: Folded, further: Sequence[Further], *, to_keep: bool = False) -> Prepared:
    """Make RIGHT's tables in the session; a large file stays a view that later passes read through.

    Memory: at most three million people are held in the session; ``to_keep`` leaves them in the view to be written.
    """
    earlier = tuple(name for name in EARLIER if name in right.fields)
    rules = tuple(rule for rule in rules_for(right.fields, earlier, further) if rule.tight)
    keys = f", {key_columns(rules, 'right')}" if rules else ""
    n_people = session.whole(Query(f"select count(*) from {right.raw}", (right.raw,)))  # noqa: S608
    columns = ", ".join(["rid", "id", *right.fields])
    source = Query(f"select {columns} {keys} from {right.name}", (right.name,))  # noqa: S608
    if to_keep or n_people > MOST_IN_MEMORY:
        session.view("right_source", source)
    else:
        session.table("right_source", source)
    prepared = Prepared(right.fields, n_people, rules, tuple(one for one in further if one.name in right.fields))
    comparisons = prepared.comparisons(right.fields)
    make_frequencies(session, right.name, "right_source", comparisons)
    make_sample(session, "right_source", right.fields, n_people)
    return prepared


def keep_index(session: Session, prepared: Prepared, path: Path, mark: str) -> None:
    """Write what ``prepare`` made to a file, with a manifest; it appears under its name when complete."""
    shares = [f"share_{one.name}" for one in counted(prepared.comparisons(prepared.fields))]
    manifest = {
        "version": VERSION,
        "fingerprint": mark,
        "n_people": prepared.n_people,
        "fields": list(prepared.fields),
        "further": [[one.name, one.kind.value] for one in prepared.further],
        "keys": [rule.name for rule in prepared.rules],
    }
    session.table("manifest", Query(f"select {text_literal(json.dumps(manifest, sort_keys=True))} as manifest"))  # noqa: S608
    session.keep(
        path, {"people": "right_source", "sample": "right_sample", "manifest": "manifest", **{s: s for s in shares}}
    )
    for name in ("right_source", "right_sample", "manifest", *shares):
        session.drop(name)


def read_manifest(session: Session) -> dict[str, object]:
    """Return the manifest of the index that is open."""
    found = json.loads(str(session.rows(Query("select manifest from kept_manifest", ("kept_manifest",)))[0][0]))
    return dict(found)


def index_mark(session: Session) -> str:
    """Return the mark of the kept index that is open: what file it was made from, read in which way."""
    return str(read_manifest(session)["fingerprint"])


def open_index(session: Session, path: Path, further: Sequence[Further], fields: Sequence[str], mark: str) -> Prepared:
    """Open a kept index as the tables that ``prepare`` makes.

    Raises: Conflict if it was made from another file, other columns or by another version; UnreadableFile if it is none.
    """
    session.open_kept(path, {"kept_manifest": "manifest"})
    manifest = read_manifest(session)
    if manifest.get("version") != VERSION or manifest.get("fingerprint") != mark:
        message = f"The index {path.name} was made from another file, or with other columns."
        raise Conflict(message, "Give another name for the index, or delete it to have it made again.")
    earlier = tuple(name for name in EARLIER if name in fields)
    rules = tuple(rule for rule in rules_for(fields, earlier, further) if rule.tight)
    prepared = Prepared(tuple(fields), int(str(manifest["n_people"])), rules, tuple(further))
    shares = [f"share_{one.name}" for one in counted(prepared.comparisons(fields))]
    session.open_kept(path, {"right_source": "people", "right_sample": "sample", **{s: s for s in shares}})
    return prepared
