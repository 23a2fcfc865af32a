"""What a level of agreement means between encodings: equal, one edit, two edits, unlike; and what is not compared."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from cld.engine import scratch_engine
from linkage.encoded.encode import encode_values
from linkage.encoded.keyring import Keyring
from linkage.encoded.levels import FieldSide, field_levels, level_names, thresholds_of
from linkage.encoded.scheme import EncodingScheme, Hardening
from tests.lib.tables import rows_of

SECRET = bytes(range(32))
PAIRS = """
| field         | left       | right      | level   |
| given_name    | MARGARET   | MARGARET   | equal   |
| given_name    | MARGARET   | MARGERET   | near    |
| given_name    | MARGARET   | MARGARETE  | near    |
| given_name    | MARGARET   | MIRGAROT   | partial |
| given_name    | MARGARET   | PAULINE    | unlike  |
| family_name   | THOMPSON   | THOMSON    | near    |
| family_name   | SMITH      | JONES      | unlike  |
| date_of_birth | 19400302   | 19400302   | equal   |
| date_of_birth | 19400302   | 19400303   | near    |
| date_of_birth | 19400302   | 19400203   | partial |
| date_of_birth | 19400302   | 19871119   | unlike  |
| postcode      | LN11AA     | LN11AB     | near    |
| postcode      | LN11AA     | OX29ZZ     | unlike  |
| nhs_number    | 9000000009 | 9000000019 | near    |
| nhs_number    | 9000000009 | 9434765919 | unlike  |
| sex           | FEMALE     | FEMALE     | equal   |
| sex           | FEMALE     | MALE       | unlike  |
"""
SCHEMES = {
    "diffusion": EncodingScheme(),
    "folding": EncodingScheme(hardening=Hardening.XOR_FOLD),
    "diffusion and flips": EncodingScheme(flips_per_thousand=20),
}


def side(filters: np.ndarray, tag: int = 3) -> FieldSide:
    whole = np.ones(len(filters), dtype=bool)
    return FieldSide(filters, whole, np.full(len(filters), tag, dtype=np.int16))


@pytest.mark.parametrize("scheme", SCHEMES.values(), ids=SCHEMES)
@pytest.mark.parametrize("row", rows_of(PAIRS), ids=lambda row: f"{row['left']}-{row['right']}")
def test_a_pair_has_its_level(tmp_path: Path, scheme: EncodingScheme, row: dict[str, str]) -> None:
    field = next(field for field in scheme.fields if field.name == row["field"])
    keyring = Keyring(SECRET, scheme)
    values = pa.table({"value": [row["left"], row["right"]], "salt": ["1940", "1940"]})
    with scratch_engine(tmp_path).session() as session:
        filters = encode_values(session, values, field, keyring)
    noise = np.packbits(keyring.noise(field.name, b"n" * 16, (2, scheme.n_bits_out)), axis=1)
    left, right = (side(filters[place : place + 1] ^ noise[place : place + 1]) for place in (0, 1))
    limits = thresholds_of(field, scheme, (left.density + right.density) / 2)
    first = np.zeros(1, dtype=np.int64)
    level = int(field_levels(left, right, field, limits, (first, first))[0])
    assert level_names(field)[level] == row["level"]


def test_names_of_two_salts_and_missing_values_are_not_compared(tmp_path: Path) -> None:
    field = EncodingScheme().fields[0]
    with scratch_engine(tmp_path).session() as session:
        values = pa.table({"value": ["ANN"], "salt": ["1940"]})
        filters = encode_values(session, values, field, Keyring(SECRET, EncodingScheme()))
    limits = thresholds_of(field, EncodingScheme(), 0.4)
    pair = (np.zeros(1, dtype=np.int64), np.zeros(1, dtype=np.int64))
    assert field_levels(side(filters, 3), side(filters, 4), field, limits, pair).tolist() == [-1]
    empty = replace(side(filters), present=np.zeros(1, dtype=bool))
    assert field_levels(side(filters), empty, field, limits, pair).tolist() == [-1]
