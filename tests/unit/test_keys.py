"""Keys, the shelf that rests on them, and pseudonyms."""

from __future__ import annotations

import pickle
from datetime import date
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cld.clock import SeededEntropy
from cld.datasets import Anonymised, Identified
from cld.engine import Query, scratch_engine
from cld.errors import KeyDestroyed, KeyUnavailable, NotSealed, UnreadableFile
from cld.shelf import Shelf
from keys.derivation import PseudonymDomain, Secret, domain_key, encode_context
from keys.providers.file import create_root, open_root
from keys.pseudonym import is_well_formed, plain_pseudonym
from keys.store import KeyStore
from keys.text_form import ALPHABET

DOMAIN = PseudonymDomain("R", "A", "F", "nhs")
KEY = Secret(b"k" * 64)
ROWS = pa.table(
    {
        "text": pa.array(["a", None, "c"] * 30_001),
        "day": pa.array([date(2022, 3, 1), None, date(2022, 3, 2)] * 30_001),
        "sum": pa.array([Decimal("1.50"), None, Decimal("2.00")] * 30_001, pa.decimal128(12, 2)),
        "yes": pa.array([True, None, False] * 30_001),
        "n": pa.array([1, None, 3] * 30_001, pa.int32()),
    }
)


def a_store(folder: Path) -> KeyStore:
    return KeyStore(folder, Secret(b"r" * 32), SeededEntropy(1), "2022")


def test_a_root_opens_with_its_passphrase_and_no_other(tmp_path: Path) -> None:
    made = create_root(tmp_path / "root.json", Secret(b"right"), SeededEntropy(1))
    assert open_root(tmp_path / "root.json", Secret(b"right")).root_id() == made.root_id()
    with pytest.raises(KeyUnavailable):
        open_root(tmp_path / "root.json", Secret(b"wrong"))


def test_a_secret_is_neither_shown_nor_pickled() -> None:
    assert "k" * 8 not in repr(KEY)
    with pytest.raises(TypeError):
        pickle.dumps(KEY)


def test_contexts_never_run_together() -> None:
    assert encode_context("ab", "c") != encode_context("a", "bc")


def test_a_destroyed_agreement_gives_no_key_and_its_name_is_never_used_again(tmp_path: Path) -> None:
    store = a_store(tmp_path)
    store.new_agreement("a")
    store.pseudonym_key("a", DOMAIN)
    store.destroy("a", date(2022, 3, 1))
    with pytest.raises(KeyDestroyed):
        store.pseudonym_key("a", DOMAIN)
    with pytest.raises(KeyDestroyed):
        store.new_agreement("a")


def test_an_old_backup_without_its_period_key_gives_no_key(tmp_path: Path) -> None:
    store = a_store(tmp_path)
    store.new_agreement("a")
    store.destroy_period("2022")
    with pytest.raises(KeyUnavailable):
        store.pseudonym_key("a", DOMAIN)


def test_identified_rows_lie_encrypted_and_end_with_their_key(tmp_path: Path) -> None:
    store = a_store(tmp_path / "keys")
    shelf = Shelf(tmp_path / "shelf", store)
    table = pa.table({"name": ["Margaret Example"] * 10})
    dataset = shelf.store(table.to_reader(), Identified)
    assert shelf.open(dataset).read_all() == table
    assert b"Margaret" not in shelf.place(dataset).read_bytes()
    store.destroy(dataset.key_id, date(2022, 3, 1))
    with pytest.raises(KeyDestroyed):
        shelf.open(dataset)


@pytest.mark.parametrize("cut", [1, 30, 200])
def test_a_cut_or_changed_table_does_not_open(tmp_path: Path, cut: int) -> None:
    shelf = Shelf(tmp_path / "shelf", a_store(tmp_path / "keys"))
    dataset = shelf.store(pa.table({"n": list(range(100))}).to_reader(), Identified)
    place = shelf.place(dataset)
    content = place.read_bytes()
    place.write_bytes(content[:-cut])
    with pytest.raises(KeyUnavailable):
        shelf.open(dataset).read_all()
    place.write_bytes(content[:-cut] + bytes([content[-cut] ^ 1]) + content[len(content) - cut + 1 :])
    with pytest.raises(KeyUnavailable):
        shelf.open(dataset).read_all()


def test_a_table_of_parquet_that_is_gone_cut_or_altered_is_not_brought_in(tmp_path: Path) -> None:
    engine = scratch_engine(tmp_path)
    shelf = engine.shelf
    dataset = shelf.store(ROWS.to_reader(), Anonymised)
    with engine.session() as session:
        session.attach("whole", dataset)
        again = session.store(Query("select * from whole order by 1, 2, 3, 4, 5", ("whole",)), Anonymised)
        session.attach("sorted", again)
        assert session.store(Query("select * from sorted order by 1, 2, 3, 4, 5", ("sorted",)), Anonymised) == again
    place = shelf.place(dataset)
    content = place.read_bytes()
    place.write_bytes(content[:-20])
    with engine.session() as session, pytest.raises(NotSealed):
        session.attach("cut", dataset)
    for column in ROWS.schema.names:
        other = ROWS.column(column).take(pa.array([1, 0, *range(2, len(ROWS))]))
        pq.write_table(ROWS.set_column(ROWS.schema.get_field_index(column), column, other), place, store_schema=False)
        with engine.session() as session, pytest.raises(NotSealed):
            session.attach("altered", dataset)
    place.write_bytes(content)
    with engine.session() as session:
        session.attach("restored", dataset)
    place.unlink()
    with engine.session() as session, pytest.raises(UnreadableFile, match="missing from the shelf"):
        session.attach("gone", dataset)


def test_every_changed_character_and_every_swap_of_neighbours_is_caught() -> None:
    text = plain_pseudonym(KEY, DOMAIN, "9434765919")
    assert len(text) == 27
    assert is_well_formed(text)
    for place in range(26):
        for letter in ALPHABET:
            if letter != text[place]:
                assert not is_well_formed(text[:place] + letter + text[place + 1 :])
    for place in range(25):
        if text[place] != text[place + 1]:
            assert not is_well_formed(text[:place] + text[place + 1] + text[place] + text[place + 2 :])


@pytest.mark.parametrize(
    "other",
    [
        ("X", "A", "F", "nhs", 1),
        ("R", "X", "F", "nhs", 1),
        ("R", "A", "X", "nhs", 1),
        ("R", "A", "F", "x", 1),
        ("R", "A", "F", "nhs", 2),
    ],
)
def test_each_part_of_the_domain_changes_the_key(other: tuple[str, str, str, str, int]) -> None:
    secret, pepper = Secret(b"s" * 32), Secret(b"p" * 32)
    assert domain_key(secret, pepper, DOMAIN).reveal() != domain_key(secret, pepper, PseudonymDomain(*other)).reveal()
