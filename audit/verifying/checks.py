"""The fourteen checks of an opened package, in their order; a check that rests on one that failed is not possible."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, TypeVar

from audit.verifying.encoding import read_json
from audit.verifying.logproof import (
    LogProof,
    consistency_held,
    enough_witnesses,
    leaf_speaks,
    log_signed_after,
    proof_leads_to_root,
    read_consistency,
    read_head,
    read_proof,
)
from audit.verifying.manifest import CONSISTENCY, REISSUE, files_whole
from audit.verifying.outcome import Checklist, Failed, NotPossible
from audit.verifying.statement import Statement, opened_envelope, read_statement, same_files
from audit.verifying.tables import (
    Compare,
    Scan,
    Tables,
    no_small_number,
    plain_scan,
    pseudonyms_whole,
    read_tables,
    tables_agree,
)
from audit.verifying.trust import TrustPolicy, read_policy

__all__ = ["NO_POLICY", "Asked", "lies_within", "verify_folder"]

NO_POLICY = "no trust policy was given: get it by another road than this package and give it with --trust"
INSIDE_POLICY = (
    "the trust policy given lies inside this package, where whoever forged one would put it: get it by another road"
)
REISSUE_TYPE = "urn:caregate:reissue:1"
NO_SEAL = "what was given is not sealed"
Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Asked:
    """What whoever verifies brings from outside the package.

    ``policy`` is the trust policy's text, ``policy_inside`` that its file is one of the package's; ``opened`` the outcome of check 1 (result, reason); ``recipient_keys`` the
    public keys of whoever verifies; ``last_seen`` a checkpoint; ``consistency`` proofs beside the package's own;
    ``revocations`` a list in lines ``withdrawn``; ``releases_seen`` statement digests by release; ``digests`` SHA-512
    digests of files taken as they were written.
    """

    policy: str | None
    on: date
    policy_inside: bool = False
    opened: tuple[str, str] = ("not possible", NO_SEAL)
    recipient_keys: tuple[str, ...] = ()
    last_seen: str | None = None
    consistency: str = ""
    revocations: str | None = None
    releases_seen: Mapping[str, str] = field(default_factory=dict)
    digests: Mapping[str, str] = field(default_factory=dict)


def verify_folder(
    folder: Path, asked: Asked, scan: Scan = plain_scan, compare: Compare | None = None
) -> dict[str, Any]:
    """Run every check on an opened package and return the report: ok, in_force, checks and what was verified.

    ``compare`` holds the two forms of a table against each other; without it each is held to the dictionary alone.
    """
    made = Checklist()
    policy, trouble = _policy(asked)

    def need(value: Value | None, what: str) -> Value:
        if value is None:
            message = f"it rests on {what}, which does not stand"
            raise NotPossible(message)
        return value

    def trusted() -> TrustPolicy:
        if policy is None:
            raise NotPossible(trouble)
        return policy

    made.run(1, lambda: _as_told(asked.opened))
    made.run(2, lambda: files_whole(folder, asked.digests))
    proof, proof_trouble = _tried(lambda: read_proof(folder))
    statement: Statement | None = made.run(3, lambda: read_statement(folder, trusted(), proof.index if proof else 0))
    if statement is not None:
        made.explain(3, f"{statement.n_signers} of {trusted().threshold} asked for")
    made.run(4, lambda: same_files(folder, need(statement, "the signed statement")))
    made.run(5, lambda: leaf_speaks(_proof(proof, proof_trouble), need(statement, "the signed statement")))
    made.run(6, lambda: proof_leads_to_root(need(proof, "the log proof")))
    made.run(7, lambda: log_signed_after(need(proof, "the log proof"), trusted()))
    made.run(8, lambda: enough_witnesses(need(proof, "the log proof").head, trusted()))
    made.run(
        9,
        lambda: _continues_seen(
            folder, asked, need(proof, "the log proof"), need(statement, "the signed statement"), trusted()
        ),
    )
    made.run(10, lambda: _for_me(folder, asked, need(statement, "the signed statement"), trusted(), proof))
    tables, table_trouble = _tried(lambda: read_tables(folder, need(statement, "the signed statement"), scan, compare))
    made.run(11, lambda: tables_agree(_tables(tables, table_trouble)))
    made.run(12, lambda: pseudonyms_whole(need(tables, "the dictionary")))
    made.run(13, lambda: no_small_number(need(tables, "the dictionary")))
    made.run(14, lambda: _not_withdrawn(asked, need(statement, "the signed statement"), trusted()))
    return _report(made, statement, proof, asked.on)


def lies_within(path: Path | None, package: Path) -> bool:
    """Say whether a file that was given is one of the package's own."""
    return path is not None and package.is_dir() and package.resolve() in path.resolve().parents


