"""RIGHT as a file or as a kept index, and the commands that make a kept index and its next version."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from cld.engine import Session
from linkage.files.request import Request
from linkage.prepare.fields import Side, find_sides, read_map
from linkage.prepare.index import (
    Prepared,
    fingerprint,
    headers_of,
    keep_index,
    open_index,
    prepare,
    read_manifest,
    update_index,
)
from linkage.prepare.standard import fold
from linkage.settle.matching import Stage

__all__ = ["build_index", "map_alone", "map_for", "prepared_right", "right_headers", "update_index_file"]

INDEX_SUFFIX = ".duckdb"


def prepared_right(session: Session, path: Path, side: Side, asked: Request, stage: Stage) -> Prepared:
    """Open the kept index, or make RIGHT's tables; an index that is asked for and not there is made first."""
    stage("index")
    if path.suffix == INDEX_SUFFIX:
        return open_index(session, path, None, asked.hashed)
    if asked.index is None:
        return prepare(session, fold(session, "right_file", side, "right_folded"), side.further)
    mark = fingerprint(path, side)
    if not asked.index.exists():
        made = prepare(session, fold(session, "right_file", side, "right_folded"), side.further, to_keep=True)
        keep_index(session, made, asked.index, mark, asked.hashed)
    return open_index(session, asked.index, mark, asked.hashed)


def map_for(right: Path, asked: Request) -> Mapping[str, Mapping[str, object]]:
    """Read the map; a kept index was read by its own map when it was made, so only LEFT's part is heeded."""
    given = read_map(asked.column_map)
    if right.suffix != INDEX_SUFFIX:
        return given
    left = {**given.get("both", {}), **given.get("left", {})}
    further = {
        name: {**dict(body), "right": name} for name, body in given.get("further", {}).items() if isinstance(body, dict)
    }
    return {"left": left, "further": further}


def right_headers(session: Session, right: Path) -> tuple[str, ...]:
    """Bring RIGHT in and return its headers; a kept index stands for the file that it was made from."""
    if right.suffix == INDEX_SUFFIX:
        session.open_kept(right, {"kept_manifest": "manifest"})
        headers = headers_of(read_manifest(session))
        session.drop("kept_manifest")
        return headers
    session.scan_file("right_file", right)
    return session.columns("right_file")


def build_index(session: Session, right: Path, asked: Request) -> int:
    """Write a file's kept index to ``asked.out``; returns its number of people."""
    session.scan_file("right_file", right)
    headers = session.columns("right_file")
    side = find_sides(headers, headers, map_alone(asked))[1]
    made = prepare(session, fold(session, "right_file", side, "right_folded"), side.further, to_keep=True)
    keep_index(session, made, asked.out, fingerprint(right, side), asked.hashed)
    return made.n_people


def update_index_file(session: Session, old: Path, delta: Path, asked: Request) -> int:
    """Write the next version of a kept index to ``asked.out``: people of the delta added, replaced by id, or gone."""
    prepared = open_index(session, old, None, asked.hashed)
    session.scan_file("delta_file", delta)
    headers = session.columns("delta_file")
    side = find_sides(headers, headers, map_alone(asked))[1]
    folded = fold(session, "delta_file", side, "delta_folded")
    made, mark = update_index(session, prepared, folded, fingerprint(delta, side))
    keep_index(session, made, asked.out, mark, asked.hashed)
    return made.n_people


def map_alone(asked: Request) -> Mapping[str, Mapping[str, object]]:
    """Read the map for a file that stands alone: whichever side it names."""
    given = read_map(asked.column_map)
    columns = {role: column for name in ("right", "left", "both") for role, column in given.get(name, {}).items()}
    further = {}
    for name, body in given.get("further", {}).items():
        if isinstance(body, dict):
            column = body.get("left", body.get("right", body.get("both", name)))
            further[name] = {**body, "left": column, "right": column}
    return {"both": columns, "further": further}
