"""The house: import contracts, street doors, docstrings."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

from cld import errors

ROOT = Path(__file__).parents[2]
ROOMS = ("cld", "audit", "collection", "linkage", "disclosure", "keys", "policies", "extracts", "api", "synthetic")
STREET_DOORS = ("collection/give_back.py", "extracts/release.py", "keys/reidentify.py")
SERVICE_PORTS = ("extracts/opt_outs/mesh.py", "linkage/encoded/exchange.py")
"""Ports that carry identifiers to do their work. Tracing by MESH or PDS and backup are not built."""
PORT_CALLERS = {
    "MeshFolder": {"api/workspace/wiring.py"},
    "hold_back": {"extracts/build.py"},
    "encode_file": {"api/commands/linkage.py"},
}
NETWORK = {"socket", "ssl", "http", "urllib", "httpx", "requests", "aiohttp", "smtplib", "ftplib", "paramiko", "grpc"}
CALLERS = {
    "seal_folder": {"extracts/release.py"},
    "give_back": {"api/house/house.py"},
    "reidentify": {"api/house/reidentification.py"},
}


def modules_marked(words: str) -> set[str]:
    """Return the modules whose first sentence holds these words."""
    return {path.relative_to(ROOT).as_posix() for path in modules() if words in path.read_text("utf-8").split(".")[0]}


def callers_of(names: set[str]) -> dict[str, set[str]]:
    """Return, for each function, the modules that call it by name."""
    found: dict[str, set[str]] = {name: set() for name in names}
    for path in modules():
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in found:
                found[node.func.id].add(path.relative_to(ROOT).as_posix())
    return found


def modules() -> list[Path]:
    return [path for room in ROOMS for path in sorted((ROOT / room).rglob("*.py"))]


def test_imports_run_downwards_only() -> None:
    found = subprocess.run(
        [Path(sys.executable).parent / "lint-imports"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert found.returncode == 0, found.stdout


def test_every_public_name_has_a_docstring_and_types() -> None:
    faults = []
    for path in modules():
        tree = ast.parse(path.read_text("utf-8"))
        if not ast.get_docstring(tree):
            faults.append(f"{path}: module")
        for node in tree.body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
                if not ast.get_docstring(node):
                    faults.append(f"{path}: {node.name}")
                if isinstance(node, ast.FunctionDef) and (
                    node.returns is None or any(a.annotation is None for a in node.args.args)
                ):
                    faults.append(f"{path}: types of {node.name}")
    assert not faults


def test_there_are_three_street_doors_and_each_is_called_where_it_is_known_to_be() -> None:
    """Re-identification is called from one desk; policy keeps it off unless a legal basis is on record."""
    assert modules_marked("street door") == set(STREET_DOORS)
    assert callers_of(set(CALLERS)) == CALLERS


def test_service_ports_are_a_closed_list_and_each_is_called_where_it_is_known_to_be() -> None:
    assert modules_marked("service port") == set(SERVICE_PORTS)
    assert callers_of(set(PORT_CALLERS)) == PORT_CALLERS


NETWORK_CALLERS = {"api/workspace/witness_client.py", "api/life/post.py"}
"""The first sends hashes and signatures of the log to witnesses, the second mail without content; nothing else leaves."""


def test_no_room_can_reach_a_network_but_where_it_is_known_to() -> None:
    """A port that sends identifiers to another service would need one of these; the first to do so is named here."""
    reached = set()
    for path in modules():
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            reached |= {path.relative_to(ROOT).as_posix() for name in names if name.split(".")[0] in NETWORK}
    assert reached == NETWORK_CALLERS


def test_nothing_speaks_of_publishing_outside_policy() -> None:
    names = {
        node.name
        for path in modules()
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.FunctionDef)
    }
    assert not [name for name in names if "publish" in name]


def test_the_house_passes_its_own_checks() -> None:
    """Formatting, lint rules and strict types, as make check runs them."""
    folder = Path(sys.executable).parent
    for command in (["ruff", "format", "--check", "."], ["ruff", "check", "."], ["mypy"]):
        found = subprocess.run(
            [folder / command[0], *command[1:]], cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert found.returncode == 0, found.stdout


def test_every_public_error_has_a_code_of_its_own() -> None:
    codes = [
        error.code for error in vars(errors).values() if isinstance(error, type) and issubclass(error, errors.CLDError)
    ]
    assert len(codes) == len(set(codes))
