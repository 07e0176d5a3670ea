"""Which columns of a table give a box in each picture, what their numbers mean, and in which unit they are."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from tellapart.data.boxes import check_numbers
from tellapart.data.reading import BoxesAre, Reading
from tellapart.errors import DataError, UsageError
from tellapart.text import counted
from tellapart.types import Box

Numbers = tuple[float, float, float, float]

# Names without anything but letters and digits, in the order in which they are looked for.
_SEPARATE: Final[Mapping[BoxesAre, Sequence[str]]] = {
    "corners": ("xmin ymin xmax ymax", "x1 y1 x2 y2", "left top right bottom", "x0 y0 x1 y1", "minx miny maxx maxy"),
    "sizes": ("x y width height", "x y w h", "left top width height", "xmin ymin width height", "xmin ymin w h"),
    "centres": ("xcenter ycenter width height", "xcentre ycentre width height", "cx cy w h", "cx cy width height"),
}
_BEFORE: Final = ("", "bbox", "box", "boundingbox")
_ONE: Final = ("bbox", "box", "boundingbox")
_SURE: Final = frozenset(("xmin", "ymin", "xmax", "ymax"))  # which mean nothing but a box
_KINDS: Final[Mapping[BoxesAre, str]] = {
    "corners": "x and y of two corners",
    "sizes": "x, y, width and height",
    "centres": "x and y of the centre, width and height",
}
_WHOLE: Final = "--boxes none leaves them out, and takes each picture as a whole."
_NUMBER: Final = re.compile(r"[^\s,;\[\]()]+")
_ROUNDED: Final = 1e-6  # by which a fraction may be above 1


@dataclass(frozen=True, slots=True, kw_only=True)
class BoxColumns:
    """The columns of a box.

    Attributes:
        places: of four columns with a number each, or of one with all four.
        names: what they are called.
        kind: what their numbers are.
        sizes: of the columns with the width and height of the picture, where there are such; else ().
    """

    places: tuple[int, ...]
    names: tuple[str, ...]
    kind: BoxesAre
    sizes: tuple[int, ...] = ()


def find_boxes(header: Sequence[str], *, reading: Reading, where: Path) -> BoxColumns | None:
    """The columns of a box by their names; None where there are none, or none are wanted.

    Raises:
        UsageError: boxes are to be read in a way, and there are none.
        DataError: some of the columns of a box are there, and not all.
    """
    if reading.boxes == "none":
        return None
    plain = {re.sub(r"[^a-z0-9]", "", name.lower()): place for place, name in reversed(list(enumerate(header)))}
    for kind, choices in _SEPARATE.items():
        for before, choice in ((before, choice) for choice in choices for before in _BEFORE):
            wanted = [f"{before}{name}" for name in choice.split()]
            if all(name in plain for name in wanted):
                places = tuple(plain[name] for name in wanted)
                sizes = tuple(plain[name] for name in ("width", "height") if name in plain and name not in wanted)
                return BoxColumns(
                    places=places,
                    names=tuple(header[place] for place in places),
                    kind=reading.boxes or kind,
                    sizes=sizes if len(sizes) == 2 else (),
                )
    for name in _ONE:
        if name in plain:
            return BoxColumns(places=(plain[name],), names=(header[plain[name]],), kind=reading.boxes or "sizes")
    if partly := sorted(_SURE & plain.keys()):
        raise DataError(f"a box needs four columns, there is only {', '.join(partly)}", where=where, hint=_WHOLE)
    if reading.boxes is not None:
        raise UsageError("no columns of boxes", where=where, hint="Call them xmin, ymin, xmax and ymax, or bbox.")
    return None


def numbers_of(values: Sequence[Any], *, source: str, where: Path) -> Numbers | None:
    """The four numbers of a box; None where nothing is there.

    Raises:
        DataError: there are not four, or one is no number.
    """
    found = [_text(value) for value in (_one(values[0]) if len(values) == 1 else values)]
    if not any(found):
        return None
    try:
        first, second, third, fourth = map(float, found)
    except ValueError as error:
        what = f"the box of {source} is no four numbers ({', '.join(found)[:80]})"
        raise DataError(what, where=where, hint=f"Mend it, or take it out. {_WHOLE}") from error
    return first, second, third, fourth


def _one(value: Any) -> Iterable[Any]:  # noqa: ANN401  what CSV, JSON and Parquet hold
    if isinstance(value, str) and value.strip()[:1] == "{":
        value = _parsed(value)
    if isinstance(value, Mapping):
        return [value[name] for name in ("x", "y", "width", "height") if name in value]
    return _NUMBER.findall(value) if isinstance(value, str) else value if isinstance(value, Iterable) else [value]


def _parsed(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _text(value: object) -> str:
    return "" if value is None else str(value).strip()


def boxes_of(
    rows: Sequence[tuple[Numbers | None, tuple[int, int] | None]],
    columns: BoxColumns,
    *,
    sources: Sequence[str],
    where: Path,
) -> tuple[list[Box | None], list[str]]:
    """The box of each row, and what is to be said of how they were read, a line each.

    They are fractions where not one number is above 1, which boxes in pixels cannot be; else pixels.

    Args:
        rows: the numbers of each, and the size of its picture where the table has it.
        columns: where they come from.
        sources: what errors call each row.
        where: the table.

    Raises:
        DataError: a box has no size, or a number of it is none.
    """
    known = [numbers for numbers, _ in rows if numbers is not None]
    if not known:
        return [None] * len(rows), []
    fractions = all(abs(value) <= 1 + _ROUNDED for numbers in known for value in numbers)
    boxes: list[Box | None] = []
    for (numbers, size), source in zip(rows, sources, strict=True):
        if numbers is None:
            boxes.append(None)
            continue
        left, top, width, height = left_top_size(numbers, columns.kind)
        box = Box(
            left=left,
            top=top,
            width=width,
            height=height,
            unit="fractions" if fractions else "pixels",
            size=None if fractions else size,
            source=source,
        )
        check_numbers(box, where=where)
        boxes.append(box)
    return boxes, _notes(columns, fractions=fractions, whole=len(rows) - len(known), name=where.name)


def left_top_size(numbers: Numbers, kind: BoxesAre | Literal["none"]) -> Numbers:
    """Left, top, width and height of a box whose numbers are of that kind."""
    first, second, third, fourth = numbers
    if kind == "corners":
        return first, second, third - first, fourth - second
    if kind == "centres":
        return first - third / 2, second - fourth / 2, third, fourth
    return numbers


def _notes(columns: BoxColumns, *, fractions: bool, whole: int, name: str) -> list[str]:
    unit = "fractions of the picture's sides" if fractions else "pixels"
    other: BoxesAre = "sizes" if columns.kind == "corners" else "corners"
    hint = f" (if they are {_KINDS[other]}: --boxes {other})" if len(columns.places) == 1 else ""
    called = ", ".join(columns.names)
    notes = [f"Each row is a box in its picture: {called} of {name}, read as {_KINDS[columns.kind]} in {unit}{hint}."]
    if whole:
        rows = counted(whole, f"row of {name} has", f"rows of {name} have")
        notes.append(f"{rows} no box: there the picture counts as a whole.")
    return notes
