"""Lay one miniature over another and measure how much of its detail the other explains.

One picture is fitted onto the other by a stretch, a turn and a shift (resizing, cropping, turning), and by a gain and
an offset (brightness and contrast), in Gauss-Newton steps from coarse to fine. What then counts is in `measure`.

Source of the fit: Lucas and Kanade (1981); Baker and Matthews (2004), forwards additive.

Legend: P pairs, s the side of a miniature. Coordinates run from -1 to 1 across a picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from tellapart.duplicates.measure import Likeness, Pair, measured
from tellapart.duplicates.miniature import Stack, Vector
from tellapart.duplicates.overlay import grid, laid_over
from tellapart.duplicates.placement import Place, edits_lie, is_level, is_mirrored, shape_of
from tellapart.duplicates.shown import PairsShown, in_slices
from tellapart.duplicates.sight import Sight

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

REACH: Final = 0.7  # how far a shift may be from 0, in half sides
SMALLEST, LARGEST = 0.35, 2.8  # of the share of one picture's area that the other has
STEPS: Final = (5, 1, 3)  # coarse, fine, and fine where the first of those promises something
# Correlation of the middle band from which the fine steps are worth it: after the coarse ones, without any, after one.
PROMISING: Final = (0.5, 0.35, 0.5)
EXPECTED, STRETCHES = 3.0, 0.5  # how much what a copy's place is like weighs against pixels, and a stretch of that
FARTHEST: Final = 0.12  # that one step goes
SLACK: Final = 2.0  # times as far from how edits lie as they may be, as long as that is told by miniatures alone
CHUNK: Final = 128  # pairs laid over each other at once: what they need stays in the processor's cache


def likeness(shown: PairsShown, start: Place, *, coarse: bool, least: NDArray[np.float64]) -> Likeness:
    """Lay the left miniature of each pair over the right one.

    `start` is about where they lie; `coarse` says that it is off by more than a pixel or two. Where less than `least`
    [P] of the detail is explained, the rest of what they are like is not looked at.
    """
    some, (first, second) = shown.pictures, shown.pairs.T
    sight = joined(in_slices(lambda part: Sight.of(some[part]), count=len(some), size=CHUNK))

    def chunk(part: slice) -> Likeness:
        return _likeness(some, sight, (first[part], second[part]), start[part], coarse=coarse, least=least[part])

    return joined(in_slices(chunk, count=len(first), size=CHUNK))


def refined(shown: PairsShown, start: Place, *, least: NDArray[np.float64]) -> Likeness:
    """Lay pictures over each other that are known to lie about so.

    No more is expected of the place than that the pixels fit; `least` as for `likeness`.
    """
    sight, pair = Sight.of(shown.pictures), (shown.pairs[:, 0], shown.pairs[:, 1])
    free = np.zeros((len(shown.pairs), 4, 6), np.float32)
    place = _descend(sight.fine, sight.content, pair, start.copy(), free, steps=STEPS[2])
    worth = np.ones(len(shown.pairs), np.bool_)
    return measured(shown.pictures, sight.content, pair, place, worth=worth, least=least)


Parts = TypeVar("Parts", bound="DataclassInstance")


def joined(parts: Sequence[Parts]) -> Parts:
    """One of all the parts, in their order: dataclasses of arrays whose first axis is that of the pairs or pictures."""
    names = [field.name for field in fields(parts[0])]
    return replace(parts[0], **{name: np.concatenate([getattr(part, name) for part in parts]) for name in names})


def _likeness(
    miniatures: NDArray[np.uint8],
    sight: Sight,
    pair: Pair,
    start: Place,
    *,
    coarse: bool,
    least: NDArray[np.float64],
) -> Likeness:
    """Lay each left picture over its right one, as far as that promises something, and compare those that it fits."""
    place, expected = start.copy(), _expected(start, coarse=coarse)
    if coarse:
        place = _descend(sight.small, sight.small_content, pair, place, expected, steps=STEPS[0])
    left = np.flatnonzero(_fit(sight, pair, place) >= PROMISING[0 if coarse else 1])
    for steps in STEPS[1:]:
        some = pair[0][left], pair[1][left]
        place[left] = _descend(sight.fine, sight.content, some, place[left], expected[left], steps=steps)
        if steps == STEPS[1]:
            left = left[_fit(sight, some, place[left]) >= PROMISING[2]]
    # Most pairs that are alike at some turn do not lie as edits do, and are not worth the rest.
    alone, if_filled = edits_lie(place[left], slack=SLACK)
    whole = np.minimum(*(sight.content[each[left]].min(axis=(1, 2)) for each in pair)) > 0
    worth = np.zeros(len(place), np.bool_)
    worth[left] = alone | (if_filled & (is_level(place[left], slack=SLACK) | ~whole))
    return measured(miniatures, sight.content, pair, place, worth=worth, least=least)


def _fit(sight: Sight, pair: Pair, place: Place) -> Vector:
    """The correlation of the middle band of pairs that lie so."""
    count = len(place)
    moved, seen = laid_over(sight.middle[pair[0]][:, None], sight.content[pair[0]], place)
    seen *= sight.content[pair[1]]
    pixels_each = seen.shape[1] * seen.shape[2]
    both = (each.reshape(count, pixels_each) for each in (moved, sight.middle[pair[1]]))
    seen = seen.reshape(count, pixels_each)
    pixels = np.maximum(seen.sum(axis=1), 1)
    one, other = (each * seen for each in both)
    mean, rest = (each.sum(axis=1) / pixels for each in (one, other))

    def products(left: Stack, right: Stack) -> Vector:
        found: Vector = np.einsum("pn,pn->p", left, right)
        return found

    squares = (products(one, one) - pixels * mean * mean) * (products(other, other) - pixels * rest * rest)
    fit: Vector = (products(one, other) - pixels * mean * rest) / np.sqrt(np.maximum(squares, 1e-9))
    return fit


def _expected(start: Place, *, coarse: bool) -> Stack:
    """What is nothing in the place of a copy that lies about so: weights [P, K, 6] of a place's numbers.

    Where little tells a fit from others, as before a plain background, it is the one nearest to a copy's.
    """
    weights = np.zeros((len(start), 4, 6), np.float32)
    sign = np.where(is_mirrored(start), -1, 1)
    if coarse:  # level; its axes may have been stretched apart
        weights[:, 0, 1] = weights[:, 1, 3] = 1
        weights[:, 2, 0], weights[:, 2, 4] = STRETCHES, -sign * STRETCHES
    else:  # a mere turn and zoom about the middle
        shape = shape_of(start)
        weights[:, 0, 0], weights[:, 0, 4] = 1, -sign
        weights[:, 1, 1], weights[:, 1, 3] = shape, sign / shape
        weights[:, 2, 2] = weights[:, 3, 5] = 1
    return weights * np.float32(EXPECTED)


def _descend(stack: Stack, contents: Stack, pair: Pair, place: Place, expected: Stack, *, steps: int) -> Place:
    """A better place of left over right, pairs of pictures of a stack [N, s, s], by pixels that are content of both."""
    left, right, content, other = stack[pair[0]], stack[pair[1]], contents[pair[0]], contents[pair[1]]
    count, side = left.shape[:2]
    across, down = grid(side)
    target, inside_right = right.reshape(count, side * side, 1), other.reshape(count, side * side)
    slopes = np.empty((8, count, side * side), np.float32)
    prior = expected.transpose(0, 2, 1) @ expected
    for _ in range(steps):
        moved, seen = laid_over(left[:, None], content, place)
        inside = np.multiply(seen.reshape(count, side * side), inside_right, out=slopes[7])
        fall, run = (each.reshape(count, side * side) for each in _gradient(moved[:, 0]))
        turn = np.linalg.inv(place[:, :, :2]) * (side / 2)
        slopes[2] = (turn[:, 0, 0, None] * run + turn[:, 1, 0, None] * fall) * inside
        slopes[5] = (turn[:, 0, 1, None] * run + turn[:, 1, 1, None] * fall) * inside
        for into, of, axis in ((0, 2, across), (1, 2, down), (3, 5, across), (4, 5, down)):
            np.multiply(slopes[of], axis, out=slopes[into])
        np.multiply(moved.reshape(count, side * side), inside, out=slopes[6])
        by_pair = slopes.transpose(1, 0, 2)
        normal, sought = _damped(by_pair @ by_pair.transpose(0, 2, 1)), by_pair @ target
        normal[:, :6, :6] += prior
        sought[:, :6] -= prior @ place.reshape(count, 6, 1)
        solution = np.linalg.solve(normal, sought)[:, :, 0]
        gain = solution[:, 6]
        gain = np.where(np.abs(gain) < 0.3, np.copysign(0.3, gain), gain)
        step = np.clip(solution[:, :6] / gain[:, None], -FARTHEST, FARTHEST).reshape(count, 2, 3)
        place = _possible(place + step, place)
    return place


def _gradient(stack: Stack) -> tuple[Stack, Stack]:
    """How much pictures [P, s, s] change down and across, as `numpy.gradient` has it, in a quarter of its time."""
    down, across = np.empty((2, *stack.shape), np.float32)
    for change, values in ((down, stack), (across.transpose(0, 2, 1), stack.transpose(0, 2, 1))):
        np.subtract(values[:, 2:], values[:, :-2], out=change[:, 1:-1])
        change[:, 1:-1] *= 0.5
        np.subtract(values[:, 1], values[:, 0], out=change[:, 0])
        np.subtract(values[:, -1], values[:, -2], out=change[:, -1])
    return down, across


def _possible(place: Place, before: Place) -> Place:
    """Places without what no copy has: nearly nothing in common, or another scale altogether."""
    area = np.abs(np.linalg.det(place[:, :, :2]))
    off = (area < SMALLEST) | (area > LARGEST) | (np.abs(place[:, :, 2]).max(axis=1) > REACH)
    return np.where(off[:, None, None], before, place)


def _damped(normal: Stack) -> Stack:
    """The normal matrices [P, 8, 8] with a little on the diagonal, so that a flat picture has a solution too."""
    movement = np.trace(normal[:, :6, :6], axis1=1, axis2=2) / 6
    normal[:, range(6), range(6)] += (0.01 * movement + 1e-3)[:, None]
    normal[:, range(6, 8), range(6, 8)] += 1e-2
    return normal
