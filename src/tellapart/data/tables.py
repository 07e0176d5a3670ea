"""The rows of a CSV, JSON Lines or Parquet file that name pictures, whatever else the table holds."""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, TextIO

from tellapart.data.box_columns import BoxColumns, Numbers, boxes_of, find_boxes, numbers_of
from tellapart.data.boxes import check_numbers
from tellapart.data.columns import MissingColumnError, Places, find_columns
from tellapart.data.encodings import encoding_of, first_line_not_in, not_in
from tellapart.data.labels import label_of
from tellapart.data.limits import BYTES_A_ROW, LARGEST_TABLE, LONGEST_ROW, MOST_COLUMNS, MOST_ROWS
from tellapart.data.names import written
from tellapart.data.one_hot import one_hot_flaw, one_hot_labels, one_hot_note
from tellapart.data.reading import Reading
from tellapart.data.shapes import regions_of
from tellapart.errors import DataError
from tellapart.files import open_regular
from tellapart.text import counted, shortened
from tellapart.types import Box, LedgerEntry

TEXT_ENDINGS: Final = (".csv", ".tsv", ".tab", ".txt")
MOST_OTHERS: Final = 64  # columns, others than ours, which are passed through
MOST_CLASSES: Final = 1_000  # columns that may stand for a class each
LARGEST_SIDE: Final = 1_000_000_000  # pixels of what may be said of a picture
LONGEST_VALUE: Final = 1000  # characters of one of them
_OBJECTS: Final = ("category", "categories", "label", "labels")  # what the classes of boxes are called
_SEPARATORS: Final = ",;\t|"
_SEPARATOR_LINE: Final = re.compile(r"\ufeff?\"?sep=(.)\"?[;,\t]*\r?\n?", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class TableRow:
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
        source: what errors call the row, where it has no number in the file that they name.
    """

    number: int
    path: str
    label: str
    split: str
    group: str
    box: Box | None = None
    given: tuple[str, ...] = ()
    left_out: str = ""
    source: str = ""

    @property
    def called(self) -> str:
        """The row in a message."""
        return self.source or f"row {self.number:,}"


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
        one_hot: whether no column is called like a label, and a column stands for each class.
        root: what paths are relative to; None for the folder of the file.
        skipped: files that were passed over, as ledger entries.
    """

    rows: Sequence[TableRow]
    sure: bool = True
    layout: str = "manifest"
    notes: tuple[str, ...] = ()
    unlabelled: tuple[str, ...] = ()
    foreign: bool = False
    anywhere: bool = False
    columns: tuple[str, ...] = ()
    one_hot: bool = False
    root: Path | None = None
    skipped: tuple[LedgerEntry, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """Which column is which: those of ours, those of a box, and the others by their names."""

    ours: Places
    boxes: BoxColumns | None
    others: Mapping[str, int]
    whole: bool

    @classmethod
    def of(cls, header: Sequence[str], *, reading: Reading, where: Path) -> Columns:
        """The columns of a header.

        Raises:
            UsageError: one that the user names is not there.
            DataError: there are too many, or which is which cannot be told.
        """
        if len(header) > MOST_COLUMNS:
            raise unreadable(where, ValueError(f"{len(header):,} columns, more than {MOST_COLUMNS:,}"))
        ours, boxes = (
            find_columns(header, reading=reading, where=where),
            find_boxes(header, reading=reading, where=where),
        )
        used = {ours.path, ours.label, ours.split, ours.group, *(boxes.places if boxes else ())}
        others: dict[str, int] = {}
        most = MOST_OTHERS if ours.no_label is None else MOST_CLASSES  # each may stand for a class
        for place, name in enumerate(header):
            if place not in used and name.strip() and len(others) < most:
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
        with open_regular(path) as file:
            encoding = reading.encoding or encoding_of(file.read(64), where=path)
            if file.seek(0, io.SEEK_END) > LARGEST_TABLE:
                raise ValueError(f"larger than {LARGEST_TABLE:,} bytes")  # noqa: TRY301  said below with the path
            file.seek(0)
            text = io.TextIOWrapper(io.BufferedReader(file), encoding, newline="")
            lines = _bounded(text, separator=_separator(text))
            header = next((record for record in lines if any(map(str.strip, record))), [])
            columns = Columns.of([name.lstrip("\ufeff") for name in header], reading=reading, where=path)
            return table_of_values(_records(lines, path, width=len(header)), columns, path)
    except UnicodeError as error:
        raise not_in(encoding, where=path, line=first_line_not_in(path, encoding)) from error
    except (OSError, ValueError, csv.Error) as error:
        raise unreadable(path, error) from error


def _bounded(file: TextIO, *, separator: str) -> Iterator[list[str]]:
    """The rows of a CSV file, none of them endless, however many lines each takes.

    Raises:
        ValueError: one is.
    """
    room, number = LONGEST_ROW, 1

    def lines() -> Iterator[str]:
        nonlocal room
        while line := file.readline(LONGEST_ROW + 1):
            room -= len(line)
            if room < 0:
                raise ValueError(f"row {number:,} has more than {LONGEST_ROW:,} characters")
            yield line

    for record in csv.reader(lines(), delimiter=separator, strict=True):
        yield record
        number, room = number + 1, LONGEST_ROW


def _separator(file: TextIO) -> str:
    """What parts the columns; the file is then where its header starts."""
    first = file.readline(LONGEST_ROW)
    while first and not first.strip():
        first = file.readline(LONGEST_ROW)
    if (said := _SEPARATOR_LINE.fullmatch(first)) is not None:
        return said[1]
    file.seek(0)
    outside = re.sub(r'"[^"]*"', "", first)
    return max(_SEPARATORS, key=outside.count)


def _records(records: Iterable[Sequence[str]], path: Path, *, width: int) -> Iterator[tuple[int, Mapping[int, str]]]:
    """The number of each row and its fields by their place; as many as the header has, or fewer.

    Raises:
        DataError: one has more, so that it cannot be told which is which; or there are more rows than a file of its
            size can name pictures in.
    """
    most, found = MOST_ROWS + path.stat().st_size // BYTES_A_ROW, 0
    for number, record in enumerate(records, start=2):
        if record and any(field.strip() for field in record):  # an empty line is no row
            found += 1
            if found > most:
                what = f"more than {most:,} rows of next to nothing"
                raise DataError(what, where=path, hint="A row names a picture: check that it is the right file.")
            if any(field.strip() for field in record[width:]):
                what = f"{len(record):,} fields in row {number:,}, the header has {width:,}"
                raise DataError(what, where=path, hint='Put a field that holds the separator into quotes: "a, b".')
            yield number, dict(enumerate(record))


def table_of_values(records: Iterable[tuple[int, Mapping[int, Any]]], columns: Columns, path: Path) -> Table:
    """The table of numbered records, each a value for the place of a column; a place without one is empty.

    Raises:
        DataError: a picture has several labels or none, or a box that cannot be one.
    """
    ours, boxes = columns.ours, columns.boxes
    seen: dict[str, str] = {}  # most values of other columns come again and again
    rows, numbers = [], list[tuple[Numbers | None, tuple[int, int] | None]]()
    every = {"path": ours.path, "label": ours.label, "split": ours.split, "group": ours.group}
    said = [(name, place) for name, place in every.items() if place is not None]
    others = list(columns.others.values())
    for number, record in records:
        fields = {name: record.get(place) for name, place in said}
        given = tuple([_kept(record.get(place), seen) for place in others])
        rows += _rows_of(number, fields, path, whole=columns.whole, given=given)
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
        rows = [row if box is None else replace(row, box=box) for row, box in zip(rows, found_boxes, strict=True)]
    table = Table(rows=rows, sure=ours.sure, notes=tuple(notes), columns=tuple(columns.others))
    return table if ours.no_label is None else labelled_by_columns(table, error=ours.no_label)


def labelled_by_columns(table: Table, *, error: MissingColumnError) -> Table:
    """The table with the classes that it has a column for each of, and without these columns.

    Raises:
        MissingColumnError: the one given, where columns do not tell classes; it says why if they nearly do.
    """
    values = [row.given for row in table.rows]
    told = one_hot_labels(values, table.columns)
    if told is None:
        flaw = one_hot_flaw(values, table.columns, [row.number for row in table.rows])
        raise MissingColumnError(error.what, where=error.where, hint=f"{error.hint} {flaw}".strip())
    labels, flags = told
    classes = set(flags)
    rest = [place for place in range(len(table.columns)) if place not in classes][:MOST_OTHERS]
    rows = [
        replace(row, label=unicodedata.normalize("NFC", label), given=tuple(row.given[place] for place in rest))
        for row, label in zip(table.rows, labels, strict=True)
    ]
    return replace(
        table,
        rows=rows,
        notes=(*table.notes, one_hot_note([table.columns[place] for place in flags])),
        columns=tuple(table.columns[place] for place in rest),
        one_hot=True,
    )


def _rows_of(number: int, fields: dict[str, Any], path: Path, *, whole: bool, given: tuple[str, ...]) -> list[TableRow]:
    """The row of a record; a row for each box where its label is a list of them, as Label Studio has it in tables.

    Raises:
        DataError: the whole picture has several labels, or a box that cannot be one.
    """
    regions = regions_of(fields.get("label"), source=f"row {number:,}")
    if not regions:
        return [row_of(number, fields, path, given=given)]
    if whole or any(box is None for _, box in regions):
        return [row_of(number, {**fields, "label": [label for label, _ in regions]}, path, given=given)]
    rows = [replace(row_of(number, {**fields, "label": label}, path, given=given), box=box) for label, box in regions]
    for row in rows:
        if row.box is not None:
            check_numbers(row.box, where=path)
    return rows


def _kept(value: object, seen: dict[str, str]) -> str:
    """A value of another column as text, not an endless one; "" for what is no text, number or truth value."""
    text = text_of(value)[:LONGEST_VALUE] if isinstance(value, str | int | float | bool) else ""
    return seen.setdefault(text, text)


def whole_size(values: Sequence[Any]) -> tuple[int, int] | None:
    """Width and height of a picture, where they are whole numbers that a picture can have."""
    try:
        width, height = (int(float(value)) for value in values)
    except (TypeError, ValueError, OverflowError):
        return None
    return (width, height) if 0 < width <= LARGEST_SIDE and 0 < height <= LARGEST_SIDE else None


def rows_of_records(records: Sequence[Mapping[str, Any]], path: Path, *, reading: Reading) -> Table:
    """The rows of objects whose keys are the columns, as JSON has them.

    Raises:
        UsageError: a column that the user names is not there.
        DataError: which column is which cannot be told, or a picture has several labels.
    """
    apart = [(number, each) for number, record in enumerate(records, start=1) for each in _objects(record, reading)]
    header = list(dict.fromkeys(name for _, record in apart for name in record))
    columns = Columns.of(header, reading=reading, where=path)
    numbered = ((number, {place: record.get(header[place]) for place in columns.wanted()}) for number, record in apart)
    return table_of_values(numbered, columns, path)


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


def row_of(number: int, fields: Mapping[str, Any], path: Path, *, given: tuple[str, ...] = ()) -> TableRow:
    """A row of values as a file has them.

    Raises:
        DataError: there are several labels.
    """
    split, group = text_of(fields.get("split")).strip(), text_of(fields.get("group")).strip()
    label = unicodedata.normalize("NFC", label_of(fields.get("label"), row=number, where=path).strip())
    return TableRow(number=number, path=text_of(fields.get("path")), label=label, split=split, group=group, given=given)


def text_of(value: object) -> str:
    """Labels and groups may be numbers in Parquet; nothing and not-a-number are empty."""
    return "" if value is None or value != value else str(value)  # noqa: PLR0124  (only NaN differs from itself)


def unreadable(path: Path, error: BaseException) -> DataError:
    """That a file cannot be read, and why."""
    reason = shortened(str(getattr(error, "strerror", None) or error), 200)
    return DataError(f"cannot read the manifest ({reason})", where=path, hint="Check that it is whole.")
