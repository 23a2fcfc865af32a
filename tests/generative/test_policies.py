"""Random requests: the policies and a plain reading of the Direction agree on each."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from cld.vocabulary import BodyClass
from policies.decide import decide
from tests.lib.direction import may_receive

FACTS = (
    "annex3_aim", "small_numbers_suppressed", "anonymisation_checked", "key_for_recipient", "dars_approved", "agreement_signed",
    "lawful_basis_nhs", "lawful_basis_recipient", "nihr_funded", "joint_approval", "reidentification_basis",
)  # fmt: skip
VALUES: dict[str, list[Any]] = {
    "action": ["disseminate", "publish", "give_back", "reidentify"],
    "body": [body.value for body in BodyClass],
    "acting_for": [None, "ADASS", "CCG"],
    "form": ["identifiable", "pseudonymised", "anonymised", "aggregate"],
    "coverage": ["own", "other", "combined", "subset"],
    "purposes": [["1a"], ["1b", "1e"], [], ["1f"]],
    "agreement_from": ["2021-01-01", "2021-06-02", None],
    "agreement_to": ["2021-12-31", "2021-05-31", None],
    "processor_contract_to": ["2021-12-31", "2021-05-31", None],
    "on": ["2020-12-06", "2020-12-07", "2021-06-01", "2022-01-01", None],
    **{fact: [True, False, None] for fact in FACTS},
}
# every condition holds, whoever asks for whatever: then a few facts are changed
WHOLE = {**dict.fromkeys(FACTS, True), "action": "disseminate", "acting_for": "ADASS", "purposes": ["1a"], "agreement_from": "2021-01-01",
         "agreement_to": "2021-12-31", "processor_contract_to": "2021-12-31", "on": "2021-06-01"}  # fmt: skip
ASKED = st.fixed_dictionaries({name: st.sampled_from(VALUES[name]) for name in ("body", "form", "coverage")})
CHANGES = st.lists(
    st.sampled_from(sorted(VALUES)).flatmap(lambda name: st.tuples(st.just(name), st.sampled_from(VALUES[name]))),
    max_size=3,
)
REQUESTS = st.builds(lambda asked, changes: {**WHOLE, **asked, **dict(changes)}, ASKED, CHANGES)


def test_policies_and_a_plain_reading_agree(is_long: bool) -> None:
    allowed = 0

    @settings(max_examples=20_000 if is_long else 600, deadline=None, derandomize=True, database=None)
    @given(REQUESTS)
    def hold(request: dict[str, Any]) -> None:
        nonlocal allowed
        decision = decide(request)
        assert decision.allowed == may_receive(request), (request, decision.clauses)
        assert decision.clauses
        allowed += decision.allowed

    hold()
    assert allowed > 20, "the requests reach no route: the test would say nothing"
