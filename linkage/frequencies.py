"""How often people who are not the same agree: exact shares of values, and agreement given other agreement.

Two people of one household share a surname and a postcode, twins a birth date too, so agreement on one field makes
agreement on another likelier than its own share says. For each field this is counted in the index itself as kappa:
given agreement on S, the field agrees with chance kappa + (1 - kappa) x share, kappa being the part that the
household, the twin or the naming tradition explains.

Source: Newcombe et al. 1959 (weights by frequency of the value); dependence by counting, docs/methods/linkage.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from cld.engine import Query, Session
from linkage.comparisons import Comparison

__all__ = ["Kappa", "collision_rates", "count_dependence", "make_frequencies", "make_sample"]

ROWS_IN_SAMPLE = 60_000
FEWEST_PAIRS = 12
SMALLEST_KAPPA = 0.0005
ANCHORS = ("postcode", "birth")


@dataclass(frozen=True, slots=True)
class Kappa:
    """Given agreement on the fields ``given``, what part of agreement on ``name`` is explained by them."""

    name: str
    given: tuple[str, ...]
    value: float


def counted(comparisons: Sequence[Comparison]) -> tuple[Comparison, ...]:
    """Return the comparisons whose values repeat, so that a share says something."""
    return tuple(one for one in comparisons if one.frequency)


def make_frequencies(
    session: Session, folded: str, source: str, comparisons: Sequence[Comparison], n_right: int
) -> None:
    """Make a table ``share_FIELD`` x (value, share) for each comparison whose values repeat, exact over the whole file."""
    for one in counted(comparisons):
        name, mapped = one.name, f"{folded}_{one.name}"
        if session.has(mapped):  # the distinct values were counted when they were folded
            text = f"select value, sum(n) / {n_right} as share from {mapped} where value is not null group by all"  # noqa: S608
            session.table(f"share_{name}", Query(text, (mapped,)))
        else:
            text = f"select {name} as value, count(*) / {n_right} as share from {source} where {name} is not null group by all"  # noqa: S608
            session.table(f"share_{name}", Query(text, (source,)))


def collision_rates(session: Session, comparisons: Sequence[Comparison]) -> dict[str, float]:
    """Return, by comparison, the chance that two records drawn with replacement hold the same value."""
    rates = {}
    for one in counted(comparisons):
        text = f"select sum(share * share) / greatest(pow(sum(share), 2), 1e-12) from share_{one.name}"  # noqa: S608
        found = session.rows(Query(text, (f"share_{one.name}",)))[0][0]
        rates[one.name] = float(found or 0.0)
    return rates


def make_sample(session: Session, right: str, fields: Sequence[str], n_right: int) -> None:
    """Make ``right_sample``: whole postcodes, whole birth dates and single records, each about sixty thousand rows."""
    part = max(1, n_right // ROWS_IN_SAMPLE)
    flags = [f"hash(rid, 17) % {part} = 0 as alone"] + [
        f"coalesce(hash({anchor}, 29) % {part} = 0, false) as whole_{anchor}" for anchor in ANCHORS if anchor in fields
    ]
    names = ["alone"] + [f"whole_{anchor}" for anchor in ANCHORS if anchor in fields]
    text = f"""
        select * from (select rid, {", ".join(fields)}, {", ".join(flags)} from {right}) where {" or ".join(names)} order by rid
    """  # noqa: S608
    session.table("right_sample", Query(text, (right,)))


def count_dependence(session: Session, comparisons: Sequence[Comparison], u: Mapping[str, float]) -> tuple[Kappa, ...]:
    """Count kappa of every field given one or two others, from whole postcodes, whole birth dates or single records."""
    names = [one.name for one in counted(comparisons)]
    found: list[Kappa] = []
    for anchor in (*(a for a in ANCHORS if a in names), None):
        pool = [n for n in names if n != anchor and not (anchor != "postcode" and n == "postcode")]
        if anchor is None:
            pool = [n for n in pool if n not in ANCHORS]
        sets = _sets(anchor, pool)
        if not sets:
            continue
        pairs, with_field = _count_pairs(session, anchor, pool, sets)
        found += _kappas(names, sets, pairs, with_field, u)
    return tuple(sorted(found, key=lambda one: (one.name, one.given)))


def _sets(anchor: str | None, pool: Sequence[str]) -> list[tuple[str, ...]]:
    start = (anchor,) if anchor else ()
    most = 3 if anchor else 2
    return [
        (*start, *chosen)
        for size in range(most)
        for chosen in combinations(pool, size + (0 if anchor else 1))
        if len(start) + len(chosen) <= 3
    ]


def _count_pairs(
    session: Session, anchor: str | None, pool: Sequence[str], sets: Sequence[tuple[str, ...]]
) -> tuple[dict[tuple[str, ...], float], dict[tuple[tuple[str, ...], str], float]]:
    columns = [*([anchor] if anchor else []), *pool]
    flag = f"whole_{anchor}" if anchor else "alone"
    grouping = ", ".join(f"({', '.join(one)})" for one in sets)
    counts = ", ".join(f"count({name}) as n_{name}" for name in columns)
    whole = " and ".join(
        f"(g & {1 << (len(columns) - 1 - i)} > 0 or {name} is not null)" for i, name in enumerate(columns)
    )
    sums = ", ".join(f"sum(n_{name} * (n_{name} - 1.0)) as p_{name}" for name in columns)
    text = f"""
        select g, sum(n * (n - 1.0)), {sums} from (
            select {", ".join(columns)}, grouping({", ".join(columns)}) as g, count(*) as n, {counts}
            from right_sample where {flag} group by grouping sets ({grouping})
        ) where n > 1 and {whole} group by g
    """  # noqa: S608
    pairs: dict[tuple[str, ...], float] = {}
    with_field: dict[tuple[tuple[str, ...], str], float] = {}
    for g, total, *each in session.rows(Query(text, ("right_sample",))):
        one = tuple(name for i, name in enumerate(columns) if not int(g) >> (len(columns) - 1 - i) & 1)
        pairs[one] = float(total)
        with_field |= {(one, name): float(value) for name, value in zip(columns, each, strict=True)}
    return pairs, with_field


def _kappas(
    names: Sequence[str],
    sets: Sequence[tuple[str, ...]],
    pairs: Mapping[tuple[str, ...], float],
    with_field: Mapping[tuple[tuple[str, ...], str], float],
    u: Mapping[str, float],
) -> list[Kappa]:
    """Kappa is taken for a field that stands after all of the set in the order of comparisons."""
    found = []
    for larger in sets:
        if len(larger) < 2:
            continue
        ordered = sorted(larger, key=names.index)
        last = ordered[-1]
        rest = tuple(name for name in larger if name != last)
        joint, base = pairs.get(larger, 0.0), with_field.get((rest, last), 0.0)
        if joint < FEWEST_PAIRS or base <= 0 or rest not in pairs:
            continue
        kappa = (joint / base - u[last]) / (1 - u[last])
        if kappa > SMALLEST_KAPPA:
            found.append(Kappa(last, tuple(ordered[:-1]), kappa))
    return found
