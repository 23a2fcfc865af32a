"""The service: who may see what, what every answer carries, and what no answer carries."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from api.pages.app import create_app
from api.workspace.wiring import open_demo_workspace


@pytest.fixture
def client(demo_folder: Path) -> Iterator[TestClient]:
    """A browser before sign-in."""
    space = open_demo_workspace(demo_folder)
    with TestClient(create_app(space), follow_redirects=False) as made:
        yield made
    space.journal.close()


def signed_in(client: TestClient, role: str) -> TestClient:
    assert client.post("/sign-in", data={"role": role}).status_code == 303
    return client


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/version", "/openapi.json", "/sign-in"])
def test_open_doors_need_no_sign_in_and_allow_nothing_from_outside(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 200
    assert answer.headers["content-security-policy"].startswith("default-src 'self'")


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/inbox",
        "/applications/CG-0001",
        "/releases/CG-0001",
        "/councils/503",
        "/jobs/x",
        "/linkage",
        "/reviews",
        "/reviews/x",
    ],
)
def test_every_page_asks_for_sign_in(client: TestClient, path: str) -> None:
    assert client.get(path).headers["location"] == "/sign-in"
    assert client.get("/api/applications").status_code == 401


def test_an_approver_sees_each_refusal_with_its_clauses(client: TestClient, demo_folder: Path) -> None:
    page = signed_in(client, "approver").get("/").text
    rows = [row for row in json.loads((demo_folder / "summary.json").read_text())["rows"] if row["datasets"]]
    assert (
        page.count("nhsuk-tag--red") == sum(row["decision"] == "refused" for row in rows) - 1
    )  # the outsider never applied
    assert "Direction 5; HSCA 2012 s260(2)(d)" in page
    assert "blocks" in client.get("/applications/CG-0012").text


def test_a_release_shows_its_documents_and_digest(client: TestClient, demo_folder: Path) -> None:
    released = next(
        row for row in json.loads((demo_folder / "summary.json").read_text())["rows"] if row["decision"] == "released"
    )
    page = signed_in(client, "approver").get("/releases/CG-0001").text
    assert released["digest"] in page
    assert all(kind in page for kind in ("ApprovedPlan", "CandidateExtract", "CheckedExtract", "SignedRelease"))
    assert client.get("/releases/CG-0012").status_code == 404


def test_hidden_cells_intervals_are_for_the_approver_alone(client: TestClient) -> None:
    assert "Interval of every hidden cell" in signed_in(client, "approver").get("/releases/CG-0007").text
    assert "Interval of every hidden cell" not in signed_in(client, "operator").get("/releases/CG-0007").text


def test_findings_are_for_officers_and_hold_no_values(client: TestClient) -> None:
    refused = signed_in(client, "auditor").get("/councils/503")
    assert refused.status_code == 403
    assert refused.headers["content-type"] == "application/problem+json"
    page = signed_in(client, "officer").get("/councils/503").text
    assert "How to mend" in page
    assert not re.search(r"\b9\d{9}\b", page)


def test_the_log_is_recomputed_as_a_job_and_no_fault_is_found(client: TestClient) -> None:
    token = re.search(r'name="form_token" value="(\w+)"', signed_in(client, "auditor").get("/").text)
    assert token is not None
    place = client.post("/jobs", data={"form_token": token[1]}).headers["location"]
    assert "No fault was found" in client.get(place).text
    assert client.post("/jobs", data={"form_token": "another"}).status_code == 403


def test_the_quality_of_linkage_is_a_page_and_an_answer_and_the_file_beside_them(
    client: TestClient, demo_folder: Path
) -> None:
    page = signed_in(client, "approver").get("/linkage").text
    told = client.get("/api/linkage").json()
    assert told == json.loads((demo_folder / "linkage-statement.json").read_text())
    assert "not available: no index of deprivation" in page
    assert told["error"]["expected_precision"]["low"] in page
    assert "linkage-statement.html" in (demo_folder / "index.html").read_text()


def test_an_answer_never_echoes_what_was_sent(client: TestClient) -> None:
    answer = client.post("/sign-in", data={"role": "9434765919"})
    assert answer.status_code == 422
    assert "9434765919" not in answer.text
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_page_fetches_nothing_from_outside(client: TestClient) -> None:
    pages = [
        signed_in(client, "approver").get(path).text for path in ("/", "/applications/CG-0001", "/releases/CG-0001")
    ]
    sheet = client.get("/assets/nhsuk-frontend.min.css").text
    assert not re.search(r"(?:src|href|url)\W{1,3}https?:", " ".join([*pages, sheet]))
