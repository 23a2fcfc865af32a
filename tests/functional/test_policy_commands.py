"""``caregate policy``: decisions on anyone's requests by the contract of the shared commands page, and versions signed."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from api.entry import main
from policies.decide import decision_lines
from policies.versioned.versions import all_versions
from tests.lib.policy_versions import PEOPLE, a_version, key_of, trust

GOOD = {
    "id": "q1", "action": "disseminate", "body": "CASSR", "acting_for": None, "form": "pseudonymised",
    "coverage": "own", "annex3_aim": True, "small_numbers_suppressed": False, "anonymisation_checked": False, "key_for_recipient": True,
    "purposes": ["1a"], "dars_approved": True, "agreement_from": "2021-01-01", "agreement_to": "2022-01-01",
    "agreement_signed": True, "lawful_basis_nhs": True, "lawful_basis_recipient": True,
    "nihr_funded": False, "joint_approval": False, "processor_contract_to": None, "on": "2021-06-01",
}  # fmt: skip
"""The example of the shared commands page."""


def run(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    monkeypatch.setattr(sys, "argv", ["caregate", *words])
    try:
        main()
    except SystemExit as ending:
        return int(ending.code or 0)
    return 0


def test_decide_answers_one_object_a_line_in_order_and_ends_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "requests.jsonl"
    lines = [
        json.dumps(GOOD), "", json.dumps({**GOOD, "id": 2, "dars_approved": False}), "{not JSON", "[]", "{}",
        json.dumps({**GOOD, "id": "a\u2028b", "body": "Ä\u0085"}, ensure_ascii=False), "[" * 100_000, json.dumps({**GOOD, "id": None, "on": None}),
    ]  # fmt: skip
    file.write_bytes(b"\xef\xbb\xbf" + "\r\n".join(lines).encode())
    assert run(monkeypatch, "policy", "decide", str(file), "--json") == 0
    told = capsys.readouterr()
    answers = [json.loads(line) for line in told.out.splitlines()]
    assert told.err == ""
    assert [answer["id"] for answer in answers] == ["q1", 2, None, None, None, "a\u2028b", None, None]
    assert all(list(answer) == ["id", "decision", "clauses", "missing"] for answer in answers)
    assert [answer["decision"] for answer in answers] == ["allow", *["refuse"] * 7]
    assert answers[0] == {
        "id": "q1",
        "decision": "allow",
        "clauses": ["Direction 6(b) bullet 3"],
        "missing": [],
    }
    assert answers[1]["clauses"] == ["Direction 6, closing words: DARS"]
    assert (
        answers[2]["clauses"][0] == "the request cannot be read: it is no JSON object that can be read in one way alone"
    )


@pytest.mark.parametrize(
    "line",
    [
        '{"id": "q", "dars_approved": false, "dars_approved": true}', '{"id": NaN}', '{"id": -Infinity}', '{"id": 1e999}',
        '{"id": {"a": 1, "a": 2}}', '{"id": ' + "9" * 5000 + "}", '{"id": "q\x01"}', "\x00", '"q"', "null",
    ],
)  # fmt: skip
def test_a_line_that_two_readers_could_read_differently_is_refused_and_the_answer_is_json(line: str) -> None:
    (answer,) = (json.loads(told, parse_constant=pytest.fail) for told in decision_lines([line]))
    assert (answer["id"], answer["decision"]) == (None, "refuse")
    assert "read in one way alone" in answer["clauses"][0]


def test_thousands_of_requests_keep_their_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "requests.jsonl"
    file.write_text("\n".join(json.dumps({**GOOD, "id": n, "dars_approved": n % 3 == 0}) for n in range(1500)) + "\n")
    assert run(monkeypatch, "policy", "decide", str(file)) == 0
    answers = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(one["id"], one["decision"]) for one in answers] == [
        (n, "refuse" if n % 3 else "allow") for n in range(1500)
    ]


def test_a_file_that_is_missing_or_no_text_is_unreadable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    for name in ("nothing", "binary", "."):
        assert run(monkeypatch, "policy", "decide", str(tmp_path / name)) == 3
        assert capsys.readouterr().out == ""


def test_two_people_sign_a_version_by_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, secret = a_version(tmp_path), tmp_path / "key"
    trust(tmp_path, *PEOPLE)
    for person in PEOPLE:
        secret.write_text(key_of(person).private_bytes_raw().hex() + "\n")
        words = [
            "policy",
            "sign-version",
            str(folder),
            "--person",
            person,
            "--key",
            str(secret),
            "--to",
            "2021-12-31",
            "--json",
        ]
        assert run(monkeypatch, *words) == 0
        told = json.loads(capsys.readouterr().out)
    secret.unlink()
    (version,) = all_versions(tmp_path)
    assert told == {"digest": version.digest, "signed_by": list(PEOPLE)}
    assert str(version.manifest.effective_to) == "2021-12-31"


def test_nobody_signs_a_version_that_could_not_be_relied_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = a_version(tmp_path, instead=("context.annex3_aim", "context.annex3_goal"))
    (tmp_path / "key").write_text("no key")
    assert (
        run(monkeypatch, "policy", "sign-version", str(folder), "--person", "Ada", "--key", str(tmp_path / "key")) == 6
    )
    assert (
        run(
            monkeypatch,
            "policy",
            "sign-version",
            str(a_version(tmp_path / "b")),
            "--person",
            "Ada",
            "--key",
            str(tmp_path / "key"),
        )
        == 3
    )
