"""Keys replaced and keys stolen: how a trust policy learns of it, and what a thief of one key still cannot do."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from audit.fsck import fsck
from audit.log import Log
from audit.note import Checkpoint, CosignerKeys, NoteKey, cosign, read_note, sign_head, sign_note
from audit.proof import read_proof, require_signed, require_witnessed, verify_proof
from audit.succession import Changes, WitnessKeys, first_policy, next_policy, witnesses_in
from audit.trust import Trust, compromise_event, follow, last_size_before, policy_event, read_trust, successor
from audit.verifying.logproof import enough_witnesses, log_signed, read_head
from audit.verifying.outcome import Failed
from audit.verifying.trust import read_policy as read_policy_in_one_file
from audit.witness import Witness
from cld.errors import BadSignature, InputError
from tests.lib.small_log import ORIGIN, START, SmallLog, signer, small_log

RELEASE = f"{ORIGIN}/release"


def ed25519(name: str, seed: str) -> tuple[NoteKey, tuple[str, Ed25519PrivateKey]]:
    """Return a note key and what signs with it."""
    secret = signer(seed).ed25519
    return NoteKey(name, 1, secret.public_key().public_bytes_raw()), (name, secret)


OLD_RELEASE, SIGN_OLD_RELEASE = ed25519(RELEASE, "release 1")
NEW_RELEASE, SIGN_NEW_RELEASE = ed25519(RELEASE, "release 2")
UPDATE, SIGN_UPDATE = ed25519(f"{ORIGIN}/update", "update 1")
NEW_UPDATE, SIGN_NEW_UPDATE = ed25519(f"{ORIGIN}/update", "update 2")
THIEF, SIGN_THIEF = ed25519(RELEASE, "thief")
OLD_LOG = signer(ORIGIN)
NEW_LOG = CosignerKeys(ORIGIN, signer("log 2").ed25519, signer("log 2").ml_dsa)
SIGN_OLD_LOG, SIGN_NEW_LOG = (ORIGIN, OLD_LOG.ed25519), (ORIGIN, NEW_LOG.ed25519)
WITNESS = signer("witness.example/one")


def lines(release: list[NoteKey], log: list[CosignerKeys], *more: str) -> list[str]:
    """Return the lines of a policy with one witness."""
    found = [f"release {key.text()}" for key in release]
    found += [f"log {key.text()}" for keys in log for key in keys.log_keys()]
    found += [f"witness one-{key.kind} {key.text()}" for key in WITNESS.witness_keys()]
    return [*found, "group one all one-4 one-6", "quorum one", *more]


def text_of(found: list[str]) -> str:
    return "".join(f"{line}\n" for line in found)


FIRST = read_trust(text_of(["#: policy 1", f"#: update {UPDATE.text()}", *lines([OLD_RELEASE], [OLD_LOG])]))
KEPT_UPDATE = f"#: update {UPDATE.text()}"


def rotated(at: int, *more: str) -> str:
    """Return the text of the policy in which both keys of the log and the release key are new from a size on."""
    ended = [*OLD_LOG.log_keys(), OLD_RELEASE]
    gone = [f"retired {key.text()} {at}" for key in ended]
    return successor(FIRST, [KEPT_UPDATE, *lines([OLD_RELEASE, NEW_RELEASE], [OLD_LOG, NEW_LOG]), *gone, *more])


def signed(text: str, *signers: tuple[str, Ed25519PrivateKey]) -> str:
    return sign_note(text, signers)


ALL_OF_ROTATION = (SIGN_UPDATE, SIGN_OLD_RELEASE, SIGN_OLD_LOG, SIGN_NEW_RELEASE, SIGN_NEW_LOG)


def test_a_rotation_is_followed_when_old_keys_new_keys_and_the_update_key_signed() -> None:
    found = follow(FIRST, signed(rotated(40), *ALL_OF_ROTATION))
    assert (found.number, found.replaces) == (2, FIRST.digest)
    assert set(found.signing_keys()) == {NEW_RELEASE, NEW_LOG.note_key()}


@pytest.mark.parametrize("absent", range(len(ALL_OF_ROTATION)))
def test_a_rotation_without_any_one_of_its_signatures_is_refused(absent: int) -> None:
    rest = [who for place, who in enumerate(ALL_OF_ROTATION) if place != absent]
    with pytest.raises(BadSignature, match="not signed by every key"):
        follow(FIRST, signed(rotated(40), *rest))


def test_an_update_out_of_order_or_of_another_policy_is_refused() -> None:
    second = follow(FIRST, signed(rotated(40), *ALL_OF_ROTATION))
    for start, text in (
        (second, rotated(40)),
        (FIRST, rotated(40).replace("policy 2", "policy 3")),
        (FIRST, rotated(40).replace(FIRST.digest, "0" * 64)),
    ):
        with pytest.raises(BadSignature, match="does not succeed"):
            follow(start, signed(text, *ALL_OF_ROTATION))


def test_an_altered_update_is_refused() -> None:
    update = signed(rotated(40), *ALL_OF_ROTATION)
    with pytest.raises(BadSignature):
        follow(FIRST, update.replace(" 40\n", " 41\n"))


def rotate(kept: SmallLog, trust: Trust) -> Log:
    """Return the log under new keys, with a witness that was told of them and keeps what it saw."""
    watched = {ORIGIN: trust.witnessing.log_keys(ORIGIN)}
    witness = Witness(WITNESS, kept.folder / "witness", watched, kept.clock)  # type: ignore[arg-type]
    return Log(kept.log.tiles, NEW_LOG, (witness,), trust.witnessing, kept.clock)  # type: ignore[arg-type]


def test_after_a_rotation_old_proofs_still_hold_and_old_keys_sign_nothing_new(tmp_path: Path) -> None:
    kept = small_log(tmp_path, 40)
    kept.signed()
    before, _ = kept.log.prove(kept.rows, 7)
    trust = follow(FIRST, signed(rotated(40), *ALL_OF_ROTATION))
    log = rotate(kept, trust)
    kept.rows.add(30)
    kept.clock.now = START + timedelta(hours=1)
    after, continuing = log.prove(kept.rows, 60)
    for text in (before, after):
        proof = read_proof(text)
        verify_proof(proof, proof.extra, trust.witnessing)
        one_file, head = read_policy_in_one_file(trust.text), read_head(proof.note.content)
        assert log_signed(head, one_file)
        assert enough_witnesses(head, one_file)
    assert continuing.startswith("old 40\n")
    assert fsck(kept.rows, log.folder)["faults"] == []  # type: ignore[arg-type]
    head = Checkpoint(ORIGIN, 70, log.tiles.root(70))
    stolen = sign_head(head, OLD_LOG, int(START.timestamp())) + cosign(
        head, head.body(), WITNESS, int(START.timestamp())
    )
    with pytest.raises(BadSignature):
        require_signed(read_note(stolen), trust.witnessing)
    with pytest.raises(Failed):
        log_signed(read_head(stolen), read_policy_in_one_file(trust.text))
    require_witnessed(read_note(stolen), trust.witnessing)


def test_a_compromised_key_counts_up_to_the_last_head_that_was_witnessed_before_the_day(tmp_path: Path) -> None:
    kept = small_log(tmp_path, 10)
    for size, hours in ((10, 1), (20, 30), (30, 60)):
        kept.rows.add(size - kept.rows.n_leaves())
        kept.clock.now = START + timedelta(hours=hours)
        kept.signed()
    days = [datetime(2026, 1, day, tzinfo=UTC) for day in (5, 6, 7, 8)]
    assert [last_size_before(kept.log.folder, moment) for moment in days] == [0, 10, 20, 30]
    stolen_on = date(2026, 1, 7)
    counts = last_size_before(kept.log.folder, days[2])
    text = successor(FIRST, [
        KEPT_UPDATE, *lines([OLD_RELEASE, NEW_RELEASE], [OLD_LOG]), f"retired {OLD_RELEASE.text()} {counts}",
        f"#: compromised {OLD_RELEASE.text()} {stolen_on}",
    ])  # fmt: skip
    trust = follow(FIRST, signed(text, SIGN_UPDATE, SIGN_NEW_RELEASE))
    assert dict(trust.compromised) == {OLD_RELEASE: stolen_on}
    assert read_policy_in_one_file(text).counts_at(read_policy_in_one_file(text).releases[0], 19)
    assert not read_policy_in_one_file(text).counts_at(read_policy_in_one_file(text).releases[0], 20)
    said = compromise_event(OLD_RELEASE, stolen_on, counts, "custodian one").details
    assert said == {"key": f"{RELEASE}+{OLD_RELEASE.key_id.hex()}", "since": "2026-01-07", "counts_until": 20}
    assert policy_event(trust, "custodian one").details == {"number": 2, "policy": trust.digest}


def test_a_thief_of_any_one_key_cannot_make_a_policy() -> None:
    """The release key, both keys of the log, or the update key: none alone brings in a key of the thief's."""
    kept = lines([THIEF], [OLD_LOG])
    called = [
        f"release {OLD_RELEASE.text()}",
        f"retired {OLD_RELEASE.text()} 5",
        f"#: compromised {OLD_RELEASE.text()} 2026-01-01",
    ]
    replaced = successor(FIRST, [KEPT_UPDATE, *kept])
    accused = successor(FIRST, [KEPT_UPDATE, *kept, *called])
    for text in (replaced, accused):
        for stolen in (SIGN_OLD_RELEASE, SIGN_OLD_LOG):
            with pytest.raises(BadSignature):
                follow(FIRST, signed(text, stolen, SIGN_THIEF))
    with pytest.raises(BadSignature):
        follow(FIRST, signed(replaced, SIGN_UPDATE, SIGN_THIEF))


