"""The search for secrets at the end of a run: each writing of a key is found where it was planted, and nothing else is."""

from __future__ import annotations

import base64
import os
import sqlite3
import traceback
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from cld.clock import SeededEntropy, SystemEntropy
from cld.secret import Secret
from keys.derivation import PseudonymDomain, domain_key
from tests.lib.secret_watch import MOST_BYTES, Heard, files_of, is_random, traces

WAYS: dict[str, Callable[[bytes], bytes]] = {
    "as it is": lambda key: key,
    "in hexadecimal": lambda key: key.hex().encode(),
    "in capitals": lambda key: key.hex().upper().encode(),
    "in base64": base64.b64encode,
    "in base64 for addresses": base64.urlsafe_b64encode,
    "in base64 behind one byte": lambda key: base64.b64encode(b"x" + key),
    "in base64 behind two bytes": lambda key: base64.b64encode(b"xy" + key + b"z"),
    "as Python shows it": lambda key: repr(key).encode(),
}


@pytest.mark.parametrize("way", sorted(WAYS))
@pytest.mark.parametrize("before", [b"", b"\x00\x01", b"key = "])
def test_a_key_that_is_planted_is_found(tmp_path: Path, way: str, before: bytes) -> None:
    key, others = os.urandom(32), [os.urandom(32) for _ in range(200)]
    (tmp_path / "clean").write_bytes(before + WAYS[way](os.urandom(32)))
    (tmp_path / "planted").write_bytes(os.urandom(5000) + before + WAYS[way](key) + os.urandom(70))
    assert traces([*others, key], files_of(tmp_path)) == ["planted"]


def test_a_key_is_found_in_a_database_a_log_and_a_traceback(tmp_path: Path) -> None:
    key, heard = os.urandom(32), Heard()
    with sqlite3.connect(tmp_path / "dump.sqlite") as connection:
        connection.execute("create table kept (content blob)")
        connection.execute("insert into kept values (?)", (key,))
    connection.close()
    with duckdb.connect(str(tmp_path / "dump.duckdb")) as engine:
        engine.execute("create table kept (content blob)")
        engine.execute("insert into kept values (?)", [key])
    try:
        careless(key)
    except ValueError as fault:
        shown = traceback.TracebackException.from_exception(fault, capture_locals=True).format()
        heard.hear("a test", "".join(shown))
    heard.hear("another", f"opened with {key.hex()}")
    heard.hear("a third", "opened with Secret(...)")
    assert set(traces([key], files_of(tmp_path))) == {"dump.sqlite", "dump.duckdb"}
    assert traces([key], heard.parts()) == ["what a test said", "what another said"]


def careless(key: bytes) -> None:
    held = key
    raise ValueError(len(held))


def test_what_is_there_to_hold_a_secret_and_what_is_too_large_is_left_out(tmp_path: Path) -> None:
    key = os.urandom(32)
    (tmp_path / "periods").mkdir()
    (tmp_path / "periods" / "2022").write_bytes(key)
    with (tmp_path / "large").open("wb") as stream:
        stream.write(key)
        stream.truncate(MOST_BYTES + 1)
    (tmp_path / "linked").symlink_to(tmp_path / "large")
    assert traces([key], files_of(tmp_path)) == []


def test_every_way_to_a_secret_is_watched_in_this_run(watched_secrets: frozenset[bytes]) -> None:
    """The run's own watch is on: what is drawn, held and derived here is remembered, and constants and salts are not."""
    domain = PseudonymDomain("R", "A", "cld", "person")
    held, drawn = Secret(os.urandom(32)), SystemEntropy().secret_bytes(32, "agreement a")
    signing = SeededEntropy(41).secret_bytes(32, "Ed25519 a log")
    derived = bytes.fromhex(domain_key(held, Secret(os.urandom(32)), domain).reveal().decode())
    salt = SystemEntropy().secret_bytes(32, "free text 1 2")
    Secret(b"r" * 32)
    assert {held.reveal(), drawn, signing, derived} <= set(watched_secrets)
    assert not {salt, b"r" * 32} & set(watched_secrets)
    assert all(is_random(secret) for secret in watched_secrets)
