"""Blocking rules: which pairs of records are compared at all, with the number of pairs known before any is made.

A rule is a key that both records must share, kept as 32 bits of a hash: a chance collision brings one more pair to
compare, never a link. Tight rules always run; loose ones only where the files are small enough for their pairs. A
block with more pairs than the cap is left out and counted.

Source: Jaro 1989 (several blocking passes); research figures in docs/methods/linkage.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cld.engine import Query, Session
from linkage.prepare.fields import Further, Kind
from linkage.prepare.keyhash import KeyHash

__all__ = ["Rule", "key_columns", "make_candidates", "rules_for"]

MOST_PAIRS_IN_BLOCK = 250_000
MOST_LOOSE_RECORDS = 5_000_000
PAIRS_A_RECORD = 400
FEWEST_PAIRS = 20_000_000


@dataclass(frozen=True, slots=True)
class Rule:
    """A key for each side, as SQL over standard columns; a missing part makes no key."""

    name: str
    left: tuple[str, ...]
    right: tuple[str, ...]
    tight: bool = True

    @property
    def key(self) -> str:
        """The name of the key's column."""
        return "key_" + self.name.replace(" ", "_")


GIVEN, FAMILY = "given_part", "family_part"
YEAR = "nullif(birth // 10000, 0)"
BOTH_NAMES = "xor(given_part, family_part)"
SAME = {
    "birth": "birth",
    "given name": GIVEN,
    "family name": FAMILY,
    "postcode": "postcode",
    "birth year": YEAR,
    "names in any order": BOTH_NAMES,
    "number": "number",
    "start of given name": "given_start",
    "start of family name": "family_start",
    "day of birth": "nullif(birth % 10000, 0)",
    "district": "case when length(postcode) > 4 then left(postcode, -3) end",
    "initial": "given[1]",
}
NEEDS = {
    "given name": ("given",), "family name": ("family",), "birth year": ("birth",), "day of birth": ("birth",),
    "names in any order": ("given", "family"), "start of given name": ("given",), "start of family name": ("family",),
    "district": ("postcode",), "initial": ("given",),
}  # fmt: skip
TIGHT: tuple[tuple[str, ...], ...] = (
    ("number",),
    ("birth", "start of given name"),
    ("birth", "start of family name"),
    ("birth", "postcode"),
    ("postcode", "start of given name"),
    ("names in any order", "birth year"),
)
LOOSE: tuple[tuple[str, ...], ...] = (
    ("postcode", "family name"),
    ("names in any order",),
    ("family name", "start of given name", "birth year"),
    ("given name", "start of family name", "birth year"),
    ("start of family name", "start of given name", "birth year"),
    ("postcode", "start of family name"),
    ("postcode", "birth year"),
    ("district", "birth year", "initial"),
    ("day of birth", "family name"),
    ("day of birth", "given name"),
    ("birth",),
    ("postcode",),
    ("start of family name", "start of given name"),
)


def rules_for(fields: Sequence[str], earlier: Sequence[str], further: Sequence[Further]) -> tuple[Rule, ...]:
    """Return the rules that these fields allow, tight ones first; earlier names and addresses have keys of their own."""
    rules = []
    for tight, kinds in ((True, TIGHT), (False, LOOSE)):
        for parts in kinds:
            if all(need in fields for part in parts for need in NEEDS.get(part, (part,))):
                rules.append(_rule(parts, tight=tight))
    for present, field, parts in (
        ("other_family", "family", ("birth", "start of family name")),
        ("other_postcode", "postcode", ("birth", "postcode")),
    ):
        if present in earlier and "birth" in fields and field in fields:
            rules.append(_earlier(parts, present))
    rules += _further_rules(fields, further)
    return tuple(rules) or _last_resort(fields, further)


def _last_resort(fields: Sequence[str], further: Sequence[Further]) -> tuple[Rule, ...]:
    """Where no two fields stand together, whatever single one there is."""
    single = [_rule((part,), tight=True) for part in ("family name", "given name") if NEEDS[part][0] in fields]
    return (*single, *(Rule(one.name, (one.name,), (one.name,)) for one in further if one.name in fields))


def _rule(parts: tuple[str, ...], *, tight: bool) -> Rule:
    keys = tuple(SAME[part] for part in parts)
    return Rule(" and ".join(parts), keys, keys, tight)


def _earlier(parts: tuple[str, ...], present: str) -> Rule:
    left = tuple(SAME[part] for part in parts)
    column = present.removeprefix("other_")
    right = tuple(key.replace(column, present) for key in left)
    return Rule(f"{' and '.join(parts)} of before", left, right)


