"""Fonts of the system for whatever letters the classes are written in, where matplotlib draws them.

matplotlib brings DejaVu Sans, which has Latin, Greek, Cyrillic, Arabic and Hebrew letters, and takes each letter from
the first of several fonts that has it.
"""

from __future__ import annotations

import contextlib
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from tellapart.text import counted

OWN: Final = "DejaVu Sans"
PREFERRED: Final = (
    *("Noto Sans CJK SC", "Noto Sans CJK JP", "Noto Sans SC", "Source Han Sans SC", "WenQuanYi Micro Hei"),
    *("WenQuanYi Zen Hei", "Microsoft YaHei", "PingFang SC", "PingFang HK", "Hiragino Sans GB", "Heiti TC", "SimHei"),
    *("Hiragino Sans", "Yu Gothic", "MS Gothic", "Malgun Gothic", "Apple SD Gothic Neo", "Arial Unicode MS"),
)
EAST_ASIAN: Final = (
    "CJK",
    "HIRAGANA",
    "KATAKANA",
    "HANGUL",
    "BOPOMOFO",
    "FULLWIDTH",
    "IDEOGRAPHIC",
    "KATAKANA-HIRAGANA",
)
PLACEHOLDERS: Final = "Last Resort"  # a font that has every letter, as a box with the name of its script
REGULAR: Final = (400, 500, "normal", "regular", "book", "medium")  # as matplotlib has it; 500 is WenQuanYi Zen Hei
SHOWN: Final = 8  # letters that are named


@dataclass(frozen=True, slots=True, kw_only=True)
class Fonts:
    """Which fonts to draw with, the first for every letter that it has; and the letters that none of them has."""

    families: tuple[str, ...]
    missing: str

    def complaint(self) -> str:
        """One line on the letters that are missing and what to install; "" where there are none."""
        if not self.missing:
            return ""
        shown = self.missing[:SHOWN] + ("…" if len(self.missing) > SHOWN else "")
        wanted = ", ".join(dict.fromkeys(font_for(letter) for letter in self.missing))
        return (
            f"The PNG plots have boxes in place of {counted(len(self.missing), 'letter')} that no installed font has "
            f"({shown}). Install {wanted} and write them again; the SVG plots keep every name as text."
        )


def fonts_for(names: Iterable[str]) -> Fonts:
    """The fewest fonts, of those installed, that have the letters of some names; well-known ones are taken first.

    What matplotlib knows of the system's fonts it has kept from the day on which it first looked. Where those do not
    do, the fonts installed since are added, and all are gone through anew: so a second call chooses the same.
    """
    letters = {letter for name in names for letter in name if not letter.isspace()}
    found = _chosen(letters)
    return _chosen(letters) if found.missing and _add_new_fonts() else found


def _chosen(letters: set[str]) -> Fonts:
    """Of the fonts that matplotlib knows of."""
    families, missing = [], set(letters)
    for name, path in _known_fonts():
        had = missing & _letters_of(path)
        if had or name == OWN:
            families.append(name)
            missing -= had
        if not missing:
            break
    return Fonts(families=tuple(dict.fromkeys(families)), missing="".join(sorted(missing)))


def font_for(letter: str) -> str:
    """The name of a free font that has a letter, by the script that Unicode's name of the letter begins with."""
    script = unicodedata.name(letter, "SYMBOLS").split()[0]
    return "Noto Sans CJK (Debian, Ubuntu: fonts-noto-cjk)" if script in EAST_ASIAN else f"Noto Sans {script.title()}"


def _add_new_fonts() -> bool:
    """Tell matplotlib of the fonts that it does not know of; whether there are some."""
    from matplotlib import font_manager

    manager = font_manager.fontManager
    known = {entry.fname for entry in manager.ttflist}
    for path in sorted(set(font_manager.findSystemFonts()) - known):
        with contextlib.suppress(OSError, RuntimeError, UnicodeError):  # no font that it can read
            manager.addfont(path)
    return len({entry.fname for entry in manager.ttflist}) > len(known)


def _known_fonts() -> list[tuple[str, str]]:
    """Name and file of each font in its regular form: our own, well-known ones, others."""
    from matplotlib import font_manager

    regular = [
        entry
        for entry in font_manager.fontManager.ttflist
        if entry.style == "normal" and entry.weight in REGULAR and not entry.name.startswith(PLACEHOLDERS)
    ]
    ranks = {name: rank for rank, name in enumerate((OWN, *PREFERRED))}
    ranked = sorted(regular, key=lambda entry: (ranks.get(entry.name, len(ranks)), entry.name, entry.fname))
    return [(entry.name, entry.fname) for entry in ranked]


def _letters_of(path: str) -> set[str]:
    from matplotlib.ft2font import FT2Font

    try:
        return {chr(code) for code in FT2Font(path).get_charmap()}
    except (OSError, RuntimeError):
        return set()
