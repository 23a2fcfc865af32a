"""What a build does with identifiers: how long pseudonyms last, what stands where none can be made, and the order of rows."""

from __future__ import annotations

from dataclasses import replace

import pyarrow as pa
import pyarrow.parquet as pq

from cld.datasets import Dataset, Pseudonymised
from cld.plan import ExtractPlan
from cld.signing import sign_off
from extracts.approve import approve, decision_on, digest_to_sign, standing_now
from extracts.build import build
from extracts.opt_outs.gate import OptOutGate
from extracts.opt_outs.service import ListedObjectors
from keys.pseudonym import check_texts
from tests.lib.journey import OpenJourney


def built(journey: OpenJourney, reference: str, plan: ExtractPlan) -> pa.Table:
    """Approve a plan under another reference of the same agreement, build it, and return the rows of cld."""
    space, today = journey.space, journey.space.clock.today()
    application = replace(journey.request.application, reference=reference)
    digest = digest_to_sign(
        application,
        plan,
        decision_on(application, plan, today, checked=True, standing=standing_now(application, space.journal, today)),
    )
    signs = tuple(sign_off(name, space.staff[name], digest) for name in ("approver one", "approver two"))
    approved = approve(application, plan, signs, people=space.people(), today=today, journal=space.journal)
    made = build(
        approved, journey.linked, engine=space.engine, journal=space.journal, keys=space.keys,
        opt_outs=OptOutGate(
            ListedObjectors(space.folder.parent / "england" / "nhs" / "opt_outs.parquet", space.clock)
        ), people=space.people(), today=today,
        actor="operator",
    )  # fmt: skip
    dataset = Dataset.from_json(Pseudonymised, made.document.body["tables"]["cld"]["dataset"])
    return pq.read_table(space.engine.shelf.place(dataset))


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
