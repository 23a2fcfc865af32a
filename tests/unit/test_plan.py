"""Plans refuse what no extract may hold."""

from __future__ import annotations

from dataclasses import replace

import pytest

from api.demo.requests import demo_requests
from cld.errors import InputError
from cld.plan import Combined, Keep, OutputColumn, Pseudonym, Resident, plan_from_json
from cld.vocabulary import Form

PLAN = demo_requests()[0].plan


@pytest.mark.parametrize(
    "column",
    [
        "first_name",
        "last_name",
        "postcode",
        "date_of_birth",
        "event_description",
        "nhs_number",
        "la_person_unique_identifier",
    ],
)
def test_names_free_text_and_bare_identifiers_stand_in_no_plan(column: str) -> None:
    table = replace(PLAN.tables[0], columns=(OutputColumn(column, column, Keep()),))
    with pytest.raises(InputError):
        replace(PLAN, tables=(table,))


def test_local_items_stand_only_in_the_councils_own_plan() -> None:
    for change in ({"population": Combined()}, {"population": Resident("10Q")}, {"local_items": False}):
        with pytest.raises(InputError):
            replace(PLAN, **change)


def test_an_anonymised_plan_holds_no_identifier_as_sent() -> None:
    table = replace(PLAN.tables[0], columns=(OutputColumn("n", "nhs_number", Pseudonym("nhs")),))
    with pytest.raises(InputError):
        replace(PLAN, form=Form.ANONYMISED, tables=(table,))


@pytest.mark.parametrize("request_", demo_requests(), ids=lambda request: request.application.reference)
def test_every_plan_reads_back_as_it_was_written(request_: object) -> None:
    plan = request_.plan  # type: ignore[attr-defined]
    assert plan_from_json(plan.as_json()) == plan
