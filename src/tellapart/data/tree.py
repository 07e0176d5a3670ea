"""The folders below a folder: what they are called, and which hold pictures. Nothing else of a file is looked at."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tellapart.data.formats import has_picture_ending
from tellapart.data.walk import SYSTEM_FOLDERS, Identity, folder_identity, is_folder, locked, starts_like_picture

_SNIFFED: Final = 64  # files without a picture's ending that are opened in one folder, until one is a picture
_MOST_TIMES: Final = 4  # that one folder is looked into by way of links, so that crossed links end


@dataclass(frozen=True, slots=True, kw_only=True)
class Folder:
    """One folder.

    Attributes:
        name: its own.
        file: where it is.
        path: below the root, with forward slashes, "" for the root itself, else with a slash at its end.
        direct: whether pictures lie directly in it.
        folders: those in it, by name; neither hidden ones nor the operating system's.
        holds: whether there is a picture at or below it.
    """

    name: str
    file: str
    path: str
    direct: bool
    folders: tuple[Folder, ...] = field(repr=False)
    holds: bool

    @property
    def filled(self) -> tuple[Folder, ...]:
        """The folders in it that hold pictures."""
        return tuple(folder for folder in self.folders if folder.holds)

    def all_below(self) -> Iterator[Folder]:
        """Every folder below it, a folder before those in it."""
        for folder in self.folders:
            yield folder
            yield from folder.all_below()


def look_over(root: Path) -> Folder:
    """The tree of folders at and below root; a link that leads in a circle is an empty folder.

    Raises:
        DataError: a folder cannot be listed.
    """
    resolved = root.resolve()
    return _Looking(above={folder_identity(folder) for folder in resolved.parents}).folder(
        os.fspath(root), name=resolved.name, path=""
    )


@dataclass(slots=True, kw_only=True)
class _Looking:
    """One look: the folders that are being looked into, and how often each has been (links may lead there again)."""

    above: set[Identity]
    times: Counter[Identity] = field(default_factory=Counter)

    def folder(self, file: str, *, name: str, path: str) -> Folder:
        identity = folder_identity(file)
        self.times[identity] += 1
        if identity in self.above or self.times[identity] > _MOST_TIMES:
            return Folder(name=name, file=file, path=path, direct=False, folders=(), holds=False)
        direct, inner = _contents(file)
        self.above.add(identity)
        folders = tuple(self.folder(f"{file}/{each}", name=each, path=f"{path}{each}/") for each in sorted(inner))
        self.above.remove(identity)
        holds = direct or any(folder.holds for folder in folders)
        return Folder(name=name, file=file, path=path, direct=direct, folders=folders, holds=holds)


def _contents(file: str) -> tuple[bool, list[str]]:
    """Whether a picture lies directly in a folder, and the names of the folders in it that count."""
    direct = False
    folders: list[str] = []
    others: list[os.DirEntry[str]] = []
    try:
        with os.scandir(file) as entries:
            for entry in entries:
                if entry.name.startswith("."):
                    continue
                if is_folder(entry):
                    if entry.name not in SYSTEM_FOLDERS:
                        folders.append(entry.name)
                elif not direct and has_picture_ending(entry.name):
                    direct = True
                elif not direct and len(others) < _SNIFFED:
                    others.append(entry)
    except OSError as error:
        raise locked(file, error) from error
    return direct or any(_is_picture(entry) for entry in others), folders


def _is_picture(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_file() and starts_like_picture(entry.path)
    except OSError:
        return False
