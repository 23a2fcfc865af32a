"""The prepared index: RIGHT in standard form with its blocking keys, exact shares of values and a sample to learn from.

Made once for each version of a file and kept as one DuckDB file with a manifest. A file that is not kept is read through
in passes instead, so that no linkage holds more of it than it reaches.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cld.engine import Query, Session, text_literal
from cld.errors import Conflict, KeyUnavailable
from linkage.prepare.blocking import Rule, key_columns, rules_for
from linkage.prepare.comparisons import Comparison, comparisons_for
from linkage.prepare.fields import Further, Kind, Side
from linkage.prepare.frequencies import counted, make_frequencies, make_sample
from linkage.prepare.keyhash import PLAIN, KeyHash
from linkage.prepare.standard import Folded, with_parts

__all__ = [
    "EARLIER",
    "Prepared",
    "fingerprint",
    "headers_of",
    "index_mark",
    "keep_index",
    "open_index",
    "prepare",
    "read_manifest",
    "update_index",
]

EARLIER = ("other_family", "other_postcode")
ROLE_OF = {
    "number": "nhs_number", "given": "given_name", "family": "family_name", "other_family": "previous_family_name",
    "birth": "date_of_birth", "sex": "sex", "postcode": "postcode", "other_postcode": "previous_postcode",
}  # fmt: skip
VERSION = "1"


@dataclass(frozen=True, slots=True)
class Prepared:
    """RIGHT as the tables ``right_source`` (rid, id, fields, keys), ``share_FIELD`` and ``right_sample``.

    ``folded`` is there for a file that is read anew: right_source is then a view over it, which keys and sample are not
    part of; a kept index holds all of them.
    """

    fields: tuple[str, ...]
    n_people: int
    rules: tuple[Rule, ...]
    further: tuple[Further, ...]
    hashed: KeyHash
    folded: Folded | None = None

    @property
    def earlier(self) -> tuple[str, ...]:
        """The fields that hold earlier values."""
        return tuple(name for name in EARLIER if name in self.fields)

    def comparisons(self, shared: Sequence[str]) -> tuple[Comparison, ...]:
        """Return the comparisons of the fields that LEFT shares."""
        return comparisons_for(shared, self.earlier, self.further)


def fingerprint(path: Path, side: Side) -> str:
    """Return a digest of a file's bytes and of how its columns are read."""
    with path.open("rb") as stream:
        content = hashlib.file_digest(stream, "sha256").hexdigest()
    read = [VERSION, content, dict(side.columns), [(one.name, one.kind) for one in side.further]]
    return hashlib.sha256(json.dumps(read, sort_keys=True).encode()).hexdigest()


def prepare(session: Session, right: Folded, further: Sequence[Further], *, to_keep: bool = False) -> Prepared:
    """Prepare a file: its shares of values now, its rows when a linkage knows which of them it reaches.

    ``to_keep`` makes what ``keep_index`` writes: a view of all people, and the sample.
    """
    further = tuple(one for one in further if one.name in right.fields)
    n_people = session.whole(Query(f"select count(*) from {right.raw}", (right.raw,)))  # noqa: S608
    columns = ", ".join(["rid", "id", *right.fields])
    session.view("right_source", Query(f"select {columns} from {right.name}", (right.name,)))  # noqa: S608
    rules = _tight(right.fields, further)
    prepared = Prepared(right.fields, n_people, rules, further, PLAIN, None if to_keep else right)
    make_frequencies(session, right, prepared.comparisons(right.fields))
    if to_keep:
        make_sample(session, "right_source", right.fields, n_people)
    return prepared


def _tight(fields: Sequence[str], further: Sequence[Further]) -> tuple[Rule, ...]:
    earlier = tuple(name for name in EARLIER if name in fields)
    return tuple(rule for rule in rules_for(fields, earlier, further) if rule.tight)


def keep_index(session: Session, prepared: Prepared, path: Path, mark: str, hashed: KeyHash) -> None:
    """Write what ``prepare(to_keep=True)`` made to a file, with its keys and a manifest; then forget the tables.

    Raises: Conflict if a file of that name is there: an index version is written once.
    """
    if path.exists():
        message = f"There is a file {path.name} already."
        raise Conflict(message, "An index version is written once: give another name.")
    shares = [f"share_{one.name}" for one in counted(prepared.comparisons(prepared.fields))]
    manifest = {
        "version": VERSION,
        "fingerprint": mark,
        "n_people": prepared.n_people,
        "fields": list(prepared.fields),
        "further": [[one.name, one.kind.value] for one in prepared.further],
        "keys": [rule.name for rule in prepared.rules],
        "key_check": hashed.check_value,
    }
    keys = f", {key_columns(prepared.rules, 'right', hashed)}" if prepared.rules else ""
    people = f"select * {keys} from {with_parts('right_source', prepared.fields)} order by rid"  # noqa: S608
    queries = {
        "people": Query(people, ("right_source",), hashed.parameters if prepared.rules else {}),
        "sample": Query("select * from right_sample order by rid", ("right_sample",)),
        "manifest": Query(f"select {text_literal(json.dumps(manifest, sort_keys=True))} as manifest"),  # noqa: S608
        **{name: Query(f"select * from {name} order by value", (name,)) for name in shares},  # noqa: S608
    }
    session.keep(path, queries)
    for name in ("right_source", "right_sample", *shares):
        session.drop(name)


