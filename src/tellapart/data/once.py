"""Each file counts once: the same file under two classes is an error, under one class a listed skip."""

from __future__ import annotations

from collections.abc import Sequence

from tellapart.data.walk import Identity as FileIdentity
from tellapart.errors import DataError
from tellapart.stores import StoredObject
from tellapart.types import LedgerEntry, Picture

Identity = FileIdentity | tuple[int, int, str]  # of a box, the file and its place in it


def keep_once(
    pictures: Sequence[Picture], identities: Sequence[Identity]
) -> tuple[tuple[Picture, ...], tuple[LedgerEntry, ...]]:
    """The first picture of each file or box, and an entry for each one left out.

    An identity is device and inode number, and of a box its place in the file too.

    Raises:
        DataError: two of them are the same file and have different labels.
    """
    kept: dict[Identity, Picture] = {}
    skipped: list[LedgerEntry] = []
    extra: list[Picture] = []
    for picture, identity in zip(pictures, identities, strict=True):
        first = kept.setdefault(identity, picture)
        if first is picture:
            continue
        if not _is_same_file(first, picture):
            extra.append(picture)
        elif first.label != picture.label:
            raise _two_labels(first, picture)
        else:
            skipped.append(
                LedgerEntry(
                    path=picture.path,
                    status="skipped",
                    reason=f"the same {'file' if first.box is None else 'box'} as {first.path}",
                )
            )
    if not skipped and not extra:
        return tuple(pictures), ()
    wanted = {id(picture) for picture in (*kept.values(), *extra)}
    return tuple(picture for picture in pictures if id(picture) in wanted), tuple(skipped)


def _is_same_file(first: Picture, second: Picture) -> bool:
    """Ask again: some network and overlay file systems number files in a way that two may share."""
    if isinstance(first.file, StoredObject) or isinstance(second.file, StoredObject):
        return first.file == second.file
    return first.file == second.file or first.file.samefile(second.file)


def _two_labels(first: Picture, second: Picture) -> DataError:
    if first.path == second.path:
        what = f"listed with two labels, {first.label!r} and {second.label!r}"
        return DataError(what, where=first.path, hint="Keep one of the two rows.")
    return DataError(
        f"the same file under two classes, {first.label!r} and {second.label!r}",
        where=f"{first.path} and {second.path}",
        hint="Keep one of the two.",
    )
