"""The rows of a CSV, JSON Lines or Parquet file that name pictures, whatever else the table holds."""

from __future__ import annotations

import csv
import os
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO, Final, TextIO

from tellapart.data.box_columns import BoxColumns, Numbers, boxes_of, find_boxes, numbers_of
from tellapart.data.boxes import check_numbers
from tellapart.data.columns import Places, find_columns
from tellapart.data.encodings import encoding_of, first_line_not_in, not_in
from tellapart.data.labels import label_of
from tellapart.data.names import written
from tellapart.data.reading import Reading
from tellapart.data.shapes import regions_of
from tellapart.errors import DataError
from tellapart.text import counted
from tellapart.types import Box

TEXT_ENDINGS: Final = (".csv", ".tsv", ".tab", ".txt")
PARQUET_ENDINGS: Final = (".parquet", ".pq")
MOST_COLUMNS: Final = 64  # others than ours, which are passed through
LONGEST_VALUE: Final = 1000  # characters of one of them
_OBJECTS: Final = ("category", "categories", "label", "labels")  # what the classes of boxes are called
_SEPARATORS: Final = ",;\t|"
_SEPARATOR_LINE: Final = re.compile(r"\ufeff?\"?sep=(.)\"?[;,\t]*\r?\n?", re.IGNORECASE)
_LONGEST_HEADER: Final = 1 << 20  # characters
_PARQUET_MARK: Final = b"PAR1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row; "" stands for what is empty or not there.

    Attributes:
        number: as a spreadsheet counts, the header being row 1 (also for Parquet, which has no header line).
        path: as it was written.
        label: without the spaces around it, in Unicode's form NFC.
        split: without the spaces around it.
        group: without the spaces around it.
        box: the part of the picture that the row is about; None for all of it.
        given: what the table's other columns say, as they are written.
        left_out: why the picture is listed and not looked at, "" where it is looked at.
    """

    number: int
    path: str
    label: str
    split: str
    group: str
    box: Box | None = None
    given: tuple[str, ...] = ()
    left_out: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """What a file lists.

    Attributes:
        rows: one a picture.
        sure: whether what stands under split can mean nothing else.
        layout: as in `Index`.
        notes: what was not plain, a line each.
        unlabelled: pictures that the file lists without a label, as it names them.
        foreign: whether a tool wrote it, so that paths may be those of another machine.
        anywhere: whether such a path may lead out of the folder all the same, where it is a whole one.
        columns: the names of the other columns, one for each value that rows have under given.
    """

    rows: Sequence[Row]
    sure: bool = True
    layout: str = "manifest"
    notes: tuple[str, ...] = ()
    unlabelled: tuple[str, ...] = ()
    foreign: bool = False
    anywhere: bool = False
    columns: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Columns:
    """Which column is which: those of ours, those of a box, and the others by their names."""

    ours: Places
    boxes: BoxColumns | None
    others: Mapping[str, int]
    whole: bool

    @classmethod
    def of(cls, header: Sequence[str], *, reading: Reading, where: Path) -> _Columns:
        ours, boxes = (
            find_columns(header, reading=reading, where=where),
            find_boxes(header, reading=reading, where=where),
        )
        used = {ours.path, ours.label, ours.split, ours.group, *(boxes.places if boxes else ())}
        others: dict[str, int] = {}
        for place, name in enumerate(header):
            if place not in used and name.strip() and len(others) < MOST_COLUMNS:
                others.setdefault(written(name.strip()), place)
        return cls(ours=ours, boxes=boxes, others=others, whole=boxes is not None or reading.boxes == "none")

    def wanted(self) -> list[int]:
        """The places of all columns that are read."""
        ours = (self.ours.path, self.ours.label, self.ours.split, self.ours.group)
        boxes = (*self.boxes.places, *self.boxes.sizes) if self.boxes else ()
        return sorted({place for place in (*ours, *boxes, *self.others.values()) if place is not None})


def read_delimited(path: Path, *, reading: Reading) -> Table:
    """Read a CSV file with a header; the separator is the comma, semicolon, tab or bar that the header uses.

    It is UTF-8, or UTF-16 with its mark, or what the user says. Excel's first line "sep=;" is understood.

    Raises:
        UsageError: a column that the user names is not there.
        DataError: it cannot be read, or which column is which cannot be told.
    """
    encoding = "utf-8"
    try:
        with path.open("rb") as start:
            encoding = reading.encoding or encoding_of(start.read(64), where=path)
        with path.open(encoding=encoding, newline="") as file:
            records = csv.reader(file, delimiter=_separator(file), strict=True)
            header = next((record for record in records if any(map(str.strip, record))), [])
            columns = _Columns.of([name.lstrip("\ufeff") for name in header], reading=reading, where=path)
            return _table(_records(records, path, width=len(header)), columns, path)
    except UnicodeError as error:
        raise not_in(encoding, where=path, line=first_line_not_in(path, encoding)) from error
    except (OSError, csv.Error) as error:
        raise unreadable(path, error) from error


def _separator(file: TextIO) -> str:
    """What parts the columns; the file is then where its header starts."""
    first = file.readline(_LONGEST_HEADER)
    while first and not first.strip():
        first = file.readline(_LONGEST_HEADER)
    if (said := _SEPARATOR_LINE.fullmatch(first)) is not None:
        return said[1]
    file.seek(0)
    outside = re.sub(r'"[^"]*"', "", first)
    return max(_SEPARATORS, key=outside.count)


def _records(records: Iterable[Sequence[str]], path: Path, *, width: int) -> Iterator[tuple[int, Mapping[int, str]]]:
    """The number of each row and its fields by their place; as many as the header has, or fewer.

    Raises:
        DataError: one has more, so that it cannot be told which is which.
    """
    for number, record in enumerate(records, start=2):
        if record and any(field.strip() for field in record):  # an empty line is no row
            if any(field.strip() for field in record[width:]):
                what = f"{len(record):,} fields in row {number:,}, the header has {width:,}"
                raise DataError(what, where=path, hint='Put a field that holds the separator into quotes: "a, b".')
            yield number, dict(enumerate(record))


def _table(records: Iterable[tuple[int, Mapping[int, Any]]], columns: _Columns, path: Path) -> Table:
    """The table of numbered records, each a value for the place of a column; a place without one is empty.

    Raises:
        DataError: a picture has several labels, or a box that cannot be one.
    """
    ours, boxes = columns.ours, columns.boxes
    seen: dict[str, str] = {}  # most values of other columns come again and again
    rows, numbers = [], list[tuple[Numbers | None, tuple[int, int] | None]]()
    for number, record in records:
        said = {"path": ours.path, "label": ours.label, "split": ours.split, "group": ours.group}
        fields = {name: record.get(place) for name, place in said.items() if place is not None}
        given = tuple(_kept(record.get(place), seen) for place in columns.others.values())
        rows += [replace(row, given=given) for row in _rows_of(number, fields, path, whole=columns.whole)]
        if boxes is not None:
            values = [record.get(place) for place in boxes.places]
            found = numbers_of(values, source=f"row {number:,}", where=path)
            numbers.append((found, whole_size([record.get(place) for place in boxes.sizes])))
    notes: list[str] = []
    if boxes is None and (parts := sum(row.box is not None for row in rows)):
        several = counted(parts, "label", "labels")
        notes.append(
            f"{several} of {path.name} {'is a box' if parts == 1 else 'are boxes'}, each a picture of its own."
        )
    if boxes is not None:
        sources = [f"row {row.number:,}" for row in rows]
        found_boxes, notes = boxes_of(numbers, boxes, sources=sources, where=path)
        rows = [replace(row, box=box) for row, box in zip(rows, found_boxes, strict=True)]
    return Table(rows=rows, sure=ours.sure, notes=tuple(notes), columns=tuple(columns.others))


def _rows_of(number: int, fields: dict[str, Any], path: Path, *, whole: bool) -> list[Row]:
    """The row of a record; a row for each box where its label is a list of them, as Label Studio has it in tables.

    Raises:
        DataError: the whole picture has several labels, or a box that cannot be one.
    """
    regions = regions_of(fields.get("label"), source=f"row {number:,}")
    if not regions:
        return [row_of(number, fields, path)]
    if whole or any(box is None for _, box in regions):
        return [row_of(number, {**fields, "label": [label for label, _ in regions]}, path)]
    rows = [replace(row_of(number, {**fields, "label": label}, path), box=box) for label, box in regions]
    for row in rows:
        if row.box is not None:
            check_numbers(row.box, where=path)
    return rows


def _kept(value: object, seen: dict[str, str]) -> str:
    """A value of another column as text, not an endless one; "" for what is no text, number or truth value."""
    text = text_of(value)[:LONGEST_VALUE] if isinstance(value, str | int | float | bool) else ""
    return seen.setdefault(text, text)


def whole_size(values: Sequence[Any]) -> tuple[int, int] | None:
    """Width and height of a picture, where they are whole numbers above 0."""
    try:
        width, height = (int(float(value)) for value in values)
    except (TypeError, ValueError, OverflowError):
        return None
    return (width, height) if width > 0 and height > 0 else None


def rows_of_records(records: Sequence[Mapping[str, Any]], path: Path, *, reading: Reading) -> Table:
    """The rows of objects whose keys are the columns, as JSON has them.

    Raises:
        UsageError: a column that the user names is not there.
        DataError: which column is which cannot be told, or a picture has several labels.
    """
    apart = [(number, each) for number, record in enumerate(records, start=1) for each in _objects(record, reading)]
    header = list(dict.fromkeys(name for _, record in apart for name in record))
    columns = _Columns.of(header, reading=reading, where=path)
    numbered = ((number, {place: record.get(header[place]) for place in columns.wanted()}) for number, record in apart)
    return _table(numbered, columns, path)


def _objects(record: Mapping[str, Any], reading: Reading) -> Iterator[Mapping[str, Any]]:
    """A record for each box that stands under objects, with its class as the label; else the record itself.

    Source: the part on object detection of the page "Create an image dataset" of Hugging Face's datasets.
    """
    objects = record.get("objects")
    boxes = objects.get("bbox") if isinstance(objects, Mapping) else None
    names = (
        next((objects[name] for name in _OBJECTS if name in objects), None) if isinstance(objects, Mapping) else None
    )
    if (
        reading.boxes == "none"
        or not isinstance(boxes, list)
        or not isinstance(names, list)
        or len(boxes) != len(names)
    ):
        yield record
        return
    rest = {name: value for name, value in record.items() if name != "objects"}
    yield from ({**rest, "bbox": box, "label": name} for box, name in zip(boxes, names, strict=True))


def read_parquet(path: Path, *, reading: Reading) -> Table:
    """Read a Parquet file, batch by batch, so that columns of no interest never lie in memory together.

    Raises:
        UsageError: a column that the user names is not there.
        DataError: it cannot be read, or which column is which cannot be told.
    """
    from arro3.io import read_parquet as open_parquet

    from tellapart.errors import UsageError

    try:
        with path.open("rb") as file:
            _check_whole(file)
            batches = open_parquet(file)
            columns = _Columns.of(batches.schema.names, reading=reading, where=path)
            return _table(_batch_records(batches, columns), columns, path)
    except (DataError, UsageError, KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # the reader is native code, and where it panics that is no Exception
        raise unreadable(path, error) from error


def _check_whole(file: BinaryIO) -> None:
    """Stop at a file that was cut off, at which the reader would panic, loudly.

    Source: the Parquet format. It ends with the length of its footer (32 bits, little-endian) and PAR1, as it begins.

    Raises:
        ValueError: it does not begin and end as a Parquet file does.
    """
    start, size = file.read(4), file.seek(0, os.SEEK_END)
    file.seek(max(0, size - 8))
    end = file.read(8)
    if start != _PARQUET_MARK or end[4:] != _PARQUET_MARK or int.from_bytes(end[:4], "little") > size - 12:
        raise ValueError("it does not begin and end like a Parquet file")
    file.seek(0)


def _batch_records(batches: Iterable[Any], columns: _Columns) -> Iterator[tuple[int, Mapping[int, Any]]]:
    wanted = columns.wanted()
    number = 2
    for batch in batches:
        values = [_values(batch.column(place), other=place in columns.others.values()) for place in wanted]
        for row in zip(*values, strict=True):
            yield number, dict(zip(wanted, row, strict=True))
            number += 1


def _values(column: Any, *, other: bool) -> Sequence[Any]:  # noqa: ANN401  of a native library without types
    """The values of a column; of one that is none of ours only if they are short: no pictures, no lists."""
    if other and any(word in str(column.type).lower() for word in ("binary", "struct", "list", "map")):
        return [None] * len(column)
    found: Sequence[Any] = column.to_pylist()
    return found


def row_of(number: int, fields: Mapping[str, Any], path: Path) -> Row:
    """A row of values as a file has them.

    Raises:
        DataError: there are several labels.
    """
    split, group = (text_of(fields.get(name)).strip() for name in ("split", "group"))
    label = unicodedata.normalize("NFC", label_of(fields.get("label"), row=number, where=path).strip())
    return Row(number=number, path=text_of(fields.get("path")), label=label, split=split, group=group)


def text_of(value: object) -> str:
    """Labels and groups may be numbers in Parquet; nothing and not-a-number are empty."""
    return "" if value is None or value != value else str(value)  # noqa: PLR0124  (only NaN differs from itself)


def unreadable(path: Path, error: BaseException) -> DataError:
    """That a file cannot be read, and why."""
    reason = str(getattr(error, "strerror", None) or error)
    return DataError(f"cannot read the manifest ({reason[:200]})", where=path, hint="Check that it is whole.")
