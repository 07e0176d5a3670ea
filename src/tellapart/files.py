"""Writing that leaves either the old file or the whole new one, and reading with a bound."""

from __future__ import annotations

import contextlib
import csv
import errno
import io
import json
import os
import stat
import struct
import sys
import tempfile
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from tellapart.errors import OutputError
from tellapart.stores import Origin, StoredObject, read_stored, size_of_stored

FOLDER_VARIABLE = "TELLAPART_CACHE"
STAGED_PREFIX = ".tellapart-"
# Of a JSON document: Python takes up to some 200 bytes for an object or a list, and up to some 60 for another value.
MOST_HOLDERS, MOST_VALUES = 1_500_000, 10_000_000
O_NONBLOCK, O_BINARY, O_CLOEXEC = (getattr(os, name, 0) for name in ("O_NONBLOCK", "O_BINARY", "O_CLOEXEC"))


@contextlib.contextmanager
def staged(path: Path, *, follow: bool = False, private: bool = False) -> Iterator[Path]:
    """Yield a name beside path to write to; on success it is renamed over path, on any failure it is removed.

    What is no regular file (a device, a folder) is never replaced.

    Args:
        path: the file to be.
        follow: whether a symbolic link at path is followed: for a file that the user has named. Else it is replaced,
            since a folder may come from elsewhere, and its links lead where its maker wanted.
        private: whether nobody else may read it.

    Raises:
        OutputError: the folder cannot be written to, the disk is full, or something other than a file is there.
    """
    path = writable_place(path, follow=follow)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=STAGED_PREFIX, suffix=path.suffix, dir=path.parent)
        os.close(handle)
    except OSError as error:
        raise output_error(error, path) from error
    temporary = Path(name)
    try:
        yield temporary
        put_in_place(temporary, path, private=private)
    except OSError as error:
        raise output_error(error, path) from error
    finally:
        temporary.unlink(missing_ok=True)


def writable_place(path: Path, *, follow: bool = False) -> Path:
    """Where a file of that name comes to lie; arguments as for `staged`.

    Raises:
        OutputError: something other than a file is there.
    """
    path = real(path) if follow else real(path.parent) / path.name
    if (follow or not path.is_symlink()) and path.exists() and not path.is_file():
        raise OutputError("cannot write, this is no regular file", where=path, hint="Choose another place with -o.")
    return path


def put_in_place(finished: Path, path: Path, *, private: bool = False) -> None:
    """Rename a file that is written to the end over another one, once it is on the disk.

    Raises:
        OSError: it cannot be done.
    """
    with finished.open("rb") as file:
        os.fsync(file.fileno())
    finished.chmod(0o600 if private else 0o666 & ~_umask())
    finished.replace(path)


def real(path: Path) -> Path:
    """The absolute place that a path leads to, links followed; of a link that leads in a circle, the link itself."""
    return Path(os.path.realpath(path))  # pathlib raises where there is a circle


def output_error(error: OSError, path: Path) -> OutputError:
    """What the operating system said of writing to path, as an error of ours with a way out."""
    reason = (error.strerror or str(error)).lower()
    return OutputError(
        f"cannot write ({reason})",
        where=path,
        hint="Free some space or choose another place with -o, then run it again.",
    )


def write_bytes(path: Path, content: bytes, *, follow: bool = False, private: bool = False) -> None:
    with staged(path, follow=follow, private=private) as temporary:
        temporary.write_bytes(content)


def write_text(path: Path, content: str) -> None:
    """Write UTF-8 with line feeds on every system, so that the same result is the same bytes."""
    try:
        encoded = content.encode("utf-8", errors="surrogateescape")
    except UnicodeEncodeError:  # half a letter, which no file name gave; in JSON its escape means the same
        encoded = content.encode("utf-8", errors="backslashreplace")
    write_bytes(path, encoded)


def write_json(path: Path, document: object) -> None:
    write_text(path, to_json(document) + "\n")


def to_json(document: object) -> str:
    """JSON with two spaces, keys in the order given, no NaN."""
    return json.dumps(document, ensure_ascii=False, indent=2, allow_nan=False)


def to_json_line(document: object) -> str:
    """One line of JSON Lines."""
    return json.dumps(document, ensure_ascii=False, allow_nan=False) + "\n"


