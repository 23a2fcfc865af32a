"""What each comparison calls near, and what standard forms make of what people type."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from cld.engine import Query
from cld.nhs_number import placeholders
from linkage.prepare.comparisons import comparisons_for
from linkage.prepare.fields import Further, Kind
from linkage.prepare.standard import birth_sql, name_sql, number_sql, postcode_sql, sex_sql, text_sql
from tests.lib.linking import a_session, level

FIELDS = ("given", "family", "birth", "sex", "postcode", "number")
FURTHER = (
    Further("x_address", Kind.TEXT),
    Further("x_phone", Kind.IDENTIFIER),
    Further("x_height", Kind.NUMBER),
    Further("x_state", Kind.EXACT),
)
EARLIER = ("other_family", "other_postcode")
BY_NAME = {one.name: one for one in comparisons_for((*FIELDS, *(f.name for f in FURTHER)), EARLIER, FURTHER)}
NAMES = "given family other_family"
CASES = [
    # comparison, left, right, level; names as given|family|earlier family
    ("given", "ANNA|KAUR|", "ANNA|SINGH|", "equal"),
    ("given", "KAUR|ANNA|", "ANNA|KAUR|", "swapped"),
    ("family", "KAUR|ANNA|", "ANNA|KAUR|", "missing"),
    ("given", "A|KAUR|", "ANNA|KAUR|", "initial"),
    ("given", "MARY JANE|KAUR|", "MARY|KAUR|", "near"),
    ("given", "MARGARET|KAUR|", "MARGRET|KAUR|", "near"),
    ("given", "MARIA|KAUR|", "MARTHA|KAUR|", "alike"),
    ("given", "ROBERT|KAUR|", "BOB|KAUR|", "near"),
    ("given", "PEGGY|KAUR|", "MEG|KAUR|", "near"),
    ("given", "ANNA|KAUR|", "PETER|KAUR|", "differs"),
    ("given", "|KAUR|", "PETER|KAUR|", "missing"),
    ("family", "A|JONES|", "A|JONES|", "equal"),
    ("family", "A|JONES|", "A|SMITH|JONES", "earlier"),
    ("family", "A|SMITH JONES|", "A|JONES|", "near"),
    ("family", "A|JOHNSON|", "A|JOHNSTON|", "near"),
    ("family", "A|JONES|", "A|PATEL|", "differs"),
    # by letters 0.556, by bytes 0.800: docs/methods/linkage.md, section 2
    ("family", "A|ИВАНОВ|", "A|ПЕТРОВ|", "differs"),
    ("family", "A|ИВАНОВ|", "A|ИВАНОВА|", "near"),
    ("family", "A|ΠΑΠΑΔΟΠΟΥΛΟΣ|", "A|ΝΙΚΟΛΑΟΥ|", "differs"),
    ("given", "محمد|KAUR|", "محمود|KAUR|", "near"),
    ("birth", "19400302", "19400302", "equal"),
    ("birth", "19400302", "19400203", "one part wrong"),
    ("birth", "19400302", "19400312", "one part wrong"),
    ("birth", "19400302", "19410302", "one part wrong"),
    ("birth", "19400302", "19401127", "year or day"),
    ("birth", "19400000", "19401127", "year or day"),
    ("birth", "19400302", "19511127", "differs"),
    ("birth", "", "19511127", "missing"),
    ("sex", "F", "F", "equal"),
    ("sex", "F", "M", "differs"),
    ("postcode", "LN11AA|", "LN11AA|", "equal"),
    ("postcode", "LN22BB|", "LN11AA|LN22BB", "earlier"),
    ("postcode", "LN11AB|", "LN11AA|", "one sign wrong"),
    ("postcode", "LN11AA|", "NL11AA|", "one sign wrong"),
    ("postcode", "LN19ZZ|", "LN11AA|", "district"),
    ("postcode", "OX11AA|", "LN29BB|", "differs"),
    ("number", "9000000009", "9000000009", "equal"),
    ("number", "9000000009", "9000000090", "near"),
    ("number", "9000000009", "9000000008", "near"),
    ("number", "9000000009", "9123456789", "differs"),
    ("x_address", "12 HIGH STREET", "12 HIGH STREET", "equal"),
    ("x_address", "12 HIGH STREET", "12 HIGH STRET", "near"),
    ("x_address", "12 HIGH STREET", "4 MILL LANE", "differs"),
    ("x_phone", "01522555123", "01522555132", "near"),
    ("x_height", "171.0", "171.5", "near"),
    ("x_height", "171.0", "150.0", "differs"),
    ("x_state", "NSW", "NSW", "equal"),
]  # fmt: skip


def _record(name: str, text: str) -> dict[str, object]:
    if name in ("given", "family"):
        return {key: value or None for key, value in zip(NAMES.split(), text.split("|"), strict=True)}
    if name == "postcode":
        return {key: value or None for key, value in zip(("postcode", "other_postcode"), text.split("|"), strict=True)}
    if name == "birth":
        return {"birth": int(text) if text else None}
    if name == "number":
        return {"number": int(text), "number_valid": True}
    return {name: float(text) if name == "x_height" else text}


@pytest.mark.parametrize(("name", "left", "right", "label"), CASES)
def test_a_comparison_finds_its_level(tmp_path: Path, name: str, left: str, right: str, label: str) -> None:
    with a_session(tmp_path) as session:
        a, b = _record(name, left), _record(name, right)
        assert level(session, BY_NAME[name], a, b) == label


FORMS = [
    (name_sql, " Zoë-Ann ", "ZOE ANN"),
    (name_sql, "unknown", None),
    (name_sql, "N/A", None),
    (name_sql, "O'Brien", "OBRIEN"),
    (name_sql, "van der Berg", "VAN DER BERG"),
    (name_sql, "Łuczak", "LUCZAK"),
    (name_sql, "محمد", "محمد"),
    (name_sql, "小明", "小明"),
    (text_sql, "12, High St.", "12 HIGH ST"),
    (postcode_sql, "ln1 1aa", "LN11AA"),
    (postcode_sql, "LN1-1AA", "LN11AA"),
    (postcode_sql, "unknown", None),
    (sex_sql, "Female", "F"),
    (sex_sql, "1", "M"),
    (sex_sql, "9", None),
    (birth_sql, "1940-03-02", 19400302),
    (birth_sql, "1940-03-02 00:00:00", 19400302),
    (birth_sql, "02/03/1940", 19400302),
    (birth_sql, "2-Mar-1940", 19400302),
    (birth_sql, "02 January 1980", 19800102),
    (birth_sql, "02-Jan-80", 19800102),
    (birth_sql, "2/1/80", 19800102),
    (birth_sql, "1980/01/02", 19800102),
    (birth_sql, "19800102.0", 19800102),
    (birth_sql, "1980-01", 19800100),
    (birth_sql, "19400302", 19400302),
    (birth_sql, "1940-13-02", 19401302),
    (birth_sql, "1940", 19400000),
    (birth_sql, "1900-01-01", None),
    (birth_sql, "not known", None),
]


@pytest.mark.parametrize(("form", "sent", "standard"), FORMS)
def test_what_is_typed_is_folded(tmp_path: Path, form: object, sent: str, standard: object) -> None:
    with a_session(tmp_path) as session:
        session.table("sent", Query("select $v as v", (), {"v": sent}))
        assert session.rows(Query(f"select {form('v')} from sent", ("sent",)))[0][0] == standard  # type: ignore[operator]


@pytest.mark.parametrize(
    ("sent", "kind", "number"),
    [
        ("900 000 0101", "VARCHAR", 9000000101),
        ("900-000-0108", "VARCHAR", 9000000108),
        ("9999999999", "VARCHAR", None),
        ("90000000A9", "VARCHAR", None),
        ("12345", "VARCHAR", None),
    ],
)
def test_a_number_is_ten_digits_and_no_placeholder(tmp_path: Path, sent: str, kind: str, number: int | None) -> None:
    with a_session(tmp_path) as session:
        session.table("sent", Query("select $v as v", (), {"v": sent}))
        assert session.rows(Query(f"select {number_sql('v', kind)} from sent", ("sent",)))[0][0] == number


def test_every_placeholder_is_missing(tmp_path: Path) -> None:
    with a_session(tmp_path) as session:
        session.take("sent", pa.table({"v": sorted(placeholders())}))
        text = f"select count(*), count({number_sql('v', 'VARCHAR')}) from sent"
        assert session.rows(Query(text, ("sent",)))[0] == (19, 0)
