"""Linking and de-duplicating anyone's files: CSV or Parquet in, links or clusters out, no workspace needed."""

from __future__ import annotations

import json
from html import escape
from pathlib import Path

from cld.engine import Query, Session
from cld.errors import InputError
from cld.pictures import page, table
from cld.shelf import atomic_write
from linkage.files.indexes import map_alone, map_for, prepared_right, right_headers
from linkage.files.request import Request
from linkage.prepare.fields import find_sides, read_map
from linkage.prepare.index import Prepared, index_mark
from linkage.prepare.standard import FIELDS, Folded, fold
from linkage.settle.cluster import cluster_pairs
from linkage.settle.decide import DEFAULT_BITS, decide_links, decide_pairs
from linkage.settle.expect import expect_links, expect_pairs
from linkage.settle.incremental import Kept, merge_answers, model_mark, plan_all, plan_reuse
from linkage.settle.matching import AUDITED, Matched, Stage, match_alone, match_two
from linkage.tell.explain import Explanation, explain_record
from linkage.tell.pictures import waterfall
from linkage.tell.queue import draw_queue
from linkage.tell.report import linkage_page
from linkage.weigh.model import Model, read_model

__all__ = [
    "Request",
    "columns_of",
    "dedupe_file",
    "explain_files",
    "link_files",
    "queue_files",
]

FEWEST_FILLED = 50
LEAST_READ = 0.05
LINKS = """
    select l.id as id_l, r.id as id_r, d.weight_bits, round(1 / (1 + pow(2, -d.weight_bits)), 9) as probability,
        coalesce(s.step, 'probabilistic') as step
    from decided d join left_people l on l.rid = d.rid_l join right_people r on r.rid = d.rid_r
    left join settled s on s.rid_l = d.rid_l and s.rid_r = d.rid_r
    where {chosen}
    order by id_l, id_r
"""


def link_files(session: Session, left: Path, right: Path, asked: Request, stage: Stage) -> dict[str, object]:
    """Link LEFT to RIGHT and write the links; returns the summary without times.

    Shape:  out x (id_l, id_r, weight_bits, probability, step), by id_l and id_r; one row a record of LEFT unless many.
    Raises: InputError for files, maps and ids that cannot be used; Conflict for an index made from another file.
    """
    if asked.answers is not None and (asked.index is None or asked.model is None or asked.many):
        message = "Answers are kept with the index and the model that gave them, one a record."
        raise InputError(message, "Give --index and --model with --answers, and not --many.")
    matched = _match(session, left, right, asked, stage)
    stage("decide")
    threshold = DEFAULT_BITS if asked.threshold_bits is None else asked.threshold_bits
    if asked.many:  # each candidate by itself, as if it had no rival
        session.table("decided", Query("select * replace (alone_bits as weight_bits) from decided", ("decided",)))
    chosen = f"d.weight_bits >= {threshold:.6f}" + ("" if asked.many else " and d.place = 1")
    inputs = ("decided", "left_people", "right_people", "settled")
    session.table("links", Query(LINKS.format(chosen=chosen), inputs))
    reused = _merge(session, asked, matched) if asked.answers is not None else {}
    session.export(Query("select * from links order by id_l, id_r", ("links",)), asked.out)
    stage("expect")
    summary = _summary(session, matched, threshold, "links") | {
        "expected": _expected(session, matched, threshold, asked)
    }
    summary |= {"n_contested": _count_contested(session, threshold), **reused}
    _keep_model(asked, matched)
    if asked.truth is not None:
        stage("evaluate")
        from linkage.tell.evaluate import evaluate_links  # noqa: PLC0415 - recordlinkage takes a second to load

        place = "true" if asked.many else "d.place = 1"
        session.table("best", Query(LINKS.format(chosen=place), inputs))
        summary |= evaluate_links(session, "best", threshold, asked.truth)
    _write_report(session, asked, summary, matched)
    return summary


def _expected(session: Session, matched: Matched, threshold: float, asked: Request) -> dict[str, object] | None:
    """State the precision of one link a record; nothing is stated of many candidates each."""
    if asked.many:
        return None
    chosen = f"select rid_l, rid_r, weight_bits from decided where place = 1 and weight_bits >= {threshold:.6f}"
    session.table("best_links", Query(chosen, ("decided",)))
    return expect_links(
        session, "weighed", "best_links", matched.model,
        n_left=matched.n_left, n_right=matched.n_right, threshold_bits=threshold, n_audited=AUDITED,
    ).as_json()  # fmt: skip


def _count_contested(session: Session, threshold: float) -> int:
    """Count records that would be linked but for their rivals: many of them mean that RIGHT holds people twice."""
    text = f"select count(*) from decided where place = 1 and weight_bits < {threshold:.6f} and alone_bits >= {threshold:.6f}"
    return session.whole(Query(text, ("decided",)))


