"""From weights to links: odds net of rivals, the chance that a record is in the index at all, thresholds from a cost.

For a record with candidates k of raw weight w_k among N people of the index, of which it is one with chance rho, the
odds of candidate j are (rho/N) 2^w_j against (1 - rho) + (rho/N) x the sum of 2^w_k over the others. A link's weight
is the logarithm of these odds: a rival lowers it, and two equal candidates leave less than even odds.

Source: Bayes' rule over the candidates of one record, as Jaro 1989 and Sadinle 2017 (bipartite matching) use it.
"""

from __future__ import annotations

from math import isfinite, log2

import numpy as np

from cld.engine import Query, Session

__all__ = [
    "DEFAULT_BITS",
    "decide_links",
    "decide_pairs",
    "estimate_present",
    "estimate_rate",
    "parse_threshold",
]

DEFAULT_COST = 20.0
"""A false link costs as much as this many missed ones, unless a threshold is given."""
DEFAULT_BITS = round(log2(DEFAULT_COST), 6)
MOST_BITS = 500.0
MAX_ROUNDS = 200
TOLERANCE = 1e-9
HIGHEST_PRESENT = 0.99999


def parse_threshold(text: str | None) -> float:
    """Read a threshold: bits, or ``p`` and a probability; nothing means the default.

    Raises: ValueError if it is neither.
    """
    if text is None:
        return DEFAULT_BITS
    if not isfinite(float(text.removeprefix("p"))):
        message = "a threshold is finite"
        raise ValueError(message)
    if text.startswith("p"):
        chance = float(text[1:])
        if not 0 < chance < 1:
            message = "a probability lies between 0 and 1"
            raise ValueError(message)
        return round(log2(chance / (1 - chance)), 6)
    return float(text)


def estimate_present(session: Session, weighed: str, n_left: int, n_right: int) -> float:
    """Estimate by EM the chance that a record of LEFT is in RIGHT, from the sums of its candidates' likelihood ratios."""
    # sums over rivals are decimal, so that their order changes nothing
    text = f"""
        with tops as (select rid_l, max(bits) as top, count(*) as n from {weighed} group by rid_l),
        totals as (
            select w.rid_l, sum(cast(pow(2, greatest(w.bits - t.top, -39)) as decimal(18, 12))) as total
            from {weighed} w join tops t on t.rid_l = w.rid_l where t.n > 1 group by w.rid_l
        )
        select round(t.top + coalesce(log2(cast(s.total as double)), 0), 2) as summed, count(*) as n
        from tops t left join totals s on s.rid_l = t.rid_l group by summed order by summed
    """  # noqa: S608
    rows = session.rows(Query(text, (weighed,)))
    sums = np.array([float(row[0]) for row in rows]) - log2(max(n_right, 1))
    counts = np.array([float(row[1]) for row in rows])
    ratios = np.exp2(np.minimum(sums, MOST_BITS))
    present = 0.5
    for _ in range(MAX_ROUNDS):
        chances = present * ratios / (present * ratios + (1 - present))
        fresh = min(float((chances * counts).sum()) / max(n_left, 1), HIGHEST_PRESENT)
        if abs(fresh - present) < TOLERANCE:
            break
        present = max(fresh, 1e-9)
    return present


def estimate_rate(session: Session, weighed: str, n_pairs: float) -> float:
    """Estimate by EM the chance that two records of one file are one person, from the weights of compared pairs."""
    text = f"select round(bits, 1) as b, count(*) from {weighed} group by b order by b"  # noqa: S608
    rows = session.rows(Query(text, (weighed,)))
    ratios = np.exp2(np.array([float(row[0]) for row in rows]))
    counts = np.array([float(row[1]) for row in rows])
    rate = 1e-6
    for _ in range(MAX_ROUNDS):
        chances = rate * ratios / (rate * ratios + (1 - rate))
        fresh = max(float((chances * counts).sum()) / max(n_pairs, 1), 1e-15)
        if abs(fresh - rate) < TOLERANCE * rate:
            break
        rate = fresh
    return min(rate, 0.5)


