"""What folders of a set of boxes have in common: the folders in them, the files of labels, and the pictures.

A picture and its file of labels find each other by their names.
"""

from __future__ import annotations

import os
import posixpath
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Final

from tellapart.data.formats import has_picture_ending
from tellapart.data.limits import LARGEST_DOCUMENT, MOST_BOXES, MOST_LABEL_FILES
from tellapart.data.names import written
from tellapart.data.reading import Reading
from tellapart.data.split_words import is_container, split_of
from tellapart.data.text_files import read_text
from tellapart.data.two_readings import some
from tellapart.data.walk import Walk, is_folder, list_folder
from tellapart.errors import DataError
from tellapart.text import shortened
from tellapart.types import LedgerEntry

NOT_READ: Final = "outside the folders that are read"
NOT_LISTED: Final = "in no list of the set"


def folders_in(folder: Path) -> list[str]:
    """The names of the folders in a folder, without hidden ones."""
    return [each.name for each in list_folder(folder) if not each.name.startswith(".") and is_folder(each)]


def holds_pictures(folder: Path) -> bool:
    """Whether there is a picture at or below a folder."""
    return next(Walk().pictures(folder, prefix=""), None) is not None


def not_read(root: Path, homes: Iterable[str], *, paths: Iterable[str] | None = None) -> list[LedgerEntry]:
    """The folders with pictures, and loose pictures, that are beside the folders of a set and in none of them.

    Args:
        root: the set.
        homes: the folders of its pictures, below the root, "" for itself.
        paths: what is known of in them, below the root, where lists may leave some out; None where it is everything.
    """
    read = set(homes)
    between = {"/".join(home.split("/")[:count]) for home in read if home for count in range(home.count("/") + 1)}
    known = read | between | set(paths or ())
    found = []
    for folder in sorted(between - read if paths is None else between | read):
        for entry in list_folder(root / folder):
            path = f"{folder}/{entry.name}".lstrip("/")
            if entry.name.startswith(".") or path in known:
                continue
            if is_folder(entry):
                path = f"{path}/" if _names_pictures(entry.path) else ""
            elif not has_picture_ending(entry.name):
                path = ""
            if path:
                reason = NOT_LISTED if folder in read else NOT_READ
                found.append(LedgerEntry(path=written(path), status="skipped", reason=reason))
    return found


def _names_pictures(folder: str) -> bool:
    """Whether a picture is at or below a folder, told by names alone: there may be many other files."""
    for _, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        if any(has_picture_ending(name) and not name.startswith(".") for name in names):
            return True
    return False


def files_below(root: Path, folder: str, *, ending: str) -> Iterator[str]:
    """The files with an ending at and below a folder of the root, by their paths below the root.

    Raises:
        DataError: there are more files than any set has.
    """
    count = 0
    for inside, folders, names in os.walk(root / folder):  # links to folders are not followed, so that it ends
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        below = os.path.relpath(inside, root).replace(os.sep, "/")
        for name in sorted(names):
            if not name.lower().endswith(ending) or name.startswith("."):
                continue
            count += 1
            if count > MOST_LABEL_FILES:
                what = f"more than {MOST_LABEL_FILES:,} files of labels"
                raise DataError(what, where=root / folder, hint="Split the set, or list its boxes in a table.")
            yield name if below == "." else f"{below}/{name}"


def listed_lines(place: Path, *, reading: Reading) -> Iterator[tuple[int, str]]:
    """The lines of a list of pictures that are not blank, without the blanks around them, by their numbers.

    Raises:
        DataError: it cannot be read, or there are more lines than any set has pictures.
    """
    count = 0
    for number, line in enumerate(StringIO(read_text(place, limit=LARGEST_DOCUMENT, reading=reading), None), start=1):
        if not line.strip():
            continue
        count += 1
        if count > MOST_LABEL_FILES:
            what = f"a list of more than {MOST_LABEL_FILES:,} pictures"
            raise DataError(what, where=place, hint="Split the set, and list each picture once.")
        yield number, line.strip()


