"""A file that lists pictures and their labels: a table, or the annotations of a labelling tool."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from tellapart.data.box_check import boxes_together, check_boxes
from tellapart.data.boxes import fragment
from tellapart.data.cvat import read_cvat
from tellapart.data.documents import JSON_ENDINGS, LINES_ENDINGS, read_json, read_json_lines
from tellapart.data.limits import LONGEST_NAME, LONGEST_PATH, MOST_MISSING
from tellapart.data.locate import Locator, Placed, why_missing
from tellapart.data.names import is_utf8, written
from tellapart.data.once import Identity, keep_once
from tellapart.data.order import picture_order
from tellapart.data.parquet import ENDINGS as PARQUET_ENDINGS
from tellapart.data.parquet import read_parquet
from tellapart.data.reading import AS_IT_IS, Reading
from tellapart.data.split_words import split_of
from tellapart.data.tables import TEXT_ENDINGS, Table, TableRow, read_delimited
from tellapart.data.yolo import YAML_ENDINGS, read_yolo
from tellapart.data.yolo_labels import is_yolo_labels
from tellapart.errors import DataError, UsageError
from tellapart.stores import holds_secret
from tellapart.text import counted, shortened
from tellapart.types import Box, Index, LedgerEntry, Picture, SplitName

_ALLOWED: Final = "train, valid (or val, dev), test"
_READERS: Final[Mapping[str, Callable[..., Table]]] = {
    **dict.fromkeys(TEXT_ENDINGS, read_delimited),
    **dict.fromkeys(PARQUET_ENDINGS, read_parquet),
    **dict.fromkeys(JSON_ENDINGS, read_json),
    **dict.fromkeys(LINES_ENDINGS, read_json_lines),
    ".xml": read_cvat,
    **dict.fromkeys(YAML_ENDINGS, read_yolo),
}
_ASIDE: Final = frozenset(("annotations", "annotation", "ann", "labels", "meta", "metadata"))  # beside the pictures
SHEET_ERRORS: Final = frozenset(("#N/A", "#REF!", "#VALUE!", "#NAME?", "#DIV/0!", "#NULL!", "#NUM!"))


def is_manifest(data: Path) -> bool:
    """Whether it is a file whose name ends like that of a table or of annotations."""
    return data.suffix.lower() in _READERS and data.is_file()


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """What one file lists: each picture with the file it is, how it was read, what was left out, and what to say."""

    pairs: Sequence[tuple[Picture, Identity]]
    root: Path
    layout: str
    skipped: tuple[LedgerEntry, ...]
    notes: tuple[str, ...]
    columns: tuple[str, ...] = ()
    one_hot: bool = False  # whether no column is called like a label, and a column stands for each class


def read_manifest(path: Path, *, reading: Reading = AS_IT_IS) -> Index:
    """Index what a file lists; its paths are relative to its folder. Labels and splits lose the spaces around them.

    A box in a picture is a picture of its own, in a group with the other boxes of its file.

    Raises:
        UsageError: what is said of it is for folders, or names a column that is not there.
        DataError: it cannot be read, lacks a column, or has a row that makes no sense (with the number of the row).
    """
    return index_of_table(read_listed(path, reading=reading), name=_name(path), where=path, scoring=reading.scoring)


def _name(path: Path) -> str:
    """What the data is called: like its file, or where all such files have one name, like its folder."""
    return path.resolve().parent.name or "data" if path.suffix.lower() in YAML_ENDINGS else path.stem


def index_of_table(listed: Listed, *, name: str, where: Path, scoring: bool = False) -> Index:
    """The index of what is listed, in its order, each file or box once; of one class only to score a model by.

    Raises:
        DataError: there is only one class, a file or box has two, or boxes of one file are in several splits.
    """
    pairs = sorted(listed.pairs, key=lambda pair: picture_order(pair[0]))
    kept, twice = keep_once([picture for picture, _ in pairs], [identity for _, identity in pairs])
    classes = tuple(sorted({picture.label or "" for picture, _ in pairs}))
    if len(classes) == 1 and not scoring:
        hint = "There must be at least two to tell apart."
        raise DataError(f"only one class, {shortened(classes[0])!r}", where=where, hint=hint)
    return Index(
        name=name,
        root=listed.root,
        layout=listed.layout,
        classes=classes,
        pictures=boxes_together(kept, where=where),
        skipped=(*twice, *listed.skipped),
        notes=listed.notes,
        columns=listed.columns,
    )


def unlabelled_index(path: Path, *, reading: Reading) -> Index:
    """Index what a file lists, whether it gives labels or not, as often as it is given and in the order of the file.

    Raises:
        UsageError, DataError: as `read_manifest`.
    """
    listed = read_listed(path, reading=replace(reading, unlabelled=True))
    return Index(
        name=_name(path),
        root=listed.root,
        layout=listed.layout,
        classes=(),
        pictures=tuple(replace(picture, label=None, split=None) for picture, _ in listed.pairs),
        notes=listed.notes,
        columns=listed.columns,
    )


def read_listed(path: Path, *, reading: Reading) -> Listed:
    """What a file lists, each picture where it is.

    Raises:
        UsageError, DataError: as `read_manifest`.
    """
    reading.only_for_tables()
    if reading.encoding is not None and path.suffix.lower() in (*PARQUET_ENDINGS, ".xml"):
        raise UsageError("--encoding is for text tables and JSON", where=reading.encoding, hint="Leave it out.")
    if path.suffix.lower() == ".txt" and is_yolo_labels(path):
        hint = "YOLO has a file for each picture: name the data.yaml, or the folder of images and labels."
        raise DataError("labels of one picture, as YOLO has", where=path, hint=hint)
    try:
        table = _READERS[path.suffix.lower()](path, reading=reading)
    except RecursionError as error:
        hint = "Lists of pictures are flat: check that it is the right file."
        raise DataError("nested too deeply to be a list of pictures", where=path, hint=hint) from error
    return listed_of(table, path, reading=reading)


def listed_of(table: Table, path: Path, *, reading: Reading) -> Listed:
    """What a table lists, each picture where it is; the path is of the file, or of the folder, that it was made of.

    Raises:
        UsageError, DataError: as `read_manifest`.
    """
    if not table.rows:
        raise DataError("the manifest has no rows", where=path, hint="Add a row with path and label for each picture.")
    if not any(row.box for row in table.rows) and reading.confidence is not None:
        raise UsageError(
            "--confidence is for MegaDetector's boxes", where=str(reading.confidence), hint="Leave it out."
        )
    beside = path.parent.parent if table.foreign and path.parent.name.lower() in _ASIDE else path.parent
    root = table.root or beside
    splits: Sequence[SplitName | None] = _splits(table, path)
    for row in table.rows:
        _check_row(row, path, labelled=not reading.unlabelled)
        _check_lengths(row, path)
    places = _places(table, path, root=root)
    boxes, told = check_boxes(table.rows, places, where=path)
    notes = [*table.notes, *_notes(table, places, splits, path), *told]
    if not any(splits) and (of_paths := _splits_of_paths(places)):
        splits = of_paths
        notes.append(f"The splits are those of the folders in the paths ({', '.join(sorted(set(of_paths)))}).")
    return Listed(
        pairs=[
            (_picture(row, box, place, split), _identity(box, place))
            for row, box, place, split in zip(table.rows, boxes, places, splits, strict=True)
        ],
        root=root,
        layout=table.layout,
        one_hot=table.one_hot,
        skipped=(*_unlabelled(table, path), *table.skipped),
        notes=tuple(notes),
        columns=table.columns,
    )


def _identity(box: Box | None, place: Placed) -> Identity:
    return place.identity if box is None else (*place.identity, fragment(box))


def _check_row(row: TableRow, manifest: Path, *, labelled: bool) -> None:
    if not row.path.strip():
        raise _bad_row("no path", row, manifest, "Write where the picture is, or take the row out.")
    if holds_secret(row.path):
        raise _bad_row("an address with a user in it", row, manifest, "Leave out what stands before the @.")
    if labelled and not row.label:
        raise _bad_row("no label", row, manifest, "Write the class, or take the row out.")
    if labelled and row.label in SHEET_ERRORS:
        what = f"{row.label}, what a spreadsheet writes where a formula fails, as the label"
        raise _bad_row(what, row, manifest, "Write the class, or take the row out.")
    if not all(map(is_utf8, (row.path, row.label, row.group))):
        raise _bad_row("half a letter, which no file can hold,", row, manifest, "Write the row again, or take it out.")


def _check_lengths(row: TableRow, manifest: Path) -> None:
    """Stop at a value that is longer than any can be meant.

    Raises:
        DataError: the row has one.
    """
    if len(row.path) <= LONGEST_PATH and max(map(len, (row.label, row.split, row.group))) <= LONGEST_NAME:
        return
    limits = {"path": LONGEST_PATH, "label": LONGEST_NAME, "split": LONGEST_NAME, "group": LONGEST_NAME}
    name, limit = next((name, limit) for name, limit in limits.items() if len(getattr(row, name)) > limit)
    what = f"a {name} of {len(getattr(row, name)):,} characters, more than {limit:,},"
    raise _bad_row(what, row, manifest, "Check that it is the right column, and that its quotes are closed.")


def _picture(row: TableRow, box: Box | None, place: Placed, split: SplitName | None) -> Picture:
    return Picture(
        path=written(place.path) + ("" if box is None else fragment(box)),
        file=place.file,
        label=row.label,
        split=split,
        group=row.group or None,
        box=box,
        given=row.given,
        left_out=row.left_out,
    )


def _splits(table: Table, manifest: Path) -> list[SplitName | None]:
    """The split of each row; a column that may mean something else, and names not one split, says nothing."""
    splits = [split_of(row.split) if row.split else None for row in table.rows]
    if not table.sure and not any(splits):
        return splits
    for row, split in zip(table.rows, splits, strict=True):
        if row.split and split is None:
            raise _bad_row(f"unknown split {shortened(row.split)!r}", row, manifest, f"Write one of {_ALLOWED}.")
    return splits


def _splits_of_paths(places: Sequence[Placed]) -> list[SplitName]:
    """The split that the folders of each path name, where all do and they are not all the same; else []."""
    splits: list[SplitName] = []
    for place in places:
        found = {split for part in place.path.split("/")[:-1] if (split := split_of(part))}
        if len(found) != 1:
            return []
        splits += found
    return splits if len(set(splits)) > 1 else []


def _bad_row(what: str, row: TableRow, manifest: Path, hint: str) -> DataError:
    return DataError(f"{what} in {row.called}", where=manifest, hint=hint)


def _places(table: Table, manifest: Path, *, root: Path) -> list[Placed]:
    """Where the picture of each row is.

    Raises:
        DataError: some are missing; they are counted, up to MOST_MISSING, before the first is named.
    """
    locator, whole = Locator(folder=root, foreign=table.foreign), Locator(folder=root)
    places, missing = list[Placed](), list[TableRow]()
    for row in table.rows:
        anywhere = table.anywhere and os.path.isabs(row.path) and os.path.isfile(row.path)  # noqa: PTH113, PTH117
        place = (whole if anywhere else locator).find(row.path)
        if place is None and row.left_out:  # never opened, only listed with its reason
            place = Placed(path=row.path, file=Path(row.path), identity=(-1, row.number))
        if place is not None:
            places.append(place)
        elif len(missing) < MOST_MISSING:
            missing.append(row)
        else:
            break
    if missing:
        least = "at least " if len(missing) == MOST_MISSING else ""
        gone = f"{least}{len(missing):,} of {counted(len(table.rows), 'file')} {'is' if len(missing) == 1 else 'are'}"
        what = f"{gone} missing, the first in {missing[0].called}"
        hint = why_missing(missing[0].path, listed_in=manifest)
        if (almost := locator.almost(missing[0].path)) is not None:
            hint = f"There is {written(almost)}: the table has to name it as it is, capitals and ending too."
        raise DataError(what, where=missing[0].path, hint=hint)
    return places


def _unlabelled(table: Table, manifest: Path) -> list[LedgerEntry]:
    reason = f"no label in {written(manifest.name)}"
    return [
        LedgerEntry(path=shortened(written(path), LONGEST_PATH), status="skipped", reason=reason)
        for path in table.unlabelled
    ]


def _notes(table: Table, places: Sequence[Placed], splits: Sequence[SplitName | None], manifest: Path) -> list[str]:
    """What was not plain about paths, splits and labels, a line each."""
    notes = []
    by_name = [place for place in places if place.by_name]
    if by_name:
        total = counted(len(places), "picture")
        first = shortened(written(by_name[0].path))
        notes.append(f"{len(by_name):,} of {total} were found by their names, the first as {first}.")
    if any(row.split for row in table.rows) and not any(splits):
        said = shortened(next(row.split for row in table.rows if row.split))
        notes.append(f"The splits of {manifest.name} are called neither train, valid nor test ({said!r}): not used.")
    if table.unlabelled:
        left = counted(len(table.unlabelled), "picture has", "pictures have")
        fate = "is" if len(table.unlabelled) == 1 else "are"
        first = shortened(written(table.unlabelled[0]))
        notes.append(f"{left} no label in {manifest.name} and {fate} left out (the first: {first}).")
    return notes
