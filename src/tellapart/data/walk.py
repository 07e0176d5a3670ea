"""All pictures below one folder, each folder entered once, without a system call per file."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tellapart.data.formats import SNIFFED, has_picture_ending, looks_like_picture
from tellapart.data.names import written
from tellapart.errors import DataError
from tellapart.types import LedgerEntry

Identity = tuple[int, int]  # device and inode number: the same for every name of one file

SYSTEM_FOLDERS: Final = frozenset({"__MACOSX", "@eaDir", "$RECYCLE.BIN", "System Volume Information", "lost+found"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One picture file: its path below the root with forward slashes, where it is, and which file it is."""

    path: str
    file: str
    identity: Identity


@dataclass(slots=True, kw_only=True)
class Walk:
    """One walk over several folders: what was passed over, and which folders were entered (to stop at loops).

    Attributes:
        skipped: files and folders passed over, with the reason, in the order met.
        entered: the path under which each folder was entered first, and the class it was entered for.
    """

    skipped: list[LedgerEntry] = field(default_factory=list)
    entered: dict[Identity, tuple[str, str | None]] = field(default_factory=dict)

    def skip(self, path: str, reason: str) -> None:
        self.skipped.append(LedgerEntry(path=written(path), status="skipped", reason=written(reason)))

    def stay_below(self, root: Path) -> None:
        """Never enter root or a folder above it, which a link inside the data may lead to."""
        resolved = root.resolve()
        for folder in (resolved, *resolved.parents):
            self.entered[folder_identity(folder)] = (str(folder), None)

    def pictures(self, folder: str | Path, *, prefix: str, label: str | None = None) -> Iterator[Found]:
        """Every picture below folder, folders and files by name in code point order.

        Args:
            folder: where to start.
            prefix: what goes before the paths found: "" or a path that ends in a slash.
            label: the class it is for.

        Raises:
            DataError: a folder cannot be listed, or was entered before for another class.
        """
        chain = [self._enter(folder, prefix, label)]
        while chain:
            entry, path, device = next(chain[-1], (None, "", 0))
            if entry is None:
                chain.pop()
            elif is_folder(entry):
                if not self.passes_over(entry, path=path):
                    chain.append(self._enter(entry.path, f"{path}/", label))
            elif (found := self.picture(entry, path=path, device=device)) is not None:
                yield found

    def _enter(self, folder: str | Path, prefix: str, label: str | None) -> Iterator[tuple[os.DirEntry[str], str, int]]:
        """The entries of a folder, each with its path and the folder's device; none where it was entered before."""
        identity = folder_identity(folder)
        if identity in self.entered:
            self._again(prefix, label, *self.entered[identity])
            return iter(())
        self.entered[identity] = (prefix, label)
        return ((entry, prefix + entry.name, identity[0]) for entry in list_folder(folder))

    def _again(self, path: str, label: str | None, first: str, first_label: str | None) -> None:
        if first_label is not None and first_label != label:
            what = f"the same folder under two classes, {first_label!r} and {label!r}"
            raise DataError(what, where=f"{first} and {path}", hint="Keep one of the two.")
        self.skip(path, f"the same folder as {first}")

    def passes_over(self, folder: os.DirEntry[str], *, path: str) -> bool:
        """Whether nothing in this folder counts; then it stands in skipped as one entry."""
        hidden, system = folder.name.startswith("."), folder.name in SYSTEM_FOLDERS
        if hidden or system:
            self.skip(f"{path}/", "hidden folder" if hidden else "folder of the operating system")
        return hidden or system

    def picture(self, entry: os.DirEntry[str], *, path: str, device: int) -> Found | None:
        """The file if it is a picture; else None, and it stands in skipped."""
        if entry.name.startswith("."):
            self.skip(path, "hidden file")
            return None
        try:
            identity = _identity(entry, device)
            if identity is not None and (has_picture_ending(entry.name) or starts_like_picture(entry.path)):
                return Found(path=path, file=entry.path, identity=identity)
            self.skip(path, "not a picture" if identity is not None else "not a regular file")
        except OSError as error:
            self.skip(path, f"cannot be opened ({(error.strerror or 'broken link').lower()})")
        return None


def list_folder(folder: str | Path) -> list[os.DirEntry[str]]:
    """The entries of a folder by name in code point order.

    Raises:
        DataError: it cannot be listed.
    """
    try:
        with os.scandir(os.fspath(folder)) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        raise locked(folder, error) from error


def locked(folder: str | Path, error: OSError) -> DataError:
    reason = (error.strerror or str(error)).lower()
    hint = "Give yourself the permission to read it, or take it out of the data."
    return DataError(f"cannot list the folder ({reason})", where=str(folder), hint=hint)


def is_folder(entry: os.DirEntry[str]) -> bool:
    """Whether it is a folder or a link to one; False where a link leads in a circle."""
    try:
        return entry.is_dir()
    except OSError:
        return False


def folder_identity(folder: str | Path) -> Identity:
    try:
        status = os.stat(folder)  # noqa: PTH116  (a str all the way down: a Path per entry would double the time)
    except OSError as error:
        raise locked(folder, error) from error
    return status.st_dev, status.st_ino


def _identity(entry: os.DirEntry[str], device: int) -> Identity | None:
    """Which file it is, or None for a pipe, socket or device. Only links cost a system call."""
    if entry.is_symlink():
        status = entry.stat()
        return (status.st_dev, status.st_ino) if stat.S_ISREG(status.st_mode) else None
    return (device, entry.inode()) if entry.is_file(follow_symlinks=False) else None


def starts_like_picture(file: str) -> bool:
    with open(file, "rb", buffering=0) as opened:  # noqa: PTH123
        return looks_like_picture(opened.read(SNIFFED))
