"""Keeping answers: a record that was resolved keeps its answer, and only what is new or whose candidates changed is weighed.

An answer is kept under the digest of what the record says, with the digest of the model and the mark of the index that
gave it. With another index, the people of it that were added, changed or removed are found by comparing the two kept
indexes, and only records that share a blocking key with one of them are weighed again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from cld.engine import Query, Session, text_literal
from cld.errors import InputError
from linkage.prepare.blocking import key_columns
from linkage.prepare.index import Prepared
from linkage.prepare.standard import Folded, with_parts
from linkage.weigh.model import Model

__all__ = ["ANSWER_COLUMNS", "Kept", "merge_answers", "model_mark", "plan_all", "plan_reuse"]

ANSWER_COLUMNS = ("digest", "id_l", "id_r", "weight_bits", "step", "model", "index_mark", "reason")
NEW, ADDED, CHANGED, GONE, MODEL = (
    "new record",
    "candidate added",
    "candidate changed",
    "candidate gone",
    "model changed",
)


@dataclass(frozen=True, slots=True)
class Kept:
    """What a run reuses: the view of LEFT that is still to be weighed, and why, by number of records."""

    to_weigh: Folded
    n_reused: int
    reasons: Mapping[str, int]


def model_mark(model: Model) -> str:
    """Return the digest of a model as its file holds it."""
    return sha256(json.dumps(model.as_json(), sort_keys=True).encode()).hexdigest()


def _digest_sql(fields: Sequence[str]) -> str:
    values = ", ".join(f"coalesce(cast({name} as varchar), '')" for name in fields)
    return f"sha256(concat_ws(chr(31), {values}))"


def plan_reuse(
    session: Session,
    left: Folded,
    fields: Sequence[str],
    right: Prepared,
    answers: str,
    *,
    model: str,
    index_mark: str,
    previous: Path | None,
) -> Kept:
    """Make ``left_digests`` (rid, id, digest), ``kept_answers`` and ``to_weigh`` (rid, reason), and the view to weigh.

    ``fields`` are those that both sides share; ``answers`` x ANSWER_COLUMNS is what earlier runs found, ``right_source``
    the index in force, ``previous`` the kept index that gave the answers, needed where it is another one.
    Raises: InputError if the answers are not a file of answers, or were given by an index that is not at hand.
    """
    text = f"select rid, id, {_digest_sql(fields)} as digest from {left.name} order by rid"  # noqa: S608
    session.table("left_digests", Query(text, (left.name,)))
    _take_answers(session, answers)
    text = f"""
        select d.rid, case when a.digest is null then '{NEW}' when a.model <> {text_literal(model)} then '{MODEL}' end as reason
        from left_digests d left join (select digest, min(model) as model from kept_answers group by digest) a using (digest)
    """  # noqa: S608
    session.table("planned", Query(text, ("left_digests", "kept_answers")))
    marks = {
        str(row[0]) for row in session.rows(Query("select distinct index_mark from kept_answers", ("kept_answers",)))
    }
    if marks - {index_mark}:
        _plan_changed(session, left, fields, right, previous)
    session.table(
        "to_weigh",
        Query(
            "select rid, min(reason) as reason from planned where reason is not null group by rid order by rid",
            ("planned",),
        ),
    )
    view = f"select * from {left.name} where rid in (select rid from to_weigh)"  # noqa: S608
    session.view("left_to_weigh", Query(view, (left.name, "to_weigh")))
    counts = session.rows(Query("select reason, count(*) from to_weigh group by reason order by reason", ("to_weigh",)))
    reasons = {str(reason): int(n) for reason, n in counts}
    n_left = session.whole(Query("select count(*) from left_digests", ("left_digests",)))
    return Kept(Folded("left_to_weigh", "left_to_weigh", left.fields), n_left - sum(reasons.values()), reasons)


def plan_all(session: Session, left: Folded, fields: Sequence[str]) -> Kept:
    """Make the tables of plan_reuse for a first run: every record is new."""
    text = f"select rid, id, {_digest_sql(fields)} as digest from {left.name} order by rid"  # noqa: S608
    session.table("left_digests", Query(text, (left.name,)))
    empty = "select '' as digest, '' as id_r, 0.0::double as weight_bits, '' as step where false"
    session.table("kept_answers", Query(empty))
    session.table("to_weigh", Query(f"select rid, '{NEW}' as reason from left_digests order by rid", ("left_digests",)))  # noqa: S608
    n_left = session.whole(Query("select count(*) from left_digests", ("left_digests",)))
    return Kept(left, 0, {NEW: n_left})


def _take_answers(session: Session, answers: str) -> None:
    if not set(ANSWER_COLUMNS) <= set(session.columns(answers)):
        message = "The file of answers is not one that Caregate wrote."
        raise InputError(message, "Give another name, to have it written anew.")
    text = f"select distinct on (digest) * from {answers} order by digest, id_l"  # noqa: S608
    session.table("kept_answers", Query(text, (answers,)))


def _plan_changed(
    session: Session, left: Folded, fields: Sequence[str], right: Prepared, previous: Path | None
) -> None:
    """Add to ``planned`` the records that share a key with a person that the new index adds, changes or no longer has."""
    if previous is None:
        message = "The answers were given by another index."
        raise InputError(message, "Name it with --previous-index, or give another file for the answers.")
    session.open_kept(previous, {"previous_source": "people"}, place="previous_file")
    keys = [rule.key for rule in right.rules if rule.key in session.columns("previous_source")]
    shown = ", ".join(keys)
    for name, source in (("new_rows", "right_source"), ("old_rows", "previous_source")):
        text = f"select id, {_digest_sql(fields)} as digest, {shown} from {source}"  # noqa: S608
        session.view(name, Query(text, (source,)))
    text = f"""
        select n.id, case when o.id is null then '{ADDED}' else '{CHANGED}' end as reason, {", ".join(f"n.{key}" for key in keys)}
        from new_rows n left join old_rows o on o.id = n.id where o.id is null or o.digest <> n.digest
        union all
        select o.id, case when n.id is null then '{GONE}' else '{CHANGED}' end, {", ".join(f"o.{key}" for key in keys)}
        from old_rows o left join new_rows n on n.id = o.id where n.id is null or o.digest <> n.digest
    """  # noqa: S608
    session.table("changed_people", Query(text, ("new_rows", "old_rows")))
    kept = tuple(rule for rule in right.rules if rule.key in keys)
    source = with_parts(left.name, left.fields)
    text = f"select rid, {key_columns(kept, 'left', right.hashed)} from {source}"  # noqa: S608
    session.table("planned_keys", Query(text, (left.name,), right.hashed.parameters))
    reached = " union ".join(
        f"select k.rid, c.reason from planned_keys k join changed_people c on c.{key} = k.{key}" for key in keys
    )  # noqa: S608
    linked = """
        select d.rid, c.reason from left_digests d join kept_answers a using (digest) join changed_people c on c.id = a.id_r
    """
    both = f"select * from planned union all ({reached}) union all ({linked})"  # noqa: S608
    inputs = ("planned", "planned_keys", "changed_people", "left_digests", "kept_answers")
    session.table("planned_all", Query(both, inputs))
    session.table("planned", Query("select * from planned_all", ("planned_all",)))


def merge_answers(session: Session, links: str, answers: Path, *, model: str, index_mark: str) -> int:
    """Put fresh links and kept answers together as ``links`` and write all answers; returns how many answers changed.

    Shape:  in ``links`` x (id_l, id_r, weight_bits, probability, step) of the records weighed in this run.
    """
    text = f"""
        select d.digest, d.id as id_l, case when w.rid is null then a.id_r else k.id_r end as id_r,
            case when w.rid is null then a.weight_bits else k.weight_bits end as weight_bits,
            case when w.rid is null then a.step else coalesce(k.step, 'unlinked') end as step,
            {text_literal(model)} as model, {text_literal(index_mark)} as index_mark, coalesce(w.reason, 'kept') as reason,
            a.digest is not null and w.rid is not null and a.id_r is distinct from k.id_r as is_changed
        from left_digests d left join to_weigh w on w.rid = d.rid left join kept_answers a on a.digest = d.digest
        left join {links} k on k.id_l = d.id
        order by d.id
    """  # noqa: S608
    session.table("answers", Query(text, ("left_digests", "to_weigh", "kept_answers", links)))
    session.export(Query(f"select {', '.join(ANSWER_COLUMNS)} from answers order by id_l", ("answers",)), answers)  # noqa: S608
    merged = """
        select id_l, id_r, weight_bits, round(1 / (1 + pow(2, -weight_bits)), 9) as probability, step
        from answers where id_r is not null order by id_l, id_r
    """
    session.table("merged_links", Query(merged, ("answers",)))
    session.table(links, Query("select * from merged_links order by id_l, id_r", ("merged_links",)))
    return session.whole(Query("select count(*) from answers where is_changed", ("answers",)))
