"""Where the pictures of a set of YOLO are, and in which split: in folders, or in lists of pictures."""

from __future__ import annotations

import os
import posixpath
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tellapart.data.formats import has_picture_ending
from tellapart.data.limits import LONGEST_PATH, MOST_LABEL_FILES, MOST_MISSING, MOST_YAML_FOLDERS, MOST_YAML_PLACES
from tellapart.data.locate import Locator, stays_inside, why_missing
from tellapart.data.reading import Reading
from tellapart.data.set_folders import listed_lines
from tellapart.data.walk import Walk, list_folder
from tellapart.data.yolo_labels import is_yolo_labels
from tellapart.errors import DataError
from tellapart.text import counted, shortened
from tellapart.types import LedgerEntry

_OWN: Final = (".txt", ".cache", ".yaml", ".yml", ".npy")  # what is no picture, and of no picture either
SPLIT_KEYS: Final = {"train": "train", "val": "valid", "valid": "valid", "test": "test"}
_TRIED: Final = 4  # places of a split, by which it is found where all are
_WHOLE_PATH: Final = re.compile(r"[\\/~]|[A-Za-z]:[\\/]")


@dataclass(frozen=True, slots=True, kw_only=True)
class YoloPictures:
    """The pictures of a set.

    Attributes:
        placed: the path of each below the root, and its split, "" for none.
        notes: what was not plain, a line each.
        skipped: files passed over on the way.
    """

    placed: Sequence[tuple[str, str]]
    notes: tuple[str, ...] = ()
    skipped: tuple[LedgerEntry, ...] = ()


def label_place(path: str) -> str:
    """Where the labels of a picture lie: below "labels" instead of the last "images" in its path, else beside it."""
    *folders, name = path.split("/")
    for place in reversed(range(len(folders))):
        if folders[place].lower() == "images":
            folders[place] = "labels"
            break
    return "/".join([*folders, f"{os.path.splitext(name)[0]}.txt"])  # noqa: PTH122


def label_ways(path: str) -> list[str]:
    """Where the labels of a picture may lie: in their place, also where accents are stored in another way there."""
    place = label_place(path)
    if place.isascii():
        return [place]
    folder, slash, name = place.rpartition("/")
    forms = [(unicodedata.normalize(form, place), unicodedata.normalize(form, name)) for form in ("NFC", "NFD")]
    return list(dict.fromkeys([place, *(way for whole, alone in forms for way in (whole, f"{folder}{slash}{alone}"))]))


def lost_labels(root: Path, paths: Sequence[str]) -> list[str]:
    """The files of labels that lie among those of some pictures and have none, below the root."""
    wanted, homes = set[str](), dict[str, set[str]]()
    for path in paths:
        ways = label_ways(path)
        wanted.update(ways)
        homes.setdefault(posixpath.dirname(ways[0]), set()).add(posixpath.dirname(path))
    lost = []
    for folder in (folder for folder in sorted(homes) if os.path.isdir(root / folder)):  # noqa: PTH112
        names = [entry.name for entry in list_folder(root / folder) if entry.name.lower().endswith(".txt")]
        others = [name for name in names if f"{folder}/{name}".lstrip("/") not in wanted]
        beside = [entry.name for home in homes[folder] for entry in list_folder(root / home)] if others else []
        stems = {os.path.splitext(name)[0] for name in beside if has_picture_ending(name)}  # noqa: PTH122
        others = [name for name in others if name[:-4] not in stems and is_yolo_labels(root / folder / name)]
        lost += [f"{folder}/{name}".lstrip("/") for name in others]
    return lost


