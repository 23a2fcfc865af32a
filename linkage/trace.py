"""Tracing: resolve people as a delivery names them to the person index; every record keeps its step, weight and outcome."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cld.engine import Query, Session, text_literal
from cld.journey import AcceptedSubmission
from linkage.prepare.fields import Side
from linkage.prepare.index import Prepared, fingerprint, index_mark, keep_index, open_index, prepare
from linkage.prepare.keyhash import KeyHash
from linkage.prepare.standard import Folded, fold
from linkage.settle.decide import DEFAULT_BITS, decide_links
from linkage.settle.expect import Expected, expect_links, expect_together
from linkage.settle.incremental import ANSWER_COLUMNS, Kept, model_mark, plan_all, plan_reuse
from linkage.settle.matching import AUDITED, Matched, match_two
from linkage.weigh.model import Model

__all__ = [
    "TRACED_COLUMNS",
    "Answers",
    "PersonIndex",
    "Traced",
    "attach_index",
    "gather_persons",
    "trace_persons",
    "weigh_again",
]

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
# what this run found for each record that it weighed; a record without a candidate has none of it
FOUND = f"""
    with best as (
        select rid_l, rid_r, weight_bits, alone_bits, weight_bits >= {DEFAULT_BITS} as linked from decided where place = 1
    )
    select r.file_row_number as rid, case when b.linked then p.id end as id_r, b.weight_bits,
        case when b.linked then coalesce(s.step, 'probabilistic')
            when coalesce(b.alone_bits >= {DEFAULT_BITS} and not b.linked, false) then 'contested' else 'unlinked' end as step
    from records r left join best b on b.rid_l = r.file_row_number left join right_people p on p.rid = b.rid_r
    left join settled s on s.rid_l = b.rid_l and s.rid_r = b.rid_r
"""  # noqa: S608
# outcomes are the published response codes: 00 found, 90 superseded, 92 sensitive, 97 several close, 98 not found
TRACED = f"""
    select r.file_row_number as rid, a.id_r as person_id, case when a.step = 'contested' then 'unlinked' else a.step end as step,
        case when a.id_r is null then 'none' when a.step <> 'probabilistic' then 'exact'
            when a.weight_bits >= {HIGH_BITS} then 'high' else 'medium' end as band,
        case when a.step = 'contested' then '97' when a.id_r is null then '98'
            when f.sensitive then '92' when r.superseded then '90' else '00' end as outcome,
        cast(round(coalesce(a.weight_bits, 0) * 1000) as bigint) as weight_millibits,
        r.superseded and a.id_r is not null as superseded
    from records r join found a on a.rid = r.file_row_number left join person_index f on f.nhs_number = a.id_r
    order by r.file_row_number
"""  # noqa: S608
RECORDS = """
    select p.rid as file_row_number, cast(p.rid as varchar) as id, coalesce(i.person_id, p.number) as nhs_number,
        p.given_name, p.family_name, p.date_of_birth, p.sex, p.postcode, coalesce(i.superseded, false) as superseded
    from persons p left join person_index i on i.nhs_number = p.number
    order by p.rid
