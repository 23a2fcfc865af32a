"""What the calendar asks of an application on a day: its agreement ends soon, has ended, or its data are to be destroyed."""

from __future__ import annotations

from datetime import date, timedelta

from extracts.life.states import Act, State, possible
from policies.life import LifeRules

__all__ = ["due"]


def due(state: State, to_day: date, today: date, rules: LifeRules) -> Act | None:
    """Return the next act that a day brings, None where it brings none; an agreement that ends today is in force today."""
    wanted = {
        Act.MUST_DESTROY: today > to_day + timedelta(days=rules.days_to_destroy),
        Act.EXPIRE: today > to_day,
        Act.SOON_EXPIRES: today > to_day - timedelta(days=rules.days_of_notice),
    }
    can = {one.act for one in possible(state)}
    return next((act for act, comes in wanted.items() if comes and act in can), None)
