"""The demo's disclosure reports: a file and a page for the approver, a statement for the recipient, and who sees which."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from pypdf import PdfReader

from api.pages.app import create_app
from api.workspace.wiring import open_demo_workspace
from audit.verify import open_package

RELEASED = [f"CG-000{number}" for number in range(1, 8)]
ANONYMISED, TABLE, EVENTS = "CG-0004", "CG-0007", "CG-0001"
TOO_FINE, SUBTRACTED = "CG-0018", "CG-0020"


@pytest.fixture
def client(demo_folder: Path) -> Iterator[TestClient]:
    space = open_demo_workspace(demo_folder)
    with TestClient(create_app(space), follow_redirects=False) as made:
        yield made
    space.journal.close()


def report_of(demo: Path, reference: str) -> dict[str, dict[str, dict[str, object]]]:
    found: dict[str, dict[str, dict[str, object]]] = json.loads((demo / "reports" / f"{reference}.json").read_text())
    return found


@pytest.mark.parametrize("reference", RELEASED)
def test_every_release_has_a_report_that_says_before_after_limit_memory_and_what_was_not_checked(
    demo_folder: Path, reference: str
) -> None:
    found = report_of(demo_folder, reference)
    assert found["limits_held"]
    assert found["judged_against"]
    assert found["not_checked"]
    assert all("after" in table for table in found["report"].values())
    page = (demo_folder / "reports" / f"{reference}.html").read_text()
    assert "What was not checked" in page
    assert "the project, assumed" in page


def test_forms_are_told_by_what_matters_for_them(demo_folder: Path) -> None:
    rows = report_of(demo_folder, ANONYMISED)["report"]["people"]
    assert {"before", "after", "sizes", "risk_by_column", "sensitive", "utility_lost", "intruders"} <= set(rows)
    cells = report_of(demo_folder, TABLE)["report"]["persons_by_council_age"]
    assert {"before", "after", "utility_lost", "grid"} <= set(cells)
    unicity = report_of(demo_folder, EVENTS)["report"]["cld"]["unicity"]
    assert isinstance(unicity, list)
    assert [one["n_known"] for one in unicity] == [1, 2, 3, 4]
    shares = [float(one["share_alone"]) for one in unicity]
    assert shares == sorted(shares)
    assert shares[-1] > 0


def test_the_approver_and_the_auditor_read_the_report_and_nobody_else_does(client: TestClient) -> None:
    path = f"/applications/{TABLE}/disclosure"
    assert client.get(path).headers["location"] == "/sign-in"
    for role, status in (("approver", 200), ("auditor", 200), ("officer", 403), ("operator", 403), ("releaser", 403)):
        client.post("/sign-in", data={"role": role})
        assert client.get(path).status_code == status, role
        linked = f'href="{path}"' in client.get(f"/applications/{TABLE}").text
        assert linked == (status == 200), role


def test_the_report_shows_a_stars_interval_on_hover_and_is_not_there_for_what_was_refused(client: TestClient) -> None:
    client.post("/sign-in", data={"role": "approver"})
    page = client.get(f"/applications/{TABLE}/disclosure").text
    assert re.search(r'title="\*, between \d+ and \d+"', page)
    assert "style=" not in page, "the page's own policy would drop it"
    assert client.get("/applications/CG-0012/disclosure").status_code == 404


def test_a_refused_candidate_says_by_how_much_and_what_would_mend_it(demo_folder: Path) -> None:
    told = report_of(demo_folder, TOO_FINE)
    assert told["decision"] == "refused"
    lines = told["refused"]["over_limit"]
    assert [(line["measure"], line["limit"]) for line in lines][0] == ("k", "10")
    assert all(int(line["found"]) != int(line["limit"]) for line in lines)
    assert "age_years" in str(told["refused"]["what_to_change"])
    page = (demo_folder / "reports" / f"{TOO_FINE}.html").read_text()
    assert "What to change" in page
    assert f"reports/{TOO_FINE}.html" in (demo_folder / "index.html").read_text()


def test_a_refusal_by_memory_names_the_releases_weighed_with_their_digests(demo_folder: Path) -> None:
    told = report_of(demo_folder, SUBTRACTED)
    assert told["refused"]["measures"] == [f"differencing against {ANONYMISED}"]
    rows = {(line["holder"], line["name"]): line for line in told["memory"]["releases"]}
    assert {("DHSC", ANONYMISED), ("ASCRU", "CG-0006")} <= set(rows)
    assert all(len(line["digest"]) == 64 for line in rows.values())
    page = (demo_folder / "reports" / f"{SUBTRACTED}.html").read_text()
    assert rows["DHSC", ANONYMISED]["digest"] in page
    assert "By which method" in page
    assert "What was not proven" in page


def test_the_approver_reads_a_refusal_on_the_service_and_the_officer_does_not(client: TestClient) -> None:
    path = f"/applications/{SUBTRACTED}/disclosure"
    for role, status in (("approver", 200), ("officer", 403), ("releaser", 403)):
        client.post("/sign-in", data={"role": role})
        found = client.get(path)
        assert found.status_code == status, role
        assert ("What to change" in found.text) == (status == 200)


@pytest.mark.parametrize("reference", [*RELEASED, TOO_FINE, SUBTRACTED])
def test_every_report_has_its_pdf_or_says_that_it_was_not_made(demo_folder: Path, reference: str) -> None:
    path, said = demo_folder / "reports" / f"{reference}.pdf", report_of(demo_folder, reference)["pdf"]
    if not path.exists():
        assert str(said).startswith("not made")
        assert "not made" in (demo_folder / "reports" / f"{reference}.html").read_text()
        return
    assert said == path.name
    text = "".join(one.extract_text() for one in PdfReader(path).pages)
    assert "Disclosure report" in text
    assert "What was not checked" in text
    assert ("Before and after" in text) == (reference != TOO_FINE)


def test_nobody_is_alone_in_the_anonymised_extract_even_on_all_columns(demo_folder: Path) -> None:
    told = report_of(demo_folder, ANONYMISED)
    after = told["report"]["people"]["after"]
    assert isinstance(after, dict)
    assert after["k_on_all_columns"] >= 2
    assert after["n_alone_on_all_columns"] == 0
    held = {str(line["measure"]): line for line in told["limits_held"]}  # type: ignore[index]
    for measure in ("t", "delta", "distinct_l", "k_on_all_columns", "n_alone_to_another_recipient"):
        assert held[measure]["within"] is True, measure  # type: ignore[index]


@pytest.mark.parametrize("reference", [EVENTS, ANONYMISED, TABLE])
def test_the_recipients_statement_helps_no_intruder(demo_folder: Path, tmp_path: Path, reference: str) -> None:
    rows = json.loads((demo_folder / "summary.json").read_text())["rows"]
    row = next(row for row in rows if reference in (row.get("package") or ""))
    open_package(demo_folder / row["package"], demo_folder / row["identity"], tmp_path)
    statement = json.loads((tmp_path / "disclosure-statement.json").read_text())
    rules = {line["measure"] for line in statement.pop("rules")}
    assert bool(rules) == (reference != EVENTS), "rules are limits, never what was found"
    assert "disclosure-statement.html" in (tmp_path / "tagmanifest-sha512.txt").read_text()
    page = (tmp_path / "disclosure-statement.html").read_text()
    for secret in (
        "n_uniques",
        "n_primary",
        "n_secondary",
        "n_classes",
        "intruders",
        "share_alone",
        "sizes",
        "grid",
        "found",
        "memory",
        "holder",
        "k_on_all_columns",
        "over_limit",
    ):
        assert f'"{secret}"' not in json.dumps(statement), secret
    assert "between" not in page
    assert "Hidden cells" not in page
    assert not list(tmp_path.glob("**/*.pdf"))
    texts = [path.read_bytes() for path in tmp_path.glob("**/*") if path.suffix in (".json", ".html", ".txt")]
    assert not any(b"can_be_subtracted" in text or b"Hidden cells" in text for text in texts), (
        "what others hold stays here"
    )
    assert "CG-00" not in json.dumps(statement)


def test_the_demo_tells_what_intruders_won(demo_folder: Path) -> None:
    page = (demo_folder / "intruders.html").read_text()
    assert "a journalist with a death notice" in page
    assert "intruders.html" in (demo_folder / "index.html").read_text()
