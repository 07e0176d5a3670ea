"""A closer look at pairs that miniatures leave in doubt: the pictures themselves, decoded again at SIDE pixels.

Two things before one background have most of what 24 pixels show in common, and copies at another zoom lose much of it.
At 64 pixels copies keep nearly all of their detail and others little: on trashnet 0.93 and more where other pictures of
the same kind of thing have at most 0.92, and three quarters of them less than 0.7 (docs/log.md).

Legend: P pairs, n pictures in them, s = SIDE.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from typing import Final, Self

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
from tellapart.duplicates.shown import PairsShown, in_slices
from tellapart.errors import PictureError
from tellapart.features.content import picture_content
from tellapart.progress import Progress, in_stage
from tellapart.text import counted
from tellapart.types import Index, Pixels
from tellapart.workers.pool import HERE, Places, Workers, blocks, part_at, portable

SIDE: Final = 64  # pixels
LONGEST: Final = 4 * SIDE  # of the picture before it is squashed; one that is narrower than a quarter is not looked at
PAIRS: Final = 64  # whose pictures are decoded by one worker, each once, and held; between two signs of progress
CHUNK: Final = 16  # pairs laid over each other at once: what they need stays in the processor's cache


@dataclass(frozen=True, slots=True, kw_only=True)
class Closer:
    """What a closer look found."""

    places: NDArray[np.int64]  # those of the pairs, by number, of which both pictures can be seen at that size
    likeness: Likeness  # of those
    unread: NDArray[np.int64]  # those of which a picture cannot be read where it was looked at


@dataclass(frozen=True, slots=True, kw_only=True)
class Unclear:
    """Pairs that are to be looked at, and the pictures in them.

    Attributes:
        index: the n pictures.
        pairs: int64 [P, 2], places among those.
        start: float32 [P, 2, 3], about where they lie.
        least: float64 [P], the share of the detail that must be explained for more to be told.
    """

    index: Index
    pairs: RowNumbers
    start: Place
    least: NDArray[np.float64]

    def away(self) -> Self:
        """The same as another process can read it."""
        return replace(self, index=portable(self.index))

    def told(self) -> str:
        """What is done with them, for people."""
        first = " and ".join(picture.path for picture in self.index.pictures[:2])
        return f"looking closer at {counted(len(self.pairs), 'pair')} of pictures, among them {first}"


def look_closer(
    index: Index, pairs: RowNumbers, start: Place, *, least: NDArray[np.float64], progress: Progress, workers: Workers
) -> Closer:
    """Lay the pictures of pairs [P, 2] of rows over each other that lie about at `start` float32 [P, 2, 3].

    Of those of which less than `least` [P] of the detail is explained no more is told than that.
    A picture that has fewer pixels than SIDE, or cannot be read any more, is not seen; what a worker elsewhere cannot
    read is read here. Those of PAIRS pairs are held, 12 kB each; whoever works, they are the same pairs.

    Raises:
        DataError, MissingExtraError: a store that holds pictures does not answer, as `stores.read_stored`.
    """
    parts = blocks(neighbourly(pairs), PAIRS)

    def unclear() -> Iterator[Unclear]:
        for part in parts:
            rows, both = np.unique(pairs[part], return_inverse=True)
            among = part_at(index, rows.tolist())
            yield Unclear(index=among, pairs=both.reshape(-1, 2), start=start[part], least=least[part])

    found = list[Closer]()
    told = in_stage(progress, "Looking closer at pairs", total=len(pairs), unit="pairs")
    with told if len(pairs) else contextlib.nullcontext():
        closer = workers.map(seen_closer, unclear(), told=Unclear.told, away=Unclear.away)
        for part, some in zip(parts, closer, strict=True):
            found.append(replace(some, places=part[some.places], unread=part[some.unread]))
            progress.advance(len(part))
    places, unread = (np.concatenate([getattr(some, name) for some in found]) for name in ("places", "unread"))
    likenesses = [some.likeness for some in found]
    if workers.elsewhere and len(unread):
        here = look_closer(index, pairs[unread], start[unread], least=least[unread], progress=progress, workers=HERE)
        places, unread = np.concatenate([places, unread[here.places]]), unread[here.unread]
        likenesses.append(here.likeness)
    return Closer(places=places, likeness=joined(likenesses), unread=unread)


def neighbourly(pairs: RowNumbers) -> Places:
    """The places of pairs [P, 2] in an order in which those that share pictures are near each other: int64 [P].

    So few pictures are in several pieces and decoded more than once. By E. Cuthill and J. McKee, "Reducing the
    bandwidth of sparse symmetric matrices", 1969, reversed.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import reverse_cuthill_mckee

    if not len(pairs):
        return np.arange(0)
    rows, among = np.unique(pairs, return_inverse=True)
    first, second = among.reshape(-1, 2).T
    joined_by = coo_array(
        (np.ones(2 * len(pairs)), (np.r_[first, second], np.r_[second, first])), shape=(len(rows),) * 2
    )
    place = np.empty(len(rows), np.int64)
    place[reverse_cuthill_mckee(joined_by.tocsr(), symmetric_mode=True)] = np.arange(len(rows))
    ends = np.sort(place[among.reshape(-1, 2)], axis=1)
    return np.lexsort((ends[:, 1], ends[:, 0]))


def seen_closer(unclear: Unclear) -> Closer:
    """Decode the pictures of some pairs and lay those that can be seen over each other."""
    index, rows = unclear.index, range(len(unclear.index.pictures))
    with ThreadPoolExecutor(threads_to_read(index.pictures, thread_count())) as pool:
        pictures = list(pool.map(partial(_seen, index), rows))
    gone = np.array([isinstance(picture, PictureError) for picture in pictures], bool)
    large = np.array([isinstance(picture, np.ndarray) for picture in pictures], bool)
    places, unread = np.flatnonzero(large[unclear.pairs].all(axis=1)), np.flatnonzero(gone[unclear.pairs].any(axis=1))

    def chunk(some: slice) -> Likeness:
        at = places[some]
        rows, pairs = np.unique(unclear.pairs[at], return_inverse=True)
        seen = [pixels for row in rows.tolist() if isinstance(pixels := pictures[row], np.ndarray)]
        shown = PairsShown(pictures=np.array(seen, np.uint8).reshape(-1, SIDE, SIDE, 3), pairs=pairs.reshape(-1, 2))
        return refined(shown, unclear.start[at], least=unclear.least[at])

    likeness = joined(in_slices(chunk, count=len(places), size=CHUNK))
    return Closer(places=places, likeness=likeness, unread=unread)


def _seen(index: Index, row: int) -> Pixels | PictureError | None:
    """A picture uint8 [s, s, 3]; None where it is too small, the error where it cannot be read."""
    try:
        shown = small_picture(picture_content(index, index.pictures[row]), longest=LONGEST)
    except PictureError as error:
        return error
    return squash(np.asarray(shown), size=SIDE) if min(shown.size) >= SIDE else None