def test_without_an_update_key_nobody_can_call_a_key_compromised() -> None:
    start = read_trust(text_of(lines([OLD_RELEASE], [OLD_LOG])))
    accused = successor(start, [
        *lines([NEW_RELEASE], [OLD_LOG]), f"#: compromised {OLD_RELEASE.text()} 2026-01-01",
    ])  # fmt: skip
    with pytest.raises(BadSignature, match="without an update key"):
        follow(start, signed(accused, SIGN_OLD_LOG, SIGN_NEW_RELEASE))
    plain = successor(start, lines([NEW_RELEASE], [OLD_LOG]))
    assert follow(start, signed(plain, SIGN_OLD_RELEASE, SIGN_NEW_RELEASE)).number == 2
    only_witnesses = successor(start, lines([OLD_RELEASE], [OLD_LOG], "# a remark"))
    with pytest.raises(BadSignature):
        follow(start, signed(only_witnesses, SIGN_OLD_RELEASE))
    assert follow(start, signed(only_witnesses, SIGN_OLD_RELEASE, SIGN_OLD_LOG)).number == 2


SECOND_WITNESS = signer("witness.example/two")


def test_a_quorum_of_before_suffices_for_small_trees_alone() -> None:
    """With a second witness in the quorum what the first signed alone stays good up to the size, and no further."""
    both = [WitnessKeys(keys.witness_keys()) for keys in (WITNESS, SECOND_WITNESS)]
    start = read_trust(first_policy(OLD_RELEASE, OLD_LOG.log_keys(), both[:1], 1, [UPDATE]))
    grown = next_policy(start, Changes(size=40, witnesses=tuple(both), least=2))
    trust, alone = read_trust(grown), read_policy_in_one_file(grown)
    assert follow(start, signed(grown, SIGN_UPDATE)).digest == trust.digest
    for size, good in ((40, True), (41, False)):
        head = Checkpoint(ORIGIN, size, bytes(32))
        by_first = sign_head(head, OLD_LOG, 9) + cosign(head, head.body(), WITNESS, 9)
        by_second = sign_head(head, OLD_LOG, 9) + cosign(head, head.body(), SECOND_WITNESS, 9)
        assert trust.witnessing.is_met(WITNESS.witness_keys(), size) is good
        assert not trust.witnessing.is_met(SECOND_WITNESS.witness_keys(), size)
        if good:
            assert enough_witnesses(read_head(by_first), alone)
        for text in [by_second, *([] if good else [by_first])]:
            with pytest.raises(Failed, match="no quorum"):
                enough_witnesses(read_head(text), alone)


