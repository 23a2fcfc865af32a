"""The quality statement: what it counts, what it hides, what changed, and in which form."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from audit.verify import open_package
from cld.engine import Query
from cld.intervals import wilson
from linkage.tell.changes import CHANGES, COMPARED
from linkage.tell.facts import CLIENT_FIELDS, identifiers_by_council, identifiers_of, rates_of_persons
from linkage.tell.quality import PERSON_GROUPS, link_rates
from linkage.tell.statement import coarse, quality_statement
from linkage.tell.statement_page import statement_page
from tests.lib.linking import a_session
from tests.lib.tables import arrow_of

# one line for each thing that may become of a person's link, and what it is called
BEFORE_AND_NOW = """
| la_code | person_ref | before     | now        | change             |
| 503     | a          | 9000000009 | 9000000009 | kept               |
| 503     | b          | 9000000017 | 9000000025 | kept               |
| 503     | c          |            | 9000000033 | newly linked       |
| 503     | d          | 9000000041 | 9000000058 | linked to another  |
| 503     | e          | 9000000066 |            | no longer linked   |
| 503     | f          |            |            | still not linked   |
| 901     | a          | (not sent) | 9000000074 | new and linked     |
| 901     | b          | (not sent) |            | new and not linked |
| 901     | c          | 9000000082 | (not sent) | no longer sent     |
"""
INDEX = """
| nhs_number | person_id  |
| 9000000009 | 9000000009 |
| 9000000017 | 9000000025 |
| 9000000041 | 9000000041 |
"""


def test_what_became_of_a_link_is_told_by_council_and_a_number_replaced_by_its_successor_is_kept(
    tmp_path: Path,
) -> None:
    rows = arrow_of(BEFORE_AND_NOW)
    with a_session(tmp_path) as session:
        session.take("drawn", rows)
        session.take("person_index", arrow_of(INDEX))
        for name, column in (("earlier_links", "before"), ("links", "now")):
            text = f"select la_code, person_ref, {column} as person_id from drawn where {column} is distinct from '(not sent)'"  # noqa: S608
            session.table(name, Query(text, ("drawn",)))
        found = {
            (row[0], row[1]): row[2]
            for row in session.rows(Query(COMPARED, ("links", "earlier_links", "person_index")))
        }
    expected: dict[tuple[str, str], int] = {}
    for row in rows.to_pylist():
        key = (row["la_code"], row["change"])
        expected[key] = expected.get(key, 0) + 1
    assert found == expected
    assert {change for _, change in found} == set(CHANGES)


PERSONS = """
| la_code | sent_number | number     | given_name | family_name | date_of_birth | sex    | postcode |
| 503     | 9000000009  | 9000000009 | ANN        | LEE         | 1940-01-01    | Female | LN1 1AA  |
| 503     | 1234567890  |            | BOB        | LEE         | 1940-01-01    | Male   |          |
| 901     |             |            | CY         |             |               |        | OX1 1AA  |
"""


def test_an_identifier_is_counted_where_it_is_given(tmp_path: Path) -> None:
    with a_session(tmp_path) as session:
        session.take("persons", arrow_of(PERSONS))
        found = {
            one["field"]: (one["n_records"], one["n_given"]) for one in identifiers_of(session, "s", CLIENT_FIELDS)
        }
        by_council = {(one["source"], one["field"]): one["n_given"] for one in identifiers_by_council(session)}
    assert found == {
        "NHS number as sent": (3, 2), "NHS number that may be matched on": (3, 1), "given name": (3, 3),
        "family name": (3, 2), "birth date": (3, 2), "sex": (3, 2), "postcode": (3, 2),
    }  # fmt: skip
    assert by_council["503", "postcode"] == 1
    assert by_council["901", "family name"] == 0


def _rates(tmp_path: Path, groups: Mapping[str, tuple[int, int]]) -> dict[str, dict[str, Any]]:
    """Return the rates of groups of so many records, so many of them linked, each link with chance 0.9, each other 0.2."""
    value = [name for name, (n, _) in groups.items() for _ in range(n)]
    linked = [place < n_linked for n, n_linked in groups.values() for place in range(n)]
    with a_session(tmp_path) as session:
        session.take(
            "people", pa.table({"value": value, "linked": linked, "chance": [0.9 if one else 0.2 for one in linked]})
        )
        rates = link_rates(session, "people", (), "linked", {"group": "value"}, chance="chance")
    return {one.value: one.as_json() for one in rates}


def test_rates_hold_wilsons_interval_and_the_errors_that_the_model_expects(tmp_path: Path) -> None:
    """Wilson 1927, 81 of 100: 0.7222 to 0.8749. False: 0.1 of each link; missed: 0.2 of each of 19 records of 100."""
    assert [round(end, 4) for end in wilson(81, 100)] == [0.7222, 0.8749]
    found = _rates(tmp_path, {"a": (100, 81)})["a"]
    assert found["interval"] == ["0.7222", "0.8749"]
    assert found["expected_false"] == "0.1000"
    assert found["expected_missed"] == "0.0380"


def test_small_groups_hold_nothing_and_a_few_unlinked_are_not_counted(tmp_path: Path) -> None:
    groups = {
        "nine": (9, 5),
        "few linked": (200, 4),
        "one unlinked": (200, 199),
        "nine unlinked": (200, 191),
        "none": (200, 200),
    }
    found = _rates(tmp_path, groups)
    assert found["nine"] == {"group": "group", "value": "nine", "n_records": None, "n_linked": None, "interval": None}
    assert found["few linked"]["interval"] is None
    # one unlinked or nine, it reads the same: the interval that holds for any of them
    low, high = wilson(191, 200)[0], wilson(199, 200)[1]
    for name in ("one unlinked", "nine unlinked"):
        assert found[name]["interval"] == [f"{low:.4f}", f"{high:.4f}"]
        assert found[name]["n_linked"] is None
    assert found["none"]["n_linked"] == 200


@pytest.mark.parametrize(
    ("n", "shown"), [(0, "0"), (1, "*"), (7, "*"), (8, "10"), (12, "10"), (13, "15"), (1002, "1000")]
)
def test_counts_are_shown_as_the_published_rule_shows_them(n: int, shown: str) -> None:
    """NHS Digital, HES: 1 to 7 as a star, others to the nearest 5 (cld/reference/published-disclosure-rules.csv)."""
    assert coarse(n) == shown


NAMES = [
    ("Ann", "Smithson", "a name of three letters or fewer"),
    ("Anna", "Smithson", "two parts"),
    ("Anna Maria", "Smithson", "more than two parts"),
    ("Anna", "Smith-Jones", "more than two parts"),
    ("Zoë", "Müller", "a name of three letters or fewer"),
    ("Chloë", "Müller", "two parts"),
    ("Іван", "Петренко", "letters beyond A to Z"),
    (None, "Smithson", "not given"),
]
LSOA = {"E01007420": "Yorkshire and The Humber", "E01028447": "South East"}


def test_people_are_grouped_by_form_of_name_and_region_of_residence(tmp_path: Path) -> None:
    """E01007420 lies in Barnsley, E01028447 in Oxfordshire (cld/reference/lsoa2011-ccg2021-lad2021.csv)."""
    lsoas = [*LSOA, *[None] * (len(NAMES) - len(LSOA))]
    n = len(NAMES)
    persons = {
        "rid": range(n), "la_code": ["503"] * n, "person_ref": [str(one) for one in range(n)], "number": ["9000000009"] * n,
        "given_name": [one[0] for one in NAMES], "family_name": [one[1] for one in NAMES], "sex": ["Female"] * n,
    }  # fmt: skip
    cld = {
        "la_code": ["503"] * n, "person_ref": [str(one) for one in range(n)], "row_number": range(n), "residence_lsoa": lsoas,
        "ethnicity": ["White: Irish"] * n, "residence_ccg": [""] * n,
    }  # fmt: skip
    with a_session(tmp_path) as session:
        session.take("sent", pa.table(persons))
        session.table("persons", Query("select *, date '1940-01-01' as date_of_birth from sent", ("sent",)))
        session.table("traced", Query("select rid, '9' as person_id, 'cross_check' as step from persons", ("persons",)))
        session.table("found", Query("select rid, 20.0 as weight_bits from persons", ("persons",)))
        session.take("cld", pa.table(cld))
        rates_of_persons(session)
        forms = link_rates(session, "persons_linked", (), "linked", {"all": "'all'"})
        text = "select region from persons_linked order by region nulls last"
        regions = [row[0] for row in session.rows(Query(text, ("persons_linked",)))]
        told = f"select {PERSON_GROUPS['form of name']} from persons_linked order by given_name nulls last, family_name"  # noqa: S608
        found = [row[0] for row in session.rows(Query(told, ("persons_linked",)))]
    ordered = sorted(NAMES, key=lambda one: (one[0] is None, one[0] or "", one[1]))
    assert found == [one[2] for one in ordered]
    assert regions[: len(LSOA)] == sorted(LSOA.values())
    assert forms[0].n_records is None


@pytest.fixture(scope="module")
def packaged(demo_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """An opened package of the demo."""
    rows = json.loads((demo_folder / "summary.json").read_text())["rows"]
    row = next(row for row in rows if row["recipient"] == "NHS Oxfordshire CCG")
    folder = tmp_path_factory.mktemp("package")
    open_package(demo_folder / row["package"], demo_folder / row["identity"], folder)
    yield folder


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, Mapping):
        for each in value.values():
            yield from _texts(each)
    elif isinstance(value, list):
        for each in value:
            yield from _texts(each)
    else:
        yield str(value)


def test_a_package_holds_the_statement_for_programs_and_as_a_page_and_the_workspace_the_same(
    packaged: Path, demo_folder: Path
) -> None:
    for name in ("linkage-statement.json", "linkage-statement.html"):
        assert (packaged / name).read_bytes() == (demo_folder / name).read_bytes()
        assert name in (packaged / "tagmanifest-sha512.txt").read_text()
    page = (packaged / "linkage-statement.html").read_text()
    assert not re.search(r"(?:src|href|url)\W{1,3}https?:", page)
    assert "<script" not in page


def test_the_statement_follows_the_steps_of_the_guidance(packaged: Path) -> None:
    """GUILD (Gilbert et al. 2018): data and identifiers, linkage, error by subgroup, what an analyst should know."""
    told = json.loads((packaged / "linkage-statement.json").read_text())
    assert set(told) == {"guidance", "counts", "data", "linkage", "error", "changes", "for_analysis"}
    groups = {one["group"] for one in told["error"]["by_group"]}
    assert {
        "council",
        "number sent",
        "sex",
        "age",
        "ethnicity",
        "form of name",
        "region of residence",
        "area",
    } <= groups
    assert told["error"]["not_available"]["deprivation"].startswith("not available")
    assert told["error"]["clerical_review"] == {"of": "none was settled"}
    sources = {one["source"] for one in told["data"]["identifiers"]}
    assert sources == {"client-level files", "apc", "attendances", "deaths", "person index"}
    assert {one["step"] for one in told["linkage"]["persons_by_step"]} <= {
        "cross_check", "exact_demographics", "alphanumeric", "probabilistic", "unlinked",
    }  # fmt: skip
    assert told["changes"]["compared"] == "no"
    assert told["changes"]["reason"] == "this is the first delivery"


def test_no_small_number_stands_in_the_statement(packaged: Path) -> None:
    told = json.loads((packaged / "linkage-statement.json").read_text())
    counted = [
        told["data"],
        told["changes"],
        told["linkage"]["persons_by_step"],
        told["linkage"]["persons_by_council_and_band"],
    ]
    counts = [text for text in _texts(counted) if text.isdigit() and len(text) != 3]  # council codes have three
    assert len(counts) > 100
    for one in [*told["data"]["identifiers"], *told["data"]["identifiers_by_council"]]:
        for name in ("records", "missing"):
            assert one[name] == "*" or int(one[name]) % 5 == 0
    for n in told["linkage"]["persons_by_council_and_band"].values():
        assert n == "*" or int(n) % 5 == 0
    for group in told["error"]["by_group"]:
        assert re.fullmatch(r"withheld|\d\.\d\d to \d\.\d\d", group["linked, 95% interval"])


def test_a_percent_tells_no_more_than_the_counts_beside_it(packaged: Path) -> None:
    told = json.loads((packaged / "linkage-statement.json").read_text())["data"]
    for one in [*told["identifiers"], *told["identifiers_by_council"]]:
        if "*" in (one["records"], one["missing"]):
            assert one["percent given"] in ("*", "withheld")
        elif one["records"] != "0":
            assert one["percent given"] == f"{100 - 100 * int(one['missing']) / int(one['records']):.0f}"


def _body(changes: dict[str, Any]) -> dict[str, Any]:
    """Return the body of a LinkedDataset as small as the statement needs it."""
    return {
        "sources": {"councils": ["503"], "period": ["2021-01-01", "2021-12-31"], "n_rows": {"cld": 900}},
        "steps": {"cross_check": 290, "unlinked": 10}, "index": {"n_people": 5000}, "identifiers": [],
        "identifiers_by_council": [], "model": {}, "second_estimate": {"compared": False, "reason": "few <pairs>"},
        "bands_by_council": {"503 exact": 290, "503 none": 3}, "rates": [], "last_review": None, "weighed": {"new record": 4},
        "expected": {"precision": "0.999", "low": "0.998", "high": "1"}, "n_kept": 296, "changes": changes,
    }  # fmt: skip


def test_changes_are_shown_with_small_numbers_protected_and_their_causes() -> None:
    counts = {**dict.fromkeys(CHANGES, 0), "kept": 281, "newly linked": 3, "no longer linked": 9}
    changes = {
        "compared": True, "earlier": "d", "n_new_submissions": 1, "index_changed": True, "model_changed": False,
        "by_council": {"503": counts, "901": {**dict.fromkeys(CHANGES, 0), "newly linked": 6}},
    }  # fmt: skip
    told = quality_statement(_body(changes))["changes"]
    by_council = {one["council"]: one for one in told["by_council"]}
    assert by_council["503"]["kept"] == "280"
    assert by_council["503"]["newly linked"] == "*"
    assert by_council["503"]["no longer linked"] == "10"
    assert by_council["901"]["newly linked"] == "*"
    assert by_council["all councils"]["newly linked"] == "10"
    assert (told["person index"], told["model"], told["new submissions"]) == ("another version", "the same", "1")
    assert told["weighed"] == {"new record": "*"}
    page = statement_page(quality_statement(_body(changes)))
    assert "few &lt;pairs&gt;" in page
    assert "newly linked" in page


def test_a_review_of_these_links_comes_before_one_of_an_earlier_delivery() -> None:
    outcome = {
        "n_items": 20, "n_labelled": 19, "kappa": "0.8", "recall": None, "threshold_bits": "8",
        "precision": {"estimate": "0.99", "low": "0.97", "high": "1"},
    }  # fmt: skip
    body = {**_body({"compared": False, "reason": "this is the first delivery"}), "last_review": {"outcome": outcome}}
    assert quality_statement(body)["error"]["clerical_review"]["of"] == "an earlier delivery"
    told = quality_statement(body, {"outcome": {**outcome, "kappa": "0.9"}})
    assert told["error"]["clerical_review"]["of"] == "these links"
    assert told["error"]["clerical_review"]["kappa"] == "0.9"
    assert "0.99 (0.97 to 1)" in statement_page(told)
