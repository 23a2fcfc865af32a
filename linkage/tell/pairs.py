"""A drawn pair as a person sees it: both records in standard form, levels of agreement, and what each weighs.

The rows lie on the shelf as identified rows; a page draws one pair of them and keeps nothing.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

from cld.engine import Query, Session
from linkage.prepare.comparisons import Comparison
from linkage.tell.explain import Explanation, Part, parts_of, parts_sql
from linkage.tell.masks import mask_pair
from linkage.weigh.model import Model

__all__ = ["Line", "Pair", "make_items", "read_pair"]

EARLIER = {"other_family": "earlier family name", "other_postcode": "earlier postcode"}
TITLES = {
    "number": "NHS number", "given": "given name", "family": "family name", "birth": "birth date", "sex": "sex",
    "postcode": "postcode", **EARLIER,
}  # fmt: skip
AS_TEXT = {
    "number": "lpad(cast({c} as varchar), 10, '0')",
    "birth": "printf('%04d-%02d-%02d', {c} // 10000, {c} // 100 % 100, {c} % 100)",
}


@dataclass(frozen=True, slots=True)
class Line:
    """One field of a pair: what each record says, shown whole or masked, and the part that it has in the weight."""

    title: str
    left: str
    right: str
    part: Part | None


@dataclass(frozen=True, slots=True)
class Pair:
    """A pair of a queue: its lines, and its weight taken apart."""

    item: int
    lines: tuple[Line, ...]
    explanation: Explanation


def make_items(session: Session, comparisons: Sequence[Comparison], model: Model, n_right: int) -> None:
    """Make ``items`` from ``queue``: both records' fields as text and the parts of each weight.

    Shape:  reads queue, decided, compared, left_people, right_people; out n rows x (item, stratum, n_in_stratum,
            weight_millibits, n_rivals, step, reviews_asked, parts, l_FIELD, r_FIELD), by item.
    """
    text = f"""
        select q.item, {parts_sql(comparisons)} from queue q
        join decided d on d.rid_l = q.rid_l and d.rid_r = q.rid_r join compared c on c.rid_l = q.rid_l and c.rid_r = q.rid_r
        order by q.item
    """  # noqa: S608
    taken = [
        (int(item), *parts_of(comparisons, row, model, n_right))
        for item, *row in session.rows(Query(text, ("queue", "decided", "compared")))
    ]
    parts = [json.dumps([_as_text(part) for part in each]) for _, each, _ in taken]
    made = {"item": [item for item, _, _ in taken], "parts": parts, "n_rivals": [n for _, _, n in taken]}
    session.take(
        "queue_parts", pa.table(made, pa.schema({"item": pa.int64(), "parts": pa.string(), "n_rivals": pa.int64()}))
    )
    fields = [f"{_text_sql('l', one.name)} as l_{one.name}" for one in comparisons]
    held = [one.name for one in comparisons] + [name for name in EARLIER if name in session.columns("right_people")]
    fields += [f"{_text_sql('r', name)} as r_{name}" for name in held]
    rows = f"""
        select q.item, q.stratum, q.n_in_stratum, cast(round(q.weight_bits * 1000) as bigint) as weight_millibits, p.n_rivals,
            q.step, q.reviews_asked, p.parts, {", ".join(fields)}
        from queue q join queue_parts p on p.item = q.item
        join left_people l on l.rid = q.rid_l join right_people r on r.rid = q.rid_r order by q.item
    """  # noqa: S608
    session.table("items", Query(rows, ("queue", "queue_parts", "left_people", "right_people")))


def _text_sql(side: str, name: str) -> str:
    form = AS_TEXT.get("postcode" if name == "other_postcode" else name, "cast({c} as varchar)")
    return form.replace("{c}", f"{side}.{name}")


def _as_text(part: Part) -> list[str]:
    """Write a part without floats: the rows are digested."""
    return [part.name, part.label, f"{part.bits:.4f}", f"{part.dependence_bits:.4f}"]


def read_pair(session: Session, item: int, threshold_bits: float, *, whole: bool) -> Pair:
    """Return one pair of the table ``items``, its values whole or masked.

    The explanation names the pair by its item alone.
    """
    columns = session.columns("items")
    row = dict(
        zip(
            columns,
            session.rows(Query("select * from items where item = $item", ("items",), {"item": item}))[0],
            strict=True,
        )
    )
    parts = tuple(Part(name, label, float(bits), float(lost)) for name, label, bits, lost in json.loads(row["parts"]))
    by_name = {part.name: part for part in parts}
    fields = [name.removeprefix("r_") for name in columns if name.startswith("r_")]
    lines = []
    for name in fields:
        # an earlier value of the index stands against what the council says now
        left, right = row[f"l_{name.removeprefix('other_')}"], row[f"r_{name}"]
        if name in EARLIER and (right is None or (not whole and left != right)):
            continue
        part = by_name.get(name)
        alike = part is None or part.label != "differs"
        shown = (left or "not given", right or "not given") if whole else mask_pair(left, right, alike=alike)
        lines.append(Line(TITLES.get(name, name), *shown, part))
    weight = int(row["weight_millibits"]) / 1000
    told = Explanation(str(item), str(item), str(row["step"]), parts, weight, threshold_bits, int(row["n_rivals"]))
    return Pair(item, tuple(lines), told)