def _report(made: Checklist, statement: Statement | None, proof: LogProof | None, on: date) -> dict[str, Any]:
    ok = made.ok()
    report: dict[str, Any] = {"ok": ok, "in_force": bool(statement and _in_force(statement, on)), "checks": made.made}
    if ok and statement is not None and proof is not None:
        told = ("name", "recipient", "agreement", "agreement_from", "agreement_to")
        report["release"] = {**{name: statement.predicate[name] for name in told}, "statement": statement.digest}
        report["log"] = {"origin": proof.head.origin, "size": proof.head.size, "index": proof.index}
    return report


def _policy(asked: Asked) -> tuple[TrustPolicy | None, str]:
    if asked.policy is None:
        return None, NO_POLICY
    if asked.policy_inside:
        return None, INSIDE_POLICY
    try:
        return read_policy(asked.policy), ""
    except ValueError as fault:
        return None, f"{fault}: get the present policy"


def _tried(action: Callable[[], Value]) -> tuple[Value | None, Exception | None]:
    try:
        return action(), None
    except (Failed, NotPossible) as fault:
        return None, fault


def _as_told(opened: tuple[str, str]) -> str:
    result, reason = opened
    if result == "failed":
        raise Failed(reason)
    if result == "not possible":
        raise NotPossible(reason)
    return reason


def _proof(proof: LogProof | None, trouble: Exception | None) -> LogProof:
    if proof is None:
        raise trouble or Failed("the log proof is missing")
    return proof


def _tables(tables: Tables | None, trouble: Exception | None) -> Tables:
    if tables is None:
        raise trouble or NotPossible("the tables could not be read")
    return tables


def _in_force(statement: Statement, on: date) -> bool:
    try:
        days = [date.fromisoformat(statement.predicate[name]) for name in ("agreement_from", "agreement_to")]
    except ValueError:
        return False
    return days[0] <= on <= days[1]


def _continues_seen(folder: Path, asked: Asked, proof: LogProof, statement: Statement, policy: TrustPolicy) -> str:
    name = statement.predicate["name"]
    before = asked.releases_seen.get(name)
    if before is not None and before != statement.digest:
        message = f"another package of release {name} was verified before: ask the sender which of the two stands"
        raise Failed(message)
    if asked.last_seen is None:
        message = "no checkpoint seen before was given (--last-seen or --remember)"
        raise NotPossible(message)
    try:
        seen = read_head(asked.last_seen)
    except ValueError as fault:
        message = "the checkpoint seen before cannot be read"
        raise Failed(message) from fault
    try:
        own = folder / CONSISTENCY
        proofs = {
            **read_consistency(own.read_text("utf-8") if own.is_file() else ""),
            **read_consistency(asked.consistency),
        }
    except (OSError, ValueError) as fault:
        message = "a consistency proof is malformed"
        raise Failed(message) from fault
    return consistency_held(proof.head, seen, proofs, policy)


def _for_me(folder: Path, asked: Asked, statement: Statement, policy: TrustPolicy, proof: LogProof | None) -> str:
    held = statement.predicate
    words = (
        f"{held['recipient']}, agreement {held['agreement']} from {held['agreement_from']} to {held['agreement_to']}"
    )
    meant = {held["recipient_key"], *_reissued_to(folder, statement, policy, proof)}
    if not asked.recipient_keys:
        message = f"no key of yours was given (--identity, or --recipient-key of verify.py); it says it is for {words}"
        raise NotPossible(message)
    if not meant & set(asked.recipient_keys):
        message = f"it is for another key than yours: for {words}"
        raise Failed(message)
    return words


def _reissued_to(folder: Path, statement: Statement, policy: TrustPolicy, proof: LogProof | None) -> set[str]:
    """Return the key that the package was sealed to anew, as its sender signed it."""
    path = folder / REISSUE
    if not path.exists():
        return set()
    body, n_signers = opened_envelope(path, policy, proof.index if proof else 0)
    try:
        note = read_json(body)
        held = note["predicate"]
        if note["predicateType"] != REISSUE_TYPE or n_signers < policy.threshold:
            raise ValueError
        if held["statement"] != statement.digest:
            raise ValueError
        return {str(held["recipient_key"])}
    except (ValueError, KeyError, TypeError) as fault:
        message = "the note that it was sealed to a new key does not stand"
        raise Failed(message) from fault


def _not_withdrawn(asked: Asked, statement: Statement, policy: TrustPolicy) -> str:
    withdrawn = dict(policy.withdrawn)
    for line in (asked.revocations or "").splitlines():
        words = line.split()
        if words and words[0] == "withdrawn" and len(words) > 1:
            withdrawn[words[1]] = " ".join(words[2:])
        elif words and not words[0].startswith("#"):
            message = "the list of withdrawn packages cannot be read"
            raise Failed(message)
    if statement.digest in withdrawn:
        message = (
            f"it was withdrawn: {withdrawn[statement.digest] or 'no reason is given'}; do not use it and ask the sender"
        )
        raise Failed(message)
    if not withdrawn and asked.revocations is None:
        message = "no list of withdrawn packages was given, and the trust policy names none"
        raise NotPossible(message)
    return f"{len(withdrawn)} withdrawn packages are named, this is none of them"
