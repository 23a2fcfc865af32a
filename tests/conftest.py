"""What the tests share: one small demo, and one journey held open with its documents."""

from __future__ import annotations

import shutil
from collections.abc import Collection, Iterator
from pathlib import Path

import pytest

from api.demo.demo import run_demo
from cld.progress import Silent
from tests.lib.commands import build_commands_once
from tests.lib.journey import OpenJourney, open_journey
from tests.lib.life import Life, let_passphrases_cost_little, linked_workspace
from tests.lib.passphrases import stretch_once
from tests.lib.postgres import Server, closing_connections, postgres_programs, running_server
from tests.lib.secret_watch import Heard, files_of, traces, watch_secrets
from tests.lib.watched import attack_what_is_due, watch_suppression

watch_suppression()  # before any test module takes the door by its name
build_commands_once()
stretch_once()
SECRETS, HEARD = watch_secrets(), Heard()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add --long: the long forms of generative and fault tests."""
    parser.addoption("--long", action="store_true", help="run the long forms")


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Keep what a test printed, logged and showed when it failed."""
    for _, said in report.sections:
        HEARD.hear(report.nodeid, said)
    HEARD.hear(report.nodeid, report.longreprtext)


@pytest.fixture(scope="session", autouse=True)
def watched_secrets(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Collection[bytes]]:
    """Once all tests have run, look for every secret of theirs in the files that they left and in all that they said."""
    yield SECRETS
    found = traces(SECRETS, [*HEARD.parts()]) + traces(SECRETS, files_of(tmp_path_factory.getbasetemp()))
    assert not found, f"of {len(SECRETS)} secrets some stand in: {', '.join(found[:20])}"


@pytest.fixture(scope="session")
def is_long(request: pytest.FixtureRequest) -> bool:
    """Say whether the long forms run."""
    return bool(request.config.getoption("--long"))


@pytest.fixture(autouse=True)
def attacked() -> Iterator[None]:
    """Attack every pattern that the test had made and did not attack itself."""
    yield
    attack_what_is_due()


@pytest.fixture(scope="session")
def demo_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished demo of 6,000 people."""
    out = tmp_path_factory.mktemp("demo") / "workspace"
    run_demo(out, n_people=6_000, seed=7, n_threads=2, progress=Silent())
    return out


@pytest.fixture(scope="session")
def linked_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with one council's linked data, nothing applied for."""
    return linked_workspace(tmp_path_factory.mktemp("linked") / "workspace")


@pytest.fixture
def life(linked_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Life:
    """Commands on a copy of that workspace; each opens its root anew, so the passphrase costs little here."""
    let_passphrases_cost_little(monkeypatch)
    folder = tmp_path / "workspace"
    shutil.copytree(linked_folder, folder)
    return Life(folder)


@pytest.fixture
def journey(tmp_path: Path) -> OpenJourney:
    """A journey up to the checked extract of one council, nothing released yet."""
    return open_journey(tmp_path)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Server]:
    """A PostgreSQL server; tests that need it are skipped, and counted as skipped, where there is none."""
    programs = postgres_programs()
    if programs is None:
        pytest.skip("PostgreSQL is not here")
    with running_server(programs) as server:
        yield server


@pytest.fixture
def postgres(postgres_server: Server) -> Iterator[Server]:
    """The server; what a test leaves connected to it is closed."""
    with closing_connections():
        yield postgres_server


@pytest.fixture(params=["sqlite", "postgresql"])
def database_place(request: pytest.FixtureRequest, tmp_path: Path) -> Path | str:
    """Where an empty database lies: a test that takes this runs on both kinds."""
    if request.param == "sqlite":
        return tmp_path / "kept.sqlite"
    server: Server = request.getfixturevalue("postgres")
    return server.new_database()
