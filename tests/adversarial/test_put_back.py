"""Somebody with the house's disk takes a key's record or a table away, alters it, or puts an older one in its place."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from api.workspace.key_acts import change_state, destroy_key, rotate_key
from api.workspace.wiring import Workspace
from cld.datasets import Dataset, Pseudonymised
from cld.errors import KeyDestroyed, KeyUnavailable, NotSealed, UnreadableFile
from extracts.keying import key_id_for
from keys.as_logged import require_as_logged
from keys.states import KeyState
from tests.functional.test_pseudonyms_of_builds import candidate
from tests.lib.journey import OpenJourney


def record_of(space: Workspace, key_id: str) -> Path:
    return space.folder / "keystore" / "wrapped" / f"{key_id}.json"


def test_a_record_that_is_gone_or_older_than_the_log_makes_no_key_and_opens_none(journey: OpenJourney) -> None:
    space, plan = journey.space, journey.request.plan
    key_id = key_id_for(journey.request.application, plan)
    record = record_of(space, key_id)
    first = record.read_bytes()
    record.unlink()
    for act in (
        lambda: candidate(journey, "CG-0961", plan),
        lambda: rotate_key(space, key_id, "a custodian"),
        lambda: require_as_logged(key_id, space.keys, space.journal),
    ):
        with pytest.raises(KeyUnavailable):
            act()
        assert not record.exists(), "a key was made anew under the name of another"
    record.write_bytes(first)
    assert candidate(journey, "CG-0962", plan).document.body["key_version"] == 1
    assert rotate_key(space, key_id, "a custodian") == 2
    second = record.read_bytes()
    change_state(space, key_id, 1, KeyState.COMPROMISED, "a custodian")
    for older in (first, second):
        record.write_bytes(older)
        with pytest.raises(KeyUnavailable, match="as it was before"):
            candidate(journey, "CG-0963", plan)
        with pytest.raises(KeyUnavailable, match="as it was before"):
            rotate_key(space, key_id, "a custodian")
        assert record.read_bytes() == older
    destroy_key(space, key_id, None, "a custodian")
    ended = record.read_bytes()
    record.write_bytes(first)
    assert space.keys.active_version(key_id) == 1, "the control: by itself the keystore opens it again"
    for put_back in (lambda: None, record.unlink):
        put_back()
        with pytest.raises(KeyDestroyed, match="The log says"):
            candidate(journey, "CG-0964", plan)
    record.write_bytes(ended)
    require_as_logged(key_id, space.keys, space.journal)


def test_rows_that_were_altered_since_the_check_or_are_gone_do_not_leave(journey: OpenJourney) -> None:
    space = journey.space
    held = journey.checked.document.body["tables"]["cld"]["dataset"]
    place = space.engine.shelf.place(Dataset.from_json(Pseudonymised, held))
    content = place.read_bytes()
    rows = pq.read_table(place)
    pq.write_table(rows.take([1, *range(1, len(rows))]), place, store_schema=False)
    with pytest.raises(NotSealed, match="not as it was stored"):
        journey.release()
    place.unlink()
    with pytest.raises(UnreadableFile, match="missing from the shelf"):
        journey.release()
    assert not list((space.folder / "released").glob("*"))
    place.write_bytes(content)
    journey.release()
    # the next delivery leads from the keys of this one, and cannot where its rows are gone
    rotate_key(space, key_id_for(journey.request.application, journey.request.plan), "a custodian")
    place.unlink()
    with pytest.raises(UnreadableFile, match="missing from the shelf"):
        candidate(journey, "CG-0965", journey.request.plan)
    place.write_bytes(content)
    assert "bridge_1" in candidate(journey, "CG-0965", journey.request.plan).document.body["tables"]
