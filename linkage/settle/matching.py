"""The engine: two files in standard form in, weighed pairs out. Exact steps first, evidence for the rest."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import log2

from cld.engine import Query, Session
from linkage.prepare.blocking import Blocks, Rule, key_columns, make_candidates, rules_for
from linkage.prepare.comparisons import Comparison
from linkage.prepare.frequencies import Kappa, collision_rates, count_dependence, make_sample, pool_shares
from linkage.prepare.index import Prepared
from linkage.prepare.keyhash import KeyHash
from linkage.prepare.standard import Folded, with_parts
from linkage.settle.cascade import settle_exactly, steps_for
from linkage.settle.decide import estimate_present, estimate_rate
from linkage.settle.reach import reach_of
from linkage.weigh.estimate import fit_m
from linkage.weigh.model import Model
from linkage.weigh.score import compare_pairs, count_patterns, weigh_pairs

__all__ = ["AUDITED", "Matched", "Stage", "match_alone", "match_two"]

SAMPLE_SIDE = 350
NUMBER_NEAR = 1e-7
NUMBER_WRONG = 0.01
MOST_FOR_LOOSE = 4_000_000_000
ROUNDS_ALONE = 4
AUDITED = 20_000
BORROWED = 0.001
ENOUGH_TO_COUNT = 20_000
HIGHEST_U = 0.95
NOBODY_TWICE = 0.01
Stage = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Matched:
    """What the engine found beside its tables ``settled``, ``compared`` and ``weighed``."""

    comparisons: tuple[Comparison, ...]
    model: Model
    n_left: int
    n_right: int
    n_candidates: int
    steps: Mapping[str, int] = field(default_factory=dict)
    blocks: Blocks | None = None


def match_two(
    session: Session,
    left: Folded,
    right: Prepared,
    *,
    stage: Stage,
    model: Model | None = None,
    keep_present: bool = False,
    reach_all: bool = False,
) -> Matched:
    """Compare LEFT with a prepared RIGHT and make ``weighed`` x (rid_l, rid_r, bits), ``settled`` x (rid_l, rid_r, step).

    Shape:  ``left_people`` and ``right_people`` hold the standard rows of LEFT and of what stands in a pair.
    ``reach_all`` brings the candidates of settled records as well.
    ``keep_present`` takes the share of records that are in RIGHT from the model, for a LEFT too small to tell it.
    Memory: RIGHT is never held whole, only its keys are, of 32 bits each.
    """
    shared = tuple(name for name in left.fields if name in right.fields)
    comparisons = right.comparisons(shared)
    n_left = _count(session, left.raw)
    steps, rules = steps_for(shared), rules_for(shared, right.earlier, right.further)
    if n_left * right.n_people > MOST_FOR_LOOSE:
        rules = tuple(rule for rule in rules if rule.tight) or rules
    columns = (*shared, *right.earlier)
    stage("left")
    _take_left(session, left, shared, rules, right.hashed)
    stage("exact steps")
    reach = reach_of(right, columns)
    source = reach.open(session, rules, steps)
    kept = sorted(rule.key for rule in right.rules)
    counts = settle_exactly(session, steps, columns, kept, source) if steps else _none_settled(session)
    stage("candidates")
    _open_left(session, rules, n_left if reach_all else AUDITED)
    blocks = make_candidates(session, rules, n_left, reach.keys(session, rules), alone=False)
    session.table(
        "pairs",
        Query("select rid_l, rid_r from candidates union select rid_l, rid_r from settled", ("candidates", "settled")),
    )
    reach.take_people(session)
    for name in ("left_keys", "candidates"):
        session.drop(name)
    if right.n_people < ENOUGH_TO_COUNT:
        pool_shares(session, comparisons)
    stage("compare")
    compare_pairs(session, "pairs", "compared", comparisons, "left_people", "right_people")
    stage("learn")
    learnt = model or _learn_two(session, comparisons, n_left, right.n_people)
    learnt.require_fits("link", comparisons)
    stage("weigh")
    weigh_pairs(session, "compared", "weighed", comparisons, learnt, right.n_people)
    if not keep_present:
        present = estimate_present(session, "weighed", n_left, right.n_people)
        learnt = replace(learnt, present=present).rounded()
    return Matched(comparisons, learnt, n_left, right.n_people, _count(session, "pairs"), counts, blocks)


def _count(session: Session, name: str) -> int:
    return session.whole(Query(f"select count(*) from {name}", (name,)))  # noqa: S608


def _valid_sql(number: str) -> str:
    """Return SQL that says whether a ten-digit number passes modulus 11 (NHS Data Dictionary)."""
    weights = " + ".join(f"{10 - place} * ({number} // {10 ** (9 - place)} % 10)" for place in range(9))
    return f"(11 - ({weights}) % 11) % 11 = {number} % 10"


def _take_left(session: Session, left: Folded, fields: Sequence[str], rules: Sequence[Rule], hashed: KeyHash) -> None:
    valid = [f"{_valid_sql('number')} as number_valid"] if "number" in fields else []
    keys = [key_columns(rules, "left", hashed)] if rules else []
    text = f"select {', '.join(['rid', 'id', *fields, *valid, *keys])} from {left.name} order by rid"  # noqa: S608
    session.table("left_people", Query(text, (left.name,), hashed.parameters if rules else {}))


def _none_settled(session: Session) -> dict[str, int]:
    session.table("settled", Query("select 0::bigint as rid_l, 0::bigint as rid_r, '' as step where false"))
    return {}


def _open_left(session: Session, rules: Sequence[Rule], n_audited: int) -> None:
    """Make ``left_keys`` of the records that are still open, and of some settled ones, to know the rivals of records at large."""
    keys = ", ".join(rule.key for rule in rules)
    audited = f"rid in (select rid from left_people order by hash(rid, 53), rid limit {n_audited})"
    text = f"select rid, {keys} from left_people where rid not in (select rid_l from settled) or {audited}"  # noqa: S608
    session.table("left_keys", Query(text, ("left_people", "settled")))


def _lower_levels(session: Session, comparisons: Sequence[Comparison], left: str) -> dict[str, tuple[float, ...]]:
    """Count the levels below equality in random pairs of a sample: shares that add up to one."""
    for name, source, flag in (("some_left", left, "true"), ("some_right", "right_sample", "alone")):
        valid = (
            ", true as number_valid" if name == "some_left" and "number_valid" not in session.columns(source) else ""
        )
        text = f"select * {valid} from {source} where {flag} order by hash(rid, 41), rid limit {SAMPLE_SIDE}"  # noqa: S608
        session.table(name, Query(text, (source,)))
    pairs = "select l.rid as rid_l, r.rid as rid_r from some_left l cross join some_right r where l.rid <> r.rid"
    session.table("random_pairs", Query(pairs, ("some_left", "some_right")))
    compare_pairs(session, "random_pairs", "random_compared", comparisons, "some_left", "some_right")
    result = {}
    for one in comparisons:
        text = f"select {one.name}, count(*) from random_compared where {one.name} >= 0 group by all"  # noqa: S608
        found = {int(level): float(n) for level, n in session.rows(Query(text, ("random_compared",)))}
        lower = [found.get(level, 0.0) + 0.5 for level in range(one.exact)]
        if one.name == "number":
            lower = [1 - NUMBER_NEAR, NUMBER_NEAR]
        result[one.name] = tuple(value / sum(lower) for value in lower)
    for name in ("some_left", "some_right", "random_pairs"):
        session.drop(name)
    return result


def _u_of(
    lower: Mapping[str, tuple[float, ...]], exact: Mapping[str, float], n_right: int
) -> dict[str, tuple[float, ...]]:
    """u by level: equal values from the shares of values, lower levels in the shares that random pairs show.

    Two different people share a number only if one record bears a wrong one.
    Assumes: one number in a hundred is wrong, and then anybody's.
    """
    top = {name: min(exact.get(name, NUMBER_WRONG / max(n_right, 100)), HIGHEST_U) for name in lower}
    return {name: (*(value * (1 - top[name]) for value in shares), top[name]) for name, shares in lower.items()}


def _learn_two(session: Session, comparisons: Sequence[Comparison], n_left: int, n_right: int) -> Model:
    drawn = collision_rates(session, comparisons)
    exact = {name: min(max(rate, 0.5 / max(n_right, 1)), HIGHEST_U) for name, rate in drawn.items()}
    u = _u_of(_lower_levels(session, comparisons, "left_people"), exact, n_right)
    kappas = count_dependence(session, comparisons, exact) + _borrowed_numbers(u)
    fitted = fit_m(count_patterns(session, "compared", comparisons), comparisons, u, kappas)
    levels = {one.name: len(one.labels) for one in comparisons}
    return Model("link", levels, fitted.m, u, kappas, 0.5, 0.0, {}, int(fitted.n_matches)).rounded()


def _borrowed_numbers(u: Mapping[str, object]) -> tuple[Kappa, ...]:
    """A wrong number is often one of the same household: without this a father's number on his son's record wins.

    Assumes: one record in a thousand bears the number of a given other member of its household.
    """
    household = ("postcode", "family")
    return (Kappa("number", household, BORROWED),) if {"number", *household} <= set(u) else ()


def match_alone(
    session: Session,
    right: Prepared,
    *,
    stage: Stage,
    model: Model | None = None,
    rules: tuple[Rule, ...] | None = None,
) -> Matched:
    """Compare the records of one prepared file with one another: ``weighed`` x (rid_l, rid_r, bits), rid_l < rid_r.

    ``rules`` takes the place of our own blocking rules, for whoever wants to compare weighing alone.
    """
    comparisons, n = right.comparisons(right.fields), right.n_people
    if rules is None:
        rules = rules_for(right.fields, (), right.further)
        rules = (tuple(rule for rule in rules if rule.tight) or rules) if n * n > MOST_FOR_LOOSE else rules
    stage("left")
    whole = Query(f"select * from {with_parts('right_source', right.fields)}", ("right_source",))  # noqa: S608
    session.view("left_folded", whole)
    _take_left(session, Folded("left_folded", "left_folded", right.fields), right.fields, rules, right.hashed)
    if right.folded is not None:
        make_sample(session, "left_people", right.fields, n)
    stage("candidates")
    _none_settled(session)
    session.view("left_keys", Query("select * from left_people", ("left_people",)))
    blocks = make_candidates(session, rules, n, "left_people", alone=True)
    stage("compare")
    compare_pairs(session, "candidates", "compared", comparisons, "left_people", "left_people")
    stage("learn")
    learnt = model or _learn_alone(session, comparisons, n)
    learnt.require_fits("dedupe", comparisons)
    stage("weigh")
    weigh_pairs(session, "compared", "weighed", comparisons, learnt, n)
    learnt = replace(learnt, rate=_rate_of_people(session, comparisons, n)).rounded()
    return Matched(comparisons, learnt, n, n, _count(session, "candidates"), {}, blocks)


def _learn_alone(session: Session, comparisons: Sequence[Comparison], n: int) -> Model:
    """Learn from one file, where people's own repeats lie among its random pairs: rounds of EM take them out of u."""
    counted = count_patterns(session, "compared", comparisons)
    drawn = collision_rates(session, comparisons)
    lower = _lower_levels(session, comparisons, "left_people")
    levels = {one.name: len(one.labels) for one in comparisons}
    n = max(n, 2)
    learnt = Model("dedupe", levels, {one.name: (0.1, 0.9) for one in comparisons}, {}, (), 0.0, 1 / n, {}, 0)
    by_name = _sex_of_names(session, comparisons, drawn)
    for _ in range(ROUNDS_ALONE):
        rate, m = learnt.rate, learnt.m
        exact = {name: max((share - 1 / n - rate * m[name][-1]) / (1 - rate), 0.5 / n) for name, share in drawn.items()}
        u = _u_of(lower, exact, n)
        fitted = fit_m(counted, comparisons, u, by_name, free_households=True)
        partners = {name: rate * (n - 1) * fitted.m[name][-1] for name in drawn}
        kappas = (*fitted.kappas, *by_name, *_borrowed_numbers(u))
        learnt = Model("dedupe", levels, fitted.m, u, kappas, 0.0, rate, partners, int(fitted.n_matches))
        weigh_pairs(session, "compared", "weighed", comparisons, learnt, n)
        learnt = replace(learnt, rate=_rate_of_people(session, comparisons, n))
    return learnt.rounded()


