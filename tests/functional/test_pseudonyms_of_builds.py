"""What a build does with identifiers: how long pseudonyms last, their form, what stands where none can be made, the order of rows,
and what leads from the keys of one version to those of the next."""

from __future__ import annotations

import csv
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from api.store.memory import SqlMemory
from audit.journal import Event
from audit.scan import fast_scan
from audit.twins import cells_differ
from audit.verifying.pseudonyms import FieldDomain
from audit.verifying.tables import plain_scan
from cld.datasets import Dataset, Pseudonymised
from cld.engine import Query, scratch_engine
from cld.errors import Conflict, DisclosureRefused, InvariantBroken
from cld.journey import CandidateExtract, CheckedExtract, Document, DocumentKind
from cld.plan import ExtractPlan
from cld.signing import sign_off
from disclosure.check import check
from extracts.approve import approve, decision_on, digest_to_sign, standing_now
from extracts.build import build
from extracts.identifiers import identifiers_sql, reasons_sql
from extracts.keying import key_id_for, told_of_pseudonyms
from extracts.opt_outs.gate import OptOutGate
from extracts.opt_outs.service import ListedObjectors
from extracts.tables import Keyed, write_dictionary, write_tables
from keys import pseudonym
from keys.pseudonym import check_texts
from keys.text_form import read_texts
from policies.profiles import profile_named
from tests.lib.journey import OpenJourney


def candidate(journey: OpenJourney, reference: str, plan: ExtractPlan) -> CandidateExtract:
    """Approve a plan under another reference of the same agreement and build it."""
    space, today = journey.space, journey.space.clock.today()
    application = replace(journey.request.application, reference=reference)
    digest = digest_to_sign(
        application,
        plan,
        decision_on(application, plan, today, standing=standing_now(application, space.journal, today)),
    )
    signs = tuple(sign_off(name, space.staff[name], digest) for name in ("approver one", "approver two"))
    approved = approve(application, plan, signs, people=space.people(), today=today, journal=space.journal)
    return build(
        approved, journey.linked, engine=space.engine, journal=space.journal, keys=space.keys,
        opt_outs=OptOutGate(
            ListedObjectors(space.folder.parent / "england" / "nhs" / "opt_outs.parquet", space.clock)
        ), people=space.people(), today=today,
        actor="operator",
    )  # fmt: skip


def rows_of(journey: OpenJourney, made: CandidateExtract, table: str = "cld") -> pa.Table:
    dataset = Dataset.from_json(Pseudonymised, made.document.body["tables"][table]["dataset"])
    return pq.read_table(journey.space.engine.shelf.place(dataset))


def built(journey: OpenJourney, reference: str, plan: ExtractPlan) -> pa.Table:
    """Return the rows of cld of a plan that is approved and built."""
    return rows_of(journey, candidate(journey, reference, plan))


def checked(journey: OpenJourney, made: CandidateExtract) -> CheckedExtract:
    space, plan = journey.space, journey.request.plan
    return check(
        made, profile_named(plan.profile, space.clock.today()), memory=SqlMemory(space.database, space.journal), regions={},
        engine=space.engine, journal=space.journal, actor="operator", application="CG-0401",
    )  # fmt: skip


def keys_in(table: pa.Table, column: str) -> set[str]:
    return set(table[column].drop_null().to_pylist())


def test_pseudonyms_last_as_the_plan_says_and_missing_identifiers_are_never_keyed(journey: OpenJourney) -> None:
    plan = journey.request.plan
    first, second = built(journey, "CG-0301", plan), built(journey, "CG-0302", plan)
    assert first.equals(second), "two deliveries of one agreement differ"
    assert first["person_key"].to_pylist() == sorted(first["person_key"].to_pylist())
    once, again = (built(journey, name, replace(plan, pseudonyms_last="release")) for name in ("CG-0303", "CG-0304"))
    assert not keys_in(once, "person_key") & (keys_in(first, "person_key") | keys_in(again, "person_key"))
    n_missing = first["nhs_number_key"].null_count
    assert n_missing > 0, "every number was there: the test would say nothing"
    filled = built(journey, "CG-0305", replace(plan, missing_identifiers="one-time"))
    assert filled["nhs_number_key"].null_count == 0
    added = keys_in(filled, "nhs_number_key") - keys_in(first, "nhs_number_key")
    assert len(added) == n_missing, "two rows without a number share a value"
    assert not check_texts(pa.array(sorted(added)), None)[0].any()


