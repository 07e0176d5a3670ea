"""Where the pictures are that a table or an annotation file names, however their paths were written."""

from __future__ import annotations

import os
import posixpath
import re
import stat
import unicodedata
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from tellapart.data.formats import has_picture_ending
from tellapart.data.walk import Identity, Walk
from tellapart.errors import DataError
from tellapart.stores import SERVED, Origin, StoredObject, stored_at
from tellapart.text import shortened

_WEB: Final = re.compile(r"(?i)(https?|ftp|s3|gs|azure-blob)://")
_SCHEME: Final = re.compile(r"(?i)[a-z][a-z0-9+.\-]+://")
_DRIVE: Final = re.compile(r"(?i)[a-z]:[\\/]")
_TOOL: Final = re.compile(r"\s*/data/(upload|local-files)/")  # an address in Label Studio
WITH_DRIVES: Final = os.name == "nt"  # where a part such as "D:" leads to another drive, wherever it stands
OBJECT: Final = -2  # where a file has the number of its device
SCHEMES: Final = " and ".join(f"{scheme}://" for scheme in SERVED)
_UPLOAD: Final = re.compile(r"[0-9a-f]{8}-(?=.)")  # what Label Studio puts before the name of a file uploaded to it


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """A picture that was found.

    Attributes:
        path: as everything of ours writes it.
        file: where it is.
        identity: which file or object it is.
        by_name: whether it was found by its name, in a folder that the path does not tell.
    """

    path: str
    file: Origin
    identity: Identity
    by_name: bool = False


@dataclass(slots=True, kw_only=True)
class Locator:
    """Finds the pictures of one file that lists them.

    Attributes:
        folder: what paths are relative to; pictures are looked for by name below it.
        foreign: whether the paths were written by a tool, on another machine: then only the end of a path need fit,
            and none leads out of the folder.
    """

    folder: Path
    foreign: bool = False
    _below: dict[str, list[str]] | None = field(default=None, repr=False)
    _named: dict[str, Placed | None] = field(default_factory=dict, repr=False)
    _objects: dict[StoredObject, int] = field(default_factory=dict, repr=False)

    def find(self, given: str) -> Placed | None:
        """The picture that a path means, or None. Whether the object of a store is there is seen when it is read.

        Raises:
            DataError: it may mean one of several.
        """
        stored = stored_at(given)
        if stored is None or self.foreign:  # a tool may know by an address what is a file here
            found = self._file(given)
            if found is not None or stored is None:
                return found
        number = self._objects.setdefault(stored, len(self._objects))
        return Placed(path=given.strip(), file=stored, identity=(OBJECT, number))

    def _file(self, given: str) -> Placed | None:
        foreign = self.foreign or bool(_TOOL.match(given))
        for path in _ways(given, foreign=foreign):
            if foreign and not stays_inside(path):
                continue
            file = os.path.join(self.folder, os.path.expanduser(path))  # noqa: PTH111, PTH118  (100,000 rows)
            if (identity := _regular(file)) is not None:
                return Placed(path=path, file=Path(file), identity=identity)
        if given not in self._named:
            self._named[given] = self._by_name(given, foreign=foreign)
        return self._named[given]

    def _by_name(self, given: str, *, foreign: bool) -> Placed | None:
        """The one picture below the folder whose path ends like this one."""
        for path in _ways(given, foreign=foreign):
            parts = [part for part in path.split("/") if part not in ("", ".")]
            if not parts or ".." in parts or (path.startswith(("/", "~")) and not foreign):
                continue
            found = self._ending_in(parts, foreign=foreign)
            if len(found) > 1:
                hint = "Write paths relative to the folder of the file that lists them."
                what = f"two pictures may be {shortened(given)!r}, {found[0]} and {found[1]}"
                raise DataError(what, where=self.folder, hint=hint)
            if found:
                file = self.folder / found[0]
                identity = _regular(os.fspath(file))
                return None if identity is None else Placed(path=found[0], file=file, identity=identity, by_name=True)
        return None

    def _ending_in(self, parts: list[str], *, foreign: bool) -> list[str]:
        """The pictures whose paths have the most of these parts at their end; all of them, unless they are foreign."""
        named = self._pictures().get(parts[-1], [])
        folders = parts[:-1]
        for first in range(len(folders) + 1) if foreign else (0,):
            tail = "".join(f"/{part}" for part in folders[first:])
            found = [path for path in named if f"/{path.rpartition('/')[0]}".endswith(tail)]
            if found:
                return found
        return []

    def almost(self, given: str) -> str | None:
        """A picture below the folder whose path ends like this one but for capitals and what follows the last dot."""
        for path in _ways(given, foreign=self.foreign):
            if path.startswith(("/", "~")):
                continue
            path = posixpath.normpath(path)  # noqa: PLW2901
            every = sorted({found for paths in self._pictures().values() for found in paths})
            tail = f"/{_loosely(path)}"
            if (alike := next((found for found in every if f"/{_loosely(found)}".endswith(tail)), None)) is not None:
                return alike
        return None

    def _pictures(self) -> dict[str, list[str]]:
        """Every picture below the folder by its name, and by its name without the ending."""
        if self._below is None:
            self._below = defaultdict(list)
            for found in _walked(self.folder):
                name = found.rpartition("/")[2]
                self._below[name].append(found)
                stem = os.path.splitext(name)[0]  # noqa: PTH122
                if has_picture_ending(name) and stem != name:
                    self._below[stem].append(found)
        return self._below


