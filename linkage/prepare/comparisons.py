"""Comparisons: a field held against itself in two records, and the levels of agreement that it may show.

Level -1 means that a value is missing on a side, which is neutral; 0 that nothing agrees; the last level that the
values are equal. String similarity is Jaro-Winkler with 0.92 and 0.80 as cuts.

Source: Winkler 1990 (string comparator); Fellegi and Sunter 1969; the cuts are those of Splink's name comparison.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import as_file, files

from cld.engine import Query, Session
from linkage.prepare.fields import Further, Kind

__all__ = [
    "MISSING",
    "NEAR",
    "Comparison",
    "comparisons_for",
    "gammas_sql",
    "pairs_sql",
    "require_nicknames",
    "similarity_sql",
]

MISSING = -1
NICKNAMES = "nicknames"
NEAR = 0.92
ALIKE = 0.80
STAND_INS = "".join(chr(code) for code in range(ord("!"), ord("~") + 1) if chr(code) != "'")
"""One sign of one byte for each different letter of a pair of names, in the order in which the letters occur."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """A field compared: its levels from no agreement to equal, and the SQL that says which, over ``l`` and ``r``."""

    name: str
    labels: tuple[str, ...]
    sql: str
    frequency: bool = True

    @property
    def exact(self) -> int:
        """The level of equal values."""
        return len(self.labels) - 1


SWAPPED = "l.given = r.family and l.family = r.given"


def similarity_sql(left: str, right: str) -> str:
    """Return SQL for the Jaro-Winkler similarity of two texts, counted in letters whatever the script.

    The engine compares bytes, so that two names in letters of two bytes share every first byte. Where a name holds such
    letters, each different letter of the two names is first written as one sign of one byte, which leaves the
    similarity of letters as it is; two texts of more than 93 letters together are compared by bytes.
    Source: Winkler 1990; Jaro 1989, both over letters.
    """
    plain = f"strlen({left}) = length({left}) and strlen({right}) = length({right})"
    long = f"length({left}) + length({right}) > {len(STAND_INS)}"
    one, other = (f"translate({name}, {left} || {right}, '{STAND_INS}')" for name in (left, right))
    return f"""case when {plain} or {long} then jaro_winkler_similarity({left}, {right})
        else jaro_winkler_similarity({one}, {other}) end"""


def _similar(field: str, cut: float) -> str:
    return f"{similarity_sql(f'l.{field}', f'r.{field}')} >= {cut}"


def _given(*, swaps: bool) -> Comparison:
    """Given name: equal; the names swapped; near, a shared first part or a familiar form; an initial; alike.

    The familiar forms stand in the table ``nicknames``, joined as ``n`` (see pairs_sql).
    """
    labels = ("differs", "alike", "initial", "near", *(("swapped",) if swaps else ()), "equal")
    shared = "split_part(l.given, ' ', 1) = split_part(r.given, ' ', 1)"
    initial = "least(length(l.given), length(r.given)) = 1 and l.given[1] = r.given[1]"
    swapped = f"when {SWAPPED} then 4" if swaps else ""
    sql = f"""case when l.given is null or r.given is null then {MISSING} when l.given = r.given then {len(labels) - 1} {swapped}
        when {initial} then 2 when {_similar("given", NEAR)} or {shared} or n.one is not null then 3 when {_similar("given", ALIKE)} then 1 else 0 end"""
    return Comparison("given", labels, sql)


def _family(*, swaps: bool, earlier: bool) -> Comparison:
    """Family name: equal; an earlier name; near or a part of a double name; alike. Swapped names are weighed once."""
    labels = ("differs", "alike", "near", *(("earlier",) if earlier else ()), "equal")
    parts = """(l.family like '% %' or r.family like '% %') and (split_part(l.family, ' ', -1) = split_part(r.family, ' ', -1)
        or split_part(l.family, ' ', 1) = split_part(r.family, ' ', 1) or split_part(l.family, ' ', 1) = split_part(r.family, ' ', -1)
        or split_part(l.family, ' ', -1) = split_part(r.family, ' ', 1))"""
    swapped = f"when {SWAPPED} then {MISSING}" if swaps else ""
    before = "when l.family = r.other_family then 3" if earlier else ""
    sql = f"""case when l.family is null or r.family is null then {MISSING} when l.family = r.family then {len(labels) - 1} {swapped}
        {before} when {_similar("family", NEAR)} or {parts} then 2 when {_similar("family", ALIKE)} then 1 else 0 end"""
    return Comparison("family", labels, sql)


def _birth() -> Comparison:
    """Birth date: equal; one part wrong, or day and month swapped, or one digit wrong; the year or the day alone."""
    parts = """cast(l.birth // 10000 = r.birth // 10000 as integer) + cast(l.birth // 100 % 100 = r.birth // 100 % 100 as integer)
        + cast(l.birth % 100 = r.birth % 100 as integer)"""
    swapped = """l.birth // 10000 = r.birth // 10000 and l.birth // 100 % 100 = r.birth % 100
        and l.birth % 100 = r.birth // 100 % 100"""
    digit = "abs(l.birth - r.birth) % 10000 = 0 and abs(l.birth - r.birth) in (10000, 20000, 90000, 100000, 1000000)"
    some = "l.birth // 10000 = r.birth // 10000 or l.birth % 10000 = r.birth % 10000 and l.birth % 10000 > 0"
    sql = f"""case when l.birth is null or r.birth is null then {MISSING} when l.birth = r.birth then 3
        when {parts} >= 2 or {swapped} or {digit} then 2 when {some} then 1 else 0 end"""
    return Comparison("birth", ("differs", "year or day", "one part wrong", "equal"), sql)


def _postcode(*, earlier: bool) -> Comparison:
    """Postcode: equal; an earlier one; one sign wrong; the same district (all but the last three signs)."""
    labels = ("differs", "district", "one sign wrong", *(("earlier",) if earlier else ()), "equal")
    halves = "left(l.postcode, 3) = left(r.postcode, 3) or right(l.postcode, 3) = right(r.postcode, 3)"
    edit = f"({halves}) and damerau_levenshtein(l.postcode, r.postcode) <= 1"
    district = "length(l.postcode) > 4 and left(l.postcode, -3) = left(r.postcode, -3)"
    before = "when l.postcode = r.other_postcode then 3" if earlier else ""
    sql = f"""case when l.postcode is null or r.postcode is null then {MISSING} when l.postcode = r.postcode then {len(labels) - 1}
        {before} when {edit} then 2 when {district} then 1 else 0 end"""
    return Comparison("postcode", labels, sql)


def _sex() -> Comparison:
    sql = f"case when l.sex is null or r.sex is null then {MISSING} when l.sex = r.sex then 1 else 0 end"
    return Comparison("sex", ("differs", "equal"), sql)


def _number() -> Comparison:
    """NHS number: equal and valid; near (one digit, two neighbours, or equal with a wrong check digit)."""
    near = """l.number = r.number or (l.number // 100000 = r.number // 100000 or l.number % 100000 = r.number % 100000)
        and damerau_levenshtein(cast(l.number as varchar), cast(r.number as varchar)) <= 1"""
    sql = f"""case when l.number is null or r.number is null then {MISSING}
        when l.number = r.number and l.number_valid then 2 when {near} then 1 else 0 end"""
    return Comparison("number", ("differs", "near", "equal"), sql, frequency=False)


def _further(further: Further) -> Comparison:
    name = further.name
    missing = f"case when l.{name} is null or r.{name} is null then {MISSING}"
    match further.kind:
        case Kind.TEXT:
            sql = f"""{missing} when l.{name} = r.{name} then 3 when {_similar(name, NEAR)} then 2
                when {_similar(name, ALIKE)} then 1 else 0 end"""
            return Comparison(name, ("differs", "alike", "near", "equal"), sql)
        case Kind.IDENTIFIER:
            near = f"""abs(length(l.{name}) - length(r.{name})) <= 1 and (l.{name}[1:3] = r.{name}[1:3]
                or right(l.{name}, 3) = right(r.{name}, 3)) and damerau_levenshtein(l.{name}, r.{name}) <= 1"""
            sql = f"{missing} when l.{name} = r.{name} then 2 when {near} then 1 else 0 end"
            return Comparison(name, ("differs", "near", "equal"), sql)
        case Kind.NUMBER:
            near = f"abs(l.{name} - r.{name}) <= 0.01 * greatest(abs(l.{name}), abs(r.{name}))"
            sql = f"{missing} when l.{name} = r.{name} then 2 when {near} then 1 else 0 end"
            return Comparison(name, ("differs", "near", "equal"), sql)
        case Kind.EXACT:
            sql = f"{missing} when l.{name} = r.{name} then 1 else 0 end"
            return Comparison(name, ("differs", "equal"), sql)


def comparisons_for(
    fields: Sequence[str], earlier: Sequence[str], further: Sequence[Further]
) -> tuple[Comparison, ...]:
    """Return the comparisons of the fields that both sides have, in the order in which dependence is conditioned.

    ``earlier`` names the fields of RIGHT that hold earlier values (other_family, other_postcode).
    """
    swaps = "given" in fields and "family" in fields
    made = {
        "postcode": _postcode(earlier="other_postcode" in earlier),
        "birth": _birth(),
        "family": _family(swaps=swaps, earlier="other_family" in earlier),
        "given": _given(swaps=swaps),
        "sex": _sex(),
        "number": _number(),
    }
    usual = tuple(comparison for name, comparison in made.items() if name in fields)
    return usual + tuple(_further(one) for one in sorted(further, key=lambda one: one.name) if one.name in fields)


def pairs_sql(comparisons: Sequence[Comparison], pairs: str, left: str, right: str) -> str:
    """Return the from clause of pairs (rid_l, rid_r) with both records as ``l`` and ``r``, and familiar forms as ``n``."""
    joined = f"{pairs} p join {left} l on l.rid = p.rid_l join {right} r on r.rid = p.rid_r"
    if not any(one.name == "given" for one in comparisons):
        return joined
    return f"{joined} left join {NICKNAMES} n on n.one = l.given and n.other = r.given"


def require_nicknames(session: Session) -> None:
    """Make the table ``nicknames`` x (one, other): two familiar forms of one name, each way, once in a session.

    Source: linkage/nicknames.csv, common knowledge of English given names and of spellings of Mohammed.
    """
    if session.has(NICKNAMES):
        return
    with as_file(files("linkage").joinpath("nicknames.csv")) as path:
        session.read_file("nicknames_file", path)
    text = """
        with paired as (select name as one, short as other from nicknames_file union select short, name from nicknames_file)
        select one, other from paired
        union select a.short, b.short from nicknames_file a join nicknames_file b on a.name = b.name and a.short <> b.short
        order by one, other
    """
    session.table(NICKNAMES, Query(text, ("nicknames_file",)))
    session.drop("nicknames_file")


def gammas_sql(comparisons: Sequence[Comparison]) -> str:
    """Return the select list of agreement levels, one column a comparison, named as it is."""
    return ", ".join(f"cast({comparison.sql} as tinyint) as {comparison.name}" for comparison in comparisons)
