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
        waiting = list(reversed(self.folders))
        while waiting:
            folder = waiting.pop()
            yield folder
            waiting += reversed(folder.folders)


def look_over(root: Path) -> Folder:
    """The tree of folders at and below root; a link that leads in a circle is an empty folder.

    Raises:
        DataError: a folder cannot be listed.
    """
    resolved = root.resolve()
    above = {folder_identity(folder) for folder in resolved.parents}
    times: Counter[Identity] = Counter()
    chain = [_Opened(name=resolved.name, file=os.fspath(root), path="")]
    while True:
        opened = chain[-1]
        if opened.waiting is None:
            opened.look(above, times)
        elif opened.waiting:
            name = opened.waiting.pop()
            chain.append(_Opened(name=name, file=f"{opened.file}/{name}", path=f"{opened.path}{name}/"))
        else:
            above -= opened.entered
            folder = chain.pop().folder()
            if not chain:
                return folder
            chain[-1].folders.append(folder)


@dataclass(slots=True, kw_only=True)
class _Opened:
    """A folder that is being looked into.

    Attributes:
        name, file, path, direct, folders: as in `Folder`, the folders as far as they are known.
        waiting: the names of those that are still to be looked into, the next one last; None before the first look.
        entered: its identity, while those in it are looked into; empty where it is not entered.
    """

    name: str
    file: str
    path: str
    direct: bool = False
    folders: list[Folder] = field(default_factory=list)
    waiting: list[str] | None = None
    entered: set[Identity] = field(default_factory=set)

    def look(self, above: set[Identity], times: Counter[Identity]) -> None:
        """See what is in it, unless that was done: above are those it lies in, times counts each (links lead again)."""
        identity, self.waiting = folder_identity(self.file), []
        times[identity] += 1
        if identity not in above and times[identity] <= _MOST_TIMES:
            self.direct, inner = _contents(self.file)
            self.waiting = sorted(inner, reverse=True)
            self.entered = {identity}
            above |= self.entered

    def folder(self) -> Folder:
        holds = self.direct or any(folder.holds for folder in self.folders)
        return Folder(
            name=self.name,
            file=self.file,
            path=self.path,
            direct=self.direct,
            folders=tuple(self.folders),
            holds=holds,
        )


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
