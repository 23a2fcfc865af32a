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

from cld.engine import Query, Session, quote
from linkage.prepare.comparisons import Comparison
from linkage.prepare.standard import Folded

__all__ = [
    "SMALLEST_KAPPA",
    "Kappa",
    "collision_rates",
    "count_dependence",
    "make_frequencies",
    "make_sample",
    "pool_shares",
    "sample_flags",
]

ROWS_IN_SAMPLE = 40_000
FEWEST_PAIRS = 12
SMALLEST_KAPPA = 0.0005
MOST_REPEATS = 0.01
ANCHORS = ("postcode", "birth")
USUAL = frozenset(("postcode", "birth", "family", "given", "sex"))


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
    session: Session, folded: Folded, comparisons: Sequence[Comparison], source: str = "right_source"
) -> None:
    """Make a table ``share_FIELD`` x (value, n) for each comparison whose values repeat, exact over the whole file.

    A value is counted as it is written and folded afterwards, once; what cannot be counted so is counted in ``source``.
    """
    for one in counted(comparisons):
        name, mapped = one.name, f"{folded.name}_{one.name}"
        if session.has(mapped):
            text = f"select value, cast(sum(n) as bigint) as n from {mapped} where value is not null group by all"  # noqa: S608
            query = Query(text, (mapped,))
        elif name in folded.counted:
            column, sql = folded.counted[name]
            # a table of its own, or the planner folds the value of every row to leave out the nulls
            text = f"select {quote(column)} as raw, count(*) as n from {folded.raw} group by all"  # noqa: S608 - quoted
            session.table("written_values", Query(text, (folded.raw,)))
            text = f"""
                select value, cast(sum(n) as bigint) as n from (select {sql} as value, n from written_values)
                where value is not null group by value
            """  # noqa: S608
            query = Query(text, ("written_values",))
        else:
            text = f"select {name} as value, count(*) as n from {source} where {name} is not null group by all"  # noqa: S608
            query = Query(text, (source,))
        session.table(f"share_{name}", query)


def pool_shares(session: Session, comparisons: Sequence[Comparison]) -> None:
    """Count the values of LEFT in as well, for a RIGHT too small to know by itself how rare a value is."""
    for one in counted(comparisons):
        name = one.name
        text = f"""
            select value, cast(sum(n) as bigint) as n from (
                select value, n from share_{name}
                union all select {name} as value, count(*) as n from left_people where {name} is not null group by all
            ) group by value order by value
        """  # noqa: S608
        session.table("pooled", Query(text, (f"share_{name}", "left_people")))
        session.drop(f"share_{name}")
        session.table(f"share_{name}", Query("select * from pooled order by value", ("pooled",)))


def collision_rates(session: Session, comparisons: Sequence[Comparison]) -> dict[str, float]:
    """Return, by comparison, the chance that two records drawn with replacement hold the same value."""
    rates = {}
    for one in counted(comparisons):
        text = f"select sum(cast(n as hugeint) * n), sum(n) from share_{one.name}"  # noqa: S608
        squares, total = session.rows(Query(text, (f"share_{one.name}",)))[0]
        rates[one.name] = int(squares) / int(total) ** 2 if total else 0.0
    return rates


def sample_flags(fields: Sequence[str], n_right: int) -> dict[str, str]:
    """Return SQL that chooses a sample of RIGHT: whole postcodes, whole birth dates, single records, by name of the flag."""
    part = max(1, n_right // ROWS_IN_SAMPLE)
    whole = {f"whole_{a}": f"coalesce(hash({a}, 29) % {part} = 0, false)" for a in ANCHORS if a in fields}
    return {"alone": f"hash(cast(rid as bigint), 17) % {part} = 0", **whole}


def make_sample(session: Session, right: str, fields: Sequence[str], n_right: int) -> None:
    """Make ``right_sample`` from RIGHT, or from rows that hold all that are chosen: each flag about forty thousand rows."""
    flags = sample_flags(fields, n_right)
    shown = ", ".join(f"{sql} as {name}" for name, sql in flags.items())
    text = f"""
        select * from (select rid, {", ".join(fields)}, {shown} from {right}) where {" or ".join(flags)} order by rid
    """  # noqa: S608
    session.table("right_sample", Query(text, (right,)))


def count_dependence(session: Session, comparisons: Sequence[Comparison], u: Mapping[str, float]) -> tuple[Kappa, ...]:
    """Count kappa of every field given one or two others, from whole postcodes, whole birth dates or single records.

    Repeats of one person in the index would look like twins, so where given names are there, only pairs whose given
    names differ are counted; given names themselves are conditioned only where the index holds a person once.
    """
    repeats = _holds_repeats(session, [one.name for one in comparisons], u)
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
        found += [
            one
            for one in _kappas(names, sets, pairs, with_field, u)
            if not (repeats and "given" in (one.name, *one.given))
        ]
    return tuple(sorted(found, key=lambda one: (one.name, one.given)))


def _holds_repeats(session: Session, names: Sequence[str], u: Mapping[str, float]) -> bool:
    """Say whether more records are alike in names and birth date than chance and a hundredth explain."""
    who = [name for name in ("given", "family", "birth") if name in names]
    if len(who) < len(("given", "family", "birth")):
        return False
    whole = " and ".join(f"{name} is not null" for name in who)
    text = f"select count(*), count(distinct ({', '.join(who)})) from right_sample where alone and {whole}"  # noqa: S608
    n_records, n_people = (int(value) for value in session.rows(Query(text, ("right_sample",)))[0])
    by_chance = n_records * n_records / 2 * u["given"] * u["family"] * u["birth"]
    return n_records - n_people > MOST_REPEATS * n_records + 2 * by_chance


def _sets(anchor: str | None, pool: Sequence[str]) -> list[tuple[str, ...]]:
    """Return the pairs of fields, the threes of the usual ones, and each of those with the given name added."""
    start = (anchor,) if anchor else ()
    small = [
        (*start, *chosen) for size in range(0 if anchor else 1, 4 - len(start)) for chosen in combinations(pool, size)
    ]
    larger = {frozenset((*one, "given")): (*one, "given") for one in small if "given" in pool and "given" not in one}
    held = {frozenset(one) for one in small}
    return [*small, *(one for members, one in larger.items() if members not in held)]


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
    by_members = {frozenset(one): one for one in sets}
    for larger in sets:
        if not 2 <= len(larger) <= 3:
            continue
        ordered = sorted(larger, key=names.index)
        last = ordered[-1]
        rest = by_members.get(frozenset(larger) - {last})
        if rest is None:
            continue
        joint, base = pairs.get(larger, 0.0), with_field.get((rest, last), 0.0)
        if "given" not in larger and frozenset((*larger, "given")) in by_members:
            joint -= pairs.get(by_members[frozenset((*larger, "given"))], 0.0)
            base -= with_field.get((by_members[frozenset((*rest, "given"))], last), 0.0)
        if joint >= FEWEST_PAIRS and base > 0:
            kappa = (joint / base - u[last]) / (1 - u[last])
            if kappa > SMALLEST_KAPPA:
                found.append(Kappa(last, tuple(ordered[:-1]), min(kappa, 1.0)))
    return found
