"""What an application still lacks: advice while it is a draft, refused once it is submitted."""

from __future__ import annotations

from collections.abc import Iterator

from cld.catalogue import column_of
from cld.errors import InputError
from cld.plan import LOCAL_PREFIX, ExtractPlan, Subset
from cld.vocabulary import BodyClass
from extracts.life.application import Application
from extracts.life.dars import ACCESS_METHODS, SECURITY_KINDS, WORDS
from extracts.life.standards import checklist
from policies.words import DhscEnd

__all__ = ["columns_to_justify", "require_complete", "what_is_missing"]

MOST_TOLD = 12


def columns_to_justify(plan: ExtractPlan) -> tuple[tuple[str, str, str], ...]:
    """Return each column that a plan takes: data set, name and Annex 1 heading, empty where the catalogue has none."""
    rows = [(t.data_set, c.source) for t in plan.tables for c in t.columns if c.source != "person_key"]
    counted = [("people", name) for table in plan.counts for name in table.dimensions]
    return tuple((data_set, name, _heading(data_set, name)) for data_set, name in dict.fromkeys(rows + counted))


def _heading(data_set: str, name: str) -> str:
    return "" if name.startswith(LOCAL_PREFIX) else column_of(data_set, name).annex1_heading


def what_is_missing(application: Application, plan: ExtractPlan) -> tuple[str, ...]:
    """Return every field that is missing or contradicts another, in words."""
    return (*_of_the_application(application, plan), *_of_the_columns(application, plan), *_of_the_form(application))


def _of_the_application(application: Application, plan: ExtractPlan) -> Iterator[str]:
    agreement = application.agreement
    if agreement.to_day < agreement.from_day:
        yield "an agreement that ends after it begins"
    if agreement.keyed_by and not agreement.renews:
        yield "the agreement that this one renews"
    yield from (f"a justification of purpose {p.code}" for p in application.purposes if not p.justification.strip())
    if application.body == BodyClass.DHSC and application.dhsc_end == DhscEnd.NONE:
        yield "which end DHSC follows"
    if isinstance(plan.population, Subset) and not plan.population.name.strip():
        yield "the subset's name"


def _of_the_columns(application: Application, plan: ExtractPlan) -> Iterator[str]:
    given = {(one.data_set, one.column): one for one in application.dars.columns}
    for data_set, name, heading in columns_to_justify(plan):
        reason = given.get((data_set, name))
        if reason is None or not reason.justification.strip():
            yield f"a justification of column {data_set}.{name}"
        elif reason.annex1_heading != heading:
            yield f"the Annex 1 heading of column {data_set}.{name}, which is '{heading}'"


def _of_the_form(application: Application) -> Iterator[str]:
    form = application.dars
    if not form.title.strip():
        yield "a title"
    if not form.controllers:
        yield "a controller"
    if form.access_method not in ACCESS_METHODS:
        yield f"an access method ({', '.join(ACCESS_METHODS)})"
    yield from (name for name in WORDS if not getattr(form, name).strip())
    if form.security is None or form.security.kind not in SECURITY_KINDS:
        yield f"a security assurance ({', '.join(SECURITY_KINDS)})"
    elif form.security.valid_to < application.agreement.from_day:
        yield "a security assurance that is good when the agreement begins"
    yield from (
        f"an answer on the standard '{line.standard.title}'" for line in checklist(form.standards) if not line.answer
    )


def require_complete(application: Application, plan: ExtractPlan) -> None:
    """Refuse an application that lacks anything.

    Raises: InputError, naming the fields.
    """
    missing = what_is_missing(application, plan)
    if missing:
        more = f" and {len(missing) - MOST_TOLD} more" if len(missing) > MOST_TOLD else ""
        message = f"The application lacks: {'; '.join(missing[:MOST_TOLD])}{more}."
        raise InputError(message, "Complete the draft and submit it again.")
