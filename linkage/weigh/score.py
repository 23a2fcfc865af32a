"""Weighing pairs: bits for and against by field, the rarer the value the more, with what agrees already taken in.

Source: Fellegi and Sunter 1969 (weight log2(m/u)); Newcombe et al. 1959 (rarity); docs/methods/linkage.md (kappa).
"""

from __future__ import annotations

from collections.abc import Sequence
from math import log2

import numpy as np

from cld.engine import Query, Session
from linkage.prepare.comparisons import Comparison, gammas_sql, pairs_sql, require_nicknames
from linkage.weigh.estimate import SMALLEST, Counted, conditional
from linkage.weigh.model import Model

__all__ = ["compare_pairs", "count_patterns", "mask_sql", "weigh_pairs"]


def compare_pairs(
    session: Session, pairs: str, name: str, comparisons: Sequence[Comparison], left: str, right: str
) -> None:
    """Make ``name`` from pairs (rid_l, rid_r): agreement levels, what is equal as bits, and the shares of equal values.

    A share is of the records that hold a value at all.

    Shape:  out x (rid_l, rid_r, a level a comparison, mask, share_FIELD for each comparison whose values repeat).
    """
    require_nicknames(session)
    frequent = [one for one in comparisons if one.frequency]
    totals = {one.name: _total(session, one.name) for one in frequent}
    names = ", ".join(one.name for one in comparisons)
    values = ", ".join(f"r.{one.name} as value_{one.name}" for one in frequent)
    joins = " ".join(
        f"left join share_{one.name} s_{one.name} on s_{one.name}.value = g.value_{one.name} and g.{one.name} = {one.exact}"
        for one in frequent
    )
    shares = "".join(f", coalesce(s_{one.name}.n, 0) / {totals[one.name]} as share_{one.name}" for one in frequent)
    text = f"""
        with g as (
            select p.rid_l, p.rid_r, {gammas_sql(comparisons)} {", " + values if values else ""}
            from {pairs_sql(comparisons, pairs, left, right)}
        )
        select g.rid_l, g.rid_r, {names}, {mask_sql(comparisons)} as mask {shares} from g {joins}
    """  # noqa: S608
    session.table(name, Query(text, (pairs, left, right, *(f"share_{one.name}" for one in frequent))))


def _total(session: Session, name: str) -> int:
    return session.whole(Query(f"select greatest(coalesce(sum(n), 0), 1) from share_{name}", (f"share_{name}",)))  # noqa: S608


def mask_sql(comparisons: Sequence[Comparison]) -> str:
    """Return SQL for the fields in exact agreement as bits, the first comparison being bit 0."""
    return " + ".join(
        f"case when {one.name} = {one.exact} then {1 << place} else 0 end" for place, one in enumerate(comparisons)
    )


def count_patterns(session: Session, compared: str, comparisons: Sequence[Comparison]) -> Counted:
    """Count the pairs of each agreement pattern."""
    names = ", ".join(one.name for one in comparisons)
    text = f"select {names}, count(*) as n_pairs from {compared} group by {names} order by {names}"  # noqa: S608
    rows = np.array(session.rows(Query(text, (compared,))), dtype=np.int64).reshape(-1, len(comparisons) + 1)
    return Counted(rows[:, :-1], rows[:, -1].astype(np.float64))


def weigh_pairs(
    session: Session, compared: str, name: str, comparisons: Sequence[Comparison], model: Model, n_right: int
) -> None:
    """Make ``name`` x (rid_l, rid_r, bits): the sum of weights of a pair, before any prior and any rival."""
    _conditions(session, compared, comparisons, model)
    parts = " + ".join(_weight_sql(one, model, n_right) for one in comparisons)
    text = f"""
        select p.rid_l, p.rid_r, round({parts}, 6) as bits from {compared} p join conditions c on c.mask = p.mask
    """  # noqa: S608
    session.table(name, Query(text, (compared, "conditions")))


def _conditions(session: Session, compared: str, comparisons: Sequence[Comparison], model: Model) -> None:
    """Make ``conditions``: for each mask that occurs, kappa of each comparison and what its other levels lose."""
    names = [one.name for one in comparisons]
    masks = [
        int(row[0]) for row in session.rows(Query(f"select distinct mask from {compared} order by mask", (compared,)))
    ]  # noqa: S608
    lines = []
    for mask in masks or [0]:
        cells = [str(mask)]
        for place, one in enumerate(comparisons):
            kappa = conditional(mask, place, names, model.kappas)
            exact = model.u[one.name][-1]
            lost = -log2(max(1 - (kappa + (1 - kappa) * exact), SMALLEST) / max(1 - exact, SMALLEST))
            cells += [f"{kappa:.8f}", f"{lost:.6f}"]
        lines.append(f"({', '.join(cells)})")
    heads = ", ".join(["mask", *(f"kappa_{name}, lost_{name}" for name in names)])
    session.table("conditions", Query(f"select * from (values {', '.join(lines)}) as v({heads})"))  # noqa: S608 - our own numbers


def _weight_sql(one: Comparison, model: Model, n_right: int) -> str:
    m, u = model.m[one.name], model.u[one.name]
    table = ", ".join(f"{log2(max(m[level], SMALLEST) / max(u[level], SMALLEST)):.6f}" for level in range(one.exact))
    if one.frequency:
        floor = 0.5 / max(n_right, 1)
        shift = model.partners.get(one.name, 0.0) / max(n_right, 1)
        share = f"greatest(p.share_{one.name} - {shift:.12f}, {floor:.12f})"
    else:
        share = f"{max(u[-1], SMALLEST * SMALLEST):.14f}"
    exact = f"{log2(m[-1]):.6f} - log2(c.kappa_{one.name} + (1 - c.kappa_{one.name}) * {share})"
    return f"""case when p.{one.name} < 0 then 0 when p.{one.name} = {one.exact} then {exact}
        else [{table}][p.{one.name} + 1] + c.lost_{one.name} end"""
