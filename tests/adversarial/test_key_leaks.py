"""Secrets have no way out: not shown, saved, copied or compared, and in no traceback with locals, plan, log or error."""

from __future__ import annotations

import copy
import json
import logging
import pickle
import traceback
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path

import pyarrow as pa
import pytest

from api.workspace.wiring import DEMO_PASSPHRASE, KEYSTORE, Workspace, open_demo_workspace
from cld.clock import SystemEntropy
from cld.datasets import Identified
from cld.engine import Query, scratch_engine
from cld.errors import CLDError
from cld.shelf import Shelf
from keys.ceremonies.making import custody_ceremony, file_ceremony
from keys.derivation import PseudonymDomain, Secret, domain_key, key_encryption_key, pepper_of
from keys.periods import Periods
from keys.providers.custody import read_custody, root_of_shares
from keys.providers.file import create_root, open_root
from keys.providers.shares import Share, combine, split
from keys.pseudonym import pseudonym_table
from keys.store import KeyStore
from keys.wrapping import unseal, unwrap
from tests.lib.custodians import Played, altered, full_disk, passphrase_of

KEY = b"\xde\xad\xbe\xef the key that nobody sees \xff"
DOMAIN = PseudonymDomain("R", "A", "cld", "person")


def shows(text: str, *secrets: bytes) -> bool:
    """Say whether a text shows a secret: as bytes are shown, in hexadecimal, or as whole numbers."""
    forms = [form for s in secrets for form in (repr(s)[2:-1], s.hex(), s.hex().upper(), str(int.from_bytes(s, "big")))]
    return any(form in text for form in forms)


class Recorded:
    """A source of randomness that remembers what it gave, so that a test can look for it."""

    def __init__(self) -> None:
        self.given: list[bytes] = []

    def secret_bytes(self, n_bytes: int, label: str) -> bytes:
        made = SystemEntropy().secret_bytes(n_bytes, label)
        if n_bytes == 32 and not label.startswith("share set"):
            self.given.append(made)
        return made


