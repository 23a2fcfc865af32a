"""Random requests, on which the engine and the solver's model must answer alike, policy by policy."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from cld.errors import InvariantBroken
from policies.proving.engine import Engine
from policies.proving.model import SolverModel
from policies.proving.policy_set import PolicySet
from policies.proving.request import Concrete, Value
from policies.proving.schema import FactType, Schema

__all__ = ["n_agreeing", "random_requests"]

MIDDLE = datetime(2021, 1, 1, tzinfo=UTC)
DAYS = (-400, -26, -25, -1, 0, 1, 151, 400)
"""Days from the middle, of which the second and third are the Direction's first and the day before it."""
MOST_CHANGES = 3


def random_requests(model: SolverModel, n_requests: int, seed: int) -> Iterator[Concrete]:
    """Draw requests: every other one anything at all, the rest a few facts away from one that a permit allows.

    Drawn blindly alone, hardly one would be allowed, and agreement on refusals says little.
    """
    draw = random.Random(seed)  # noqa: S311 - no secret
    schema = model.policies.schema
    permits = [one.name for one in model.policies.policies if one.permits]
    bases = [base for name in permits if (base := model.space.least(model.decides(name))) is not None]
    for place in range(n_requests):
        if place % 2 or not bases:
            action = draw.choice(schema.actions)
            facts = _drawn(draw, schema, action, list(schema.contexts[action]), {})
            yield Concrete(_body(draw, schema, action), action, facts)
        else:
            base = draw.choice(bases)
            changed = draw.sample(list(schema.contexts[base.action]), draw.randint(0, MOST_CHANGES))
            body = base.body if draw.random() < 0.8 else _body(draw, schema, base.action)  # noqa: PLR2004
            yield Concrete(body, base.action, _drawn(draw, schema, base.action, changed, dict(base.facts)))


def n_agreeing(policies: PolicySet, n_requests: int, seed: int = 1) -> tuple[int, int]:
    """Ask random requests of both; return how many were asked, and how many of them were allowed.

    Raises: InvariantBroken if the engine reports an error or the two differ in a decision or in the policies named.
    """
    model = SolverModel(policies)
    requests = list(random_requests(model, n_requests, seed))
    answers = Engine(policies).ask_all(requests)
    for request, answer in zip(requests, answers, strict=True):
        if answer.n_errors or model.outcome(request) != answer:
            message = "The engine and the solver answer one request differently."
            raise InvariantBroken(message, "Nothing is proven: mend the translation of the policies.")
    return len(answers), sum(answer.allowed for answer in answers)


def _body(draw: random.Random, schema: Schema, action: str) -> str:
    return draw.choice([value for kind in schema.principals[action] for value in schema.values[kind]])


def _drawn(
    draw: random.Random, schema: Schema, action: str, names: list[str], facts: dict[str, Value]
) -> dict[str, Value]:
    for name in names:
        kind = schema.contexts[action][name]
        if kind.is_optional and draw.random() < 0.3:  # noqa: PLR2004
            facts.pop(name, None)
        else:
            facts[name] = _value(draw, schema, kind)
    return facts


def _value(draw: random.Random, schema: Schema, kind: FactType) -> Value:
    if kind.is_truth:
        return draw.random() < 0.5  # noqa: PLR2004
    if kind.is_moment:
        return MIDDLE + timedelta(days=draw.choice(DAYS))
    values = schema.values[kind.entity]
    return frozenset(one for one in values if draw.random() < 0.5) if kind.is_set else draw.choice(values)  # noqa: PLR2004
