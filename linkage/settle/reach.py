"""Reaching RIGHT: which of its people a linkage touches, from a file that is read in passes or from a kept index.

A file is read once for its keys, once for what the exact steps reach and the sample to learn from, and once for what
else stands in a pair; a kept index has keys and sample already, and its people are picked by key.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from cld.engine import Query, Session
from linkage.prepare.blocking import Rule, key_columns
from linkage.prepare.frequencies import make_sample, sample_flags
from linkage.prepare.index import Prepared
from linkage.prepare.standard import Folded, with_parts
from linkage.settle.cascade import cascade_keys

__all__ = ["Reach", "reach_of"]


class Reach(Protocol):
    """Three questions that a linkage asks of RIGHT, in this order."""

    def open(self, session: Session, rules: Sequence[Rule], steps: Sequence[str]) -> str:
        """Return a table with the fields and tight keys of at least the people that the exact steps reach."""

    def keys(self, session: Session, rules: Sequence[Rule]) -> str:
        """Return a table x (rid, a key a rule) of at least the people that ``left_keys`` reach."""

    def take_people(self, session: Session) -> None:
        """Make ``right_people`` x (rid, id, fields): everybody of RIGHT who stands in ``pairs``."""


def reach_of(right: Prepared, fields: Sequence[str]) -> Reach:
    """Return the way to RIGHT's people; ``fields`` are those that the linkage compares."""
    return InIndex(right, fields) if right.folded is None else InFile(right, right.folded, fields)


@dataclass(frozen=True, slots=True)
class InFile:
    """RIGHT as a file that is read through; what is held of everybody is their keys."""

    right: Prepared
    folded: Folded
    fields: Sequence[str]

    def open(self, session: Session, rules: Sequence[Rule], steps: Sequence[str]) -> str:
        """Mark everybody, then fetch what the exact steps reach, and the sample."""
        self._mark(session, rules)
        keys = cascade_keys(steps, [rule.key for rule in self.right.rules])
        reached = [f"select m.rid from right_marks m semi join left_people l on l.{key} = m.{key}" for key in keys]
        chosen = " union ".join(["select rid from right_marks where is_sampled", *reached])
        session.table("right_chosen", Query(chosen, ("right_marks", "left_people")))
        self._fetch(session, "right_fetched")
        make_sample(session, "right_fetched", self.right.fields, self.right.n_people)
        return "right_fetched"

    def _mark(self, session: Session, rules: Sequence[Rule]) -> None:
        """Make ``right_marks`` x (rid, a key a rule, is_sampled), from all fields but the sex, which is in no key."""
        sampled = " or ".join(sample_flags(self.right.fields, self.right.n_people).values())
        keys = f"{key_columns(rules, 'right', self.right.hashed)}, " if rules else ""
        source = self.folded.sql([name for name in self.right.fields if name != "sex"])
        text = f"select cast(rid as uinteger) as rid, {keys} {sampled} as is_sampled from {source}"  # noqa: S608
        session.table("right_marks", Query(text, (self.folded.raw,)))

    def _fetch(self, session: Session, name: str) -> None:
        """Make a table of the people whose rid is in ``right_chosen``; nobody else is folded."""
        rules = self.right.rules
        keys = f", {key_columns(rules, 'right', self.right.hashed)}" if rules else ""
        rows = f"(select * from {self.folded.raw} where file_row_number in (select rid from right_chosen))"  # noqa: S608
        shown = ", ".join(["rid", "id", *self.right.fields])
        text = f"select {shown} {keys} from {self.folded.sql(self.right.fields, rows)}"  # noqa: S608
        session.table(name, Query(text, (self.folded.raw, "right_chosen")))

    def keys(self, session: Session, rules: Sequence[Rule]) -> str:
        """Name the marks."""
        del session, rules
        return "right_marks"

    def take_people(self, session: Session) -> None:
        """Take people from what was fetched, and fetch the rest."""
        text = "select distinct rid_r as rid from pairs where rid_r not in (select rid from right_fetched)"
        session.table("right_chosen", Query(text, ("pairs", "right_fetched")))
        self._fetch(session, "right_missing")
        shown = ", ".join(["rid", "id", *self.fields])
        text = f"""
            select {shown} from right_fetched r semi join pairs p on p.rid_r = r.rid
            union all select {shown} from right_missing
        """  # noqa: S608
        session.table("right_people", Query(text, ("right_fetched", "right_missing", "pairs")))
        for name in ("right_marks", "right_chosen", "right_fetched", "right_missing"):
            session.drop(name)


@dataclass(frozen=True, slots=True)
class InIndex:
    """RIGHT as a kept index: ``right_source`` is its table, with the keys of tight rules, and ``right_sample`` is there."""

    right: Prepared
    fields: Sequence[str]

    def open(self, session: Session, rules: Sequence[Rule], steps: Sequence[str]) -> str:
        """Name the index's people."""
        del session, rules, steps
        return "right_source"

    def keys(self, session: Session, rules: Sequence[Rule]) -> str:
        """Name the index's people, or make a table of those whom any rule reaches where a rule's key is not kept."""
        kept = {rule.key for rule in self.right.rules}
        made = [rule for rule in rules if rule.key not in kept]
        if not made:
            return "right_source"
        have = [rule.key for rule in rules if rule.key in kept]
        where = " or ".join(
            f"{rule.key} in (select {rule.key} from left_keys where {rule.key} is not null)" for rule in rules
        )
        shown = ", ".join(["rid", *have, key_columns(made, "right", self.right.hashed)])
        source = f"select {shown} from {with_parts('right_source', self.fields)}"  # noqa: S608
        text = f"select * from ({source}) where {where}"  # noqa: S608
        session.table("right_keys", Query(text, ("right_source", "left_keys"), self.right.hashed.parameters))
        return "right_keys"

    def take_people(self, session: Session) -> None:
        """Pick people by rid."""
        text = (
            f"select {', '.join(['rid', 'id', *self.fields])} from right_source r semi join pairs p on p.rid_r = r.rid"  # noqa: S608
        )
        session.table("right_people", Query(text, ("right_source", "pairs")))
        session.drop("right_keys")
