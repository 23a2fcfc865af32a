"""Make a person index, a submission with errors, and the truth between them, at any size up to 89 million.

Every value is a function of a person's number (or a record's number) and the seed, written as SQL over a stream of
numbers: nothing is sorted and no table of people is ever held, so that memory stays bounded and threads change nothing.

Source: names, traditions and draws of the synthetic England; household sizes and about 40 people a postcode as in
England (ONS Census 2021: 2.4 people a household; 1.5 million live residential postcodes for 60 million people); error
rates are assumptions about council data, not measured.
"""

from __future__ import annotations

import argparse
import json
import math
import tempfile
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from cld.engine import Query, Session, scratch_engine
from synthetic.draw import chance, rank, uniform, whole
from synthetic.people import read_lists

__all__ = ["Sizes", "make_population"]


def _words(text: str) -> list[str]:
    """Return the words of a list written out as text."""
    return text.split()


REPEATED_SHARE = 0.03
ABSENT_SHARE = 0.05
PEOPLE_A_POSTCODE = 40
POSTCODES_A_SECTOR = 150
# who lives together: the places of 26 people in eleven households, and each one's part in it
HOUSEHOLDS = (1, 1, 1, 2, 2, 2, 2, 3, 3, 4, 5)
UNIT_LETTERS = "ABDEFGHJLNPQRSTUWXYZ"
POSTCODE_AREAS = _words("""
AL B BA BB BD BH BL BN BR BS CA CB CH CM CO CR CT CV CW DA DE DH DL DN DT DY E EC EN EX FY GL GU HA HD HG HP HR HU HX IG
IP KT L LA LE LN LS LU M ME MK N NE NG NN NR NW OL OX PE PL PO PR RG RH RM S SE SG SK SL SM SN SO SP SR SS ST SW SY TA TF
TN TQ TR TS TW UB W WA WC WD WF WN WR WS WV YO
""")
NICKNAMES = _words("""
Margaret:Maggie Margaret:Peggy Mary:Molly Susan:Sue Patricia:Pat Christine:Chris Barbara:Babs Ann:Annie Janet:Jan
Dorothy:Dot Dorothy:Dolly Joan:Joanie Carol:Caz Pauline:Paula Julie:Jules Elizabeth:Liz Elizabeth:Betty Sarah:Sally
Sandra:Sandy Helen:Nell Catherine:Cathy Catherine:Kate Rachel:Rach Rebecca:Becky Laura:Laurie Alison:Ali Charlotte:Lottie
Emily:Em Jessica:Jess Lucy:Lu Edith:Edie Irene:Rene Phyllis:Phyl Marjorie:Madge Eileen:Eily Samantha:Sam Victoria:Vicky
Jennifer:Jenny Deborah:Debbie Gillian:Gill Nicola:Nicky Jacqueline:Jackie Amanda:Mandy Valerie:Val Josephine:Jo
Natalie:Nat Danielle:Dani Abigail:Abby Katherine:Kathy Kathleen:Kath Bridget:Biddy Theresa:Terry John:Jack David:Dave
Peter:Pete Michael:Mick Michael:Mike Robert:Bob Robert:Rob William:Bill William:Will Alan:Al Kenneth:Ken George:Geordie
Derek:Del James:Jim James:Jamie Ronald:Ron Stephen:Steve Andrew:Andy Thomas:Tom Christopher:Chris Richard:Dick Richard:Rick
Anthony:Tony Raymond:Ray Trevor:Trev Dennis:Den Geoffrey:Geoff Kevin:Kev Simon:Si Martin:Marty Philip:Phil Matthew:Matt
Daniel:Dan Frederick:Fred Ernest:Ernie Albert:Bert Stanley:Stan Leslie:Les Norman:Norm Douglas:Doug Benjamin:Ben
Joseph:Joe Samuel:Sam Alexander:Alex Jonathan:Jon Nicholas:Nick Timothy:Tim Edward:Ted Edward:Eddie Charles:Charlie
Henry:Harry Francis:Frank Lawrence:Larry Patrick:Paddy Terence:Terry Gerald:Gerry Donald:Don Victor:Vic Walter:Wally
Joshua:Josh Zachary:Zac Mohammed:Mohamed Mohammed:Mo Muhammad:Mohammad Krzysztof:Kris Malgorzata:Gosia Katarzyna:Kasia
Stanislaw:Stan Tomasz:Tom Oluwaseun:Seun Babatunde:Tunde Emmanuel:Emma Harpreet:Harry
""")


