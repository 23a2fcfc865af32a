"""A document deleted, altered or taken out of the log stops the release; so does one person signing twice."""

from __future__ import annotations

import zipfile
from io import BytesIO
from pathlib import Path

import pyrage
import pytest

from api.workspace.wiring import demo_workspace
from audit.verify import verify_package
from cld.errors import AlreadyReleased, NotSealed, SamePerson
from tests.lib.journey import OpenJourney

KINDS = ("AcceptedSubmission", "LinkedDataset", "ApprovedPlan", "CandidateExtract", "CheckedExtract")


def nothing_left(journey: OpenJourney) -> bool:
    folder = journey.space.folder / "released"
    return not folder.exists() or not list(folder.iterdir())


def test_release_is_refused_when_any_document_is_deleted_or_altered(journey: OpenJourney) -> None:
    for kind in KINDS:
        digest = journey.documents[kind]
        kept = journey.space.journal.load(digest)
        assert kept is not None
        journey.in_database("delete from documents where digest = ?", digest)
        with pytest.raises(NotSealed):
            journey.release()
        altered = kept.canonical().replace(b'"body":{', b'"body":{"altered":1,', 1)
        journey.in_database("insert into documents values (?, ?)", digest, altered)
        with pytest.raises(NotSealed):
            journey.release()
        journey.in_database("update documents set content = ? where digest = ?", kept.canonical(), digest)
        assert nothing_left(journey)
    journey.release()


def test_release_is_refused_when_a_leaf_is_gone(journey: OpenJourney) -> None:
    journey.in_database(
        "delete from leaves where instr(cast(content as text), ?) > 0", journey.documents["LinkedDataset"]
    )
    with pytest.raises(NotSealed):
        journey.release()
    assert nothing_left(journey)


def test_what_pages_show_has_no_say_in_what_leaves(journey: OpenJourney) -> None:
    """The operator rewrites the application's row after approval: build and release read the sealed documents alone."""
    reference = journey.request.application.reference
    journey.in_database(
        "update applications set plan = '{}', application = '{}', recipient = 'somebody else' where reference = ?",
        reference,
    )
    signed, _ = journey.release()
    assert signed.document.body["facts"]["recipient"] == journey.request.application.recipient


def test_one_person_cannot_sign_twice(journey: OpenJourney) -> None:
    with pytest.raises(SamePerson):
        journey.release("releaser one", "releaser one")
    assert nothing_left(journey)


def test_a_release_leaves_once_and_a_lost_delivery_is_repeated_with_the_same_payload(
    journey: OpenJourney, tmp_path: Path
) -> None:
    signed, path = journey.release()
    with pytest.raises(AlreadyReleased):
        journey.release()
    path.unlink()
    with pytest.raises(AlreadyReleased):
        journey.release()
    again = journey.deliver(signed)
    key, trust = tmp_path / "key", tmp_path / "trust"
    key.write_text(str(journey.identity))
    trust.write_text(journey.space.release_keys.trust)
    assert verify_package(again, trust, key, journey.space.clock.today())["ok"]


def test_every_changed_or_added_or_missing_file_of_a_package_is_named(journey: OpenJourney, tmp_path: Path) -> None:
    _, path = journey.release()
    trust = tmp_path / "trust"
    trust.write_text(journey.space.release_keys.trust)
    on = journey.space.clock.today()
    with zipfile.ZipFile(BytesIO(pyrage.decrypt(path.read_bytes(), [journey.identity]))) as source:
        names = source.namelist()
        source.extractall(tmp_path / "opened")
    opened = tmp_path / "opened"
    assert verify_package(opened, trust, None, on)["ok"]
    for name in names:
        if name == "release.consistency":  # it proves itself, and only where a checkpoint seen before is given
            continue
        content = (opened / name).read_bytes()
        (opened / name).write_bytes(content[:-3] + bytes([content[-3] ^ 1]) + content[-2:])
        assert not verify_package(opened, trust, None, on)["ok"], name
        (opened / name).unlink()
        assert verify_package(opened, trust, None, on)["ok"] == (name in ("verify.py", "trust-policy.txt")), name
        (opened / name).write_bytes(content)
    (opened / "data" / "extra.csv").write_text("x")
    assert not verify_package(opened, trust, None, on)["ok"]


def test_a_package_signed_by_another_house_is_refused(journey: OpenJourney, tmp_path: Path) -> None:
    """Each trusted key in turn is another house's of the same name, then each kind of key is taken away.

    The keys that sign the next policy are told in comments, and speak of no package.
    """
    _, path = journey.release()
    other = demo_workspace(tmp_path / "other", seed=99, n_threads=1)
    key, trust = tmp_path / "key", tmp_path / "trust"
    key.write_text(str(journey.identity))
    ours, theirs = (
        [line for line in space.release_keys.trust.splitlines() if not line.startswith("#")]
        for space in (journey.space, other)
    )
    policies = [
        [*ours[:place], theirs[place], *ours[place + 1 :]] for place in range(len(ours)) if ours[place] != theirs[place]
    ]
    assert len(policies) == 5
    policies += [[line for line in ours if not line.startswith(kind)] for kind in ("release", "log", "witness")]
    for lines in policies:
        trust.write_text("\n".join(lines))
        assert not verify_package(path, trust, key, journey.space.clock.today())["ok"]
    other.journal.close()
