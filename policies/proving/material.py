"""What proofs are made over: the parts of one version, signed or a draft, or a policy file beside the shipped rest."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from cld.errors import UnknownSpecification, UnreadableFile
from policies.proving.cases import Case, read_cases
from policies.proving.policy_set import PolicySet, read_policy_set
from policies.proving.properties import Property, read_properties
from policies.proving.words import Words
from policies.versioned.manifest import MANIFEST
from policies.versioned.versions import all_versions, latest_version

__all__ = ["CASES", "Material", "open_material"]

CASES = "cases/"


@dataclass(frozen=True)
class Material:
    """The files of a version by name, read as proofs need them; ``folder`` is where it lies, if it was given."""

    name: str
    files: Mapping[str, bytes]
    folder: Path | None = None

    def text(self, name: str) -> str:
        """Return a file as text.

        Raises: UnreadableFile if it is missing or no text.
        """
        try:
            return self.files[name].decode()
        except (KeyError, UnicodeDecodeError) as fault:
            message = f"{name} of the policies is missing, or is no UTF-8 text."
            raise UnreadableFile(message, "Give the folder of a version.") from fault

    @cached_property
    def policies(self) -> PolicySet:
        """The policies under their schema."""
        return read_policy_set(self.text("policies.cedar"), self.text("schema.cedarschema"))

    @cached_property
    def properties(self) -> tuple[Property, ...]:
        """The properties that are proved of it."""
        return read_properties(self._json("properties.json"))

    @cached_property
    def words(self) -> Words:
        """The words of its facts; a version without them is told by names."""
        return Words(self._json("facts.json") if "facts.json" in self.files else {})

    @cached_property
    def cases(self) -> list[Case]:
        """The cases that its policies must pass."""
        held = {name.removeprefix(CASES): self.text(name) for name in self.files if name.startswith(CASES)}
        return read_cases(held, self.policies.schema)

    def _json(self, name: str) -> Any:  # noqa: ANN401 - any JSON value
        try:
            return json.loads(self.text(name))
        except ValueError as fault:
            message = f"{name} of the policies is no JSON."
            raise UnreadableFile(message, "Restore it from its version.") from fault


def open_material(where: str | None) -> Material:
    """Open the latest version, or the one that ``where`` names: its first day, its folder, or a policy file.

    A version that is shipped is held to its manifest. A folder is read as it lies, signed or not, so that a draft can
    be judged before anyone signs it. What stands beside a policy file counts, and the rest is the latest version's.
    Raises: UnknownSpecification if there is no such version; UnreadableFile for what cannot be read;
        UntrustedPolicy if a shipped version does not check.
    """
    if where is None:
        found = latest_version()
        return Material(f"{found.manifest.instrument}, {found.manifest.effective_from}", found.files)
    path = Path(where)
    if path.is_dir():
        return Material(where, _files(path), path)
    if path.is_file():
        beside = {
            name: path.with_name(name)
            for name in ("schema.cedarschema", "properties.json", "facts.json", "annex3.json")
        }
        files = {name: file.read_bytes() for name, file in beside.items() if file.is_file()}
        return Material(where, {**latest_version().files, **files, "policies.cedar": path.read_bytes()})
    for version in all_versions():
        if where in (version.manifest.effective_from.isoformat(), version.digest):
            return Material(where, version.files)
    message = "There is no such version of the policies."
    raise UnknownSpecification(message, "Give its first day, its folder or a policy file.")


def _files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != MANIFEST
    }
