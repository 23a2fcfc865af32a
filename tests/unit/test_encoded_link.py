"""The exchanged file and the linkage of two: what is refused, how each record is settled, and how accurate it is."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cld.errors import (
    BadSignature,
    CLDError,
    DisclosureRefused,
    KeyUnavailable,
    UnknownColumn,
    UnknownSpecification,
    UnreadableFile,
)
from linkage.encoded.exchange import METADATA, encode_file, read_encoded
from linkage.encoded.link import link_encoded
from linkage.encoded.scheme import EncodingScheme, breakable_scheme_for_attack_tests
from tests.lib.tables import rows_of

SECRET = bytes(range(32))
OTHER_SECRET = bytes(range(1, 33))
COLUMNS = {
    "id": "id",
    "given_name": "given",
    "family_name": "family",
    "date_of_birth": "born",
    "postcode": "pc",
    "nhs_number": "nhs",
}
PARTNER = """
| id | given    | family | born       | pc      | nhs        |
| p3 | Margaret | Smith  | 1940-03-02 | LN1 1AA | 9000000009 |
| p1 | John     | Smith  | 1938-07-09 | LN1 1AA |            |
| p2 | Wanda    | Nobody | 1911-11-11 | ZE1 1ZZ |            |
"""


def a_csv(path: Path, drawn: str) -> Path:
    rows = rows_of(drawn)
    stream = io.StringIO(newline="")
    writer = csv.DictWriter(stream, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    path.write_text(stream.getvalue())
    return path


def encoded(folder: Path, drawn: str, name: str, secret: bytes = SECRET) -> Path:
    encode_file(a_csv(folder / f"{name}.csv", drawn), COLUMNS, secret, folder / f"{name}.parquet")
    return folder / f"{name}.parquet"


def test_the_file_holds_ids_filters_and_keys_and_no_value(tmp_path: Path) -> None:
    path = encoded(tmp_path, PARTNER, "a")
    found = read_encoded(path)
    assert found.record_ids().to_pylist() == ["p1", "p2", "p3"]
    assert found.scheme == EncodingScheme()
    content = path.read_bytes()
    values = [value for row in rows_of(PARTNER) for name, value in row.items() if value and name != "id"]
    assert not any(value.encode() in content or value.upper().encode() in content for value in values)
    assert SECRET not in content
    filters, present = found.filters("nhs_number")
    assert present.tolist() == [False, False, True]
    assert not filters[:2].any()


def test_the_same_rows_in_any_order_give_the_same_bytes(tmp_path: Path) -> None:
    lines = PARTNER.strip().splitlines()
    turned = "\n".join([lines[0], *reversed(lines[1:])])
    assert encoded(tmp_path, PARTNER, "a").read_bytes() == encoded(tmp_path, turned, "b").read_bytes()


def test_with_flips_equal_values_differ_a_little_and_a_missing_one_stays_empty(tmp_path: Path) -> None:
    scheme = replace(EncodingScheme(), flips_per_thousand=50)
    path = a_csv(tmp_path / "in.csv", PARTNER)
    for name in ("once", "again"):
        encode_file(path, COLUMNS, SECRET, tmp_path / f"{name}.parquet", scheme)
    assert (tmp_path / "once.parquet").read_bytes() == (tmp_path / "again.parquet").read_bytes()
    filters, present = read_encoded(tmp_path / "once.parquet").filters("postcode")
    n_unlike = int(np.bitwise_count(filters[0] ^ filters[2]).sum())
    assert present.all()
    assert 50 < n_unlike < 150
    assert not read_encoded(tmp_path / "once.parquet").filters("nhs_number")[0][0].any()


@pytest.mark.parametrize(
    ("columns", "error"),
    [
        ({"given_name": "given"}, UnknownColumn),
        ({"id": "id"}, UnknownColumn),
        ({"id": "id", "shoe_size": "given"}, UnknownColumn),
        ({"id": "id", "given_name": "missing"}, UnknownColumn),
        ({"id": "nhs", "nhs_number": "nhs"}, DisclosureRefused),
        ({"id": "given", "family_name": "family"}, None),
        ({"id": "family", "given_name": "given"}, UnreadableFile),
        ({"id": "nhs", "given_name": "given"}, UnreadableFile),
    ],
    ids=["no id", "no field", "unknown field", "absent column", "id is encoded", "fine", "id twice", "id missing"],
)
def test_a_map_of_columns_is_held_to_scheme_and_file(
    tmp_path: Path, columns: Mapping[str, str], error: type[CLDError] | None
) -> None:
    path = a_csv(tmp_path / "in.csv", PARTNER)
    if error is None:
        assert encode_file(path, columns, SECRET, tmp_path / "out.parquet").n_rows == 3
        return
    with pytest.raises(error) as refused:
        encode_file(path, columns, SECRET, tmp_path / "out.parquet")
    assert "Smith" not in str(refused.value)
    assert not (tmp_path / "out.parquet").exists()


def test_a_short_secret_encodes_nothing(tmp_path: Path) -> None:
    with pytest.raises(KeyUnavailable):
        encoded(tmp_path, PARTNER, "a", b"short")


def changed(path: Path, table: pa.Table, **metadata: object) -> Path:
    """Write a table with the metadata of a good file, changed."""
    described = {**json.loads(pq.read_schema(path).metadata[METADATA]), **metadata}
    bad = path.with_name("bad.parquet")
    pq.write_table(table.replace_schema_metadata({METADATA: json.dumps(described).encode()}), bad)
    return bad


def test_a_file_that_is_not_as_declared_is_refused(tmp_path: Path) -> None:
    path = encoded(tmp_path, PARTNER, "a")
    table = pq.read_table(path)
    breakable = breakable_scheme_for_attack_tests().as_json()
    twice = table.set_column(0, "record_id", pa.array(["p", "p", "q"]))
    blank = table.set_column(0, "record_id", pa.array(["", "p", "q"]))
    tags = table.set_column(1, "salt_tag", pa.array([99, 1, 1], pa.uint8()))
    assert read_encoded(changed(path, table)).n_rows == 3
    cases: list[tuple[pa.Table, dict[str, object], type[CLDError]]] = [
        (table, {"version": 2}, UnknownSpecification),
        (table, {"surprise": 1}, UnknownSpecification),
        (table, {"scheme": breakable}, DisclosureRefused),
        (table, {"n_rows": 4}, UnreadableFile),
        (table.append_column("name", pa.array(["x", "y", "z"])), {}, UnreadableFile),
        (table.drop_columns(["key_birth"]), {}, UnreadableFile),
        (twice, {}, UnreadableFile),
        (blank, {}, UnreadableFile),
        (tags, {}, UnreadableFile),
    ]
    for bad, metadata, error in cases:
        with pytest.raises(error):
            read_encoded(changed(path, bad, **metadata))


def test_a_damaged_or_foreign_file_is_refused(tmp_path: Path) -> None:
    path = encoded(tmp_path, PARTNER, "a")
    content = bytearray(path.read_bytes())
    (tmp_path / "cut.parquet").write_bytes(bytes(content[: len(content) // 2]))
    pq.write_table(pa.table({"record_id": ["a"]}), tmp_path / "foreign.parquet")
    content[len(content) // 4] ^= 0xFF
    (tmp_path / "flipped.parquet").write_bytes(bytes(content))
    for name in ("cut", "foreign", "flipped", "absent"):
        with pytest.raises(UnreadableFile):
            read_encoded(tmp_path / f"{name}.parquet")


def test_two_secrets_or_two_schemes_are_not_linked(tmp_path: Path) -> None:
    ours, theirs = encoded(tmp_path, PARTNER, "a"), encoded(tmp_path, PARTNER, "b", OTHER_SECRET)
    with pytest.raises(BadSignature):
        link_encoded(ours, theirs, tmp_path / "links.parquet")
    scheme = replace(EncodingScheme(), n_diffused=7)
    encode_file(tmp_path / "a.csv", COLUMNS, SECRET, theirs, scheme)
    with pytest.raises(UnknownSpecification):
        link_encoded(ours, theirs, tmp_path / "links.parquet")
    assert not (tmp_path / "links.parquet").exists()


INDEX = """
| id | given    | family | born       | pc      | nhs        |
| i1 | Margaret | Smith  | 1940-03-02 | LN1 1AA | 9000000009 |
| i2 | John     | Smith  | 1938-07-09 | LN1 1AA | 9000000017 |
| i3 | John     | Smith  | 1968-01-20 | LN1 1AA | 9000000025 |
| i4 | Emma     | Grey   | 1970-10-10 | OX9 9ZZ | 9000000033 |
| i5 | Emma     | Grey   | 1970-10-10 | OX9 9ZZ | 9000000041 |
"""
SENT = """
| id | given    | family | born       | pc      | nhs        |
| s1 | Margaret | Jones  | 1940-03-02 |         | 9000000009 |
| s2 | John     | Smith  | 1968-01-20 | LN1 1AA | 9000000017 |
| s3 | Emma     | Grey   | 1970-10-10 | OX9 9ZZ |            |
| s4 | Wanda    | Nobody | 1911-11-11 | ZE1 1ZZ |            |
"""


def test_exact_steps_are_named_and_counted_and_two_alike_settle_nothing(tmp_path: Path) -> None:
    """A son with his father's number is the son; of two alike on all that was sent neither is linked."""
    found = link_encoded(encoded(tmp_path, SENT, "a"), encoded(tmp_path, INDEX, "b"), tmp_path / "links.parquet")
    links = pq.read_table(tmp_path / "links.parquet").to_pylist()
    exact = [(row["id_l"], row["id_r"], row["step"]) for row in links if row["step"] != "probabilistic"]
    assert exact == [("s1", "i1", "number_birth_given"), ("s2", "i3", "name_birth_postcode")]
    assert found.steps["number_birth_given"] == found.steps["name_birth_postcode"] == 1
    assert not [row for row in links if row["id_l"] in ("s3", "s4")]
    assert list(links[0]) == ["id_l", "id_r", "weight_bits", "probability", "step"]


def test_files_without_rows_link_nothing(tmp_path: Path) -> None:
    (tmp_path / "none.csv").write_text("id,given,family,born,pc,nhs\n")
    encode_file(tmp_path / "none.csv", COLUMNS, SECRET, tmp_path / "none.parquet")
    full = encoded(tmp_path, PARTNER, "a")
    for pair in ((tmp_path / "none.parquet", full), (full, tmp_path / "none.parquet")):
        found = link_encoded(*pair, tmp_path / "links.parquet")
        assert found.n_links == pq.read_table(tmp_path / "links.parquet").num_rows == 0
