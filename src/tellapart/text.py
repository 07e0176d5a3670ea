"""How figures read, on the screen and on a page: counts with their noun, and shares that never promise too much."""

from __future__ import annotations

import contextlib
import math
import re
import textwrap
from typing import Final

FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "\N{FULLWIDTH EQUALS SIGN}")
DASH: Final = "\N{EN DASH}"
HELD_SPACE: Final = "\N{NO-BREAK SPACE}"
# What a file is called is no figure: "view 3 s.png".
BEFORE_UNIT: Final = re.compile(r"(?<=\d) (?=(?:%|px|ms|s|kB|MB|GB)(?!\w|\.\w))")


def counted(count: int, one: str, many: str | None = None) -> str:
    """How many of what, as in "1 picture", "12,000 pictures" and "2 classes"."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def shortened(text: str, most: int = 80) -> str:
    """A text of at most so many characters: of a longer one both ends, with an ellipsis between them."""
    if len(text) <= most:
        return text
    end = most // 2
    return f"{text[: most - end - 1]}…{text[len(text) - end :]}"


def unbroken(text: str) -> str:
    """A text in which no line ends between a number and its unit: the space there is one at which none is broken."""
    return BEFORE_UNIT.sub(HELD_SPACE, text)


def wrapped(text: str, width: int) -> list[str]:
    """Lines of at most so many letters, which end at spaces, and never between a number and its unit."""
    lines = textwrap.wrap(unbroken(text), width, break_long_words=False, break_on_hyphens=False)
    return [line.replace(HELD_SPACE, " ") for line in lines]


def inert(cell: str) -> str:
    """A cell of a table that no spreadsheet takes for a formula: one that begins like it gets an apostrophe before it.

    See OWASP, "CSV Injection". Only for tables that are made for people: with the apostrophe it is another name.
    """
    return f"'{cell}" if cell.startswith(FORMULA_STARTS) else cell


def to_utf8(text: str) -> bytes:
    """Text as valid UTF-8: names that only the locale could not read come out right, other bytes become escapes."""
    with contextlib.suppress(UnicodeEncodeError):  # half a letter that no file name gave
        text = text.encode("utf-8", "surrogateescape").decode("utf-8", "surrogateescape")
    return text.encode("utf-8", "backslashreplace")


def percent(share: float | None) -> str:
    """A share in percent, as in "98.2 %": only 0 is "0.0 %" and only 1 is "100.0 %"."""
    return DASH if share is None else f"{tenths(share)} %"


def tenths(share: float) -> str:
    """The number of `percent` alone; what is nearer to none or to all than a decimal can say is "< 0.1" or "> 99.9"."""
    rounded = math.floor(share * 1000 + 0.5) / 10  # the very steps of percent.js, so that both say the same
    if rounded == 0 < share:
        return "< 0.1"
    if rounded == 100 and share < 1:
        return "> 99.9"
    return f"{rounded:.1f}"