def dedupe_file(session: Session, file: Path, asked: Request, stage: Stage) -> dict[str, object]:
    """Cluster the records of one file that are one person and write the clusters; returns the summary without times.

    Shape:  out x (id, cluster_id) for every record, by id; a cluster is named after its first record in the file.
    """
    stage("read")
    session.scan_file("right_file", file)
    headers = session.columns("right_file")
    side = find_sides(headers, headers, map_alone(asked))[1]
    prepared = prepared_right(session, file, side, asked, stage)
    _require_dates_read(session)
    matched = match_alone(session, prepared, stage=stage, model=_model(asked))
    _require_ids(session, ("left_people",))
    stage("decide")
    threshold = 0.0 if asked.threshold_bits is None else asked.threshold_bits
    decide_pairs(session, "weighed", "decided", matched.model.rate)
    stage("cluster")
    cluster_pairs(session, "decided", "rid_clusters", matched.n_left, threshold)
    text = """
        select l.id, f.id as cluster_id from rid_clusters c join left_people l on l.rid = c.rid
        join left_people f on f.rid = c.cluster_rid order by l.id
    """
    session.table("clusters", Query(text, ("rid_clusters", "left_people")))
    session.export(Query("select * from clusters order by id", ("clusters",)), asked.out)
    pairs = """
        select a.rid as rid_l, b.rid as rid_r, d.weight_bits from rid_clusters a
        join rid_clusters b on b.cluster_rid = a.cluster_rid and a.rid < b.rid
        left join decided d on d.rid_l = a.rid and d.rid_r = b.rid
    """
    session.table("links", Query(pairs, ("rid_clusters", "decided")))
    summary = _summary(session, matched, threshold, "links")
    summary["n_clusters"] = session.whole(
        Query("select count(distinct cluster_rid) from rid_clusters", ("rid_clusters",))
    )
    summary["expected"] = expect_pairs(session, "decided", "rid_clusters").as_json()
    _keep_model(asked, matched)
    if asked.truth is not None:
        stage("evaluate")
        from linkage.tell.evaluate import evaluate_clusters  # noqa: PLC0415 - recordlinkage takes a second to load

        summary |= evaluate_clusters(session, "clusters", asked.truth)
    _write_report(session, asked, summary, matched)
    return summary


def explain_files(
    session: Session, left: Path, right: Path, id_l: str, id_r: str | None, asked: Request, stage: Stage
) -> Explanation:
    """Explain the best candidate of one record of LEFT, or the pair named, with the model given.

    Raises: InputError if there is no such record, or if the pair shares no blocking key and so was never compared.
    """
    stage("read")
    session.scan_file("left_file", left)
    sides = find_sides(session.columns("left_file"), right_headers(session, right), map_for(right, asked))
    folded = fold(session, "left_file", sides[0], "left_folded")
    matched = match_two(
        session, folded, prepared_right(session, right, sides[1], asked, stage), stage=stage, model=_model(asked)
    )
    decide_links(session, "weighed", "decided", matched.model.present, matched.n_right)
    threshold = DEFAULT_BITS if asked.threshold_bits is None else asked.threshold_bits
    found = explain_record(session, matched, id_l, id_r, threshold)
    if found is None:
        message = (
            "There is no such pair among those compared: the two records share no blocking key, or an id is not there."
        )
        raise InputError(message, "Check the ids; docs/methods/linkage.md lists the blocking rules.")
    if asked.report is not None:
        rows = [(part.name, part.label, round(part.bits, 2), round(part.dependence_bits, 2)) for part in found.parts]
        drawn = [
            f"<p>{escape(found.sentence())}</p>",
            waterfall(found),
            table("Parts", ("part", "level", "bits", "of which dependence"), rows),
        ]
        atomic_write(asked.report, page("Why this pair", drawn).encode())
    return found


def queue_files(
    session: Session,
    left: Path,
    right: Path,
    asked: Request,
    stage: Stage,
    *,
    n_items: int,
    twice_percent: int,
    seed: int,
) -> int:
    """Link two files as link_files does and draw a queue for review instead of writing links; returns its length."""
    matched = _match(session, left, right, asked, stage)
    return draw_queue(session, matched.comparisons, asked.out, n_items=n_items, twice_percent=twice_percent, seed=seed)


def columns_of(session: Session, path: Path, column_map: Path | None) -> dict[str, str]:
    """Return a file's columns by role, the id among them.

    Raises: InputError if no column is known to be the id.
    """
    session.scan_file("asked_file", path)
    headers = session.columns("asked_file")
    return dict(find_sides(headers, headers, read_map(column_map))[0].columns)


def _match(session: Session, left: Path, right: Path, asked: Request, stage: Stage) -> Matched:
    """Read two files, compare them and weigh every candidate: the table ``decided``."""
    stage("read")
    session.scan_file("left_file", left)
    sides = find_sides(session.columns("left_file"), right_headers(session, right), map_for(right, asked))
    folded = fold(session, "left_file", sides[0], "left_folded")
    prepared = prepared_right(session, right, sides[1], asked, stage)
    _require_dates_read(session)
    model = _model(asked)
    if asked.answers is not None:
        folded = _plan(session, folded, prepared, asked, model).to_weigh
    keep_present = model is not None and asked.answers is not None
    matched = match_two(
        session, folded, prepared, stage=stage, model=model, keep_present=keep_present, reach_all=asked.many
    )
    _require_ids(session, ("left_people", "right_people"))
    decide_links(
        session, "weighed", "decided", matched.model.present, matched.n_right, pool=not asked.many, many=asked.many
    )
    return matched


