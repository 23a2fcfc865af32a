"""A candidate weighed against memory: its recipient alone, and every stated coalition that the recipient belongs to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from cld.canonical import digest_of
from cld.engine import Session
from cld.errors import DisclosureRefused
from cld.vocabulary import Form
from disclosure.memory.judge import Held, SmallCounts
from disclosure.memory.remember import council_people, own_people
from disclosure.memory.sheet import FactSheet, sheet_from
from disclosure.memory.verdict import Memory, PastRelease, require_nothing_worked_out

__all__ = ["MemoryRules", "weigh"]


class MemoryRules(Protocol):
    """The rules of memory in force, handed in from the policies."""

    @property
    def smallest_shown(self) -> int: ...  # noqa: D102
    @property
    def least_width(self) -> int: ...  # noqa: D102
    @property
    def memory_units(self) -> int: ...  # noqa: D102
    def coalitions_with(self, body_code: str) -> tuple[tuple[str, tuple[str, ...]], ...]: ...  # noqa: D102


def weigh(
    session: Session, sheet: FactSheet, form: Form, *, opt_outs_applied: bool, body_code: str, memory: Memory,
    rules: MemoryRules, councils: Mapping[str, str],
) -> dict[str, int]:  # fmt: skip
    """Refuse a candidate from which more than a star tells could be worked out; return how much each holder held.

    councils:  councils that take part, who know whoever they submitted.
    Shape:  the answer has the code of the recipient and of each member of its coalitions, with the number of releases
            that the candidate was weighed against; a release to any of them since makes the check stale.
    Raises: DisclosureRefused; NotSealed if a release that someone holds cannot be read whole.
    Source: Direction 6(b) bullets 2 and 4; ICO code of practice on anonymisation.
    """
    groups = [("the recipient", (body_code,)), *rules.coalitions_with(body_code)]
    held = {code: memory.held_by(code) for _, members in groups for code in members}
    small = SmallCounts(rules.smallest_shown - 1, rules.least_width)
    kept = {code: [Held(release.name, _sheet(session, release)) for release in held[code]] for code in held}
    weighed: set[tuple[str, ...]] = set()
    for holders, members in groups:
        past = _distinct([one for code in members for one in kept[code]])
        own = [council_people(code) for code in members if code in councils]
        same = (*sorted(past), *(code for code in members if code in councils))
        if same not in weighed:
            require_nothing_worked_out(
                sheet, [*past.values()], own, small, most_units=rules.memory_units, holders=holders
            )
        weighed.add(same)
    if form is not Form.AGGREGATE:
        _refuse_opt_out_pair(held[body_code], opt_outs_applied=opt_outs_applied)
    return {code: len(releases) for code, releases in held.items()}


def _distinct(held: Sequence[Held]) -> dict[str, Held]:
    """Keep one of releases that tell the same, by the digest of what they tell."""
    found: dict[str, Held] = {}
    for one in held:
        found.setdefault(digest_of(one.sheet.as_json()), one)
    return found


def _sheet(session: Session, release: PastRelease) -> FactSheet:
    """Read what was remembered of a release, with its counts by class from the shelf."""
    sheet = sheet_from(release.body.get("facts"), release.name)
    classes = release.body.get("own_classes")
    if sheet.own is None:
        return sheet
    if classes is None:
        return sheet_from(None, release.name)
    name = f"classes_{release.name.lower().replace('-', '_')}"
    return sheet.with_own(own_people(session, sheet.own.box, classes, name))


def _refuse_opt_out_pair(held: Sequence[PastRelease], *, opt_outs_applied: bool) -> None:
    """Rows with opt-outs applied beside rows without list the objectors, person by person."""
    for release in held:
        plan = release.body.get("opt_out_rule")
        if plan is not None and plan != opt_outs_applied:
            message = f"The recipient holds {release.name}, under the other opt-out rule: the two together list the objectors."
            raise DisclosureRefused(
                message,
                ("opt-out pair", f"differencing against {release.name}"),
                "Use one opt-out rule for a recipient.",
            )
