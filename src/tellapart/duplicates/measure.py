"""How much of what one picture shows another explains that lies over it, and what was filled in beside that.

What counts is detail: a band of spatial frequencies, without what is the same along a whole row or column, so that
neither the lighting nor a lone stripe makes two pictures alike. The detail of one is explained by a linear combination
of the other's channels and its squared luminance, which turns colour into grey or sepia, moves hues and follows clipped
highlights. Pixels count that lie inside both pictures, and not in corners or borders that were filled with black or
white.

Legend: P pairs, N pictures, s the side of a picture, C channels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tellapart.data.rgb import LUMA
from tellapart.duplicates.miniature import Stack, Vector, blurred, eigenvalue_ratio
from tellapart.duplicates.neighbours import RowNumbers
from tellapart.duplicates.overlay import grid, laid_over
from tellapart.duplicates.placement import Place, inverse, is_level

Pair = tuple[RowNumbers, RowNumbers]  # of left and right, [P] each

BAND: Final = (0.6, 2.5)  # widths in pixels of the two blurs whose difference is the detail
MOST_PLAIN: Final = 0.9  # of what is beyond the other picture that must be black or white
# Half pixels beyond the frame of the other picture, and within it, that may show both it and a filling.
BEYOND, WITHIN = 2.0, 3.0
# Share of the usual change, wider and less wide than a pixel, and pixels that it is told by, of a repeated last row.
EVEN, EVEN_NEAR, FEWEST = 0.006, 0.01, 8
NEAR_END: Final = 0.4  # half sides, from which change counts as usual
# What explains the luminance of another picture, by channels: red, green, blue, and the squared luminance, which is not
# explained itself.
LUMINANCE: Final = np.append(LUMA, np.float32(0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Likeness:
    """How pairs lie over each other; where edits do not lie so, all but the place is 0.

    So is all but the place, the detail and the energy where less of the detail is explained than was asked about.
    """

    place: Place  # where
    whole: Vector  # the share of one picture's luminance that the other explains, the smaller of both ways
    detail: Vector  # the same of the detail
    energy: Vector  # the variance of the detail in squared grey levels, the smaller of both
    cover: Vector  # the share of the right picture that is compared
    across: Vector  # how much luminance changes along the lines that it has, as a share of how much it does across them
    filled: NDArray[np.bool_]  # whether what one shows beyond the other was filled with black, white or its last row


def measured(
    pictures: NDArray[np.uint8],
    content: Stack,
    pair: Pair,
    place: Place,
    *,
    worth: NDArray[np.bool_],
    least: NDArray[np.float64],
) -> Likeness:
    """What pairs of pictures uint8 [N, s, s, 3] are like that lie so, of those that are worth it.

    Little more than their detail is looked at where less than `least` [P] of it is explained. Of two pictures of one
    scene the one that shows less of it has more detail, and is laid over the other: the other way it would be compared
    with what is blurred by being enlarged.
    """
    found = _nothing(place)
    some = np.flatnonzero(worth)
    lies = place[some]
    finer = np.abs(np.linalg.det(lies[:, :, :2])) >= 1
    first, second = (np.where(finer, pair[way][some], pair[1 - way][some]) for way in (0, 1))
    lies = np.where(finer[:, None, None], lies, inverse(lies))
    left, right = _channels_first(pictures[first]), _channels_first(pictures[second])
    moved, both = laid_over(left, content[first], lies)
    both *= content[second]
    one, other = _with_squares(moved), _with_squares(right)
    explained, energy = _explained(_detail(one, both), _detail(other, both), both, stripes=False)
    found.detail[some], found.energy[some] = explained, energy
    kept = np.flatnonzero(explained >= least[some])
    some, both, lies = some[kept], both[kept], lies[kept]
    found.whole[some], _ = _explained(one[kept], other[kept], both, stripes=True)
    found.cover[some] = both.mean(axis=(1, 2), dtype=np.float32)
    seen = [_luminance(each[kept]) for each in (left, right)]
    found.across[some] = np.minimum(*map(eigenvalue_ratio, seen))
    found.filled[some] = _filled(seen[1], content[second[kept]], lies)
    found.filled[some] |= _filled(seen[0], content[first[kept]], inverse(lies))
    return found


def _nothing(place: Place) -> Likeness:
    count = len(place)
    whole, detail, energy, cover, across = np.zeros((5, count), np.float32)
    filled = np.zeros(count, np.bool_)
    return Likeness(place=place, whole=whole, detail=detail, energy=energy, cover=cover, across=across, filled=filled)


def _channels_first(pictures: NDArray[np.uint8]) -> Stack:
    """Red, green and blue float32 [P, 3, s, s]."""
    return np.ascontiguousarray(pictures.transpose(0, 3, 1, 2), np.float32)


def _luminance(stack: Stack) -> Stack:
    """Luminance [P, s, s] of red, green and blue [P, 3, s, s]."""
    count, channels, side = stack.shape[:3]
    seen: Stack = (LUMA @ stack.reshape(count, channels, side * side)).reshape(count, side, side)
    return seen


def _with_squares(stack: Stack) -> Stack:
    """Red, green, blue and the squared luminance [P, 4, s, s], all 0 to 255."""
    seen = _luminance(stack)
    seen *= seen
    seen /= 255
    return np.concatenate([stack, seen[:, None]], axis=1)


def _detail(stack: Stack, seen: Stack) -> Stack:
    """The detail [P, C, s, s] of what is seen [P, s, s], and of nothing beside it."""
    fine, coarse = (1 / np.maximum(blurred(seen, width), 1e-3)[:, None] for width in BAND)
    inside = stack * seen[:, None]
    detail, rest = (blurred(inside, width) for width in BAND)
    detail *= fine
    rest *= coarse
    detail -= rest
    return detail


def _explained(left: Stack, right: Stack, seen: Stack, *, stripes: bool) -> tuple[Vector, Vector]:
    """The share [P] of luminance each [P, C, s, s] explains of the other, the smaller one, and the smaller variance."""
    count, channels = left.shape[:2]
    both = np.concatenate([left, right], axis=1)
    _centre(both, seen, stripes=stripes)
    rows = both.reshape(count, 2 * channels, seen.shape[1] * seen.shape[2])
    # The products [P, 2 C, 2 C] of every channel with every other, summed over the pixels, tell all that is asked.
    products = (rows @ rows.transpose(0, 2, 1)).astype(np.float64)
    one, other = slice(None, channels), slice(channels, None)
    shares = [_share(products, known, sought) for known, sought in ((one, other), (other, one))]
    variance = np.minimum(*(products[:, each, each] @ LUMINANCE @ LUMINANCE for each in (one, other)))
    pixels = np.maximum(seen.sum(axis=(1, 2)), 1)
    return np.minimum(*shares), (variance / pixels).astype(np.float32)


def _share(products: NDArray[np.float64], known: slice, sought: slice) -> Vector:
    """1 less the share of the luminance of sought that no combination of the channels of known gives, by products."""
    normal, towards = products[:, known, known], products[:, known, sought] @ LUMINANCE
    channels = normal.shape[1]
    strength = 1e-4 * np.trace(normal, axis1=1, axis2=2) + 1e-3
    weights = np.linalg.solve(normal + strength[:, None, None] * np.eye(channels), towards[:, :, None])
    given = ((2 * towards[:, :, None] - normal @ weights) * weights).sum(axis=(1, 2))
    total = np.maximum(products[:, sought, sought] @ LUMINANCE @ LUMINANCE, 1e-6)
    share: Vector = (1 - np.maximum(total - given, 0) / total).astype(np.float32)
    return share


def _centre(stack: Stack, seen: Stack, *, stripes: bool) -> None:
    """Take the mean over what is seen off each channel [P, C, s, s], or without stripes those of rows and columns."""
    seen = seen[:, None]
    side = stack.shape[3]
    along = np.ones((side, 1), np.float32)  # products with it sum several times as fast as `sum` along one short axis
    stack *= seen
    if stripes:
        stack -= stack.sum(axis=(2, 3), keepdims=True) / np.maximum(seen.sum(axis=(2, 3), keepdims=True), 1)
        stack *= seen
        return
    stack -= stack @ along / np.maximum(seen @ along, 1)
    stack *= seen
    stack -= along.T @ stack / np.maximum(along.T @ seen, 1)
    stack *= seen


def _filled(seen: Stack, content: Stack, place: Place) -> NDArray[np.bool_]:
    """Whether what luminance [P, s, s] shows beyond the other picture was filled in, with one colour or its last row.

    The other picture lies at the place. What repeats the last row does not change away from it, where the picture
    itself, near its end, does; of a picture that is turned that is not told. One that is turned has a filling of one
    colour only where that ends at the other picture's frame: things lie turned on a white table too.
    """
    count, side = seen.shape[:2]
    at = np.abs(place[:, :, :2] @ grid(side) + place[:, :, 2:]).reshape(count, 2, side, side)
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
