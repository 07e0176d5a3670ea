"""Find the pictures that show the same: equal files, equal pixels, and edits of each other.

Edits are first suspected and then confirmed. Suspects are each picture's nearest in what the base saw, in a few pixels
of luminance, of which the mirror image is tried too, and in what no turn changes. Where parts of a pair are alike (see
`windows`), or rings about the middle at some turn (see `turned`), one miniature is laid over the other there (see
`register`). A pair whose miniatures fit as they are is confirmed; of one that was moved, or fits less well, both
pictures are decoded once more, at a few times the pixels if they have them, and laid over each other again (see
`closer`).

The limits were chosen on the train and valid splits of cats_vs_dogs_small, trashnet and neu_surface and edits of them;
docs/log.md has the figures.

Legend: N pictures, P pairs, d coordinates.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from tellapart.cores import thread_count
from tellapart.data.rgb import LUMA
from tellapart.duplicates.closer import look_closer
from tellapart.duplicates.groups import DuplicateGroup, DuplicatePair, connect, equal_pairs
from tellapart.duplicates.measure import Likeness
from tellapart.duplicates.miniature import blurred
from tellapart.duplicates.naming import named_alike
from tellapart.duplicates.neighbours import Points, RowNumbers, near_rows, principal, unit
from tellapart.duplicates.placement import MIRROR, UPRIGHT, Place, edits_lie, is_mirrored
from tellapart.duplicates.register import SLACK, joined, likeness
from tellapart.duplicates.turned import NOT_ZOOMED, SHAPES, ZOOMED, spectrum, turned
from tellapart.duplicates.windows import shifted
from tellapart.features.embed import Embedded
from tellapart.progress import Progress, Silent
from tellapart.text import counted
from tellapart.types import Depth, Features, Index, Picture

WIDTH: Final = 96  # coordinates that features are compared in
MOST_SEEN, MOST = 6, 4  # others of each picture that are suspected, by what the base saw and by small luminance
LEAST_SEEN: Final = 0.4  # cosine of what the base saw, less its mean
LEAST_ALIKE: Final = 0.9  # correlation of small luminance, where it alone suspects
MOST_TURNED, LEAST_TURNED = 3, 0.55  # others that are suspected by what no turn changes of one shape, and their cosine
STARTS: Final = 2  # ways to lie over each other that are tried of a pair, by windows and by rings
LEAST_SCREENED: Final = 0.78  # correlation of windows or rings, of those that are laid over each other
LEAST_SHRUNK: Final = 0.6  # of what that leaves unexplained; windows are off by a pixel, however alike a pair is
GRAIN: Final = 8  # pixels a side of the small luminance
SHIFT: Final = 0.7  # pixels that it is blurred by
WHOLE, DETAIL = 0.8, 0.85  # shares that must be explained
COVER: Final = 0.34  # share of a picture that must lie over the other
# Where more than this many pictures are alike in small luminance (digits, parts before one camera), some come close by
# chance, the closer the more there are; what may be left unexplained shrinks in the same measure.
CROWD, MOST_ALIKE = 10, 130
# Pairs of which less of the miniatures' detail is explained may still be edits: that is told by a closer look, in which
# more must be. A crowd asks for more here too, but for no more than this share of what may be left.
HOPEFUL, CLOSE, LEAST_CLOSE = 0.6, 0.92, 0.5
MOST_CLOSER: Final = 2000  # pairs; a quarter of a minute
ENERGY: Final = 1.0  # squared grey levels; with less detail than that everything looks alike
# What was moved by more than so many half sides must change along its lines too: stripes lie over any other stripes.
# Where that is less than PLENTY of the change, the share that is left unexplained must be less than ALONG of it.
STILL, LEAST_ACROSS, PLENTY, ALONG = 0.02, 0.02, 0.07, 0.75
MOST_CONFIRMED: Final = 100_000  # pairs; about half a minute
HALF: Final = np.float32(0.5)
STEP: Final = 4096  # pairs between two signs of progress


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
    place = np.full(len(embedded.digests), -1)
    place[rows] = np.arange(len(rows))
    named = place[named_alike([picture.path for picture in embedded.index.pictures])]
    named = named[(named >= 0).all(axis=1)]
    # Pairs are dealt to threads: a second one behind each of their many small products would only wait for the others.
    with threadpool_limits(limits=1, user_api="blas"):
        edits = list(_edits(embedded, rows=rows, columns=columns, named=named, progress=progress))
    groups = connect([*pairs, *edits])
    _say_named(rows[named], groups, embedded.index.pictures, progress=progress)
    return groups


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
class _Tried:
    """Pairs that are to be laid over each other."""

    pairs: RowNumbers  # [P, 2], places in the rows that are compared
    start: Place  # about where they lie
    alike: NDArray[np.float32]  # [P], how alike they are there
    coarse: bool  # whether that is no closer than a pixel or two


def _edits(
    embedded: Embedded, *, rows: RowNumbers, columns: slice, named: RowNumbers, progress: Progress
) -> Iterator[DuplicatePair]:
    """Pairs of the given rows that are edits of each other; `named` [P, 2] are suspected by their names."""
    miniatures = embedded.miniatures
    suspects, turning, crowd = _suspects(embedded.features, miniatures, rows=rows, columns=columns)
    suspects = np.unique(np.concatenate([suspects, named]), axis=0)
    tried = _most_alike(list(_tried(miniatures, rows, suspects, turning, crowd)), progress=progress)
    laid = [_laid(miniatures, np.empty((0, 2), np.int64), tried[0].start[:0], np.ones(0), coarse=True)]
    progress.start("Comparing pictures", total=sum(len(each.alike) for each in tried), unit="pairs")
    for each in tried:
        before = np.concatenate([some.pairs[some.certain] for some in laid])
        for start in range(0, len(each.alike), STEP):
            pairs = each.pairs[start : start + STEP]
            # What lies over each other as it is needs no turn.
            new = np.full(len(pairs), True) if each.coarse else ~_within(rows[pairs], before)
            allowed = _allowed(crowd, pairs[new])
            laid.append(
                _laid(miniatures, rows[pairs[new]], each.start[start : start + STEP][new], allowed, coarse=each.coarse)
            )
            progress.advance(len(pairs))
    progress.finish()
    yield from _told(embedded.index, joined(laid), progress=progress)


def _within(pairs: RowNumbers, known: RowNumbers) -> NDArray[np.bool_]:
    """Which of the pairs [P, 2] are among others."""
    most = int(max(pairs.max(initial=0), known.max(initial=0))) + 1
    among: NDArray[np.bool_] = np.isin(pairs @ [most, 1], known @ [most, 1])
    return among


@dataclass(frozen=True, slots=True, kw_only=True)
class _Laid:
    """Pairs of rows [P, 2] that may be edits of each other, by their miniatures."""

    pairs: RowNumbers
    place: Place
    detail: NDArray[np.float32]
    filled: NDArray[np.bool_]
    share: NDArray[np.float64]  # of what may be left unexplained elsewhere, in a closer look
    fits: NDArray[np.bool_]  # whether one miniature lies over the other as an edit does
    certain: NDArray[np.bool_]  # whether, beside that, nothing was moved: chance does not do that


def _laid(
    miniatures: NDArray[np.uint8], pairs: RowNumbers, start: Place, allowed: NDArray[np.float64], *, coarse: bool
) -> _Laid:
    """Those of the pairs of rows of which one miniature lies over the other nearly as an edit does."""
    needed = 1 - (1 - HOPEFUL) * np.maximum(allowed, LEAST_CLOSE)
    least = 1 - (1 - DETAIL) * allowed
    found = likeness(miniatures, pairs, start, coarse=coarse, least=np.minimum(least, needed))
    fits = _fits(found, needed=least)
    hopeful = fits | (_lies(found.place, slack=SLACK) & (found.detail >= needed))
    kept = np.flatnonzero(hopeful & (found.energy >= ENERGY))
    place = found.place[kept]
    certain = fits[kept] & (_moved(place) <= STILL)
    filled, detail, share = found.filled[kept], found.detail[kept], np.maximum(allowed[kept], LEAST_CLOSE)
    return _Laid(
        pairs=pairs[kept], place=place, detail=detail, filled=filled, share=share, fits=fits[kept], certain=certain
    )


def _told(index: Index, laid: _Laid, *, progress: Progress) -> Iterator[DuplicatePair]:
    """The pairs that are edits: those that are certain, and those that a closer look confirms."""
    order = np.lexsort((-laid.detail, ~laid.fits, laid.pairs[:, 1], laid.pairs[:, 0]))
    order = order[np.append(True, (np.diff(laid.pairs[order], axis=0) != 0).any(axis=1))[: len(order)]]  # the best
    told, similarity, place = laid.fits[order], laid.detail[order], laid.place[order]
    doubtful = np.flatnonzero(~laid.certain[order])
    doubtful, rest = np.split(doubtful[np.argsort(-similarity[doubtful], kind="stable")], [MOST_CLOSER])
    needed = 1 - (1 - CLOSE) * laid.share[order]
    closer = look_closer(index, laid.pairs[order[doubtful]], place[doubtful], least=needed[doubtful], progress=progress)
    if len(rest) and len(closer.places):
        many = "more pairs of pictures that may show the same were"
        left = counted(len(rest), "more pair of pictures that may show the same was", many)
        progress.note(f"{left} judged without a closer look: at most {MOST_CLOSER:,} are given one.")
    seen = doubtful[closer.places]
    found = replace(closer.likeness, filled=closer.likeness.filled | laid.filled[order[seen]])
    told[seen] = _fits(found, needed=needed[seen])
    similarity[seen], place[seen] = found.detail, found.place
    mirrored = is_mirrored(place)
    for number in np.flatnonzero(told).tolist():
        first, second = laid.pairs[order[number]].tolist()
        alike = round(float(similarity[number]), 4)
        yield DuplicatePair(first=first, second=second, kind="near", similarity=alike, mirrored=bool(mirrored[number]))


def _most_alike(tried: Sequence[_Tried], *, progress: Progress) -> list[_Tried]:
    """The MOST_CONFIRMED pairs that are most alike anywhere, with a note where there are more."""
    alike = np.concatenate([each.alike for each in tried])
    _, pair = np.unique(np.concatenate([each.pairs for each in tried]), axis=0, return_inverse=True)
    most = np.zeros(pair.max(initial=-1) + 1, np.float32)
    np.maximum.at(most, pair.ravel(), alike)
    if len(most) <= MOST_CONFIRMED:
        return list(tried)
    left_out, many = len(most) - MOST_CONFIRMED, "pairs of pictures that may show the same were"
    progress.note(
        f"{counted(left_out, 'pair of pictures that may show the same was', many)} not compared: "
        f"there are more than {MOST_CONFIRMED:,} of them."
    )
    kept = np.isin(pair.ravel(), np.argsort(-most, kind="stable")[:MOST_CONFIRMED])
    ends = np.cumsum([len(each.alike) for each in tried])[:-1]
    return [
        replace(each, pairs=each.pairs[some], start=each.start[some], alike=each.alike[some])
        for each, some in zip(tried, np.split(kept, ends), strict=True)
    ]


def _suspects(
    features: Features, miniatures: NDArray[np.uint8], *, rows: RowNumbers, columns: slice
) -> tuple[RowNumbers, dict[float, RowNumbers], NDArray[np.int64]]:
    """Pairs [P, 2] of places in rows held for alike; by shape, for alike but turned; and how many each is like [n]."""
    if len(rows) < 2:
        return np.empty((0, 2), np.int64), {}, np.zeros(len(rows), np.int64)
    seen, _ = near_rows(principal(features[:, columns], rows=rows, width=WIDTH), most=MOST_SEEN, least=LEAST_SEEN)
    even, odd = _halves(miniatures, rows)
    alike, crowd = near_rows(even, odd, most=MOST, least=LEAST_ALIKE)
    suspects = np.unique(np.concatenate([seen, alike]), axis=0)
    suspects = suspects[
        (_alike_as_they_are(even, odd, suspects) >= _screened(crowd, suspects)) | ~_crowded(crowd, suspects)
    ]
    turning = {}
    for shape in SHAPES:
        pairs, _ = near_rows(spectrum(miniatures, rows, shape=shape), most=MOST_TURNED, least=LEAST_TURNED)
        turning[shape] = pairs[~_crowded(crowd, pairs)]
    return suspects, turning, crowd


def _alike_as_they_are(even: Points, odd: Points, pairs: RowNumbers) -> NDArray[np.float32]:
    """How alike the small luminances of pairs [P, 2] are, or one and the mirror image of the other."""
    alike = np.empty(len(pairs), np.float32)
    for start in range(0, len(pairs), STEP):
        one, other = pairs[start : start + STEP].T
        alike[start : start + STEP] = np.einsum("pd,pd->p", even[one], even[other]) + np.abs(
            np.einsum("pd,pd->p", odd[one], odd[other])
        )
    return alike


def _allowed(crowd: NDArray[np.int64], pairs: RowNumbers) -> NDArray[np.float64]:
    """The share of what may be left unexplained elsewhere that may be in pairs [P, 2]."""
    share: NDArray[np.float64] = 1 / np.maximum(1, crowd[pairs].max(axis=1, initial=0) / CROWD)
    return share


def _crowded(crowd: NDArray[np.int64], pairs: RowNumbers) -> NDArray[np.bool_]:
    """Whether so much is like one of the pairs [P, 2] that only what lies over each other as it is can be told."""
    crowded: NDArray[np.bool_] = crowd[pairs].max(axis=1, initial=0) > MOST_ALIKE
    return crowded


_Look = Callable[..., tuple[NDArray[np.float32], Place]]


def _tried(
    miniatures: NDArray[np.uint8],
    rows: RowNumbers,
    suspects: RowNumbers,
    turning: Mapping[float, RowNumbers],
    crowd: NDArray[np.int64],
) -> Iterator[_Tried]:
    """Those of the suspects [P, 2] of which windows or rings are alike, and where."""
    looks: list[tuple[_Look, RowNumbers, bool]] = [
        (shifted, suspects, True),
        (partial(turned, shape=1.0, zooms=ZOOMED), suspects, False),
    ]
    looks += [(partial(turned, shape=shape, zooms=NOT_ZOOMED), pairs, False) for shape, pairs in turning.items()]

    def taken(asked: tuple[_Look, RowNumbers, bool]) -> tuple[RowNumbers, NDArray[np.float32], Place]:
        look, pairs, mirrored = asked
        return pairs, *look(miniatures, rows[pairs], mirrored=mirrored)

    for coarse in (True, False):
        asked = [(look, pairs, way) for look, pairs, off in looks if off is coarse for way in (False, True)]
        with ThreadPoolExecutor(thread_count()) as pool:
            found = list(pool.map(taken, asked))
        pairs, alike, start = (np.concatenate(each) for each in zip(*found, strict=True))
        kept = np.flatnonzero(alike >= _screened(crowd, pairs))
        kept = kept[_best_of_each(pairs[kept], alike[kept])]
        yield _Tried(pairs=pairs[kept], start=start[kept], alike=alike[kept], coarse=coarse)


def _screened(crowd: NDArray[np.int64], pairs: RowNumbers) -> NDArray[np.float64]:
    """How alike windows or rings of pairs [P, 2] must be, for them to be laid over each other."""
    allowed = np.maximum(_allowed(crowd, pairs), np.where(_crowded(crowd, pairs), 0, LEAST_SHRUNK))
    least: NDArray[np.float64] = 1 - (1 - LEAST_SCREENED) * allowed
    return least


def _best_of_each(pairs: RowNumbers, alike: NDArray[np.float32]) -> RowNumbers:
    """The places of the STARTS most alike of each of the pairs [P, 2], pair by pair."""
    order = np.lexsort((-alike, pairs[:, 1], pairs[:, 0]))
    ordered = pairs[order]
    same = np.zeros(len(order), np.bool_)
    same[STARTS:] = (ordered[STARTS:] == ordered[:-STARTS]).all(axis=1)
    best: RowNumbers = order[~same]
    return best


def _halves(miniatures: NDArray[np.uint8], rows: RowNumbers) -> tuple[Points, Points]:
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