@dataclass(frozen=True, slots=True)
class Sizes:
    """How many records of each kind a population has."""

    n_left: int
    n_right: int

    @property
    def n_distinct(self) -> int:
        """Persons of the submission, each once."""
        return round(self.n_left / (1 + REPEATED_SHARE))

    @property
    def n_absent(self) -> int:
        """Persons of the submission who are not in the index."""
        return round(self.n_distinct * ABSENT_SHARE)

    @property
    def n_people(self) -> int:
        """Everyone, in the index or not."""
        return self.n_right + self.n_absent

    @property
    def n_postcodes(self) -> int:
        """Postcodes, which grow with people."""
        return max(1, self.n_people // PEOPLE_A_POSTCODE)


def _step(n_places: int, wish: float) -> int:
    """Return the first whole number from a wished share of the places that has no factor in common with them."""
    step = max(1, int(n_places * wish))
    while math.gcd(step, n_places) != 1:
        step += 1
    return step


def scattered(number: str, n_places: int, wish: float) -> str:
    """Return SQL that sends each number below the limit to a different one below it.

    Source: multiplication by a number without a common factor with n permutes the residues modulo n.
    """
    step = _step(n_places, wish)
    return f"((cast({number} as hugeint) * {step} + {n_places // 3}) % {n_places})"


def _nhs_number(number: str) -> str:
    """Return SQL for the n-th of nearly 90 million valid NHS numbers that begin with 9, in a scattered order.

    Source: NHS Data Dictionary, NHS NUMBER, modulus 11. Of the ten values of the ninth digit at most one gives the
    forbidden check digit 10; it is stepped over, so that nine remain for each beginning of eight digits.
    The first and the last beginning are left out, since placeholders have them.
    """
    place = f"(9 + {scattered(number, 90_000_000 - 18, 0.3819)})"
    start = f"cast(90000000 + {place} // 9 as bigint)"
    total = " + ".join(f"{start} // {10 ** (7 - d)} % 10 * {10 - d}" for d in range(8))
    forbidden = f"((1 - ({total}) % 11 + 11) * 6 % 11)"
    ninth = f"cast({place} % 9 + case when {place} % 9 >= {forbidden} then 1 else 0 end as bigint)"
    return f"{start} || '' || {ninth} || (11 - (({total}) + 2 * {ninth}) % 11) % 11"


def _lists(session: Session) -> None:
    """Make the small tables that people are drawn from."""
    session.table(
        "name_list",
        Query(
            """
            select row_number() over (order by tradition, part, cast(rank as integer)) - 1 as name_id, name
            from names order by name_id
            """,
            ("names",),
        ),
    )
    part = """
        (select {what} from (select tradition as t, part as p,
            row_number() over (order by tradition, part, cast(rank as integer)) - 1 as id from names) n
         where n.t = s.tradition and n.p = '{part}')
    """
    columns = ", ".join(
        f"{part.format(what=what, part=name)} as {name}_{word}"
        for name in ("given_female", "given_male", "family")
        for word, what in (("from", "min(id)"), ("size", "count(*)"))
    )
    session.table(
        "lots",
        Query(
            f"""
            with slots as (
                select row_number() over (order by tradition, ethnicity, range) - 1 as slot, tradition
                from traditions cross join range(10000) where range < cast(weight as bigint)
            ), spans as (select distinct tradition from slots)
            select slots.slot, slots.tradition, w.* exclude (tradition)
            from slots join (select s.tradition, {columns} from spans s) w on w.tradition = slots.tradition
            order by slot
            """,  # noqa: S608 - parts of our own
            ("names", "traditions"),
        ),
    )
    given, familiar = zip(*(pair.split(":") for pair in NICKNAMES), strict=True)
    session.table(
        "nicknames",
        Query(
            f"""
            select given, list(familiar order by familiar) as familiar
            from (select unnest({list(given)}) as given, unnest({list(familiar)}) as familiar)
            group by given order by given
            """  # noqa: S608
        ),
    )


def _drawn_name(part: str, label: str, key: str) -> str:
    """Return SQL for the number of a name drawn by rank from a part of the person's tradition."""
    return f"({part}_from + {rank(label, f'{part}_size', key)} - 1)"


def _households() -> tuple[list[int], list[int]]:
    home = [index for index, size in enumerate(HOUSEHOLDS) for _ in range(size)]
    role = [place for size in HOUSEHOLDS for place in range(size)]
    return home, role


def _postcode(number: str, sizes: Sizes) -> str:
    """Return SQL for the n-th postcode.

    Sectors of 150 postcodes, districts of five sectors, areas of about six districts in a region and twenty in England.
    """
    n_districts = sizes.n_postcodes // (5 * POSTCODES_A_SECTOR) + 1
    n_areas = min(len(POSTCODE_AREAS), max(4, n_districts // 6))
    sector = f"({number} // {POSTCODES_A_SECTOR})"
    unit = f"(({number} % {POSTCODES_A_SECTOR}) * 149 % 400)"
    return (
        f"({POSTCODE_AREAS})[cast(1 + {sector} // 5 % {n_areas} as integer)] || (1 + {sector} // {5 * n_areas})"
        f" || ' ' || (1 + {sector} % 5) || substr('{UNIT_LETTERS}', cast(1 + {unit} // 20 as integer), 1)"
        f" || substr('{UNIT_LETTERS}', cast(1 + {unit} % 20 as integer), 1)"
    )


def _bare(source: str, sizes: Sizes) -> str:
    """Return SQL that adds to rows with a person's number ``i`` what follows from it, names still as numbers.

    A household is one or two adults, mostly of one surname, and children; twins share a birth date.
    """
    home, role = _households()
    adult_age = f"cast(365.25 * (20 + 72 * pow({uniform('age', 'home')}, 1.3)) as integer)"
    child_gap = f"cast(365.25 * (19 + 20 * {uniform('born', 'birth')}) as integer)"
    partner_gap = f"cast(365.25 * 12 * ({uniform('gap')} - 0.5) + 500 as integer)"
    return f"""
        with source as ({source}),
        homes as (
            select *, cast(i // 26 * {len(HOUSEHOLDS)} + ({home})[cast(1 + i % 26 as integer)] as bigint) as home,
                ({role})[cast(1 + i % 26 as integer)] as role
            from source
        ), places as (
            select *, {whole("postcode", sizes.n_postcodes, "home")} as postcode_number,
                case when role >= 3 and {chance("twin", 0.08)} then i - 1 else i end as birth
            from homes
        ), drawn as (
            select *,
                case when {chance("settled", 0.5, "home")} then {whole("tradition", 10000, f"postcode_number // {POSTCODES_A_SECTOR * 5}")}
                    else {whole("tradition", 10000, "home")} end as slot_drawn,
                case when role = 1 then {chance("sex", 0.53, "i - 1")} = {chance("same sex", 0.05)}
                    else {chance("sex", 0.53)} end as female,
                case when role = 1 and {chance("own name", 0.22)} or role > 1 and {chance("own name", 0.1)}
                    then i else -home end as family_key,
                date '2021-12-31' - case role when 0 then {adult_age} when 1 then {adult_age} + {partner_gap}
                    else {adult_age} - {child_gap} end - {whole("day", 365, "birth")}::integer as born
            from places
        )
        select d.*, {_postcode("postcode_number", sizes)} as postcode, {_nhs_number("i")} as nhs_number,
            case when female then 'Female' else 'Male' end as sex,
            -- a child whose parent is too young for the gap drawn is a year old or more
            cast(case when born > date '2021-06-30' then date '2021-06-30' - cast({whole("infant", 4000, "birth")} as integer)
                else born end as date) as date_of_birth,
            case when female then {_drawn_name("given_female", "given", "i")} else {_drawn_name("given_male", "given", "i")}
                end as given_id,
            case when female then {_drawn_name("given_female", "second", "i")} else {_drawn_name("given_male", "second", "i")}
                end as second_id,
            {_drawn_name("family", "family", "family_key")} as family_id,
            {_drawn_name("family", "other family", "i")} as other_family_id
        from drawn d join lots on lots.slot = d.slot_drawn
    """  # noqa: S608


def _index(sizes: Sizes) -> Query:
    """Return the index: everyone but the absent, in a scattered order."""
    person = scattered("range", sizes.n_people, 0.6180339)
    source = f"select range as place, cast({person} as bigint) as i from range({sizes.n_right})"  # noqa: S608
    return Query(
        f"""
        select 'P' || lpad(cast(b.place as varchar), 9, '0') as person_id, b.nhs_number, g.name as given_name,
            f.name as family_name, b.date_of_birth, b.sex,
            case when {chance("index lacks postcode", 0.005)} then null else b.postcode end as postcode
        from ({_bare(source, sizes)}) b
        join name_list g on g.name_id = b.given_id
        join name_list f on f.name_id = b.family_id
        """,  # noqa: S608
        ("name_list", "lots"),
    )


def _sampled(sizes: Sizes) -> str:
    """Return SQL for the submission's records: ``r`` its place, ``place`` the person's place in the index or past it.

    The first persons drawn are absent from the index, the rest are scattered over it; the last records repeat persons.
    """
    person = f"case when d < {sizes.n_distinct} then d else {scattered('d', sizes.n_distinct, 0.4142)} end"
    present = scattered(f"(person - {sizes.n_absent})", sizes.n_right, 0.7320508)
    return f"""
        select r, cast(place as bigint) as place, cast({scattered("place", sizes.n_people, 0.6180339)} as bigint) as i
        from (
            select r, case when person < {sizes.n_absent} then {sizes.n_right} + person else {present} end as place
            from (
                select r, {person} as person
                from (select range as r, {scattered("range", sizes.n_left, 0.5698)} as d from range({sizes.n_left}))
            )
        )
    """  # noqa: S608


def _typo(text: str, label: str) -> str:
    """Return SQL for a name with one slip: a letter left out, doubled, replaced, or two exchanged."""
    at = f"cast(1 + {whole(label + ' at', f'greatest(1, length({text}) - 1)', 'r')} as integer)"
    letter = f"substr('eaiorntslcumdphgbyfvkw', cast(1 + {whole(label + ' letter', 22, 'r')} as integer), 1)"
    before, after = f"substr({text}, 1, {at} - 1)", f"substr({text}, {at} + 1)"
    here, there = f"substr({text}, {at}, 1)", f"substr({text}, {at} + 1, 1)"
    return f"""
        case {whole(label + " kind", 4, "r")} when 0 then {before} || {here} || substr({text}, {at} + 2)
            when 1 then {before} || {here} || {here} || {after}
            when 2 then {before} || {here} || {letter} || substr({text}, {at} + 2)
            else {before} || {there} || {here} || substr({text}, {at} + 2) end
    """


def _digit_changed(text: str, label: str, first: int, n_places: int) -> str:
    """Return SQL for a number with one digit replaced by another."""
    at = f"cast({first} + {whole(label + ' at', n_places, 'r')} as integer)"
    digit = f"(cast(substr({text}, {at}, 1) as integer) + 1 + {whole(label + ' digit', 9, 'r')}) % 10"
    return f"substr({text}, 1, {at} - 1) || {digit} || substr({text}, {at} + 1)"


def _postcode_slip(text: str) -> str:
    """Return SQL for a postcode with one of its last three characters wrong, or the last two exchanged."""
    letter = f"substr('{UNIT_LETTERS}', cast(1 + {whole('slip letter', 20, 'r')} as integer), 1)"
    return f"""
        case {whole("slip", 4, "r")} when 0 then left({text}, length({text}) - 1) || {letter}
            when 1 then left({text}, length({text}) - 2) || {letter} || right({text}, 1)
            when 2 then left({text}, length({text}) - 2) || right({text}, 1) || substr({text}, length({text}) - 1, 1)
            else left({text}, length({text}) - 3) || {whole("slip digit", 10, "r")} || right({text}, 2) end
    """


def _birth_date() -> str:
    """Return SQL for the birth date as sent: day and month exchanged, a part wrong, or the first of January."""
    swap = "day(b.date_of_birth) <= 12 and day(b.date_of_birth) <> month(b.date_of_birth)"
    days = f"(1 + ({{day}} + {whole('wrong day', 27, 'r')}) % 28)".replace("{day}", "day(b.date_of_birth)")
    months = f"(1 + (month(b.date_of_birth) + {whole('wrong month', 11, 'r')}) % 12)"
    years = f"(year(b.date_of_birth) + ([-10, -2, -1, 1, 2, 10])[1 + {whole('wrong year', 6, 'r')}])"
    day28 = "least(28, day(b.date_of_birth))"
    return f"""
        case when u_birth < 0.010 * $scale then null
            when u_birth < 0.015 * $scale then make_date(year(b.date_of_birth), 1, 1)
            when u_birth < 0.035 * $scale and {swap}
                then make_date(year(b.date_of_birth), day(b.date_of_birth), month(b.date_of_birth))
            when u_birth >= 0.035 * $scale and u_birth < 0.050 * $scale then case {whole("wrong part", 3, "r")}
                when 0 then make_date(year(b.date_of_birth), month(b.date_of_birth), {days})
                when 1 then make_date(year(b.date_of_birth), {months}, {day28})
                else make_date({years}, month(b.date_of_birth), {day28}) end
            else b.date_of_birth end
    """


def _nhs_number_sent(sizes: Sizes) -> str:
    """Return SQL for the NHS number as sent: missing, another person's, or a digit changed."""
    return f"""
        case when u_number < 0.10 * $scale then null
            when u_number < 0.105 * $scale then ({_nhs_number(whole("other person", sizes.n_people, "r"))})
            when u_number < 0.110 * $scale then {_digit_changed("b.nhs_number", "number", 2, 9)}
            else b.nhs_number end
    """


def _given_name() -> str:
    return f"""
        case when u_given < 0.010 * $scale then null when u_given < 0.022 * $scale then left(g.name, 1)
            when u_given < 0.042 * $scale then coalesce(k.familiar[1 + {whole("familiar", "len(k.familiar)", "r")}], left(g.name, 3))
            when u_given < 0.065 * $scale then {_typo("g.name", "given")}
            when u_given < 0.075 * $scale then s.name
            when u_given < 0.080 * $scale then g.name || ' ' || s.name else g.name end
    """


def _family_name() -> str:
    married = "case when b.female then 0.047 else 0.012 end"
    return f"""
        case when u_family < 0.010 * $scale then null
            when u_family < 0.034 * $scale then {_typo("f.name", "family")}
            when u_family < 0.037 * $scale then f.name || '-' || o.name
            when u_family < (0.037 + {married}) * $scale then o.name else f.name end
    """


def _postcode_sent(sizes: Sizes) -> str:
    """Return SQL for the postcode as sent: missing, a slip, or an earlier address, most of them near."""
    near = f"(b.postcode_number + {whole('near', 700, 'r')} + 1) % {sizes.n_postcodes}"
    far = whole("far", sizes.n_postcodes, "r")
    return f"""
        case when u_postcode < 0.015 * $scale then null
            when u_postcode < 0.030 * $scale then {_postcode_slip("b.postcode")}
            when u_postcode < 0.090 * $scale then {_postcode(near, sizes)}
            when u_postcode < 0.120 * $scale then {_postcode(far, sizes)} else b.postcode end
    """


def _submission(sizes: Sizes) -> Query:
    """Return the submission, each record with the place in the index of its person, or null."""
    draws = ("number", "given", "family", "birth", "postcode", "sex")
    uniforms = ", ".join(f"{uniform('u ' + name, 'r')} as u_{name}" for name in draws)
    return Query(
        f"""
        with as_sent as (
            select b.r, b.place, {_nhs_number_sent(sizes)} as nhs_number, {_given_name()} as given_sent,
                {_family_name()} as family_sent, {_birth_date()} as date_of_birth,
                case when u_sex < 0.010 * $scale then null
                    when u_sex < 0.017 * $scale then case when b.female then 'Male' else 'Female' end
                    else b.sex end as sex,
                {_postcode_sent(sizes)} as postcode, {chance("swapped names", 0.007, "r")} as swapped
            from (select *, {uniforms} from ({_bare(_sampled(sizes), sizes)})) b
            join name_list g on g.name_id = b.given_id
            join name_list s on s.name_id = b.second_id
            join name_list f on f.name_id = b.family_id
            join name_list o on o.name_id = b.other_family_id
            left join nicknames k on k.given = g.name
        )
        select 'R' || lpad(to_hex(hash(r, 'record', $seed)), 16, '0') as record_id, nhs_number,
            case when swapped then family_sent else given_sent end as given_name,
            case when swapped then given_sent else family_sent end as family_name, date_of_birth, sex, postcode,
            case when place < {sizes.n_right} then 'P' || lpad(cast(place as varchar), 9, '0') end as true_id
        from as_sent order by record_id
        """,  # noqa: S608
        ("name_list", "lots", "nicknames"),
    )


def make_population(folder: Path, sizes: Sizes, *, seed: int, scale: float = 1.0, memory: str = "6GB") -> None:
    """Write ``right.parquet`` (the index), ``left.parquet`` (the submission) and ``truth.csv`` (id_l, id_r)."""
    folder.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory(dir=folder) as scratch,
        scratch_engine(Path(scratch), memory=memory).session() as session,
    ):
        read_lists(session, str(files("synthetic")))
        _lists(session)
        index = _index(sizes)
        session.export(Query(index.text, index.inputs, {"seed": seed}), folder / "right.parquet")
        sent = _submission(sizes)
        session.table("sent", Query(sent.text, sent.inputs, {"seed": seed, "scale": scale}))
        columns = "record_id, nhs_number, given_name, family_name, date_of_birth, sex, postcode"
        session.export(Query(f"select {columns} from sent order by record_id", ("sent",)), folder / "left.parquet")
        truth = "select record_id as id_l, true_id as id_r from sent where true_id is not null order by id_l"
        session.export(Query(truth, ("sent",)), folder / "truth.csv")
    (folder / "made.json").write_text(
        json.dumps({"n_left": sizes.n_left, "n_right": sizes.n_right, "seed": seed, "scale": scale}) + "\n"
    )


def main() -> None:
    """Make one population from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--left", type=int, default=100_000)
    parser.add_argument("--right", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=2021)
    parser.add_argument("--scale", type=float, default=1.0, help="multiplies the error rates")
    parser.add_argument("--memory", default="6GB")
    given = parser.parse_args()
    sizes = Sizes(given.left, given.right)
    make_population(given.folder, sizes, seed=given.seed, scale=given.scale, memory=given.memory)


if __name__ == "__main__":
    main()
