"""Text on pictures, in whatever letters a name is written in.

Pillow brings one font, for the letters of English. For other letters the first well-known font of the system that has
them is taken; where there is none, a letter is written as its code, rather than as an empty box.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any, Final

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from tellapart.errors import one_line
from tellapart.types import Pixels

FONTS: Final = (
    *("DejaVuSans.ttf", "NotoSans-Regular.ttf", "LiberationSans-Regular.ttf"),
    *("NotoSansCJK-Regular.ttc", "wqy-microhei.ttc", "wqy-zenhei.ttc"),
    *("segoeui.ttf", "msyh.ttc", "simsun.ttc"),
    *("Arial Unicode.ttf", "PingFang.ttc", "Hiragino Sans GB.ttc"),
)
TITLE, LINE, MARGIN = 13, 20, 8  # pixels: of a title's letters, its lines, and around it
NARROWEST: Final = 420  # pixels of a picture with a title
DARK, LIGHT = (48, 48, 48), (235, 235, 235)
NO_LETTER: Final = "\uffff"  # never a letter: every font draws for it what it draws for letters it lacks


def titled(picture: Pixels, *lines: str) -> Pixels:
    """A picture uint8 [H, W, 3] below lines of text, uint8 [H + h, max(W, NARROWEST), 3]; long lines are cut inside."""
    height, width = picture.shape[:2]
    above, across = len(lines) * LINE + MARGIN, max(width, NARROWEST)
    canvas = Image.new("RGB", (across, above + height), DARK)
    canvas.paste(Image.fromarray(picture), (0, above))
    pen = ImageDraw.Draw(canvas)
    for number, line in enumerate(lines):
        words, font = lettering(line, size=TITLE, width=across - 2 * MARGIN)
        pen.text((MARGIN, MARGIN // 2 + number * LINE), words, fill=LIGHT, font=font)
    return np.asarray(canvas)


def lettering(text: str, *, size: int, width: int) -> tuple[str, Any]:
    """One line of text as it can be drawn in letters of that size, and the font to draw it with.

    Control characters are written as their codes. What is longer than width pixels is cut in its middle, so that both
    ends of a name can be read.
    """
    clean = one_line(text)
    font = _font_for(clean, size)
    if font is None:
        font = ImageFont.load_default(size=size)
        clean = "".join(letter if _has(font, letter) else _code(letter) for letter in clean)
    return fitted_text(clean, font=font, width=width), font


def drawable(text: str) -> bool:
    """Whether one font has every letter of a text, so that none is written as its code."""
    return _font_for(one_line(text), 16) is not None


def _font_for(text: str, size: int) -> Any:  # noqa: ANN401
    """The first font that has every letter of a text; None where none has."""
    return next((font for font in _fonts(size) if all(_has(font, letter) for letter in set(text))), None)


def fitted_text(text: str, *, font: Any, width: int) -> str:  # noqa: ANN401
    """The text, with as much taken out of its middle as it takes to fit into width pixels."""
    if font.getlength(text) <= width:
        return text
    for kept in range(min(len(text), 200) - 1, 0, -1):
        front = (kept + 1) // 2
        cut = f"{text[:front]}...{text[len(text) - (kept - front) :]}"
        if font.getlength(cut) <= width:
            return cut
    return "..."


def _fonts(size: int) -> Iterator[Any]:
    yield ImageFont.load_default(size=size)
    for name in FONTS:
        font = _system_font(name, size)
        if font is not None:
            yield font


@cache
def _system_font(name: str, size: int) -> Any:  # noqa: ANN401
    try:
        return ImageFont.truetype(name, size)
    except OSError:
        return None


def _has(font: Any, letter: str) -> bool:  # noqa: ANN401
    return letter.isspace() or _drawn(font, letter) != _drawn(font, NO_LETTER)


def _drawn(font: Any, letter: str) -> bytes:  # noqa: ANN401
    return bytes(font.getmask(letter))


def _code(letter: str) -> str:
    return f"\\u{ord(letter):04x}"
