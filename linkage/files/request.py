"""What a run on files is asked for beside the files themselves."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from linkage.prepare.keyhash import PLAIN, KeyHash

__all__ = ["Request"]


@dataclass(frozen=True, slots=True)
class Request:
    """What a run is asked for beside its files."""

    out: Path
    column_map: Path | None = None
    threshold_bits: float | None = None
    truth: Path | None = None
    model: Path | None = None
    index: Path | None = None
    many: bool = False
    report: Path | None = None
    answers: Path | None = None
    previous_index: Path | None = None
    hashed: KeyHash = PLAIN
