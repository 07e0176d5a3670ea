"""Parquet files that list pictures, read in another process: their reader can be stopped by a damaged file."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, Final

from tellapart.data.apart import Helper, helper
from tellapart.data.limits import LARGEST_TABLE, LONGEST_CELL, MOST_COLUMNS, ROW, UNPACKED, UNPACKED_TIMES
from tellapart.data.reading import Reading
from tellapart.data.tables import Columns, Table, table_of_values, unreadable
from tellapart.errors import DataError
from tellapart.files import open_regular
from tellapart.text import shortened

ENDINGS: Final = (".parquet", ".pq")
_MARK: Final = b"PAR1"
_MEMORY: Final = 700_000_000  # bytes for reading, and _TIMES more for each byte of the file
_TIMES: Final = 4
_BATCH: Final = 1_000  # rows
_COUNTED: Final = 20_000_000  # bytes of a file that is gone through twice, the first time to count its rows
_SECONDS: Final = 4  # of CPU time, and one more for each _BYTES_A_SECOND
_BYTES_A_SECOND: Final = 5_000_000


def read_parquet(path: Path, *, reading: Reading) -> Table:
    """Read a Parquet file, batch by batch, so that columns of no interest never lie in memory together.

    Raises:
        UsageError: a column that the user names is not there.
        DataError: it cannot be read, or which column is which cannot be told.
    """
    try:
        with open_regular(path) as file:
            size = _whole_size(file)
        place = os.fspath(path.absolute())
        request = {"file": place, "batch": _BATCH, "most_columns": MOST_COLUMNS, "longest": LONGEST_CELL}
        request["count"] = size < _COUNTED
        seconds, memory = _SECONDS + size // _BYTES_A_SECOND, _MEMORY + _TIMES * size
        with helper("read_parquet", seconds=seconds, memory=memory, request=request) as reader:
            head, room = reader.hear(), UNPACKED + UNPACKED_TIMES * size
            if head["rows"] * ROW > room:
                raise _too_much(head["rows"], path)
            columns = Columns.of(head["columns"], reading=reading, where=path)
            _check_text(head["columns"][columns.ours.path], head["kinds"][columns.ours.path], path)
            records = _records(reader, columns, path, room=room)
            return table_of_values(records, columns, path)
    except (OSError, ValueError) as error:
        raise unreadable(path, error) from error


def _check_text(name: str, kind: str, path: Path) -> None:
    """Stop where what names the picture is no text, as where pictures are inside the file.

    Raises:
        DataError: it is none.
    """
    if any(word in kind.lower() for word in ("binary", "struct")):
        what = f"the column {shortened(name)!r} holds bytes, as of pictures themselves, and no paths"
        raise DataError(
            what, where=path, hint="Save the pictures as files, and write their paths into a column of text."
        )


def _whole_size(file: BinaryIO) -> int:
    """The bytes of a file that was not cut off.

    Source: the Parquet format. It ends with the length of its footer (32 bits, little-endian) and PAR1, as it begins.

    Raises:
        ValueError: it does not begin and end as a Parquet file does, or is too large.
    """
    start, size = file.read(4), file.seek(0, os.SEEK_END)
    file.seek(max(0, size - 8))
    end = file.read(8)
    if start != _MARK or end[4:] != _MARK or int.from_bytes(end[:4], "little") > size - 12:
        raise ValueError("it does not begin and end like a Parquet file")
    if size > LARGEST_TABLE:
        raise ValueError(f"larger than {LARGEST_TABLE:,} bytes")
    return size


def _records(reader: Helper, columns: Columns, path: Path, *, room: int) -> Iterator[tuple[int, Mapping[int, Any]]]:
    """The values of each row by the place of their column, as long as what they take is within room bytes.

    Of a column that is none of ours only texts and numbers: no pictures, no lists.

    Raises:
        DataError: they take more.
    """
    wanted, others = columns.wanted(), set(columns.others.values())
    reader.tell({"places": wanted, "plain": [place for place in wanted if place in others]})
    met: set[Any] = set()  # values of other columns, which are kept once
    number = 2
    while (batch := reader.hear()["rows"]) is not None:
        room -= ROW * len(batch)
        for place, column in zip(wanted, zip(*batch, strict=True), strict=False):
            fresh = set(column) - met if place in others else column
            met |= set(fresh) if place in others else set()
            room -= sum(map(_room, fresh))
        if room < 0:
            raise _too_much(number, path)
        for values in batch:
            yield number, dict(zip(wanted, values, strict=True))
            number += 1


def _too_much(rows: int, path: Path) -> DataError:
    what = f"{rows:,} rows and more, which is far beyond what a file of this size lists"
    return DataError(what, where=path, hint="Save it as CSV, which is not packed.")


def _room(value: Any) -> int:  # noqa: ANN401  what JSON holds
    return len(value) if isinstance(value, str) else 8 if not isinstance(value, list | dict) else len(str(value))
