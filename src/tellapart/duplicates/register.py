"""Lay one miniature over another and measure how much of its detail the other explains.

One picture is fitted onto the other by a stretch and a shift along each axis (resizing and cropping), and by a gain and
an offset (brightness and contrast), in Gauss-Newton steps from coarse to fine. What then counts is detail: a band of
spatial frequencies, without what is the same along a whole row or column, so that neither the lighting nor a lone
stripe makes two pictures alike. The detail of one is explained by a linear combination of the other's channels and
its squared luminance, which turns colour into grey or sepia, moves hues and follows clipped highlights.

Source of the fit: Lucas and Kanade (1981); Baker and Matthews (2004), forwards additive.

Legend: P pairs, s the side of a miniature, C channels. Coordinates run from -1 to 1 across a picture.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tellapart.cores import thread_count
from tellapart.data.rgb import LUMA

Stack = NDArray[np.float32]  # [P, s, s] or [P, s, s, C]
Vector = NDArray[np.float32]  # [P]

REACH: Final = 0.2  # how far a stretch may be from 1 and a shift from 0
STEPS: Final = (5, 4)  # coarse and fine
COARSE, FINE = 2.0, 0.7  # widths of the blur in pixels
BAND: Final = (0.6, 2.5)  # widths in pixels of the two blurs whose difference is the detail
CHUNK: Final = 128  # pairs laid over each other at once: what they need stays in the processor's cache


@dataclass(frozen=True, slots=True, kw_only=True)
class Likeness:
    """How pairs lie over each other."""

    whole: Vector  # the share of one picture's luminance that the other explains, the smaller of both ways
    detail: Vector  # the same of the detail
    energy: Vector  # the variance of the detail in squared grey levels, the smaller of both
    outside: Vector  # how far the smaller frame sticks out of the larger, in half sides; 0 or less where one is a crop


def likeness(left: NDArray[np.uint8], right: NDArray[np.uint8]) -> Likeness:
    """Lay each left miniature uint8 [P, s, s, 3] over the right one and compare; a mirror is not tried."""

    def chunk(start: int) -> Likeness:
        pairs = slice(start, start + CHUNK)
        return _likeness(left[pairs].astype(np.float32), right[pairs].astype(np.float32))

    with ThreadPoolExecutor(thread_count(), thread_name_prefix="compare") as pool:
        parts = list(pool.map(chunk, range(0, len(left), CHUNK)))
    names = ("whole", "detail", "energy", "outside")
    empty = np.empty(0, np.float32)
    return Likeness(**{name: np.concatenate([empty, *(getattr(part, name) for part in parts)]) for name in names})


def _likeness(left: Stack, right: Stack) -> Likeness:
    place = _fit(_standard(left @ LUMA), _standard(right @ LUMA))
    moved, seen = _resample(left, place)
    whole, _ = _explained(_channels(moved), _channels(right), seen, stripes=True)
    detail, energy = _explained(_detail(_channels(moved)), _detail(_channels(right)), seen, stripes=False)
    return Likeness(whole=whole, detail=detail, energy=energy, outside=_outside(place))


def _fit(left: Stack, right: Stack) -> Stack:
    """Stretch and shift across, stretch and shift down [P, 4] that lay left over right."""
    place = np.tile(np.array([1, 0, 1, 0], np.float32), (len(left), 1))
    place = _descend(_halved(blurred(left, COARSE)), _halved(blurred(right, COARSE)), place, steps=STEPS[0])
    return _descend(blurred(left, FINE), blurred(right, FINE), place, steps=STEPS[1])


def _descend(left: Stack, right: Stack, place: Stack, *, steps: int) -> Stack:
    count, side = left.shape[:2]
    axis = _axis(side)
    target = right.reshape(count, -1, 1)
    slopes = np.empty((6, count, side, side), np.float32)
    for _ in range(steps):
        moved, seen = _resample(left, place)
        down, across = np.gradient(moved, axis=(1, 2))
        slopes[1] = across * (side / 2) / place[:, 0, None, None]
        slopes[0] = slopes[1] * axis
        slopes[3] = down * (side / 2) / place[:, 2, None, None]
        slopes[2] = slopes[3] * axis[:, None]
        slopes[4], slopes[5] = moved, 1
        by_pair = (slopes * seen).transpose(1, 0, 2, 3).reshape(count, 6, -1)
        solution = np.linalg.solve(_damped(by_pair @ by_pair.transpose(0, 2, 1)), by_pair @ target)[:, :, 0]
        gain = solution[:, 4]
        gain = np.where(np.abs(gain) < 0.3, np.copysign(0.3, gain), gain)
        place = place + np.clip(solution[:, :4] / gain[:, None], -0.12, 0.12)
        place[:, ::2] = place[:, ::2].clip(1 - REACH, 1 / (1 - REACH))
        place[:, 1::2] = place[:, 1::2].clip(-REACH, REACH)
    return place


def _damped(normal: Stack) -> Stack:
    """The normal matrices [P, 6, 6] with a little on the diagonal, so that a flat picture has a solution too."""
    movement = np.trace(normal[:, :4, :4], axis1=1, axis2=2) / 4
    normal[:, range(4), range(4)] += (0.01 * movement + 1e-3)[:, None]
    normal[:, range(4, 6), range(4, 6)] += 1e-2
    return normal


def _resample(stack: Stack, place: Stack) -> tuple[Stack, Stack]:
    """Each picture at its place, bilinearly, and where [P, s, s] that lies inside it."""
    side = stack.shape[1]
    across, inside_across = _sampler(place[:, 0], place[:, 1], side)
    down, inside_down = _sampler(place[:, 2], place[:, 3], side)
    across = across.transpose(0, 2, 1)
    if stack.ndim == 3:
        moved = down @ stack @ across
    else:
        moved = np.stack([down @ stack[..., channel] @ across for channel in range(stack.shape[3])], axis=-1)
    return moved.astype(np.float32, copy=False), (inside_down[:, :, None] & inside_across[:, None, :]).astype(
        np.float32, copy=False
    )


def _sampler(stretch: Vector, shift: Vector, side: int) -> tuple[Stack, NDArray[np.bool_]]:
    """Matrices [P, s, s] that take samples along one axis, and whether [P, s] each lies inside."""
    at = stretch[:, None] * _axis(side) + shift[:, None]
    pixel = ((at + 1) * (side / 2) - 0.5).clip(0, side - 1)
    weights = np.maximum(0, 1 - np.abs(pixel[:, :, None] - np.arange(side, dtype=np.float32)))
    return weights.astype(np.float32, copy=False), np.abs(at) <= 1


def _outside(place: Stack) -> Vector:
    stretch, shift = place[:, ::2], np.abs(place[:, 1::2])
    left_is_larger = (shift + stretch - 1).max(axis=1)
    right_is_larger = (shift - stretch + 1).max(axis=1)
    result: Vector = np.minimum(left_is_larger, right_is_larger)
    return result


def _explained(left: Stack, right: Stack, seen: Stack, *, stripes: bool) -> tuple[Vector, Vector]:
    """The share of luminance each explains of the other [P], the smaller one, and the smaller variance [P]."""
    left, right = _centred(left, seen, stripes=stripes), _centred(right, seen, stripes=stripes)
    one, other = _share(left, right), _share(right, left)
    pixels = np.maximum(seen.sum(axis=(1, 2)), 1)
    variance = np.minimum(*(np.square(stack[..., :3] @ LUMA).sum(axis=(1, 2)) for stack in (left, right)))
    return np.minimum(one, other), (variance / pixels).astype(np.float32, copy=False)


def _share(known: Stack, sought: Stack) -> Vector:
    """1 less the share of the luminance of sought that no combination of the channels of known gives."""
    count, channels = len(known), known.shape[-1]
    columns = known.reshape(count, -1, channels)
    target = (sought[..., :3] @ LUMA).reshape(count, -1, 1)
    rows = columns.transpose(0, 2, 1)
    normal = rows @ columns
    strength = 1e-4 * np.trace(normal, axis1=1, axis2=2) + 1e-3
    normal = normal + strength[:, None, None] * np.eye(channels, dtype=np.float32)
    left_over = target - columns @ np.linalg.solve(normal, rows @ target)
    total = np.maximum(np.square(target).sum(axis=(1, 2)), 1e-6)
    share: Vector = 1 - np.square(left_over).sum(axis=(1, 2)) / total
    return share


def _centred(stack: Stack, seen: Stack, *, stripes: bool) -> Stack:
    """Each channel less its mean over what is seen; without stripes, less the means of its rows and columns too."""
    seen = seen[..., None]
    for axes in ((1, 2),) if stripes else ((1, 2), (2,), (1,)):
        pixels = np.maximum(seen.sum(axis=axes, keepdims=True), 1)
        stack = (stack - (stack * seen).sum(axis=axes, keepdims=True) / pixels) * seen
    return stack


def _channels(stack: Stack) -> Stack:
    """Red, green, blue and the squared luminance, all 0 to 255."""
    luminance = stack @ LUMA
    return np.concatenate([stack, (luminance * luminance / 255)[..., None]], axis=-1)


def _detail(stack: Stack) -> Stack:
    fine, coarse = BAND
    return np.stack(
        [
            blurred(stack[..., channel], fine) - blurred(stack[..., channel], coarse)
            for channel in range(stack.shape[3])
        ],
        axis=-1,
    )


def _standard(stack: Stack) -> Stack:
    stack = stack - stack.mean(axis=(1, 2), keepdims=True)
    deviation = np.sqrt(np.square(stack).mean(axis=(1, 2), keepdims=True))
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


@cache
def _blur(side: int, width: float) -> NDArray[np.float32]:
    distance = np.arange(side)[:, None] - np.arange(side)
    weights = np.exp(-(distance**2) / (2 * width * width))
    kernel: NDArray[np.float32] = (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
    return kernel


@cache
def _axis(side: int) -> NDArray[np.float32]:
    return ((np.arange(side) + 0.5) / side * 2 - 1).astype(np.float32, copy=False)
