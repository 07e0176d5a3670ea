"""Many small pictures as one: the maps of a stage, the kernels of a layer, the pictures that filters answer to.

Legend: F pictures side by side, h w their sides, R rows and C columns of the mosaic.
"""

from __future__ import annotations

import math
from functools import cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tellapart.explain.lettering import drawable
from tellapart.report.fonts import font_for
from tellapart.types import Pixels

GAP: Final = 1  # pixels between two of them
AROUND: Final = 48  # grey level of the gaps


def map_mosaic(maps: NDArray[np.floating[Any]], *, columns: int = 16, enlarge: int = 1) -> Pixels:
    """Maps [F, h, w] behind an activation as grey pictures, each in its own range: 0 and less dark, its largest white.

    Places where a filter is silent are dark, and so is a whole map that found nothing.

    Args:
        maps: F of them.
        columns: C.
        enlarge: draw every place as so many pixels a side.
    """
    largest = np.maximum(maps.max(axis=(1, 2), keepdims=True), 1e-12)
    grey = np.rint(255 * maps / largest).clip(0, 255).astype(np.uint8)
    return mosaic(np.repeat(grey[..., np.newaxis], 3, axis=3), columns=columns, enlarge=enlarge)


def kernel_mosaic(kernels: NDArray[np.floating[Any]], *, columns: int = 8, side: int = 90) -> Pixels:
    """Kernels [F, 3, h, w] over three colours as colour pictures, each in its own range, 0 mid-grey.

    Args:
        kernels: F of them, the weights of a first convolution.
        columns: C.
        side: of one of them in pixels, at most, where a weight is one or more.
    """
    largest = np.maximum(np.abs(kernels).max(axis=(1, 2, 3), keepdims=True), 1e-12)
    coloured = np.rint(127.5 + 127.5 * kernels / largest).astype(np.uint8)
    return mosaic(coloured.transpose(0, 2, 3, 1), columns=columns, enlarge=max(1, side // max(kernels.shape[2:])))


def mosaic(pictures: Pixels, *, columns: int, enlarge: int = 1) -> Pixels:
    """Pictures uint8 [F, h, w, 3], row by row, uint8 [R * (h + GAP) - GAP, C * (w + GAP) - GAP, 3].

    Args:
        pictures: F of them.
        columns: C, fewer where there are fewer pictures.
        enlarge: draw every pixel as so many a side; h and w are then so many times as large.
    """
    large = pictures.repeat(enlarge, axis=1).repeat(enlarge, axis=2)
    count, height, width = large.shape[:3]
    columns = min(columns, count)
    rows = math.ceil(count / columns)
    canvas = np.full((rows * (height + GAP) - GAP, columns * (width + GAP) - GAP, 3), AROUND, np.uint8)
    for place, picture in enumerate(large):
        row, column = divmod(place, columns)
        down, across = row * (height + GAP), column * (width + GAP)
        canvas[down : down + height, across : across + width] = picture
    return canvas


@cache
def caption_language(wanted: str, captions: str) -> str:
    """The language to caption pictures in: as wanted; "en", with a note, where no font has the letters of captions."""
    if drawable(captions):
        return wanted
    lacking = next(letter for letter in captions if not drawable(letter))
    print(f"Captions are in English: no installed font has all their letters. Install {font_for(lacking)}.")
    return "en"
