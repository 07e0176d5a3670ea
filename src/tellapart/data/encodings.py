"""The text of a file whose encoding its first bytes tell: UTF-8, or UTF-16 and UTF-32 with their mark."""

from __future__ import annotations

import codecs
from pathlib import Path
from typing import Final

from tellapart.errors import DataError

_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, which starts alike
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_SAY: Final = "say its encoding, for example --encoding cp1252 (Western Windows) or --encoding gbk (Chinese)"


def encoding_of(start: bytes, *, where: Path) -> str:
    """The encoding that the first bytes of a file tell, else UTF-8.

    Raises:
        DataError: it looks like UTF-16 without its mark.
    """
    for mark, encoding in _MARKS:
        if start.startswith(mark):
            return encoding
    if b"\0" in start and not _alternate(start):
        hint = "Check that it is the table that you mean; a spreadsheet has to be saved as CSV UTF-8."
        raise DataError("this is no text", where=where, hint=hint)
    if b"\0" in start:
        likely = "utf-16-le" if start[1:2] == b"\0" else "utf-16-be"
        hint = f"Save it as UTF-8, or add --encoding {likely}."
        raise DataError(
            "this is no UTF-8, it has bytes of zero, as UTF-16 without its mark does", where=where, hint=hint
        )
    return "utf-8"


def _alternate(start: bytes) -> bool:
    """Whether every second byte is mostly zero, as in UTF-16 of Latin letters."""
    even, odd = start[::2], start[1::2]
    return any(2 * low.count(0) > len(low) and not high.count(0) for low, high in ((even, odd), (odd, even)))


def not_in(encoding: str, *, where: Path, line: int | None = None) -> DataError:
    """That a file is not in an encoding, with what to do."""
    name = "UTF-8" if encoding.startswith("utf-8") else encoding
    place = f"line {line:,} of the file is not {name}" if line else f"the file is not {name}"
    return DataError(place, where=where, hint=f"Save it as UTF-8 (in Excel: CSV UTF-8), or {_SAY}.")


def first_line_not_in(path: Path, encoding: str) -> int | None:
    """The first line of a file that is not in an encoding of which a line feed is one byte; None for another."""
    if encoding.startswith(("utf-16", "utf-32")):
        return None
    decoder = codecs.getincrementaldecoder(encoding)()
    with path.open("rb") as file:
        number = 1
        while piece := file.readline(1 << 16):
            try:
                decoder.decode(piece)
            except UnicodeDecodeError:
                return number
            number += piece.endswith(b"\n")
    return number
