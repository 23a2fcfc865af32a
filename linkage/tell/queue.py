"""Drawing pairs for clerical review: by strata of weight, by chance inside each, a share of them for two people.

So that a few hundred decisions estimate precision and recall with intervals. A queue names records and levels of
agreement, never a value.

Source: Blakely and Salmond 2002; Marchant and Steorts 2017 (estimates from a stratified review).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from cld.engine import Query, Session
from linkage.prepare.comparisons import Comparison

__all__ = ["QUEUE_COLUMNS", "STRATUM_BITS", "draw_queue", "make_queue"]

STRATUM_BITS = 4.0
LOWEST_BITS = -8.0
HIGHEST_BITS = 20.0
QUEUE_COLUMNS = ("item", "stratum", "n_in_stratum", "id_l", "id_r", "weight_bits", "step", "reviews_asked")


def draw_queue(
    session: Session, comparisons: Sequence[Comparison], out: Path, *, n_items: int, twice_percent: int, seed: int
) -> int:
    """Draw pairs for review as make_queue does and write them without the places of their records; returns their number."""
    n_drawn = make_queue(session, comparisons, n_items=n_items, twice_percent=twice_percent, seed=seed)
    session.export(Query("select * exclude (rid_l, rid_r) from queue order by item", ("queue",)), out)
    return n_drawn


def make_queue(
    session: Session,
    comparisons: Sequence[Comparison],
    *,
    n_items: int,
    twice_percent: int,
    seed: int,
    source: str = "decided",
) -> int:
    """Make ``queue``: pairs drawn evenly over strata of four bits; returns their number.

    Shape:  reads ``source`` (of whose rows the best candidates are drawn), compared, left_people, right_people, settled;
            out rows x (rid_l, rid_r, item, stratum, n_in_stratum, id_l, id_r, weight_bits, step, reviews_asked, a level
            a comparison), by item.
    Order:  items are numbered in an order that says nothing of the weight.
    """
    labels = ", ".join(
        f"case when c.{one.name} < 0 then 'missing' else {_labels(one)}[c.{one.name} + 1] end as {one.name}"
        for one in comparisons
    )
    text = f"""
        with placed as (
            select d.rid_l, d.rid_r, d.weight_bits,
                cast(floor(least(greatest(d.weight_bits, {LOWEST_BITS}), {HIGHEST_BITS}) / {STRATUM_BITS}) as integer) as stratum
            from {source} d where d.place = 1
        ), drawn as (
            select *, count(*) over (partition by stratum) as n_in_stratum,
                row_number() over (partition by stratum order by hash(rid_l, {seed}), rid_l) as turn
            from placed
        ), chosen as (
            select *, row_number() over (order by turn, hash(rid_l, {seed + 1}), rid_l) as at_turn from drawn
        ), kept as (
            select *, row_number() over (order by hash(rid_l, {seed + 2}), rid_l) as item from chosen where at_turn <= {n_items}
        )
        select k.rid_l, k.rid_r, k.item, k.stratum, k.n_in_stratum, l.id as id_l, r.id as id_r, k.weight_bits, coalesce(s.step, 'probabilistic') as step,
            case when hash(k.rid_l, {seed + 3}) % 100 < {twice_percent} then 2 else 1 end as reviews_asked, {labels}
        from kept k join left_people l on l.rid = k.rid_l join right_people r on r.rid = k.rid_r
        join compared c on c.rid_l = k.rid_l and c.rid_r = k.rid_r
        left join settled s on s.rid_l = k.rid_l and s.rid_r = k.rid_r
        order by k.item
    """  # noqa: S608
    inputs = (source, "left_people", "right_people", "compared", "settled")
    session.table("queue", Query(text, inputs))
    return session.whole(Query("select count(*) from queue", ("queue",)))


def _labels(one: Comparison) -> str:
    return "[" + ", ".join(f"'{label}'" for label in one.labels) + "]"
