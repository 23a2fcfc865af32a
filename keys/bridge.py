"""The bridge of a rotation: for each pseudonym that a recipient holds, the one that follows it; made by recomputing.

No table of pseudonyms is kept, so a bridge is recomputed from the identifiers, under the version that was active and the
one that is. It holds only persons whose old pseudonym the recipient was given, and its rows are in the order of the old
pseudonyms, which says nothing.
"""

from __future__ import annotations

from cld.engine import Query, Session
from cld.errors import Conflict
from keys.derivation import PseudonymDomain
from keys.pseudonym import pseudonym_table
from keys.store import KeyStore

__all__ = ["BRIDGE_COLUMNS", "bridge"]

BRIDGE_COLUMNS = ("old_pseudonym", "new_pseudonym")
ROWS = Query(
    """
    select o.pseudonym as old_pseudonym, n.pseudonym as new_pseudonym
    from bridge_old o
    join bridge_new n using (identifier)
    where o.pseudonym in (select pseudonym from delivered)
    order by old_pseudonym
    """,
    ("bridge_old", "bridge_new", "delivered"),
    columns=BRIDGE_COLUMNS,
)


def bridge(
    session: Session, source: str, column: str, key_id: str, old: PseudonymDomain, new: PseudonymDomain, keys: KeyStore
) -> Query:
    """Return the query of a bridge between two versions of a domain.

    Shape:  in ``source`` with the identifier in ``column``, and ``delivered`` (pseudonym) with what the recipient holds;
            out one row for each delivered pseudonym x (old_pseudonym, new_pseudonym).
    Order:  by old pseudonym.
    Raises: KeyDestroyed or KeyUnavailable if one of the versions does not open; Conflict if a delivered pseudonym has no
    identifier in the source.
    """
    pseudonym_table(session, "bridge_old", source, column, keys.pseudonym_key(key_id, old), old)
    pseudonym_table(session, "bridge_new", source, column, keys.pseudonym_key(key_id, new), new)
    lost = session.whole(
        Query(
            "select count(*) from delivered where pseudonym not in (select pseudonym from bridge_old)",
            ("delivered", "bridge_old"),
        )
    )
    if lost:
        message = f"{lost} delivered pseudonyms are of nobody in the source."
        raise Conflict(message, "Give the source that the delivery was built from.")
    return ROWS
