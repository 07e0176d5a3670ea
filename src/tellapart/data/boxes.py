"""A part of a picture that counts as the picture: how it is called, and which pixels of a file it is.

A box may be drawn on the picture as it is shown, or as it is stored before the turn that its EXIF orientation asks for;
this is the one place where that makes a difference.

Legend: W H width and height; a rectangle is left, top, right, bottom in pixels, right and bottom just outside it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from tellapart.errors import DataError, PictureError
from tellapart.types import Box, Picture, Pixels

Rectangle = tuple[int, int, int, int]
Edges = tuple[float, float, float, float]  # as a rectangle, not yet whole numbers
Size = tuple[int, int]  # W, H

CLIPPED: Final = "box clipped to the picture"
# By how much a box may stick out and is clipped: tools round, and count from 0 or from 1. Beyond that the numbers mean
# something else, or another picture.
SLACK_PIXELS: Final = 2.0
SLACK_SHARE: Final = 0.01  # of the side
SAME_SHAPE: Final = 0.01  # relative; the sides of a reduced picture are rounded
EXCHANGED: Final = 5  # EXIF orientations from here on exchange width and height
_MEND: Final = "Mend it, or take it out."


@dataclass(frozen=True, slots=True, kw_only=True)
class Boxed:
    """The bytes of a file, and the box in it that counts as the picture.

    Attributes:
        content: all of the file.
        box: the box.
        whole: pixels of the whole JPEG by the part of its size (1, 2, 4 or 8) that they were last decoded at, uint8 [H,
            W, 3], so that the next box of the same file need not decode it again; filled by the decoder.
    """

    content: bytes
    box: Box
    whole: dict[int, Pixels] = field(default_factory=dict, compare=False, repr=False)


# What a picture is made of: the bytes of a file, a box in it, or pixels uint8 [H, W] or [H, W, 3].
Content = bytes | Boxed | NDArray[np.uint8]


class OutsideError(PictureError):
    """A box is not inside its picture."""


def fragment(box: Box) -> str:
    """What is put behind a path to name the box: #xywh=10,20,30,40 in pixels, #xywh=percent:10,20,30,40 of the sides.

    Source: W3C, Media Fragments URI 1.0, 4.2.2 (spatial dimension).
    """
    scale, digits, unit = (100.0, 3, "percent:") if box.unit == "fractions" else (1.0, 2, "")
    numbers = (round(value * scale, digits) for value in (box.left, box.top, box.width, box.height))
    return f"#xywh={unit}{','.join(f'{value:.10g}' for value in numbers)}"


def file_path(picture: Picture) -> str:
    """How the file of a picture is written, without the box in it."""
    return picture.path if picture.box is None else picture.path.removesuffix(fragment(picture.box))


def box_key(box: Box) -> str:
    """A short string that changes whenever the pixels of a box would: part of what a picture is known by."""
    drawn = f"{box.drawn_on} {box.size}" if box.unit == "pixels" or box.drawn_on == "stored" else ""
    return f"{fragment(box)} {drawn}"


def check_numbers(box: Box, *, where: Path) -> None:
    """Stop at a box that no picture can have.

    Raises:
        DataError: a number of it is none, or it has no width or no height.
    """
    numbers = (box.left, box.top, box.width, box.height)
    listed = ", ".join(f"{value:g}" for value in numbers)
    if not all(map(math.isfinite, numbers)):
        raise DataError(
            f"the box of {box.source} lacks a number (x, y, width, height: {listed})", where=where, hint=_MEND
        )
    if box.width <= 0 or box.height <= 0:
        raise DataError(f"the box of {box.source} has no size (x, y, width, height: {listed})", where=where, hint=_MEND)


def locate(box: Box, *, size: Size, orientation: int) -> tuple[Rectangle, bool]:
    """The rectangle of a box in the picture as stored, of size W, H, and whether it was clipped.

    Edges are rounded to whole pixels; at least one pixel is left each way.

    Raises:
        OutsideError: it sticks out by more than rounding can explain, or was drawn on a picture of another shape.
    """
    frame = _drawn_on(box, size, orientation)
    framed = shown_size(size, orientation) if frame == "shown" else size
    rectangle, clipped = _clip(_edges(box, framed), framed)
    return (rectangle if frame == "stored" else unturned(rectangle, size, orientation)), clipped


def _drawn_on(box: Box, size: Size, orientation: int) -> Literal["shown", "stored"]:
    """What the box was drawn on: what the size beside it proves, else what its format says."""
    shown = shown_size(size, orientation)
    if box.size is None or shown == size or orientation < EXCHANGED:
        return box.drawn_on
    if _same_shape(box.size, shown):
        return "shown"
    return "stored" if _same_shape(box.size, size) else box.drawn_on


def shown_size(size: Size, orientation: int) -> Size:
    """W, H of a picture of this size after its EXIF turn."""
    return (size[1], size[0]) if orientation >= EXCHANGED else size


def _same_shape(first: Size, second: Size) -> bool:
    return abs(math.log(first[0] * second[1] / (first[1] * second[0]))) <= SAME_SHAPE


def _edges(box: Box, size: Size) -> Edges:
    across, down = size if box.unit == "fractions" else (1.0, 1.0)
    if box.unit == "pixels" and box.size is not None and box.size != size:
        if not _same_shape(box.size, size):
            drawn, own = (f"{width} x {height}" for width, height in (box.size, size))
            raise OutsideError(f"the box of {box.source} was drawn on a picture of {drawn} pixels, this one has {own}")
        across, down = size[0] / box.size[0], size[1] / box.size[1]  # the picture was made larger or smaller since
    left, top = box.left * across, box.top * down
    return left, top, left + box.width * across, top + box.height * down


def _clip(edges: Edges, size: Size) -> tuple[Rectangle, bool]:
    left, top, right, bottom = edges
    out = max(max(-left, right - size[0]) / _slack(size[0]), max(-top, bottom - size[1]) / _slack(size[1]))
    if out > 1.0 or left >= size[0] or top >= size[1] or right <= 0 or bottom <= 0:
        numbers = ", ".join(f"{value:.10g}" for value in (left, top, right - left, bottom - top))
        what = f"the box x, y, width, height {numbers} is not inside the picture of {size[0]} x {size[1]} pixels"
        raise OutsideError(what)
    first, last = _whole(left, right, size[0]), _whole(top, bottom, size[1])
    clipped = min(left, top) < -0.5 or right > size[0] + 0.5 or bottom > size[1] + 0.5
    return (first[0], last[0], first[1], last[1]), clipped


def _slack(side: int) -> float:
    return max(SLACK_PIXELS, SLACK_SHARE * side)


def _whole(low: float, high: float, side: int) -> tuple[int, int]:
    """Both edges as whole pixels within a side, at least one apart."""
    first = min(max(math.floor(low + 0.5), 0), side - 1)
    return first, max(min(math.floor(high + 0.5), side), first + 1)


def turned_rectangle(rectangle: Rectangle, size: Size, orientation: int) -> Rectangle:
    """A rectangle in a picture as stored, of size W, H, after the turn that its EXIF orientation asks for."""
    left, top, right, bottom = rectangle
    width, height = shown_size(size, orientation)
    if orientation >= EXCHANGED:
        left, top, right, bottom = top, left, bottom, right
    if orientation in (3, 4, 7, 8):
        top, bottom = height - bottom, height - top
    if orientation in (2, 3, 6, 7):
        left, right = width - right, width - left
    return left, top, right, bottom


def unturned(rectangle: Rectangle, size: Size, orientation: int) -> Rectangle:
    """A rectangle in a picture as shown, in the picture as stored, which has the size W, H."""
    left, top, right, bottom = rectangle
    width, height = shown_size(size, orientation)
    if orientation in (2, 3, 6, 7):
        left, right = width - right, width - left
    if orientation in (3, 4, 7, 8):
        top, bottom = height - bottom, height - top
    if orientation >= EXCHANGED:
        left, top, right, bottom = top, left, bottom, right
    return left, top, right, bottom
