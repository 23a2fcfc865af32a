"""Resolve records to the person index: cascade, then weighed evidence; every record keeps its step, weight and outcome."""

from __future__ import annotations

from cld.engine import Query, Session
from linkage.cascade import settle_exactly
from linkage.estimate import Model
from linkage.score import PROBABILISTIC, THRESHOLD_BITS, TIE_GAP_BITS, score_rest, train

__all__ = ["RESOLVED_COLUMNS", "resolve"]

RESOLVED_COLUMNS = ("rid", "person_id", "step", "band", "outcome", "weight_millibits", "superseded")

# outcomes are the published response codes: 00 found, 90 superseded, 92 sensitive, 97 several close, 98 not found
RESOLVED = f"""
    with joined as (
        select r.rid, coalesce(s.person_id, case when c.weight_bits >= {THRESHOLD_BITS} and c.gap_bits >= {TIE_GAP_BITS}
                then c.person_id end) as person_id,
            case when s.person_id is not null then s.step
                when c.weight_bits >= {THRESHOLD_BITS} and c.gap_bits >= {TIE_GAP_BITS} then '{PROBABILISTIC}' end as step,
            coalesce(s.superseded, false) as superseded, c.weight_bits, c.gap_bits
        from records r left join settled s on s.rid = r.rid left join scored c on c.rid = r.rid
    )
    select b.rid, b.person_id, coalesce(b.step, 'unlinked') as step,
        case when b.step is null then 'none' when b.step <> '{PROBABILISTIC}' then 'exact'
            when b.weight_bits >= 15 then 'high' else 'medium' end as band,
        case when b.person_id is null and b.gap_bits < {TIE_GAP_BITS} and b.weight_bits > -3 then '97'
            when b.person_id is null then '98' when f.sensitive then '92' when b.superseded then '90' else '00' end as outcome,
        cast(round(coalesce(b.weight_bits, 0) * 1000) as bigint) as weight_millibits, b.superseded
    from joined b left join person_index f on f.nhs_number = b.person_id
    order by b.rid
"""  # noqa: S608


def resolve(session: Session, name: str, model: Model | None = None) -> Model:
    """Make the table ``name`` from ``records``; the model is trained on these records unless one is given.

    Shape:  in records x (rid, number, given, family, birth, sex, postcode); out one row a record, RESOLVED_COLUMNS.
    Nulls:  person_id is null for a record that is not linked: several close candidates never link.
    """
    settle_exactly(session)
    used = model or train(session)
    score_rest(session, used)
    session.table(name, Query(RESOLVED, ("records", "settled", "scored", "person_index"), columns=RESOLVED_COLUMNS))
    return used