def read_manifest(session: Session) -> dict[str, object]:
    """Return the manifest of the index that is open."""
    found = json.loads(str(session.rows(Query("select manifest from kept_manifest", ("kept_manifest",)))[0][0]))
    return dict(found)


def index_mark(session: Session) -> str:
    """Return the mark of the kept index that is open: what file it was made from, read in which way."""
    return str(read_manifest(session)["fingerprint"])


def headers_of(manifest: Mapping[str, object]) -> tuple[str, ...]:
    """Return the headers under which a kept index stands for a file: its roles, and its further columns by name."""
    roles = [ROLE_OF[name] for name in list(manifest["fields"]) if name in ROLE_OF]  # type: ignore[call-overload]
    further = [str(name).removeprefix("x_") for name, _ in list(manifest["further"])]  # type: ignore[call-overload]
    return ("id", *roles, *further)


def open_index(session: Session, path: Path, mark: str | None, hashed: KeyHash) -> Prepared:
    """Open a kept index as the tables that ``prepare`` makes; ``mark`` None takes it for what it says it is.

    Raises: Conflict if it was made from another file, other columns or by another version; KeyUnavailable if it was
    made under another linkage key; UnreadableFile if it is no index.
    """
    session.open_kept(path, {"kept_manifest": "manifest"})
    manifest = read_manifest(session)
    if manifest.get("version") != VERSION or mark is not None and manifest.get("fingerprint") != mark:
        message = f"The index {path.name} was made from another file, with other columns or by another version."
        raise Conflict(message, "Give another name for the index, or delete it to have it made again.")
    if manifest.get("key_check") != hashed.check_value:
        message = f"The index {path.name} was made under another linkage key, or under none."
        raise KeyUnavailable(message, "Give the key with --index-key, or leave it away for an index made without one.")
    fields = tuple(str(name) for name in list(manifest["fields"]))  # type: ignore[call-overload]
    further = tuple(Further(str(name), Kind(kind)) for name, kind in list(manifest["further"]))  # type: ignore[call-overload]
    rules = _tight(fields, further)
    prepared = Prepared(fields, int(str(manifest["n_people"])), rules, further, hashed)
    shares = [f"share_{one.name}" for one in counted(prepared.comparisons(fields))]
    session.open_kept(path, {"right_source": "people", "right_sample": "sample", **{s: s for s in shares}})
    return prepared


def update_index(session: Session, old: Prepared, delta: Folded, mark: str) -> tuple[Prepared, str]:
    """Make the tables of a new version: the people of ``old`` with those of ``delta`` added or, by id, replaced.

    A person of the delta whose every field is empty leaves the index. Shares are counted anew over everybody.
    Returns the prepared version and its mark, which names the old one and the delta.
    """
    fields = ", ".join(old.fields)
    some = " or ".join(f"{name} is not null" for name in old.fields)
    given = ", ".join(f"d.{name}" if name in delta.fields else f"null as {name}" for name in old.fields)
    session.table("delta_people", Query(f"select id, {given} from {delta.name} d", (delta.name,)))  # noqa: S608
    text = f"""
        select row_number() over (order by n_source, rid) - 1 as rid, id, {fields} from (
            select 0 as n_source, rid, id, {fields} from right_source where id not in (select id from delta_people)
            union all select 1, row_number() over (order by id), id, {fields} from delta_people where {some}
        )
    """  # noqa: S608
    session.table("updated", Query(text, ("right_source", "delta_people")))
    n_people = session.whole(Query("select count(*) from updated", ("updated",)))
    prepared = Prepared(old.fields, n_people, old.rules, old.further, old.hashed)
    comparisons = prepared.comparisons(old.fields)
    for name in ("right_source", "right_sample", *(f"share_{one.name}" for one in counted(comparisons))):
        session.drop(name)
    session.view("right_source", Query("select * from updated", ("updated",)))
    make_frequencies(session, Folded("updated", "updated", old.fields), comparisons)
    make_sample(session, "right_source", old.fields, n_people)
    old_mark = index_mark(session)
    return prepared, hashlib.sha256(f"{old_mark}|{mark}".encode()).hexdigest()
