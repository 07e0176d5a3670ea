"""How the names of classes stand above the columns of a confusion matrix."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import Final

ROOM: Final = 56.0  # em that all columns of a page may take
ROOM_ON_A_PHONE: Final = 14.0
LETTER: Final = 0.58  # em that a letter takes
BEFORE_A_BREAK: Final = 16  # letters of a name in a line; an ideograph counts as two
NARROWEST: Final = 2.75  # em of a column


def letters(name: str) -> int:
    """How wide a name is, in letters of the Latin script: ideographs, kana and Hangul are as wide as two."""
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in name)


def stands_upright(name: str) -> bool:
    """Whether a name is written from top to bottom with its characters upright, as Chinese, Japanese and Korean are."""
    return any(unicodedata.east_asian_width(character) == "W" for character in name)


def level_on(names: Sequence[str]) -> str:
    """Where all names have room to stand level above their columns: "phone" too, on a "page", or nowhere, ""."""
    taken = sum(max(NARROWEST, LETTER * min(letters(name), BEFORE_A_BREAK) + 0.8) for name in names)
    return "phone" if taken <= ROOM_ON_A_PHONE else "page" if taken <= ROOM else ""
