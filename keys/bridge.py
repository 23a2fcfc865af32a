"""The bridge of a rotation: for each pseudonym that a recipient holds, the one that follows it; made by recomputing.

No table of pseudonyms is kept, so a bridge is recomputed from the identifiers, under a version that was active once. It is
made by a build alone and leaves inside its package. Its rows are in the order of the old pseudonyms, which says nothing.
"""

from __future__ import annotations

from cld.engine import Query, Session, quote
from keys.derivation import PseudonymDomain, Secret
from keys.pseudonym import PseudonymForm, pseudonym_table

__all__ = ["BRIDGE_COLUMNS", "bridge"]

BRIDGE_COLUMNS = ("old_pseudonym", "new_pseudonym")


def bridge(
    session: Session, persons: str, held: str, key: Secret, old: PseudonymDomain, form: PseudonymForm = PseudonymForm.TEXT
) -> Query:  # fmt: skip
    """Return the query of a bridge from an earlier version of a domain.

    Shape:  in ``persons`` (identifier, pseudonym) with the new pseudonyms, ``held`` (pseudonym) with the old ones that the
            recipient holds; out one row for each person of both x (old_pseudonym, new_pseudonym).
    Order:  by old pseudonym.
    """
    name = f"bridge_old_{old.version}"
    pseudonym_table(session, name, persons, "identifier", key, old, form)
    text = f"""
        select o.pseudonym as old_pseudonym, n.pseudonym as new_pseudonym
        from {quote(name)} o join {quote(persons)} n using (identifier)
        where o.pseudonym in (select pseudonym from {quote(held)})
        order by old_pseudonym
    """  # noqa: S608 - names quoted
    return Query(text, (name, persons, held), columns=BRIDGE_COLUMNS)
