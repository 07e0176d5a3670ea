"""The rows of a CSV or Parquet file that name pictures, whatever else the table holds."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final

from tellapart.errors import DataError

TEXT_ENDINGS: Final = (".csv", ".tsv")
PARQUET_ENDINGS: Final = (".parquet", ".pq")
_REQUIRED: Final = ("path", "label")
_COLUMNS: Final = (*_REQUIRED, "split", "group")
_SEPARATORS: Final = ",;\t"
_PARQUET_MARK: Final = b"PAR1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row; "" stands for what is empty or not there.

    Attributes:
        number: as a spreadsheet counts, the header being row 1 (also for Parquet, which has no header line).
        path: as it was written.
        label: without the spaces around it.
        split: without the spaces around it.
        group: without the spaces around it.
    """

    number: int
    path: str
    label: str
    split: str
    group: str


def read_delimited(path: Path) -> list[Row]:
    """Read a CSV file with a header; the separator is the comma, semicolon or tab that the header uses.

    Bytes that are no UTF-8 survive in paths, as they do in file names.

    Raises:
        DataError: it cannot be read, or the columns path and label are not both there.
    """
    try:
        with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
            header = file.readline()
            separator = max(_SEPARATORS, key=header.count)
            file.seek(0)
            records = csv.reader(file, delimiter=separator, strict=True)
            return list(_rows(next(records, []), records, path))
    except (OSError, csv.Error) as error:
        raise _unreadable(path, error) from error


def _rows(header: Sequence[str], records: Iterable[Sequence[str]], path: Path) -> Iterator[Row]:
    places = _places(header, path)
    for number, record in enumerate(records, start=2):
        if record:  # an empty line is no row
            fields = {name: record[place] for name, place in places.items() if place < len(record)}
            yield _row(number, fields)


def _places(header: Sequence[str], path: Path) -> dict[str, int]:
    """Where each column of ours stands, whatever the case of its name."""
    names = [name.strip().lower() for name in header]
    for wanted in _REQUIRED:
        if wanted not in names:
            found = ", ".join(header) or "none"
            hint = f"Name the columns path, label and, if you like, split and group; found: {found}."
            raise DataError(f"no column {wanted!r}", where=path, hint=hint)
    return {wanted: names.index(wanted) for wanted in _COLUMNS if wanted in names}


def read_parquet(path: Path) -> list[Row]:
    """Read a Parquet file, batch by batch, so that columns of no interest never lie in memory together.

    Raises:
        DataError: it cannot be read, or the columns path and label are not both there.
    """
    from arro3.io import read_parquet as open_parquet

    try:
        with path.open("rb") as file:
            _check_whole(file)
            batches = open_parquet(file)
            places = _places(batches.schema.names, path)
            return list(_batch_rows(batches, places))
    except (DataError, KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # the reader is native code, and where it panics that is no Exception
        raise _unreadable(path, error) from error


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


def _batch_rows(batches: Iterable[Any], places: Mapping[str, int]) -> Iterator[Row]:
    number = 2
    for batch in batches:
        columns = {name: batch.column(place).to_pylist() for name, place in places.items()}
        for values in zip(*columns.values(), strict=True):
            yield _row(number, dict(zip(columns, values, strict=True)))
            number += 1


def _row(number: int, fields: Mapping[str, Any]) -> Row:
    path = _text(fields.get("path"))
    label, split, group = (_text(fields.get(name)).strip() for name in ("label", "split", "group"))
    return Row(number=number, path=path, label=label, split=split, group=group)


def _text(value: object) -> str:
    """Labels and groups may be numbers in Parquet; nothing and not-a-number are empty."""
    return "" if value is None or value != value else str(value)  # noqa: PLR0124  (only NaN differs from itself)


def _unreadable(path: Path, error: BaseException) -> DataError:
    reason = str(getattr(error, "strerror", None) or error)
    return DataError(f"cannot read the manifest ({reason[:200]})", where=path, hint="Check that it is whole.")