def _loosely(path: str) -> str:
    """Without the ending of a picture, and in small letters."""
    return (os.path.splitext(path)[0] if has_picture_ending(path) else path).casefold()  # noqa: PTH122


def _walked(folder: Path) -> Iterator[str]:
    walk = Walk()
    walk.stay_below(folder.resolve().parent)
    for found in walk.pictures(folder, prefix=""):
        yield found.path


def _ways(given: str, *, foreign: bool) -> Iterator[str]:
    """The ways in which a path may be meant, as it is written first."""
    seen: set[str] = set()
    plain = given.strip().strip("\"'")
    for path in (given, plain, plain.replace("\\", "/"), *(_of_a_tool(plain) if foreign else _of_a_file(plain))):
        forms = (path,) if path.isascii() else (path, *(unicodedata.normalize(form, path) for form in ("NFC", "NFD")))
        for form in forms:
            if form and form not in seen:
                seen.add(form)
                yield form


def _of_a_file(path: str) -> Iterator[str]:
    if path.lower().startswith("file://"):
        yield unquote(urlsplit(path).path)


def _of_a_tool(path: str) -> Iterator[str]:
    """What the address of a picture in Label Studio or another tool says of its file."""
    parts = urlsplit(path) if _SCHEME.match(path) or "?d=" in path else None
    inner = unquote(path.partition("?d=")[2].partition("&")[0] if "?d=" in path else parts.path if parts else path)
    inner = inner.replace("\\", "/")
    yield inner
    folder, slash, name = inner.rpartition("/")
    if _UPLOAD.match(name):
        yield folder + slash + _UPLOAD.sub("", name, count=1)


def stays_inside(path: str) -> bool:
    """Whether a path that someone else wrote leads to nothing outside of the folder that it is relative to."""
    if os.path.isabs(path) or path.startswith(("/", "~")) or (WITH_DRIVES and ":" in path):  # noqa: PTH117
        return False
    return ".." not in re.split(r"[\\/]", path)


def _regular(file: str) -> Identity | None:
    try:
        status = os.stat(file)  # noqa: PTH116  (one for each of 100,000 rows)
    except (OSError, ValueError):  # ValueError: a NUL in the path, or half a letter
        return None
    return (status.st_dev, status.st_ino) if stat.S_ISREG(status.st_mode) else None


def why_missing(given: str, *, listed_in: Path) -> str:
    """What to do about a picture that is not where a file says it is."""
    address = given.strip()
    if _SCHEME.match(address) and not address.lower().startswith("file:"):
        kind = "a web address" if _WEB.match(address) else "an address"
        return f"It is {kind} in {listed_in}; only {SCHEMES} are fetched: download them and name those files."
    if _DRIVE.match(address):
        return f"{listed_in} names a drive of Windows; write paths relative to its folder, or copy the pictures there."
    return f"It is listed in {listed_in}; paths are relative to the folder of the manifest."
