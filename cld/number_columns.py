"""NHS numbers a column at a time: the rules of ``cld.nhs_number`` on Arrow columns, for files too large for one value at a time."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from cld.nhs_number import MODULUS, N_DIGITS, NumberFault, placeholders

__all__ = ["cleaned_numbers"]

FAULTS = tuple(fault.value for fault in NumberFault)
NO_FAULT = len(FAULTS)
PLACE = {fault: place for place, fault in enumerate(NumberFault)}
WEIGHTS = np.arange(10, 1, -1, dtype=np.int64)
POWERS_OF_TEN = 10 ** np.arange(9, -1, -1, dtype=np.int64)


def cleaned_numbers(sent: pa.Array, *, synthetic_allowed: bool) -> tuple[pa.Array, pa.Array]:
    """Return numbers without spaces and hyphens, null where one may identify nobody, and the fault, null where there is none.

    Shape:  in n texts as sent; out n cleaned numbers, n faults (blank, invalid, placeholder or range).
    Source: as for NHSNumber.parse; a test holds the two against each other.
    """
    cleaned = sent.cast(pa.string())
    for stripped in (" ", "-"):
        if pc.any(pc.match_substring(cleaned, stripped)).as_py():
            cleaned = pc.replace_substring(cleaned, stripped, "")
    lengths = pc.fill_null(pc.binary_length(cleaned), 0).to_numpy(zero_copy_only=False)
    faults = np.full(len(cleaned), PLACE[NumberFault.INVALID], dtype=np.int8)
    faults[lengths == 0] = PLACE[NumberFault.BLANK]
    whole = lengths == N_DIGITS
    faults[whole] = _faults_of_digits(_digits(cleaned, whole), synthetic_allowed=synthetic_allowed)
    mask = faults == NO_FAULT
    named = pa.DictionaryArray.from_arrays(pa.array(faults, pa.int8(), mask=mask), pa.array(FAULTS, pa.string()))
    return pc.if_else(pa.array(mask), cleaned, pa.scalar(None, pa.string())), named.cast(pa.string())


def _digits(cleaned: pa.Array, whole: npt.NDArray[np.bool_]) -> npt.NDArray[np.uint8]:
    """Return the bytes of the texts that have ten, as differences from the character nought."""
    if not whole.any():
        return np.zeros((0, N_DIGITS), dtype=np.uint8)
    offsets = np.frombuffer(cleaned.buffers()[1], dtype=np.int32)[cleaned.offset : cleaned.offset + len(cleaned) + 1]
    content = np.frombuffer(cleaned.buffers()[2], dtype=np.uint8)
    if whole.all():
        return content[offsets[0] : offsets[-1]].reshape(-1, N_DIGITS) - np.uint8(ord("0"))
    return np.asarray(content[offsets[:-1][whole][:, None] + np.arange(N_DIGITS)] - np.uint8(ord("0")))


def _faults_of_digits(digits: npt.NDArray[np.uint8], *, synthetic_allowed: bool) -> npt.NDArray[np.int8]:
    faults = np.full(len(digits), NO_FAULT, dtype=np.int8)
    total = digits[:, :9].astype(np.int64) @ WEIGHTS
    issued = (4, 6, 7, 9) if synthetic_allowed else (4, 6, 7)
    faults[~np.isin(digits[:, 0], issued)] = PLACE[NumberFault.RANGE]
    faults[(MODULUS - total % MODULUS) % MODULUS != digits[:, 9]] = PLACE[NumberFault.INVALID]
    listed = np.array(sorted(int(value) for value in placeholders()), dtype=np.int64)
    faults[np.isin(digits.astype(np.int64) @ POWERS_OF_TEN, listed)] = PLACE[NumberFault.PLACEHOLDER]
    faults[(digits > 9).any(axis=1)] = PLACE[NumberFault.INVALID]  # noqa: PLR2004 - no digit
    return faults
