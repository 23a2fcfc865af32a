"""Who lives in the synthetic England: areas, households, names, numbers."""

from __future__ import annotations

from cld.engine import Query, Session
from cld.tables import reference_path
from synthetic.draw import chance, rank, uniform, whole

__all__ = ["make_people", "read_lists"]

PERIOD_START = "date '2021-01-01'"
PERIOD_END = "date '2021-12-31'"
POSTCODES_IN_AREA = 8


def read_lists(session: Session, folder: str) -> None:
    """Bring in names, traditions, councils and small areas."""
    for name in ("names", "traditions", "councils"):
        session.table(name, Query(f"select * from read_csv('{folder}/{name}.csv', all_varchar=true)"))
    lsoas = reference_path("reference/lsoa2011-ccg2021-lad2021.csv")
    districts = reference_path("reference/lad2021-to-cassr.csv")
    session.table(
        "areas",
        Query(
            f"""
            select row_number() over (order by c.la_code, l.lsoa11cd) - 1 as area, l.lsoa11cd as lsoa,
                l.ccg21_ods as ccg, c.la_code, substr(d.cassr_name, 1, 2) as letters
            from read_csv('{lsoas}', all_varchar=true) l
            join read_csv('{districts}', all_varchar=true) d on d.lad21cd = l.lad21cd
            join councils c on c.ons_code = d.cassr_ons_code
            order by area
            """,  # noqa: S608 - places of our own files
            ("councils",),
        ),
    )


def _numbers(n_needed: int) -> Query:
    """NHS numbers of the range beginning 9: a scattered walk over it, keeping what passes the check digit."""
    digits = " + ".join(f"{10 - place} * cast(base[{place + 1}] as integer)" for place in range(9))
    return Query(
        f"""
        with walk as (
            select range as j, cast(900000000 + (range * 48271 + 7) % 99999989 as varchar) as base
            from range(cast({n_needed} * 1.2 + 100 as bigint))
        ), checked as (select j, base, (11 - ({digits}) % 11) % 11 as digit from walk)
        select row_number() over (order by j) - 1 as n, base || digit as nhs_number
        from checked where digit < 10 and base not in ('900000000', '999999999')
        order by n
        """  # noqa: S608
    )


def _people(n_people: int) -> Query:
    """One row a person; three in a row are a household and share an address, mostly a name, rarely a birthday."""
    home = "cast(i // 3 as bigint)"
    age = f"cast(18 + 80 * (1 - pow({uniform('age', 'k')}, 1.7)) as integer)"
    birthday = (
        f"cast({PERIOD_END} - cast(365.25 * {age} as integer) - cast({whole('day', 365, 'k')} as integer) as date)"
    )
    return Query(
        f"""
        with base as (
            select i, {home} as home, case when {chance("island", 0.01, home)} then (select max(area) from areas)
                    else {whole("area", "(select count(*) from areas)", home)} end as area_drawn,
                case when i % 3 = 1 and {chance("twin", 0.03)} then i - 1 else i end as k,
                {whole("tradition", "(select sum(cast(weight as bigint)) from traditions)", home)} as tradition_drawn,
                case when {chance("own name", 0.25)} then 'p' || i else 'h' || {home} end as name_key,
                {whole("postcode", POSTCODES_IN_AREA, home)} as postcode_drawn
            from (select range as i from range({n_people}))
        ), lots as (
            select tradition, ethnicity, sum(cast(weight as bigint)) over (order by rowid) as high,
                sum(cast(weight as bigint)) over (order by rowid) - cast(weight as bigint) as low
            from (select *, row_number() over () as rowid from traditions)
        )
        select b.i, b.home, a.area, a.lsoa, a.ccg as residence_ccg, a.la_code, t.tradition, t.ethnicity,
            {birthday} as date_of_birth,
            case when {chance("sex", 0.58)} then 'Female' else 'Male' end as gender,
            b.name_key, upper(a.letters) || (1 + a.area // 40 % 90) || ' ' || (a.area // 4 % 10)
                || substr('ABDEFGHJLNPQRSTUWXYZ', cast(1 + a.area % 4 * 5 + b.postcode_drawn // 2 as integer), 1)
                || substr('ABDEFGHJLNPQRSTUWXYZ', cast(1 + b.postcode_drawn as integer), 1) as postcode,
            {chance("absent", 0.02)} as absent, {chance("sensitive", 0.004)} as sensitive,
            {chance("renumbered", 0.015)} as renumbered, {chance("client", 0.5)} as client,
            {chance("objects", 0.04)} as objects,
            case when {chance("dies", 0.03)}
                then {PERIOD_START} + cast({whole("died", 365)} as integer) end as date_of_death
        from base b
        join areas a on a.area = b.area_drawn
        join lots t on b.tradition_drawn >= t.low and b.tradition_drawn < t.high
        order by b.i
        """,  # noqa: S608
        ("areas", "traditions"),
    )


def _named(n_people: int) -> Query:
    """Give names by rank with a realistic skew, a number, a practice, an earlier address and an earlier name."""
    neighbour = f"p.residence_ccg = '10Q' and {chance('crosses', 0.06)}"
    return Query(
        f"""
        with sizes as (select tradition, part, count(*) as n_names from names group by all),
        keyed as (
            select p.*, (select n_names from sizes n where n.tradition = p.tradition
                and n.part = case when p.gender = 'Female' then 'given_female' else 'given_male' end) as n_given,
                (select n_names from sizes n where n.tradition = p.tradition and n.part = 'family') as n_family
            from people_bare p
        )
        select p.*, g.name as given_name, f.name as family_name, e.name as earlier_family_name,
            x.nhs_number, case when p.renumbered then o.nhs_number end as old_nhs_number,
            upper(substr(a.letters, 1, 2)) || (1 + a.area // 40 % 90) || ' ' || (a.area // 4 % 10) || 'QZ' as earlier_postcode,
            case when {neighbour} then '14Y' else p.residence_ccg end as registered_ccg,
            substr(case when {neighbour} then '14Y' else p.residence_ccg end, 1, 1)
                || (10000 + hash(case when {neighbour} then '14Y' else p.residence_ccg end) % 800 * 100
                + {whole("practice", 12)}) as gp_practice_code
        from keyed p
        join names g on g.tradition = p.tradition
            and g.part = case when p.gender = 'Female' then 'given_female' else 'given_male' end
            and cast(g.rank as bigint) = {rank("given", "p.n_given")}
        join names f on f.tradition = p.tradition and f.part = 'family'
            and cast(f.rank as bigint) = {rank("family", "p.n_family", "p.name_key")}
        join names e on e.tradition = p.tradition and e.part = 'family'
            and cast(e.rank as bigint) = {rank("earlier", "p.n_family")}
        join numbers x on x.n = p.i
        left join numbers o on o.n = p.i + {n_people}
        join areas a on a.area = {whole("moved from", "(select count(*) from areas)")}
        order by p.i
        """,  # noqa: S608
        ("people_bare", "names", "numbers", "areas"),
    )


def make_people(session: Session, n_people: int, seed: int) -> None:
    """Make the table ``people``: one row a person, the truth that everything else is drawn from."""
    bound = {"seed": seed}
    session.table("numbers", _numbers(2 * n_people))
    bare = _people(n_people)
    session.table("people_bare", Query(bare.text, bare.inputs, bound))
    named = _named(n_people)
    session.table("people", Query(named.text, named.inputs, bound))
