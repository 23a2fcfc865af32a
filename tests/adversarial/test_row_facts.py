"""Rows that are not what the plan promised, or documents that do not say: neither a release nor a collection goes through."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from audit.journal import Event
from cld.errors import PolicyRefused
from cld.journey import CheckedExtract, Document, DocumentKind, SignedRelease
from extracts.release import collect
from tests.lib.journey import OpenJourney

OWN = "own population, tested"


def sealed_without(
    journey: OpenJourney, kind: DocumentKind, changes: dict[str, Any], parents: tuple[str, ...]
) -> Document:
    """Seal a document of the journey again, over other parents, with parts of its body changed."""
    held = journey.space.journal.load(journey.documents[kind.value])
    assert held is not None
    document = Document(kind, parents or held.parents, {**held.body, **changes})
    action = {DocumentKind.CANDIDATE_EXTRACT: "build", DocumentKind.CHECKED_EXTRACT: "check"}[kind]
    details = {"application": journey.request.application.reference}
    journey.space.journal.seal(document, Event(action, "operator", "operator", details))
    return document


def test_an_extract_with_others_people_or_whose_build_did_not_count_is_neither_released_nor_collected(
    journey: OpenJourney,
) -> None:
    signed, path = journey.release()
    told = journey.checked.document.body["judged_against"]
    as_if_held = {"judged_against": {code: n_releases + 1 for code, n_releases in told.items()}}
    for counted in ({"n_not_own": 1}, {"n_not_own": None}, {}):
        candidate = sealed_without(journey, DocumentKind.CANDIDATE_EXTRACT, {"counted_on_rows": counted}, ())
        checked = sealed_without(journey, DocumentKind.CHECKED_EXTRACT, as_if_held, (candidate.digest,))
        with pytest.raises(PolicyRefused, match=OWN):
            replace(journey, checked=CheckedExtract(checked)).release()
    space = journey.space
    other = Document(DocumentKind.SIGNED_RELEASE, (checked.digest,), signed.document.body)
    space.journal.seal(other, Event("sealed by somebody", "operator", "operator", {"application": "none"}))
    given: dict[str, Any] = {
        "people": space.people(), "today": space.clock.today(), "journal": space.journal, "folder": path.parent,
    }  # fmt: skip
    with pytest.raises(PolicyRefused, match=OWN):
        collect(SignedRelease(other), "somebody", **given)
    assert collect(signed, journey.request.application.applicant, **given) == path
