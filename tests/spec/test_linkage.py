"""Who is who: each step on a small index, what settles a link and what never does."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cld.engine import Query, scratch_engine
from linkage.estimate import LEVELS, Model
from linkage.index import attach_index
from linkage.resolve import resolve
from tests.lib.tables import rows_of

# stated probabilities, so that a small table needs no training
MODEL = Model(
    m={name: tuple([0.05 / (n - 1)] * (n - 1) + [0.95]) for name, n in LEVELS.items()},
    u={name: tuple([0.99] + [0.01 / (n - 1)] * (n - 1)) if name != "sex" else (0.5, 0.5) for name, n in LEVELS.items()},
    share=0.9,
    n_pairs=0,
)
INDEX = """
| nhs_number | superseded_by | given_name | family_name | previous_family_name | date_of_birth | sex    | postcode | previous_postcode | sensitive |
| 9000000001 |               | Margaret   | Smith       | Jones                | 1940-03-02    | Female | LN1 1AA  | LN2 2BB           |           |
| 9000000002 |               | John       | Smith       |                      | 1938-07-09    | Male   | LN1 1AA  |                   |           |
| 9000000003 |               | John       | Smith       |                      | 1968-01-20    | Male   | LN1 1AA  |                   |           |
| 9000000004 |               | Kamaljit   | Kaur        |                      | 1955-05-05    | Female | OX1 1AB  |                   | yes       |
| 9000000005 | 9000000001    | Margaret   | Jones       |                      | 1940-03-02    | Female |          |                   |           |
| 9000000006 |               | Emma       | Grey        |                      | 1970-10-10    | Female | OX9 9ZZ  |                   |           |
| 9000000007 |               | Emma       | Grey        |                      | 1970-10-10    | Female | LN9 9ZZ  |                   |           |
"""
CASES = [
    (
        "number, birth and name agree",
        "9000000001|MARGARET|SMITH|1940-03-02|Female|LN11AA",
        "9000000001",
        "cross_check",
        "00",
    ),
    (
        "an old number follows its chain",
        "9000000005|MARGARET|JONES|1940-03-02|Female|",
        "9000000001",
        "cross_check",
        "90",
    ),
    ("a sensitive record is marked", "9000000004|KAMALJIT|KAUR|1955-05-05|Female|", "9000000004", "cross_check", "92"),
    (
        "no number, an earlier name and an earlier address",
        "|MARGARET|JONES|1940-03-02|Female|LN22BB",
        "9000000001",
        "exact_demographics",
        "00",
    ),
    (
        "a son with his father's number is not his father",
        "9000000002|JOHN|SMITH|1968-01-20|Male|LN11AA",
        "9000000003",
        "exact_demographics",
        "00",
    ),
    ("two alike on all that was sent", "|EMMA|GREY|1970-10-10|Female|", None, "unlinked", "97"),
    ("nobody", "|WANDA|NOBODY|1911-11-11|Female|ZE11ZZ", None, "unlinked", "98"),
]


@pytest.mark.parametrize(("title", "sent", "person", "step", "outcome"), CASES, ids=[case[0] for case in CASES])
def test_a_record_is_resolved_by_its_step(
    tmp_path: Path, title: str, sent: str, person: str | None, step: str, outcome: str
) -> None:
    index = tmp_path / "index.parquet"
    rows = [
        {
            **row,
            "sensitive": row["sensitive"] == "yes",
            "gp_practice_code": "",
            "registered_ccg": "",
            "date_of_death": None,
        }
        for row in rows_of(INDEX)
    ]
    pq.write_table(pa.Table.from_pylist(rows), index)
    values = [value or None for value in sent.split("|")]
    with scratch_engine(tmp_path).session() as session:
        attach_index(session, index)
        session.table(
            "person_index",
            Query(
                "select * replace (cast(birth as date) as birth) from person_index order by nhs_number",
                ("person_index",),
            ),
        )
        session.table(
            "person_faces",
            Query(
                "select * replace (cast(birth as date) as birth) from person_faces order by person_id",
                ("person_faces",),
            ),
        )
        text = "select 1 as rid, $n::varchar as number, $g::varchar as given, $f::varchar as family, $b::date as birth, $s::varchar as sex, $p::varchar as postcode"
        session.table("records", Query(text, (), dict(zip("ngfbsp", values, strict=True))))
        resolve(session, "found", MODEL)
        assert session.rows(Query("select person_id, step, outcome from found", ("found",))) == [
            (person, step, outcome)
        ], title
