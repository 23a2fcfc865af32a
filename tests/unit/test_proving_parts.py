"""Parts of proofs on small policies whose answers can be read off: schema, translation, formulas, properties, differences."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import product
from typing import Any

import pytest

from cld.errors import InvariantBroken, UnknownSpecification, UnreadableFile
from policies.proving.asking import what_could_be_received
from policies.proving.cases import read_cases
from policies.proving.difference import compare, compare_lists
from policies.proving.engine import Engine
from policies.proving.formula import read_formula
from policies.proving.model import SolverModel
from policies.proving.policy_set import PolicySet, read_policy_set
from policies.proving.properties import prove, read_properties
from policies.proving.request import Concrete, read_concrete
from policies.proving.sampling import n_agreeing
from policies.proving.schema import FactType, read_schema
from policies.proving.words import Words

SCHEMA = """
entity Body enum ["A", "B", "C"];
entity Form enum ["rows", "table", "none"];
entity Coverage enum ["own", "none"];
entity Aim enum ["x", "y"];
entity Thing enum ["thing"];
type Facts = { form: Form, coverage: Coverage, agreed: Bool, checked: Bool, aims: Set<Aim>, on?: datetime, end?: datetime, agent?: Body };
action disseminate, give_back appliesTo { principal: Body, resource: Thing, context: Facts };
"""
NOTES = '@id("{}") @clause("clause of {}") @words("Words of {}.") @who("someone")\n'
GRANT = (
    'permit (principal == Body::"A", action == Action::"disseminate", resource) when { context.form == Form::"rows" };'
)
BLOCK = "forbid (principal, action, resource) unless { context.agreed };"
TESTS = [
    "context.agreed && !context.checked",
    "context.agreed || context.checked",
    "if context.agreed then context.checked else true",
    "context.agreed == context.checked",
    "context.agreed != context.checked",
    'context.form != Form::"rows"',
    '[Form::"rows", Form::"table"].contains(context.form)',
    '[Body::"A", Body::"C"].contains(principal)',
    'principal in Body::"B"',
    'principal in [Body::"B", Body::"A"]',
    'context.aims.contains(Aim::"x")',
    'context.aims.containsAll([Aim::"x", Aim::"y"])',
    'context.aims.containsAny([Aim::"y"])',
    "context.aims.isEmpty()",
    'context.aims == [Aim::"y"]',
    "context has agent && context.agent == principal",
    "context has on && context has end && context.on <= context.end",
    'context has on && context.on < datetime("2021-01-02")',
    'context has on && context.on > datetime("2021-01-01T12:00:00Z")',
    'context has end && context.end == datetime("2021-01-01")',
    'action == Action::"give_back"',
]


def a_set(*policies: str, schema: str = SCHEMA) -> PolicySet:
    """A set of policies, named p0, p1 and so on."""
    text = "\n".join(NOTES.format(*[f"p{n}"] * 3) + policy for n, policy in enumerate(policies))
    return read_policy_set(text, schema)


def a_request(**facts: Any) -> Concrete:
    """A request of A for rows about its own people, with nothing shown."""
    plain = {"form": "rows", "coverage": "own", "agreed": False, "checked": False, "aims": frozenset()}
    return Concrete("A", "disseminate", {**plain, **facts})


@pytest.mark.parametrize("test", TESTS)
def test_each_form_of_expression_means_to_the_solver_what_it_means_to_the_engine(test: str) -> None:
    """Every body and action, with truths, sets, moments and what is absent crossed."""
    policies = a_set(f"permit (principal, action, resource) when {{ {test} }};")
    days: list[dict[str, Any]] = [{}, {"on": datetime(2021, 1, 1, tzinfo=UTC)}, {"on": datetime(2021, 1, 2, tzinfo=UTC), "end": datetime(2021, 1, 1, tzinfo=UTC)}]  # fmt: skip
    sets: list[frozenset[str]] = [frozenset(), frozenset({"x"}), frozenset({"y"}), frozenset({"x", "y"})]
    forms = product(
        sets, days, [{}, {"agent": "B"}], [("rows", True, False), ("table", True, True), ("none", False, False)]
    )
    requests = [
        Concrete(body, action, a_request(form=form, agreed=agreed, checked=checked, aims=aims, **day, **agent).facts)
        for body, action in (("A", "disseminate"), ("B", "give_back"))
        for aims, day, agent, (form, agreed, checked) in forms
    ]
    model = SolverModel(policies)
    answers = Engine(policies).ask_all(requests)
    assert [model.outcome(request) for request in requests] == answers
    assert not any(answer.n_errors for answer in answers)
    assert n_agreeing(policies, 30)[0] == 30


@pytest.mark.parametrize("test", ["context.agreed.x", "context.form like \"r*\"", 'principal is Body in Body::"A"', "1 < 2", "context == context"])  # fmt: skip
def test_an_expression_that_the_translation_does_not_know_is_an_error(test: str) -> None:
    with pytest.raises(UnknownSpecification):
        SolverModel(a_set(f"permit (principal, action, resource) when {{ {test} }};"))


@pytest.mark.parametrize(
    "fact", ["note: String", "n: Long", "inner: { x: Bool }", "many: Set<Bool>", "day: __cedar::ipaddr"]
)
def test_a_fact_that_no_proof_can_cover_is_an_error(fact: str) -> None:
    with pytest.raises(UnknownSpecification):
        read_schema(SCHEMA.replace("agreed: Bool", f"agreed: Bool, {fact}"))


def test_the_schema_is_read_with_values_optional_facts_and_sets() -> None:
    schema = read_schema(SCHEMA)
    assert schema.actions == ("disseminate", "give_back")
    assert schema.values["Form"] == ("rows", "table", "none")
    assert schema.facts["aims"] == FactType("Aim", is_set=True)
    assert schema.facts["end"] == FactType(is_moment=True, is_optional=True)
    with pytest.raises(UnknownSpecification):
        read_schema(SCHEMA + "entity Free;")
    with pytest.raises(UnknownSpecification):
        read_schema("entity")


@pytest.mark.parametrize(
    "text",
    ["permit (principal, action, resource);", "permit (principal", '@id("a") permit (principal == ?principal, action, resource);',
     '@id("a") permit (principal, action, resource); @id("a") permit (principal, action, resource);'],
)  # fmt: skip
def test_a_set_that_cannot_be_read_or_has_no_ids_of_its_own_is_refused(text: str) -> None:
    with pytest.raises(UnknownSpecification):
        read_policy_set(text, SCHEMA)


def test_the_least_request_tells_only_what_matters() -> None:
    model = SolverModel(a_set(GRANT, BLOCK))
    assert model.space.least(model.allowed) == a_request(agreed=True)
    assert model.space.least(model.allowed, read_formula({"coverage": "none"}, model.space)) == a_request(agreed=True, coverage="none")  # fmt: skip
    assert model.space.least(model.allowed, read_formula({"body": "B"}, model.space)) is None


FORMULAS: list[tuple[Any, Any, bool]] = [
    ({}, {}, True),
    ({"body": "A", "form": ["rows", "table"]}, {}, True),
    ({"not": {"agreed": True}}, {}, True),
    ({"any": [{"agreed": True}, {"checked": True}]}, {"checked": True}, True),
    ({"all": [{"agreed": True}, {"checked": True}]}, {"checked": True}, False),
    ({"aims": {"has": "x"}}, {"aims": frozenset({"x"})}, True),
    ({"aims": {"only": ["x"]}}, {"aims": frozenset({"x", "y"})}, False),
    ({"aims": {"empty": False}}, {}, False),
    ({"on": {"shown": True}}, {}, False),
    ({"on": {"shown": False}}, {}, True),
    ({"on": {"from": "2021-01-01"}}, {"on": datetime(2021, 1, 1, tzinfo=UTC)}, True),
    ({"on": {"after": "2021-01-01"}}, {"on": datetime(2021, 1, 1, tzinfo=UTC)}, False),
    ({"on": {"until": "end"}}, {"on": datetime(2021, 1, 1, tzinfo=UTC)}, False),
    ({"on": {"before": "end"}}, {"on": datetime(2021, 1, 1, tzinfo=UTC), "end": datetime(2021, 1, 2, tzinfo=UTC)}, True),
    ({"agent": "B"}, {}, False),
    ({"agent": "B"}, {"agent": "B"}, True),
]  # fmt: skip


@pytest.mark.parametrize(("formula", "facts", "holds"), FORMULAS)
def test_a_formula_means_what_its_form_says(formula: Any, facts: Any, holds: bool) -> None:
    """Hand-worked: an absent fact meets nothing but that it is not shown."""
    space = SolverModel(a_set(GRANT)).space
    assert space.can(read_formula(formula, space), *space.fixed(a_request(**facts))) == holds


@pytest.mark.parametrize(
    "formula",
    [[], {"nothing": True}, {"agreed": "yes"}, {"agreed": {}}, {"form": "rowz"}, {"form": []}, {"body": True}, {"any": []}, {"not": []},
     {"aims": {"has": "z"}}, {"aims": {"only": ["z"]}}, {"aims": {}}, {"on": {"from": "soon"}}, {"on": {"from": "agreed"}},
     {"on": {"near": "end"}}, {"on": {"from": "end", "until": "end"}}, {"on": True}, {"nothing": {"shown": True}}],
)  # fmt: skip
def test_a_formula_of_another_form_is_an_error(formula: Any) -> None:
    with pytest.raises(UnknownSpecification):
        read_formula(formula, SolverModel(a_set(GRANT)).space)


def a_property(**parts: Any) -> Any:
    """One property, read."""
    return read_properties([{"name": "n", "words": "w", "clause": "c", **parts}])


PROPERTIES: list[tuple[dict[str, Any], bool, str]] = [
    ({"kind": "never", "when": {"body": "B"}}, True, ""),
    ({"kind": "never", "when": {"body": "A"}}, False, "Allowed: A, disseminate, rows, own; it holds that agreed."),
    ({"kind": "only_if", "when": {"body": "A"}, "then": {"agreed": True}}, True, ""),
    ({"kind": "only_if", "when": {}, "then": {"checked": True}}, False, "Allowed: A, disseminate, rows, own; it holds that agreed; but not: checked."),
    ({"kind": "only_if", "when": {"body": "B"}, "then": {}}, False, "Nothing of the kind is allowed, so that this would say nothing."),
    ({"kind": "never", "when": {"agreed": True, "not": {"agreed": True}}}, False, "Nothing of the kind is allowed, so that this would say nothing."),
    ({"kind": "granted_only_if", "when": {}, "then": {"body": "A"}}, True, ""),
    ({"kind": "granted_only_if", "when": {}, "then": {"agreed": True}}, False, "Granted by a permit, stopped by p1 alone: A, disseminate, rows, own; nothing else holds; but not: agreed."),
    ({"kind": "granted_only_if", "when": {"body": "B"}, "then": {}}, False, "Nothing of the kind is allowed, so that this would say nothing."),
    ({"kind": "refused_naming", "policy": "p1", "when": {"agreed": False}}, True, ""),
    ({"kind": "refused_naming", "policy": "p1", "when": {"checked": False}}, False, "Allowed: A, disseminate, rows, own; it holds that agreed; but not: checked."),
    ({"kind": "refused_naming", "policy": "p1", "when": {"checked": False, "form": "table"}}, False,
     "Refused without naming it: A, disseminate, table, own; it holds that agreed; but not: checked."),
    ({"kind": "refused_naming", "policy": "p0", "when": {"body": "A", "form": "rows"}}, False, "Refused without naming it"),
    ({"kind": "refused_naming", "policy": "gone", "when": {"agreed": False}}, False, "Refused without naming it"),
    ({"kind": "possible", "when": {"form": "rows"}}, True, "A, disseminate, rows, own; it holds that agreed."),
    ({"kind": "possible", "when": {"form": "table"}}, False, "Nothing of the kind is allowed, so that this would say nothing."),
    ({"kind": "no_errors"}, True, ""),
]  # fmt: skip


@pytest.mark.parametrize(("parts", "holds", "told"), PROPERTIES)
def test_each_kind_of_property_is_proven_or_shown_false_in_words(parts: dict[str, Any], holds: bool, told: str) -> None:
    (proof,) = prove(a_set(GRANT, BLOCK), a_property(**parts), Words({}))
    assert proof.holds == holds
    assert proof.told.startswith(told)


def test_a_policy_that_can_err_is_told_by_its_id() -> None:
    erring = a_set(GRANT, 'forbid (principal, action, resource) when { context.end == datetime("2021-01-01") };')
    (proof,) = prove(erring, a_property(kind="no_errors"), Words({}))
    assert not proof.holds
    assert proof.told.startswith("p1: ")
    with pytest.raises(InvariantBroken):
        n_agreeing(erring, 40)


@pytest.mark.parametrize("held", [{"kind": "often"}, {"kind": "never"}, {"kind": "never", "when": {}, "more": 1}])
def test_a_property_of_another_kind_or_shape_is_an_error(held: dict[str, Any]) -> None:
    with pytest.raises(UnknownSpecification):
        a_property(**held)
    with pytest.raises(UnknownSpecification):
        read_properties([])


def test_a_difference_says_who_may_newly_have_what_and_who_refused_it() -> None:
    wider = GRANT.replace(' == Body::"A"', "")
    found = compare(a_set(GRANT, BLOCK), a_set(wider, BLOCK), Words({}))
    assert [(one.body, one.form, one.coverages, one.clauses) for one in found.permits] == [
        ("B", "rows", (), ("no route of its own",)),
        ("C", "rows", (), ("no route of its own",)),
    ]
    assert found.permits[0].told == "B, disseminate, rows, own; it holds that agreed."
    assert found.refuses == ()
    assert found.policies == ("p0 applies to other requests: Words of p0.",)
    back = compare(a_set(wider, BLOCK), a_set(GRANT, BLOCK), Words({}))
    assert [one.body for one in back.refuses] == ["B", "C"]
    assert back.permits == ()


def test_a_difference_names_the_clause_that_refused_before_and_a_form_that_does_not_matter() -> None:
    anyone = "permit (principal, action, resource);"
    (dis, *rest) = compare(a_set(anyone, BLOCK), a_set(anyone), Words({})).permits
    assert (dis.action, dis.body, dis.form, dis.clauses) == ("disseminate", "A", "any", ("clause of p1",))
    assert len(rest) == 5


def test_the_same_policies_and_others_that_decide_alike_are_told_apart() -> None:
    assert compare(a_set(GRANT, BLOCK), a_set(GRANT, BLOCK), Words({})).is_empty
    doubled = compare(a_set(GRANT, BLOCK), a_set(GRANT, BLOCK, BLOCK), Words({}))
    assert (doubled.permits, doubled.refuses, doubled.policies) == ((), (), ("p2 is new: Words of p2.",))
    assert compare(a_set(GRANT, BLOCK, BLOCK), a_set(GRANT, BLOCK), Words({})).policies == ("p2 is gone: Words of p2.",)


def test_a_value_that_one_version_alone_knows_is_refused_by_the_other() -> None:
    schema = SCHEMA.replace(", agent?: Body", "")
    more = schema.replace('"C"]', '"C", "D"]').replace("checked: Bool", "checked: Bool, new: Bool")
    anyone = "permit (principal, action, resource) when { context.agreed };"
    found = compare(a_set(anyone, schema=schema), a_set(anyone, schema=more), Words({}))
    assert {(one.body, one.action) for one in found.permits} == {("D", "disseminate"), ("D", "give_back")}
    assert found.refuses == ()


def test_dated_lists_are_compared_entry_by_entry() -> None:
    one = (
        b'{"classes": [], "bodies": [{"code": "1", "name": "One", "from": "2020-12-07", "to": null}], "successors": []}'
    )
    other = one.replace(b"null", b'"2022-06-30"')
    assert compare_lists(one, one) == ()
    assert compare_lists(one, other) == ("Annex 3, bodies: 1 One, from 2020-12-07: to None becomes 2022-06-30",)
    assert compare_lists(b"{}", one) == ("Annex 3, bodies: 1 One is new, from 2020-12-07",)
    assert compare_lists(one, b"{}") == ("Annex 3, bodies: 1 One, from 2020-12-07, is gone",)


def test_asking_tells_routes_what_they_need_and_who_can_meet_it() -> None:
    policies = a_set(GRANT.replace("};", " && context.checked };"), BLOCK)
    (route,) = what_could_be_received(policies, Words({}), "A", {}).routes
    assert (route.form, route.coverages, route.needs) == ("rows", ("own", "none"), ("checked",))
    assert [(one.policy, one.who) for one in route.conditions] == [("p1", "someone")]
    assert what_could_be_received(policies, Words({}), "A", {"agreed": True}).routes[0].conditions == ()
    closed = what_could_be_received(policies, Words({}), "B", {"agreed": False})
    assert (closed.routes, [one.policy for one in closed.closed_by]) == ((), ["p1"])
    for body, known in (("Z", {}), ("A", {"form": "rowz"}), ("A", {"nothing": True})):
        with pytest.raises(UnknownSpecification):
            what_could_be_received(policies, Words({}), body, known)


@pytest.mark.parametrize("text", ["{", "[1]", '[{"name": "x"}]', '[{"name": "x", "request": {"principal": "A", "action": "B", "context": {}}, "decision": "allow", "reason": [], "num_errors": 0}]'])  # fmt: skip
def test_a_file_of_cases_that_cannot_be_read_is_an_error(text: str) -> None:
    with pytest.raises(UnreadableFile):
        read_cases({"a.json": text}, read_schema(SCHEMA))


def test_a_request_survives_the_form_of_the_engine() -> None:
    schema = read_schema(SCHEMA)
    request = a_request(aims=frozenset({"x"}), on=datetime(2021, 1, 1, 13, 5, tzinfo=UTC), end=datetime(2021, 1, 1, tzinfo=UTC), agent="B")  # fmt: skip
    assert read_concrete(request.for_engine(schema), schema) == request
