"""What a shown value tells of the true one, by the rule it was shown under."""

from __future__ import annotations

import re
from dataclasses import dataclass

from cld.errors import InputError

__all__ = ["EXACT", "ShowingRule", "parse_showing_rule"]

HIDDEN = ("", "*", "x", "..", "c")
STAR = "*"
NUMBER = re.compile(r"\d{1,12}(\.0*)?")
REMEDY = "Write exact, rounding=5, stars=1-7, midpoint=6, two of them joined by +, or the name of a profile."


@dataclass(frozen=True, slots=True)
class ShowingRule:
    """How counts of persons are shown.

    stars:  the smallest and largest count that is starred, (0, 0) if none is.
    round_to:  base of rounding to the nearest, halves up; 1 if numbers are exact.
    midpoint:  size of the groups of counts that are shown as their midpoint; 0 if none.
    hidden_from:  the least count that is hidden otherwise than by a star.
    national_exact:  whether numbers of the whole of the first dimension are exact.
    Source: cld/reference/published-disclosure-rules.csv; OpenSAFELY (midpoint-6).
    """

    stars: tuple[int, int] = (0, 0)
    round_to: int = 1
    midpoint: int = 0
    hidden_from: int = 0
    national_exact: bool = False

    def interval(self, text: str, most: int) -> tuple[int, int]:
        """Return the least and the most that a shown value leaves; a hidden one is at most ``most``.

        A star is one of the starred counts; whatever else is hidden is at least ``hidden_from``.
        Raises: InputError for what is neither a number nor hidden, and for a number that the rule cannot show.
        """
        low, high = self.stars
        if text.strip() in HIDDEN:
            return (low, high) if text.strip() == STAR and high else (self.hidden_from, most)
        if not NUMBER.fullmatch(text.strip()):
            message = "A table holds a value that is neither a whole number of persons nor hidden."
            raise InputError(message, "Hidden values are empty, *, x, .. or c.")
        low, high = self._of_number(int(text.strip().split(".")[0]))
        if low > high:
            message = "A table holds a number that its rule never shows."
            raise InputError(message, "Name the rule of each table, in their order.")
        return low, high

    def _of_number(self, value: int) -> tuple[int, int]:
        """Return the counts that are shown as a number; the least is above the most where there are none."""
        if self.midpoint and value:
            group, over = divmod(value + self.midpoint // 2, self.midpoint)
            return (1, 0) if over else (self.midpoint * (group - 1) + 1, self.midpoint * group)
        if value % self.round_to:
            return 1, 0
        least, most = max(value - self.round_to // 2, 0), value + (self.round_to - 1) // 2
        first, last = self.stars
        if self.midpoint:
            return 0, 0
        if last and first <= least <= last:
            least = last + 1
        if last and least < first <= most:
            most = first - 1
        return least, most


EXACT = ShowingRule()


def parse_showing_rule(text: str) -> ShowingRule:
    """Read a rule such as ``exact``, ``rounding=5`` or ``stars=1-7+rounding=5``.

    Raises: InputError.
    """
    found: dict[str, tuple[int, ...]] = {}
    for part in text.split("+"):
        name, _, value = part.partition("=")
        if not re.fullmatch(PARTS.get(name, "-"), value) or name in found:
            message = "A table's rule cannot be read."
            raise InputError(message, REMEDY)
        found[name] = tuple(int(number) for number in re.findall(r"\d+", value))
    stars = found.get("stars", (0, 0))
    rule = ShowingRule((stars[0], stars[1]), found.get("rounding", (1,))[0], found.get("midpoint", (0,))[0])
    if stars[0] > stars[1] or (rule.midpoint and len(found) > 1) or ("exact" in found and len(found) > 1):
        message = "A table's rule contradicts itself."
        raise InputError(message, REMEDY)
    return rule


PARTS = {"exact": "", "rounding": r"[1-9]\d{0,4}", "stars": r"[1-9]\d{0,4}-[1-9]\d{0,4}", "midpoint": r"[1-9]\d{0,4}"}
