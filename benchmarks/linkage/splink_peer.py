"""Run Splink as its documentation teaches, in a process and an environment of its own.

Source: Splink 5.0.0, docs/demos: tutorials 03 to 05 and examples/duckdb febrl4, link_only and deduplicate_50k_synthetic;
what differs is named where it does. Nothing of Caregate is imported here.
"""

from __future__ import annotations

import argparse
import json
import logging
import resource
import time
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import duckdb
import splink.comparison_library as cl
from splink import DuckDBAPI, Linker, SettingsCreator, block_on

__all__ = ["dedupe_historical", "link_febrl4", "link_people"]

N_THREADS = 2
# the default of the method; the docs recommend ten times as many for the best model, which takes much longer
U_PAIRS = 1e6
SEED = 1
PEOPLE_COLUMNS = "nhs_number, given_name, family_name, cast(date_of_birth as varchar) as date_of_birth, sex, postcode"
BEST = """
    select unique_id_l as id_l, unique_id_r as id_r, match_weight as weight_bits from predicted
    qualify row_number() over (partition by unique_id_l order by match_weight desc, unique_id_r) = 1
    order by id_l
"""
PAIRS = "select unique_id_l as id_l, unique_id_r as id_r, match_weight as weight_bits from predicted order by all"


class Stages:
    """Seconds by stage."""

    def __init__(self) -> None:
        """Start with none."""
        self.seconds: dict[str, float] = {}
        self.started = time.perf_counter()

    def run(self, name: str, work: Callable[[], Any]) -> Any:
        """Do a stage's work and keep its time; stages of one name add up."""
        start = time.perf_counter()
        result = work()
        self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - start
        return result

    def summary(self, **further: object) -> dict[str, object]:
        """Return what the runner reads."""
        total = time.perf_counter() - self.started
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        return {"seconds": {**self.seconds, "total": total}, "peak_bytes": peak, **further}


def connection(memory: str) -> duckdb.DuckDBPyConnection:
    """Return a connection of bounded memory; progress bars off."""
    opened = duckdb.connect(config={"threads": N_THREADS, "memory_limit": memory})
    opened.execute("set enable_progress_bar = false")
    return opened


def people_settings() -> SettingsCreator:
    """Return the model of people: the library's own comparisons, term frequencies on names.

    The library's comparison of both names at once was tried too: it linked no better on one population and worse on
    the one with more errors, so each name has its own.
    """
    return SettingsCreator(
        link_type="link_only",
        blocking_rules_to_generate_predictions=[
            block_on("nhs_number"),
            block_on("family_name", "date_of_birth"),
            block_on("given_name", "date_of_birth"),
            block_on("postcode", "date_of_birth"),
            block_on("given_name", "postcode"),
            block_on("family_name", "postcode"),
            block_on("given_name", "family_name", "substr(date_of_birth, 1, 4)"),
        ],
        comparisons=[
            cl.ExactMatch("nhs_number"),
            cl.NameComparison("given_name").configure(term_frequency_adjustments=True),
            cl.NameComparison("family_name").configure(term_frequency_adjustments=True),
            cl.DateOfBirthComparison("date_of_birth", input_is_string=True),
            cl.ExactMatch("sex"),
            cl.PostcodeComparison("postcode"),
        ],
    )


def train_people(linker: Linker, stages: Stages) -> None:
    """Estimate prior, u and m; two passes of EM cover every comparison."""
    rules = [block_on("nhs_number"), block_on("given_name", "family_name", "date_of_birth")]
    training = linker.training
    stages.run("prior", lambda: training.estimate_probability_two_random_records_match(rules, recall=0.95))
    stages.run("u", lambda: training.estimate_u_using_random_sampling(max_pairs=U_PAIRS, seed=SEED))
    for rule in (block_on("family_name", "date_of_birth"), block_on("given_name", "postcode")):
        stages.run(
            "em",
            partial(
                training.estimate_parameters_using_expectation_maximisation,
                rule,
                estimate_without_term_frequencies=True,
            ),
        )


