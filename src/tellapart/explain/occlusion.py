"""The heat map of any model: cover a part of the picture, and see how far the logit falls.

After Zeiler and Fergus (2014, arXiv:1311.2901). A part is covered with the same picture without its detail, not with
grey, so that the cover is no object of its own. Windows overlap by half, and a pixel gets the mean over the windows
that cover it, weighted by how near it is to their middles.

Legend: S side of the square, P windows.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tellapart.explain.heat_map import OCCLUSION, HeatMap
from tellapart.types import Pixels

WINDOWS = 8  # half windows along a side: a window is a quarter of it, and there are 9 x 9 of them
COARSE = 4  # cells along a side that are left of the picture under the cover
AT_ONCE = 27  # covered squares in memory; at 224 px 4 MB

ScoreFunction = Callable[[Pixels], NDArray[np.float64]]  # logits [n] of the class in question, of squares [n, S, S, 3]


def occlusion_heat_map(square: Pixels, *, score: ScoreFunction, target: int, class_name: str) -> HeatMap:
    """How much the logit of a class falls where a prepared square uint8 [S, S, 3] is covered; 82 looks."""
    (logit,) = score(square[np.newaxis]).tolist()
    windows = window_slices(len(square))
    cover = without_detail(square)
    fallen, covered = np.zeros(square.shape[:2]), np.zeros(square.shape[:2])
    for first in range(0, len(windows), AT_ONCE):
        some = windows[first : first + AT_ONCE]
        squares = np.repeat(square[np.newaxis], len(some), axis=0)
        for picture, window in zip(squares, some, strict=True):
            picture[window] = cover[window]
        for window, value in zip(some, score(squares), strict=True):
            fallen[window] += (logit - value) * (soft := tent(window))
            covered[window] += soft
    values = (fallen / covered).astype(np.float32)
    return HeatMap(values=values, method=OCCLUSION, target=target, class_name=class_name, logit=logit)


def window_slices(side: int) -> list[tuple[slice, slice]]:
    """Overlapping windows that cover a square of that side, each pixel at least once."""
    steps = np.linspace(0, side, WINDOWS + 1).round().astype(int).tolist()
    ends = [0, *steps, side]
    spans = [slice(low, high) for low, high in zip(ends[:-2], ends[2:], strict=True) if high > low]
    return [(down, across) for down in spans for across in spans]


def tent(window: tuple[slice, slice]) -> NDArray[np.float64]:
    """Weights of the pixels of a window, float64 [h, w]: most in the middle, so that no edge shows in a map."""
    down, across = ((np.arange(span.stop - span.start) + 0.5) / (span.stop - span.start) for span in window)
    return np.outer(np.minimum(down, 1 - down), np.minimum(across, 1 - across))


def without_detail(square: Pixels) -> Pixels:
    """A square [S, S, 3] with nothing left but its 4 x 4 coarse colours, smoothly joined."""
    side = len(square)
    coarse = Image.fromarray(square).resize((COARSE, COARSE), Image.Resampling.BOX)
    return np.asarray(coarse.resize((side, side), Image.Resampling.BILINEAR))
