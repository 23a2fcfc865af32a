"""The service port ``opt_outs``: the list of people who object comes in for as long as an extract is built.

It is read into the session of that build alone and goes with it: nothing of it is kept, and nothing goes out to whoever
keeps the list.
"""

from __future__ import annotations

from pathlib import Path

from cld.engine import Session

__all__ = ["read_opt_outs"]


def read_opt_outs(session: Session, path: Path) -> None:
    """Make the table ``opt_outs`` x (nhs_number) from the list as it stands.

    Raises: UnreadableFile if there is no such list: an extract is not built without asking it.
    Source: National Data Opt-out; Direction 6, closing words.
    """
    session.read_file("opt_outs", path)
