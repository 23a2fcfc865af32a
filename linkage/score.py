"""Weighing the rest: candidates by blocking rules, agreement levels in SQL, match weights in bits, net of rivals."""

from __future__ import annotations

from math import log2

from cld.engine import Query, Session
from linkage.estimate import LEVELS, SMALLEST, Model, estimate_m

__all__ = ["PROBABILISTIC", "THRESHOLD_BITS", "TIE_GAP_BITS", "score_rest", "train"]

PROBABILISTIC = "probabilistic"
THRESHOLD_BITS = 6.0
TIE_GAP_BITS = 3.0
NUMBER_M = 0.97
NUMBER_NEAR_M = 0.02
SAMPLE = 200_000

BLOCKING = (
    "r.birth = f.birth and r.given = f.given",
    "r.birth = f.birth and r.family = f.family",
    "r.birth = f.birth and r.postcode = f.postcode",
    "r.postcode = f.postcode and r.given = f.given",
    "r.family = f.family and r.given = f.given and year(r.birth) = year(f.birth)",
    "r.family = f.previous_family and r.given = f.given",
    "r.number = f.person_id",
)

GAMMAS = """
    case when r.given is null or f.given is null then -1 when r.given = f.given then 2
        when length(r.given) = 1 and r.given = f.given[1] or jaro_winkler_similarity(r.given, f.given) >= 0.9 then 1
        else 0 end as given,
    case when r.family is null or f.family is null then -1 when r.family = f.family then 3
        when r.family = f.previous_family then 2 when jaro_winkler_similarity(r.family, f.family) >= 0.9 then 1
        else 0 end as family,
    case when r.birth is null or f.birth is null then -1 when r.birth = f.birth then 2
        when cast(year(r.birth) = year(f.birth) as integer) + cast(month(r.birth) = month(f.birth) as integer)
            + cast(day(r.birth) = day(f.birth) as integer) >= 2
            or year(r.birth) = year(f.birth) and month(r.birth) = day(f.birth) and day(r.birth) = month(f.birth) then 1
        else 0 end as birth,
    case when r.postcode is null or f.postcode is null then -1 when r.postcode = f.postcode then 2
        when r.postcode = f.previous_postcode or left(r.postcode, -2) = left(f.postcode, -2) then 1 else 0 end as postcode,
    case when r.sex is null or f.sex is null then -1 when r.sex = f.sex then 1 else 0 end as sex
"""


def _level_counts(session: Session, pairs: str, inputs: tuple[str, ...]) -> dict[str, tuple[float, ...]]:
    rates = {}
    for name, levels in LEVELS.items():
        found = dict(
            session.rows(Query(f"select {name}, count(*) from ({pairs}) where {name} >= 0 group by all", inputs))
        )  # noqa: S608
        total = sum(int(count) for count in found.values()) or 1
        raw = [max(int(str(found.get(level, 0))) / total, SMALLEST) for level in range(levels)]
        rates[name] = tuple(value / sum(raw) for value in raw)
    return rates


def train(session: Session) -> Model:
    """Estimate the model from ``records`` and the index: u on random pairs, m on pairs that share a number."""
    n_index = session.whole(Query("select count(*) from person_faces", ("person_faces",)))
    session.table(
        "numbered_faces",
        Query("select row_number() over (order by person_id) - 1 as n, * from person_faces", ("person_faces",)),
    )
    ends = f"""
        select cast(hash(range, 'left') % {max(n_index, 1)} as bigint) as left_n,
            cast(hash(range, 'right') % {max(n_index, 1)} as bigint) as right_n
        from range({min(SAMPLE, n_index * 20)})
    """  # noqa: S608
    session.table("drawn_ends", Query(ends))
    # one side at a time, so that the planner never crosses the two sides of the sample
    session.table(
        "drawn_left",
        Query(
            "select f.*, d.right_n from drawn_ends d join numbered_faces f on f.n = d.left_n where left_n <> right_n",
            ("drawn_ends", "numbered_faces"),
        ),
    )
    pairs = f"select {GAMMAS} from drawn_left r join numbered_faces f on f.n = r.right_n"  # noqa: S608
    session.table("drawn", Query(pairs, ("drawn_left", "numbered_faces")))
    u = _level_counts(session, "select * from drawn", ("drawn",))
    shared = f"select {GAMMAS} from records r join person_faces f on f.person_id = r.number"  # noqa: S608
    session.table("shared_gammas", Query(shared, ("records", "person_faces")))
    names = ", ".join(LEVELS)
    text = f"select {names}, count(*) from shared_gammas group by all order by all"  # noqa: S608
    counted = session.rows(Query(text, ("shared_gammas",)))
    if not counted:
        counted = [(2, 3, 2, 2, 1, 1)]
    rows = [tuple(int(value) for value in row) for row in counted]
    return estimate_m([row[:-1] for row in rows], [row[-1] for row in rows], u)