@pytest.fixture
def quick_passphrases(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("keys.wrapping.ARGON2_MEMORY_KIB", 64)
    monkeypatch.setattr("keys.wrapping.ARGON2_PASSES", 1)


@dataclass(frozen=True)
class Holder:
    """Somebody else's record that holds a secret."""

    secret: Secret


def test_a_secret_has_no_form_that_can_be_shown() -> None:
    secret = Secret(KEY)
    shown = [repr(secret), str(secret), f"{secret}", f"{secret!r:>40}", "%s %r" % (secret, secret), repr([secret])]  # noqa: UP031
    shown += [repr(Holder(secret)), str(dir(secret)), repr({secret: 1}), str(hash(secret))]
    assert not [text for text in shown if shows(text, KEY)]
    assert not hasattr(secret, "__dict__")


@pytest.mark.parametrize(
    "writes",
    [
        pickle.dumps,
        lambda secret: pickle.dumps(secret, protocol=0),
        copy.copy,
        copy.deepcopy,
        lambda secret: copy.deepcopy(Holder(secret)),
        lambda secret: asdict(Holder(secret)),
        lambda secret: secret.__getstate__(),
        lambda secret: secret.__reduce_ex__(4),
        json.dumps,
        bytes,
        iter,
        len,
        vars,
    ],
)
def test_a_secret_is_not_written_copied_or_taken_apart(writes: Callable[[Secret], object]) -> None:
    with pytest.raises(TypeError) as refused:
        writes(Secret(KEY))
    assert not shows("".join(traceback.format_exception(refused.value)), KEY)


def test_two_secrets_of_the_same_bytes_are_not_equal_and_none_has_an_order() -> None:
    first, second = Secret(KEY), Secret(KEY)
    assert first != second
    assert first == first  # noqa: PLR0124 - one object is itself
    assert len({first, second}) == 2
    with pytest.raises(TypeError):
        sorted([first, second])  # type: ignore[type-var]


def test_logging_a_secret_logs_nothing(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        logging.getLogger("caregate").error("opened %s with %r", Secret(KEY), {"key": Secret(KEY)})
    assert "Secret(...)" in caplog.text
    assert not shows(caplog.text, KEY)


@contextmanager
def told(*kinds: type[BaseException]) -> Iterator[list[str]]:
    """Catch what is raised inside and write its traceback with every local of every frame, causes and contexts too."""
    texts: list[str] = []
    with pytest.raises(kinds) as raised:
        yield texts
    fault: BaseException | None = raised.value
    waiting = [fault]
    while waiting:
        fault = waiting.pop()
        if fault is not None:
            frames = traceback.TracebackException.from_exception(fault, capture_locals=True).stack
            texts += [str(fault), *(locals_of(frame) for frame in frames if is_ours(frame.filename))]
            waiting += [fault.__cause__, fault.__context__]


def locals_of(frame: traceback.FrameSummary) -> str:
    """Write a frame's locals, each as it shows itself."""
    return "\n".join([frame.name, *(f"{name} = {shown}" for name, shown in (frame.locals or {}).items())])


def is_ours(filename: str) -> bool:
    """Leave out the frames of the tests themselves, whose locals are what is looked for."""
    return "/tests/" not in filename and "/_pytest/" not in filename and "/unittest/" not in filename


def test_the_looking_itself_finds_a_key_that_stands_in_a_local() -> None:
    """The control: a function of ours with plain bytes in a local would be caught."""
    namespace: dict[str, Callable[[], None]] = {}
    source = "def careless():\n    key = bytes.fromhex('%s')\n    raise ValueError\n" % KEY.hex()  # noqa: UP031
    exec(compile(source, "keys/careless.py", "exec"), namespace)  # noqa: S102
    with told(ValueError) as texts:
        namespace["careless"]()
    assert any(shows(text, KEY) for text in texts)


def test_no_failure_of_the_store_shows_a_key_even_with_locals(tmp_path: Path) -> None:
    entropy, root = Recorded(), Secret(SystemEntropy().secret_bytes(32, "root"))
    store = KeyStore(tmp_path, root, entropy, "2022")
    store.new_agreement("a")
    derived = [
        store.pseudonym_key("a", DOMAIN).reveal(),
        bytes.fromhex(store.pseudonym_key("a", DOMAIN).reveal().decode()),
    ]
    period = (tmp_path / "periods" / "2022").read_bytes()
    everything: list[str] = []
    for act in (
        lambda: store.rotate("a", date(2022, 3, 1), "c"),
        lambda: KeyStore(tmp_path, root, entropy, "2023").new_agreement("b"),
        lambda: store.new_agreement("c"),
        lambda: store.new_data_key(),
        lambda: KeyStore(tmp_path, root, entropy, "2024").retire_period("2022"),
    ):
        with full_disk(10), told(OSError) as texts:
            act()
        everything += texts
    record = tmp_path / "wrapped" / "a.json"
    held = json.loads(record.read_bytes())
    held["versions"][0]["wrapped"] = "00" * 40
    record.write_text(json.dumps(held))
    with told(CLDError) as texts:
        store.pseudonym_key("a", DOMAIN)
    with told(CLDError) as more:
        KeyStore(tmp_path, Secret(b"another root, of another house 3"), entropy, "2022")
    everything += texts + more
    assert len(everything) > 20
    secrets = [root.reveal(), period, *derived, *entropy.given]
    assert not [text for text in everything if shows(text, *secrets)]


def test_no_failure_of_the_shelf_shows_a_data_key(tmp_path: Path) -> None:
    store = KeyStore(tmp_path / "keys", Secret(b"r" * 32), SystemEntropy(), "2022")
    shelf = Shelf(tmp_path / "shelf", store)
    rows = pa.table({"name": ["somebody"] * 1000})
    dataset = shelf.store(rows.to_reader(), Identified)
    key = store.open_data_key(dataset.key_id).reveal()
    place = shelf.place(dataset)
    place.write_bytes(place.read_bytes()[:-1])
    with told(CLDError) as texts:
        shelf.open(dataset).read_all()
    given: list[bytes] = []
    make = store.new_data_key
    store.new_data_key = lambda: (made := make(), given.append(made[1].reveal()))[0]  # type: ignore[method-assign]
    with full_disk(1500), told(OSError) as more:
        shelf.store(rows.to_reader(), Identified)
    assert len(given) == 1
    assert not [text for text in texts + more if shows(text, key, *given)]


@pytest.mark.usefixtures("quick_passphrases")
def test_no_failure_of_a_root_or_a_ceremony_shows_root_share_or_passphrase(tmp_path: Path) -> None:
    entropy, passphrase = Recorded(), Secret(b"a passphrase to look for")
    everything: list[str] = []
    with full_disk(10), told(OSError) as texts:
        create_root(tmp_path / "root.json", passphrase, entropy)
    everything += texts
    create_root(tmp_path / "root.json", passphrase, entropy)
    with told(CLDError) as texts:
        open_root(tmp_path / "root.json", Secret(b"a wrong passphrase to look for"))
    everything += texts
    with full_disk(10), told(OSError) as texts:
        file_ceremony(tmp_path / "k", Played(), entropy, dry_run=False)
    everything += texts
    with full_disk(10), told(OSError) as texts:
        custody_ceremony(tmp_path / "k", [tmp_path / str(n) for n in range(5)], 3, Played(), entropy, dry_run=False)
    everything += texts
    typed = [passphrase.reveal(), b"a wrong passphrase to look for", passphrase_of("custodian 1").reveal()]
    assert len(everything) > 15
    assert not [text for text in everything if shows(text, *entropy.given, *typed) or typed[0].decode() in text]
    assert not [text for text in everything if "the words of" in text]


@pytest.mark.usefixtures("quick_passphrases")
def test_no_refusal_of_shares_shows_a_share(tmp_path: Path) -> None:
    root = Secret(SystemEntropy().secret_bytes(32, "root"))
    shares, commitments = split(root, 3, 5, "a set")
    made = custody_ceremony(
        tmp_path / "k", [tmp_path / str(n) for n in range(5)], 3, Played(), SystemEntropy(), dry_run=False
    )
    everything: list[str] = []
    for given in (
        shares[:2],
        (*shares[:2], shares[1]),
        (*shares[:2], altered(shares[2], 4)),
        (*shares[:2], Share(3, root)),
    ):
        with told(CLDError) as texts:
            combine(given, commitments)
        everything += texts
    with told(CLDError) as texts:
        root_of_shares([(path, passphrase_of("nobody")) for path in made.files[:3]], read_custody(tmp_path / "k"))
    everything += texts
    hidden = [share.content.reveal() for share in shares]
    halves = [half for secret in (*hidden, root.reveal()) for half in (secret[:16], secret[16:])]
    assert not [text for text in everything if shows(text, *hidden, *halves, root.reveal())]


def test_no_key_stands_in_the_engines_log_plan_or_error(tmp_path: Path) -> None:
    """Keys never come near the engine; its own log and profile are held to that."""
    key = domain_key(Secret(b"s" * 32), Secret(b"p" * 32), DOMAIN)
    padded = [bytes(byte ^ pad for byte in key.reveal().ljust(64, b"\0")) for pad in (0x36, 0x5C)]
    secrets = (key.reveal(), *padded)
    with scratch_engine(tmp_path).session() as session:
        connection = session._connection  # noqa: SLF001 - the engine behind the session is what is looked at
        connection.execute("call enable_logging(level => 'debug')")
        connection.execute("set enable_profiling = 'json'")
        connection.execute(f"set profiling_output = '{tmp_path / 'profile.json'}'")
        session.table("source", Query("select cast(range as varchar) as identifier from range(100)"))
        pseudonym_table(session, "made", "source", "identifier", key, DOMAIN)
        connection.execute("set enable_profiling = 'no_output'")
        logged = repr(connection.execute("select * from duckdb_logs()").fetchall())
        with pytest.raises(Exception) as refused:  # noqa: B017, PT011 - whatever the engine says
            pseudonym_table(session, "again", "source", "no_such_column", key, DOMAIN)
    assert "distinct_identifiers" in logged, "the log did not see the work: the test would say nothing"
    profile = (tmp_path / "profile.json").read_text("utf-8")
    texts = [logged, profile, *traceback.format_exception(refused.value)]
    engine_forms = ["".join(f"\\x{byte:02X}" for byte in secret) for secret in secrets]
    assert not [text for text in texts if shows(text, *secrets) or any(form[:32] in text for form in engine_forms)]


@pytest.mark.usefixtures("quick_passphrases")
def test_nothing_in_the_folder_of_a_keystore_holds_a_secret_in_clear_but_the_period_keys(tmp_path: Path) -> None:
    entropy = Recorded()
    root = create_root(tmp_path / "root.json", Secret(b"a passphrase to look for"), entropy)
    store = KeyStore(tmp_path, root, entropy, "2022")
    store.new_agreement("a")
    store.rotate("a", date(2022, 3, 1), "a custodian")
    data_key = store.new_data_key()[1].reveal()
    for path in tmp_path.rglob("*"):
        if path.is_file() and path.parent.name != "periods":
            content = path.read_bytes()
            assert not [
                secret for secret in (*entropy.given, data_key) if secret in content or secret.hex().encode() in content
            ]


def secrets_of(space: Workspace) -> list[bytes]:
    """Open everything that a workspace's keystore can open, and derive what it can derive."""
    store, periods = space.keys, Periods(space.folder / KEYSTORE / "periods", space.entropy)
    root = unseal(
        json.loads((space.folder / KEYSTORE / "root.json").read_text()), Secret(DEMO_PASSPHRASE), b"caregate/root/1"
    )
    assert root is not None
    found = [root, pepper_of(root)]
    for name in periods.names():
        found += [periods.key(name), key_encryption_key(root, periods.key(name))]
    for key_id in store.key_ids():
        for version in store.versions(key_id):
            if version.wrapped:
                secret = unwrap(key_encryption_key(root, periods.key(version.period)), version.wrapped)
                assert secret is not None
                found.append(secret)
    return [secret.reveal() for secret in found]


def test_no_file_of_a_finished_demo_holds_a_secret_but_the_period_keys(demo_folder: Path) -> None:
    """Database, shelf, packages, reports and log: no byte string of a root, a secret or a key, in any usual writing."""
    space = open_demo_workspace(demo_folder)
    secrets = secrets_of(space)
    space.journal.close()
    assert len(secrets) > 10
    forms = {form for s in secrets for form in (s, s.hex().encode(), s.hex().upper().encode(), b64encode(s)[:-2])}
    periods, n_files = [], 0
    for path in demo_folder.rglob("*"):
        if path.is_file():
            content, n_files = path.read_bytes(), n_files + 1
            if path.parent.name == "periods":
                periods.append(content in forms)
                continue
            assert not any(form in content for form in forms), path.name
    assert n_files > 20
    assert any(periods), "the control: what is looked for is found where it may be"
