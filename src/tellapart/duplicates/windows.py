"""Where a picture could lie over another that is not turned: parts of one compared with parts of the other.

A zoomed copy is a part of its original, a shifted one shares a part with it. So each picture's luminance is taken in
WINDOWS, one of all of it and others of parts, each in GRAIN x GRAIN pixels; how alike two pictures are is how alike
their most alike windows are, upright or mirrored.

Legend: N pictures, P pairs, W windows, d pixels of one.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tellapart.duplicates.miniature import Vector, blurred_within, content_of, luminance, weights_at
from tellapart.duplicates.placement import Place
from tellapart.duplicates.shown import PairsShown, in_slices

Windows = NDArray[np.float32]  # [N, W, d]
GRAIN: Final = 8  # pixels a side
SPREAD: Final = 1.5  # pixels of a miniature that it is blurred by, so that a small shift matters less
CHUNK, PART = 256, 256  # pictures whose windows are made at once, and pairs that are compared at once
# The share of a side that a window has, and how far its middle lies from the picture's, in half sides.
SIZES: Final = ((0.85, 0.15), (0.72, 0.28))
WINDOWS: Final = (
    (1.0, 0.0, 0.0),
    *((size, far * across, far * down) for size, far in SIZES for across in (-1, 0, 1) for down in (-1, 0, 1)),
)


def shifted(shown: PairsShown) -> tuple[tuple[Vector, Place], ...]:
    """How alike pairs are in their most alike windows, -1 to 1, and the place that follows: upright, and mirrored."""
    seen = np.concatenate(in_slices(lambda some: _windows(shown.pictures[some]), count=len(shown.pictures), size=CHUNK))
    turned = seen.reshape(*seen.shape[:2], GRAIN, GRAIN)[..., ::-1].reshape(seen.shape)
    return tuple(
        _most_alike_windows(left, seen, shown.pairs, mirrored=mirrored)
        for left, mirrored in ((seen, False), (turned, True))
    )


def _most_alike_windows(
    left: Windows, right: Windows, pairs: NDArray[np.int64], *, mirrored: bool
) -> tuple[Vector, Place]:
    """How alike the most alike windows [N, W, d] of pairs [P, 2] are, and the place that follows."""
    one, other = np.array(list(_compared())).T
    one = _MIRROR[one] if mirrored else one

    def best_of(some: slice) -> tuple[Vector, NDArray[np.int64]]:
        first, second = pairs[some].T
        alike = (left[first] @ right[second].transpose(0, 2, 1))[:, one, other]
        best = alike.argmax(axis=1)
        return alike[np.arange(len(best)), best], best

    scores, best = zip(*in_slices(best_of, count=len(pairs), size=PART), strict=True)
    return np.concatenate(scores), _places(mirrored=mirrored)[np.concatenate(best)]


def _compared() -> Iterator[tuple[int, int]]:
    """Windows of left and right: all of one with all or a part of the other, and parts of opposite sides."""
    for number, (size, across, down) in enumerate(WINDOWS):
        yield number, 0
        if number:
            yield 0, number
        if across or down:
            yield number, WINDOWS.index((size, -across, -down))


_MIRROR: Final = np.array([WINDOWS.index((size, -across, down)) for size, across, down in WINDOWS])


@cache
def _places(*, mirrored: bool) -> Place:
    """The place [C, 2, 3] of each of the compared windows."""
    found = []
    for first, second in _compared():
        (size, across, down), (other, to, fro) = WINDOWS[first], WINDOWS[second]
        zoom = size / other
        found.append([[zoom, 0, across - zoom * to], [0, zoom, down - zoom * fro]])
    places = np.array(found, np.float32)
    if mirrored:
        places[:, 0] *= -1
    return places


def _windows(miniatures: NDArray[np.uint8]) -> Windows:
    """The luminance [N, W, d] in each window, of length 1."""
    seen = blurred_within(luminance(miniatures), content_of(miniatures), SPREAD)
    weights = _samples(miniatures.shape[1])
    rows = (weights @ seen.transpose(0, 2, 1)).transpose(0, 2, 1)  # [N, s, A]
    both = (weights @ rows).reshape(len(seen), len(_AXIS), GRAIN, len(_AXIS), GRAIN)
    windows = np.stack([both[:, fro, :, to] for to, fro in _ON_AXIS], axis=1).reshape(len(seen), len(WINDOWS), -1)
    windows -= windows.mean(axis=2, keepdims=True)
    windows /= np.maximum(np.linalg.norm(windows, axis=2, keepdims=True), 1e-3)
    return windows


# Windows of one size share what they cover of an axis, so each axis is sampled once for all of them.
_AXIS: Final = tuple(dict.fromkeys((size, middle) for size, *middles in WINDOWS for middle in middles))
_ON_AXIS: Final = tuple((_AXIS.index((size, across)), _AXIS.index((size, down))) for size, across, down in WINDOWS)


@cache
def _samples(side: int) -> NDArray[np.float32]:
    """Weights [A * GRAIN, s] of the pixels of an axis in those of what windows cover of it, two samples in each."""
    axis = (np.arange(2 * GRAIN) + 0.5) / GRAIN - 1
    fine = weights_at(np.array([size * axis + middle for size, middle in _AXIS]), side=side)
    weights: NDArray[np.float32] = fine.reshape(len(_AXIS) * GRAIN, 2, side).mean(axis=1)
    return weights
