"""Join the parts of ``audit.verifying`` into the one file ``verify.py``: imports first, then each part as it is written."""

from __future__ import annotations

import ast
from functools import cache
from importlib.resources import files

__all__ = ["one_file"]

PARTS = (
    "outcome", "encoding", "trust", "manifest", "statement", "merkle", "logproof", "pseudonyms", "tables", "checks",
    "command",
)  # fmt: skip
HEAD = '''"""Verify an opened package, offline: python verify.py FOLDER --trust POLICY [--on DATE] [--last-seen CHECKPOINT].

Needs Python 3.11 and the package cryptography (48 or newer), nothing of Caregate. Get this file and the trust policy by
another road than the package: a program that came with what it judges proves nothing. Fourteen checks, each passed,
failed with a reason, or not possible and why; exit status 0 when the package is authentic and whole, 6 when it is not.
"""

from __future__ import annotations

'''
TAIL = '\n\nif __name__ == "__main__":\n    sys.exit(main(sys.argv[1:]))\n'


@cache
def one_file() -> str:
    """Return the text of ``verify.py``; the same parts give the same text."""
    plain: set[str] = set()
    taken: dict[str, set[str]] = {}
    bodies = []
    for part in PARTS:
        source = files("audit").joinpath("verifying", f"{part}.py").read_text("utf-8")
        bodies.append(_body(source, plain, taken))
    imports = [
        *sorted(plain),
        *(f"from {module} import {', '.join(sorted(names))}" for module, names in sorted(taken.items())),
    ]
    return HEAD + "\n".join(imports) + "\n\n\n" + "\n\n\n".join(bodies) + TAIL


def _body(source: str, plain: set[str], taken: dict[str, set[str]]) -> str:
    """Return what follows the imports of a part, and gather the imports of others' modules."""
    lines, start = source.splitlines(), 0
    for node in ast.parse(source).body:
        match node:
            case ast.Import(names=names):
                plain.update(f"import {alias.name}" for alias in names)
            case ast.ImportFrom(module=str(module), names=names):
                if module != "__future__" and not module.startswith("audit."):
                    taken.setdefault(module, set()).update(alias.name for alias in names)
            case ast.Assign(targets=[ast.Name(id="__all__")]) | ast.Expr(value=ast.Constant()) if start == 0:
                continue
            case _:
                start = start or node.lineno - len(getattr(node, "decorator_list", ()))
    return "\n".join(lines[start - 1 :]).strip("\n")
