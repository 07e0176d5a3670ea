"""One run at a time in a folder: a lock that the system lets go of when a process ends, however it ends."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from tellapart import files
from tellapart.errors import OutputError, one_line
from tellapart.runs.folder import LOCK, check_claim
from tellapart.runs.previous import check_previous

TAKEN = frozenset({errno.EACCES, errno.EAGAIN, errno.EDEADLK})
BEYOND = 1 << 20  # the byte that is locked where locks are of bytes: far behind the text, which others may read
LONGEST = 200  # characters of the text


@contextlib.contextmanager
def only_run(folder: Path, *, force: bool) -> Iterator[None]:
    """Make a folder that may be claimed, and keep every other run out of it while this lasts.

    Raises:
        OutputError: another run is at work there, or as `check_claim` and `check_previous`.
    """

    def check() -> None:
        check_claim(folder, force=force)
        check_previous(folder)

    with alone_in(folder, check):
        yield


@contextlib.contextmanager
def alone_in(folder: Path, check: Callable[[], None]) -> Iterator[None]:
    """Make a folder that passes a check, and keep everyone else who does so out of it while this lasts.

    Where the file system knows no locks, nothing is kept out.

    Raises:
        OutputError: another is at work there, or as the check says.
    """
    check()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle = open_locked(folder / LOCK, where=folder, taken="another run is at work in this folder")
    except OSError as error:
        raise files.output_error(error, folder) from error
    try:
        check()  # another may have ended here since
        os.ftruncate(handle, 0)
        os.write(handle, owner_text().encode())
        yield
    finally:
        with contextlib.suppress(OSError):
            if os.name != "nt":
                (folder / LOCK).unlink()  # while it is still locked, so that it is ours
        os.close(handle)


def open_locked(path: Path, *, where: Path, taken: str) -> int:
    """A locked file by its handle: the one that is there under that name, and not one that its owner has removed.

    Raises:
        OutputError: another process holds the lock; it says that something is taken, and where.
        OSError: the file cannot be opened.
    """
    while True:
        with contextlib.suppress(FileNotFoundError):
            if not stat.S_ISREG(path.lstat().st_mode):
                path.unlink()  # no lock of ours
        handle = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o666)
        try:
            _lock(handle)
        except OSError as error:
            if error.errno in TAKEN:
                owner = _owner(handle)
                os.close(handle)
                what = f"{taken}{f' ({owner})' if owner else ''}"
                raise OutputError(what, where=where, hint="Let it end, or choose another with -o.") from None
        with contextlib.suppress(OSError):
            if os.path.samestat(os.fstat(handle), path.stat()):
                return handle
        os.close(handle)


def _lock(handle: int) -> None:
    """Lock a file, or fail at once; see flock(2), and msvcrt.locking in Python's documentation."""
    if os.name == "nt":
        import msvcrt

        os.lseek(handle, BEYOND, os.SEEK_SET)
        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]
        os.lseek(handle, 0, os.SEEK_SET)
    else:
        import fcntl

        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)


def owner_text() -> str:
    """Which process this is, and since when it holds a lock."""
    return f"process {os.getpid()}, since {time.strftime('%Y-%m-%d %H:%M:%S')}"


def _owner(handle: int) -> str:
    with contextlib.suppress(OSError):
        return one_line(os.pread(handle, LONGEST, 0).decode("utf-8", errors="replace"))
    return ""
