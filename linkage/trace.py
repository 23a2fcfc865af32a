"""Tracing: resolve people as a delivery names them to the person index; every record keeps its step, weight and outcome."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cld.canonical import digest_of_file
from cld.engine import Query, Session
from cld.journey import AcceptedSubmission
from linkage.prepare.fields import Side
from linkage.prepare.index import Prepared, prepare
from linkage.prepare.standard import fold
from linkage.settle.decide import DEFAULT_BITS, decide_links
from linkage.settle.expect import Expected, expect_links
from linkage.settle.matching import AUDITED, match_two
from linkage.weigh.model import Model

__all__ = ["TRACED_COLUMNS", "Traced", "attach_index", "gather_persons", "index_digest", "trace_persons"]

PERSON_COLUMNS = (
    "la_code", "person_ref", "la_person_unique_identifier", "sent_number", "number_fault", "number", "given_name",
    "family_name", "date_of_birth", "sex", "postcode",
)  # fmt: skip

TRACED_COLUMNS = ("rid", "person_id", "step", "band", "outcome", "weight_millibits", "superseded")
HIGH_BITS = 15.0
INDEX_SIDE = Side(
    {
        "id": "nhs_number", "nhs_number": "nhs_number", "given_name": "given_name", "family_name": "family_name",
        "previous_family_name": "previous_family_name", "date_of_birth": "date_of_birth", "sex": "sex",
        "postcode": "postcode", "previous_postcode": "previous_postcode",
    }
)  # fmt: skip
RECORD_SIDE = Side(
    {name: name for name in ("id", "nhs_number", "given_name", "family_name", "date_of_birth", "sex", "postcode")}
)
# a number may have been replaced more than once: the chain is followed to its end, and a circle ends nowhere
PERSON_INDEX = """
    with recursive chain(nhs_number, person_id, n_steps) as (
        select nhs_number, coalesce(superseded_by, nhs_number), 0 from index_file
        union all
        select c.nhs_number, i.superseded_by, c.n_steps + 1 from chain c join index_file i on i.nhs_number = c.person_id
        where i.superseded_by is not null and c.n_steps < 20
    ), ends as (select nhs_number, arg_max(person_id, n_steps) as person_id from chain group by nhs_number)
    select i.nhs_number, e.person_id, i.superseded_by is not null as superseded, i.date_of_birth as birth, i.gp_practice_code,
        i.registered_ccg, i.date_of_death, i.sensitive
    from index_file i join ends e using (nhs_number)
    order by i.nhs_number
"""
# outcomes are the published response codes: 00 found, 90 superseded, 92 sensitive, 97 several close, 98 not found
TRACED = f"""
    with best as (
        select rid_l, rid_r, weight_bits, alone_bits, weight_bits >= {DEFAULT_BITS} as linked from decided where place = 1
    ), joined as (
        select r.file_row_number as rid, case when b.linked then p.id end as person_id, s.step, b.weight_bits, r.superseded,
            coalesce(b.alone_bits >= {DEFAULT_BITS} and not b.linked, false) as contested
        from records r left join best b on b.rid_l = r.file_row_number left join right_people p on p.rid = b.rid_r
        left join settled s on s.rid_l = b.rid_l and s.rid_r = b.rid_r
    )
    select j.rid, j.person_id, case when j.person_id is null then 'unlinked' else coalesce(j.step, 'probabilistic') end as step,
        case when j.person_id is null then 'none' when j.step is not null then 'exact'
            when j.weight_bits >= {HIGH_BITS} then 'high' else 'medium' end as band,
        case when j.person_id is null and j.contested then '97' when j.person_id is null then '98'
            when f.sensitive then '92' when j.superseded then '90' else '00' end as outcome,
        cast(round(coalesce(j.weight_bits, 0) * 1000) as bigint) as weight_millibits,
        j.superseded and j.person_id is not null as superseded
    from joined j left join person_index f on f.nhs_number = j.person_id
    order by j.rid
"""  # noqa: S608
RECORDS = """
    select p.rid as file_row_number, cast(p.rid as varchar) as id, coalesce(i.person_id, p.number) as nhs_number,
        p.given_name, p.family_name, p.date_of_birth, p.sex, p.postcode, coalesce(i.superseded, false) as superseded
    from persons p left join person_index i on i.nhs_number = p.number
    order by p.rid
"""


@dataclass(frozen=True, slots=True)
class Traced:
    """The model that a tracing used and how right its links are expected to be."""

    model: Model
    expected: Expected


def attach_index(session: Session, path: Path) -> Prepared:
    """Make ``person_index`` (one row a number, with the number that replaced it in the end) and prepare current people.

    People are prepared with every name and address they had, so that a changed surname or a move does not hide anyone.
    """
    session.scan_file("index_file", path)
    session.table("person_index", Query(PERSON_INDEX, ("index_file",)))
    session.view("index_people", Query("select * from index_file where superseded_by is null", ("index_file",)))
    return prepare(session, fold(session, "index_people", INDEX_SIDE, "index_folded"), ())


def index_digest(path: Path) -> str:
    """Return the digest of the person index, by which linked data say what they were linked with."""
    return digest_of_file(path)


def gather_persons(session: Session, submissions: Sequence[AcceptedSubmission]) -> None:
    """Make ``persons``: the people of all submissions, one row a council and person reference, numbered in that order.

    Shape:  out n rows x (rid, PERSON_COLUMNS).
    """
    for place, submission in enumerate(submissions):
        session.attach(f"persons_{place}", submission.persons)
    names = tuple(f"persons_{place}" for place in range(len(submissions)))
    columns = ", ".join(PERSON_COLUMNS)
    people = " union all ".join(f"select {columns} from {name}" for name in names)  # noqa: S608
    text = f"select row_number() over (order by la_code, person_ref) as rid, * from ({people})"  # noqa: S608
    session.table("persons", Query(text, names))


def trace_persons(session: Session, index: Prepared, *, model: Model | None = None) -> Traced:
    """Make the table ``traced`` from ``persons``; the model is learnt from these records unless one is given.

    Shape:  in persons x (rid, number, given_name, family_name, date_of_birth, sex, postcode), number valid or null;
            out one row a person, TRACED_COLUMNS.
    Nulls:  person_id is null for a record that is not linked: several close candidates never link.
    Source: Direction 3, bullet 3 (check NHS numbers and trace any missing ones).
    """
    session.table("records", Query(RECORDS, ("persons", "person_index")))
    matched = match_two(
        session, fold(session, "records", RECORD_SIDE, "left_folded"), index, stage=_silent, model=model
    )
    decide_links(session, "weighed", "decided", matched.model.present, matched.n_right)
    inputs = ("records", "decided", "right_people", "settled", "person_index")
    session.table("traced", Query(TRACED, inputs, columns=TRACED_COLUMNS))
    linked = f"select rid_l, rid_r, weight_bits from decided where place = 1 and weight_bits >= {DEFAULT_BITS}"
    session.table("best_links", Query(linked, ("decided",)))
    expected = expect_links(
        session, "weighed", "best_links", matched.model,
        n_left=matched.n_left, n_right=matched.n_right, threshold_bits=DEFAULT_BITS, n_audited=AUDITED,
    )  # fmt: skip
    return Traced(matched.model, expected)


def _silent(stage: str) -> None:
    del stage