def _further_rules(fields: Sequence[str], further: Sequence[Further]) -> list[Rule]:
    rules = []
    for one in further:
        if one.name not in fields or one.kind is Kind.NUMBER:
            continue
        if one.kind is Kind.IDENTIFIER:
            rules.append(Rule(one.name, (one.name,), (one.name,)))
        for part in ("birth", "given name", "family name", "postcode"):
            if all(need in fields for need in NEEDS.get(part, (part,))):
                keys = (one.name, SAME[part])
                rules.append(Rule(f"{one.name} and {part}", keys, keys, tight=False))
    return rules


def key_columns(rules: Sequence[Rule], side: str, hashed: KeyHash) -> str:
    """Return the select list of a side's keys, one column a rule; bind the parameters of ``hashed``."""
    return ", ".join(
        f"{hashed.sql(rule.name, rule.left if side == 'left' else rule.right)} as {rule.key}" for rule in rules
    )


@dataclass(frozen=True, slots=True)
class Blocks:
    """What the rules brought: pairs by rule, and blocks left out because they hold more pairs than the cap."""

    n_pairs: Mapping[str, int]
    n_over_cap: Mapping[str, int]
    not_run: tuple[str, ...]


def make_candidates(session: Session, rules: Sequence[Rule], n_left: int, source: str, *, alone: bool) -> Blocks:
    """Make the table ``candidates`` from ``left_keys`` and the keys of ``source``.

    Shape:  in each x (rid, a key a rule); out distinct x (rid_l, rid_r); of one file alone, rid_l < rid_r.
    Bound:  tight rules run whole but for blocks over the cap; loose rules, fewest pairs first, while the pairs of all
            rules stay within max(20 million, 400 a record).
    """
    n_pairs, over = {}, {}
    for place, rule in enumerate(rules):
        text = f"select r.rid, r.{rule.key} as k from {source} r semi join left_keys l on l.{rule.key} = r.{rule.key}"  # noqa: S608
        session.table(f"reach_{place}", Query(text, (source, "left_keys")))
        session.table(f"block_{place}", _block_sizes(rule.key, place))
        text = f"""
            select coalesce(sum(n_pairs) filter (n_pairs <= {MOST_PAIRS_IN_BLOCK}), 0), count(*) filter (n_pairs > {MOST_PAIRS_IN_BLOCK})
            from block_{place}
        """  # noqa: S608
        n_pairs[rule.name], over[rule.name] = (
            int(value) for value in session.rows(Query(text, (f"block_{place}",)))[0]
        )
    chosen = _within_budget(rules, n_pairs, n_left)
    order = "and l.rid < r.rid" if alone else ""
    unions = " union ".join(
        f"""select l.rid as rid_l, r.rid as rid_r from left_keys l join block_{place} b on b.k = l.{rules[place].key}
        join reach_{place} r on r.k = b.k where b.n_pairs <= {MOST_PAIRS_IN_BLOCK} {order}"""
        for place in chosen
    )  # noqa: S608
    tables = tuple(f"{kind}_{place}" for kind in ("reach", "block") for place in range(len(rules)))
    session.table("candidates", Query(unions, ("left_keys", *tables)))
    for name in tables:
        session.drop(name)
    run = {rules[place].name for place in chosen}
    return Blocks(
        {name: n for name, n in n_pairs.items() if name in run},
        {name: n for name, n in over.items() if name in run and n},
        tuple(name for name in n_pairs if name not in run),
    )


def _block_sizes(column: str, place: int) -> Query:
    text = f"""
        select l.k, l.n * r.n as n_pairs
        from (select {column} as k, count(*) as n from left_keys where {column} is not null group by all) l
        join (select k, count(*) as n from reach_{place} group by all) r on r.k = l.k
    """  # noqa: S608
    return Query(text, ("left_keys", f"reach_{place}"))


def _within_budget(rules: Sequence[Rule], n_pairs: Mapping[str, int], n_left: int) -> list[int]:
    chosen = [place for place, rule in enumerate(rules) if rule.tight]
    spent = sum(n_pairs[rules[place].name] for place in chosen)
    budget = max(FEWEST_PAIRS, PAIRS_A_RECORD * n_left)
    loose = sorted((n_pairs[rule.name], place) for place, rule in enumerate(rules) if not rule.tight)
    for n, place in loose:
        if spent + n > budget:
            break
        chosen.append(place)
        spent += n
    return sorted(chosen)
