"""What two recipients, a guesser and the holder of another agreement's key can try with pseudonyms; each fails, and with the
defence switched off each wins."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from api.pages.app import create_app
from api.workspace.wiring import demo_workspace
from keys.derivation import PseudonymDomain, Secret, domain_key
from keys.pseudonym import check_texts, pseudonyms_of
from tests.functional.test_command_line import run

N_PEOPLE = 4_000
FIRST, SECOND = PseudonymDomain("503", "A-1", "cld", "person"), PseudonymDomain("504", "A-2", "cld", "person")
SECRETS = {FIRST: Secret(b"1" * 32), SECOND: Secret(b"2" * 32)}
PEPPER = Secret(b"p" * 32)
CHANCE = 5  # standard errors that chance is allowed


def people() -> list[str]:
    source = random.Random(3)
    return [f"9{source.randrange(10**9):09d}" for _ in range(N_PEOPLE)]


def keyed(domain: PseudonymDomain, ids: list[str], secret: Secret | None = None) -> list[str]:
    key = domain_key(secret or SECRETS[domain], PEPPER, domain)
    return [str(text) for text in pseudonyms_of(pa.array(ids), key, domain).to_pylist()]


def extract(
    domain: PseudonymDomain, ids: list[str], key: Callable[[PseudonymDomain, list[str]], list[str]]
) -> list[tuple[str, str]]:
    """Rows as they leave: by pseudonym. The person behind each row is kept for judging alone."""
    return sorted(zip(key(domain, ids), ids, strict=True))


def agreement_beyond_chance(first: np.ndarray, second: np.ndarray) -> bool:
    """Say whether two columns over the same people go together more than chance lets them."""
    if first.std() == 0 or second.std() == 0:
        return False
    return abs(float(np.corrcoef(first, second)[0, 1])) > CHANCE / len(first) ** 0.5


def same_character_rate(first: list[str], second: list[str], place: int) -> float:
    return sum(one[place] == other[place] for one, other in zip(first, second, strict=True)) / len(first)


def joins(key: Callable[[PseudonymDomain, list[str]], list[str]]) -> list[str]:
    """Let two recipients who share everybody try to pair their rows; return the signs by which they could."""
    ids = people()
    ours, theirs = extract(FIRST, ids, key), extract(SECOND, ids, key)
    place_of = {person: place for place, (_, person) in enumerate(theirs)}
    won = []
    if {text for text, _ in ours} & {text for text, _ in theirs}:
        won.append("values")
    if agreement_beyond_chance(np.arange(len(ours)), np.array([place_of[person] for _, person in ours])):
        won.append("order")
    first, second = [text for text, _ in ours], [theirs[place_of[person]][0] for _, person in ours]
    for place in range(1, 27):
        error = (1 / 32 * 31 / 32 / len(first)) ** 0.5
        if abs(same_character_rate(first, second, place) - 1 / 32) > CHANCE * error:
            won.append(
                "domain character"
                if place == 26
                else "check character"
                if place == 25
                else "prefix"
                if place < 5
                else "tag"
            )
    if {len(text) for text in first} != {len(text) for text in second}:
        won.append("sizes")
    sent = sorted(ids)
    if agreement_beyond_chance(np.arange(len(ours)), np.array([sent.index(person) for _, person in ours])):
        won.append("order of numbers")
    return sorted(set(won))


def one_key_for_all(domain: PseudonymDomain, ids: list[str]) -> list[str]:
    return keyed(domain, ids, SECRETS[FIRST]) if domain == FIRST else keyed(FIRST, ids)


def salted_hash(_: PseudonymDomain, ids: list[str]) -> list[str]:
    return [hashlib.sha256((person + "shared salt").encode()).hexdigest() for person in ids]


def numbers_within(domain: PseudonymDomain, ids: list[str]) -> list[str]:
    """A format-preserving toy: the number turned by a secret of the recipient, which keeps what is near together."""
    return [f"{int(person) + len(domain.agreement) + (7 if domain == FIRST else 11):027d}" for person in ids]


def test_two_recipients_cannot_join_on_values_order_prefixes_characters_or_sizes() -> None:
    assert joins(keyed) == []


@pytest.mark.parametrize(
    ("weak", "sign"), [(one_key_for_all, "values"), (salted_hash, "values"), (numbers_within, "order")]
)
def test_the_same_recipients_win_where_a_defence_is_off(
    weak: Callable[[PseudonymDomain, list[str]], list[str]], sign: str
) -> None:
    assert sign in joins(weak)


def test_a_mark_added_to_the_check_character_would_join_two_domains_and_the_domain_character_does_not() -> None:
    """The trap of a constant mark: one domain in 32 has the same, and then every value passes for the other's."""
    texts = pa.array(keyed(FIRST, people()[:1000]))
    passing = []
    for number in range(200):
        _, other = check_texts(texts, PseudonymDomain("504", f"A-{number}", "cld", "person"))
        passing.append(float((~other).mean()))
    assert max(passing) < 0.1
    assert abs(sum(passing) / len(passing) - 1 / 32) < 0.005


def try_all(leaked: Secret, domain: PseudonymDomain, wanted: set[str], guesses: list[str]) -> int:
    """Key every guess with a leaked secret and count those that hit."""
    key = domain_key(leaked, PEPPER, domain)
    return sum(text in wanted for text in pseudonyms_of(pa.array(guesses), key, domain).to_pylist())


def test_another_agreements_leaked_key_finds_nobody_and_the_agreements_own_finds_everybody() -> None:
    ids = people()
    wanted, guesses = set(keyed(FIRST, ids)), ids + [f"9{n:09d}" for n in range(10_000)]
    assert try_all(SECRETS[SECOND], FIRST, wanted, guesses) == 0
    assert try_all(SECRETS[SECOND], SECOND, wanted, guesses) == 0
    assert try_all(SECRETS[FIRST], FIRST, wanted, guesses) == N_PEOPLE


def test_a_leaked_secret_without_the_houses_pepper_finds_nobody() -> None:
    ids = people()[:500]
    wanted = set(keyed(FIRST, ids))
    key = domain_key(SECRETS[FIRST], Secret(b""), FIRST)
    assert not wanted & set(pseudonyms_of(pa.array(ids), key, FIRST).to_pylist())


def test_guessing_numbers_without_a_key_wins_against_a_plain_hash_alone() -> None:
    ids = people()[:300]

    def guessed(made: list[str]) -> int:
        plain = {hashlib.sha256(person.encode()).hexdigest() for person in ids}
        return len(plain & set(made))

    assert guessed(keyed(FIRST, ids)) == 0
    assert guessed([hashlib.sha256(person.encode()).hexdigest() for person in ids]) == len(ids)


def test_no_interface_answers_one_guess(tmp_path: Path) -> None:
    """No page or action keys a value or asks for a person; the one command that keys wants the agreement's secret."""
    space = demo_workspace(tmp_path / "space", seed=2, n_threads=1)
    described = create_app(space).openapi()
    space.journal.close()
    words = [word for path in described["paths"] for word in path.lower().strip("/").split("/")]
    assert words
    assert not [word for word in words if "pseudonym" in word or "reidentif" in word or "guess" in word]
    (tmp_path / "guess.csv").write_text("n\n9434765919\n")
    asked = (
        "pseudonymise",
        str(tmp_path / "guess.csv"),
        "--column",
        "n:nhs",
        "--recipient",
        "503",
        "--agreement",
        "A-1",
    )
    found = run(*asked, "--key-file", str(tmp_path / "none"), "--out", str(tmp_path / "o.csv"))
    assert found.returncode == 6
    assert not (tmp_path / "o.csv").exists()
