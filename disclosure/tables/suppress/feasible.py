"""Whether there is a safe pattern at all: with every cell hidden that may be, every need must be met."""

from __future__ import annotations

import numpy as np

from disclosure.tables.programmes import refuse_without_answer
from disclosure.tables.suppress.part import Part
from disclosure.tables.suppress.pattern import Unprotectable
from disclosure.tables.suppress.safety import Auditor

__all__ = ["require_protectable"]


def require_protectable(whole: Part) -> None:
    """Refuse a table, naming its cells, if some need is unmet even with everything hidden.

    Hiding more never takes from the attacker's room, so that such a need is met by no pattern.
    Raises: Unprotectable; DisclosureRefused if the solver ends without an answer where it would decide.
    """
    auditor = Auditor(whole)
    unmet = auditor.unmet(np.ones(whole.n_cells, dtype=bool))
    if not unmet:
        return
    if auditor.n_failed:
        refuse_without_answer()
    raise Unprotectable(np.unique(whole.cells[[need.cell for need in unmet]]))
