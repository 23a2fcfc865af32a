"""Everything that policy asks about an application, from the application, its plan, the log and the lists of the day.

What is tested on the rows themselves (own people, overlaps, whether a subset is a part) is shown as the plan promises it
before there are rows, and afterwards as their sealed documents have it (``extracts/life/rows``).
"""

from __future__ import annotations

from datetime import date

from cld.plan import Combined, ExtractPlan, Registered, Resident, Submitted, Subset
from cld.vocabulary import Action, BodyClass, Coverage, Form, Purpose
from extracts.life.application import Application
from extracts.life.conditions import Condition
from extracts.life.rows import RowFacts
from extracts.life.standing import Scope, Standing
from policies.facts import Facts
from policies.versioned.versions import version_on
from policies.words import DhscEnd, Instrument, LocalItems, NhsBasis, PopulationRule, Succession

__all__ = ["coverage_for", "facts_on"]

COUNCILS = (BodyClass.CASSR, BodyClass.CASSR_NOT_PARTICIPATING)


def coverage_for(plan: ExtractPlan, codes: frozenset[str]) -> Coverage:
    """Say whether the plan's population is the recipient's own, by its code and those of bodies that it succeeded.

    Source: shared reading, 6(b) bullet 3.
    """
    match plan.population:
        case Submitted(code) | Registered(code, _) | Resident(code, _):
            return Coverage.OWN if code in codes else Coverage.OTHER
        case Combined():
            return Coverage.COMBINED
        case Subset():
            return Coverage.SUBSET


def _rule(plan: ExtractPlan) -> PopulationRule:
    match plan.population:
        case Submitted():
            return PopulationRule.SUBMITTED
        case Registered():
            return PopulationRule.REGISTERED
        case Resident():
            return PopulationRule.RESIDENT
        case _:
            return PopulationRule.NONE


def _listed(application: Application, standing: Standing, today: date) -> tuple[bool, Succession]:
    """Say whether a body is on the list of the day, and whether it stands in another's place.

    A council is by the files in the log; a processor where the body that it acts for is; the host of a project by the joint
    approval, though Annex 3 names none (shared reading, bullet 7); all others by Annex 3.
    """
    body, annex3 = BodyClass(application.body), version_on(today).annex3
    if body in COUNCILS:
        return standing.submitted, Succession.NO
    if body is BodyClass.PROCESSOR:
        return any(
            one.kind == application.acting_for and one.is_listed_on(today) for one in annex3.bodies
        ), Succession.NO
    if body is BodyClass.PROJECT:
        return application.joint_approval, Succession.NO
    succession, kind = standing.successions.of(application.body_code, today, annex3)
    return kind is body, Succession.NO if succession is Succession.UNKNOWN else succession


def facts_on(
    application: Application, plan: ExtractPlan, today: date, *, rows: RowFacts, standing: Standing, unkept: tuple[Condition, ...]
) -> Facts:  # fmt: skip
    """Return the facts of an application on a day.

    rows:  what the plan promises of rows before there are any; then what their documents say.
    """
    agreement, population = application.agreement, plan.population
    listed, successor = _listed(application, standing, today)
    ended = standing.revoked or standing.destroyed or standing.ended_since(Scope.AGREEMENT) is not None
    recipient_held = (standing.suspended_since(Scope.RECIPIENT), standing.ended_since(Scope.RECIPIENT))
    codes = standing.successions.codes_of(application.body_code, today)
    return Facts(
        action=Action(application.action),
        body=BodyClass(application.body),
        on=today,
        instrument=Instrument.DIRECTION_2020,
        instructions_checked=True,
        suspended_from=standing.suspended_since(Scope.DIRECTION),
        revoked_from=standing.ended_since(Scope.DIRECTION),
        agreement_unsuspended=standing.suspended_since(Scope.AGREEMENT) is None and not ended,
        recipient_unsuspended=recipient_held == (None, None),
        body_listed=listed,
        successor=successor,
        population_included=rows.population_included,
        acting_for=BodyClass(application.acting_for) if application.acting_for else None,
        processor_contract_to=application.processor_contract_to,
        form=plan.form,
        coverage=coverage_for(plan, codes),
        population_rule=_rule(plan),
        own_population_tested=rows.own_population_tested,
        overlap_above_limit=rows.overlap_above_limit,
        local_items=LocalItems.OWN if plan.local_items else LocalItems.NONE,
        subset_named=isinstance(population, Subset) and bool(population.name.strip()),
        subset_reasoned=isinstance(population, Subset) and bool(population.reason.strip()),
        subset_is_part=rows.subset_is_part,
        small_numbers_suppressed=rows.small_numbers_suppressed,
        anonymisation_checked=rows.anonymisation_checked,
        key_for_recipient=plan.form is Form.PSEUDONYMISED,
        annex3_aim=application.annex3_aim,
        purposes=frozenset(Purpose(code) for code in application.purpose_codes),
        purposes_justified=bool(application.purposes)
        and all(one.justification.strip() for one in application.purposes),
        dhsc_end=DhscEnd(application.dhsc_end),
        nihr_funded=application.nihr_funded,
        joint_approval=application.joint_approval,
        dars_approved=application.dars_approved,
        conditions_met=not unkept,
        agreement_signed=agreement.signed or standing.signed,
        agreement_resigned=successor is Succession.NO or standing.resigned,
        agreement_from=agreement.from_day,
        agreement_to=standing.to_day or agreement.to_day,
        lawful_basis_nhs=_basis(application.lawful_basis_nhs),
        lawful_basis_recipient=bool(application.lawful_basis_recipient.strip()),
    )


def _basis(text: str) -> NhsBasis:
    return NhsBasis.S261 if text == NhsBasis.S261 else NhsBasis.OTHER if text else NhsBasis.NONE
