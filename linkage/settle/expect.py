"""How many links are false, stated without a truth: an interval for precision that the run itself supports.

A false link mostly joins a record whose person is not in RIGHT to somebody else. How often that happens is measured,
not assumed: for a random sample of records that have their link, the link is taken away and what is left is asked
whether it would have been linked. That share, times the records that are not in RIGHT, and what the model itself says of
the links it made, are the false links expected.

Source: decoys as in target-decoy estimation of false discoveries (Elias and Gygi 2007); Poisson interval, Garwood 1936.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil, floor, log, log2

from scipy.special import gammaincinv, pdtrik

from cld.engine import Query, Session
from linkage.settle.decide import MOST_BITS
from linkage.weigh.model import Model

__all__ = ["Expected", "expect_links", "expect_pairs", "expect_together"]

LEVEL = 0.01
SURE_BITS = 10.0
DOUBT_UNDERSTATED = 10.0
SMALLEST_MEAN = 1e-6


@dataclass(frozen=True, slots=True)
class Expected:
    """Precision expected, its interval, and what it was counted from."""

    precision: float | None
    low: float
    high: float
    n_decoys: int
    n_decoys_linked: int

    @classmethod
    def from_json(cls, found: Mapping[str, object]) -> Expected:
        """Read figures back, as numbers or as the text of numbers."""
        precision = found["precision"]
        known = None if precision in (None, "None") else float(str(precision))
        low, high = float(str(found["low"])), float(str(found["high"]))
        return cls(known, low, high, int(str(found["n_decoys"])), int(str(found["n_decoys_linked"])))

    def as_json(self) -> dict[str, object]:
        """Return the figures for a summary."""
        return {
            "precision": None if self.precision is None else round(self.precision, 6),
            "low": round(self.low, 6),
            "high": round(self.high, 6),
            "level": 1 - LEVEL,
            "n_decoys": self.n_decoys,
            "n_decoys_linked": self.n_decoys_linked,
        }


def _poisson(n: float) -> tuple[float, float]:
    low = float(gammaincinv(n, LEVEL / 2)) if n > 0 else 0.0
    return low, float(gammaincinv(n + 1, 1 - LEVEL / 2))


def _falling_between(least: float, most: float) -> tuple[int, int]:
    """Return the numbers of events between which a Poisson count falls, its mean lying between two bounds."""
    low = float(pdtrik(LEVEL / 2, least)) if least > -log(LEVEL / 2) else 0.0
    return int(floor(low)), int(ceil(float(pdtrik(1 - LEVEL / 2, most))))


def expect_links(
    session: Session,
    weighed: str,
    links: str,
    model: Model,
    *,
    n_left: int,
    n_right: int,
    threshold_bits: float,
    n_audited: int,
) -> Expected:
    """Expect the precision of ``links`` x (rid_l, rid_r, weight_bits), one row a record of LEFT.

    Shape:  ``weighed`` x (rid_l, rid_r, bits) holds all rivals of the first ``n_audited`` records by hash.
    """
    n_links = session.whole(Query(f"select count(*) from {links}", (links,)))  # noqa: S608
    if n_links == 0:
        return Expected(None, 0.0, 1.0, 0, 0)
    prior, absent = log2(max(model.present, 1e-12) / max(n_right, 1)), max(1 - model.present, 1e-9)
    text = f"""
        with audited as (select rid from left_people order by hash(rid, 53), rid limit {n_audited}),
        sure as (
            select rid_l, rid_r from decided where place = 1 and alone_bits >= {SURE_BITS} and rid_l in (select rid from audited)
        ),
        rivals as (
            select w.rid_l, w.bits, row_number() over (partition by w.rid_l order by w.bits desc, w.rid_r) as place,
                sum(pow(2, least(w.bits, {MOST_BITS}) + {prior:.9f})) over (partition by w.rid_l order by w.bits desc, w.rid_r
                    rows between unbounded preceding and unbounded following) as total
            from {weighed} w join sure s on s.rid_l = w.rid_l and s.rid_r <> w.rid_r
            where (w.rid_l, w.rid_r) not in (select rid_l, rid_r from copies)
        )
        select (select count(*) from sure), count(*) from rivals where place = 1
            and bits + {prior:.9f} - log2(greatest({absent:.12f} + total - pow(2, bits + {prior:.9f}), 1e-12)) >= {threshold_bits}
    """  # noqa: S608
    n_decoys, n_linked = (
        int(value) for value in session.rows(Query(text, (weighed, "decided", "left_people", "copies")))[0]
    )
    doubt = session.rows(
        Query(f"select coalesce(sum(cast(1 / (1 + pow(2, weight_bits)) as decimal(18, 12))), 0) from {links}", (links,))
    )  # noqa: S608
    by_model = float(doubt[0][0])
    low, high = _poisson(n_linked)
    n_absent = absent * n_left
    share = n_absent / max(n_decoys, 1)
    false = by_model + share * n_linked
    least, most = _falling_between(by_model / 2 + share * low, by_model + share * high)
    return Expected(
        max(0.0, 1 - false / n_links), max(0.0, 1 - most / n_links), min(1.0, 1 - least / n_links), n_decoys, n_linked
    )


def expect_together(*parts: tuple[Expected, int]) -> Expected:
    """Expect of several sets of links together what is expected of each, weighted by its number of links.

    The interval is no narrower than its parts: their ends are averaged as if all erred the same way.
    """
    held = [(one, n) for one, n in parts if n and one.precision is not None]
    total = sum(n for _, n in held)
    if not total:
        return Expected(None, 0.0, 1.0, 0, 0)
    precision, low, high = (
        sum(getattr(one, name) * n for one, n in held) / total for name in ("precision", "low", "high")
    )
    return Expected(
        precision, low, high, sum(one.n_decoys for one, _ in held), sum(one.n_decoys_linked for one, _ in held)
    )


def expect_pairs(session: Session, decided: str, clusters: str) -> Expected:
    """Expect the pairwise precision of clusters: pairs weighed count with their chance, pairs never compared with a half.

    Assumes: at worst a pair inside a cluster that no rule brought is as likely wrong as right, and ten times as many
    weighed pairs are wrong as the model says, which it understates where households and twins are many.
    """
    text = f"""
        with sizes as (select sum(n * (n - 1) // 2) as n_pairs from (select count(*) as n from {clusters} group by cluster_rid)),
        inside as (
            select d.weight_bits from {decided} d join {clusters} a on a.rid = d.rid_l
            join {clusters} b on b.rid = d.rid_r and b.cluster_rid = a.cluster_rid order by d.rid_l, d.rid_r
        )
        select (select n_pairs from sizes), count(*), coalesce(sum(cast(1 / (1 + pow(2, -weight_bits)) as decimal(18, 12))), 0) from inside
    """  # noqa: S608
    n_pairs, n_weighed, right = session.rows(Query(text, (decided, clusters)))[0]
    if not n_pairs:
        return Expected(None, 0.0, 1.0, 0, 0)
    doubt, unseen = int(n_weighed) - float(right), int(n_pairs) - int(n_weighed)
    most = _falling_between(0.0, DOUBT_UNDERSTATED * doubt + unseen / 2 + SMALLEST_MEAN)[1]
    middle = int(n_pairs) - doubt - unseen / 4
    return Expected(middle / int(n_pairs), max(0.0, 1 - most / int(n_pairs)), 1.0, 0, 0)
