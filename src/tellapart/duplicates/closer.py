"""A closer look at pairs that miniatures leave in doubt: the pictures themselves, decoded again at SIDE pixels.

Two things before one background have most of what 24 pixels show in common, and copies at another zoom lose much of it.
At 64 pixels copies keep nearly all of their detail and others little: on trashnet 0.93 and more where other pictures of
the same kind of thing have at most 0.92, and three quarters of them less than 0.7 (docs/log.md).

Legend: P pairs of rows, s = SIDE.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tellapart.cores import thread_count
from tellapart.data.prefetch import threads_to_read
from tellapart.data.resize import squash
from tellapart.data.thumbnail import small_picture
from tellapart.duplicates.measure import Likeness
from tellapart.duplicates.neighbours import RowNumbers
from tellapart.duplicates.placement import Place
from tellapart.duplicates.register import joined, refined
from tellapart.errors import PictureError
from tellapart.features.content import picture_content
from tellapart.progress import Progress
from tellapart.types import Index, Pixels

SIDE: Final = 64  # pixels
LONGEST: Final = 4 * SIDE  # of the picture before it is squashed; one that is narrower than a quarter is not looked at
CHUNK: Final = 16  # pairs laid over each other at once: what they need stays in the processor's cache


@dataclass(frozen=True, slots=True, kw_only=True)
class Closer:
    """What a closer look found."""

    places: NDArray[np.int64]  # those of the pairs, by number, of which both pictures can be seen at that size
    likeness: Likeness  # of those


def look_closer(
    index: Index, pairs: RowNumbers, start: Place, *, least: NDArray[np.float64], progress: Progress
) -> Closer:
    """Lay the pictures of pairs [P, 2] of rows over each other that lie about at `start` float32 [P, 2, 3].

    Of those of which less than `least` [P] of the detail is explained no more is told than that.
    A picture that has fewer pixels than SIDE, or cannot be read any more, is not seen. All are held, 12 kB each.

    Raises:
        DataError, MissingExtraError: a store that holds pictures does not answer, as `stores.read_stored`.
    """
    rows = np.unique(pairs).tolist()
    threads = threads_to_read((index.pictures[row] for row in rows), thread_count())
    with ThreadPoolExecutor(threads) as pool:
        pictures = dict(zip(rows, pool.map(lambda row: _seen(index, row), rows), strict=True))
    both = [pictures[first] is not None and pictures[second] is not None for first, second in pairs.tolist()]
    places = np.flatnonzero(np.array(both, bool))
    found = list[Likeness]()
    if len(places):
        progress.start("Looking closer at pairs", total=len(places), unit="pairs")
    with ThreadPoolExecutor(thread_count()) as pool:
        for likeness in pool.map(partial(_laid, pictures, pairs, start, least), _chunks(places)):
            found.append(likeness)
            progress.advance(len(likeness.place))
    progress.finish()
    nothing = refined(np.zeros((0, SIDE, SIDE, 3), np.uint8), pairs[:0], start[:0], least=least[:0])
    return Closer(places=places, likeness=joined([nothing, *found]))


def _chunks(places: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    yield from (places[at : at + CHUNK] for at in range(0, len(places), CHUNK))


def _seen(index: Index, row: int) -> Pixels | None:
    """A picture uint8 [s, s, 3], or None where it is too small or gone."""
    try:
        shown = small_picture(picture_content(index, index.pictures[row]), longest=LONGEST)
    except PictureError:
        return None
    return squash(np.asarray(shown), size=SIDE) if min(shown.size) >= SIDE else None


def _laid(
    pictures: Mapping[int, Pixels | None],
    pairs: RowNumbers,
    start: Place,
    least: NDArray[np.float64],
    places: NDArray[np.int64],
) -> Likeness:
    rows, both = np.unique(pairs[places], return_inverse=True)
    some = np.stack([pixels for row in rows.tolist() if (pixels := pictures[row]) is not None])
    return refined(some, both.reshape(-1, 2), start[places], least=least[places])
