"""What the training augmentation does to one picture: the original and some augmented versions, in a grid.

Legend: R rows and C columns of the grid, S side of one square.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np

from tellapart.data.augment import CHAPTER, Augmentation, augment
from tellapart.data.augment_spec import ranges_text
from tellapart.data.png import marked_png
from tellapart.data.preprocess import Preprocess
from tellapart.errors import PictureError, UsageError
from tellapart.explain.lettering import titled
from tellapart.features.content import LARGEST_FILE
from tellapart.files import read_bounded, write_bytes
from tellapart.targets import check_file
from tellapart.types import Pixels

GAP: Final = 2  # pixels
WHITE: Final = 255
ENDING: Final = ".png"
MOST: Final = 1023
LINE_LENGTH: Final = 60  # letters of the caption's ranges


def augment_grid(
    image: Path,
    out: Path,
    *,
    count: int = 8,
    size: int = 150,
    seed: int = 0,
    augmentation: Augmentation = CHAPTER,
    caption: Sequence[str] = (),
) -> Path:
    """Write a PNG of the original, top left, and count augmented versions of it, below a caption; returns out.

    Args:
        image: the picture.
        out: the PNG file to write.
        count: how many augmented versions, 1 to 1023.
        size: the side in pixels of each.
        seed: of what is drawn.
        augmentation: how far the picture may be changed.
        caption: lines of text; none for which picture is what, the seed, and the ranges.

    Raises:
        UsageError: count or size is out of range, or out is not called like a PNG file.
        PictureError: the picture cannot be read, or there is none.
        MissingExtraError: OpenCV is not installed.
        OutputError: out cannot be written, or a file that tellapart has not written is there.
    """
    if not 1 <= count <= MOST:
        raise UsageError(f"count must be from 1 to {MOST}", where=str(count))
    if out.suffix.lower() != ENDING:
        raise UsageError("a PNG file is written", where=out, hint=f"End its name in {ENDING}.")
    check_file(out, sources=[image])
    original = square(image, size=size)
    versions = [augment(original, augmentation=augmentation, seed=seed, epoch=epoch, index=0) for epoch in range(count)]
    lines = caption or own_caption(image.name, count=count, seed=seed, augmentation=augmentation)
    write_bytes(out, marked_png(titled(tile([original, *versions]), *lines)), follow=True)
    return out


def own_caption(name: str, *, count: int, seed: int, augmentation: Augmentation) -> list[str]:
    """Which picture is what, the seed, and the ranges as `--augment` takes them."""
    versions = "1 augmented version" if count == 1 else f"{count} augmented versions"
    ranges = f"Ranges: {ranges_text(augmentation)}"
    return [f"Top left: {name} as it is", f"Then {versions} of it, seed {seed}", *textwrap.wrap(ranges, LINE_LENGTH)]


def square(image: Path, *, size: int) -> Pixels:
    """The picture as training would see it, uint8 [S, S, 3]."""
    try:
        preprocess = Preprocess(size=size)
    except ValueError as error:
        raise UsageError(str(error), where=f"{size} px") from error
    try:
        return preprocess.apply(read_bounded(image, limit=LARGEST_FILE)).pixels
    except PictureError as error:
        hint = "Open it in a viewer and save it again, or take another picture."
        raise PictureError(f"cannot read the picture ({error.what})", where=image, hint=hint) from error
    except ValueError as error:
        raise PictureError(str(error), where=image) from error
    except OSError as error:
        raise PictureError((error.strerror or "cannot be read").lower(), where=image) from error


def tile(squares: Sequence[Pixels]) -> Pixels:
    """Squares uint8 [S, S, 3], row by row, in a grid [R * (S + GAP) - GAP, C * (S + GAP) - GAP, 3]."""
    columns = math.ceil(math.sqrt(len(squares)))
    rows = math.ceil(len(squares) / columns)
    step = len(squares[0]) + GAP
    grid = np.full((rows * step - GAP, columns * step - GAP, 3), WHITE, np.uint8)
    for place, pixels in enumerate(squares):
        down, across = (step * number for number in divmod(place, columns))
        grid[down : down + len(pixels), across : across + len(pixels)] = pixels
    return grid
