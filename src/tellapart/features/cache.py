"""Features kept on disk, shared by every run of a user.

An entry is found by what went into it: the sha256 of the picture's bytes, the digest of the base, its precision, the
preprocess and the view. It holds the feature row as float16, what the decoder had to convert, and whatever else is kept
of the picture, under a checksum of its own, so that a damaged entry is made again and never believed.

The store is SQLite: one writer and many readers at once, safe under kill -9, and, unlike a memory-mapped store, an
error and not a crash when the file itself is damaged (docs/decisions.md). A cache that cannot be used is worked
without: it never stops a run.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import sqlite3
import stat
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tellapart.errors import OutputError, UsageError
from tellapart.files import FOLDER_VARIABLE, cache_folder, make_private, open_regular, output_error, real

LIMIT_VARIABLE = "TELLAPART_CACHE_LIMIT_MB"
DEFAULT_LIMIT = 5_000_000_000  # bytes; about 400,000 pictures of lite0
LIMIT, SHOWN = re.compile(r"-?[0-9]{1,9}"), 40
FILE_NAME = "features.sqlite"
SUFFIXES = ("", "-wal", "-shm", "-journal")  # of the files of one store
LONGEST = 16_000_000  # bytes of a value; a row and all that is kept with it take some 40,000
# Seconds of work in which a store must have said what tables it has or how many entries, and one more for as many bytes
# where it is gone through: its pages may lead back to one another.
PATIENCE, BYTES_A_SECOND = 2.0, 50_000_000
STEPS = 10_000  # of SQLite between two looks at the clock
EVICTED_SHARE = 0.25
REFRESH_AFTER = 86_400  # seconds; how stale a "last used" time may be
CHECK_BYTES = 16
# An entry that keeps more than its row has this after the row, then the rest; entries of earlier versions have none.
MORE = b"\xfftellapart-more\x00"
BUSY_SECONDS = 60
BUSY_PAUSE = 0.01  # seconds between tries where SQLite does not wait itself
# SQLITE_ERROR is what a statement of ours comes to on a table that is not ours any more.
DAMAGE_CODES = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR)
PRIMARY_CODE = 0xFF  # the bits of an extended code that hold the primary one
TABLE = """
    create table if not exists entry (
        key blob primary key, used integer not null, notes blob not null, row blob not null, digest blob not null
    )
"""
EVICTION = """
    delete from entry where key in (
        select key from entry order by used limit 1 + cast(? * (select count(key) from entry) as integer)
    )
"""
# A count of keys, not of rows, is made row by row, and so can be stopped.
COUNT = "select count(key) from entry"
# A journal that ends so names another file, which SQLite removes once it has gone back by this one ("super-journal",
# https://www.sqlite.org/fileformat2.html, section 3). Ours never name any.
JOURNAL, NAMES_ANOTHER = "-journal", bytes.fromhex("d9d505f920a163d7")
# All that SQLite's own table of contents may list, each white space a blank.
CONTENTS = {
    ("table", "entry", " ".join(TABLE.split()).replace("create table if not exists", "CREATE TABLE")),
    ("index", "sqlite_autoindex_entry_1", None),
}
NO_TEXT = "what stands in it is no text"
HalfRow = NDArray[np.float16]  # [D]


class ForeignStoreError(sqlite3.DatabaseError):
    """A store that no version of ours has made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One kept picture."""

    row: HalfRow  # its features float16 [D]
    notes: str  # what was converted while decoding it, "" for nothing
    more: bytes = b""  # whatever else is kept of it, b"" for nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheStatus:
    """What `tellapart cache` shows. Sizes in bytes; entries is None where the store is damaged."""

    folder: Path
    entries: int | None
    size: int
    limit: int


def cache_limit() -> int:
    """The size in bytes that the cache keeps below: TELLAPART_CACHE_LIMIT_MB, else, or where that is below 0, 5 GB.

    Raises:
        UsageError: the variable is no whole number of megabytes.
    """
    chosen = os.environ.get(LIMIT_VARIABLE, "").strip() or "-1"
    if not LIMIT.fullmatch(chosen):
        hint = "Set it to a whole number of megabytes, for example 5000, or leave it out."
        shown = chosen if len(chosen) <= SHOWN else f"{chosen[:SHOWN]}…"
        raise UsageError(f"{LIMIT_VARIABLE} is no whole number of megabytes", where=shown, hint=hint)
    return int(chosen) * 1_000_000 if int(chosen) >= 0 else DEFAULT_LIMIT


def entry_key(content_digest: bytes, *parts: str) -> bytes:
    """The key [32 bytes] of a picture's digest and everything else that its features depend on."""
    return hashlib.sha256(content_digest + "\x1f".join(parts).encode()).digest()