def _rate_of_people(session: Session, comparisons: Sequence[Comparison], n: int) -> float:
    """Estimate the rate of repeats; where two thirds of what would be repeats differ in the given name, there are none.

    A file that holds nobody twice has twins and siblings for its most alike pairs, and a rate learnt from them alone.
    """
    n_pairs = n * (n - 1) / 2
    rate = estimate_rate(session, "weighed", n_pairs)
    given = next((one for one in comparisons if one.name == "given"), None)
    if given is None:
        return rate
    alike = [given.labels.index(label) for label in ("initial", "near", "equal")]
    chance = f"cast(1 / (1 + pow(2, -(w.bits + {log2(rate / (1 - rate)):.9f}))) as decimal(18, 12))"
    text = f"""
        select coalesce(sum({chance}) filter (c.given in ({", ".join(map(str, alike))})), 0), coalesce(sum({chance}), 0)
        from weighed w join compared c on c.rid_l = w.rid_l and c.rid_r = w.rid_r where c.given >= 0
    """  # noqa: S608
    named, whole = (float(value) for value in session.rows(Query(text, ("weighed", "compared")))[0])
    return rate if named * 3 > whole else NOBODY_TWICE / max(n_pairs, 1)


def _sex_of_names(session: Session, comparisons: Sequence[Comparison], drawn: Mapping[str, float]) -> tuple[Kappa, ...]:
    """A given name tells the sex, whoever bears it: the one dependence that repeats in a file hardly change."""
    found = count_dependence(session, comparisons, {name: min(share, HIGHEST_U) for name, share in drawn.items()})
    return tuple(one for one in found if one.name == "sex" and one.given == ("given",))
