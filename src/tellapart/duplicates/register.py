"""Lay one miniature over another and measure how much of its detail the other explains.

One picture is fitted onto the other by a stretch, a turn and a shift (resizing, cropping, turning), and by a gain and
an offset (brightness and contrast), in Gauss-Newton steps from coarse to fine. What then counts is detail: a band of
spatial frequencies, without what is the same along a whole row or column, so that neither the lighting nor a lone
stripe makes two pictures alike. The detail of one is explained by a linear combination of the other's channels and
its squared luminance, which turns colour into grey or sepia, moves hues and follows clipped highlights.

Pixels count that lie inside both pictures, and not in corners or borders that were filled with black or white.

Source of the fit: Lucas and Kanade (1981); Baker and Matthews (2004), forwards additive.

Legend: P pairs, s the side of a miniature, C channels. Coordinates run from -1 to 1 across a picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields, replace
from functools import cache
from typing import TYPE_CHECKING, Any, Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from tellapart.cores import thread_count
from tellapart.data.rgb import LUMA
from tellapart.duplicates.miniature import (
    Stack,
    Vector,
    blurred,
    eigenvalue_ratio,
    luminance,
)
from tellapart.duplicates.neighbours import RowNumbers
from tellapart.duplicates.placement import Place, edits_lie, inverse, is_level, is_mirrored, shape_of
from tellapart.duplicates.sight import Sight

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Pair = tuple[RowNumbers, RowNumbers]  # of left and right, [P] each

REACH: Final = 0.7  # how far a shift may be from 0, in half sides
SMALLEST, LARGEST = 0.35, 2.8  # of the share of one picture's area that the other has
STEPS: Final = (5, 1, 3)  # coarse, fine, and fine where the first of those promises something
# Correlation of the middle band from which the fine steps are worth it: after the coarse ones, without any, after one.
PROMISING: Final = (0.6, 0.4, 0.6)
EXPECTED, STRETCHES = 3.0, 0.5  # how much what a copy's place is like weighs against pixels, and a stretch of that
FARTHEST: Final = 0.12  # that one step goes
SLACK: Final = 2.0  # times as far from how edits lie as they may be, as long as that is told by miniatures alone
BAND: Final = (0.6, 2.5)  # widths in pixels of the two blurs whose difference is the detail
WHOLE_PIXEL: Final = 0.9  # of what is sampled must be no filling
MOST_PLAIN: Final = 0.9  # of what is beyond the other picture that must be black or white
# Half pixels beyond the frame of the other picture, and within it, that may show both it and a filling.
BEYOND, WITHIN = 2.0, 3.0
# Share of the usual change, wider and less wide than a pixel, and pixels that it is told by, of a repeated last row.
EVEN, EVEN_NEAR, FEWEST = 0.006, 0.01, 8
NEAR_END: Final = 0.4  # half sides, from which change counts as usual
INSIDE: Final = 0.92  # half sides from the middle; a filling beside the frame may have run into what is farther out
CHUNK: Final = 128  # pairs laid over each other at once: what they need stays in the processor's cache


@dataclass(frozen=True, slots=True, kw_only=True)
class Likeness:
    """How pairs lie over each other; where edits do not lie so, all but the place is 0."""

    place: Place  # where
    whole: Vector  # the share of one picture's luminance that the other explains, the smaller of both ways
    detail: Vector  # the same of the detail
    energy: Vector  # the variance of the detail in squared grey levels, the smaller of both
    cover: Vector  # the share of the right picture that is compared
    across: Vector  # how much luminance changes along the lines that it has, as a share of how much it does across them
    filled: NDArray[np.bool_]  # whether what one shows beyond the other was filled with black, white or its last row


def likeness(
    miniatures: NDArray[np.uint8],
    pairs: NDArray[np.int64],
    start: Place,
    *,
    coarse: bool,
) -> Likeness:
    """Lay the left miniature of each pair int64 [P, 2] of rows in miniatures uint8 [N, s, s, 3] over the right one.

    `start` is about where they lie; `coarse` says that it is off by more than a pixel or two.
    """
    rows, places = np.unique(pairs, return_inverse=True)
    first, second = places.reshape(-1, 2).T
    some = miniatures[rows]
    with ThreadPoolExecutor(thread_count(), thread_name_prefix="compare") as pool:
        sights = list(pool.map(Sight.of, (some[at : at + CHUNK] for at in range(0, max(len(some), 1), CHUNK))))
        sight = joined(sights)

        def chunk(at: int) -> Likeness:
            part = slice(at, at + CHUNK)
            return _likeness(some, sight, (first[part], second[part]), start[part], coarse=coarse)

        return joined(list(pool.map(chunk, range(0, max(len(pairs), 1), CHUNK))))


def refined(pictures: NDArray[np.uint8], pairs: NDArray[np.int64], start: Place) -> Likeness:
    """Lay pictures uint8 [N, s, s, 3] over each other that are known to lie about so, for pairs [P, 2] of them.

    No more is expected of the place than that the pixels fit.
    """
    sight, pair = Sight.of(pictures), (pairs[:, 0], pairs[:, 1])
    free = np.zeros((len(pairs), 4, 6), np.float32)
    place = _descend(sight.fine, sight.content, pair, start.copy(), free, steps=STEPS[2])
    return Likeness(place=place, **_measured(pictures, sight.content, pair, place))


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
    whole = (sight.content.min(axis=(1, 2)) > 0)[np.stack([each[left] for each in pair])].all(axis=0)
    worth = left[alone | (if_filled & (is_level(place[left], slack=SLACK) | ~whole))]
    measured = _measured(miniatures, sight.content, (pair[0][worth], pair[1][worth]), place[worth])
    found = {name: np.zeros(len(place), values.dtype) for name, values in measured.items()}
    for name, values in measured.items():
        found[name][worth] = values
    return Likeness(place=place, **found)


def _fit(sight: Sight, pair: Pair, place: Place) -> Vector:
    """The correlation of the middle band of pairs that lie so."""
    moved, seen = _laid_over(sight.middle[pair[0]][..., None], sight.content[pair[0]], place)
    seen = seen * sight.content[pair[1]]
    one, other = (_centred(each, seen, stripes=True) for each in (moved, sight.middle[pair[1]][..., None]))
    squares = np.square(one).sum(axis=(1, 2, 3)) * np.square(other).sum(axis=(1, 2, 3))
    fit: Vector = (one * other).sum(axis=(1, 2, 3)) / np.sqrt(np.maximum(squares, 1e-9))
    return fit


def _measured(miniatures: NDArray[np.uint8], content: Stack, pair: Pair, place: Place) -> dict[str, NDArray[Any]]:
    """Every field of a Likeness but the place, of pairs that lie so.

    Of two pictures of one scene the one that shows less of it has more detail, and is laid over the other: the other
    way it would be compared with what is blurred by being enlarged.
    """
    finer = np.abs(np.linalg.det(place[:, :, :2])) >= 1
    first, second = np.where(finer, *pair), np.where(finer, *pair[::-1])
    place = np.where(finer[:, None, None], place, inverse(place))
    left, right = miniatures[first], miniatures[second]
    moved, both = _laid_over(left.astype(np.float32), content[first], place)
    both = both * content[second]
    one, other = _channels(moved), _channels(right.astype(np.float32))
    whole, _ = _explained(one, other, both, stripes=True)
    detail, energy = _explained(_detail(one, both), _detail(other, both), both, stripes=False)
    filled = _filled(luminance(right), content[second], place) | _filled(
        luminance(left), content[first], inverse(place)
    )
    return {
        "whole": whole,
        "detail": detail,
        "energy": energy,
        "cover": both.mean(axis=(1, 2), dtype=np.float32),
        "across": np.minimum(*(eigenvalue_ratio(luminance(each)) for each in (left, right))),
        "filled": filled,
    }


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
    across, down = _grid(side)
    target, inside_right = right.reshape(count, side * side, 1), other.reshape(count, side * side)
    slopes = np.empty((8, count, side * side), np.float32)
    prior = expected.transpose(0, 2, 1) @ expected
    for _ in range(steps):
        moved, seen = _laid_over(left[..., None], content, place)
        seen = seen.reshape(count, side * side) * inside_right
        fall, run = (each.reshape(count, side * side) for each in np.gradient(moved[..., 0], axis=(1, 2)))
        turn = np.linalg.inv(place[:, :, :2]) * (side / 2)
        slopes[2] = (turn[:, 0, 0, None] * run + turn[:, 1, 0, None] * fall) * seen
        slopes[5] = (turn[:, 0, 1, None] * run + turn[:, 1, 1, None] * fall) * seen
        slopes[0], slopes[1], slopes[3], slopes[4] = (
            slopes[of] * axis for of, axis in ((2, across), (2, down), (5, across), (5, down))
        )
        slopes[6], slopes[7] = moved.reshape(count, side * side) * seen, seen
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


def _laid_over(stack: Stack, content: Stack, place: Place) -> tuple[Stack, Stack]:
    """Each picture [P, s, s, C] at its place, bilinearly, and where [P, s, s] that lies inside both and is content."""
    count, side = stack.shape[:2]
    at = place[:, :, :2] @ _grid(side) + place[:, :, 2:]
    pixel = ((at + 1) * (side / 2) - 0.5).clip(0, side - 1)
    corner = np.minimum(pixel.astype(np.int32), side - 2)
    across, down = (pixel - corner.astype(np.float32)).transpose(1, 0, 2)
    first = corner[:, 1] * side + corner[:, 0] + (np.arange(count, dtype=np.int32) * (side * side))[:, None]

    def sampled(pixels: Stack) -> Stack:
        flat = pixels.reshape(-1)  # one channel after the other: four times as fast as all of a pixel together
        left, below = flat.take(first), flat.take(first + side)
        above = left + across * (flat.take(first + 1) - left)
        under = below + across * (flat.take(first + side + 1) - below)
        taken: Stack = above + down * (under - above)
        return taken.reshape(count, side, side)

    moved = np.stack([sampled(np.ascontiguousarray(stack[..., channel])) for channel in range(stack.shape[3])], axis=-1)
    inside = (np.abs(at) <= INSIDE).all(axis=1) & (np.abs(_grid(side)) <= INSIDE).all(axis=0)
    inside = inside.reshape(count, side, side)
    if not content.all():
        inside &= sampled(content) > WHOLE_PIXEL
    return moved, inside.astype(np.float32)


def _filled(seen: Stack, content: Stack, place: Place) -> NDArray[np.bool_]:
    """Whether what luminance [P, s, s] shows beyond the other picture was filled in, with one colour or its last row.

    The other picture lies at the place. What repeats the last row does not change away from it, where the picture
    itself, near its end, does; of a picture that is turned that is not told. One that is turned has a filling of one
    colour only where that ends at the other picture's frame: things lie turned on a white table too.
    """
    count, side = seen.shape[:2]
    at = np.abs(place[:, :, :2] @ _grid(side) + place[:, :, 2:]).reshape(count, 2, side, side)
    farthest, empty = at.max(axis=1), content == 0
    beyond, within = farthest > 1 + BEYOND / side, farthest < 1 - WITHIN / side
    plain = (beyond & empty).sum(axis=(1, 2)) >= np.maximum(MOST_PLAIN * beyond.sum(axis=(1, 2)), FEWEST)
    ends = (within & empty).sum(axis=(1, 2)) <= (1 - MOST_PLAIN) * (beyond & empty).sum(axis=(1, 2))
    level = is_level(place)
    filled: NDArray[np.bool_] = (plain & (level | ends)) | (level & _repeated(seen, at))
    return filled


def _repeated(seen: Stack, at: Stack) -> NDArray[np.bool_]:
    """Whether luminance [P, s, s] hardly changes away from the other picture, `at` [P, 2, s, s] half sides from it."""
    count, side = seen.shape[:2]
    rises, usual, near, usual_near, pixels = np.zeros((5, count))
    for axis, away in ((2, at[:, 0]), (1, at[:, 1])):
        change = np.square(np.diff(seen, axis=axis))
        nearer, farther = (np.delete(away, end, axis=axis) for end in (-1, 0))
        least = np.minimum(nearer, farther)
        inside = (np.maximum(nearer, farther) <= 1) & (least > NEAR_END)
        level = (change * inside).sum(axis=(1, 2)) / np.maximum(inside.sum(axis=(1, 2)), 1)
        past, partly = (least > 1 + each / side for each in (1, 0))
        rises += (change * past).sum(axis=(1, 2))
        pixels += past.sum(axis=(1, 2))
        usual += past.sum(axis=(1, 2)) * level
        near += (change * partly).sum(axis=(1, 2))
        usual_near += partly.sum(axis=(1, 2)) * level
    wide = pixels >= FEWEST
    repeated: NDArray[np.bool_] = np.where(
        wide, rises <= EVEN * usual, (usual_near > 0) & (near <= EVEN_NEAR * usual_near)
    )
    return repeated


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
    pixels = known.shape[1] * known.shape[2]
    columns = known.reshape(count, pixels, channels)
    target = (sought[..., :3] @ LUMA).reshape(count, pixels, 1)
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
    seen = stack @ LUMA
    return np.concatenate([stack, (seen * seen / 255)[..., None]], axis=-1)


def _detail(stack: Stack, seen: Stack) -> Stack:
    """The detail [P, s, s, C] of what is seen [P, s, s], and of nothing beside it."""
    fine, coarse = (np.maximum(blurred(seen, width), 1e-3) for width in BAND)
    detail = np.empty_like(stack)
    for channel in range(stack.shape[3]):
        inside = stack[..., channel] * seen
        detail[..., channel] = blurred(inside, BAND[0]) / fine - blurred(inside, BAND[1]) / coarse
    return detail


@cache
def _grid(side: int) -> NDArray[np.float32]:
    """How far each pixel lies across and down, float32 [2, s * s]."""
    axis = ((np.arange(side) + 0.5) / side * 2 - 1).astype(np.float32, copy=False)
    grid = np.empty((2, side, side), np.float32)
    grid[0], grid[1] = axis, axis[:, None]
    return grid.reshape(2, -1)