class FeatureCache:
    """An open cache. Every method may be called from any thread, and none of them raises: trouble means a miss."""

    def __init__(self, connection: sqlite3.Connection, *, path: Path, limit: int) -> None:
        """Use an open connection to the store at path, kept below limit bytes."""
        self._connection = connection
        self._lock = threading.Lock()
        self._used: list[bytes] = []
        self.path = path
        self.limit = limit
        self.trouble: sqlite3.Error | None = None

    def get(self, key: bytes) -> Entry | None:
        """The entry of a key, or None if there is none or what is there is damaged."""
        found = None
        with self._guarded():
            found = self._connection.execute(
                "select used, notes, row, digest from entry where key = ?", (key,)
            ).fetchone()
        if found is None:
            return None
        used, notes, row, digest = found
        if not (isinstance(notes, bytes) and isinstance(row, bytes)) or digest != _checksum(key, notes, row):
            return None
        if not isinstance(used, int) or abs(time.time() - used) > REFRESH_AFTER:
            self._used.append(key)
        features, _, more = row.partition(MORE)
        return Entry(row=np.frombuffer(features, np.float16), notes=notes.decode("utf-8", "surrogateescape"), more=more)

    def put(self, entries: Sequence[tuple[bytes, Entry]]) -> None:
        """Keep entries, all or none of them; the least recently used ones make room where the limit is reached."""
        with self._guarded(), self._connection:
            self._make_room()
            self._connection.executemany("insert or replace into entry values (?, ?, ?, ?, ?)", map(_record, entries))

    def takes_entries(self) -> bool:
        """Whether it can be written to, if only when others have written: one may be open to be read alone.

        Nothing is changed, and nobody is waited for.
        """
        with self._lock:
            try:
                self._connection.execute("pragma busy_timeout = 0")
                self._connection.execute("delete from entry where key = x''")
                self._connection.rollback()
            except sqlite3.Error as error:
                return getattr(error, "sqlite_errorcode", 0) & PRIMARY_CODE in (
                    sqlite3.SQLITE_BUSY,
                    sqlite3.SQLITE_LOCKED,
                )
            finally:
                self._connection.execute(f"pragma busy_timeout = {1000 * BUSY_SECONDS}")
        return True

    def close(self) -> None:
        """Note what was used, and close; a store that turned out damaged is removed, to be begun anew."""
        if self._used:  # else nobody who writes need be waited for
            with self._guarded(), self._connection:
                used = [(int(time.time()), key) for key in self._used]
                self._connection.executemany("update entry set used = ? where key = ?", used)
        self._connection.close()
        if self.trouble is not None and _is_damage(self.trouble):
            remove_store(self.path)

    @contextlib.contextmanager
    def _guarded(self) -> Iterator[None]:
        with self._lock:
            try:
                yield
            except sqlite3.Error as error:
                self.trouble = error
            except UnicodeDecodeError:  # SQLite tells of damage in the words that it finds there
                self.trouble = ForeignStoreError(NO_TEXT)

    def _make_room(self) -> None:
        pages, free, page_size = (
            self._connection.execute(f"pragma {name}").fetchone()[0]
            for name in ("page_count", "freelist_count", "page_size")
        )
        if (pages - free) * page_size >= self.limit:
            with _within(self._connection, seconds=PATIENCE + pages * page_size / BYTES_A_SECOND):
                self._connection.execute(EVICTION, (EVICTED_SHARE,))


@contextlib.contextmanager
def open_cache(folder: Path | None = None) -> Iterator[FeatureCache]:
    """Open the cache in folder (None: the user's own); a damaged store is removed and a new one begun.

    Raises:
        OSError, sqlite3.Error: it cannot be opened or made here.
    """
    path = (folder or cache_folder()) / FILE_NAME
    limit = cache_limit()
    make_private(path.parent)
    try:
        connection = _connect(path)
    except sqlite3.Error as error:
        if not _is_damage(error):
            raise
        remove_store(path)
        connection = _connect(path)
    cache = FeatureCache(connection, path=path, limit=limit)
    try:
        yield cache
    finally:
        cache.close()


def remove_store(path: Path) -> None:
    """Remove a store and the files that belong to it, whatever state they are in."""
    for suffix in SUFFIXES:
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def _drop_strange(path: Path) -> None:
    """Remove what SQLite would wait for or write to where the files of a store belong: links, pipes and devices.

    And a journal that names another file, which SQLite would remove.

    Raises:
        OSError: one cannot be removed.
    """
    for file in (path.with_name(path.name + suffix) for suffix in SUFFIXES):
        with contextlib.suppress(FileNotFoundError):
            if not stat.S_ISREG(mode := file.lstat().st_mode) and not stat.S_ISDIR(mode):
                file.unlink()
    journal = path.with_name(path.name + JOURNAL)
    if _ends_with(journal, NAMES_ANOTHER):
        journal.unlink()


def _ends_with(path: Path, end: bytes) -> bool:
    try:
        with open_regular(path) as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - len(end)))
            return file.read(len(end)) == end
    except OSError:
        return False


def cache_status(folder: Path | None = None) -> CacheStatus:
    """Look at the cache without changing it, a damaged one too.

    Raises:
        OutputError: it cannot be opened.
    """
    try:
        return _status(folder)
    except (OSError, sqlite3.Error) as error:
        hint = f"Choose another folder with {FOLDER_VARIABLE}."
        raise OutputError(f"the feature cache cannot be used ({error})", hint=hint) from error