def _weight_sql(model: Model, n_index: int) -> str:
    """Sum of log2(m/u) in bits; an exact name weighs by how rare it is, a missing value weighs nothing."""
    parts = []
    for name, levels in LEVELS.items():
        cases = []
        for level in range(levels):
            bits = log2(model.m[name][level] / model.u[name][level])
            rare = name in ("given", "family") and level == levels - 1
            value = (
                f"log2({model.m[name][level]:.8f} / greatest({name}_share, {1 / max(n_index, 1):.10f}))"
                if rare
                else f"{bits:.6f}"
            )
            cases.append(f"when {level} then {value}")
        parts.append(f"case {name} {' '.join(cases)} else 0 end")
    number = f"""case when number is null then 0 when number = person_id then {log2(NUMBER_M * max(n_index, 2)):.6f}
        when near_number then {log2(NUMBER_NEAR_M * 1e6):.6f} else {log2(1 - NUMBER_M):.6f} end"""
    return " + ".join([*parts, number])


def score_rest(session: Session, model: Model) -> None:
    """Make the table ``scored``: for each open record its best candidate, weight net of rivals and gap to the next.

    Shape:  out one row an open record with a candidate x (rid, person_id, weight_bits, gap_bits, n_candidates).
    """
    n_index = session.whole(Query("select count(*) from person_faces", ("person_faces",)))
    session.table(
        "open_records",
        Query("select * from records where rid not in (select rid from settled) order by rid", ("records", "settled")),
    )
    unions = " union ".join(
        f"select r.rid, f.person_id from open_records r join person_faces f on {rule}"
        for rule in BLOCKING  # noqa: S608
    )
    session.table("candidates", Query(unions, ("open_records", "person_faces")))
    for name in ("given", "family"):
        text = f"select {name} as value, count(*) / sum(count(*)) over () as share from person_faces where {name} is not null group by all"  # noqa: S608
        session.table(f"{name}_shares", Query(text, ("person_faces",)))
    gammas = f"""
        select c.rid, c.person_id, r.number, {GAMMAS}, coalesce(gs.share, 0) as given_share, coalesce(fs.share, 0) as family_share,
            r.number is not null and levenshtein(r.number, c.person_id) <= 2 as near_number
        from candidates c join open_records r on r.rid = c.rid join person_faces f on f.person_id = c.person_id
        left join given_shares gs on gs.value = f.given left join family_shares fs on fs.value = f.family
    """  # noqa: S608
    prior = log2(1 / max(n_index, 2))
    ranked = f"""
        with weighed as (select rid, person_id, {_weight_sql(model, n_index)} + {prior:.6f} as bits from ({gammas})),
        placed as (
            select *, row_number() over (partition by rid order by bits desc, person_id) as place,
                count(*) over (partition by rid) as n_candidates,
                lead(bits) over (partition by rid order by bits desc, person_id) as next_bits
            from weighed
        )
        select rid, person_id, bits - log2(1 + coalesce((n_candidates - 1) * pow(2, least(next_bits, 60)), 0)) as weight_bits,
            coalesce(bits - next_bits, 99) as gap_bits, n_candidates
        from placed where place = 1
        order by rid
    """  # noqa: S608
    session.table(
        "scored", Query(ranked, ("candidates", "open_records", "person_faces", "given_shares", "family_shares"))
    )
