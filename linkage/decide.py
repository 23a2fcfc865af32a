"""From weights to links: odds net of rivals, the chance that a record is in the index at all, thresholds from a cost.

For a record with candidates k of raw weight w_k among N people of the index, of which it is one with chance rho, the
odds of candidate j are (rho/N) 2^w_j against (1 - rho) + (rho/N) x the sum of 2^w_k over the others. A link's weight
is the logarithm of these odds: a rival lowers it, and two equal candidates leave less than even odds.

Source: Bayes' rule over the candidates of one record, as Jaro 1989 and Sadinle 2017 (bipartite matching) use it.
"""

from __future__ import annotations

from math import log2

import numpy as np

from cld.engine import Query, Session

__all__ = [
    "DEFAULT_BITS",
    "decide_links",
    "decide_many",
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


def decide_links(session: Session, weighed: str, name: str, present: float, n_right: int) -> None:
    """Weigh each candidate against its rivals.

    Shape:  out ``name`` x (rid_l, rid_r, weight_bits, alone_bits, n_rivals, place): odds net of rivals and as if there were
            none, best first, ties by id.
    """
    prior = log2(max(present, 1e-12) / max(n_right, 1))
    absent = 1 - present
    window = "partition by rid_l order by bits desc, rid_r"
    whole = f"{window} rows between unbounded preceding and unbounded following"
    text = f"""
        with scaled as (
            select rid_l, rid_r, bits, pow(2, least(bits, {MOST_BITS}) + {prior:.9f}) as odds from {weighed}
        ), summed as (
            select *, sum(odds) over ({whole}) as total, row_number() over ({window}) as place,
                count(*) over ({whole}) as n,
                coalesce(sum(odds) over ({window} rows between unbounded preceding and 1 preceding), 0)
                    + coalesce(sum(odds) over ({window} rows between 1 following and unbounded following), 0) as others
            from scaled
        )
        select rid_l, rid_r, round(least(bits, {MOST_BITS}) + {prior:.9f} - log2({absent:.12f} + others), 4) as weight_bits,
            round(least(bits, {MOST_BITS}) + {prior:.9f} - log2({absent:.12f}), 4) as alone_bits, n - 1 as n_rivals, place
        from summed
    """  # noqa: S608
    session.table(name, Query(text, (weighed,)))


def decide_many(session: Session, weighed: str, name: str, present: float, n_right: int) -> None:
    """Make ``name`` x (rid_l, rid_r, weight_bits): the odds of each candidate by itself, where RIGHT may hold repeats."""
    prior = log2(max(present, 1e-12) / max(n_right, 1))
    text = f"select rid_l, rid_r, round(least(bits, {MOST_BITS}) + {prior:.9f}, 4) as weight_bits from {weighed}"  # noqa: S608
    session.table(name, Query(text, (weighed,)))


def decide_pairs(session: Session, weighed: str, name: str, rate: float) -> None:
    """Make ``name`` x (rid_l, rid_r, weight_bits): the odds of each pair of one file, with no rivals."""
    prior = log2(max(rate, 1e-15) / (1 - rate))
    text = f"select rid_l, rid_r, round(bits + {prior:.9f}, 4) as weight_bits from {weighed}"  # noqa: S608
    session.table(name, Query(text, (weighed,)))
