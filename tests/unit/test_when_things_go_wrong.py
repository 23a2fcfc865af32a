"""The page of what can go wrong with keys names a test for each line, and every test named there exists."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "methods" / "keys.md"
ASKED = (
    "wrong passphrase", "missing token", "full disk in a rotation", "half a ceremony", "a share given twice", "clock set back",
    "expired agreement", "unknown key version", "a package cut short", "two packages with one release number",
)  # fmt: skip


def rows() -> list[list[str]]:
    section = PAGE.read_text("utf-8").split("## 9. When things go wrong")[1]
    lines = [line for line in section.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[1:]]


def known_tests() -> set[str]:
    return {
        node.name
        for path in (ROOT / "tests").rglob("test_*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    }


def test_each_line_names_tests_that_exist() -> None:
    known = known_tests()
    for what, happens, named in rows():
        names = re.findall(r"`(test_\w+)`", named)
        assert happens, what
        assert names, what
        assert set(names) <= known, what


def test_nothing_that_must_be_there_is_missing() -> None:
    told = [row[0] for row in rows()]
    assert [what for what in ASKED if not any(line.startswith(what) for line in told)] == []
