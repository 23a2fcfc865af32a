"""Published vectors in their own formats: name = value lines in blocks, and Wycheproof's JSON."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[1] / "data" / "keys"
LINE = re.compile(r"^(\w+)[ \t]*=[ \t]*(.*?)[ \t\r]*$", re.MULTILINE)


def text_of(name: str) -> str:
    """Read a file of vectors, compressed or not."""
    content = (FOLDER / name).read_bytes()
    return (gzip.decompress(content) if name.endswith(".gz") else content).decode()


def blocks(name: str, first: str) -> list[dict[str, str]]:
    """Return the blocks of a file, each beginning at a line ``first = ...``, as name to value."""
    parts = re.split(rf"^(?={first}\s*=)", text_of(name), flags=re.MULTILINE)[1:]
    return [dict(LINE.findall(part)) for part in parts]


def wycheproof(name: str) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Yield each case of a Wycheproof file with its group."""
    for group in json.loads(text_of(name))["testGroups"]:
        for case in group["tests"]:
            yield group, case
