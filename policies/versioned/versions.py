"""The versions of the policies, side by side by the day from which they hold; one that does not check is refused.

Layout: ``<instrument>/<effective from>/`` with ``policies.cedar``, ``schema.cedarschema``, ``annex3.json``,
``instruments.json``, ``properties.json``, ``cases/`` in the file format of Cedar's own command line, and ``manifest.json``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache, cached_property
from pathlib import Path

from cld.errors import UnknownSpecification, UntrustedPolicy
from policies.versioned.annex3 import Annex3, read_annex3
from policies.versioned.instruments import InstrumentRecord, read_instruments
from policies.versioned.manifest import Manifest, files_of, read_manifest, require_signed, trusted_signers
from policies.versioned.parsed import ParsedPolicies, parse_policies
from policies.words import Instrument

__all__ = ["SHIPPED", "Version", "all_versions", "latest_version", "load_version", "version_by_digest", "version_on"]

SHIPPED = Path(__file__).parent.parent


@dataclass(frozen=True)
class Version:
    """One version of one instrument's policies, checked and parsed."""

    manifest: Manifest
    files: Mapping[str, bytes]
    policies: ParsedPolicies
    annex3: Annex3
    instruments: tuple[InstrumentRecord, ...]

    @property
    def digest(self) -> str:
        """The digest of its manifest."""
        return self.manifest.digest

    @cached_property
    def policies_text(self) -> str:
        """The policies as written."""
        return self.files["policies.cedar"].decode()

    @cached_property
    def schema_text(self) -> str:
        """The schema as written."""
        return self.files["schema.cedarschema"].decode()

    @cached_property
    def properties_text(self) -> str:
        """The properties that are proved of it, as JSON."""
        return self.files["properties.json"].decode()

    def __hash__(self) -> int:
        """Hash by digest."""
        return hash(self.digest)

    def __eq__(self, other: object) -> bool:
        """Two versions of one digest are one."""
        return isinstance(other, Version) and self.digest == other.digest


def load_version(folder: Path, signers: Mapping[str, str] | None) -> Version:
    """Read a version; without signers it is read as a draft, its manifest and signatures unread.

    Raises: UntrustedPolicy if its manifest, its signatures or its policies do not check.
    """
    files = files_of(folder)
    name = f"{folder.parent.name}, {folder.name}"
    if signers is None:
        digests = {path: "" for path in files}
        manifest = Manifest(folder.parent.name, date.fromisoformat(folder.name), None, None, digests, ())
    else:
        manifest = read_manifest(folder)
        require_signed(folder, files, manifest, signers)
    policies = parse_policies(name, _text(name, files, "policies.cedar"), _text(name, files, "schema.cedarschema"))
    annex3, instruments = read_annex3(name, files["annex3.json"]), read_instruments(name, files["instruments.json"])
    return Version(manifest, files, policies, annex3, instruments)


def _text(name: str, files: Mapping[str, bytes], file: str) -> str:
    try:
        return files[file].decode()
    except UnicodeDecodeError as fault:
        message = f"The policies of {name} are refused: {file} is no UTF-8 text."
        raise UntrustedPolicy(message) from fault


@cache
def all_versions(root: Path = SHIPPED) -> tuple[Version, ...]:
    """Return every version below a folder, each checked, in order of instrument and day.

    Raises: UntrustedPolicy if one does not check, or two hold on the same day.
    """
    signers = trusted_signers(root)
    folders = sorted(path.parent for path in root.glob("*/*/policies.cedar"))
    versions = tuple(load_version(folder, signers) for folder in folders)
    for earlier, later in zip(versions, versions[1:], strict=False):
        if earlier.manifest.instrument == later.manifest.instrument:
            _require_in_turn(earlier.manifest, later.manifest)
    return versions


def _require_in_turn(earlier: Manifest, later: Manifest) -> None:
    """Hold two versions that follow each other against overlap, and against a successor that the first does not name."""
    names = f"{earlier.instrument}, {earlier.effective_from} and {later.effective_from}"
    if earlier.effective_to is None or earlier.effective_to >= later.effective_from:
        message = f"The policies of {names} are refused: both hold on one day."
        raise UntrustedPolicy(message, "End the earlier version on the day before the later begins, and sign it again.")
    if earlier.superseded_by != later.effective_from:
        message = f"The policies of {names} are refused: the earlier does not name the later as its successor."
        raise UntrustedPolicy(message, "Name it in the manifest, and sign it again.")


def version_on(day: date, instrument: str = Instrument.DIRECTION_2020.value, root: Path = SHIPPED) -> Version:
    """Return the version of the day of a decision; for a day before the first, the first, which refuses that day.

    Raises: UnknownSpecification for a day that no version holds: nothing is decided by the policies of another day.
    """
    held = [version for version in all_versions(root) if version.manifest.instrument == instrument]
    for version in held:
        end = version.manifest.effective_to
        if version.manifest.effective_from <= day and (end is None or day <= end):
            return version
    if held and day < held[0].manifest.effective_from:
        return held[0]
    message = f"No policies of {instrument} hold on {day.isoformat()}."
    raise UnknownSpecification(message, "Have a version for that day signed.")


def version_by_digest(digest: str, root: Path = SHIPPED) -> Version:
    """Return the version that a stored decision was taken under.

    Raises: UnknownSpecification if it is not held.
    """
    for version in all_versions(root):
        if version.digest == digest:
            return version
    message = "The version of the policies that this decision was taken under is not held."
    raise UnknownSpecification(message, "Restore its folder.")


def latest_version(root: Path = SHIPPED) -> Version:
    """Return the version that holds last of the 2020 Direction."""
    return version_on(max(one.manifest.effective_from for one in all_versions(root)), root=root)
