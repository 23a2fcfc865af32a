"""The demo's applications: what is asked for, by whom, and why the Direction allows or refuses it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date

from cld.catalogue import columns_of
from cld.plan import (
    Combined,
    ExtractPlan,
    Keep,
    Month,
    OutputColumn,
    Population,
    Pseudonym,
    Registered,
    Resident,
    Submitted,
    Subset,
    TableOfCounts,
    TablePlan,
)
from cld.vocabulary import ColumnRole, Form, Grain
from extracts.approve import Agreement, Application
from extracts.life.completeness import columns_to_justify
from extracts.life.dars import ColumnReason, DarsForm, Security, StatedPurpose
from extracts.life.standards import standards

__all__ = ["DemoRequest", "column_reasons", "demo_requests"]

START, END = date(2021, 1, 1), date(2021, 12, 31)
KEEP_OUT = (
    "reporting_period_start_date",
    "reporting_period_end_date",
    "age_years",
    "gp_practice_name",
    "gp_practice_code",
    "sent_number_reason",  # stands beside the keyed number already
)


@dataclass(frozen=True, slots=True)
class DemoRequest:
    """One row of the demo: the application's DARS form gives a reason for every column of the plan."""

    application: Application
    plan: ExtractPlan

    def __post_init__(self) -> None:
        """Write the reasons of columns."""
        form = replace(self.application.dars, columns=column_reasons(self.plan))
        object.__setattr__(self, "application", replace(self.application, dars=form))


def column_reasons(plan: ExtractPlan) -> tuple[ColumnReason, ...]:
    """Give a reason for each column of a plan."""
    return tuple(
        ColumnReason(data_set, name, heading, f"{(heading or 'linked NHS data').lower()} in planning services")
        for data_set, name, heading in columns_to_justify(plan)
    )


def _dars_form(recipient: str) -> DarsForm:
    return DarsForm(
        title=f"Adult social care, {recipient}",
        controllers=(recipient,),
        access_method="Ongoing",
        objectives="to plan local services on what people use",
        processing="counts and models on a secured system of the recipient",
        outputs="tables with small numbers suppressed, for the recipient's own managers",
        benefits="care that reaches people earlier",
        security=Security("DSPT", "8A000", date(2023, 6, 30)),
        standards={one.title: f"see: {one.asks}" for one in standards()},
    )


def _columns(data_set: str, *, council_ids: bool = True) -> tuple[OutputColumn, ...]:
    """Every column that may stand in a pseudonymised extract; days of death and birth cut to months."""
    found = [OutputColumn("person_key", "person_key", Pseudonym("person"))]
    for column in columns_of(data_set):
        if column.role in (ColumnRole.DIRECT_IDENTIFIER, ColumnRole.FREE_TEXT) or column.name in KEEP_OUT:
            continue
        if column.role is ColumnRole.PERSON_IDENTIFIER:
            if council_ids or column.identifier_kind != "la_person":
                found.append(OutputColumn(f"{column.name}_key", column.name, Pseudonym(column.identifier_kind)))
        elif column.name == "date_of_death":
            found.append(OutputColumn("month_of_death", column.name, Month()))
        else:
            found.append(OutputColumn(column.name, column.name, Keep()))
    return tuple(found)


def _people(*names: str) -> TablePlan:
    keyed = OutputColumn("person_key", "person_key", Pseudonym("person"))
    return TablePlan("people", Grain.PERSON, (keyed, *(OutputColumn(name, name, Keep()) for name in names)))


STANDARD = (
    "age_years",
    "gender",
    "ethnicity",
    "la_code",
    "primary_support_reason",
    "service_group",
    "n_admissions_band",
    "n_attendances_band",
    "died_in_period",
)


def _plan(
    form: Form,
    population: Population,
    tables: tuple[TablePlan, ...] = (),
    *,
    counts: tuple[TableOfCounts, ...] = (),
    local_items: bool = False,
    opt_outs_applied: bool = False,
    fixed_levels: tuple[tuple[str, int], ...] = (),
) -> ExtractPlan:
    reason = "confidential patient information flows" if opt_outs_applied else "no confidential data flows"
    return ExtractPlan(
        form=form,
        population=population,
        tables=tables,
        counts=counts,
        period_start=START,
        period_end=END,
        family="cld-linked",
        profile="caregate",
        local_items=local_items,
        opt_outs_applied=opt_outs_applied,
        opt_out_reason=reason,
        fixed_levels=fixed_levels,
    )


def _ask(number: int, recipient: str, body: str, code: str, **more: object) -> Application:
    agreement = Agreement(f"DARS-NIC-{100000 + number}-A1B2C", date(2022, 1, 1), date(2023, 1, 1), signed=True)
    base = Application(
        reference=f"CG-{number:04d}", recipient=recipient, recipient_key="", applicant=f"applicant of {code}", body=body, body_code=code, acting_for=None, agreement=agreement,
        purposes=tuple(StatedPurpose(code, "planning of local services") for code in ("1b", "1e")), annex3_aim=True, dars_approved=True,
        lawful_basis_nhs="s261(1) with s261(2)(e)", lawful_basis_recipient="UK GDPR Art 6(1)(e), 9(2)(h)", nihr_funded=False,
        joint_approval=False, processor_contract_to=None, dhsc_end="national-oversight" if body == "DHSC" else "none", dars=_dars_form(recipient),
    )  # fmt: skip
    return replace(base, **more)  # type: ignore[arg-type]


