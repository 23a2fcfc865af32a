"""The person index in the form that linkage reads: standardised names, every address and name a person had."""

from __future__ import annotations

from pathlib import Path

from cld.engine import Query, Session

__all__ = ["attach_index", "standard_name"]


def standard_name(column: str) -> str:
    """Return SQL that folds a name: accents off, upper case, letters alone; blank becomes null."""
    return f"nullif(regexp_replace(upper(strip_accents({column})), '[^A-Z]', '', 'g'), '')"


def standard_postcode(column: str) -> str:
    """Return SQL that folds a postcode: upper case, no spaces; blank becomes null."""
    return f"nullif(replace(upper({column}), ' ', ''), '')"


def attach_index(session: Session, path: Path) -> None:
    """Make the tables ``person_index`` (one row a number, with the number that replaced it) and ``person_faces``.

    ``person_faces`` has a row for each current person and each name or address that person had, so that a changed
    surname or a move does not hide anyone.
    """
    session.read_file("index_file", path)
    text = f"""
        select nhs_number, coalesce(superseded_by, nhs_number) as person_id, superseded_by is not null as superseded,
            {standard_name("given_name")} as given, {standard_name("family_name")} as family,
            {standard_name("previous_family_name")} as previous_family, date_of_birth as birth, sex,
            {standard_postcode("postcode")} as postcode, {standard_postcode("previous_postcode")} as previous_postcode,
            gp_practice_code, registered_ccg, date_of_death, sensitive
        from index_file
        order by nhs_number
    """  # noqa: S608 - constant columns
    session.table("person_index", Query(text, ("index_file",)))
    session.drop("index_file")
    faces = """
        select person_id, given, family, previous_family, birth, sex, postcode, previous_postcode
        from person_index where not superseded
        order by person_id
    """
    session.table("person_faces", Query(faces, ("person_index",)))
