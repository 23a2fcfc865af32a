"""Whose file is this? The agreement whose key made the pseudonyms in a leaked column.

Only one agreement's key gives a person one value, so a value that is computed again over the persons that the house knows
names its agreement. The domain characters, which anybody could imitate, only say which agreements are worth computing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

import numpy as np
import pyarrow as pa

from cld.engine import Session
from cld.errors import KeyDestroyed, KeyUnavailable
from keys.derivation import PseudonymDomain, Secret
from keys.pseudonym import PseudonymForm, check_texts, find_identifiers, form_of

__all__ = ["Answer", "Candidate", "whose_values"]

MADE = "made with this key"
NOT_MADE = "not made with this key"
CANNOT_TELL = "cannot be told"
FIT = "its domain characters fit, and anybody could imitate those"
LEAST_FIT = 0.5  # of another domain one value in 32 fits by chance


@dataclass(frozen=True, slots=True)
class Candidate:
    """A domain that the house made pseudonyms in, the name of its secret, that secret's state, and its key when asked."""

    domain: PseudonymDomain
    key_id: str
    state: str
    key: Callable[[], Secret]
    form: PseudonymForm = PseudonymForm.TEXT


@dataclass(frozen=True, slots=True)
class Answer:
    """What is found of one domain: how many values have its characters, how many were computed again, and what that says."""

    agreement: str
    recipient: str
    family: str
    kind: str
    version: int
    state: str
    n_fit: int
    n_found: int
    verdict: str
    reason: str

    def as_json(self) -> dict[str, object]:
        """Return the answer as a JSON value."""
        return asdict(self)


def whose_values(
    session: Session, texts: pa.Array, candidates: Sequence[Candidate], rows_of: Callable[[str], tuple[str, str]]
) -> tuple[Answer, ...]:
    """Hold the values of a column against every domain.

    Shape:  texts: distinct values without nulls; rows_of gives, for an identifier kind, the table and column that hold the
            identifiers of everybody known.
    """
    bad, _ = check_texts(texts, None)
    numbers = [text for text in texts.to_pylist() if form_of((text,)) is PseudonymForm.BIGINT]
    held = {PseudonymForm.TEXT: texts.filter(pa.array(~bad)), PseudonymForm.BIGINT: pa.array(numbers, pa.string())}
    return tuple(_answer(session, held[candidate.form], candidate, rows_of) for candidate in candidates)


def _answer(
    session: Session, whole: pa.Array, candidate: Candidate, rows_of: Callable[[str], tuple[str, str]]
) -> Answer:
    domain, is_text = candidate.domain, candidate.form is PseudonymForm.TEXT
    fits = ~check_texts(whole, domain)[1] if len(whole) and is_text else np.ones(len(whole), dtype=bool)
    n_fit, n_found = int(fits.sum()), 0
    verdict, reason = NOT_MADE, "its domain characters do not fit" if is_text else "none is a whole number of 64 bits"
    if n_fit > LEAST_FIT * len(whole):
        try:
            key = candidate.key()
            n_found = len(
                find_identifiers(session, *rows_of(domain.kind), key, domain.kind, whole.filter(pa.array(fits)))
            )
            verdict = MADE if n_found else NOT_MADE
            reason = "values computed again over everybody known" if n_found else "nobody known has these values"
        except (KeyDestroyed, KeyUnavailable) as fault:
            verdict, reason = (
                CANNOT_TELL,
                f"{FIT if is_text else 'whole numbers say nothing of a domain'}: {fault.message}",
            )
    return Answer(
        domain.agreement, domain.recipient, domain.family, domain.kind, domain.version, candidate.state, n_fit, n_found, verdict, reason
    )  # fmt: skip