def _linked_tables() -> tuple[TablePlan, ...]:
    return tuple(TablePlan(name, Grain.EVENT, _columns(name)) for name in ("cld", "apc", "attendances", "deaths"))


def _released() -> list[DemoRequest]:
    local = OutputColumn("local_frailty_band", "local_frailty_band", Keep())
    own = TablePlan("cld", Grain.EVENT, (*_columns("cld"), local))
    contract = {"acting_for": "ADASS", "processor_contract_to": date(2022, 12, 31)}
    south_east = Subset(("901", "902"), "support of performance in one region", "two councils of the South East")
    return [
        DemoRequest(
            _ask(1, "Lincolnshire council", "CASSR", "503"),
            _plan(Form.PSEUDONYMISED, Submitted("503"), (own,), local_items=True),
        ),
        DemoRequest(
            _ask(2, "NHS Oxfordshire CCG", "CCG", "10Q"),
            _plan(Form.PSEUDONYMISED, Resident("10Q", ("901",)), _linked_tables(), opt_outs_applied=True),
        ),
        DemoRequest(
            _ask(3, "NHS Buckinghamshire CCG", "CCG", "14Y"),
            _plan(Form.PSEUDONYMISED, Registered("14Y", ("901", "902")), _linked_tables(), opt_outs_applied=True),
        ),
        DemoRequest(_ask(4, "DHSC", "DHSC", "DHSC"), _plan(Form.ANONYMISED, Combined(), (_people(*STANDARD),))),
        DemoRequest(
            _ask(5, "Processor for ADASS", "PROCESSOR", "processor", **contract),
            _plan(Form.ANONYMISED, south_east, (_people(*STANDARD),)),
        ),
        DemoRequest(
            _ask(6, "Adult Social Care Research Unit", "RESEARCH-UNIT", "ASCRU", nihr_funded=True),
            _plan(Form.ANONYMISED, Combined(), (_people(*STANDARD),)),
        ),
        DemoRequest(
            _ask(7, "Derbyshire council, benchmarking", "CASSR", "907"),
            _plan(
                Form.AGGREGATE, Combined(), counts=(TableOfCounts("persons_by_council_age", ("la_code", "age_years")),)
            ),
        ),
    ]


def _refused() -> list[DemoRequest]:
    anonymised = _plan(Form.ANONYMISED, Combined(), (_people(*STANDARD),))
    aggregate = _plan(
        Form.AGGREGATE, Combined(), counts=(TableOfCounts("persons_by_council_age", ("la_code", "age_years")),)
    )
    cld = TablePlan("cld", Grain.EVENT, _columns("cld", council_ids=False))
    expired = Agreement("DARS-NIC-100015-A1B2C", date(2020, 12, 7), date(2021, 12, 6), signed=True)
    fine = _people("age_years", "gender", "ethnicity", "la_code", "primary_support_reason")
    too_fine = _plan(
        Form.ANONYMISED, Combined(), (fine,), fixed_levels=(("age_years", 0), ("ethnicity", 0), ("la_code", 0))
    )
    return [
        DemoRequest(_ask(11, "The public (tables on a website)", "OTHER", "public", action="publish"), aggregate),
        DemoRequest(_ask(12, "DHSC, pseudonymised", "DHSC", "DHSC"), _plan(Form.PSEUDONYMISED, Combined(), (cld,))),
        DemoRequest(_ask(13, "Care Quality Commission", "CQC", "CQC"), anonymised),
        DemoRequest(
            _ask(
                14,
                "Processor for ADASS, the whole combined set",
                "PROCESSOR",
                "processor",
                acting_for="ADASS",
                processor_contract_to=date(2022, 12, 31),
            ),
            anonymised,
        ),
        DemoRequest(
            _ask(15, "NHS Lincolnshire CCG, agreement expired", "CCG", "71E", agreement=expired),
            _plan(Form.PSEUDONYMISED, Resident("71E"), (cld,)),
        ),
        DemoRequest(
            _ask(16, "NHS Oxfordshire CCG, a neighbour's people", "CCG", "10Q"),
            _plan(Form.PSEUDONYMISED, Resident("14Y"), (cld,)),
        ),
        DemoRequest(
            _ask(17, "Research body without NIHR funding or joint approval", "RESEARCH-UNIT", "unit"), anonymised
        ),
        DemoRequest(_ask(18, "DHSC, detail that singles people out", "DHSC", "DHSC"), too_fine),
        DemoRequest(
            _ask(19, "A general practitioner, re-identification", "OTHER", "GP", action="reidentify"), anonymised
        ),
        DemoRequest(
            _ask(20, "DHSC, the same rows without the people who object", "DHSC", "DHSC"),
            replace(anonymised, opt_outs_applied=True),
        ),
    ]


def demo_requests() -> list[DemoRequest]:
    """Return the demo's requests: those that may be released, then those that may not."""
    return [*_released(), *_refused()]