def _status(folder: Path | None) -> CacheStatus:
    path = (folder or cache_folder()) / FILE_NAME
    kept = [path.with_name(path.name + suffix) for suffix in SUFFIXES]
    there = [file for file in kept if os.path.lexists(file)]
    strange = any(not stat.S_ISREG(file.lstat().st_mode) for file in there)
    entries = 0 if path not in there else None if strange else _count(path)
    size = sum(file.lstat().st_size for file in there)
    return CacheStatus(folder=path.parent, entries=entries, size=size, limit=cache_limit())


def _count(path: Path) -> int | None:
    """How many entries a store has, by a connection that cannot write; None where it is damaged."""
    # Where nobody has the store open there is no log beside it, and reading it as it lies puts none there.
    mode = "mode=ro" if path.with_name(f"{path.name}-wal").exists() else "immutable=1"
    address = f"{real(path).as_uri()}?{mode}"
    try:
        with contextlib.closing(sqlite3.connect(address, uri=True, timeout=BUSY_SECONDS)) as connection:
            _check_contents(connection)
            with _within(connection, seconds=PATIENCE):
                return int(connection.execute(COUNT).fetchone()[0])
    except sqlite3.Error as error:
        if not _is_damage(error):
            raise
        return None


def clear_cache(folder: Path | None = None) -> CacheStatus:
    """Remove every entry; returns what was there before."""
    before = cache_status(folder)
    try:
        remove_store(before.folder / FILE_NAME)
    except OSError as error:
        raise output_error(error, before.folder) from error
    return before


def _connect(path: Path) -> sqlite3.Connection:
    _drop_strange(path)
    with contextlib.suppress(OSError):  # so that it is nobody else's to read, as then are the files beside it
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    connection = sqlite3.connect(path, timeout=BUSY_SECONDS, check_same_thread=False, isolation_level="IMMEDIATE")
    try:
        _check_contents(connection)
        _write_ahead(connection)
        connection.execute("pragma synchronous = normal")
        connection.execute(TABLE)
        connection.commit()
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _check_contents(connection: sqlite3.Connection) -> None:
    """See that a store has our one table, or nothing: a view or a trigger in one from elsewhere would be run.

    Raises:
        sqlite3.Error: it has something else, or is damaged.
    """
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, LONGEST)
    connection.execute("pragma trusted_schema = off")
    connection.text_factory = lambda text: text.decode("utf-8", "replace")
    with _within(connection, seconds=PATIENCE):
        found = connection.execute("select type, name, sql from sqlite_master limit 3").fetchall()
    listed = {(kind, name, None if sql is None else " ".join(str(sql).split())) for kind, name, sql in found}
    if found and listed != CONTENTS:
        raise ForeignStoreError("it has other tables than ours")


@contextlib.contextmanager
def _within(connection: sqlite3.Connection, *, seconds: float) -> Iterator[None]:
    """Stop what is asked of a store meanwhile after so many seconds of work: there is no end to it.

    Raises:
        ForeignStoreError: it was stopped, or is damaged in a way that cannot be told.
    """
    until = time.thread_time() + seconds
    connection.set_progress_handler(lambda: int(time.thread_time() > until), STEPS)
    try:
        yield
    except sqlite3.OperationalError as error:
        if getattr(error, "sqlite_errorcode", 0) & PRIMARY_CODE == sqlite3.SQLITE_INTERRUPT:
            raise ForeignStoreError("there is no end to it") from error
        raise
    except UnicodeDecodeError as error:  # SQLite tells of damage in the words that it finds there
        raise ForeignStoreError(NO_TEXT) from error
    finally:
        connection.set_progress_handler(None, 0)


def _write_ahead(connection: sqlite3.Connection) -> None:
    """Keep the log ahead of the store; SQLite does not wait by itself where another process does the same just now."""
    until = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.execute("pragma journal_mode = wal")
        except sqlite3.OperationalError as error:
            if getattr(error, "sqlite_errorcode", 0) & PRIMARY_CODE != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
            time.sleep(BUSY_PAUSE)
        else:
            return


def _is_damage(error: sqlite3.Error) -> bool:
    """Whether the store itself is broken; a full disk, a lock or missing rights leave it whole."""
    return isinstance(error, ForeignStoreError) or getattr(error, "sqlite_errorcode", 0) & PRIMARY_CODE in DAMAGE_CODES


def _record(item: tuple[bytes, Entry]) -> tuple[bytes, int, bytes, bytes, bytes]:
    key, entry = item
    notes, row = entry.notes.encode("utf-8", "surrogateescape"), entry.row.tobytes()
    if entry.more:
        row += MORE + entry.more
    return key, int(time.time()), notes, row, _checksum(key, notes, row)


def _checksum(key: bytes, notes: bytes, row: bytes) -> bytes:
    return hashlib.blake2b(row + notes, key=key, digest_size=CHECK_BYTES).digest()
