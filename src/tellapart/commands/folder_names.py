"""Names that every system takes for a file or folder, made of any text, and no two of them the same anywhere."""

from __future__ import annotations

import hashlib
import os
import unicodedata
from collections.abc import Iterable, Sequence

from tellapart.text import FORMULA_STARTS

FORBIDDEN = frozenset('<>:"/\\|?*')  # on Windows, and on what was formatted there
DEVICES = frozenset(
    [
        "CON",
        "PRN",
        "AUX",
        "NUL",
        "CONIN$",
        "CONOUT$",
        *(f"{port}{n}" for port in ("COM", "LPT") for n in "0123456789¹²³"),
    ]
)
LONGEST = 120  # bytes; 255 is what file systems take, and some of them count otherwise


class Taken:
    """The names that a folder holds; names that differ only in case are one on some systems."""

    def __init__(self, names: Iterable[str] = (), *, between: str = "_") -> None:
        """Begin with some; `between` stands between a name that is taken and its number."""
        self._between = between
        self._names = {folded(name) for name in names}
        self._last: dict[str, int] = {}

    def take(self, name: str) -> str:
        """The name, with a number behind it where it is taken."""
        stem, suffix = os.path.splitext(name)  # noqa: PTH122  a name, not a path
        number, free = self._last.get(folded(name), 1), name
        while folded(free) in self._names:
            number += 1
            free = f"{stem}{self._between}{number}{suffix}"
        self._last[folded(name)] = number
        self._names.add(folded(free))
        return free


def folded(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()


def safe_name(name: str) -> str:
    """The name itself where every system takes it; else as near to it as can be.

    Source: Microsoft, Naming Files, Paths, and Namespaces. A name with a dot in front would be hidden.
    """
    text = unicodedata.normalize("NFC", name)
    text = "".join("_" if letter in FORBIDDEN or not letter.isprintable() else letter for letter in text)
    text = text.strip(" ").rstrip(". ")
    if text.startswith("."):
        text = f"_{text[1:]}"
    if text.startswith(FORMULA_STARTS):  # the table has it, and a shell takes some of these for an option
        text = f"_{text}"
    if text.split(".", maxsplit=1)[0].rstrip(" ").upper() in DEVICES:
        text = f"_{text}"
    return shortened_name(text or "_")


def shortened_name(name: str) -> str:
    """A name of at most LONGEST bytes, its ending kept; what is cut off is told by a digest."""
    if len(name.encode()) <= LONGEST:
        return name
    stem, suffix = os.path.splitext(name)  # noqa: PTH122
    suffix = suffix if len(suffix.encode()) <= 10 else ""
    digest = hashlib.sha256(name.encode()).hexdigest()[:8]
    room = LONGEST - len(suffix.encode()) - len(digest) - 1
    return f"{stem.encode()[:room].decode(errors='ignore').rstrip(' .')}-{digest}{suffix}"


def class_folders(classes: Sequence[str], *, reserved: Iterable[str]) -> dict[str, str]:
    """The folder of each class; none is called as a reserved name is."""
    taken = Taken(reserved)
    plain = [name for name in classes if safe_name(name) == name]  # these keep their names if they can
    order = [*plain, *(name for name in classes if name not in set(plain))]
    found = {name: taken.take(safe_name(name)) for name in order}
    return {name: found[name] for name in classes}
