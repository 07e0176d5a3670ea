"""The rows of a CSV, JSON Lines or Parquet file that name pictures, whatever else the table holds."""

from __future__ import annotations

import csv
import os
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final, TextIO

from tellapart.data.columns import Places, find_columns
from tellapart.data.encodings import encoding_of, first_line_not_in, not_in
from tellapart.data.labels import label_of
from tellapart.data.reading import Reading
from tellapart.errors import DataError

TEXT_ENDINGS: Final = (".csv", ".tsv", ".tab", ".txt")
PARQUET_ENDINGS: Final = (".parquet", ".pq")
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
        with path.open("rb") as start:
            encoding = reading.encoding or encoding_of(start.read(64), where=path)
        with path.open(encoding=encoding, newline="") as file:
            records = csv.reader(file, delimiter=_separator(file), strict=True)
            header = next((record for record in records if any(map(str.strip, record))), [])
            places = find_columns([name.lstrip("\ufeff") for name in header], reading=reading, where=path)
            return Table(rows=list(_rows(records, places, path, width=len(header))), sure=places.sure)
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


def _rows(records: Iterable[Sequence[str]], places: Places, path: Path, *, width: int) -> Iterator[Row]:
    """The rows of as many fields as the header has, or fewer.

    Raises:
        DataError: one has more, so that it cannot be told which is which.
    """
    wanted = _wanted(places)
    for number, record in enumerate(records, start=2):
        if record and any(field.strip() for field in record):  # an empty line is no row
            if any(field.strip() for field in record[width:]):
                what = f"{len(record):,} fields in row {number:,}, the header has {width:,}"
                raise DataError(what, where=path, hint='Put a field that holds the separator into quotes: "a, b".')
            fields = {name: record[place] for name, place in wanted.items() if place < len(record)}
            yield row_of(number, fields, path)


def _wanted(places: Places) -> dict[str, int]:
    every = {"path": places.path, "label": places.label, "split": places.split, "group": places.group}
    return {name: place for name, place in every.items() if place is not None}


def rows_of_records(records: Sequence[Mapping[str, Any]], path: Path, *, reading: Reading) -> Table:
    """The rows of objects whose keys are the columns, as JSON has them.

    Raises:
        UsageError: a column that the user names is not there.
        DataError: which column is which cannot be told, or a picture has several labels.
    """
    header = list(dict.fromkeys(name for record in records for name in record))
    places = find_columns(header, reading=reading, where=path)
    columns = {name: header[place] for name, place in _wanted(places).items()}
    rows = [
        row_of(number, {name: record.get(column) for name, column in columns.items()}, path)
        for number, record in enumerate(records, start=1)
    ]
    return Table(rows=rows, sure=places.sure)


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
            places = find_columns(batches.schema.names, reading=reading, where=path)
            return Table(rows=list(_batch_rows(batches, _wanted(places), path)), sure=places.sure)
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


def _batch_rows(batches: Iterable[Any], wanted: Mapping[str, int], path: Path) -> Iterator[Row]:
    number = 2
    for batch in batches:
        columns = {name: batch.column(place).to_pylist() for name, place in wanted.items()}
        for values in zip(*columns.values(), strict=True):
            yield row_of(number, dict(zip(columns, values, strict=True)), path)
            number += 1


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
