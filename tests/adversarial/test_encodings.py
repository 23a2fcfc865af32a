"""Encoded names against the attacks of the literature: they win on bare Bloom filters and get nowhere on ours.

The attacker has the file, the scheme and the very list that the names were drawn from, and no key. A draw of 8,000
people of 80 birth years; the commonest name is 3.1% of them, which is what guessing without looking gets.
"""

from __future__ import annotations

import csv
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest

from cld.engine import scratch_engine
from cld.errors import DisclosureRefused, UnknownSpecification
from linkage.encoded.encode import encode_values
from linkage.encoded.exchange import encode_file
from linkage.encoded.keyring import Keyring
from linkage.encoded.scheme import (
    DEFAULT_FIELDS,
    DEFAULT_KEYS,
    EncodingScheme,
    ExactKey,
    Hardening,
    Salt,
    breakable_scheme_for_attack_tests,
)
from tests.lib.encoding_attacks import (
    Intercepted,
    NameList,
    a_name_list,
    align_cells,
    align_frequencies,
    intercept,
    read_patterns,
    share_right,
)

ROOT = Path(__file__).parents[2]
SECRET = bytes(range(32))
FIELD = DEFAULT_FIELDS[1]
N_NAMES, N_PEOPLE, YEARS = 2_240, 8_000, range(1925, 2005)
BREAKABLE = breakable_scheme_for_attack_tests()
DEFAULT = EncodingScheme()
Bits = npt.NDArray[np.uint8]
Places = npt.NDArray[np.int64]


@pytest.fixture(scope="module")
def known() -> NameList:
    """A public list of the commonest British family names with their shares, falling off as one over the rank."""
    with (ROOT / "synthetic" / "names.csv").open(newline="") as stream:
        rows = [row for row in csv.DictReader(stream) if (row["tradition"], row["part"]) == ("british", "family")]
    rows.sort(key=lambda row: int(row["rank"]))
    names = list(dict.fromkeys(re.sub("[^A-Z]", "", row["name"].upper()) for row in rows))[:N_NAMES]
    return a_name_list(names, 1 / (np.arange(len(names)) + 5.0))


@pytest.fixture(scope="module")
def people(known: NameList) -> tuple[Places, Places]:
    """The name and the birth year of each person."""
    draw = np.random.default_rng(11)
    names = draw.choice(len(known.names), N_PEOPLE, p=known.shares)
    return names, draw.integers(YEARS.start, YEARS.stop, N_PEOPLE)


def encoded(scheme: EncodingScheme, known: NameList, people: tuple[Places, Places], folder: Path) -> Bits:
    names, years = people
    salts = ["" if scheme.salt is Salt.NONE else str(year) for year in years]
    values = pa.table({"value": [known.names[name] for name in names], "salt": salts})
    with scratch_engine(folder).session() as session:
        return encode_values(session, values, FIELD, Keyring(SECRET, scheme))


def intercepted(scheme: EncodingScheme, known: NameList, people: tuple[Places, Places], folder: Path) -> Intercepted:
    return intercept(encoded(scheme, known, people, folder), people[0])


def guessed(people: tuple[Places, Places], known: NameList) -> float:
    """What answering the commonest name for everybody gets."""
    return float((people[0] == int(np.argmax(known.shares))).mean())


def test_aligning_frequencies_reads_bare_filters(
    known: NameList, people: tuple[Places, Places], tmp_path: Path
) -> None:
    seen = intercepted(BREAKABLE, known, people, tmp_path)
    answers = align_frequencies(seen, known)
    assert share_right(seen, answers) > 0.15
    assert (answers[:10] == seen.truth[:10]).mean() >= 0.5


def test_aligning_frequencies_fails_on_the_default(
    known: NameList, people: tuple[Places, Places], tmp_path: Path
) -> None:
    seen = intercepted(DEFAULT, known, people, tmp_path)
    flat = np.full(len(YEARS), 1 / len(YEARS))
    assert share_right(seen, align_frequencies(seen, known)) < 0.005
    assert share_right(seen, align_cells(seen, known, flat)) < guessed(people, known) + 0.005


