"""The labels of one picture as YOLO writes them: a line for each thing, its class by number, then shares of the sides.

Source: the pages on the formats of detection, segmentation, rotated boxes and pose of Ultralytics' documentation.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tellapart import files
from tellapart.data.answers import Part
from tellapart.data.box_columns import Numbers, left_top_size
from tellapart.data.reading import BoxesAre
from tellapart.errors import DataError
from tellapart.text import shortened
from tellapart.types import Box

_NUMBER: Final = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_LONGEST_NUMBER: Final = 64  # characters, where floats that are written to their last bit take 24
_WHOLE: Final = re.compile(r"[0-9]{1,9}(?:\.0{1,9})?")
LARGEST_SHARE: Final = 1.01  # as far as a box may stick out of its picture, see `data/boxes.py`
_LINE: Final = re.compile(rb"\s*[0-9]+(?:\.0*)?(?:[ \t]+[-+0-9.eE]+){4,}[ \t]*(?:\r?\n|$)")
_STARTS: Final = 4_096  # bytes of a file that is told by its first line
_FORMS: Final = "A line is: class x_center y_center width height, or class x y x y x y … of the corners."


@dataclass(frozen=True, slots=True, kw_only=True)
class YoloNames:
    """What the numbers of classes mean.

    Attributes:
        by_number: the name of each.
        source: the file that says so.
        keypoints: whether keypoints follow a box, so that more numbers are no polygon.
    """

    by_number: Mapping[int, str]
    source: str
    keypoints: bool = False


def is_yolo_labels(file: Path) -> bool:
    """Whether a text file begins with a line of labels."""
    try:
        return _LINE.match(files.read_start(file, most=_STARTS)) is not None
    except OSError:
        return False


def yolo_parts(text: str, names: YoloNames, *, path: str, where: Path, boxes: BoxesAre | None = None) -> list[Part]:
    """The labelled boxes of a picture; given to each is its confidence, "" where none is said.

    Args:
        text: the file of labels.
        names: of the classes.
        path: how errors call the file.
        where: the set it is in.
        boxes: what the four numbers of a box are, where it is not what YOLO writes.

    Raises:
        DataError: a line is none of YOLO's, its class has no name, or its numbers are no shares.
    """
    parts = []
    for number, line in enumerate(text.splitlines(), start=1):
        words = line.split()
        if not words:
            continue
        source = f"line {number:,} of {path}"
        label = _name(words[0], names, source=source, where=where)
        values = _shares(words[1:], source=source, where=where)
        box, confidence = _box(values, keypoints=names.keypoints, boxes=boxes or "centres", source=source, where=where)
        given = "" if confidence is None else f"{confidence:g}"
        parts.append(Part(label=label, box=box, given=(given,)))
    return parts


def _name(word: str, names: YoloNames, *, source: str, where: Path) -> str:
    if _WHOLE.fullmatch(word) is None:
        what = f"{source} begins with {shortened(word)!r}, which is no number of a class"
        raise DataError(what, where=where, hint=_FORMS)
    number = int(float(word))
    if number not in names.by_number:
        known = sorted(names.by_number)
        what = f"{source} has the class {number}, which has no name in {names.source} ({known[0]} to {known[-1]} have)"
        raise DataError(what, where=where, hint="Give it a name there, or take the line out.")
    return names.by_number[number]


def _shares(words: Sequence[str], *, source: str, where: Path) -> list[float]:
    for word in words:
        if len(word) > _LONGEST_NUMBER or _NUMBER.fullmatch(word) is None:
            raise DataError(f"{source} has {shortened(word)!r}, which is no number", where=where, hint=_FORMS)
    return [float(word) for word in words]


def _box(
    values: Sequence[float], *, keypoints: bool, boxes: BoxesAre, source: str, where: Path
) -> tuple[Box, float | None]:
    """The box of a line, and its confidence: an odd one out behind four numbers or behind pairs of them."""
    if len(values) < 4:
        raise DataError(f"{source} has {len(values):,} numbers behind the class", where=where, hint=_FORMS)
    confidence: float | None = None
    if keypoints:
        values = values[:4]
    elif len(values) % 2:
        values, confidence = values[:-1], values[-1]
    if (far := next((value for value in values if not abs(value) <= LARGEST_SHARE), None)) is not None:
        what = f"{source} has {far:g}, which is no share of 1"
        hint = "YOLO's numbers are shares of the picture's width and height: divide pixels by those."
        raise DataError(what, where=where, hint=hint)
    left, top, width, height = _around(values, boxes)
    return Box(left=left, top=top, width=width, height=height, unit="fractions", source=source), confidence


def _around(values: Sequence[float], boxes: BoxesAre) -> Numbers:
    """Left, top, width and height of a box, or of what is around corners."""
    if len(values) == 4:
        return left_top_size((values[0], values[1], values[2], values[3]), boxes)
    across, down = values[::2], values[1::2]
    left, top = min(across), min(down)
    return left, top, max(across) - left, max(down) - top
