"""Standard forms: what a file says of a person, folded so that the same fact is written the same way.

Names, dates and sexes repeat, so each distinct value is folded once and rows are joined to it; that is what keeps a
pass over sixty million people short. The tables of distinct values are the exact frequencies as well.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from cld.engine import Query, Session, quote
from linkage.prepare.fields import Further, Kind, Side

__all__ = [
    "FIELDS",
    "Folded",
    "birth_sql",
    "fold",
    "name_sql",
    "number_sql",
    "postcode_sql",
    "sex_sql",
    "text_sql",
    "with_parts",
]

BLANK_WORDS = ("NULL", "NONE", "NA", "N A", "UNKNOWN", "NOT KNOWN", "UNK", "NAN")
DUMMY_BIRTH = 19000101
MONTHS = "['JAN', 'FEB', 'MAR', 'APR', 'MAY', 'JUN', 'JUL', 'AUG', 'SEP', 'OCT', 'NOV', 'DEC']"
LATEST_SHORT_YEAR = 26
PARTS = {
    "given": ("split_part(value, ' ', 1)", 3),
    "family": ("split_part(value, ' ', -1)", 4),
    "other_family": ("split_part(value, ' ', -1)", 4),
}
"""The part of a name by which records are blocked, and how many letters its start has; hashed once a distinct name."""
FIELDS = ("number", "given", "family", "other_family", "birth", "sex", "postcode", "other_postcode")


def _upper(column: str) -> str:
    """Upper case without accents; letters that are no accented ones (a Polish L, a Danish O) become their nearest."""
    plain = f"translate(upper(strip_accents(cast({column} as varchar))), 'ŁØĐÐƏ', 'LODDA')"
    return f"replace(replace(replace({plain}, 'Æ', 'AE'), 'Œ', 'OE'), 'ß', 'SS')"


def _words(column: str) -> str:
    """Letters of any script in upper case without accents, parted by single spaces; apostrophes close up."""
    plain = f"replace(replace({_upper(column)}, '''', ''), '’', '')"
    return f"trim(regexp_replace({plain}, '[^\\p{{L}}]+', ' ', 'g'))"


def _known(folded: str) -> str:
    listed = ", ".join(f"'{word}'" for word in ("", *BLANK_WORDS))
    return f"case when {folded} not in ({listed}) then {folded} end"


def name_sql(column: str) -> str:
    """Return SQL that folds a name: letters in upper case, parts by single spaces; blank words become null."""
    return _known(_words(column))


def text_sql(column: str) -> str:
    """Return SQL that folds free text: letters and digits in upper case, words by single spaces."""
    plain = _upper(column)
    return _known(f"trim(regexp_replace({plain}, '[^\\p{{L}}\\p{{N}}]+', ' ', 'g'))")


def identifier_sql(column: str) -> str:
    """Return SQL that folds an identifier: letters and digits alone, in upper case."""
    return _known(f"regexp_replace(upper(cast({column} as varchar)), '[^\\p{{L}}\\p{{N}}]', '', 'g')")


def postcode_sql(column: str) -> str:
    """Return SQL that folds a postcode: upper case, no spaces or hyphens; blank words become null."""
    plain = f"replace(replace(upper(cast({column} as varchar)), ' ', ''), '-', '')"
    listed = ", ".join(f"'{word.replace(' ', '')}'" for word in ("", *BLANK_WORDS))
    return f"case when {plain} not in ({listed}) then {plain} end"


def sex_sql(column: str) -> str:
    """Return SQL that folds a sex to M or F, other words in upper case, not known to null.

    Source: NHS Data Dictionary, PERSON STATED GENDER CODE (1 male, 2 female, 9 indeterminate, X not known).
    """
    word = f"upper(trim(cast({column} as varchar)))"
    return f"""case when {word} in ('M', '1', 'MALE', 'MAN', 'BOY') then 'M'
        when {word} in ('F', '2', 'FEMALE', 'WOMAN', 'GIRL') then 'F'
        when {word} in ('', '0', '9', 'X', 'U', 'UNKNOWN', 'NOT KNOWN', 'NULL', 'INDETERMINATE') then null else {word} end"""


def birth_sql(column: str) -> str:
    """Return SQL that reads a birth date as a whole number, year x 10000 + month x 100 + day, parts not known being 0.

    Reads ISO dates with or without a time, eight digits, year/month/day, day/month/year, a month in letters, two-digit
    years (of the last hundred), year-month and a year alone. A date that no calendar has keeps its digits, so that one
    wrong digit stays one wrong digit. 1 January 1900 is null.
    """
    text = f"regexp_replace(trim(cast({column} as varchar)), '\\.0$', '')"
    dashed = f"regexp_replace({text}, '[/. ,]+', '-', 'g')"

    def part(place: int, length: int) -> str:
        return f"try_cast(left(split_part({dashed}, '-', {place}), {length}) as integer)"

    year_first = f"{part(1, 4)} * 10000 + {part(2, 2)} * 100 + {part(3, 2)}"
    day_first = f"{part(3, 4)} * 10000 + {part(2, 2)} * 100 + {part(1, 2)}"
    month = f"list_position({MONTHS}, upper(left(split_part({dashed}, '-', 2), 3)))"
    century = f"({part(3, 2)} + case when {part(3, 2)} <= {LATEST_SHORT_YEAR} then 2000 else 1900 end)"
    lettered = f"case when length(split_part({dashed}, '-', 3)) = 2 then {century} else {part(3, 4)} end"
    read = f"""case
        when regexp_full_match({text}, '\\d{{8}}') then try_cast({text} as integer)
        when regexp_full_match({dashed}, '\\d{{4}}-\\d{{1,2}}-\\d{{1,2}}([-T].*)?') then {year_first}
        when regexp_full_match({dashed}, '\\d{{1,2}}-\\d{{1,2}}-\\d{{4}}([-T].*)?') then {day_first}
        when regexp_full_match({dashed}, '\\d{{1,2}}-\\d{{1,2}}-\\d{{2}}') then {century} * 10000 + {part(2, 2)} * 100 + {part(1, 2)}
        when regexp_full_match({dashed}, '\\d{{1,2}}-\\p{{L}}{{3,9}}-(\\d{{4}}|\\d{{2}})')
            then {lettered} * 10000 + {month} * 100 + {part(1, 2)}
        when regexp_full_match({dashed}, '\\d{{4}}-\\d{{1,2}}') then {part(1, 4)} * 10000 + {part(2, 2)} * 100
        when regexp_full_match({dashed}, '\\d{{4}}') then {part(1, 4)} * 10000
    end"""
    return f"nullif({read}, {DUMMY_BIRTH})"


def number_sql(column: str, kind: str) -> str:
    """Return SQL that reads a ten-digit NHS number as a whole number; placeholders and other lengths become null.

    The check digit is not asked here: a number that fails it is still compared as a near value. The nineteen placeholders
    are the multiples of 1111111111 (one digit ten times) and of 1000000001 (one digit, eight noughts, the digit again).
    """
    text = f"cast({column} as varchar)"
    if kind in ("DOUBLE", "FLOAT") or kind.endswith("INT"):  # whole numbers with gaps, as data frames hold them
        whole = f"case when {column} between 100000000 and 9999999999 then cast({column} as bigint) end"
    else:  # most numbers are written without spaces, so the slow way is taken for the rest alone
        plain = f"replace(replace({text}, ' ', ''), '-', '')"
        spaced = f"when length({plain}) = 10 then try_cast({plain} as bigint)"
        whole = f"case when length({text}) = 10 then try_cast({text} as bigint) when length({text}) > 10 then case {spaced} end end"
    return f"nullif(case when ({whole}) % 1111111111 = 0 or ({whole}) % 1000000001 = 0 then -1 else greatest({whole}, -1) end, -1)"


@dataclass(frozen=True, slots=True)
class Folded:
    """A file in standard form: the view that holds it, the file's own view, and its columns beside rid and id.

    ``counted`` says for fields folded row by row which column they are of and the SQL that folds it as ``raw``, so that
    values can be counted before they are folded. ``columns`` and ``joins`` are the view's SQL, field by field.
    """

    name: str
    raw: str
    fields: tuple[str, ...]
    counted: Mapping[str, tuple[str, str]] = dataclasses.field(default_factory=dict)
    columns: Mapping[str, Sequence[str]] = dataclasses.field(default_factory=dict)
    joins: Mapping[str, str] = dataclasses.field(default_factory=dict)

    def sql(self, fields: Sequence[str], rows: str = "") -> str:
        """Return SQL for some fields of the file, or of ``rows`` of it, with rid, id and the blocking parts of its names."""
        shown = [one for field in ("id", *fields) for one in self.columns[field]]
        joins = " ".join(self.joins[field] for field in fields if field in self.joins)
        return f"(select f.file_row_number as rid, {', '.join(shown)} from {rows or self.raw} f {joins})"  # noqa: S608


def fold(session: Session, raw: str, side: Side, name: str) -> Folded:
    """Make the view ``name`` of a file in standard form, and a table of distinct values for each field that repeats.

    Shape:  in ``raw`` x (file_row_number, the file's columns); out n rows x (rid, id, fields...), the fields being those of
            number, given, family, other_family, birth, sex, postcode, other_postcode and further columns that it has.
            Names have their blocking part beside them (given_part, given_start and so on; null with the name).
            Tables ``name_FIELD`` x (raw, value, part, start, n) for given, family, other_family, birth and sex.
    """
    types = session.types(raw)
    mapped = _mapped(side, types)
    plain = _plain(side, types)
    for field, (column, folded) in mapped.items():
        text = f"""
            select raw, value, {_part(field, "value")} as part, {_part(field, "value", start=True)} as start, n from (select raw, {folded} as value, n from (select {quote(column)} as raw, count(*) as n from {raw} group by all))
            order by n desc, raw
        """  # noqa: S608 - quoted names
        session.table(f"{name}_{field}", Query(text, (raw,)))
    columns = {"id": [f"cast(f.{quote(side.columns['id'])} as varchar) as id"]}
    columns |= {field: [f"{sql} as {field}"] for field, sql in plain.items()}
    for field in mapped:
        parts = ("part", "start") if field in PARTS else ()
        columns[field] = [f"m_{field}.value as {field}", *(f"m_{field}.{one} as {field}_{one}" for one in parts)]
    joins = {
        field: f"left join {name}_{field} m_{field} on m_{field}.raw = f.{quote(column)}"
        for field, (column, _) in mapped.items()
    }
    fields = _ordered((*mapped, *plain))
    made = Folded(name, raw, fields, _counted(side, types, plain), columns, joins)
    session.view(name, Query(f"select * from {made.sql(fields)}", (raw, *(f"{name}_{field}" for field in mapped))))  # noqa: S608
    return made


def _counted(side: Side, types: Mapping[str, str], plain: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    of = {"birth": "date_of_birth", "postcode": "postcode", **{one.name: one.name for one in side.further}}
    found = {}
    for name in plain:
        if name in of and of[name] in side.columns:
            column = side.columns[of[name]]
            found[name] = (column, plain[name].replace(f"f.{quote(column)}", "raw"))
    return found


def with_parts(relation: str, fields: Iterable[str]) -> str:
    """Return SQL for a relation of standard rows with the blocking parts of its names beside them."""
    parts = [
        f", {_part(field, field, start=start)} as {field}_{'start' if start else 'part'}"
        for field in PARTS
        if field in fields
        for start in (False, True)
    ]
    return f"(select *{''.join(parts)} from {relation})"  # noqa: S608


def _part(field: str, column: str, *, start: bool = False) -> str:
    """Return SQL that hashes the part of a name that blocks, whole or its start; null for no name."""
    if field not in PARTS:
        return "null"
    part, length = PARTS[field]
    kept = f"left({part.replace('value', column)}, {length})" if start else part.replace("value", column)
    return f"case when {column} is not null then hash({kept}) end"


def _ordered(fields: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(fields, key=lambda one: (FIELDS.index(one) if one in FIELDS else len(FIELDS), one)))


def _mapped(side: Side, types: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """Fields that are folded once for each distinct value: the column and the SQL over ``raw``."""
    found: dict[str, tuple[str, str]] = {}
    if side.has("full_name") and not side.has("given_name", "family_name"):
        words = _words("raw")
        column = side.columns["full_name"]
        found["given"] = (column, _known(f"split_part({words}, ' ', 1)"))
        found["family"] = (column, _known(f"case when {words} like '% %' then split_part({words}, ' ', -1) end"))
    for field, role, folded in (
        ("given", "given_name", name_sql("raw")),
        ("family", "family_name", name_sql("raw")),
        ("other_family", "previous_family_name", name_sql("raw")),
        ("sex", "sex", sex_sql("raw")),
    ):
        if side.has(role):
            found[field] = (side.columns[role], folded)
    if side.has("date_of_birth") and types[side.columns["date_of_birth"]] != "DATE":
        found["birth"] = (side.columns["date_of_birth"], birth_sql("raw"))
    return found


def _plain(side: Side, types: Mapping[str, str]) -> dict[str, str]:
    """Fields that are folded row by row, from the columns of ``f``."""
    found: dict[str, str] = {}
    if side.has("nhs_number"):
        column = side.columns["nhs_number"]
        found["number"] = number_sql(f"f.{quote(column)}", types[column])
    if side.has("date_of_birth") and types[side.columns["date_of_birth"]] == "DATE":
        day = f"f.{quote(side.columns['date_of_birth'])}"
        found["birth"] = (
            f"nullif(cast(year({day}) * 10000 + month({day}) * 100 + day({day}) as integer), {DUMMY_BIRTH})"
        )
    elif side.has("birth_year") and not side.has("date_of_birth"):
        parts = [
            (role, scale)
            for role, scale in (("birth_year", 10000), ("birth_month", 100), ("birth_day", 1))
            if side.has(role)
        ]
        whole = " + ".join(
            f"coalesce(try_cast(f.{quote(side.columns[role])} as integer), 0) * {scale}" for role, scale in parts
        )
        found["birth"] = f"nullif(nullif({whole}, 0), {DUMMY_BIRTH})"
    for field, role in (("postcode", "postcode"), ("other_postcode", "previous_postcode")):
        if side.has(role):
            found[field] = postcode_sql(f"f.{quote(side.columns[role])}")
    for further in _present(side):
        found[further.name] = _further_sql(f"f.{quote(side.columns[further.name])}", further.kind)
    return found


def _present(side: Side) -> Iterable[Further]:
    return (further for further in side.further if side.has(further.name))


def _further_sql(column: str, kind: Kind) -> str:
    match kind:
        case Kind.TEXT | Kind.EXACT:
            return text_sql(column)
        case Kind.NUMBER:
            return f"try_cast({column} as double)"
        case Kind.IDENTIFIER:
            return identifier_sql(column)
