"""One picture sampled where it lies over another.

Legend: P pairs, s the side of a picture, C channels, which come before rows and columns: so each is one piece of
memory, and is sampled several times as fast as all of a pixel together. Coordinates run from -1 to 1 across a picture.
"""

from __future__ import annotations

from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tellapart.duplicates.miniature import Stack
from tellapart.duplicates.placement import Place

WHOLE_PIXEL: Final = 0.9  # of what is sampled must be no filling
INSIDE: Final = 0.92  # half sides from the middle; a filling beside the frame may have run into what is farther out


def laid_over(stack: Stack, content: Stack, place: Place) -> tuple[Stack, Stack]:
    """Each picture [P, C, s, s] at its place, bilinearly, and where [P, s, s] that lies inside both and is content."""
    count, channels, side = stack.shape[:3]
    at = place[:, :, :2] @ grid(side)
    at += place[:, :, 2:]
    inside = (np.abs(at[:, 0]) <= INSIDE) & (np.abs(at[:, 1]) <= INSIDE) & _within_frame(side)
    at *= side / 2
    at += side / 2 - 0.5
    at.clip(0, side - 1, out=at)
    corner = np.floor(at)
    np.minimum(corner, side - 2, out=corner)
    at -= corner
    first = (corner[:, 1] * side + corner[:, 0]).astype(np.intp)
    start = np.arange(count)[:, None] * (side * side)
    share = at[:, 0], at[:, 1]
    first += start * channels
    moved = np.empty((count, channels, side * side), np.float32)
    for channel in range(channels):
        moved[:, channel] = _sampled(stack.reshape(-1)[channel * side * side :], first, *share, side=side)
    filled = np.flatnonzero(~content.all(axis=(1, 2)))
    if len(filled):
        within = first[filled] - start[filled] * (channels - 1)
        shown = _sampled(content.reshape(-1), within, share[0][filled], share[1][filled], side=side)
        inside[filled] &= shown > WHOLE_PIXEL
    return moved.reshape(stack.shape), inside.reshape(count, side, side).astype(np.float32)


def _sampled(
    flat: NDArray[np.float32],
    first: NDArray[np.intp],
    across: NDArray[np.float32],
    down: NDArray[np.float32],
    *,
    side: int,
) -> NDArray[np.float32]:
    """What lies between pixel `first` of a row of rows, its right neighbour and the two below, by shares [P, n]."""
    above, right = flat.take(first), flat[1:].take(first)
    right -= above
    right *= across
    above += right
    under, right = flat[side:].take(first), flat[side + 1 :].take(first)
    right -= under
    right *= across
    under += right
    under -= above
    under *= down
    above += under
    return above


@cache
def grid(side: int) -> NDArray[np.float32]:
    """How far each pixel lies across and down, float32 [2, s * s]."""
    axis = ((np.arange(side) + 0.5) / side * 2 - 1).astype(np.float32, copy=False)
    both = np.empty((2, side, side), np.float32)
    both[0], both[1] = axis, axis[:, None]
    return both.reshape(2, -1)


@cache
def _within_frame(side: int) -> NDArray[np.bool_]:
    """Which pixels [s * s] are inside."""
    across, down = np.abs(grid(side)) <= INSIDE
    inside: NDArray[np.bool_] = across & down
    return inside