def check_total(boxes: int, *, where: Path) -> None:
    """Stop at more boxes than any set has, in all files of labels that were read so far.

    Raises:
        DataError: there are more.
    """
    if boxes > MOST_BOXES:
        raise DataError(f"more than {MOST_BOXES:,} boxes", where=where, hint="Split the set, or take some of it out.")


def may_be_classes(paths: Iterable[str]) -> list[str]:
    """The names of the folders that pictures lie in, where these may be classes: no splits, and at least two."""
    names = {path.split("/")[-2] for path in paths if "/" in path}
    classes = sorted(name for name in names if split_of(name) is None and not is_container(name))
    return classes if len(classes) > 1 else []


def check_not_classes(paths: Iterable[str], *, root: Path, says: str, first: str) -> None:
    """Stop where the folders that pictures lie in may be the classes.

    Args:
        paths: of the pictures.
        root: the set.
        says: where the labels are.
        first: what to do where they are meant.

    Raises:
        DataError: they may.
    """
    if classes := may_be_classes(paths):
        what = f"two readings: the boxes are labelled as {says} says, or the classes are the folders {some(classes)}"
        raise DataError(what, where=root, hint=f"For the first {first}; for the second add --classes bottom.")


@dataclass(frozen=True, slots=True, kw_only=True)
class SetPictures:
    """The pictures in some folders of a set.

    Attributes:
        paths: of all, below the root.
        skipped: files passed over on the way, without those of labels.
        by_name: the paths of those with a name, accents stored as in NFC.
        by_stem: the paths of those with a folder and name, without the ending, likewise.
    """

    paths: Sequence[str]
    skipped: tuple[LedgerEntry, ...]
    by_name: dict[str, list[str]]
    by_stem: dict[str, list[str]]

    @classmethod
    def below(cls, root: Path, folders: Iterable[str], *, labels: str) -> SetPictures:
        """Those at and below folders of the root ("" for itself); labels is the ending of files of labels.

        Raises:
            DataError: a folder cannot be listed.
        """
        walk = Walk()
        paths: list[str] = []
        for folder in folders:
            walk.stay_below(root if folder else root.resolve().parent)
            paths += [found.path for found in walk.pictures(root / folder, prefix=f"{folder}/" if folder else "")]
        by_name, by_stem = defaultdict[str, list[str]](list), defaultdict[str, list[str]](list)
        for path in paths:
            by_name[posixpath.basename(_plain(path))].append(path)
            by_stem[posixpath.splitext(_plain(path))[0]].append(path)
        skipped = tuple(entry for entry in walk.skipped if not entry.path.lower().endswith(labels))
        return cls(paths=paths, skipped=skipped, by_name=dict(by_name), by_stem=dict(by_stem))

    def of(self, named: str, *, stem: str, labels: str, where: Path) -> str:
        """The picture of a file of labels: the one that it names, else the one that is called like it.

        Where neither is there, what it names, for the finder of tables to look for.

        Args:
            named: what the file says.
            stem: where a picture of its name would be, without the ending.
            labels: the file.
            where: what errors name.

        Raises:
            DataError: the two are two pictures, or nothing is named and none is called so.
        """
        name, stem = posixpath.basename(_plain(named.strip().replace("\\", "/"))), _plain(stem)
        same = self.by_stem.get(stem, [])
        beside = [f"{posixpath.dirname(stem)}/{name}".lstrip("/")]
        found = [path for path in self.by_name.get(name, []) if _plain(path) in beside] or self.by_name.get(name, [])
        if not found and not posixpath.splitext(name)[1]:
            found = self.by_stem.get(f"{posixpath.dirname(stem)}/{name}".lstrip("/"), [])
        every = list(dict.fromkeys([*found, *same]))
        if len(every) > 1 and not (len(found) == 1 and found[0] in same):
            what = f"two pictures may be that of {labels}, {written(every[0])} and {written(every[1])}"
            raise DataError(what, where=where, hint="Mend the name of the picture in it, or take one of them away.")
        if not every and not name:
            what = f"{labels} names no picture, and none is called like it"
            raise DataError(what, where=where, hint="Put its picture there, or take it away.")
        return found[0] if found else same[0] if same else shortened(named.strip(), 8_000)


def _plain(path: str) -> str:
    return path if path.isascii() else unicodedata.normalize("NFC", path)
