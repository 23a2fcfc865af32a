"""The archive of a package: written one way only, and opened with suspicion.

Names rise in order, every time is 1980, Parquet is stored and the rest deflated, nothing stands before, between or after. An
archive in another form was packed by somebody else. Nothing is written of an archive that could write elsewhere, that
holds a link or a name twice, or that swells beyond reason.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import stat
import zipfile
import zlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from cld.errors import InputError

__all__ = ["BadArchive", "Unpacked", "pack_folder", "unpack"]

EPOCH = (1980, 1, 1, 0, 0, 0)
PLAIN_FILE = (stat.S_IFREG | 0o644) << 16
SAFE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*(/[A-Za-z0-9_][A-Za-z0-9_.-]*)*")
MOST_FILES = 10_000
MOST_RATIO = 200
FREE_OF_RATIO_BYTES = 16 << 20
MOST_BYTES = 256 << 30
MOST_LETTERS = 240
LOCAL_HEAD_BYTES, LARGE_EXTRA_BYTES, END_BYTES = 30, 20, 22
LARGE_BYTES = (1 << 31) - 1
CHUNK = 1 << 20
THREADS = 2


class BadArchive(Exception):  # noqa: N818 - a finding about what was given
    """An archive that is not opened; the message says why."""


@dataclass(frozen=True, slots=True)
class Unpacked:
    """What was written: SHA-512 digests by name, and how the archive's form differs from the sender's, if it does."""

    digests: dict[str, str]
    packed_again: str


def pack_folder(folder: Path, path: Path) -> None:
    """Pack a folder into an archive, always to the same bytes."""
    with zipfile.ZipFile(path, "w", allowZip64=True) as target:
        for name in sorted(one.relative_to(folder).as_posix() for one in folder.rglob("*") if one.is_file()):
            with (
                (folder / name).open("rb") as source,
                target.open(_entry(name), "w", force_zip64=_big(folder / name)) as sink,
            ):
                shutil.copyfileobj(source, sink, CHUNK)


def _big(path: Path) -> bool:
    return path.stat().st_size > LARGE_BYTES


def _entry(name: str) -> zipfile.ZipInfo:
    made = zipfile.ZipInfo(name, EPOCH)
    made.compress_type = zipfile.ZIP_STORED if name.endswith(".parquet") else zipfile.ZIP_DEFLATED
    made.external_attr, made.create_system = PLAIN_FILE, 3
    return made


def unpack(path: Path, folder: Path, most_bytes: int = MOST_BYTES) -> Unpacked:
    """Write an archive's files into an empty folder and return their digests.

    Raises: BadArchive, before anything is written where the archive's own list already tells; InputError if the disk has
            too little room.
    """
    try:
        with zipfile.ZipFile(path) as source:
            entries = source.infolist()
            _hold_list(entries, most_bytes)
            if sum(entry.file_size for entry in entries) > shutil.disk_usage(folder).free:
                message = "There is too little room on the disk to open the package."
                raise InputError(message, "Free space, or set TMPDIR to a larger disk.")
            for entry in entries:
                (folder / entry.filename).parent.mkdir(parents=True, exist_ok=True)
            with ThreadPoolExecutor(THREADS) as workers:
                written = workers.map(lambda entry: (entry.filename, _written(source, entry, folder)), entries)
                digests = dict(written)
            return Unpacked(digests, _packed_again(source, entries, path))
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError) as fault:
        message = "the archive is damaged or was cut short: ask the sender for the package again"
        raise BadArchive(message) from fault


def _hold_list(entries: list[zipfile.ZipInfo], most_bytes: int) -> None:
    names = [entry.filename for entry in entries]
    if len(names) > MOST_FILES:
        message = f"the archive holds {len(names)} files, a package has no more than {MOST_FILES}"
        raise BadArchive(message)
    if any(stat.S_ISLNK(entry.external_attr >> 16) for entry in entries):
        message = "the archive holds a symbolic link: a package has none"
        raise BadArchive(message)
    if names and all("/" in name for name in names) and len({name.split("/")[0] for name in names}) == 1:
        message = "the archive was packed again within a folder: give that folder, opened, instead"
        raise BadArchive(message)
    if not all(len(name) <= MOST_LETTERS and SAFE_NAME.fullmatch(name) for name in names):
        message = "the archive holds a name that leads out of its folder or that no package has"
        raise BadArchive(message)
    folded = {name.casefold() for name in names}
    if len(folded) != len(names) or any(str(up) in folded for name in folded for up in PurePosixPath(name).parents):
        message = "the archive holds a name twice"
        raise BadArchive(message)
    if any(entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) for entry in entries):
        message = "the archive was packed again by somebody else, in a way that no package is: it is not opened"
        raise BadArchive(message)
    swollen = [e for e in entries if e.file_size > FREE_OF_RATIO_BYTES and e.file_size > MOST_RATIO * e.compress_size]
    if swollen or sum(entry.file_size for entry in entries) > most_bytes:
        message = "the archive would swell beyond reason: it is not opened"
        raise BadArchive(message)
    ends = 0
    for entry in sorted(entries, key=lambda one: one.header_offset):
        if entry.header_offset < ends:
            message = "files of the archive overlap: it is not opened"
            raise BadArchive(message)
        ends = entry.header_offset + LOCAL_HEAD_BYTES + len(entry.filename.encode()) + entry.compress_size


def _written(source: zipfile.ZipFile, entry: zipfile.ZipInfo, folder: Path) -> str:
    target = folder / entry.filename
    running = hashlib.sha512()
    with source.open(entry) as stream, target.open("xb") as sink:
        while piece := stream.read(CHUNK):
            running.update(piece)
            sink.write(piece)
    return running.hexdigest()


def _has_gaps(entries: list[zipfile.ZipInfo]) -> bool:
    """Say whether anything stands before or between the files, as they follow each other in the archive."""
    ends = 0
    for entry in entries:
        if entry.header_offset != ends:
            return True
        large = LARGE_EXTRA_BYTES if entry.file_size > LARGE_BYTES else 0
        ends += LOCAL_HEAD_BYTES + len(entry.filename.encode()) + large + entry.compress_size
    return False


def _packed_again(source: zipfile.ZipFile, entries: list[zipfile.ZipInfo], path: Path) -> str:
    """Say how an archive differs from one of the sender's, or nothing."""
    names = [entry.filename for entry in entries]
    with path.open("rb") as stream:
        stream.seek(-END_BYTES, 2)
        ends_well = stream.read(4) == b"PK\x05\x06"
    as_sent = all(
        entry.date_time == EPOCH and not entry.comment and entry.external_attr == PLAIN_FILE
        and entry.compress_type == _entry(entry.filename).compress_type
        for entry in entries
    )  # fmt: skip
    if not ends_well or source.comment or _has_gaps(entries):
        return "something was added before, within or after the archive: give the opened folder instead if that was you"
    if names != sorted(names) or not as_sent:
        return "the archive was packed again by somebody else: give the opened folder instead if that was you"
    return ""
