"""The rows of a CSV, JSON Lines or Parquet file that name pictures, whatever else the table holds."""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TextIO

from tellapart.data.columns import Places, find_columns
from tellapart.data.encodings import encoding_of, first_line_not_in, not_in
from tellapart.data.labels import label_of
from tellapart.data.limits import LARGEST_TABLE, LONGEST_NAME, LONGEST_PATH, LONGEST_ROW, MOST_COLUMNS
from tellapart.data.reading import Reading
from tellapart.errors import DataError
from tellapart.files import open_regular
from tellapart.text import shortened

TEXT_ENDINGS: Final = (".csv", ".tsv", ".tab", ".txt")
_SEPARATORS: Final = ",;\t|"
_SEPARATOR_LINE: Final = re.compile(r"\ufeff?\"?sep=(.)\"?[;,\t]*\r?\n?", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row; "" stands for what is empty or not there.

    Attributes:
        number: as a spreadsheet counts, the header being row 1 (also for Parquet, which has no header line).
        path: as it was written.
        label: without the spaces around it, in Unicode's form NFC.
        split: without the spaces around it.
        group: without the spaces around it.
    """

    number: int
    path: str
    label: str
    split: str
    group: str


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
    """

    rows: Sequence[Row]
    sure: bool = True
    layout: str = "manifest"
    notes: tuple[str, ...] = ()
    unlabelled: tuple[str, ...] = ()
    foreign: bool = False


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
            records = _records(text, separator=_separator(text))
            header = next((record for record in records if any(map(str.strip, record))), [])
            if len(header) > MOST_COLUMNS:
                raise ValueError(f"{len(header):,} columns, more than {MOST_COLUMNS:,}")  # noqa: TRY301
            places = find_columns([name.lstrip("\ufeff") for name in header], reading=reading, where=path)
            return Table(rows=list(_rows(records, places, path, width=len(header))), sure=places.sure)
    except UnicodeError as error:
        raise not_in(encoding, where=path, line=first_line_not_in(path, encoding)) from error
    except (OSError, ValueError, csv.Error) as error:
        raise unreadable(path, error) from error


def _records(file: TextIO, *, separator: str) -> Iterator[list[str]]:
    """The rows of a CSV file, none of them endless, however many lines each takes.

    Raises:
        ValueError: one is.
    """
    room = LONGEST_ROW

    def lines() -> Iterator[str]:
        nonlocal room
        while line := file.readline(LONGEST_ROW + 1):
            room -= len(line)
            if room < 0:
                raise ValueError(f"row {number:,} has more than {LONGEST_ROW:,} characters")
            yield line

    number = 1
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


def _rows(records: Iterable[Sequence[str]], places: Places, path: Path, *, width: int) -> Iterator[Row]:
    """The rows of as many fields as the header has, or fewer.

    Raises:
        DataError: one has more, so that it cannot be told which is which.
    """
    wanted = wanted_columns(places)
    for number, record in enumerate(records, start=2):
        if record and any(field.strip() for field in record):  # an empty line is no row
            if any(field.strip() for field in record[width:]):
                what = f"{len(record):,} fields in row {number:,}, the header has {width:,}"
                raise DataError(what, where=path, hint='Put a field that holds the separator into quotes: "a, b".')
            fields = {name: record[place] for name, place in wanted.items() if place < len(record)}
            yield row_of(number, fields, path)


def wanted_columns(places: Places) -> dict[str, int]:
    """Where what a row is made of stands, by the name that it has in `Row`."""
    every = {"path": places.path, "label": places.label, "split": places.split, "group": places.group}
    return {name: place for name, place in every.items() if place is not None}


def rows_of_records(records: Sequence[Mapping[str, Any]], path: Path, *, reading: Reading) -> Table:
    """The rows of objects whose keys are the columns, as JSON has them.

    Raises:
        UsageError: a column that the user names is not there.
        DataError: which column is which cannot be told, or a picture has several labels.
    """
    header = list(dict.fromkeys(name for record in records for name in record))
    if len(header) > MOST_COLUMNS:
        raise unreadable(path, ValueError(f"{len(header):,} fields, more than {MOST_COLUMNS:,}"))
    places = find_columns(header, reading=reading, where=path)
    columns = {name: header[place] for name, place in wanted_columns(places).items()}
    rows = [
        row_of(number, {name: record.get(column) for name, column in columns.items()}, path)
        for number, record in enumerate(records, start=1)
    ]
    return Table(rows=rows, sure=places.sure)


def row_of(number: int, fields: Mapping[str, Any], path: Path) -> Row:
    """A row of values as a file has them.

    Raises:
        DataError: there are several labels, or one of the values is longer than any can be meant.
    """
    split, group = (text_of(fields.get(name)).strip() for name in ("split", "group"))
    label = unicodedata.normalize("NFC", label_of(fields.get("label"), row=number, where=path).strip())
    row = Row(number=number, path=text_of(fields.get("path")), label=label, split=split, group=group)
    return check_lengths(row, path)


def check_lengths(row: Row, table: Path) -> Row:
    """The row, if none of its values is longer than any can be meant.

    Raises:
        DataError: one is.
    """
    if len(row.path) <= LONGEST_PATH and max(map(len, (row.label, row.split, row.group))) <= LONGEST_NAME:
        return row
    limits = {"path": LONGEST_PATH, "label": LONGEST_NAME, "split": LONGEST_NAME, "group": LONGEST_NAME}
    name, limit = next((name, limit) for name, limit in limits.items() if len(getattr(row, name)) > limit)
    what = f"the {name} in row {row.number:,} has {len(getattr(row, name)):,} characters, more than {limit:,}"
    raise DataError(what, where=table, hint="Check that it is the right column, and that its quotes are closed.")


def text_of(value: object) -> str:
    """Labels and groups may be numbers in Parquet; nothing and not-a-number are empty."""
    return "" if value is None or value != value else str(value)  # noqa: PLR0124  (only NaN differs from itself)


def unreadable(path: Path, error: BaseException) -> DataError:
    """That a file cannot be read, and why."""
    reason = shortened(str(getattr(error, "strerror", None) or error), 200)
    return DataError(f"cannot read the manifest ({reason})", where=path, hint="Check that it is whole.")
