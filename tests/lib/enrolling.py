"""A recipient's key enrolled in a workspace, with both proofs, as a body does it."""

from __future__ import annotations

import tempfile
from pathlib import Path

from api.workspace.wiring import Workspace
from audit.sealing import key_fingerprint, open_seal, public_key_of
from extracts.recipients import enrol_key, offer_key, recipient_keys


def enrol(space: Workspace, body_code: str, secret: str, *, retire: tuple[str, ...] = (), old: str = "") -> str:
    """Enrol the key that belongs to a secret, unless it is enrolled; ``old`` answers for a key that is there. Returns the key."""
    key = public_key_of(secret)
    if key in recipient_keys(body_code, space.journal).enrolled:
        return key
    secrets = {key: secret} | ({public_key_of(old): old} if old else {})
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        files = offer_key(body_code, key, journal=space.journal, entropy=space.entropy, actor="officer", folder=folder)
        answers = {}
        for one, path in files.items():
            open_seal(path, secrets[one], folder / "plain")
            answers[one] = (folder / "plain").read_text()
    enrol_key(
        body_code, key, answers=answers, spoken_fingerprint=key_fingerprint(key), journal=space.journal, actor="officer",
        people=space.people(), retire=retire,
    )  # fmt: skip
    return key
