"""A trust policy in words, and what an update of it changes."""

from __future__ import annotations

from typing import Any

from api.house.trust_acts import missing_signers
from audit.note import NoteKey, read_note
from audit.trust import Trust, follow, read_trust
from cld.errors import BadSignature

__all__ = ["changes_of", "facts_of", "words_of"]


def facts_of(text: str) -> dict[str, Any]:
    """Return what a policy, or an update as a signed note, says.

    Raises: InputError if it cannot be read.
    """
    trust = read_trust(_policy_text(text))
    return {
        "policy": trust.number,
        "digest": trust.digest,
        "release_keys": [_key(trust, key) for key in trust.releases],
        "threshold": trust.threshold,
        "log_keys": [_key(trust, log.key) for log in trust.witnessing.logs],
        "witnesses": sorted({one.key.name for one in trust.witnessing.witnesses if one.key not in trust.retired}),
        "quorum": next((g.least for g in trust.witnessing.groups if g.name == trust.witnessing.quorum), 1),
        "update_keys": [key.text() for key in trust.update_keys],
        "withdrawn": dict(trust.withdrawn),
    }


def _policy_text(text: str) -> str:
    """Return the policy's text, of an update without its signatures."""
    try:
        return read_note(text).text
    except BadSignature:
        return text


def _key(trust: Trust, key: NoteKey) -> dict[str, Any]:
    found: dict[str, Any] = {"key": f"{key.name}+{key.key_id.hex()}", "counts_until": trust.retired.get(key)}
    if key in trust.compromised:
        found["stolen_since"] = trust.compromised[key].isoformat()
    return found


def changes_of(held: str, update: str) -> dict[str, Any]:
    """Return whether an update may succeed a policy, and who must still sign it."""
    old, missing = read_trust(_policy_text(held)), tuple[NoteKey, ...]()
    try:
        missing = missing_signers(old, update)
        follow(old, update)
        why = ""
    except BadSignature as fault:
        why = fault.message
    names = [f"{key.name}+{key.key_id.hex()}" for key in missing]
    return {"may_succeed": not why, "why_not": why, "must_still_sign": names}


def words_of(facts: dict[str, Any]) -> str:
    """Return the same for a person."""
    lines = [f"policy {facts['policy']}, {facts['digest']}"]
    for what in ("release", "log"):
        lines += [f"{what} key {_said(one)}" for one in facts[f"{what}_keys"]]
    lines.append(f"{facts['quorum']} of these witnesses must sign: {', '.join(facts['witnesses'])}")
    lines += [f"update key {'+'.join(key.split('+', 2)[:2])}" for key in facts["update_keys"]]
    lines += [f"withdrawn {digest}: {why}" for digest, why in facts["withdrawn"].items()]
    if "may_succeed" in facts:
        lines.append(
            "may succeed the policy you hold" if facts["may_succeed"] else f"may not succeed it: {facts['why_not']}"
        )
        lines += [f"must still sign: {name}" for name in facts["must_still_sign"]]
    return "\n".join(lines)


def _said(key: dict[str, Any]) -> str:
    until: str = (
        f", for trees of at most {key['counts_until']} leaves" if key["counts_until"] is not None else ", in force"
    )
    return f"{key['key']}{until}" + (f", stolen since {key['stolen_since']}" if "stolen_since" in key else "")