def yolo_pictures(
    root: Path, splits: Mapping[str, Sequence[str]], *, base: str, where: Path, reading: Reading
) -> YoloPictures:
    """The pictures of folders and lists, each in the split that it is named under; all of them lie below a root.

    Args:
        root: the folder of the data.yaml.
        splits: folders and lists, by the keys of the data.yaml.
        base: what they are relative to, as the data.yaml has it.
        where: the data.yaml.
        reading: in which encoding lists are.

    Raises:
        DataError: a folder or a picture is not there, there are too many, or some are in two splits.
    """
    _check_places(splits, base, where)
    places = _Places.of(root, splits, base=base, where=where)
    walk = Walk()
    found: dict[str, dict[str, None]] = {}
    notes: list[str] = []
    for key, entries in splits.items():
        inner = [(entry, places.find(entry)) for entry in entries]
        gone = [entry for entry, place in inner if place is None]
        if gone and key == "train" and not (reading.scoring or reading.unlabelled):
            raise _gone(key, gone[0], root, where)
        notes += [f"{key} of {where.name} names {shortened(entry)}, which is not there." for entry in gone]
        notes += [
            f"{key} of {where.name} names {shortened(entry)}, taken for {shortened(place)} here."
            for entry, place in inner
            if place is not None and _WHOLE_PATH.match(entry)
        ]
        walk.entered.clear()  # a folder may be named for two splits, which is told below
        pictures = found.setdefault(SPLIT_KEYS[key], {})
        for place in dict.fromkeys(place for _, place in inner):
            if place is not None:
                pictures.update(dict.fromkeys(_pictures(root, place, walk, where=where, reading=reading)))
        if len(pictures) > MOST_LABEL_FILES:
            raise DataError(f"more than {MOST_LABEL_FILES:,} pictures in {key}", where=where, hint="Name fewer.")
    if not any(found.values()):
        raise DataError("no picture where it says", where=where, hint="Check the folders under train, val and test.")
    placed, more = _once(found, where)
    skipped = dict.fromkeys(entry for entry in walk.skipped if not entry.path.lower().endswith(_OWN))
    return YoloPictures(placed=placed, notes=(*notes, *more), skipped=tuple(skipped))


def _check_places(splits: Mapping[str, Sequence[str]], base: str, where: Path) -> None:
    """Stop at more than any set names, which would take long to look for.

    Raises:
        DataError: there are too many places, or one is in too many folders.
    """
    named = [base, *(entry for entries in splits.values() for entry in entries)]
    if len(named) - 1 > MOST_YAML_PLACES:
        what = f"more than {MOST_YAML_PLACES:,} folders and lists of pictures"
        raise DataError(what, where=where, hint="Name the folder that they are in, or one list of all pictures.")
    deep = next((each for each in named if len(each) > LONGEST_PATH or len(_parts(each)) > MOST_YAML_FOLDERS), None)
    if deep is not None:
        what = f"a path of more than {MOST_YAML_FOLDERS} folders or {LONGEST_PATH:,} characters, {shortened(deep)}"
        raise DataError(what, where=where, hint="Write paths relative to the folder that the file is in.")


def _once(found: Mapping[str, Mapping[str, None]], where: Path) -> tuple[list[tuple[str, str]], list[str]]:
    """Each picture with its split; of splits that are the same pictures the first counts, and that is said.

    Raises:
        DataError: some are in two splits.
    """
    kept: dict[str, Mapping[str, None]] = {}
    notes: list[str] = []
    for split, pictures in found.items():
        same = next((other for other in kept if pictures and kept[other].keys() == pictures.keys()), None)
        if same is not None:
            notes.append(
                f"{same} and {split} of {where.name} are the same pictures, which tests nothing: taken as {same}."
            )
        elif pictures:
            kept[split] = pictures
    times = Counter(path for pictures in kept.values() for path in pictures)
    if twice := [path for path, count in times.items() if count > 1]:
        names = " and ".join([split for split in kept if twice[0] in kept[split]][:2])
        what = f"{counted(len(twice), 'picture is', 'pictures are')} in {names}, the first {shortened(twice[0])}"
        raise DataError(what, where=where, hint="Keep each picture in one split.")
    return [(path, split) for split, pictures in kept.items() for path in pictures], notes


def _pictures(root: Path, place: str, walk: Walk, *, where: Path, reading: Reading) -> Iterator[str]:
    """The paths of the pictures below a folder, or in a list."""
    if os.path.isfile(root / place):  # noqa: PTH113
        if not place.lower().endswith(".txt"):
            hint = "Name a folder of pictures, or a .txt file with a picture in each line."
            raise DataError(f"{shortened(place)} is neither a folder nor a list", where=where, hint=hint)
        yield from _listed(root, place, reading=reading)
        return
    walk.stay_below(root if place else root.resolve().parent)
    for found in walk.pictures(root / place if place else root, prefix=f"{place}/" if place else ""):
        yield found.path