def test_every_identifier_as_sent_that_has_no_pseudonym_says_why(journey: OpenJourney) -> None:
    made = built(journey, "CG-0311", journey.request.plan)
    reasons = [name for name in made.column_names if name.endswith("_key_reason")]
    assert [name.removesuffix("_reason") for name in reasons] == [
        name for name in made.column_names if name.endswith("_key") and name != "person_key"
    ]
    for name in reasons:
        keyed = made[name.removesuffix("_reason")]
        assert pc.all(pc.xor(keyed.is_null(), made[name].is_null())).as_py(), name
        assert keys_in(made, name) <= {"blank", "invalid", "placeholder"}
    assert "blank" in keys_in(made, "nhs_number_key_reason")
    assert keys_in(made, "event_reference_key_reason") <= {"blank"}
    filled = built(journey, "CG-0312", replace(journey.request.plan, missing_identifiers="one-time"))
    assert filled["nhs_number_key_reason"].value_counts() == made["nhs_number_key_reason"].value_counts()


def test_the_reason_follows_the_number_as_sent(tmp_path: Path) -> None:
    """Hand-worked: 943 476 5919 and 401 023 2137 pass modulus 11 (NHS Data Dictionary); 333 333 3333 stands for nobody."""
    numbers = ["943 476 5919", "401-023-2137", "", None, "9434765918", "0000000000", "  "]
    why = [None, None, "blank", "blank", "invalid", "placeholder", "blank"]
    ids, council = [" a1", "", None, "b", "c", "d", "e"], ["503"] * 7
    with scratch_engine(tmp_path).session() as session:
        given = {"n": pa.array(numbers), "i": pa.array(ids), "la_code": pa.array(council)}
        session.take("nhs_rows", pa.table({"place": range(7), **given}))
        session.take(
            "la_rows",
            pa.table({"place": range(7), **given, "sent_number_reason": pa.array([*why[:4], "range", *why[5:]])}),
        )
        for rows in ("nhs_rows", "la_rows"):
            found = reasons_sql(session, rows, "n", "nhs")
            keyed = identifiers_sql(session, rows, "n", "nhs")
            told = session.rows(Query(f"select {found}, {keyed} from {rows} order by place", (rows,)))  # noqa: S608
            assert [one for one, _ in told] == why
            assert [other for _, other in told] == ["9434765919", "4010232137", *[None] * 5]
        found = reasons_sql(session, "la_rows", "i", "la_person")
        told = session.rows(Query(f"select {found} from la_rows order by place", ("la_rows",)))  # noqa: S608
        assert [one for (one,) in told] == [None, "blank", "blank", *[None] * 4]


def test_whole_numbers_of_64_bits_stand_in_csv_as_text_that_a_spreadsheet_leaves_alone(
    journey: OpenJourney, tmp_path: Path
) -> None:
    plan = replace(journey.request.plan, pseudonym_form="bigint")
    made = checked(journey, candidate(journey, "CG-0326", plan))
    told = {"person": told_of_pseudonyms(3, "bigint")}
    resources = write_tables(tmp_path, made, plan, journey.space.engine, keyed=Keyed(1, told))
    csv_file, exact = tmp_path / "data" / "cld.csv", tmp_path / "data" / "cld.parquet"
    fields = {one["format"]: one["schema"]["fields"][0] for one in resources}
    assert [fields[form]["type"] for form in ("csv", "parquet")] == ["string", "any"]
    assert fields["csv"]["caregate"]["pseudonym"]["expected_collisions"] == told["person"]["expected_collisions"]
    with csv_file.open(newline="") as stream:
        cells = [row["person_key"] for row in csv.DictReader(stream)]
    long = [cell for cell in cells if len(cell.strip("'-")) >= 12]
    assert long
    assert all(cell.startswith("'") for cell in long)
    assert sorted(int(cell.strip("'")) for cell in cells) == sorted(pq.read_table(exact)["person_key"].to_pylist())
    assert cells_differ([csv_file], exact) == ""
    domain = FieldDomain("503", "A", plan.family, "person", 1, "bigint")
    for scan, file in ((plain_scan, csv_file), (fast_scan, csv_file), (fast_scan, exact)):
        assert scan(file, {"person_key": domain}, ()).faults == {"person_key": ""}
    csv_file.write_text(csv_file.read_text().replace(long[0], long[0][:-1] + "X"))
    assert {scan(csv_file, {"person_key": domain}, ()).faults["person_key"] for scan in (plain_scan, fast_scan)} == {
        "a value is no whole number of 64 bits"
    }
    write_dictionary(tmp_path, resources)
    assert (
        "whole numbers of 64 bits; 3 distinct, collisions expected 2.4e-19, found 0"
        in (tmp_path / "dictionary.csv").read_text()
    )