def link_people(left: Path, right: Path, out: Path, *, memory: str, model: Path | None) -> dict[str, object]:
    """Link a submission to an index and write the best link of each record.

    With a model that exists, training is left out; with one that does not, the trained model is kept there.
    """
    stages = Stages()
    opened = connection(memory)
    api = DuckDBAPI(connection=opened)

    def load() -> list[Any]:
        for name, path, key in (("a_left", left, "record_id"), ("b_right", right, "person_id")):
            opened.execute(
                f"create table {name}_rows as select {key} as unique_id, {PEOPLE_COLUMNS} from read_parquet('{path}')"
            )
        return [
            api.register("a_left_rows", dataset_display_name="a_left"),
            api.register("b_right_rows", dataset_display_name="b_right"),
        ]

    tables = stages.run("load", load)
    ready = model is not None and model.is_file()
    settings: Any = str(model) if ready else people_settings()
    linker = stages.run("prepare", lambda: Linker(tables, settings))
    if not ready:
        train_people(linker, stages)
        if model is not None:
            stages.run("save", lambda: linker.misc.save_model_to_json(str(model), overwrite=True))
    predicted = stages.run("predict", linker.inference.predict)
    n_pairs = _written(stages, opened, predicted, BEST, out)
    return stages.summary(n_candidates=n_pairs, ready_model=ready)


def _written(stages: Stages, opened: duckdb.DuckDBPyConnection, predicted: Any, query: str, out: Path) -> int:
    """Write links and return how many pairs were predicted."""

    def write() -> int:
        opened.execute(f"create or replace temp view predicted as select * from {predicted.physical_name}")
        opened.execute(f"copy ({query}) to '{out}' (format parquet)")
        return int(opened.execute("select count(*) from predicted").fetchall()[0][0])

    return int(stages.run("write", write))


def link_febrl4(left: Path, right: Path, out: Path, *, memory: str) -> dict[str, object]:
    """Link FEBRL 4 with the detailed model of Splink's own example, and keep the best link of each record."""
    stages = Stages()
    opened = connection(memory)
    api = DuckDBAPI(connection=opened)

    def load() -> list[Any]:
        for name, path in (("a_left", left), ("b_right", right)):
            opened.execute(f"create table {name}_rows as select record_id as unique_id, * from read_parquet('{path}')")
        return [
            api.register("a_left_rows", dataset_display_name="a_left"),
            api.register("b_right_rows", dataset_display_name="b_right"),
        ]

    settings = SettingsCreator(
        link_type="link_only",
        blocking_rules_to_generate_predictions=[
            block_on("given_name", "surname"),
            "l.given_name = r.surname and l.surname = r.given_name",
            block_on("date_of_birth"),
            block_on("soc_sec_id"),
            block_on("state", "address_1"),
            block_on("street_number", "address_1"),
            block_on("postcode"),
        ],
        comparisons=[
            cl.NameComparison("given_name").configure(term_frequency_adjustments=True),
            cl.NameComparison("surname").configure(term_frequency_adjustments=True),
            cl.DateOfBirthComparison("date_of_birth", input_is_string=True, invalid_dates_as_null=True),
            cl.DamerauLevenshteinAtThresholds("soc_sec_id", [1, 2]),
            cl.ExactMatch("street_number").configure(term_frequency_adjustments=True),
            cl.DamerauLevenshteinAtThresholds("postcode", [1, 2]).configure(term_frequency_adjustments=True),
        ],
    )
    tables = stages.run("load", load)
    linker = stages.run("prepare", lambda: Linker(tables, settings))
    rules = [block_on("soc_sec_id"), block_on("given_name", "surname", "date_of_birth")]
    training = linker.training
    stages.run("prior", lambda: training.estimate_probability_two_random_records_match(rules, recall=0.8))
    stages.run("u", lambda: training.estimate_u_using_random_sampling(max_pairs=1e6, seed=SEED))
    for rule in (block_on("date_of_birth"), block_on("postcode")):
        stages.run(
            "em",
            partial(
                training.estimate_parameters_using_expectation_maximisation,
                rule,
                estimate_without_term_frequencies=True,
            ),
        )
    predicted = stages.run("predict", linker.inference.predict)
    n_pairs = _written(stages, opened, predicted, BEST, out)
    return stages.summary(n_candidates=n_pairs)


