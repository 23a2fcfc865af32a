"""Closed lists of the policies room alone: what a fact of an application can be."""

from __future__ import annotations

from enum import StrEnum

__all__ = ["DhscEnd", "GivenBack", "Instrument", "LocalItems", "NhsBasis", "PopulationRule", "Succession"]


class Instrument(StrEnum):
    """The Direction that a request rests on."""

    DIRECTION_2020 = "direction-2020-12-07"
    DIRECTION_2017 = "direction-2017-09-19"
    NONE = "none"


class NhsBasis(StrEnum):
    """NHS Digital's basis to disclose: a closed list of one, the rest being named to be refused."""

    S261 = "s261(1) with s261(2)(e)"
    OTHER = "other"
    NONE = "none"


class Succession(StrEnum):
    """Whether a body stands in the place of a listed one, and by what entry."""

    NO = "no"
    SIGNED = "signed"
    UNSIGNED = "unsigned"
    INTEGRATED_CARE = "integrated-care"
    UNKNOWN = "unknown"


class PopulationRule(StrEnum):
    """Who a recipient's own people are, chosen in the plan."""

    SUBMITTED = "submitted"
    REGISTERED = "registered"
    RESIDENT = "resident"
    NONE = "none"


class LocalItems(StrEnum):
    """Whose local items a plan holds: none, the recipient's own, others' who agreed or did not, or unclassified ones."""

    NONE = "none"
    OWN = "own"
    AGREED = "agreed"
    NOT_AGREED = "not-agreed"
    UNCLASSIFIED = "unclassified"


class DhscEnd(StrEnum):
    """Which of the two ends of bullet 6 the data serve."""

    BENCHMARK_WORK = "benchmark-work"
    NATIONAL_OVERSIGHT = "national-oversight"
    NONE = "none"


class GivenBack(StrEnum):
    """What goes back to a council."""

    NUMBERS_AND_FINDINGS = "numbers-and-findings"
    IMPROVED_ROWS_REQUESTED = "improved-rows-requested"
    IMPROVED_ROWS_UNREQUESTED = "improved-rows-unrequested"
    NONE = "none"
