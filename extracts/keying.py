"""The key of an extract: its name in the keystore and the one version that every column of it is made with.

The version is taken once, when a build begins; a rotation while it runs changes nothing of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from audit.journal import Journal
from cld.plan import ExtractPlan, Pseudonym
from cld.vocabulary import Form
from extracts.approve import Application
from keys.as_logged import require_as_logged
from keys.derivation import PseudonymDomain, Secret
from keys.pseudonym import PseudonymForm, context_fingerprint, expected_collisions
from keys.store import KeyStore

__all__ = ["PERSON_KIND", "Keying", "is_of_one_release", "key_id_for", "keying_for", "kinds_of", "told_of_pseudonyms"]

PERSON_KIND = "person"


def key_id_for(application: Application, plan: ExtractPlan) -> str:
    """Return the keystore's name of an extract's secret: the agreement's whose pseudonyms it has, or this release's alone.

    Anonymised rows always have a key of one release; pseudonymised rows where the plan says so.
    """
    if is_of_one_release(plan):
        return f"release-{application.reference}"
    return f"agreement-{application.agreement.pseudonyms_of}"


def is_of_one_release(plan: ExtractPlan) -> bool:
    """Say whether pseudonyms hold within one release alone."""
    return plan.form is Form.ANONYMISED or plan.pseudonyms_last == "release"


def kinds_of(plan: ExtractPlan) -> tuple[str, ...]:
    """Return the identifier kinds that a plan keys, in order."""
    derived = [column.derivation for table in plan.tables for column in table.columns]
    return tuple(sorted({derivation.kind for derivation in derived if isinstance(derivation, Pseudonym)}))


def told_of_pseudonyms(n_keyed: int, form: str) -> dict[str, Any]:
    """Return what is told of the pseudonyms of one kind: their form, how many identifiers they stand for, the collisions that
    were to be expected and those there are, which a build holds at none."""
    expected = expected_collisions(n_keyed, PseudonymForm(form))
    return {"form": form, "n_distinct": n_keyed, "expected_collisions": f"{expected:.2g}", "collisions": 0}


@dataclass(frozen=True, slots=True)
class Keying:
    """One version of an extract's key, for every identifier kind."""

    key_id: str
    recipient: str
    agreement: str
    family: str
    version: int
    keys: KeyStore

    def domain(self, kind: str, version: int | None = None) -> PseudonymDomain:
        """Return the domain of an identifier kind, of an earlier version where one is named."""
        return PseudonymDomain(self.recipient, self.agreement, self.family, kind, version or self.version)

    def key(self, kind: str) -> Secret:
        """Return the key of an identifier kind.

        Raises: KeyDestroyed or KeyUnavailable if the version no longer opens.
        """
        return self.keys.pseudonym_key(self.key_id, self.domain(kind))

    def fingerprints(self, plan: ExtractPlan) -> dict[str, str]:
        """Return the public fingerprint of each domain that a plan uses, by identifier kind."""
        return {kind: context_fingerprint(self.domain(kind)) for kind in kinds_of(plan)}


def keying_for(application: Application, plan: ExtractPlan, keys: KeyStore, journal: Journal) -> Keying:
    """Return the key of a new extract, made if it is the agreement's first, in the version that is active.

    Raises: KeyDestroyed; KeyUnavailable if no version is active, or the log knows more of the key than the keystore holds: a
            key whose record is gone is not made anew under its name.
    """
    key_id = key_id_for(application, plan)
    require_as_logged(key_id, keys, journal)
    keys.new_agreement(key_id, of_one_release=is_of_one_release(plan))
    version = keys.active_version(key_id)
    return Keying(key_id, application.body_code, application.agreement.pseudonyms_of, plan.family, version, keys)
