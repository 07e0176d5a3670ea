"""Find the pictures that show the same: equal files, equal pixels, and edits of each other.

Edits are first suspected and then confirmed. Suspects are each picture's nearest in what the base saw, in a few pixels
of luminance, of which the mirror image is tried too, and in what no turn changes (see `suspects`). Where parts of a
pair are alike (see `windows`), or rings about the middle at some turn (see `turned`), one miniature is laid over the
other there (see `register`). A pair whose miniatures fit as they are is confirmed; of one that was moved, or fits less
well, both pictures are decoded once more, at a few times the pixels if they have them, and laid over each other again
(see `closer`).

The limits were chosen on the train and valid splits of cats_vs_dogs_small, trashnet and neu_surface and edits of them;
docs/log.md has the figures.

Legend: N pictures, P pairs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from tellapart.duplicates.closer import look_closer
from tellapart.duplicates.groups import DuplicateGroup, DuplicatePair, connect, equal_pairs
from tellapart.duplicates.measure import Likeness
from tellapart.duplicates.naming import named_alike
from tellapart.duplicates.neighbours import RowNumbers
from tellapart.duplicates.placement import MIRROR, UPRIGHT, Place, edits_lie, is_mirrored
from tellapart.duplicates.register import SLACK, joined, likeness
from tellapart.duplicates.screens import Hopeful, try_pairs
from tellapart.duplicates.seen import SeenHere, SeenRows
from tellapart.duplicates.shown import PairsShown
from tellapart.duplicates.suspects import suspect_pairs
from tellapart.features.embed import Embedded
from tellapart.features.left import LeftFeatures
from tellapart.progress import Progress, Silent, in_stage
from tellapart.text import counted
from tellapart.types import Depth, Index, Picture
from tellapart.workers.pool import HERE, Workers, blocks

WHOLE, DETAIL = 0.8, 0.85  # shares that must be explained
COVER: Final = 0.34  # share of a picture that must lie over the other
# Pairs of which less of the miniatures' detail is explained may still be edits: that is told by a closer look, in which
# more must be. A crowd asks for more here too, but for no more than this share of what may be left.
HOPEFUL, CLOSE, LEAST_CLOSE = 0.6, 0.92, 0.5
MOST_CLOSER: Final = 2000  # pairs; a quarter of a minute
ENERGY: Final = 1.0  # squared grey levels; with less detail than that everything looks alike
# What was moved by more than so many half sides must change along its lines too: stripes lie over any other stripes.
# Where that is less than PLENTY of the change, the share that is left unexplained must be less than ALONG of it.
STILL, LEAST_ACROSS, PLENTY, ALONG = 0.02, 0.02, 0.07, 0.75
MOST_CONFIRMED: Final = 100_000  # pairs; about half a minute
STEP: Final = 4096  # pairs laid over each other by one worker, and between two signs of progress


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """What was found."""

    groups: tuple[DuplicateGroup, ...]  # of pictures that show the same, ordered by their first row
    unread: int  # pairs that wanted a closer look and had none, since a picture could not be read again


def find_duplicates(
    embedded: Embedded,
    *,
    last: Depth | None = None,
    left: LeftFeatures | None = None,
    progress: Progress | None = None,
    workers: Workers = HERE,
) -> tuple[DuplicateGroup, ...]:
    """The groups of `search_duplicates`."""
    return search_duplicates(embedded, last=last, left=left, progress=progress, workers=workers).groups


def search_duplicates(
    embedded: Embedded,
    *,
    last: Depth | None = None,
    left: LeftFeatures | None = None,
    progress: Progress | None = None,
    workers: Workers = HERE,
) -> Search:
    """Which pictures show the same, by what a base saw in them as they are.

    What is compared with what does not depend on who does it, so neither does what is found.

    Args:
        embedded: what the base saw, with miniatures.
        last: the columns of the last depth, which tell best what a picture shows; None for all columns.
        left: their features, where they were left with whoever saw them; None for those of `embedded`.
        progress: told of every pair.
        workers: who compares, and looks at pictures again.

    Raises:
        DataError, UsageError, MissingExtraError: as the workers, and `look_closer`.
    """
    progress = progress or Silent()
    pairs = list(_equal(embedded))
    repeated = {pair.second for pair in pairs}
    rows = np.array([row for row in range(len(embedded.digests)) if row not in repeated], np.int64)
    columns = slice(last.start, last.stop) if last else slice(0, embedded.features.shape[1])
    seen = left or SeenHere(features=embedded.features[:, columns], index=embedded.index)
    columns = columns if left else slice(0, columns.stop - columns.start)
    place = np.full(len(embedded.digests), -1)
    place[rows] = np.arange(len(rows))
    named = place[named_alike([picture.path for picture in embedded.index.pictures])]
    named = named[(named >= 0).all(axis=1)]
    # Pairs are dealt to threads: a second one behind each of their many small products would only wait for the others.
    with threadpool_limits(limits=1, user_api="blas"):
        edits = _edits(embedded, seen, last=columns, rows=rows, named=named, progress=progress, workers=workers)
    groups = connect([*pairs, *edits.pairs])
    _say_named(rows[named], groups, embedded.index.pictures, progress=progress)
    return Search(groups=groups, unread=edits.unread)


def _say_named(
    named: RowNumbers, groups: Sequence[DuplicateGroup], pictures: Sequence[Picture], *, progress: Progress
) -> None:
    """Say how many of the pairs [P, 2] of rows that are copies by their names are so by what they show, if any are."""
    home = {row: number for number, group in enumerate(groups) for row in group.rows}
    shown = [pair for pair in named.tolist() if home.get(pair[0], -1) == home.get(pair[1], -2)]
    if shown:
        first, second = (pictures[row].path for row in shown[0])
        many = counted(len(np.unique(named)), "picture is", "pictures are")
        progress.note(
            f"{many} named as augmented copies (for example {first} and {second}); {len(np.unique(shown))} of them "
            "show the same and count as one. --group-by keeps the others together too."
        )


def _equal(embedded: Embedded) -> Iterator[DuplicatePair]:
    """A pair of each row with the first of equal bytes, or with the first of equal pixels."""
    equal_bytes = {pair.second: pair for pair in equal_pairs(embedded.digests, kind="bytes")}
    yield from equal_bytes.values()
    for pair in equal_pairs(embedded.pixel_digests, kind="pixels"):
        if pair.second not in equal_bytes:
            yield pair


@dataclass(frozen=True, slots=True, kw_only=True)
class Edits:
    """Pairs that are edits of each other, and how many had no closer look, as in `Search`."""

    pairs: tuple[DuplicatePair, ...]
    unread: int


def _edits(
    embedded: Embedded,
    seen: SeenRows,
    *,
    last: slice,
    rows: RowNumbers,
    named: RowNumbers,
    progress: Progress,
    workers: Workers,
) -> Edits:
    """Pairs of the given rows that are edits of each other; `named` [P, 2] are suspected by their names."""
    miniatures = embedded.miniatures
    suspects = suspect_pairs(seen, miniatures, last=last, rows=rows, named=named, progress=progress, workers=workers)
    tried = _most_alike(list(try_pairs(miniatures, rows, suspects, workers=workers)), progress=progress)

    def unlaid(each: Hopeful, some: RowNumbers) -> Unlaid:
        pairs = rows[each.pairs[some]]
        allowed = suspects.crowd.allowed(each.pairs[some])
        shown = PairsShown.of(miniatures, pairs)
        return Unlaid(rows=pairs, shown=shown, start=each.start[some], allowed=allowed, coarse=each.coarse)

    laid, before = list[Laid](), np.empty((0, 2), np.int64)
    with in_stage(progress, "Comparing pictures", total=sum(len(each.alike) for each in tried), unit="pairs"):
        for each in tried:
            steps = blocks(np.arange(len(each.pairs)), STEP)
            # What lies over each other as it is needs no turn.
            new = (step if each.coarse else step[~_within(rows[each.pairs[step]], before)] for step in steps)
            found = workers.map(lay, map(partial(unlaid, each), new), told=Unlaid.told)
            for step, some in zip(steps, found, strict=True):
                laid.append(some)
                progress.advance(len(step))
            before = np.concatenate([some.pairs[some.certain] for some in laid])
    return _told(embedded.index, joined(laid), progress=progress, workers=workers)


def _within(pairs: RowNumbers, known: RowNumbers) -> NDArray[np.bool_]:
    """Which of the pairs [P, 2] are among others."""
    most = int(max(pairs.max(initial=0), known.max(initial=0))) + 1
    among: NDArray[np.bool_] = np.isin(pairs @ [most, 1], known @ [most, 1])
    return among


@dataclass(frozen=True, slots=True, kw_only=True)
class Unlaid:
    """Pairs that one miniature of each is to be laid over the other of."""

    rows: RowNumbers  # [P, 2]
    shown: PairsShown
    start: Place
    allowed: NDArray[np.float64]  # the share of what may be left unexplained elsewhere
    coarse: bool

    def told(self) -> str:
        """What is done with them, for people."""
        return f"laying {counted(len(self.rows), 'pair')} of pictures over each other"


@dataclass(frozen=True, slots=True, kw_only=True)
class Laid:
    """Pairs of rows [P, 2] that may be edits of each other, by their miniatures."""

    pairs: RowNumbers
    place: Place
    detail: NDArray[np.float32]
    filled: NDArray[np.bool_]
    share: NDArray[np.float64]  # of what may be left unexplained elsewhere, in a closer look
    fits: NDArray[np.bool_]  # whether one miniature lies over the other as an edit does
    certain: NDArray[np.bool_]  # whether, beside that, nothing was moved: chance does not do that


def lay(unlaid: Unlaid) -> Laid:
    """Those of the pairs of which one miniature lies over the other nearly as an edit does."""
    allowed = unlaid.allowed
    needed = 1 - (1 - HOPEFUL) * np.maximum(allowed, LEAST_CLOSE)
    least = 1 - (1 - DETAIL) * allowed
    found = likeness(unlaid.shown, unlaid.start, coarse=unlaid.coarse, least=np.minimum(least, needed))
    fits = _fits(found, needed=least)
    hopeful = fits | (_lies(found.place, slack=SLACK) & (found.detail >= needed))
    kept = np.flatnonzero(hopeful & (found.energy >= ENERGY))
    place = found.place[kept]
    return Laid(
        pairs=unlaid.rows[kept],
        place=place,
        detail=found.detail[kept],
        filled=found.filled[kept],
        share=np.maximum(allowed[kept], LEAST_CLOSE),
        fits=fits[kept],
        certain=fits[kept] & (_moved(place) <= STILL),
    )


def _told(index: Index, laid: Laid, *, progress: Progress, workers: Workers) -> Edits:
    """The pairs that are edits: those that are certain, and those that a closer look confirms."""
    order = np.lexsort((-laid.detail, ~laid.fits, laid.pairs[:, 1], laid.pairs[:, 0]))
    order = order[np.append(True, (np.diff(laid.pairs[order], axis=0) != 0).any(axis=1))[: len(order)]]  # the best
    told, similarity, place = laid.fits[order], laid.detail[order], laid.place[order]
    doubtful = np.flatnonzero(~laid.certain[order])
    doubtful, rest = np.split(doubtful[np.argsort(-similarity[doubtful], kind="stable")], [MOST_CLOSER])
    needed = 1 - (1 - CLOSE) * laid.share[order]
    asked = laid.pairs[order[doubtful]]
    closer = look_closer(index, asked, place[doubtful], least=needed[doubtful], progress=progress, workers=workers)
    if len(rest) and len(closer.places):
        many = "more pairs of pictures that may show the same were"
        left = counted(len(rest), "more pair of pictures that may show the same was", many)
        progress.note(f"{left} judged without a closer look: at most {MOST_CLOSER:,} are given one.")
    _say_unread(asked[closer.unread], index.pictures, progress=progress)
    seen = doubtful[closer.places]
    found = replace(closer.likeness, filled=closer.likeness.filled | laid.filled[order[seen]])
    told[seen] = _fits(found, needed=needed[seen])
    similarity[seen], place[seen] = found.detail, found.place
    rows, mirrored = laid.pairs[order], is_mirrored(place)
    pairs = (
        DuplicatePair(
            first=int(rows[number, 0]),
            second=int(rows[number, 1]),
            kind="near",
            similarity=round(float(similarity[number]), 4),
            mirrored=bool(mirrored[number]),
        )
        for number in np.flatnonzero(told).tolist()
    )
    return Edits(pairs=tuple(pairs), unread=len(closer.unread))


def _say_unread(unread: RowNumbers, pictures: Sequence[Picture], *, progress: Progress) -> None:
    """Say how many pairs [P, 2] of rows had no closer look because a picture could not be read again, if any."""
    if len(unread):
        first, second = (pictures[row].path for row in unread[0].tolist())
        pairs = counted(len(unread), "pair of pictures was", "pairs of pictures were")
        progress.note(
            f"{pairs} judged without a closer look: a picture of each could not be read again "
            f"(for example of {first} and {second})."
        )


def _most_alike(tried: Sequence[Hopeful], *, progress: Progress) -> list[Hopeful]:
    """The MOST_CONFIRMED pairs that are most alike anywhere, with a note where there are more."""
    alike = np.concatenate([each.alike for each in tried])
    pairs = np.concatenate([each.pairs for each in tried])
    _, pair = np.unique(pairs @ [int(pairs.max(initial=0)) + 1, 1], return_inverse=True)
    most = np.zeros(pair.max(initial=-1) + 1, np.float32)
    np.maximum.at(most, pair, alike)
    if len(most) <= MOST_CONFIRMED:
        return list(tried)
    left_out, many = len(most) - MOST_CONFIRMED, "pairs of pictures that may show the same were"
    progress.note(
        f"{counted(left_out, 'pair of pictures that may show the same was', many)} not compared: "
        f"there are more than {MOST_CONFIRMED:,} of them."
    )
    kept = np.isin(pair, np.argsort(-most, kind="stable")[:MOST_CONFIRMED])
    ends = np.cumsum([len(each.alike) for each in tried])[:-1]
    return [
        replace(each, pairs=each.pairs[some], start=each.start[some], alike=each.alike[some])
        for each, some in zip(tried, np.split(kept, ends), strict=True)
    ]


def _fits(found: Likeness, *, needed: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which pairs lie over each other as edits do, with so much of their detail explained."""
    alone, if_filled = edits_lie(found.place)
    unexplained = np.where(found.across >= PLENTY, 1, ALONG * found.across)
    placed = (found.across >= LEAST_ACROSS) & (1 - found.detail <= unexplained)
    placed |= _moved(found.place) <= STILL
    fits: NDArray[np.bool_] = (alone | (if_filled & found.filled)) & placed & (found.whole >= WHOLE)
    return fits & (found.energy >= ENERGY) & (found.cover >= COVER) & (found.detail >= needed)


def _lies(place: Place, *, slack: float) -> NDArray[np.bool_]:
    """Which pairs lie nearly as edits do, if what is beyond the other picture should turn out to be a filling."""
    alone, if_filled = edits_lie(place, slack=slack)
    return alone | if_filled


def _moved(place: Place) -> NDArray[np.float32]:
    """How far from where they were, in half sides, pairs lie that are the same but for a mirror."""
    upright = np.where(is_mirrored(place)[:, None, None], MIRROR, UPRIGHT)
    farthest: NDArray[np.float32] = np.abs(place - upright).max(axis=(1, 2))
    return farthest
