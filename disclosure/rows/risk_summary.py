"""The figures of a file's risk as one object for programs and one line for people."""

from __future__ import annotations

from disclosure.rows.measures import SensitiveMeasures
from disclosure.rows.risk import FileRisk

__all__ = ["risk_summary", "risk_words"]

MEASURES = ("distinct_l", "entropy_l", "t", "alpha", "basic_beta", "enhanced_beta", "delta")
ESTIMATORS = ("zayatz", "pitman", "snb", "dankar")


def risk_summary(found: FileRisk) -> dict[str, object]:
    """Return the summary of the command ``risk``: see the shared contract of its names."""
    classes = found.classes
    summary: dict[str, object] = {
        "n_records": found.n_records, "n_persons": found.n_persons, "n_classes": classes.n_classes,
        "n_uniques": classes.n_uniques, "k": classes.k,
        **{name: {column: getattr(measured, name) for column, measured in found.sensitive.items()} for name in MEASURES},
        "t_distance": {column: _distance(measured) for column, measured in found.sensitive.items()},
        "highest_prosecutor_risk": classes.highest_risk, "average_prosecutor_risk": classes.average_risk,
        "population_uniqueness": {name: getattr(found.uniqueness, name, None) for name in ESTIMATORS},
    }  # fmt: skip
    if found.uniqueness is not None:
        summary["dankar_choice"] = found.uniqueness.chosen
    return {
        **summary,
        **_known(found),
        **_weighed(found),
        **_special(found),
        **_levels(found),
        "notes": list(found.notes),
    }


def _distance(measured: SensitiveMeasures) -> str:
    return "ordered" if measured.is_ordered else "equal"


def _known(found: FileRisk) -> dict[str, object]:
    if found.population is None:
        return {}
    known = found.population
    return {
        "n_population": known.n_persons,
        "n_population_uniques": known.classes.n_uniques,
        "population_uniqueness_exact": known.uniqueness,
        "n_sample_uniques_alone_in_population": known.n_sample_uniques_alone,
        "highest_journalist_risk": known.highest_journalist_risk,
        "average_journalist_risk": known.average_journalist_risk,
        "marketer_risk": known.marketer_risk,
    }


def _weighed(found: FileRisk) -> dict[str, object]:
    """Average the individual risk over records; its sum is how many records an intruder would name rightly."""
    if found.weighed is None:
        return {}
    expected = float((found.weighed * found.classes.sizes).sum())
    return {
        "individual_risk": expected / found.n_records,
        "highest_individual_risk": float(found.weighed.max()),
        "expected_reidentifications": expected,
    }


def _special(found: FileRisk) -> dict[str, object]:
    if found.suda is None:
        return {}
    special = found.suda
    return {
        "suda": {
            "largest": special.largest,
            "n_msu": sum(special.n_by_size),
            "n_msu_by_size": {str(size): n for size, n in enumerate(special.n_by_size) if size},
            "n_records_with_msu": int((special.n_msu > 0).sum()),
            "highest_score": float(special.score.max()),
            "share_by_column": special.share_by_column,
            **_shared_out(found),
        }
    }


def _shared_out(found: FileRisk) -> dict[str, object]:
    """Return DIS, the chance that a unique match is right, and its spread over records by DIS-SUDA scores."""
    if found.dis_suda is None:
        return {}
    dis, scores = found.dis_suda
    return {"dis": dis, "highest_dis_suda": float(scores.max()), "sum_of_dis_suda": float(scores.sum())}


def _levels(found: FileRisk) -> dict[str, object]:
    """Measure each column that has a hierarchy at each of its levels, the others as they are."""
    if not found.levels:
        return {}
    by_level = {}
    for column, held in found.levels.items():
        counted = [found.level_classes(column, level) for level in range(held.n_levels)]
        by_level[column] = [
            {
                "level": level, "n_classes": one.n_classes, "n_uniques": one.n_uniques, "k": one.k,
                "average_prosecutor_risk": one.average_risk,
            }
            for level, one in enumerate(counted)
        ]  # fmt: skip
    return {"by_level": by_level}


def risk_words(found: FileRisk) -> str:
    """Return the main figures in one line."""
    classes = found.classes
    words = f"{found.n_persons} persons in {classes.n_classes} classes, {classes.n_uniques} alone, k {classes.k}"
    if found.uniqueness is not None and found.uniqueness.dankar is not None:
        words += f", {found.uniqueness.dankar:.4g} of the population estimated alone ({found.uniqueness.chosen})"
    return words
