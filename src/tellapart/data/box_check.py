"""Boxes against their pictures, before any work: whether they lie inside, and that those of one picture stay together.

A file is not decoded for that; where its header speaks against a box, it is, and that is what counts.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from tellapart.data.boxes import EXCHANGED, Boxed, OutsideError, Size, file_path, locate, shown_size
from tellapart.data.decode import decode, pillow_orientation
from tellapart.data.groups import merge_groups
from tellapart.data.locate import Placed
from tellapart.data.names import written
from tellapart.data.pillow import open_picture
from tellapart.data.prefetch import look_ahead
from tellapart.data.tables import TableRow
from tellapart.errors import DataError, PictureError
from tellapart.files import read_bounded
from tellapart.stores import Origin
from tellapart.text import counted
from tellapart.types import Box, Picture

_FULL: Final = 100_000  # a side that nothing is reduced for
_LARGEST_FILE: Final = 512_000_000  # bytes
_THREADS: Final = 2
_AHEAD: Final = 256  # pictures
_HANDFUL: Final = 16
_ANY_SIZE: Final = (10_000, 10_000)  # what fractions are tried on
_HINT: Final = (
    "Mend it, or take it out. If the numbers of all boxes mean something else, say what: --boxes corners, sizes or "
    "centres; --boxes none takes whole pictures."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """What became of one box.

    Attributes:
        box: the same, without what makes no difference for its picture, so that equal boxes are known as equal.
        failure: why it cannot be.
        clipped: whether it sticks out a little.
        turned: whether EXIF turns its picture, and a rule had to say which side of that turn it is of.
    """

    box: Box
    failure: str = ""
    clipped: bool = False
    turned: bool = False


def check_boxes(
    rows: Sequence[TableRow], places: Sequence[Placed], *, where: Path
) -> tuple[list[Box | None], list[str]]:
    """The box of each row, None where it has none, and what is to be said of them, a line each.

    A file that cannot be read is left to whoever looks at it. So is an object of a store: nothing is fetched yet.

    Raises:
        DataError: some are not inside their pictures; all are counted before the first is named.
    """
    boxed = [(row, row.box, place) for row, place in zip(rows, places, strict=True) if row.box is not None]
    found = list(
        look_ahead(lambda each: _check(each[1], each[2].file), boxed, threads=_THREADS, most=_AHEAD, handful=_HANDFUL)
    )
    failed = [(box, place, each.failure) for (_, box, place), each in zip(boxed, found, strict=True) if each.failure]
    if failed:
        box, place, failure = failed[0]
        count = f"{len(failed):,} of {counted(len(boxed), 'box', 'boxes')} "
        what = f"{count}{'does' if len(failed) == 1 else 'do'} not fit, the first in {box.source}: {failure}"
        raise DataError(f"{what} ({where.name})", where=written(place.path), hint=_HINT)
    kept, notes = iter(each.box for each in found), list[str]()
    boxes = [None if row.box is None else next(kept) for row in rows]
    if clipped := sum(each.clipped for each in found):
        notes.append(f"{counted(clipped, 'box sticks', 'boxes stick')} out of the picture a little, and is clipped.")
    if turned := [box for (_, box, _), each in zip(boxed, found, strict=True) if each.turned]:
        frame = "as shown, after the turn" if turned[0].drawn_on == "shown" else "as stored, before the turn"
        notes.append(
            f"{counted(len(turned), 'box is', 'boxes are')} in pictures that EXIF turns, and taken for drawn on the "
            f"picture {frame}."
        )
    return boxes, notes


def _check(box: Box, file: Origin) -> _Found:
    in_pixels = box.unit == "pixels"
    header = _header(file) if in_pixels and isinstance(file, Path) else None
    if header is None and in_pixels:
        return _Found(box=box)
    size, orientation = header or (_ANY_SIZE, 1)
    try:
        _, clipped = locate(box, size=size, orientation=orientation)
    except OutsideError:
        if header is None or not isinstance(file, Path):
            return _Found(box=box, failure=_shares_outside(box))
        return _Found(box=box, failure=_confirmed(box, file))
    plain = orientation == 1 and box.size in (None, size)
    return _Found(
        box=replace(box, drawn_on="shown", size=None) if plain else box,
        clipped=clipped,
        turned=orientation != 1 and not _proven(box, size, orientation),
    )


def _shares_outside(box: Box) -> str:
    """That a box in fractions is in no picture, whatever its size."""
    numbers = ", ".join(f"{value:.10g}" for value in (box.left, box.top, box.width, box.height))
    return f"the box x, y, width, height {numbers}, in shares of the sides, is not inside the picture"


def _proven(box: Box, size: Size, orientation: int) -> bool:
    """Whether the size beside a box tells which picture it was drawn on."""
    return box.size is not None and orientation >= EXCHANGED and shown_size(size, orientation) != size


def _confirmed(box: Box, file: Path) -> str:
    """Why a box is not in its picture, as the decoder finds; "" where it is, or where the file cannot be read."""
    try:
        decode(Boxed(content=read_bounded(file, limit=_LARGEST_FILE), box=box), at_least=_FULL)
    except OutsideError as error:
        return error.what
    except (OSError, ValueError, PictureError):
        pass
    return ""


def _header(file: Path) -> tuple[Size, int] | None:
    """W, H of a picture as stored, and its EXIF orientation, by its header; None where that does not tell."""
    try:
        with open_picture(read_bounded(file, limit=_LARGEST_FILE)) as image:
            tags = getattr(image, "tag_v2", None)
            size = (tags[256], tags[257]) if tags is not None and image.format == "TIFF" else image.size
            return (int(size[0]), int(size[1])), pillow_orientation(image)
    except Exception:  # noqa: BLE001  a decoder fed with garbage raises nearly anything; decoding will say what is wrong
        return None


def boxes_together(pictures: Sequence[Picture], *, where: Path) -> tuple[Picture, ...]:
    """The pictures, those of one file in one group, since they show the same scene.

    Raises:
        DataError: the data has put boxes of one file into several splits.
    """
    if not any(picture.box for picture in pictures):
        return tuple(pictures)
    rows: dict[Origin, list[int]] = defaultdict(list)
    for row, picture in enumerate(pictures):
        rows[picture.file].append(row)
    several = {file_path(pictures[places[0]]): places for places in rows.values() if len(places) > 1}
    for name, places in several.items():
        splits = sorted({pictures[row].split or "none" for row in places})
        if len(splits) > 1:
            what = f"boxes of one picture are in {splits[0]} and in {splits[1]}"
            hint = f"They show the same scene: put all of them into one split in {where.name}."
            raise DataError(what, where=name, hint=hint)
    return merge_groups(pictures, several, declared=False) if several else tuple(pictures)
