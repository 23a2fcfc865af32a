"""What a build counts on the rows that it made, for policy to be asked with: whose people they are, and what was left out."""

from __future__ import annotations

from cld.engine import Query, Session, quote, text_literal
from cld.plan import ExtractPlan, Population, Registered, Resident, Submitted, Subset
from cld.vocabulary import BodyClass
from extracts.life.application import Application

__all__ = ["counted_on_rows"]


def counted_on_rows(
    session: Session, application: Application, plan: ExtractPlan, codes: frozenset[str]
) -> dict[str, int | None]:
    """Count, after every filter, persons; a count that a plan's population does not ask for is None.

    n_not_own:  in the rows and not the recipient's own, with rows of the CLD that another council sent where they go to a
    council.  n_left_out:  in the combined set and not in the subset.  n_of_recipient:  a CCG's own in the rows.
    codes:  the recipient's, with those of bodies that it succeeded.
    Source: shared reading, Direction 6(b) bullets 3 and 5, Annex 3: tested on the rows, not a flag.
    """
    sources = [f"source_{table.data_set}" for table in plan.tables]
    persons = " union ".join(f"select person_id from {quote(name)}" for name in sources or ["chosen"])  # noqa: S608
    inputs = tuple(dict.fromkeys((*sources, "chosen", "cld")))
    own, is_ccg = _is_own(plan.population), application.body == BodyClass.CCG
    return {
        "n_not_own": _n_not_own(session, plan, persons, own, inputs) if own else None,
        "n_left_out": _n_left_out(session, persons, inputs) if isinstance(plan.population, Subset) else None,
        "n_of_recipient": _n_of_ccg(session, persons, codes, inputs) if is_ccg else None,
    }


def _is_own(population: Population) -> str:
    """Return what a row of the CLD must hold for its person to be the recipient's own; nothing for other populations."""
    match population:
        case Submitted(code):
            return f"la_code = {text_literal(code)}"
        case Registered(code, _):
            return f"registered_ccg = {text_literal(code)}"
        case Resident(code, _):
            return f"residence_ccg = {text_literal(code)}"
        case _:
            return ""


def _n_not_own(session: Session, plan: ExtractPlan, persons: str, own: str, inputs: tuple[str, ...]) -> int:
    text = f"select count(*) from (({persons}) except select person_id from cld where {own})"  # noqa: S608
    n_persons = session.whole(Query(text, inputs))
    if not isinstance(plan.population, Submitted) or "source_cld" not in inputs:
        return n_persons
    # a person may be known to two councils: the rows themselves must be of the one that sent them
    others = f"select count(*) from source_cld where ({own}) is not true"  # noqa: S608
    return n_persons + session.whole(Query(others, ("source_cld",)))


def _n_left_out(session: Session, persons: str, inputs: tuple[str, ...]) -> int:
    text = f"select count(*) from (select person_id from cld where person_id is not null except ({persons}))"  # noqa: S608
    return session.whole(Query(text, inputs))


def _n_of_ccg(session: Session, persons: str, codes: frozenset[str], inputs: tuple[str, ...]) -> int:
    listed = ", ".join(text_literal(code) for code in sorted(codes))
    text = f"""
        select count(*) from (
            ({persons}) intersect
            select person_id from cld where registered_ccg in ({listed}) or residence_ccg in ({listed})
        )
    """  # noqa: S608
    return session.whole(Query(text, inputs))
