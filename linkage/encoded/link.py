"""Link two files of encodings without the secret: exact steps on keys, then weighed evidence on similarities.

Each step is named and counted. A left record has at most one link; near-equal rivals leave it unlinked.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from cld.engine import Query, Session, quote, scratch_engine, text_literal
from linkage.encoded.compare import pairs_above
from linkage.encoded.estimate import EncodedModel, Patterns, count_patterns, fit_model, pattern_weights
from linkage.encoded.exchange import EncodedFile, read_encoded, require_same_secret
from linkage.encoded.levels import FieldSide, LevelThresholds, field_levels, n_levels, thresholds_of
from linkage.encoded.scheme import EncodedField, FieldKind

__all__ = ["PROBABILISTIC", "EncodedLinkage", "link_encoded"]

PROBABILISTIC = "probabilistic"
THRESHOLD_BITS = 6.0
TIE_GAP_BITS = 3.0
MOST_PAIRS_WHOLE = 30_000_000
MOST_PAIRS_OF_A_KEY = 1_000_000
N_RANDOM = 1_000_000
FEWEST_NEAR_FIELDS = 2
# odd multipliers that scatter whole numbers, from the golden ratio (Knuth 1998, 6.4)
SCATTER_L, SCATTER_R = 11_400_714_819_323_198_485, 14_029_467_366_897_019_727
Places = npt.NDArray[np.int64]
Pairs = tuple[Places, Places]


@dataclass(frozen=True, slots=True)
class EncodedLinkage:
    """What was linked, by step, and the model that weighed the rest."""

    n_left: int
    n_right: int
    n_links: int
    n_candidates: int
    n_contested: int
    n_pairs_skipped: int
    steps: Mapping[str, int]
    model: EncodedModel
    thresholds: Mapping[str, LevelThresholds]

    def as_json(self) -> dict[str, object]:
        """Return the summary as a JSON value."""
        numbers = ("n_left", "n_right", "n_links", "n_candidates", "n_contested", "n_pairs_skipped")
        limits = {name: [each.partial, each.near, each.exact] for name, each in self.thresholds.items()}
        whole = {name: getattr(self, name) for name in numbers}
        return {**whole, "steps": dict(self.steps), "model": self.model.as_json(), "dice_thousandths": limits}


def link_encoded(
    left: Path,
    right: Path,
    out: Path,
    *,
    threshold_bits: float = THRESHOLD_BITS,
    n_threads: int = 2,
    memory: str = "2GB",
) -> EncodedLinkage:
    """Link the records of one encoded file to those of another and write the links; no secret is needed.

    Shape:  out at most one row for each left record x (id_l, id_r, weight_bits, probability, step).
    Order:  by id_l, id_r.
    Units:  weight_bits net of rivals, with three decimal places.
    Raises: UnreadableFile, UnknownSpecification, BadSignature or DisclosureRefused, before anything is compared.
    """
    files = read_encoded(left), read_encoded(right)
    require_same_secret(*files)
    with (
        tempfile.TemporaryDirectory() as scratch,
        scratch_engine(Path(scratch), n_threads, memory).session() as session,
    ):
        _attach(session, files)
        _settle(session, files[0])
        n_skipped = _block(session, files[0])
        _whole(session, files, n_threads)
        summary = _weigh(session, files, threshold_bits, n_skipped)
        session.export(Query("select * from links order by id_l, id_r", ("links",)), out)
        return summary


def _attach(session: Session, files: tuple[EncodedFile, EncodedFile]) -> None:
    """Make the tables ``keys_l`` and ``keys_r``: place, record_id and one column a key."""
    for side, file in zip(("keys_l", "keys_r"), files, strict=True):
        columns = {f"key_{key.name}": file.keys(key.name) for key in file.scheme.keys}
        places = pa.array(np.arange(file.n_rows, dtype=np.int64))
        session.take(side, pa.table({"place": places, "record_id": file.record_ids(), **columns}))


def _settle(session: Session, file: EncodedFile) -> None:
    """Make ``settled`` (place_l, place_r, step): each key in turn, where it leads to one right record alone.

    Source: the order of NHS England's master person service, on keyed hashes instead of values.
    """
    session.table("settled", Query("select 0::bigint as place_l, 0::bigint as place_r, '' as step where false"))
    for key in (key for key in file.scheme.keys if key.settles):
        column = quote(f"key_{key.name}")
        text = f"""
            with once as (
                select {column} as made, min(place) as place_r from keys_r where {column} is not null
                group by all having count(*) = 1
            )
            select * from settled
            union all
            select l.place, o.place_r, {text_literal(key.name)} from keys_l l join once o on o.made = l.{column}
            where l.place not in (select place_l from settled)
            order by place_l
        """  # noqa: S608 - names quoted, constants of the scheme
        session.table("settled_next", Query(text, ("settled", "keys_l", "keys_r")))
        session.table("settled", Query("select * from settled_next order by place_l", ("settled_next",)))


def _block(session: Session, file: EncodedFile) -> int:
    """Make ``candidates`` (place_l, place_r) of open left records that share a key; return pairs left out.

    A key value that would make more than a million pairs is left out and counted: it chooses nothing.
    """
    session.table(
        "open_l", Query("select * from keys_l where place not in (select place_l from settled) order by place")
    )
    session.table("candidates", Query("select place_l, place_r from settled order by place_l", ("settled",)))
    n_skipped = 0
    for key in file.scheme.keys:
        column = quote(f"key_{key.name}")
        counted = f"""
            with l as (select {column} as made, count(*) as n from open_l where {column} is not null group by all),
            r as (select {column} as made, count(*) as n from keys_r where {column} is not null group by all)
            select made, l.n * r.n as n_pairs from l join r using (made) order by made
        """  # noqa: S608
        session.table("key_sizes", Query(counted, ("open_l", "keys_r")))
        large = f"select coalesce(sum(n_pairs), 0)::bigint from key_sizes where n_pairs > {MOST_PAIRS_OF_A_KEY}"  # noqa: S608
        n_skipped += session.whole(Query(large, ("key_sizes",)))
        text = f"""
            select * from candidates
            union
            select l.place, r.place from key_sizes k join open_l l on l.{column} = k.made join keys_r r on r.{column} = k.made
            where k.n_pairs <= {MOST_PAIRS_OF_A_KEY}
            order by place_l, place_r
        """  # noqa: S608
        session.table("candidates_next", Query(text, ("candidates", "key_sizes", "open_l", "keys_r")))
        session.table("candidates", Query("select * from candidates_next order by all", ("candidates_next",)))
    return n_skipped


def _sides(files: tuple[EncodedFile, EncodedFile], field: EncodedField) -> tuple[FieldSide, FieldSide]:
    left, right = (FieldSide(*file.filters(field.name), file.salt_tags()) for file in files)
    return left, right


def _limits(
    sides: tuple[FieldSide, FieldSide], files: tuple[EncodedFile, EncodedFile], field: EncodedField
) -> LevelThresholds:
    density = (sides[0].density + sides[1].density) / 2
    return thresholds_of(field, files[0].scheme, density)


def _whole(session: Session, files: tuple[EncodedFile, EncodedFile], n_threads: int) -> None:
    """Add the pairs that are near on two fields, found among all pairs, where all pairs are few enough."""
    open_l = session.arrow(Query("select place from open_l order by place", ("open_l",)))["place"].to_numpy()
    n_r = files[1].n_rows
    if not 0 < len(open_l) * n_r <= MOST_PAIRS_WHOLE:
        return
    found = []
    for field in files[0].scheme.fields:
        if field.kind is FieldKind.CATEGORY:
            continue
        left, right = _sides(files, field)
        limit = _limits((left, right), files, field).near
        rows, places, _ = pairs_above(left.filters[open_l], right.filters, limit, n_threads)
        found.append(open_l[rows] * n_r + places)
    code, n_near = np.unique(np.concatenate(found), return_counts=True)
    chosen = code[n_near >= FEWEST_NEAR_FIELDS]
    session.take("near_pairs", pa.table({"place_l": chosen // n_r, "place_r": chosen % n_r}))
    text = "select * from candidates union select * from near_pairs order by place_l, place_r"
    session.table("candidates_next", Query(text, ("candidates", "near_pairs")))
    session.table("candidates", Query("select * from candidates_next order by all", ("candidates_next",)))


def _random_pairs(n_left: int, n_right: int) -> Pairs:
    """Return scattered pairs, the same at every run."""
    steps = np.arange(min(N_RANDOM, n_left * n_right), dtype=np.uint64) + np.uint64(1)
    with np.errstate(over="ignore"):
        ends = (steps * np.uint64(SCATTER_L)) >> np.uint64(16), (steps * np.uint64(SCATTER_R)) >> np.uint64(16)
    return (ends[0] % np.uint64(max(n_left, 1))).astype(np.int64), (ends[1] % np.uint64(max(n_right, 1))).astype(
        np.int64
    )


def _weigh(
    session: Session, files: tuple[EncodedFile, EncodedFile], threshold_bits: float, n_skipped: int
) -> EncodedLinkage:
    """Compare, estimate, weigh and choose; makes the table ``links``."""
    taken = session.arrow(Query("select place_l, place_r from candidates order by place_l, place_r", ("candidates",)))
    pairs = taken["place_l"].to_numpy(), taken["place_r"].to_numpy()
    names, candidates, random, limits = _compare(files, pairs)
    model = fit_model(names, candidates, random)
    bits = pattern_weights(names, candidates, model, files[1].n_rows)[candidates.own]
    weighed = pa.table({"place_l": pairs[0], "place_r": pairs[1], "bits": bits})
    session.take("weighed", weighed)
    _choose(session, threshold_bits)
    steps = {
        str(step): int(n)
        for step, n in session.rows(Query("select step, count(*) from links group by all order by all"))
    }
    named = {key.name: steps.get(key.name, 0) for key in files[0].scheme.keys if key.settles}
    contested = session.whole(Query("select count(*) from best where is_contested", ("best",)))
    return EncodedLinkage(
        files[0].n_rows,
        files[1].n_rows,
        sum(steps.values()),
        len(pairs[0]),
        contested,
        n_skipped,
        {**named, PROBABILISTIC: steps.get(PROBABILISTIC, 0)},
        model,
        limits,
    )


def _compare(
    files: tuple[EncodedFile, EncodedFile], pairs: Pairs
) -> tuple[dict[str, int], Patterns, Patterns, dict[str, LevelThresholds]]:
    """Compare candidates and random pairs, one field in memory at a time; a field that one side lacks says nothing."""
    names: dict[str, int] = {}
    limits: dict[str, LevelThresholds] = {}
    levels: list[tuple[npt.NDArray[np.int8], npt.NDArray[np.int8]]] = []
    random = _random_pairs(files[0].n_rows, files[1].n_rows)
    for field in files[0].scheme.fields:
        left, right = _sides(files, field)
        if not (left.present.any() and right.present.any()):
            continue
        limit = _limits((left, right), files, field)
        names[field.name], limits[field.name] = n_levels(field), limit
        levels.append((field_levels(left, right, field, limit, pairs), field_levels(left, right, field, limit, random)))
    n_pairs = len(pairs[0]), len(random[0])
    stacked = [
        np.stack(columns, axis=1) if columns else np.empty((n, 0), np.int8)
        for columns, n in zip(_turned(levels), n_pairs, strict=True)
    ]
    counted = [count_patterns(each, tuple(names.values())) for each in stacked]
    return names, counted[0], counted[1], limits


def _turned(
    levels: list[tuple[npt.NDArray[np.int8], npt.NDArray[np.int8]]],
) -> tuple[list[npt.NDArray[np.int8]], list[npt.NDArray[np.int8]]]:
    return [first for first, _ in levels], [second for _, second in levels]


def _choose(session: Session, threshold_bits: float) -> None:
    """Make ``best`` and ``links``: the settled pair, or the heaviest net of its rivals, ties by id.

    The chance of a pair is its odds over one and the odds of all candidates of the same left record.
    Weights are rounded to thousandths of a bit before they are ranked, so that equal evidence is equal.
    """
    ranked = """
        with whole as (
            select w.place_l, w.place_r, s.step, r.record_id as id_r,
                cast(round(w.bits * 1000) as bigint) as millibits,
                cast(round(pow(2, least(round(w.bits * 1000), 60000) / 1000.0) * 1000000) as hugeint) as odds
            from weighed w join keys_r r on r.place = w.place_r
            left join settled s on s.place_l = w.place_l and s.place_r = w.place_r
        ), placed as (
            select *, row_number() over rivals as position, lead(millibits) over rivals as next_millibits,
                sum(odds) over (partition by place_l) as all_odds
            from whole
            window rivals as (partition by place_l order by step is null, millibits desc, id_r)
        )
        select place_l, id_r, step, millibits,
            cast(all_odds - odds as double) / 1000000.0 as rival_odds,
            step is null and next_millibits is not null and millibits - next_millibits < $gap and millibits >= $floor as is_contested
        from placed where position = 1
        order by place_l
    """
    limits = {"gap": round(TIE_GAP_BITS * 1000), "floor": round(threshold_bits * 1000)}
    session.table("best", Query(ranked, ("weighed", "keys_r", "settled"), limits))
    chosen = f"""
        with net as (
            select l.record_id as id_l, b.id_r, b.step, b.is_contested,
                round(b.millibits / 1000.0 - log2(1 + b.rival_odds), 3) as weight_bits
            from best b join keys_l l on l.place = b.place_l
        )
        select id_l, id_r, weight_bits, round(1 / (1 + pow(2, -weight_bits)), 6) as probability,
            coalesce(step, '{PROBABILISTIC}') as step
        from net where step is not null or (not is_contested and weight_bits >= $threshold)
        order by id_l, id_r
    """  # noqa: S608
    session.table("links", Query(chosen, ("best", "keys_l"), {"threshold": threshold_bits}))