def test_a_witness_that_is_gone_counts_for_what_it_signed_before() -> None:
    both = [WitnessKeys(keys.witness_keys()) for keys in (WITNESS, SECOND_WITNESS)]
    start = read_trust(first_policy(OLD_RELEASE, OLD_LOG.log_keys(), both, 1, [UPDATE]))
    text = next_policy(start, Changes(size=40, witnesses=(both[1],), least=1))
    trust = read_trust(text)
    assert [trust.witnessing.is_met(WITNESS.witness_keys(), size) for size in (40, 41)] == [True, False]
    assert witnesses_in(trust) == ((both[1],), (both[0],), 1)
    again = read_trust(next_policy(trust, Changes(size=60, witnesses=(both[1],), least=1)))
    assert again.witnessing.earlier == trust.witnessing.earlier == ((40, 1, (both[0].name, both[1].name)),)
    with pytest.raises(InputError, match="cannot be had"):
        next_policy(start, Changes(size=40, witnesses=(both[1],), least=2))


def test_a_key_does_not_end_without_one_after_it() -> None:
    start = read_trust(
        first_policy(OLD_RELEASE, OLD_LOG.log_keys(), [WitnessKeys(WITNESS.witness_keys())], 1, [UPDATE])
    )
    for key in (OLD_RELEASE, OLD_LOG.note_key()):
        with pytest.raises(InputError, match="without one after it"):
            next_policy(start, Changes(40, witnesses_in(start)[0], 1, stolen={key: (date(2026, 1, 1), 7)}))


def test_update_keys_are_replaced_by_those_before_them() -> None:
    text = successor(FIRST, [f"#: update {NEW_UPDATE.text()}", *lines([OLD_RELEASE], [OLD_LOG])])
    with pytest.raises(BadSignature):
        follow(FIRST, signed(text, SIGN_NEW_UPDATE))
    assert follow(FIRST, signed(text, SIGN_UPDATE, SIGN_NEW_UPDATE)).update_keys == (NEW_UPDATE,)


@pytest.mark.parametrize(
    "line",
    [
        "release x",
        "threshold one",
        "threshold 3",
        "retired x 1",
        "withdrawn zz",
        "earlier 5 1",
        "earlier 5 1 nobody",
        "earlier 5 2 one",
        "earlier 5 0 one",
        "#: policy two",
        "#: sponsor",
        "sponsor x",
    ],
)
def test_a_policy_with_a_line_that_cannot_be_read_is_refused(line: str) -> None:
    with pytest.raises(InputError):
        read_trust(text_of([*lines([OLD_RELEASE], [OLD_LOG]), line]))
