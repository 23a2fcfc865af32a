"""Why two records are linked, or are not: the exact step, or every field's bits, the prior and the rivals.

An explanation names fields, levels and weights; it never shows a value of either record.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import log2

from cld.engine import Query, Session
from linkage.prepare.comparisons import MISSING, Comparison
from linkage.settle.decide import MOST_BITS
from linkage.settle.matching import Matched
from linkage.weigh.estimate import SMALLEST, conditional
from linkage.weigh.model import Model

__all__ = ["Explanation", "Part", "contribution", "explain_record", "parts_of", "parts_sql"]


@dataclass(frozen=True, slots=True)
class Part:
    """One bar of the waterfall: what it is, the level found, its bits, and what dependence took away from them."""

    name: str
    label: str
    bits: float
    dependence_bits: float = 0.0


@dataclass(frozen=True, slots=True)
class Explanation:
    """A pair taken apart: the parts add up to the weight."""

    id_l: str
    id_r: str
    step: str
    parts: tuple[Part, ...]
    weight_bits: float
    threshold_bits: float
    n_rivals: int

    @property
    def is_linked(self) -> bool:
        """Say whether the weight reaches the threshold."""
        return self.weight_bits >= self.threshold_bits

    def sentence(self) -> str:
        """Return the explanation in words."""
        ordered = sorted(
            (part for part in self.parts if part.name not in ("prior", "rivals")), key=lambda part: -part.bits
        )
        speak_for = [f"{part.name} ({part.label}, {part.bits:+.1f} bits)" for part in ordered if part.bits > 0]
        against = [f"{part.name} ({part.label}, {part.bits:+.1f} bits)" for part in reversed(ordered) if part.bits < 0]
        prior = next((part.bits for part in self.parts if part.name == "prior"), 0.0)
        rivals = next((part.bits for part in self.parts if part.name == "rivals"), 0.0)
        words = [
            f"{'Linked' if self.is_linked else 'Not linked'} with {self.weight_bits:.1f} bits against {self.threshold_bits:.1f}"
        ]
        words.append(
            "by an exact step, " + self.step.replace("_", " ")
            if self.step != "probabilistic"
            else "by weighed evidence"
        )
        told = f"{', '.join(words)}. For it: {', '.join(speak_for) or 'nothing'}. Against it: {', '.join(against) or 'nothing'}."
        told += f" Any one person of the index starts at {prior:+.1f} bits"
        return told + (f"; {self.n_rivals} rivals take {-rivals:.1f} bits." if self.n_rivals else "; it has no rival.")

    def as_json(self) -> dict[str, object]:
        """Return the explanation for a program."""
        return {
            "id_l": self.id_l,
            "id_r": self.id_r,
            "step": self.step,
            "linked": self.is_linked,
            "weight_bits": round(self.weight_bits, 4),
            "threshold_bits": self.threshold_bits,
            "n_rivals": self.n_rivals,
            "parts": [
                {
                    "name": p.name,
                    "level": p.label,
                    "bits": round(p.bits, 4),
                    "dependence_bits": round(p.dependence_bits, 4),
                }
                for p in self.parts
            ],
            "sentence": self.sentence(),
        }


def contribution(
    comparisons: Sequence[Comparison], place: int, level: int, mask: int, share: float, model: Model, n_right: int
) -> Part:
    """Return what one comparison of a pair weighs, as score.weigh_pairs does in SQL, and what dependence took away.

    Source: Fellegi and Sunter 1969; kappa as in linkage.prepare.frequencies.
    """
    one = comparisons[place]
    if level == MISSING:
        return Part(one.name, "missing", 0.0)
    m, u = model.m[one.name], model.u[one.name]
    kappa = conditional(mask, place, [each.name for each in comparisons], model.kappas)
    if level == one.exact:
        shift, floor = model.partners.get(one.name, 0.0) / max(n_right, 1), 0.5 / max(n_right, 1)
        alone = max(share - shift, floor) if one.frequency else max(u[-1], SMALLEST * SMALLEST)
        bits = log2(m[-1]) - log2(kappa + (1 - kappa) * alone)
        return Part(one.name, one.labels[level], bits, bits - (log2(m[-1]) - log2(alone)))
    plain = log2(max(m[level], SMALLEST) / max(u[level], SMALLEST))
    lost = -log2(max(1 - (kappa + (1 - kappa) * u[-1]), SMALLEST) / max(1 - u[-1], SMALLEST))
    return Part(one.name, one.labels[level], plain + lost, lost)


def parts_sql(comparisons: Sequence[Comparison]) -> str:
    """Return the select list that parts_of reads, ``d`` being ``decided`` and ``c`` being ``compared``."""
    shares = "".join(f", c.share_{one.name}" for one in comparisons if one.frequency)
    return (
        f"d.weight_bits, d.alone_bits, d.n_rivals, c.mask, {', '.join(f'c.{one.name}' for one in comparisons)}{shares}"
    )


def parts_of(
    comparisons: Sequence[Comparison], row: Sequence[float], model: Model, n_right: int
) -> tuple[tuple[Part, ...], int]:
    """Take one row of parts_sql apart: every field's part, the prior and the rivals; and how many rivals there are."""
    weight, alone, n_rivals, mask, *rest = row
    names = [one.name for one in comparisons]
    levels = dict(zip(names, rest, strict=False))
    shares = dict(zip([one.name for one in comparisons if one.frequency], rest[len(names) :], strict=True))
    parts = [
        contribution(comparisons, place, int(levels[name]), int(mask), float(shares.get(name, 0.0)), model, n_right)
        for place, name in enumerate(names)
    ]
    prior = log2(max(model.present, 1e-12) / max(n_right, 1)) - log2(1 - model.present)
    parts.append(Part("prior", "before anything is compared", prior))
    parts.append(Part("rivals", f"{n_rivals} rivals", float(weight) - float(alone)))
    return tuple(parts), int(n_rivals)


def explain_record(
    session: Session, matched: Matched, id_l: str, id_r: str | None, threshold_bits: float
) -> Explanation | None:
    """Take apart the best candidate of a record, or the one named, from the tables that match_two made.

    Returns None where the pair shares no blocking key, so that it was never compared.
    """
    text = f"""
        select r.id, coalesce(s.step, 'probabilistic'), {parts_sql(matched.comparisons)}
        from left_people l join decided d on d.rid_l = l.rid join right_people r on r.rid = d.rid_r
        join compared c on c.rid_l = d.rid_l and c.rid_r = d.rid_r
        left join settled s on s.rid_l = d.rid_l and s.rid_r = d.rid_r
        where l.id = $id_l and ($id_r is null and d.place = 1 or r.id = $id_r)
    """  # noqa: S608
    inputs = ("left_people", "decided", "right_people", "compared", "settled")
    rows = session.rows(Query(text, inputs, {"id_l": id_l, "id_r": id_r}))
    if not rows:
        return None
    found_r, step, *row = rows[0]
    parts, n_rivals = parts_of(matched.comparisons, row, matched.model, matched.n_right)
    weight = min(float(row[0]), MOST_BITS)
    return Explanation(id_l, str(found_r), str(step), parts, weight, threshold_bits, n_rivals)
