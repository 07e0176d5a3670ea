"""Pictures that belong together: groups that the user declares, and groups joined where they overlap."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tellapart.data.apart import StoppedError, helper
from tellapart.errors import UsageError
from tellapart.progress import Progress
from tellapart.text import counted
from tellapart.types import Index, Labels, Picture

PARENT: Final = "parent"
ALIKE: Final = "like "  # before a path, the name of a group of copies that nobody declared
_SECONDS: Final = 4  # of CPU time for a pattern, and one more for each _A_SECOND paths
_A_SECOND: Final = 50_000
_MEMORY: Final = 500_000_000  # bytes
_TOGETHER: Final = 1_000  # paths
MOST_NAMES: Final = 3  # of the groups that were joined, in the name of the whole
_EXAMPLE: Final = r"For example --group-by 'patient-\d+', or --group-by parent for the folder a picture lies in."


def declare_groups(index: Index, pattern: str, *, progress: Progress | None = None) -> Index:
    """Give every picture the group that its path tells, joined with the group that the data gives it.

    Args:
        index: the pictures.
        pattern: a regular expression that is searched in the path: what it captures, or all it matches, is the group;
            or "parent" for the folder. A picture that it does not match keeps the group it has, or none.
        progress: told how many pictures it matches, where that is not all of them.

    Raises:
        UsageError: it is no regular expression, or matches no picture.
    """
    paths = [picture.path for picture in index.pictures]
    names = [path.rpartition("/")[0] for path in paths] if pattern == PARENT else _captured(pattern, paths)
    rows: dict[str, list[int]] = defaultdict(list)
    for row, name in enumerate(names):
        if name is not None:
            rows[name].append(row)
    if not rows:
        raise UsageError("the pattern matches no picture's path", where=pattern, hint=_EXAMPLE)
    alone = [path for path, name in zip(paths, names, strict=True) if name is None]
    if progress is not None and alone:
        progress.note(
            f"--group-by matches {len(names) - len(alone):,} of {counted(len(names), 'picture')}; each of the others "
            f"stands alone, unless the data itself gives it a group (the first: {alone[0]})."
        )
    if progress is not None and pattern == PARENT:
        say_namesakes(index.pictures, progress)
    return replace(index, pictures=merge_groups(index.pictures, rows))


def say_namesakes(pictures: Iterable[Picture], progress: Progress) -> None:
    """Say which folders of one name are taken apart: a camera or a patient may have one below each class."""
    folders = {picture.path.rpartition("/")[0]: picture for picture in pictures}
    by_name: dict[str, list[str]] = defaultdict(list)
    for folder, picture in folders.items():
        name = folder.rpartition("/")[2]
        if picture.split is None and name not in (folder, picture.label):
            by_name[name].append(folder)
    first, second, *_ = next((sorted(each) for each in by_name.values() if len(each) > 1), ("", ""))
    if second:
        progress.note(
            f"--group-by parent takes {first} and {second} as two groups; --group-by '([^/]+)/[^/]+$' takes folders of "
            f"one name as one."
        )


def _captured(pattern: str, paths: Sequence[str]) -> list[str | None]:
    """What the pattern finds in each path, searched in another process: some patterns would take longer than any limit.

    Raises:
        UsageError: it is no regular expression, or takes too long.
    """
    found: list[str | None] = []
    try:
        with helper(
            "search_pattern", seconds=_SECONDS + len(paths) // _A_SECOND, memory=_MEMORY, request={"pattern": pattern}
        ) as it:
            if wrong := it.hear()["no_pattern"]:
                raise UsageError(f"no regular expression ({wrong})", where=pattern, hint=_EXAMPLE)
            for first in range(0, len(paths), _TOGETHER):
                it.tell(paths[first : first + _TOGETHER])
                found += it.hear()["found"]
    except StoppedError as error:
        hint = "Repeats inside repeats, as in (a+)+, go through a path in too many ways: write it without them."
        raise UsageError(f"the pattern cannot be searched for ({error})", where=pattern, hint=hint) from error
    return found


def merge_groups(
    pictures: Sequence[Picture], links: Mapping[str, Sequence[int]], *, declared: bool = True
) -> tuple[Picture, ...]:
    """Join groups that have a picture in common, those that pictures have already and those that links make.

    Args:
        pictures: N of them.
        links: places of pictures that belong together, at least one, by name.
        declared: whether these names mean something; if not, they are used only where a group has no other.
    """
    own: dict[str, list[int]] = defaultdict(list)
    for row, picture in enumerate(pictures):
        if picture.group is not None:
            own[picture.group].append(row)
    home: dict[int, int] = {}
    for place, rows in enumerate(connected_sets([*own.values(), *links.values()])):
        home.update(dict.fromkeys(rows, place))
    names: dict[int, set[str]] = defaultdict(set)
    for name, members in own.items():
        names[home[members[0]]].add(name)
    for name in sorted(links):
        place = home[links[name][0]]
        if declared or not names[place]:
            names[place].add(name)
    called = {place: _joined(sorted(found)) for place, found in names.items()}
    return tuple(
        replace(picture, group=called[home[row]]) if row in home else picture for row, picture in enumerate(pictures)
    )


def _joined(names: Sequence[str]) -> str:
    more = len(names) - MOST_NAMES
    return " + ".join(names[:MOST_NAMES]) + (f" + {more} more" if more > 0 else "")


def connected_sets(links: Iterable[Sequence[int]]) -> tuple[tuple[int, ...], ...]:
    """Rows that links connect, each set rising, the sets ordered by their first row.

    Source: disjoint sets with path halving (Tarjan and van Leeuwen, 1984).
    """
    parent: dict[int, int] = {}
    for link in links:
        for row in link:
            parent.setdefault(row, row)
        for row in link[1:]:
            left, right = _root(parent, link[0]), _root(parent, row)
            parent[max(left, right)] = min(left, right)
    sets: dict[int, list[int]] = {}
    for row in sorted(parent):
        sets.setdefault(_root(parent, row), []).append(row)
    return tuple(tuple(rows) for rows in sets.values())


def _root(parent: dict[int, int], row: int) -> int:
    while parent[row] != row:
        parent[row] = parent[parent[row]]
        row = parent[row]
    return row


def group_numbers(pictures: Sequence[Picture]) -> NDArray[np.int64]:
    """A number for each picture, int64 [N], the same for those of one group; a picture without a group is alone."""
    numbers: dict[tuple[str, object], int] = {}
    keys = (("row", row) if each.group is None else ("group", each.group) for row, each in enumerate(pictures))
    return np.array([numbers.setdefault(key, len(numbers)) for key in keys], np.int64)


def label_numbers(pictures: Sequence[Picture], classes: Sequence[str]) -> Labels:
    """The place of each picture's label among the classes, int64 [N].

    Raises:
        KeyError: a picture has no label, or one that is no class; whoever reads labels has checked that.
    """
    place = {name: number for number, name in enumerate(classes)}
    return np.array([place[picture.label or ""] for picture in pictures], np.int64)