def _listed(root: Path, place: str, *, reading: Reading) -> Iterator[str]:
    """The pictures that a list names, relative to its folder or to the root.

    Raises:
        DataError: some are not there.
    """
    locator, missing = Locator(folder=root, foreign=True), list[tuple[int, str]]()
    folder = posixpath.dirname(place)
    for number, line in listed_lines(root / place, reading=reading):
        path = line.replace("\\", "/")
        ways = [posixpath.normpath(posixpath.join(folder, path)), posixpath.normpath(path.lstrip("/"))]
        inside = next((way for way in ways if stays_inside(way) and os.path.isfile(root / way)), None)  # noqa: PTH113
        if inside is None:
            found = locator.find(re.sub(r"^(?:\.{0,2}/)+", "", path))
            inside = None if found is None else found.path
        if inside is None:
            missing.append((number, line))
        else:
            yield inside
        if len(missing) == MOST_MISSING:
            break
    if missing:
        number, first = missing[0]
        least = "at least " if len(missing) == MOST_MISSING else ""
        what = f"{least}{counted(len(missing), 'picture')} of {place} not found, the first in line {number:,}"
        raise DataError(what, where=first, hint=why_missing(first, listed_in=root / place))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Places:
    """How the places in a data.yaml are found below its folder, wherever that was when it was written."""

    root: Path
    base: str
    dropped: int  # folders at the head of a path of another machine, up to the one that the root is here

    @classmethod
    def of(cls, root: Path, splits: Mapping[str, Sequence[str]], *, base: str, where: Path) -> _Places:
        """The way in which most of the first places are there, of several the one that leaves out least.

        Raises:
            DataError: there is no way.
        """
        named = [(key, entry) for key, entries in splits.items() for entry in entries[:_TRIED]]
        folders, ways = _parts(base), [(_parts(entry), _WHOLE_PATH.match(entry) is not None) for _, entry in named]
        most = max((len(parts) for parts, whole in ways if whole), default=1)
        best, found = None, 0
        bases = ["/".join(folders[start:]) for start in range(len(folders) + 1)]
        for inner in (inner for inner in bases if os.path.exists(root / inner)):  # noqa: PTH110
            for dropped in range(most):
                places = cls(root=root, base=inner, dropped=dropped)
                count = sum(places._at(parts, whole=whole) is not None for parts, whole in ways)
                if count > found:
                    best, found = places, count
                if count == len(ways):
                    return places
        if best is None:
            key, entry = named[0] if named else ("train", "nothing")
            raise _gone(key, entry, root, where)
        return best

    def find(self, entry: str) -> str | None:
        """Where it is below the root; None where it is not there."""
        return self._at(_parts(entry), whole=_WHOLE_PATH.match(entry) is not None)

    def _at(self, parts: Sequence[str], *, whole: bool) -> str | None:
        if whole and len(parts) <= self.dropped:
            return None
        for base in ("", self.base) if whole else (self.base,):
            place = "/".join([*filter(None, [base]), *parts[self.dropped if whole else 0 :]])
            if stays_inside(place) and os.path.exists(self.root / place):  # noqa: PTH110
                return place
        return None


def _parts(path: str) -> list[str]:
    """The folders of a path, without what leads out of where it starts: Roboflow's "../train/images" is below it."""
    plain = re.sub(r"^[A-Za-z]:(?=[\\/])", "", path.strip())
    return [part for part in re.split(r"[\\/]+", plain) if part not in ("", ".", "..", "~")]


def _gone(key: str, entry: str, root: Path, where: Path) -> DataError:
    what = f"{key} names {shortened(entry)}, which is not there"
    hint = f"Its folders are looked for below {root.resolve().name}, the folder of {where.name}, and nowhere else."
    return DataError(what, where=where, hint=hint)