def historical_settings() -> SettingsCreator:
    """Return the ten blocking rules and five comparisons of Splink's example of historical figures."""
    return SettingsCreator(
        link_type="dedupe_only",
        blocking_rules_to_generate_predictions=[
            block_on("substr(first_name,1,3)", "substr(surname,1,4)"),
            block_on("surname", "dob"),
            block_on("first_name", "dob"),
            block_on("postcode_fake", "first_name"),
            block_on("postcode_fake", "surname"),
            block_on("dob", "birth_place"),
            block_on("substr(postcode_fake,1,3)", "dob"),
            block_on("substr(postcode_fake,1,3)", "first_name"),
            block_on("substr(postcode_fake,1,3)", "surname"),
            block_on("substr(first_name,1,2)", "substr(surname,1,2)", "substr(dob,1,4)"),
        ],
        comparisons=[
            cl.ForenameSurnameComparison(
                "first_name", "surname", forename_surname_concat_col_name="first_name_surname_concat"
            ),
            cl.DateOfBirthComparison("dob", input_is_string=True),
            cl.PostcodeComparison("postcode_fake"),
            cl.ExactMatch("birth_place").configure(term_frequency_adjustments=True),
            cl.ExactMatch("occupation").configure(term_frequency_adjustments=True),
        ],
    )


def dedupe_historical(file: Path, out: Path, *, memory: str, thresholds: tuple[float, ...]) -> dict[str, object]:
    """Find the duplicates among historical figures; write all pairs, and clusters for each threshold of probability.

    The example clusters at 0.95; the other thresholds are for the best it could do, and not in its time.
    """
    stages = Stages()
    opened = connection(memory)
    api = DuckDBAPI(connection=opened)

    def load() -> Any:
        opened.execute(
            "create table figures as select *, first_name || ' ' || surname as first_name_surname_concat"
            f" from read_parquet('{file}')"
        )
        return api.register("figures", dataset_display_name="historical")

    table = stages.run("load", load)
    linker = stages.run("prepare", lambda: Linker(table, historical_settings()))
    rules = [
        block_on("first_name", "surname", "dob"),
        block_on("substr(first_name,1,2)", "surname", "substr(postcode_fake,1,2)"),
        block_on("dob", "postcode_fake"),
    ]
    training = linker.training
    stages.run("prior", lambda: training.estimate_probability_two_random_records_match(rules, recall=0.6))
    stages.run("u", lambda: training.estimate_u_using_random_sampling(max_pairs=U_PAIRS, seed=SEED))
    for rule in (block_on("first_name", "surname"), block_on("dob")):
        stages.run(
            "em",
            partial(
                training.estimate_parameters_using_expectation_maximisation,
                rule,
                estimate_without_term_frequencies=True,
            ),
        )
    predicted = stages.run("predict", linker.inference.predict)
    stages.run("cluster", lambda: _clustered(opened, linker, predicted, 0.95, out))
    summary = stages.summary()
    for threshold in thresholds:
        _clustered(opened, linker, predicted, threshold, out.with_name(f"{out.stem}-{threshold}.parquet"))
    summary["n_candidates"] = _written(stages, opened, predicted, PAIRS, out.with_name(f"{out.stem}-pairs.parquet"))
    return summary


def _clustered(opened: duckdb.DuckDBPyConnection, linker: Linker, predicted: Any, threshold: float, out: Path) -> None:
    found = linker.clustering.cluster_pairwise_predictions_at_threshold(
        predicted, threshold_match_probability=threshold
    )
    query = f"select unique_id as id, cluster_id from {found.physical_name} order by id"
    opened.execute(f"copy ({query}) to '{out}' (format parquet)")


def main() -> None:
    """Run one job and print its summary as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("job", choices=("people", "febrl4", "historical"))
    parser.add_argument("inputs", type=Path, nargs="+")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--memory", default="9GB")
    parser.add_argument("--model", type=Path)
    parser.add_argument("--thresholds", type=float, nargs="*", default=())
    given = parser.parse_args()
    logging.getLogger("splink").setLevel(logging.ERROR)
    warnings.simplefilter("ignore")
    if given.job == "people":
        left, right = given.inputs
        summary = link_people(left, right, given.out, memory=given.memory, model=given.model)
    elif given.job == "febrl4":
        left, right = given.inputs
        summary = link_febrl4(left, right, given.out, memory=given.memory)
    else:
        thresholds = tuple(given.thresholds)
        summary = dedupe_historical(given.inputs[0], given.out, memory=given.memory, thresholds=thresholds)
    print(json.dumps(summary))  # noqa: T201 - the answer of a command


if __name__ == "__main__":
    main()
