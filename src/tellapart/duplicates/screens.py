"""Where suspected pairs could lie over each other, and which of them are alike enough there to be laid so.

Legend: N pictures, n of them that are compared, P pairs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tellapart.duplicates.miniature import Vector
from tellapart.duplicates.neighbours import RowNumbers
from tellapart.duplicates.placement import Place
from tellapart.duplicates.shown import PairsShown
from tellapart.duplicates.suspects import Suspects
from tellapart.duplicates.turned import NOT_ZOOMED, ZOOMED, turned
from tellapart.duplicates.windows import shifted
from tellapart.text import counted
from tellapart.workers.pool import Workers

STARTS: Final = 2  # ways to lie over each other that are tried of a pair, by windows and by rings
STEP: Final = 8192  # pairs whose windows or rings are made at once
Look = Callable[[PairsShown], tuple[tuple[Vector, Place], ...]]  # how alike pairs are and where, upright and mirrored


@dataclass(frozen=True, slots=True, kw_only=True)
class Hopeful:
    """Pairs that are to be laid over each other."""

    pairs: RowNumbers  # [P, 2], places in the rows that are compared
    start: Place  # about where they lie
    alike: NDArray[np.float32]  # [P], how alike they are there
    coarse: bool  # whether that is no closer than a pixel or two


@dataclass(frozen=True, slots=True, kw_only=True)
class Screening:
    """Pairs of which is asked where they are alike."""

    look: Look
    shown: PairsShown
    least: NDArray[np.float64]  # [P], how alike they must be for that to be told

    def told(self) -> str:
        """What is done with them, for people."""
        return f"comparing parts of {counted(len(self.least), 'pair')} of pictures"


@dataclass(frozen=True, slots=True, kw_only=True)
class Passed:
    """Those that are alike enough."""

    places: RowNumbers  # which, of those that were asked about; a pair that is so upright and mirrored twice
    alike: Vector
    start: Place


def try_pairs(
    miniatures: NDArray[np.uint8], rows: RowNumbers, suspects: Suspects, *, workers: Workers
) -> Iterator[Hopeful]:
    """Those of the suspects among rows [n] of miniatures uint8 [N, s, s, 3] of which windows or rings are alike."""
    looks: list[tuple[Look, RowNumbers, bool]] = [
        (shifted, suspects.pairs, True),
        (partial(turned, shape=1.0, zooms=ZOOMED), suspects.pairs, False),
    ]
    looks += [
        (partial(turned, shape=shape, zooms=NOT_ZOOMED), pairs, False) for shape, pairs in suspects.turning.items()
    ]
    for coarse in (True, False):
        asked = [
            (look, pairs[start : start + STEP])
            for look, pairs, off in looks
            if off is coarse
            for start in range(0, len(pairs), STEP)
        ]
        pieces = (
            Screening(look=look, shown=PairsShown.of(miniatures, rows[pairs]), least=suspects.crowd.least_alike(pairs))
            for look, pairs in asked
        )
        passed = [
            Hopeful(pairs=pairs[some.places], start=some.start, alike=some.alike, coarse=coarse)
            for (_, pairs), some in zip(asked, workers.map(screened, pieces, told=Screening.told), strict=True)
        ]
        yield _best_of_each(passed, coarse=coarse)


def screened(asked: Screening) -> Passed:
    """Look at some pairs, upright and mirrored."""
    ways = asked.look(asked.shown)
    enough = [np.flatnonzero(alike >= asked.least) for alike, _ in ways]
    both = list(zip(ways, enough, strict=True))
    return Passed(
        places=np.concatenate(enough),
        alike=np.concatenate([alike[some] for (alike, _), some in both]),
        start=np.concatenate([start[some] for (_, start), some in both]),
    )


def _best_of_each(tried: Sequence[Hopeful], *, coarse: bool) -> Hopeful:
    """The STARTS most alike of each pair, pair by pair."""
    pairs = np.concatenate([np.empty((0, 2), np.int64), *(each.pairs for each in tried)])
    start = np.concatenate([np.empty((0, 2, 3), np.float32), *(each.start for each in tried)])
    alike = np.concatenate([np.empty(0, np.float32), *(each.alike for each in tried)])
    order = np.lexsort((-alike, pairs[:, 1], pairs[:, 0]))
    ordered = pairs[order]
    same = np.zeros(len(order), np.bool_)
    same[STARTS:] = (ordered[STARTS:] == ordered[:-STARTS]).all(axis=1)
    best = order[~same]
    return Hopeful(pairs=pairs[best], start=start[best], alike=alike[best], coarse=coarse)