def decide_links(
    session: Session, weighed: str, name: str, present: float, n_right: int, *, pool: bool = False, many: bool = False
) -> None:
    """Weigh each candidate against its rivals; a pair that an exact step settled has none, one record alone having fitted.

    With ``pool``, candidates that are alike in names, birth date and postcode are one person whom RIGHT holds more than
    once, and not rivals: the best of them stands for all.
    With ``many`` settled records keep all their candidates.
    Shape:  out ``copies`` x (rid_l, rid_r), and ``name`` x (rid_l, rid_r, weight_bits, alone_bits, n_rivals, place): odds net of rivals and as if there were
            none, best first, ties by id.
    """
    prior = log2(max(present, 1e-12) / max(n_right, 1))
    absent = max(1 - present, 1e-9)
    settled = "select 0 as rid_l, 0 as rid_r where false" if many else "select rid_l, rid_r from settled"
    copies = _copies(session, weighed) if pool else "select 0 as rid_l, 0 as rid_r where false"
    session.table("copies", Query(copies, (weighed, *(("right_people",) if pool else ()))))
    window = "partition by rid_l order by bits desc, rid_r"
    whole = f"{window} rows between unbounded preceding and unbounded following"
    text = f"""
        with open_pairs as (
            select rid_l, rid_r, bits from {weighed} where rid_l not in (select rid_l from ({settled}))
            union all select w.rid_l, w.rid_r, w.bits from {weighed} w join ({settled}) s on s.rid_l = w.rid_l and s.rid_r = w.rid_r
        ), scaled as (
            select rid_l, rid_r, bits, pow(2, least(bits, {MOST_BITS}) + {prior:.9f}) as odds from open_pairs
            where (rid_l, rid_r) not in (select rid_l, rid_r from copies)
        ), summed as (
            select *, row_number() over ({window}) as place, count(*) over ({whole}) as n,
                coalesce(sum(odds) over ({window} rows between unbounded preceding and 1 preceding), 0)
                    + coalesce(sum(odds) over ({window} rows between 1 following and unbounded following), 0) as others
            from scaled
        )
        select rid_l, rid_r, round(least(bits, {MOST_BITS}) + {prior:.9f} - log2({absent:.12f} + others), 4) as weight_bits,
            round(least(bits, {MOST_BITS}) + {prior:.9f} - log2({absent:.12f}), 4) as alone_bits, n - 1 as n_rivals, place
        from summed
    """  # noqa: S608
    session.table(name, Query(text, (weighed, "settled", "copies")))


def _copies(session: Session, weighed: str) -> str:
    """Return SQL for the candidates of a record that repeat a better one: alike in names, birth date and postcode."""
    who = [one for one in ("given", "family", "birth", "postcode") if one in session.columns("right_people")]
    none = "select 0 as rid_l, 0 as rid_r where false"
    if len(who) < len(("given", "family", "birth", "postcode")):
        return none
    whole = " and ".join(f"{one} is not null" for one in who)
    alike = f"select rid, hash({', '.join(who)}) as person from right_people where {whole}"  # noqa: S608
    held = session.rows(Query(f"select count(*), count(distinct person) from ({alike})", ("right_people",)))[0]  # noqa: S608
    if held[0] == held[1]:
        return none
    return f"""
        select rid_l, rid_r from (
            select w.rid_l, w.rid_r, row_number() over (partition by w.rid_l, a.person order by w.bits desc, w.rid_r) as turn
            from {weighed} w join ({alike}) a on a.rid = w.rid_r
        ) where turn > 1
    """  # noqa: S608


def decide_pairs(session: Session, weighed: str, name: str, rate: float) -> None:
    """Make ``name`` x (rid_l, rid_r, weight_bits): the odds of each pair of one file, with no rivals."""
    prior = log2(max(rate, 1e-15) / (1 - rate))
    text = f"select rid_l, rid_r, round(bits + {prior:.9f}, 4) as weight_bits from {weighed}"  # noqa: S608
    session.table(name, Query(text, (weighed,)))
