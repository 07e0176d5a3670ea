"""Enlarging coarse maps without changing what they add up to.

The map is taken as a curve, straight between the middles of its cells and level beyond the outermost ones, and each
target pixel gets the mean of that curve over itself. So the mean of the target is the mean of the map, for every pair
of sizes, which plain bilinear enlargement keeps only where one size divides the other.

Legend: n cells of a map and S pixels of a target along one side, C maps.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def spread_maps(maps: NDArray[np.floating[Any]], *, height: int, width: int) -> NDArray[np.float64]:
    """Maps [..., h, w] as float64 [..., height, width] with the same means."""
    down = spread_matrix(maps.shape[-2], height)
    across = spread_matrix(maps.shape[-1], width)
    enlarged: NDArray[np.float64] = down @ maps.astype(np.float64) @ across.T
    return enlarged


def spread_matrix(cells: int, pixels: int) -> NDArray[np.float64]:
    """Weights float64 [S, n] from n cells to S pixels: rows sum to 1, columns to S / n."""
    edges = np.linspace(0.0, cells, pixels + 1)  # of the pixels, in cells
    middles = np.arange(cells) + 0.5
    below = _hat_integral(edges[:, None] - middles)
    # The curve is level beyond the outermost middles: there the first and last cell count in full.
    below[:, 0] = np.where(edges < 0.5, edges, below[:, 0])
    below[:, -1] = edges - below[:, :-1].sum(axis=1)
    return np.diff(below, axis=0) * (pixels / cells)


def _hat_integral(distance: NDArray[np.float64]) -> NDArray[np.float64]:
    """The integral from -infinity to distance of the triangle that is 1 at 0 and 0 from 1 away."""
    clipped = distance.clip(-1.0, 1.0)
    integral: NDArray[np.float64] = 0.5 + clipped - np.sign(clipped) * clipped**2 / 2
    return integral