def _require_dates_read(session: Session) -> None:
    """Refuse a file whose birth dates are written in a way that is not read: they would silently count as missing."""
    for side, name in (("LEFT", "left_folded_birth"), ("RIGHT", "right_folded_birth")):
        if not session.has(name):
            continue
        text = f"select sum(n) filter (raw is not null), sum(n) filter (value is not null) from {name}"  # noqa: S608
        filled, read = (int(value or 0) for value in session.rows(Query(text, (name,)))[0])
        if filled >= FEWEST_FILLED and read < LEAST_READ * filled:
            message = f"The dates of birth of {side} are written in a way that is not read."
            raise InputError(message, "Write them as 1940-03-02 or 02/03/1940, or name another column in the map.")


def _plan(session: Session, left: Folded, right: Prepared, asked: Request, model: Model | None) -> Kept:
    shared = tuple(name for name in left.fields if name in right.fields)
    if model is None or asked.answers is None or not asked.answers.exists():
        return plan_all(session, left, shared)
    session.read_file("answers_file", asked.answers)
    return plan_reuse(
        session, left, shared, right, "answers_file",
        model=model_mark(model), index_mark=index_mark(session), previous=asked.previous_index,
    )  # fmt: skip


def _merge(session: Session, asked: Request, matched: Matched) -> dict[str, object]:
    """Put kept answers and fresh links together, write the answers and say what was reused, weighed again and changed."""
    assert asked.answers is not None
    reasons = session.rows(
        Query("select reason, count(*) from to_weigh group by reason order by reason", ("to_weigh",))
    )
    n_left = session.whole(Query("select count(*) from left_digests", ("left_digests",)))
    n_changed = merge_answers(
        session, "links", asked.answers, model=model_mark(matched.model), index_mark=index_mark(session)
    )
    weighed = {str(reason): int(n) for reason, n in reasons}
    return {
        "n_left": n_left,
        "n_reused": n_left - sum(weighed.values()),
        "weighed": weighed,
        "n_answers_changed": n_changed,
    }


def _model(asked: Request) -> Model | None:
    return read_model(asked.model) if asked.model is not None and asked.model.exists() else None


def _write_report(session: Session, asked: Request, summary: dict[str, object], matched: Matched) -> None:
    if asked.report is not None:
        atomic_write(asked.report, linkage_page(session, summary, matched).encode())


def _keep_model(asked: Request, matched: Matched) -> None:
    if asked.model is not None and not asked.model.exists():
        atomic_write(asked.model, (json.dumps(matched.model.as_json(), indent=1) + "\n").encode())


def _require_ids(session: Session, tables: tuple[str, ...]) -> None:
    """Refuse ids that are missing or that two records share."""
    for name in tables:
        found = session.rows(Query(f"select count(*), count(id), count(distinct id) from {name}", (name,)))[0]  # noqa: S608
        if found[0] != found[1] or found[0] != found[2]:
            side = {"left_people": "LEFT", "right_people": "RIGHT"}[name]
            message = f"In {side} {found[0] - found[1]} records have no id and {found[1] - found[2]} share one."
            raise InputError(message, "Give every record an id of its own.")


def _filled(session: Session, name: str) -> dict[str, float]:
    """Return the share of records that hold each field, as far as it could be read."""
    fields = [one for one in session.columns(name) if one in FIELDS or one.startswith("x_")]
    counts = ", ".join(f"count({one})" for one in fields)
    total, *each = session.rows(Query(f"select count(*) {',' if counts else ''} {counts} from {name}", (name,)))[0]  # noqa: S608
    return {one: round(int(n) / max(int(total), 1), 4) for one, n in zip(fields, each, strict=True)}


def _summary(session: Session, matched: Matched, threshold: float, links: str) -> dict[str, object]:
    blocks = matched.blocks
    found: dict[str, object] = {
        "n_left": matched.n_left,
        "n_right": matched.n_right,
        "n_links": session.whole(Query(f"select count(*) from {links}", (links,))),  # noqa: S608
        "n_candidates": matched.n_candidates,
        "threshold_bits": threshold,
        "steps": dict(matched.steps),
        "present": round(matched.model.present, 6),
        "filled": {"left": _filled(session, "left_people"), "right": _filled(session, "right_sample")},
        "rate": matched.model.rate,
    }
    if blocks is not None:
        found["pairs_by_rule"], found["blocks_over_cap"] = dict(blocks.n_pairs), dict(blocks.n_over_cap)
        found["rules_not_run"] = list(blocks.not_run)
    return found
