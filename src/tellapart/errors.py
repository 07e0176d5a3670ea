"""The errors a caller may want to catch, and the exit code each becomes on the command line.

    TellapartError              1  a fault of ours
    ├── UsageError              2  an argument that makes no sense
    │   └── OutputError         2  the place to write to is taken, read-only or full
    ├── DataError               3  something in the data
    │   └── PictureError        3  one picture cannot be read
    ├── ModelFileError          4  something in a model file
    └── MissingExtraError       5  an optional dependency is not installed

Every message is one line: what is wrong, where, and what to do next.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from tellapart.text import shortened

LONGEST: Final = 1_000  # characters of each part of a message


def one_line(text: str) -> str:
    """Return text with every control character escaped, so that a hostile file name cannot break a line."""
    return "".join(character if character.isprintable() else repr(character)[1:-1] for character in text)


class TellapartError(Exception):
    """What is wrong, where (a path, a row, an argument), and what to do next."""

    exit_code = 1

    def __init__(self, what: str, *, where: str | Path | None = None, hint: str | None = None) -> None:
        """Keep the three parts, and their single line as the message.

        Args:
            what: what is wrong, as a clause without a full stop.
            where: the path, row or argument it is about.
            hint: what to do next, as a sentence.
        """
        self.what, self.where, self.hint = what, where, hint
        place = f": {_told(str(where))}" if where is not None else ""
        advice = f". {_told(hint)}" if hint else ""
        super().__init__(f"{_told(what)}{place}{advice}")


def _told(text: str) -> str:
    """One line of a bounded length: a name in a file from elsewhere may have a million letters."""
    return shortened(one_line(shortened(text, LONGEST)), LONGEST)


class UsageError(TellapartError):
    exit_code = 2


class OutputError(UsageError):
    pass


class DataError(TellapartError):
    exit_code = 3


class PictureError(DataError):
    pass


class ModelFileError(TellapartError):
    exit_code = 4


class MissingExtraError(TellapartError):
    exit_code = 5