def write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Write a CSV file as RFC 4180 has it, but with line feeds: fields are quoted only where they must be."""
    write_text(path, csv_text(header, rows))


def csv_text(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """A table as the text of a CSV file with line feeds."""
    return csv_rows([header]) + csv_rows(rows)


def csv_rows(rows: Iterable[Sequence[Any]]) -> str:
    """Rows as the text of a CSV file with line feeds."""
    text = io.StringIO(newline="")
    # With its own line ending the csv module quotes a lone carriage return in a field; with a line feed it would not.
    csv.writer(_LineFeeds(text)).writerows(rows)
    return text.getvalue()


class _LineFeeds:
    """Takes rows that end in CR LF and passes them on ending in LF."""

    def __init__(self, text: io.StringIO) -> None:
        self._text = text

    def write(self, row: str) -> int:
        return self._text.write(row.removesuffix("\r\n") + "\n")


def read_bounded(path: Origin, *, limit: int) -> bytes:
    """Read a whole file, or an object of a store, of at most limit bytes.

    Raises:
        ValueError: the file is larger than limit.
        OSError: it cannot be read.
        DataError, MissingExtraError: of a store, as `read_stored`.
    """
    content = read_start(path, most=limit + 1)
    if len(content) > limit:
        message = f"larger than {limit:,} bytes"
        raise ValueError(message)
    return content


def read_start(path: Origin, *, most: int) -> bytes:
    """The first bytes of a file or an object, so many at most.

    Raises:
        OSError, DataError, MissingExtraError: as `read_bounded`.
    """
    if isinstance(path, StoredObject):
        return read_stored(path, most=most)
    with open_regular(path) as file:
        # No more than the size the file has, because Python sets aside what it is asked to read before it reads.
        return file.read(min(os.fstat(file.fileno()).st_size + 1, most))


def size_of(path: Origin) -> int:
    """The bytes of a file or an object.

    Raises:
        OSError, DataError, MissingExtraError: as `read_bounded`.
    """
    return size_of_stored(path) if isinstance(path, StoredObject) else os.stat(path).st_size  # noqa: PTH116  (100,000 of them)


def parse_json(content: bytes) -> Any:  # noqa: ANN401 - whatever JSON holds
    """The value of a JSON document that may be hostile: as plain data, of bounded depth and number.

    Raises:
        ValueError: it is not JSON, or too deep, or of more parts than memory is for.
    """
    if content.count(b"[") + content.count(b"{") > MOST_HOLDERS or content.count(b",") > MOST_VALUES:
        raise ValueError("too many parts")
    try:
        return json.loads(content)
    except RecursionError as error:
        raise ValueError("too deep") from error


def open_regular(path: str | Path) -> io.FileIO:
    """Open a file to be read, by the one door that everything of ours reads through.

    A pipe or a device may keep whoever opens or reads it waiting for ever, or never end.

    Raises:
        OSError: it cannot be opened, or is no regular file.
    """
    handle = os.open(path, os.O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_BINARY)
    mode = os.fstat(handle).st_mode
    if stat.S_ISREG(mode):
        return os.fdopen(handle, "rb", buffering=0)
    os.close(handle)
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), os.fspath(path))
    raise OSError(errno.EINVAL, "Not a regular file", os.fspath(path))


def with_short_directory(file: BinaryIO, *, longest: int) -> BinaryIO:
    """The same zip file, if its table of contents takes at most so many bytes: Python reads that as a whole.

    Where the end of the table stands is fixed for a file without a comment, as ours and torch's are; see the records
    "end of central directory" and its ZIP64 kin in PKWARE's APPNOTE, 4.3.14 to 4.3.16.

    Raises:
        zipfile.BadZipFile: it is too long, or not at the end.
    """
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - 98))
    tail = file.read()
    end = tail[-22:]
    if len(end) < 22 or end[:4] != b"PK\x05\x06" or end[20:] != b"\0\0":
        raise zipfile.BadZipFile("no end of a table of contents")
    length = struct.unpack("<L", end[12:16])[0]
    if tail[-42:-38] == b"PK\x06\x07":
        record = tail[-98:-42]
        if record[:4] != b"PK\x06\x06":
            raise zipfile.BadZipFile("no end of a table of contents")
        length = struct.unpack("<Q", record[40:48])[0]
    if length > longest:
        raise zipfile.BadZipFile("too long a table of contents")
    return file


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current


def cache_folder() -> Path:
    """Where the cache lies: TELLAPART_CACHE, else the system's folder for caches.

    Raises:
        OSError: there is no home folder to put it in.
    """
    if chosen := os.environ.get(FOLDER_VARIABLE):
        return Path(os.path.expanduser(chosen))  # noqa: PTH111  pathlib's raises where there is no such home
    try:
        return _system_folder()
    except RuntimeError as error:
        raise OSError(f"{error} Set {FOLDER_VARIABLE}.") from error


def make_private(folder: Path) -> None:
    """Make a folder, and those above it that are missing, so that nobody else may look into them.

    Raises:
        OSError: it cannot be made.
    """
    for missing in [place for place in (*reversed(folder.parents), folder) if not place.exists()]:
        missing.mkdir(mode=0o700, exist_ok=True)
    if not folder.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), os.fspath(folder))


def _system_folder() -> Path:
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "tellapart"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local")) / "tellapart" / "cache"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tellapart"
