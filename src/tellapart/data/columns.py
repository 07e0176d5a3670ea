"""Which columns of a table name the picture, its class, its split and its group, by the names people give them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tellapart.data.formats import has_picture_ending
from tellapart.data.names import written
from tellapart.data.reading import Reading
from tellapart.errors import DataError, UsageError
from tellapart.text import shortened

# In the order in which they are looked for; the first set of which a table has one counts.
_FILES: Final = (
    "paths file files filename file_name filepath file_path fullpath full_path relative_path image images img "
    "imagepath image_path img_path image_file imagefile image_filename image_file_name img_file img_name "
    "image_name imagename picture photo picture_path photo_path"
)
_CLASSES: Final = (
    "label labels class classes category categories target species class_name classname class_label label_name "
    "category_name choice"
)
_PATHS: Final = (("path",), tuple(_FILES.split()), ("image_id", "img_id", "imageid", "id"))  # the last: no ending
_LABELS: Final = (tuple(_CLASSES.split()), ("species_name", "common_name", "scientific_name"))
_SPLITS: Final = (("split",), ("set", "subset", "partition", "fold_name", "dataset_split"))
_GROUPS: Final = (("group",), ("group_id", "groups"))


class MissingColumnError(DataError):
    """A table has no column that is called like one of a picture, or of a class."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Where each column of ours stands; None for one that is not there.

    Attributes:
        path: the column of the picture.
        label: that of the class; None only where none is needed.
        split: that of the split.
        group: that of the group.
        sure: whether the split's column can mean nothing else.
        no_label: what is wrong where one is needed and none is called so, unless other columns tell the class.
    """

    path: int
    label: int | None
    split: int | None
    group: int | None
    sure: bool
    no_label: MissingColumnError | None = None


def find_columns(header: Sequence[str], *, reading: Reading, where: Path) -> Places:
    """Find the columns by name, whatever the case, blanks or dashes in them.

    Raises:
        UsageError: a column that the user names is not there.
        DataError: there is none for the path, or several for it or the label.
    """
    names = [_plain(name) for name in header]
    path = _chosen(header, reading.path_column, "--path-column", where)
    label = _chosen(header, reading.label_column, "--label-column", where)
    path = find_path(header, where=where) if path is None else path
    label = _only(header, names, _LABELS, ("label", "--label-column"), where) if label is None else label
    no_label: MissingColumnError | None = None
    if path is None or (label is None and not reading.unlabelled):
        missing = "path" if path is None else "label"
        found = some_names(header)
        if any(has_picture_ending(name.strip()) for name in header):
            what = "the first line names a picture, so there is no line with the names of the columns"
            raise MissingColumnError(what, where=where, hint="Write one before it, for example: path,label")
        hint = f"Name the columns path, label and, if you like, split and group, or say which it is: --{missing}-column"
        no_label = MissingColumnError(f"no column {missing!r}", where=where, hint=f"{hint} NAME; found: {found}.")
        if path is None:
            raise no_label
    if path == label:
        raise UsageError("one column for both the path and the label", where=header[path], hint="Name two.")
    split = _only(header, names, _SPLITS, ("split", None), where)
    group = _only(header, names, _GROUPS, ("group", None), where)
    sure = split is not None and names[split] == "split"
    return Places(path=path, label=label, split=split, group=group, sure=sure, no_label=no_label)


def find_path(header: Sequence[str], *, where: Path) -> int | None:
    """The column that names the picture, None where there is none.

    Raises:
        DataError: there are several.
    """
    return _only(header, [_plain(name) for name in header], _PATHS, ("path", "--path-column"), where)


def _plain(name: str) -> str:
    return re.sub(r"[\s\-./]+", "_", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name.strip().lstrip("\ufeff"))).lower()


def _chosen(header: Sequence[str], name: str | None, option: str, where: Path) -> int | None:
    """The column that the user names.

    Raises:
        UsageError: it is not there, or there are two of that name.
    """
    if name is None:
        return None
    for same in (lambda text: text, str.strip, lambda text: text.strip().casefold()):
        found = [place for place, each in enumerate(header) if same(each) == same(name)]
        if len(found) == 1:
            return found[0]
        if found:
            raise UsageError(f"{len(found)} columns are called {name!r}", where=where, hint="Rename all but one.")
    raise UsageError(f"no column {name!r}", where=where, hint=f"{option} takes one of: {some_names(header)}.")


def _only(
    header: Sequence[str],
    names: Sequence[str],
    tiers: Sequence[Sequence[str]],
    role: tuple[str, str | None],
    where: Path,
) -> int | None:
    """The one column of the first set of names of which there is one.

    Raises:
        DataError: there are several of that set.
    """
    what, option = role
    for tier in tiers:
        found = [place for place, name in enumerate(names) if name in tier]
        if len(found) > 1:
            first, second = (shortened(written(header[place].strip())) for place in found[:2])
            told = option and first != second
            hint = f"Say which with {option}, for example {option} {first}." if told else "Rename or remove one."
            raise DataError(f"two columns may be the {what}, {first!r} and {second!r}", where=where, hint=hint)
        if found:
            return found[0]
    return None


def some_names(names: Iterable[object], *, most: int = 12) -> str:
    """The first of many names in a message, each cut where it is long, and how many there are more."""
    every = list(names)
    shown = ", ".join(shortened(written(str(name).strip())) for name in every[:most])
    more = len(every) - most
    return f"{shown} and {more:,} more" if more > 0 else shown or "none"
