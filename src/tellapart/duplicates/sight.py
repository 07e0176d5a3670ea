"""What of each miniature is laid over others: its luminance, standardised and blurred, and what of it is a filling.

Legend: N pictures, s the side of a miniature.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from tellapart.duplicates.miniature import FINE, Stack, blurred_within, content_of, luminance

COARSE: Final = 2.0  # width of the blur in pixels before the coarse steps
MIDDLE: Final = (1.0, 3.0)  # widths of the two blurs whose difference tells soon whether a fit is worth going on


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
