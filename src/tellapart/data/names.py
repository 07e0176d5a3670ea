"""Names of files and classes as text that every file of ours can hold: valid UTF-8, classes in Unicode's form NFC."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterable

from tellapart.errors import DataError


def written(name: str) -> str:
    r"""A name or path as it is written everywhere: bytes that are no UTF-8 become escapes, as in "caf\xe9.png"."""
    try:
        name.encode()
    except UnicodeEncodeError:
        pass
    else:
        return name
    try:
        return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    except UnicodeEncodeError:  # half a letter that no file name gave
        return name.encode("utf-8", "backslashreplace").decode()


def is_utf8(name: str) -> bool:
    """Whether the bytes of a name are UTF-8, whatever the locale made of them."""
    try:
        name.encode("utf-8", "surrogateescape").decode("utf-8")
    except UnicodeError:
        return False
    return True


def class_name(name: str, *, where: str | os.PathLike[str]) -> str:
    """The class that a folder's name means: the same for every way in which a system stores an accent.

    Raises:
        DataError: its bytes are no UTF-8, so that nothing could be written about it.
    """
    if not is_utf8(name):
        hint = "Rename the folder; the class is called like it."
        raise DataError("the name of a class folder is not UTF-8", where=written(os.fspath(where)), hint=hint)
    return unicodedata.normalize("NFC", written(name))


def names_alike(classes: Iterable[str]) -> list[str]:
    """A line where classes have names that differ only in capitals, blanks and dashes; they may be one, or letters.

    Characters that nobody sees, such as the blank of no width that copying from a web page brings, count as blanks.
    """
    by_form: dict[str, list[str]] = {}
    for name in classes:
        seen = "".join(letter for letter in name if unicodedata.category(letter) != "Cf")
        form = unicodedata.normalize("NFKC", seen).casefold()
        by_form.setdefault(re.sub(r"[\s_]+|(?<=\w)-+", "", form), []).append(name)
    alike = [names for names in by_form.values() if len(names) > 1]
    if not alike:
        return []
    more = f", and {len(alike) - 1:,} more" if len(alike) > 1 else ""
    named = " and ".join(repr(written(name)) for name in alike[0])
    return [
        f"Classes whose names differ only in capitals, blanks or dashes: {named}{more}. If they are one, rename them."
    ]
