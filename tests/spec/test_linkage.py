"""Who is who: each step on a small index, what settles a link and what never does."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cld.engine import Query, Session
from linkage.prepare.keyhash import PLAIN
from linkage.trace import PersonIndex, attach_index, trace_persons
from linkage.weigh.model import Model
from tests.lib.linking import a_session
from tests.lib.tables import rows_of

INDEX = """
| nhs_number | superseded_by | given_name | family_name | previous_family_name | date_of_birth | sex    | postcode | previous_postcode | sensitive |
| 9000001013 |               | Margaret   | Smith       | Jones                | 1940-03-02    | Female | LN1 1AA  | LN2 2BB           |           |
| 9000001080 |               | John       | Smith       |                      | 1938-07-09    | Male   | LN1 1AA  |                   |           |
| 9000001153 |               | John       | Smith       |                      | 1968-01-20    | Male   | LN1 1AA  |                   |           |
| 9000001226 |               | Kamaljit   | Kaur        |                      | 1955-05-05    | Female | OX1 1AB  |                   | yes       |
| 9000001293 | 9000001366    | Margaret   | Jones       |                      | 1940-03-02    | Female |          |                   |           |
| 9000001366 | 9000001013    | Margaret   | Jones       |                      | 1940-03-02    | Female |          |                   |           |
| 9000001439 |               | Emma       | Grey        |                      | 1970-10-10    | Female | OX9 9ZZ  |                   |           |
| 9000001501 |               | Emma       | Grey        |                      | 1970-10-10    | Female | LN9 9ZZ  |                   |           |
"""
LEVELS = {"postcode": 5, "birth": 4, "family": 5, "given": 6, "sex": 2, "number": 3}
# stated probabilities, so that a small table needs no training
MODEL = Model(
    kind="link",
    levels=LEVELS,
    m={name: tuple([0.05 / (n - 1)] * (n - 1) + [0.95]) for name, n in LEVELS.items()},
    u={name: tuple([0.99] + [0.01 / (n - 1)] * (n - 1)) if name != "sex" else (0.5, 0.5) for name, n in LEVELS.items()},
    kappas=(),
    present=0.9,
    rate=0.0,
    partners={},
    n_pairs=0,
)
CASES = [
    ("number, birth and name agree", "9000001013|MARGARET|SMITH|1940-03-02|Female|LN11AA", "9000001013", "cross_check", "00"),
    ("an old number follows its chain", "9000001293|MARGARET|JONES|1940-03-02|Female|", "9000001013", "cross_check", "90"),
    ("a sensitive record is marked", "9000001226|KAMALJIT|KAUR|1955-05-05|Female|", "9000001226", "cross_check", "92"),
    (
        "no number, an earlier name and an earlier address",
        "|MARGARET|JONES|1940-03-02|Female|LN22BB",
        "9000001013",
        "exact_demographics",
        "00",
    ),
    (
        "no number, a name cut short",
        "|MARGARE|SMITH|1940-03-02|Female|LN11AA",
        "9000001013",
        "alphanumeric",
        "00",
    ),
    ("number and name without the birth date are weighed, not settled", "9000001080|JOHN|SMITH|1911-11-11|Male|", "9000001080", "probabilistic", "00"),
    ("two alike on all that was sent", "|EMMA|GREY|1970-10-10|Female|", None, "unlinked", "97"),
    ("nobody", "|WANDA|NOBODY|1911-11-11|Female|ZE11ZZ", None, "unlinked", "98"),
]  # fmt: skip


def _index(tmp_path: Path) -> Path:
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
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "index.parquet")
    return tmp_path / "index.parquet"


def _persons(session: Session, sent: str) -> None:
    values = [value or None for value in sent.split("|")]
    text = """select 1 as rid, $n::varchar as number, $g::varchar as given_name, $f::varchar as family_name,
        $b::date as date_of_birth, $s::varchar as sex, $p::varchar as postcode"""
    session.table("persons", Query(text, (), dict(zip("ngfbsp", values, strict=True))))


@pytest.mark.parametrize(("title", "sent", "person", "step", "outcome"), CASES, ids=[case[0] for case in CASES])
def test_a_record_is_resolved_by_its_step(
    tmp_path: Path, title: str, sent: str, person: str | None, step: str, outcome: str
) -> None:
    with a_session(tmp_path) as session:
        index = attach_index(session, PersonIndex(_index(tmp_path), tmp_path / "kept", PLAIN))
        _persons(session, sent)
        trace_persons(session, index, model=MODEL)
        found = session.rows(Query("select person_id, step, outcome from traced", ("traced",)))
        assert found == [(person, step, outcome)], title
