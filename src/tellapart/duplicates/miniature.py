"""What a miniature shows: its luminance, where it shows something at all, and in how many directions it changes.

Legend: N pictures, P of them in pairs, s the side of a miniature. Coordinates run from -1 to 1 across a picture.
"""

from __future__ import annotations

from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tellapart.data.rgb import LUMA

Stack = NDArray[np.float32]  # [P, s, s] or [P, s, s, C]
Vector = NDArray[np.float32]  # [P]

FINE: Final = 0.7  # width in pixels of the blur before anything is compared
BLACK, WHITE = 8, 247  # grey levels, up to which and from which pixels may be a filling
# Of a blur's largest weight; less is below what float32 tells of a sum. Farther out the tails of a Gaussian are
# subnormal numbers, for each of which a processor takes some twenty times as long.
NEGLIGIBLE: Final = 1e-8
TOGETHER: Final = 256  # miniatures whose luminance is taken at once: what is made of them on the way stays in the cache
MOST_FILLED: Final = 0.55  # of a picture; more is the background of what it shows


def luminance(miniatures: NDArray[np.uint8]) -> Stack:
    """Luminance float32 [N, s, s], 0 to 255, of miniatures uint8 [N, s, s, 3]."""
    seen = np.empty(miniatures.shape[:3], np.float32)
    for start in range(0, len(miniatures), TOGETHER):
        some = slice(start, start + TOGETHER)
        np.matmul(miniatures[some].astype(np.float32), LUMA, out=seen[some])
    return seen


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


def eigenvalue_ratio(seen: Stack) -> Vector:
    """How much luminance [P, s, s] changes along its lines, as a share of how much it does across them: 0 for stripes.

    Stripes lie over other stripes at any shift along them, and at some shift across. The eigenvalues of the structure
    tensor (Foerstner and Guelch, 1987) tell them apart from what has a place.
    """
    down, across = np.gradient(blurred(seen, FINE), axis=(1, 2))
    both = (across * down).mean(axis=(1, 2))
    half, rest = (np.square(across).mean(axis=(1, 2)) + sign * np.square(down).mean(axis=(1, 2)) for sign in (1, -1))
    length = np.hypot(rest, 2 * both)
    share: Vector = ((half - length) / np.maximum(half + length, 1e-6)).astype(np.float32)
    return share


def blurred(stack: Stack, width: float) -> Stack:
    """Each picture [..., s, s] blurred by a Gaussian of that width in pixels."""
    matrix = _blur(stack.shape[-1], width)
    across = (stack.reshape(-1, stack.shape[-1]) @ matrix.T).reshape(stack.shape)  # one product for all, not one each
    blurred: Stack = (matrix @ across).astype(np.float32, copy=False)
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
    weights[weights < NEGLIGIBLE] = 0
    kernel: NDArray[np.float32] = (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
    return kernel


def weights_at(places: NDArray[np.float64], *, side: int) -> NDArray[np.float32]:
    """Weights [..., s] of the pixels along one axis in what is sampled bilinearly at places [...] of it."""
    pixel = ((places + 1) * (side / 2) - 0.5).clip(0, side - 1)
    weights = np.maximum(0, 1 - np.abs(pixel[..., None] - np.arange(side)))
    result: NDArray[np.float32] = weights.astype(np.float32)
    return result
