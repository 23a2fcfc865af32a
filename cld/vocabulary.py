"""The closed lists that policy, plans and packages share: bodies, forms, coverage, purposes, roles."""

from __future__ import annotations

from enum import StrEnum

__all__ = ["Action", "BodyClass", "ColumnRole", "Coverage", "Form", "Grain", "Purpose", "StaffRole"]


class BodyClass(StrEnum):
    """Classes of body that a request can come from (Direction Annex 3, and those outside it)."""

    CASSR = "CASSR"
    CASSR_NOT_PARTICIPATING = "CASSR-not-participating"
    CCG = "CCG"
    DHSC = "DHSC"
    NHSE = "NHSE"
    CSU = "CSU"
    ADASS = "ADASS"
    LGA = "LGA"
    CQC = "CQC"
    RESEARCH_UNIT = "RESEARCH-UNIT"
    PROCESSOR = "PROCESSOR"
    PROJECT = "PROJECT"
    OTHER = "OTHER"


class Action(StrEnum):
    """What may be asked of the house."""

    COLLECT = "collect"
    DISSEMINATE = "disseminate"
    PUBLISH = "publish"
    GIVE_BACK = "give_back"
    REIDENTIFY = "reidentify"


class Form(StrEnum):
    """How identifying what leaves is (Direction 6(b) bullets 2 to 4)."""

    IDENTIFIABLE = "identifiable"
    PSEUDONYMISED = "pseudonymised"
    ANONYMISED = "anonymised"
    AGGREGATE = "aggregate"


class Coverage(StrEnum):
    """Whose people an extract is about."""

    OWN = "own"
    OTHER = "other"
    COMBINED = "combined"
    SUBSET = "subset"


class Purpose(StrEnum):
    """The purposes of Direction paragraph 1."""

    A = "1a"
    B = "1b"
    C = "1c"
    D = "1d"
    E = "1e"


class Grain(StrEnum):
    """What one row of an extract's table stands for."""

    EVENT = "event"
    PERSON = "person"
    CELL = "cell"


class ColumnRole(StrEnum):
    """What a column can do to a person's privacy; every tool reads this one mark."""

    PERSON_IDENTIFIER = "person_identifier"
    DIRECT_IDENTIFIER = "direct_identifier"
    QUASI_IDENTIFIER = "quasi_identifier"
    SENSITIVE = "sensitive"
    ORDINARY = "ordinary"
    FREE_TEXT = "free_text"


class StaffRole(StrEnum):
    """What a person of the house may do."""

    APPLICANT = "applicant"
    APPROVER = "approver"
    RELEASER = "releaser"
    OFFICER = "officer"
    CUSTODIAN = "custodian"
    AUDITOR = "auditor"
    OPERATOR = "operator"
    REVIEWER = "reviewer"
