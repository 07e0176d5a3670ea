"""Which pictures may be copies of which: the nearest of each, by what the base saw and by small pictures.

Legend: N pictures, n of them that are compared, P pairs, d coordinates.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tellapart.duplicates.crowd import Crowd
from tellapart.duplicates.miniature import blurred, luminance
from tellapart.duplicates.neighbours import LEAF, Points, RowNumbers, distinct_pairs, near_rows, unit
from tellapart.duplicates.seen import SeenRows, points_of
from tellapart.duplicates.shown import in_slices
from tellapart.duplicates.turned import SHAPES, spectrum
from tellapart.progress import Progress, Silent, in_stage
from tellapart.workers.pool import Workers

MOST_SEEN, MOST = 6, 4  # others of each picture that are suspected, by what the base saw and by small luminance
LEAST_SEEN: Final = 0.4  # cosine of what the base saw, less its mean
LEAST_ALIKE: Final = 0.9  # correlation of small luminance, where it alone suspects
MOST_TURNED, LEAST_TURNED = 3, 0.55  # others that are suspected by what no turn changes of one shape, and their cosine
GRAIN: Final = 8  # pixels a side of the small luminance
SHIFT: Final = 0.7  # pixels that it is blurred by
HALF: Final = np.float32(0.5)
STEP: Final = 4096  # pictures or pairs at once


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspects:
    """Pairs of places among the n pictures that are compared.

    Attributes:
        pairs: int64 [P, 2], rising: those that are held for alike.
        turning: by the shape of pictures, int64 [P, 2]: those that are held for alike but turned.
        crowd: how many each of the n is like.
    """

    pairs: RowNumbers
    turning: Mapping[float, RowNumbers]
    crowd: Crowd


def suspect_pairs(
    seen: SeenRows,
    miniatures: NDArray[np.uint8],
    *,
    last: slice,
    rows: RowNumbers,
    named: RowNumbers,
    progress: Progress,
    workers: Workers,
) -> Suspects:
    """Who is suspected.

    Args:
        seen: what the base saw of N pictures.
        miniatures: uint8 [N, s, s, 3].
        last: the columns of the last depth.
        rows: int64 [n], those that are compared.
        named: int64 [P, 2], places among those, of pairs that are suspected by their names.
        progress: told of each of the searches, where there are many pictures.
        workers: who compares.
    """
    if len(rows) < 2:
        return Suspects(pairs=named, turning={}, crowd=Crowd(np.zeros(len(rows), np.int64)))
    listener = progress if len(rows) > LEAF else Silent()

    def close(*points: Points, **settings: Any) -> tuple[RowNumbers, RowNumbers]:  # noqa: ANN401
        found = near_rows(*points, **settings, workers=workers)
        listener.advance()
        return found

    with in_stage(listener, "Searching for pictures that are alike", total=2 + len(SHAPES), unit="comparisons"):
        near, _ = close(points_of(seen, rows, last=last), most=MOST_SEEN, least=LEAST_SEEN, counted=False)
        even, odd = _halves(miniatures, rows)
        alike, counts = close(even, odd, most=MOST, least=LEAST_ALIKE)
        crowd = Crowd(counts)
        pairs = distinct_pairs(np.concatenate([near, alike]))
        pairs = pairs[(_alike_as_they_are(even, odd, pairs) >= crowd.least_alike(pairs)) | ~crowd.crowded(pairs)]
        turning = {}
        for shape in SHAPES:
            points = spectrum(miniatures, rows, shape=shape)
            near, _ = close(points, most=MOST_TURNED, least=LEAST_TURNED, counted=False)
            turning[shape] = near[~crowd.crowded(near)]
    return Suspects(pairs=distinct_pairs(np.concatenate([pairs, named])), turning=turning, crowd=crowd)


def _halves(miniatures: NDArray[np.uint8], rows: RowNumbers) -> tuple[Points, Points]:
    """What a mirror keeps and what it turns [n, d] of each small luminance, together of length 1."""
    side = miniatures.shape[1] // GRAIN
    small = np.empty((len(rows), GRAIN, GRAIN), np.float32)

    def fill(some: slice) -> None:
        small[some] = luminance(miniatures[rows[some]]).reshape(-1, GRAIN, side, GRAIN, side).mean(axis=(2, 4))

    in_slices(fill, count=len(rows), size=STEP)
    small = blurred(small, SHIFT)  # so that a small shift matters less
    small -= small.mean(axis=(1, 2), keepdims=True)
    small = unit(small.reshape(len(small), -1)).reshape(small.shape)
    mirrored = small[:, :, ::-1]
    even, odd = (small + mirrored) * HALF, (small - mirrored) * HALF
    return even.reshape(len(small), -1), odd.reshape(len(small), -1)


def _alike_as_they_are(even: Points, odd: Points, pairs: RowNumbers) -> NDArray[np.float32]:
    """How alike the small luminances of pairs [P, 2] are, or one and the mirror image of the other."""
    alike = np.empty(len(pairs), np.float32)
    for start in range(0, len(pairs), STEP):
        one, other = pairs[start : start + STEP].T
        alike[start : start + STEP] = np.einsum("pd,pd->p", even[one], even[other]) + np.abs(
            np.einsum("pd,pd->p", odd[one], odd[other])
        )
    return alike
