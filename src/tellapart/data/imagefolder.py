"""Hugging Face's imagefolder: pictures in a folder, or in one for each split, with a metadata file that has the labels.

Source: the page "Create an image dataset" of the documentation of Hugging Face's datasets.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from tellapart.data.columns import MissingColumnError
from tellapart.data.manifest import Listed, index_of_table, read_listed
from tellapart.data.once import Identity
from tellapart.data.reading import Reading
from tellapart.data.split_words import split_of
from tellapart.data.walk import is_folder, list_folder
from tellapart.errors import DataError
from tellapart.types import Index, Picture, SplitName

_METADATA: Final = ("metadata.csv", "metadata.jsonl", "metadata.parquet")
_LAYOUT: Final = "image folder"


def read_imagefolder(root: Path, *, reading: Reading) -> Index | None:
    """The index of a folder with metadata that has labels; None where there is none, or where classes are said.

    Raises:
        UsageError: a column that the user names is not there.
        DataError: the labels may be those of the metadata or of the folders, or the metadata cannot be used.
    """
    if reading.classes is not None:
        return None
    homes = _homes(root)
    listed = [(home, split, _listed(metadata, reading)) for home, split, metadata in homes]
    labelled = [(home, split, each) for home, split, each in listed if each is not None]
    if not labelled:
        return None
    if len(labelled) < len(listed):
        gone = next(home for home, _, each in listed if each is None)
        hint = "Give every split's metadata a column label."
        raise DataError("the metadata of a split has no labels", where=gone, hint=hint)
    _check_only_metadata(root, [metadata for _, _, metadata in homes])
    columns = tuple(dict.fromkeys(name for _, _, each in labelled for name in each.columns))
    pairs = [pair for home, split, each in labelled for pair in _moved(each, home, root, split, columns)]
    names = ", ".join(str(metadata.relative_to(root)) for _, _, metadata in homes)
    notes = [f"The labels are those in {names}.", *(note for _, _, each in labelled for note in each.notes)]
    skipped = tuple(entry for _, _, each in labelled for entry in each.skipped)
    whole = Listed(pairs=pairs, root=root, layout=_LAYOUT, skipped=skipped, notes=tuple(notes), columns=columns)
    return index_of_table(whole, name=root.resolve().name or "data", where=root, scoring=reading.scoring)


def _homes(root: Path) -> list[tuple[Path, SplitName | None, Path]]:
    """The folders that have metadata, with their split: the root alone, or every split folder in it; else none."""
    if (metadata := _metadata(root)) is not None:
        return [(root, None, metadata)]
    splits = [Path(each.path) for each in list_folder(root) if is_folder(each) and split_of(each.name)]
    found = [(home, split_of(home.name), _metadata(home)) for home in splits]
    whole = [(home, split, metadata) for home, split, metadata in found if metadata is not None]
    return whole if len(whole) == len(found) else []


def _metadata(folder: Path) -> Path | None:
    return next((folder / name for name in _METADATA if (folder / name).is_file()), None)


def _listed(metadata: Path, reading: Reading) -> Listed | None:
    """What metadata lists; None where it has no labels, or where folders may be the classes and it cannot be used."""
    try:
        listed = read_listed(metadata, reading=reading)
    except MissingColumnError:
        return None
    except DataError:
        if _classes_beside(metadata):
            return None
        raise
    return None if listed.one_hot and _classes_beside(metadata) else listed


def _classes_beside(metadata: Path) -> list[str]:
    """The folders beside a metadata file that may be classes, where there are two."""
    inner = [each.name for each in list_folder(metadata.parent) if is_folder(each) and not each.name.startswith(".")]
    classes = [name for name in inner if split_of(name) is None]
    return classes if len(classes) > 1 else []


def _check_only_metadata(root: Path, metadata: Sequence[Path]) -> None:
    """Stop where the folders beside the metadata may be the classes.

    Raises:
        DataError: they may.
    """
    for file in metadata:
        if classes := _classes_beside(file):
            what = f"two readings: the labels are in {file.name}, or they are the folders {classes[0]} and {classes[1]}"
            hint = f"For the first name the file itself, {file}; for the second add --classes top."
            raise DataError(what, where=root, hint=hint)


def _moved(
    listed: Listed, home: Path, root: Path, split: SplitName | None, columns: Sequence[str]
) -> list[tuple[Picture, Identity]]:
    """The pictures of one home, written from the root, with a value for each of the columns."""
    if home == root:
        return list(listed.pairs)
    places = [listed.columns.index(name) if name in listed.columns else None for name in columns]
    return [
        (
            replace(
                picture,
                path=f"{home.name}/{picture.path}",
                split=split,
                given=tuple("" if place is None else picture.given[place] for place in places),
            ),
            identity,
        )
        for picture, identity in listed.pairs
    ]
