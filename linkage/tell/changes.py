"""What changed since the last delivery, council by council: whose link stayed, came, moved or went.

The earlier linkage is the last one of the log. A number that was replaced by another of the same person is no change.

Source: GUILD (Gilbert et al. 2018): how linkage changed between versions of linked data.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from audit.journal import Journal
from cld.engine import Query, Session
from cld.errors import TrustError, UnreadableFile
from cld.journey import DocumentKind, LinkedDataset

__all__ = ["CHANGES", "changes_since", "earlier_linked"]

CHANGES = (
    "kept", "newly linked", "linked to another", "no longer linked", "still not linked", "new and linked",
    "new and not linked", "no longer sent",
)  # fmt: skip
COMPARED = """
    with side_by_side as (
        select coalesce(n.la_code, b.la_code) as la_code, n.la_code is not null as is_now, b.la_code is not null as was_before,
            n.person_id as now_id, coalesce(i.person_id, b.person_id) as before_id
        from links n full join earlier_links b on b.la_code = n.la_code and b.person_ref = n.person_ref
        left join person_index i on i.nhs_number = b.person_id
    ), told as (
        select la_code, case when not is_now then 'no longer sent'
            when not was_before then case when now_id is null then 'new and not linked' else 'new and linked' end
            when now_id is null then case when before_id is null then 'still not linked' else 'no longer linked' end
            when before_id is null then 'newly linked' when before_id = now_id then 'kept' else 'linked to another' end as change
        from side_by_side
    )
    select la_code, change, count(*) from told group by all order by all
"""


def earlier_linked(journal: Journal) -> LinkedDataset | None:
    """Return the last linked data of the log."""
    leaves = [json.loads(leaf) for leaf in journal.leaves() if b'"link"' in leaf]
    digests = [leaf["document"] for leaf in leaves if leaf["action"] == "link"]
    document = journal.load(digests[-1]) if digests else None
    return None if document is None or document.kind is not DocumentKind.LINKED_DATASET else LinkedDataset(document)


def changes_since(
    session: Session, earlier: LinkedDataset | None, submissions: Sequence[str], *, mark: str, model: object
) -> dict[str, object]:
    """Compare ``links`` x (la_code, person_ref, person_id) with those of an earlier linkage and count by council.

    ``submissions``, ``mark`` and ``model`` are what these links rest on, to say what else is not as it was.
    Nulls: person_id is null for a record that is not linked. Where the earlier rows cannot be opened the reason is told.
    """
    if earlier is None:
        return {"compared": False, "reason": "this is the first delivery"}
    try:
        session.attach("earlier_links", earlier.links)
    except (TrustError, UnreadableFile):
        return {"compared": False, "reason": "the rows of the earlier delivery can no longer be opened"}
    body = earlier.document.body
    by_council: dict[str, dict[str, int]] = {}
    for la_code, change, n in session.rows(Query(COMPARED, ("links", "earlier_links", "person_index"))):
        by_council.setdefault(str(la_code), dict.fromkeys(CHANGES, 0))[str(change)] = int(n)
    return {
        "compared": True,
        "earlier": earlier.document.digest,
        "n_new_submissions": len(set(submissions) - set(earlier.document.parents)),
        "index_changed": mark != body["index"]["mark"],
        "model_changed": model != body["model"],
        "by_council": by_council,
    }
