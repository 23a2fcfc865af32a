"""One opt-out rule for a recipient's data set: with the same people with and without those who object, two lists name them.

The rule is the one of the first extract built under an agreement, whether or not it left.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session

from api.store.database import DocumentRow, OptOutRuleRow
from cld.errors import DisclosureRefused
from cld.journey import ApprovedPlan, Document
from cld.plan import plan_from_json

__all__ = ["keep_opt_out_rule", "require_opt_out_rule"]

MADE_OF_CLD = ("cld", "people")


def keep_opt_out_rule(session: Session, candidate: Document) -> None:
    """Keep the rule that a candidate was built under, in the transaction that keeps the candidate.

    Raises: DisclosureRefused if another one holds.
    """
    content = session.get_one(DocumentRow, candidate.parents[0]).content
    for key, applied in _rules(json.loads(content)["body"]).items():
        if not _holds(session, key, applied=applied):
            body_code, agreement, data_set = key
            session.add(OptOutRuleRow(body_code=body_code, agreement=agreement, data_set=data_set, applied=applied))


def require_opt_out_rule(session: Session, approved: ApprovedPlan) -> None:
    """Hold before a build that no other rule holds for its recipient's data sets.

    Raises: DisclosureRefused.
    """
    for key, applied in _rules(approved.document.body).items():
        _holds(session, key, applied=applied)


def _rules(approved: Mapping[str, Any]) -> dict[tuple[str, str, str], bool]:
    """Return whether opt-outs are applied, by recipient, agreement and data set; people are counted from council files."""
    application, plan = approved["application"], plan_from_json(approved["plan"])
    data_sets = {"cld" if name in MADE_OF_CLD else name for name in plan.data_sets()}
    code, agreement = str(application["body_code"]), str(application["agreement"]["reference"])
    return {(code, agreement, name): plan.opt_outs_applied for name in sorted(data_sets)}


def _holds(session: Session, key: tuple[str, str, str], *, applied: bool) -> bool:
    """Say whether the rule is kept already.

    Raises: DisclosureRefused if the other one is.
    """
    row = session.get(OptOutRuleRow, key)
    if row is not None and row.applied != applied:
        message = f"Under {key[1]} this recipient has the same data under the other opt-out rule: the two together list the objectors."
        raise DisclosureRefused(message, ("opt-out pair",), "Use one opt-out rule for the life of an agreement.")
    return row is not None
