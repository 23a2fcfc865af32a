"""A PostgreSQL server of the tests' own: its data in a temporary folder, reached through a socket in the same place."""

from __future__ import annotations

import itertools
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import event
from sqlalchemy.pool import Pool

INSTALLED = Path("/usr/lib/postgresql")
ACCOUNT = "postgres"
LEAST_VERSION = 15
SETTINGS = {"listen_addresses": "", "fsync": "off", "full_page_writes": "off", "max_connections": "40"}


def postgres_programs() -> Path | None:
    """Return the folder of the newest server's programs; None where there is none that these tests can start."""
    try:
        import psycopg  # noqa: F401, PLC0415
    except ImportError:
        return None
    versions = [int(path.name) for path in INSTALLED.glob("[0-9]*") if path.name.isdigit()]
    usable = [version for version in versions if version >= LEAST_VERSION]
    if not usable or (os.geteuid() == 0 and ACCOUNT not in {entry.pw_name for entry in pwd.getpwall()}):
        return None
    return INSTALLED / str(max(usable)) / "bin"


@dataclass(slots=True)
class Server:
    """A running server; every database of it is empty when it is made."""

    programs: Path
    folder: Path
    names: Iterator[int] = field(default_factory=itertools.count)

    def new_database(self) -> str:
        """Make an empty database and return its address."""
        name = f"test_{next(self.names)}"
        _run(self.programs / "createdb", "--host", str(self.folder), "--username", "caregate", name)
        return f"postgresql://caregate@/{name}?host={self.folder}"


def _run(*command: object) -> None:
    """Run a program of PostgreSQL's, which refuses to be run by root."""
    as_account = ["setpriv", f"--reuid={ACCOUNT}", f"--regid={ACCOUNT}", "--clear-groups"] if os.geteuid() == 0 else []
    found = subprocess.run(
        [*as_account, *map(str, command)],
        check=False, capture_output=True, text=True, cwd="/", env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"},
    )  # fmt: skip
    assert found.returncode == 0, found.stdout + found.stderr


@contextmanager
def closing_connections() -> Iterator[None]:
    """Close at the end every connection to PostgreSQL that was opened meanwhile, whoever left it open."""
    opened: list[Any] = []

    def keep(connection: Any, _: object) -> None:
        if type(connection).__module__.startswith("psycopg"):
            opened.append(connection)

    event.listen(Pool, "connect", keep)
    try:
        yield
    finally:
        event.remove(Pool, "connect", keep)
        for connection in opened:
            connection.close()


@contextmanager
def running_server(programs: Path) -> Iterator[Server]:
    """Start a server and stop it; the socket's name must be short, so the folder is not among pytest's."""
    folder = Path(tempfile.mkdtemp(prefix="caregate-pg-"))
    if os.geteuid() == 0:
        shutil.chown(folder, ACCOUNT, ACCOUNT)
    settings = " ".join(f"-c {name}='{value}'" for name, value in SETTINGS.items())
    control = (programs / "pg_ctl", "--pgdata", folder / "data", "-w", "-s", "-l", folder / "log")
    try:
        _run(programs / "initdb", "--pgdata", folder / "data", "--username", "caregate", "--auth", "trust", "--no-sync", "--encoding", "UTF8")  # fmt: skip
        _run(*control, "-o", f"{settings} -c unix_socket_directories='{folder}'", "start")
        try:
            yield Server(programs, folder)
        finally:
            _run(*control, "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
