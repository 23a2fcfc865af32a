"""The package as an RO-Crate 1.3: what it holds, where it is from, and each approval and check as an action.

People stand in it by their office and the fingerprint of the key that they signed with, never by name.
Source: RO-Crate 1.3.0; action types after the Five Safes RO-Crate profile 0.4, whose conformance is not claimed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["crate_json"]

CONTEXT = "https://w3id.org/ro/crate/1.3/context"
CONFORMS_TO = "https://w3id.org/ro/crate/1.3"
DONE = {"@id": "http://schema.org/CompletedActionStatus"}
FIVE_SAFES = "https://w3id.org/shp#"
MEDIA = {"json": "application/json", "html": "text/html", "csv": "text/csv", "parquet": "application/vnd.apache.parquet",
         "py": "text/x-python", "R": "text/x-r", "sql": "application/sql", "txt": "text/plain"}  # fmt: skip
WORDS = {
    "datapackage.json": "Dictionary for programs (Data Package v2)",
    "dictionary.csv": "Dictionary for people",
    "code-lists.csv": "Values of coded columns",
    "disclosure-statement.html": "How people are protected in these data",
    "disclosure-statement.json": "How people are protected in these data, for programs",
    "linkage-statement.html": "How surely people were linked",
    "linkage-statement.json": "How surely people were linked, for programs",
    "LICENCE.txt": "Licence of use",
    "CHANGES.txt": "What changed since the last delivery",
    "README.html": "First page",
    "release.json": "Facts of the release",
}
Entity = dict[str, Any]


def crate_json(
    facts: Mapping[str, Any],
    released_on: str,
    files: Mapping[str, int],
    ancestry: Sequence[tuple[str, str, Sequence[Sequence[str]]]],
) -> bytes:
    """Return the crate's description.

    Shape:  ``files`` gives each payload file its bytes; ``ancestry`` each sealed document its kind, digest and sign-offs.
    """
    root: Entity = {
        "@id": "./",
        "@type": "Dataset",
        "name": f"Extract {facts['name']}",
        "description": f"Client-level adult social care data, {facts['form']}, for {facts['recipient']} under agreement "
        f"{facts['agreement']}, {facts['period'][0]} to {facts['period'][1]}.",
        "datePublished": released_on,
        "identifier": {"@id": "#release-number"},
        "audience": {"@id": "#recipient"},
        "license": {"@id": "LICENCE.txt"},
        "conditionsOfAccess": "For the recipient alone, for the purposes and dates of its agreement; never to be published.",
        "temporalCoverage": f"{facts['period'][0]}/{facts['period'][1]}",
        "publisher": {"@id": "#house"},
        "hasPart": [{"@id": name} for name in sorted(files)],
    }
    actions = _actions(ancestry)
    root["mentions"] = [{"@id": action["@id"]} for action in actions if "Action" in str(action["@type"])]
    graph: list[Entity] = [
        {
            "@id": "ro-crate-metadata.json",
            "@type": "CreativeWork",
            "conformsTo": {"@id": CONFORMS_TO},
            "about": {"@id": "./"},
        },
        root,
        {
            "@id": "#house",
            "@type": "Organization",
            "name": "The body that released this extract",
        },
        {"@id": "#recipient", "@type": "Organization", "name": str(facts["recipient"])},
        {"@id": "#release-number", "@type": "PropertyValue", "name": "release number", "value": str(facts["name"])},
        {**DONE, "@type": "ActionStatusType", "name": "completed"},
        *(_file(name, n_bytes) for name, n_bytes in sorted(files.items())),
        *actions,
    ]
    return json.dumps({"@context": CONTEXT, "@graph": graph}, indent=1, sort_keys=True).encode() + b"\n"


def _file(name: str, n_bytes: int) -> Entity:
    kind = name.rpartition(".")[2]
    made: Entity = {"@id": name, "@type": "File", "name": WORDS.get(name, name), "contentSize": str(n_bytes)}
    made["description"] = WORDS.get(name, f"File {name} of the extract")
    if name == "LICENCE.txt":
        made["@type"] = ["File", "CreativeWork"]
    made["encodingFormat"] = MEDIA.get(kind, "text/plain")
    return made


ACTS = {
    "ApprovedPlan": ("SignOff", "Approval of application, plan and policy's decision by two people", "SignOff"),
    "CandidateExtract": ("Build", "Building of the extract from the approved plan and the linked data", ""),
    "CheckedExtract": (
        "DisclosureCheck",
        "Disclosure check against the profile and all earlier releases",
        "DisclosureCheck",
    ),
    "SignedRelease": ("Release", "Release signed by two people", "SignOff"),
}


def _actions(ancestry: Sequence[tuple[str, str, Sequence[Sequence[str]]]]) -> list[Entity]:
    made: list[Entity] = []
    for kind, digest, signs in ancestry:
        if kind not in ACTS:
            continue
        short, words, five_safes = ACTS[kind]
        agents = [_agent(kind, sign[2]) for sign in signs]
        action: Entity = {
            "@id": f"#{short.lower()}-{digest[:16]}" if digest else f"#{short.lower()}",
            "@type": "AssessAction" if five_safes else "CreateAction",
            "name": words,
            "description": f"{words}; sealed document {digest}." if digest else f"{words}.",
            "actionStatus": DONE,
            "object": {"@id": "./"},
            "result": {"@id": "disclosure-statement.json" if short == "DisclosureCheck" else "datapackage.json"},
            "instrument": {"@id": "#caregate"},
            "agent": [{"@id": agent["@id"]} for agent in agents] or {"@id": "#house"},
        }
        if five_safes:
            action["additionalType"] = {"@id": f"{FIVE_SAFES}{five_safes}"}
        made += [action, *agents]
    made.append(
        {
            "@id": "#caregate",
            "@type": "SoftwareApplication",
            "name": "Caregate",
            "version": "1",
            "url": "urn:caregate",
        }
    )
    return list({one["@id"]: one for one in made}.values())


def _agent(kind: str, public_key: str) -> Entity:
    office = "releaser" if kind == "SignedRelease" else "approver"
    fingerprint = hashlib.sha256(bytes.fromhex(public_key)).hexdigest()[:16]
    return {"@id": f"#{office}-{fingerprint}", "@type": "Person", "name": f"{office} whose key is {fingerprint}"}
