"""One affine warp and one change of brightness for a picture, by OpenCV.

Legend: S the side of the square.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from tellapart.extras import load_extra
from tellapart.types import Pixels

MatrixRow = tuple[float, float, float]
IDENTITY: tuple[MatrixRow, MatrixRow] = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0))
LEVELS = np.arange(256.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Warp:
    """Target (x, y) shows source matrix @ (x, y, 1), then level v becomes gain * v + bias."""

    # 2 x 3, from target to source, in pixels; x runs along a row, (0, 0) is the middle of the first pixel
    matrix: tuple[MatrixRow, MatrixRow] = IDENTITY
    gain: float = 1.0  # factor on grey levels, 0 to 255
    bias: float = 0.0  # grey levels added


def warp_pixels(pixels: Pixels, warp: Warp) -> Pixels:
    """Pixels uint8 [S, S, 3] warped, bilinear; a place outside the source shows the nearest pixel of its border.

    A warp that changes nothing gives back the same array; any other leaves the source as it is.
    """
    if warp.matrix != IDENTITY:
        pixels = _move(pixels, warp.matrix)
    if (warp.gain, warp.bias) != (1.0, 0.0):
        table = (LEVELS * warp.gain + warp.bias).round().clip(0, 255).astype(np.uint8)
        pixels = load_cv2().LUT(pixels, table)
    return pixels


def _move(pixels: Pixels, matrix: tuple[MatrixRow, MatrixRow]) -> Pixels:
    """Warp by the matrix, in half the time of the plain call to OpenCV (150 px: 0.08 ms against 0.15 ms).

    A fourth channel makes room for vectors of whole pixels, and a border made beforehand, as wide as this warp looks
    beyond the source, saves asking at every pixel whether it lies outside.
    """
    cv2 = load_cv2()
    side = len(pixels)
    (left, right), (top, bottom) = (_overhang(row, side=side) for row in matrix)
    wide = cv2.copyMakeBorder(
        cv2.cvtColor(pixels, cv2.COLOR_RGB2RGBA), top, bottom, left, right, borderType=cv2.BORDER_REPLICATE
    )
    (across, down) = matrix
    moved = np.array(((*across[:2], across[2] + left), (*down[:2], down[2] + top)))
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    warped = cv2.warpAffine(wide, moved, (side, side), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(cv2.cvtColor(warped, cv2.COLOR_RGBA2RGB))


def _overhang(row: MatrixRow, *, side: int) -> tuple[int, int]:
    """How many pixels, and one to spare, one coordinate of the source goes below 0 and above side - 1."""
    by_x, by_y, offset = row
    last = side - 1
    least = offset + last * (min(by_x, 0) + min(by_y, 0))
    most = offset + last * (max(by_x, 0) + max(by_y, 0))
    return max(0, 1 + math.ceil(-least)), max(0, 1 + math.ceil(most - last))


def load_cv2() -> Any:  # noqa: ANN401 - what it types as any array of numbers is uint8 here
    """The module cv2."""
    return load_extra("cv2", "OpenCV (the package opencv-python-headless)")