def test_whole_numbers_of_64_bits_are_the_first_bits_of_the_text_and_tell_their_collisions(
    journey: OpenJourney, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = journey.request.plan
    texts, made = built(journey, "CG-0321", plan), candidate(journey, "CG-0322", replace(plan, pseudonym_form="bigint"))
    numbers = rows_of(journey, made)
    assert numbers.schema.field("person_key").type == pa.int64()
    found = {int(high) for high in read_texts(pa.array(sorted(keys_in(texts, "person_key"))))[0].high.view("int64")}
    assert found == keys_in(numbers, "person_key")
    told = made.document.body["pseudonyms"]
    assert told["person"] == told_of_pseudonyms(len(found), "bigint")
    assert told["person"]["expected_collisions"] == f"{len(found) ** 2 / 2**65:.2g}"
    assert told["nhs"]["n_distinct"] == len(keys_in(numbers, "nhs_number_key"))
    checked(journey, made)
    # all but three bits cut off: people must now share a number, and the build must see it
    written = pseudonym.written
    monkeypatch.setattr(pseudonym, "written", lambda *given: pc.bit_wise_and(written(*given), pa.scalar(7, pa.int64())))
    with pytest.raises(InvariantBroken, match="share a pseudonym"):
        built(journey, "CG-0323", replace(plan, pseudonym_form="bigint"))


def rotated_after_a_release(journey: OpenJourney) -> str:
    """Release the journey's extract and rotate its key; return the key's name."""
    journey.release()
    key_id = key_id_for(journey.request.application, journey.request.plan)
    journey.space.keys.rotate(key_id, journey.space.clock.today(), "a custodian")
    return key_id


def test_a_bridge_leads_once_from_what_was_delivered_to_what_is_in_the_extract(journey: OpenJourney) -> None:
    plan = journey.request.plan
    before = keys_in(rows_of(journey, CandidateExtract(journey.checked.document)), "person_key")
    assert "bridge_1" not in candidate(journey, "CG-0331", plan).document.body["tables"], "nothing was rotated"
    key_id = rotated_after_a_release(journey)
    with pytest.raises(Conflict, match="form text"):
        candidate(journey, "CG-0332", replace(plan, pseudonym_form="bigint"))
    # fewer people than were delivered: the bridge holds those of this extract alone
    fewer = replace(plan, period_start=plan.period_end - timedelta(days=60))
    made = candidate(journey, "CG-0333", fewer)
    bridge, rows = rows_of(journey, made, "bridge_1"), rows_of(journey, made)
    assert keys_in(bridge, "old_pseudonym") < before
    assert keys_in(bridge, "new_pseudonym") == keys_in(rows, "person_key")
    assert bridge["old_pseudonym"].to_pylist() == sorted(keys_in(bridge, "old_pseudonym"))
    assert (
        "bridge_1"
        not in candidate(journey, "CG-0334", replace(plan, pseudonyms_last="release")).document.body["tables"]
    )
    checked(journey, made)
    journey.space.keys.destroy(key_id, journey.space.clock.today(), version=1)
    without = candidate(journey, "CG-0335", fewer).document.body
    assert ("bridge_1" in without["tables"], without["not_bridged"]) == (False, [1])


def test_a_bridge_to_somebody_whose_rows_are_not_in_the_extract_is_refused(journey: OpenJourney) -> None:
    rotated_after_a_release(journey)
    made = candidate(journey, "CG-0341", journey.request.plan)
    bridge = rows_of(journey, made, "bridge_1")
    stranger = pa.table({"old_pseudonym": ["A" * 27], "new_pseudonym": ["B" * 27]})
    with journey.space.engine.session() as session:
        session.take("led", pa.concat_tables([bridge, stranger.cast(bridge.schema)]))
        dataset = session.store(Query("select * from led order by all", ("led",)), Pseudonymised)
    body = dict(made.document.body)
    body["tables"] = {**body["tables"], "bridge_1": {"dataset": dataset.as_json(), "n_persons": dataset.n_rows}}
    spoilt = Document(DocumentKind.CANDIDATE_EXTRACT, made.document.parents, body)
    journey.space.journal.seal(spoilt, Event("build", "operator", "operator", {}))
    with pytest.raises(DisclosureRefused, match="bridge"):
        checked(journey, CandidateExtract(spoilt))
