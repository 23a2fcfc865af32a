"""What happens to clients: council ids, and a year of requests, assessments, services and reviews."""

from __future__ import annotations

from cld.engine import Query, Session
from synthetic.draw import chance, pick, uniform, whole

__all__ = ["make_events"]

REASONS = (
    "Physical support: Personal care support",
    "Physical support: Personal care support",
    "Physical support: Access and mobility only",
    "Support with memory and cognition",
    "Learning disability support",
    "Mental health support",
    "Sensory support: Support for visual impairment",
    "Social support: Support for social isolation or other",
)
SERVICES = (
    ("Long term support: Community", "Home support or domiciliary care", "CASSR managed personal budget"),
    ("Long term support: Community", "Direct payment", "Direct payment"),
    ("Long term support: Community", "Day support", "CASSR managed personal budget"),
    ("Long term support: Residential care", "Long term residential care", "CASSR commissioned support"),
    ("Long term support: Nursing care", "Long term nursing care", "CASSR commissioned support"),
    ("Short term support: ST-Max", "Reablement", "CASSR commissioned support"),
    ("Short term support: Ongoing low level", "Equipment", "CASSR commissioned support"),
)
ACCOMMODATION = (
    "Owner occupier or shared ownership scheme",
    "Owner occupier or shared ownership scheme",
    "Tenant: Local authority or other social housing provider",
    "Tenant: Private landlord",
    "Settled mainstream housing with family or friends",
    "Registered care home",
)


def _clients() -> Query:
    """One row a council id: a few people hold two in one council, a few are known to two councils."""
    return Query(
        f"""
        with held as (
            select i, la_code, 0 as copy from people where client
            union all select i, la_code, 1 from people where client and {chance("second id", 0.02)}
            union all select p.i, c.la_code, 2 from people p
                join (select la_code, row_number() over (order by la_code) - 1 as c from councils where la_code <> '909') c
                    on c.c = {whole("other council", 9, "p.i")}
                where p.client and {chance("two councils", 0.01, "p.i")} and c.la_code <> p.la_code
        )
        select h.i, h.copy, h.la_code, h.i * 3 + h.copy as id,
            'P' || lpad(cast((h.i * 7919 + h.copy * 104729 + 17) % 9999991 as varchar), 7, '0') as la_person_id,
            {pick("reason", REASONS, "h.i")} as reason, {whole("setting", len(SERVICES), "h.i")} as setting,
            {pick("home", ACCOMMODATION, "h.i")} as accommodation,
            {chance("carer", 0.06, "h.i")} as is_carer, {chance("self funder", 0.006, "h.i")} as self_funder
        from held h
        order by id
        """,  # noqa: S608
        ("people", "councils"),
    )


def _events() -> Query:
    """Slots of a year: request, assessment, up to four services, review; each with its chance."""
    service = ", ".join(f"{{'t': '{t}', 'c': '{c}', 'd': '{d}'}}" for t, c, d in SERVICES)
    day = f"cast({whole('start', 330, 'id * 10 + slot')} as integer)"
    length = f"cast(10 + {whole('length', 240, 'id * 10 + slot')} as integer)"
    key = "id * 10 + slot"
    return Query(
        f"""
        with slots as (
            select c.*, s.slot, case when slot = 0 then 'Request' when slot = 1 then 'Assessment'
                when slot < 6 then 'Service' else 'Review' end as event_type
            from clients c cross join (select range as slot from range(7)) s
            where slot = 2 or {uniform("slot", key)} < ([0.55, 0.5, 1.0, 0.45, 0.2, 0.1, 0.5])[slot + 1]
        ), dated as (select *, date '2021-01-01' + {day} as start_day from slots)
        select *, case when event_type = 'Service' and {chance("open", 0.45, key)} then null
                when event_type = 'Service' then least(start_day + {length}, date '2021-12-31')
                else least(start_day + cast({whole("wait", 30, key)} as integer), date '2021-12-31') end as end_day,
            ([{service}])[1 + (setting + case when slot > 3 then 1 else 0 end) % {len(SERVICES)}] as service
        from dated
        order by id, slot
        """,  # noqa: S608
        ("clients",),
    )


def make_events(session: Session, seed: int) -> None:
    """Make the tables ``clients`` (one row a council id) and ``events`` (one row an event)."""
    for name, query in (("clients", _clients()), ("events", _events())):
        session.table(name, Query(query.text, query.inputs, {"seed": seed}))
