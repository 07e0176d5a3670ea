"""Pictures and indexes that exist by name only, for the tests of findings."""

from pathlib import Path

from tellapart.types import Index, Picture


def picture(name, label="cat", split=None, group=None):
    return Picture(path=name, file=Path(name), label=label, split=split, group=group)


def index_of(pictures):
    classes = tuple(sorted({one.label for one in pictures}))
    return Index(name="named", root=Path(), layout="folders", classes=classes, pictures=tuple(pictures))


def index_of_sizes(**sizes):
    return index_of([picture(f"{label}/{number}", label) for label, size in sizes.items() for number in range(size)])
