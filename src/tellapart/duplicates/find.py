"""Find the pictures that show the same: equal files, equal pixels, and edits of each other.

Edits are first suspected and then confirmed. Suspects are each picture's nearest in what the base saw, and its nearest
in a few pixels of luminance, of which the mirror image is tried too. A pair is confirmed by laying one miniature over
the other (see `register`). No picture is decoded again.

The limits were chosen on the train and valid splits of cats_vs_dogs_small, trashnet and neu_surface and edits of them;
docs/log.md has the figures.

Legend: N pictures, d coordinates.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tellapart.data.rgb import LUMA
from tellapart.duplicates.groups import DuplicateGroup, DuplicatePair, connect, equal_pairs
from tellapart.duplicates.neighbours import Points, Rows, near_rows, principal, unit
from tellapart.duplicates.register import blurred, likeness
from tellapart.features.embed import Embedded
from tellapart.progress import Progress, Silent
from tellapart.text import counted
from tellapart.types import Depth, Features

WIDTH: Final = 96  # coordinates that features are compared in
MOST: Final = 4  # others of each picture that are suspected, by each of the two ways
LEAST_SEEN: Final = 0.4  # cosine of what the base saw, less its mean
LEAST_ALIKE: Final = 0.9  # correlation of small luminance, where it alone suspects
LEAST_SCREENED: Final = 0.75  # the same, where the base suspects: a crop moves it further
GRAIN: Final = 8  # pixels a side of the small luminance
SHIFT: Final = 0.7  # pixels that it is blurred by
WHOLE, DETAIL = 0.8, 0.85  # shares that must be explained
# Where more than this many pictures are alike in small luminance (digits, parts before one camera), some come close by
# chance, the closer the more there are; what may be left unexplained shrinks in the same measure.
CROWD: Final = 10
ENERGY: Final = 1.0  # squared grey levels; with less detail than that everything looks alike
OUTSIDE: Final = 0.07  # half sides; more is another part of one scene, and no crop of one picture
MOST_CONFIRMED: Final = 100_000  # pairs; about half a minute
HALF: Final = np.float32(0.5)
STEP: Final = 1024  # pairs between two signs of progress


def find_duplicates(
    embedded: Embedded, *, last: Depth | None = None, progress: Progress | None = None
) -> tuple[DuplicateGroup, ...]:
    """Groups of pictures that show the same, ordered by their first row, by what a base saw in them as they are.

    `last` are the columns of the last depth, which tell best what a picture shows; None for all columns.
    """
    progress = progress or Silent()
    pairs = list(_equal(embedded))
    repeated = {pair.second for pair in pairs}
    rows = np.array([row for row in range(len(embedded.digests)) if row not in repeated], np.int64)
    columns = slice(last.start, last.stop) if last else slice(None)
    pairs += _edits(embedded.features, embedded.miniatures, rows=rows, columns=columns, progress=progress)
    return connect(pairs)


def _equal(embedded: Embedded) -> Iterator[DuplicatePair]:
    """A pair of each row with the first of equal bytes, or with the first of equal pixels."""
    equal_bytes = {pair.second: pair for pair in equal_pairs(embedded.digests, kind="bytes")}
    yield from equal_bytes.values()
    for pair in equal_pairs(embedded.pixel_digests, kind="pixels"):
        if pair.second not in equal_bytes:
            yield pair


def _edits(
    features: Features, miniatures: NDArray[np.uint8], *, rows: Rows, columns: slice, progress: Progress
) -> Iterator[DuplicatePair]:
    """Pairs of the given rows that are edits of each other."""
    even, odd = _halves(miniatures, rows)
    suspects, crowd = _suspects(features, even, odd, rows=rows, columns=columns)
    allowed = 1 / np.maximum(1, crowd[suspects].max(axis=1) / CROWD)
    needed = 1 - (1 - DETAIL) * allowed
    upright = np.einsum("pd,pd->p", even[suspects[:, 0]], even[suspects[:, 1]])
    turned = np.einsum("pd,pd->p", odd[suspects[:, 0]], odd[suspects[:, 1]])
    alike = upright + np.abs(turned)
    order = np.argsort(-alike, kind="stable")
    order = order[alike[order] >= 1 - (1 - LEAST_SCREENED) * allowed[order]]
    if len(order) > MOST_CONFIRMED:
        left_out, many = len(order) - MOST_CONFIRMED, "pairs of pictures that may show the same were"
        progress.note(
            f"{counted(left_out, 'pair of pictures that may show the same was', many)} not compared: "
            f"there are more than {MOST_CONFIRMED:,} of them."
        )
        order = order[:MOST_CONFIRMED]
    progress.start("Comparing pictures", total=len(order), unit="pairs")
    for start in range(0, len(order), STEP):
        chosen = order[start : start + STEP]
        pairs = rows[suspects[chosen]]
        alike_as = {False: upright[chosen] + turned[chosen], True: upright[chosen] - turned[chosen]}
        yield from _confirmed(miniatures, pairs, alike_as=alike_as, needed=needed[chosen])
        progress.advance(len(chosen))
    progress.finish()


def _suspects(
    features: Features, even: Points, odd: Points, *, rows: Rows, columns: slice
) -> tuple[Rows, NDArray[np.int64]]:
    """Pairs [P, 2] of places in rows that either way of looking holds for alike, and how many are alike to each [n]."""
    if len(rows) < 2:
        return np.empty((0, 2), np.int64), np.zeros(len(rows), np.int64)
    seen, _ = near_rows(principal(features[:, columns], rows=rows, width=WIDTH), most=MOST, least=LEAST_SEEN)
    alike, crowd = near_rows(even, odd, most=MOST, least=LEAST_ALIKE)
    return np.unique(np.concatenate([seen, alike]), axis=0), crowd


def _halves(miniatures: NDArray[np.uint8], rows: Rows) -> tuple[Points, Points]:
    """What a mirror keeps and what it turns [N, d] of each small luminance, together of length 1."""
    side = miniatures.shape[1] // GRAIN
    small = np.empty((len(rows), GRAIN, GRAIN), np.float32)
    for start in range(0, len(rows), STEP):
        chosen = miniatures[rows[start : start + STEP]] @ LUMA
        small[start : start + STEP] = chosen.reshape(-1, GRAIN, side, GRAIN, side).mean(axis=(2, 4))
    small = blurred(small, SHIFT)  # so that a small shift matters less
    small -= small.mean(axis=(1, 2), keepdims=True)
    small = unit(small.reshape(len(small), -1)).reshape(small.shape)
    mirrored = small[:, :, ::-1]
    even, odd = (small + mirrored) * HALF, (small - mirrored) * HALF
    return even.reshape(len(small), -1), odd.reshape(len(small), -1)


def _confirmed(
    miniatures: NDArray[np.uint8],
    pairs: Rows,
    *,
    alike_as: Mapping[bool, NDArray[np.float32]],
    needed: NDArray[np.float64],
) -> Iterator[DuplicatePair]:
    """Those of the pairs [P, 2] of rows that lie over each other, as they are (False) or mirrored (True)."""
    best = np.zeros(len(pairs), np.float32)
    turned = np.zeros(len(pairs), np.bool_)
    for mirror, alike in alike_as.items():
        tried = np.flatnonzero(alike >= LEAST_SCREENED)
        left, right = miniatures[pairs[tried, 0]], miniatures[pairs[tried, 1]]
        found = likeness(left[:, :, ::-1] if mirror else left, right)
        fits = (found.whole >= WHOLE) & (found.energy >= ENERGY) & (found.outside <= OUTSIDE)
        detail = np.where(fits, found.detail, 0)
        better = detail > best[tried]
        best[tried[better]], turned[tried[better]] = detail[better], mirror
    for place in np.flatnonzero(best >= needed):
        first, second = pairs[place].tolist()
        similarity = round(float(best[place]), 4)
        yield DuplicatePair(
            first=first, second=second, kind="near", similarity=similarity, mirrored=bool(turned[place])
        )
