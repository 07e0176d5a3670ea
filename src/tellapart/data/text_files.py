"""The text of a file from elsewhere: of bounded length, in the encoding that it or the user tells."""

from __future__ import annotations

from pathlib import Path

from tellapart import files
from tellapart.data.encodings import encoding_of, not_in
from tellapart.data.reading import Reading
from tellapart.data.tables import unreadable


def read_text(path: Path, *, limit: int, reading: Reading) -> str:
    """The text of a file of at most limit bytes.

    Raises:
        DataError: it cannot be read, is larger, or is in another encoding.
    """
    encoding = "utf-8"
    try:
        content = files.read_bounded(path, limit=limit)
        encoding = reading.encoding or encoding_of(content[:64], where=path)
        return content.decode(encoding)
    except UnicodeError as error:
        start = getattr(error, "start", 0)
        line = content.count(b"\n", 0, start) + 1 if encoding.startswith("utf-8") else None
        raise not_in(encoding, where=path, line=line) from error
    except (OSError, ValueError) as error:
        raise unreadable(path, error) from error