def test_an_attacker_who_is_told_every_birth_year_gains_next_to_nothing(
    known: NameList, people: tuple[Places, Places], tmp_path: Path
) -> None:
    """Stronger than any file allows; the gain grows with the file, which is why encoding refuses too many alike."""
    names, years = people
    filters, n_right = encoded(DEFAULT, known, people, tmp_path), 0.0
    for year in YEARS:
        of_year = years == year
        seen = intercept(filters[of_year], names[of_year])
        n_right += share_right(seen, align_frequencies(seen, known)) * int(of_year.sum())
    assert n_right / N_PEOPLE < guessed(people, known) + 0.01


def test_mining_patterns_reads_bare_filters(known: NameList, people: tuple[Places, Places], tmp_path: Path) -> None:
    seen = intercepted(BREAKABLE, known, people, tmp_path)
    assert share_right(seen, read_patterns(seen, known, FIELD.n_hashes)) > 0.7


@pytest.mark.parametrize("salt", [Salt.BIRTH_YEAR, Salt.NONE])
def test_mining_patterns_fails_on_diffused_filters(
    known: NameList, people: tuple[Places, Places], tmp_path: Path, salt: Salt
) -> None:
    """Also without the salt, so that the diffusion is seen to stop it by itself."""
    seen = intercepted(replace(DEFAULT, salt=salt), known, people, tmp_path)
    assert share_right(seen, read_patterns(seen, known, FIELD.n_hashes)) < guessed(people, known) + 0.005


def test_diffusion_without_salt_is_still_read_by_frequencies(
    known: NameList, people: tuple[Places, Places], tmp_path: Path
) -> None:
    """Why both are on: a diffused filter is still one filter for one name."""
    seen = intercepted(replace(DEFAULT, salt=Salt.NONE), known, people, tmp_path)
    assert share_right(seen, align_frequencies(seen, known)) > 0.15


def test_no_key_may_join_the_encodings_of_one_name_over_all_years() -> None:
    """Such a key would hand out the frequencies that the salt hides: rows that share it share the name."""
    with pytest.raises(UnknownSpecification, match="would join all its encodings"):
        EncodingScheme(keys=(*DEFAULT_KEYS, ExactKey("household", ("family_name", "postcode"))))


@pytest.mark.parametrize(
    "scheme", [BREAKABLE, replace(DEFAULT, salt=Salt.NONE), replace(DEFAULT, hardening=Hardening.NONE)]
)
def test_no_file_is_written_without_both_hardenings(tmp_path: Path, scheme: EncodingScheme) -> None:
    (tmp_path / "in.csv").write_text("id,family\n1,Smith\n")
    with pytest.raises(DisclosureRefused):
        encode_file(
            tmp_path / "in.csv", {"id": "id", "family_name": "family"}, SECRET, tmp_path / "out.parquet", scheme
        )
    assert not (tmp_path / "out.parquet").exists()


def test_encoding_is_refused_where_too_many_share_one_encoding(tmp_path: Path) -> None:
    rows = "".join(f"{place},Smith,1940-01-0{place % 9 + 1}\n" for place in range(51))
    (tmp_path / "in.csv").write_text("id,family,born\n" + rows)
    columns = {"id": "id", "family_name": "family", "date_of_birth": "born"}
    with pytest.raises(DisclosureRefused, match="family_name") as refused:
        encode_file(tmp_path / "in.csv", columns, SECRET, tmp_path / "out.parquet")
    assert refused.value.measures == ("family_name",)
    assert "Smith" not in str(refused.value)
    encode_file(tmp_path / "in.csv", columns, SECRET, tmp_path / "out.parquet", DEFAULT.salted_by_birth_date())
    assert (tmp_path / "out.parquet").exists()