"""


@dataclass(frozen=True, slots=True)
class PersonIndex:
    """The NHS person index: its file, the folder that keeps its prepared versions, and how their blocking keys are hashed.

    A version is prepared once, when it is first asked for, and named by what it was made from. Its folder holds people
    as the file itself does, and belongs on the same encrypted disk.
    """

    file: Path
    folder: Path
    hashed: KeyHash

    def version(self, mark: str) -> Path:
        """Return the place of a prepared version."""
        return self.folder / f"{mark[:32]}.duckdb"


@dataclass(frozen=True, slots=True)
class Answers:
    """What earlier runs found: the relation of answers, the model that gave them and the precision that was expected."""

    relation: str
    model: Model
    expected: Expected


@dataclass(frozen=True, slots=True)
class Traced:
    """The model that a tracing used, how right its links are expected to be, and what was weighed, by reason."""

    model: Model
    expected: Expected
    weighed: Mapping[str, int]
    n_reused: int = 0


def attach_index(session: Session, index: PersonIndex) -> Prepared:
    """Make ``person_index`` (one row a number, with the number that replaced it in the end) and open current people.

    People are prepared with every name and address they had, so that a changed surname or a move does not hide anyone.
    """
    session.scan_file("index_file", index.file)
    session.table("person_index", Query(PERSON_INDEX, ("index_file",)))
    mark = fingerprint(index.file, INDEX_SIDE)
    kept = index.version(mark)
    if not kept.exists():
        session.view("index_people", Query("select * from index_file where superseded_by is null", ("index_file",)))
        made = prepare(session, fold(session, "index_people", INDEX_SIDE, "index_folded"), (), to_keep=True)
        keep_index(session, made, kept, mark, index.hashed)
    return open_index(session, kept, mark, index.hashed)


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


def weigh_again(session: Session, right: Prepared, model: Model) -> Matched:
    """Make again, by a model that was kept, the candidates of ``persons``: what trace_persons weighed, without its links.

    Shape:  in persons as trace_persons; out ``left_digests`` x (rid, id, digest), and decided, compared, settled,
            left_people, right_people as match_two and decide_links make them.
    """
    session.table("records", Query(RECORDS, ("persons", "person_index")))
    left = fold(session, "records", RECORD_SIDE, "left_folded")
    plan = plan_all(session, left, tuple(name for name in left.fields if name in right.fields))
    matched = match_two(session, plan.to_weigh, right, stage=_silent, model=model, keep_present=True)
    decide_links(session, "weighed", "decided", model.present, matched.n_right)
    return matched


def trace_persons(
    session: Session, right: Prepared, *, model: Model | None = None, answers: Answers | None = None,
    index: PersonIndex | None = None,
) -> Traced:  # fmt: skip
    """Make the table ``traced`` from ``persons``, and ``answers`` to keep; the model is learnt unless one is given.

    With the ``answers`` of an earlier run only records that are new, or whose candidates another version of ``index``
    changed, are weighed again.
    Shape:  in persons x (rid, number, given_name, family_name, date_of_birth, sex, postcode), number valid or null;
            out one row a person, TRACED_COLUMNS.
    Nulls:  person_id is null for a record that is not linked: several close candidates never link.
    Source: Direction 3, bullet 3 (check NHS numbers and trace any missing ones).
    """
    session.table("records", Query(RECORDS, ("persons", "person_index")))
    left = fold(session, "records", RECORD_SIDE, "left_folded")
    model = model if answers is None else answers.model
    plan = _plan(session, left, right, answers, index)
    matched = match_two(session, plan.to_weigh, right, stage=_silent, model=model, keep_present=answers is not None)
    decide_links(session, "weighed", "decided", matched.model.present, matched.n_right)
    fresh = _expected(session, matched)
    inputs = ("records", "decided", "right_people", "settled")
    session.table("found_now", Query(FOUND, inputs))
    text = f"""
        select d.rid, d.digest, '' as id_l, {", ".join(f"case when w.rid is null then a.{one} else n.{one} end as {one}" for one in ("id_r", "weight_bits", "step"))},
            {text_literal(model_mark(matched.model))} as model, {text_literal(index_mark(session))} as index_mark,
            coalesce(w.reason, 'kept') as reason
        from left_digests d left join to_weigh w using (rid) left join found_now n using (rid)
        left join kept_answers a on a.digest = d.digest
    """  # noqa: S608
    session.table("found", Query(text, ("left_digests", "to_weigh", "found_now", "kept_answers")))
    session.table("traced", Query(TRACED, ("records", "found", "person_index"), columns=TRACED_COLUMNS))
    columns = ", ".join(ANSWER_COLUMNS)
    session.table("answers", Query(f"select distinct on (digest) {columns} from found order by digest", ("found",)))  # noqa: S608
    expected = fresh if answers is None else _together(session, answers.expected, fresh)
    return Traced(matched.model, expected, plan.reasons, plan.n_reused)


def _plan(session: Session, left: Folded, right: Prepared, answers: Answers | None, index: PersonIndex | None) -> Kept:
    shared = tuple(name for name in left.fields if name in right.fields)
    if answers is None:
        return plan_all(session, left, shared)
    mark = session.rows(Query(f"select min(index_mark) from {answers.relation}", (answers.relation,)))[0][0]  # noqa: S608
    previous = None if index is None or mark is None else index.version(str(mark))
    if mark not in (None, index_mark(session)) and (previous is None or not previous.exists()):
        return plan_all(session, left, shared)  # what changed since cannot be told
    return plan_reuse(
        session, left, shared, right, answers.relation,
        model=model_mark(answers.model), index_mark=index_mark(session), previous=previous,
    )  # fmt: skip


def _expected(session: Session, matched: Matched) -> Expected:
    linked = f"select rid_l, rid_r, weight_bits from decided where place = 1 and weight_bits >= {DEFAULT_BITS}"
    session.table("best_links", Query(linked, ("decided",)))
    return expect_links(
        session, "weighed", "best_links", matched.model,
        n_left=matched.n_left, n_right=matched.n_right, threshold_bits=DEFAULT_BITS, n_audited=AUDITED,
    )  # fmt: skip


def _together(session: Session, kept: Expected, fresh: Expected) -> Expected:
    """Expect of kept and fresh links together what each part was expected of when it was made, by their numbers."""
    text = (
        "select count(*) filter (reason = 'kept'), count(*) filter (reason <> 'kept') from found where id_r is not null"
    )
    n_kept, n_fresh = (int(n) for n in session.rows(Query(text, ("found",)))[0])
    return expect_together((kept, n_kept), (fresh, n_fresh))


def _silent(stage: str) -> None:
    del stage
