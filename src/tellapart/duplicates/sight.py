"""What of each miniature is laid over others: its luminance, standardised and blurred, and what of it is a filling.

Legend: N pictures, s the side of a miniature.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from tellapart.data.rgb import LUMA

Stack = NDArray[np.float32]  # [N, s, s]

COARSE, FINE = 2.0, 0.7  # widths of the blur in pixels
MIDDLE: Final = (1.0, 3.0)  # widths of the two blurs whose difference tells soon whether a fit is worth going on
BLACK, WHITE = 8, 247  # grey levels, up to which and from which pixels may be a filling
MOST_FILLED: Final = 0.55  # of a picture; more is the background of what it shows


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """Pictures as they are laid over each other, made once for all pairs that they are in."""

    content: Stack  # 1 where something is shown
    fine: Stack
    middle: Stack  # a band of frequencies that a fit which is off by a pixel still shares
    small: Stack  # [N, s / 2, s / 2], blurred more
    small_content: Stack  # [N, s / 2, s / 2]

    @classmethod
    def of(cls, miniatures: NDArray[np.uint8]) -> Self:
        """What is laid over others of miniatures uint8 [N, s, s, 3]."""
        content = content_of(miniatures)
        inner = content.copy()  # a filling may have run into the pixels along the frame
        inner[:, (0, -1)], inner[:, :, (0, -1)] = 0, 0
        seen = _standard(luminance(miniatures), inner)
        near, far = (blurred_within(seen, inner, width) for width in MIDDLE)
        return cls(
            content=content,
            fine=blurred_within(seen, inner, FINE),
            middle=near - far,
            small=_halved(blurred_within(seen, inner, COARSE)),
            small_content=_halved(content),
        )


def content_of(miniatures: NDArray[np.uint8]) -> Stack:
    """1 where pixels of miniatures uint8 [N, s, s, 3] show something, 0 where they are a filling or beside one.

    A filling is as good as black or white and reaches from the frame; a picture that is mostly so has a background.
    """
    content = np.ones(miniatures.shape[:3], np.bool_)
    red, green, blue = (miniatures[..., channel] for channel in range(3))
    black = np.maximum(np.maximum(red, green), blue) <= BLACK
    white = np.minimum(np.minimum(red, green), blue) >= WHITE
    for flat in (black, white):
        some = flat.any(axis=(1, 2))
        if not some.any():
            continue
        reached = np.zeros_like(flat[some])
        for axis in (1, 2):
            reached |= np.logical_and.accumulate(flat[some], axis=axis)
            reached |= np.flip(np.logical_and.accumulate(np.flip(flat[some], axis), axis=axis), axis)
        reached[reached.mean(axis=(1, 2)) > MOST_FILLED] = False
        wide = np.pad(reached, ((0, 0), (1, 1), (1, 1)))
        wide = wide[:, :-2] | wide[:, 1:-1] | wide[:, 2:]
        content[some] &= ~(wide[:, :, :-2] | wide[:, :, 1:-1] | wide[:, :, 2:])
    return content.astype(np.float32)


def luminance(miniatures: NDArray[np.uint8]) -> Stack:
    """Luminance float32 [N, s, s], 0 to 255, of miniatures uint8 [N, s, s, 3]."""
    seen: Stack = miniatures.astype(np.float32) @ LUMA
    return seen


def _standard(stack: Stack, content: Stack) -> Stack:
    """Each picture [P, s, s] with a mean of 0 and a deviation of 1 over its content, 0 elsewhere."""
    pixels = np.maximum(content.sum(axis=(1, 2), keepdims=True), 1)
    stack = (stack - (stack * content).sum(axis=(1, 2), keepdims=True) / pixels) * content
    deviation = np.sqrt(np.square(stack).sum(axis=(1, 2), keepdims=True) / pixels)
    standard: Stack = (stack / np.maximum(deviation, 1e-6)).astype(np.float32, copy=False)
    return standard


def _halved(stack: Stack) -> Stack:
    count, side = stack.shape[:2]
    halved: Stack = stack.reshape(count, side // 2, 2, side // 2, 2).mean(axis=(2, 4))
    return halved


def blurred(stack: Stack, width: float) -> Stack:
    """Each picture [s, s] blurred by a Gaussian of that width in pixels."""
    matrix = _blur(stack.shape[1], width)
    blurred: Stack = (matrix @ stack @ matrix.T).astype(np.float32, copy=False)
    return blurred


def blurred_within(stack: Stack, seen: Stack, width: float) -> Stack:
    """The same of what is seen alone [P, s, s]: what is beside it does not bleed in (Knutsson and Westin, 1993)."""
    within: Stack = (blurred(stack * seen, width) / np.maximum(blurred(seen, width), 1e-3)).astype(
        np.float32, copy=False
    )
    return within


@cache
def _blur(side: int, width: float) -> NDArray[np.float32]:
    distance = np.arange(side)[:, None] - np.arange(side)
    weights = np.exp(-(distance**2) / (2 * width * width))
    kernel: NDArray[np.float32] = (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
    return kernel


def weights_at(places: NDArray[np.float64], *, side: int) -> NDArray[np.float32]:
    """Weights [..., s] of the pixels along one axis in what is sampled bilinearly at places [...] of it."""
    pixel = ((places + 1) * (side / 2) - 0.5).clip(0, side - 1)
    weights = np.maximum(0, 1 - np.abs(pixel[..., None] - np.arange(side)))
    result: NDArray[np.float32] = weights.astype(np.float32)
    return result
