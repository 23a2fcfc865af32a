"""The opt-out gate of a build: who of a population may be in an extract.

1. Whoever has no NHS number cannot be asked about and is held back.  2. The others are asked about, or an answer of the
last hours to the same question serves.  3. Whoever does not stand in the answer is held back.  4. How many were held back
is told in the form in which small numbers may be told, and kept in no other.

Source: National Data Opt-out operational policy guidance, section 8; Direction 6, closing words. The rule for people who
        cannot be asked about is this house's own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from cld.canonical import digest_of
from cld.engine import Query, Session
from cld.errors import StaleVersion
from cld.journey import LinkedDataset
from cld.plan import ExtractPlan
from extracts.opt_outs.cache import AnswerCache
from extracts.opt_outs.service import OptOutService
from policies.opt_outs import opt_out_limits_on

__all__ = ["OptOutGate", "hold_back", "question_of", "require_fresh"]

NUMBER = "[0-9]{10}"


@dataclass(frozen=True, slots=True)
class OptOutGate:
    """Whoever knows who objects, and answers of the last hours; without a cache every build asks."""

    service: OptOutService
    cache: AnswerCache | None = None


def question_of(linked: LinkedDataset, plan: ExtractPlan) -> str:
    """Return the digest of a question: the same people of the same linked data."""
    return digest_of({"linked": linked.document.digest, "population": plan.as_json()["population"]})


def hold_back(
    session: Session, plan: ExtractPlan, linked: LinkedDataset, gate: OptOutGate, today: date
) -> dict[str, str]:
    """Make ``chosen`` x (person_id) from ``population``, and return what may be told of who was held back.

    Raises: NoAnswerYet, OptOutsUnknown, where opt-outs apply.
    """
    if not plan.opt_outs_applied:
        session.table("chosen", Query("select person_id from population order by person_id", ("population",)))
        return {}
    asked = f"select person_id as nhs_number from population where regexp_full_match(person_id, '{NUMBER}') order by 1"  # noqa: S608
    session.table("opt_out_question", Query(asked, ("population",)))
    asked_at = _answer(session, gate, question_of(linked, plan))
    chosen = "select person_id from population where person_id in (select nhs_number from opt_out_answer) order by 1"
    session.table("chosen", Query(chosen, ("population", "opt_out_answer")))
    counted = "select (select count(*) from population), (select count(*) from opt_out_question), (select count(*) from chosen)"  # fmt: skip
    n_all, n_asked, n_chosen = session.rows(Query(counted, ("population", "opt_out_question", "chosen")))[0]
    limits = opt_out_limits_on(today)
    for name in ("opt_out_question", "opt_out_answer"):
        session.drop(name)
    return {
        "limits": limits.name,
        "asked_at_utc": asked_at.isoformat(),
        "objecting": limits.told(n_asked - n_chosen),
        "untraced": limits.told(n_all - n_asked),
    }


def _answer(session: Session, gate: OptOutGate, question: str) -> datetime:
    if gate.cache is not None:
        kept = gate.cache.find(session, question, "opt_out_answer")
        if kept is not None:
            return kept
    asked_at = gate.service.willing(session, "opt_out_question", "opt_out_answer", question)
    if gate.cache is not None:
        gate.cache.keep(session, question, "opt_out_answer", asked_at)
    return asked_at


def require_fresh(held_back: Mapping[str, str], today: date) -> None:
    """Hold that an extract leaves while its answer is still one: whoever objected since must not be in it.

    Raises: StaleVersion.
    """
    if not held_back:
        return
    most = opt_out_limits_on(today).most_days_to_release
    if today - datetime.fromisoformat(held_back["asked_at_utc"]).date() > timedelta(days=most):
        message = f"The opt-out service was asked more than {most} days ago."
        raise StaleVersion(message, "Build and check the extract again.")
