"""Findings about what the pixels are like: near-empty, almost black, almost white, blurred."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from tellapart.audit.finding import Finding, Item, found, not_applicable, passed
from tellapart.audit.look import PixelFigures, measure_small
from tellapart.text import counted, percent
from tellapart.types import Picture

FLAT = 5.0  # grey levels of deviation: the noise of a camera, and no more
BLACK = 40.0  # nineteen twentieths of the picture are darker
WHITE = 235.0  # nine tenths of the picture are brighter
SOFT = 0.25  # of the detail that is usual in these pictures; a Gaussian blur of 2 px in 224 leaves less
FEWEST = 10  # pictures that "usual" can be said of
COMMON = 0.1  # of the pictures; what so many have in common is how they are, not a mishap

Measured = Sequence[tuple[Picture, PixelFigures]]


def find_in_pixels(pictures: Sequence[Picture], measures: Sequence[PixelFigures | None]) -> tuple[Finding, ...]:
    """All findings of this family, for N pictures and what was measured of each (None: unreadable)."""
    seen = [(picture, one) for picture, one in zip(pictures, measures, strict=True) if one is not None]
    return (*_find_extremes(seen), _find_blurred(_lit(seen)))


def find_in_miniatures(pictures: Sequence[Picture], miniatures: NDArray[np.uint8]) -> tuple[Finding, ...]:
    """All findings of this family but blur, from pixels uint8 [N, s, s, 3] too small to tell it; () without them."""
    if len(miniatures) != len(pictures):
        return ()
    return _find_extremes(list(zip(pictures, measure_small(miniatures), strict=True)))


def nothing_on_them(miniatures: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Which of N pictures are of one colour, but for the noise of a camera: bool [N], of pixels uint8 [N, s, s, 3].

    Dark pictures are none of them: there may be something on a photograph of the night.
    """
    spread = [block.reshape(-1, 3).std(axis=0).max(initial=0.0) for block in miniatures]
    return np.array(spread) < FLAT


def _lit(seen: Measured) -> Measured:
    """Those on which there is anything at all."""
    return [(picture, one) for picture, one in seen if one.spread >= FLAT]


def _find_extremes(seen: Measured) -> tuple[Finding, ...]:
    lit = _lit(seen)
    return (
        _finding(
            "near-empty",
            seen,
            lambda one: one.spread / FLAT,
            what="next to nothing on them",
            told=lambda one: f"grey levels deviate by {one.spread:.1f}",
        ),
        _finding(
            "dark",
            lit,
            lambda one: one.high / BLACK,
            what="almost nothing but black",
            told=lambda one: f"95 % darker than level {one.high:.0f} of 255",
        ),
        _finding(
            "blown-out",
            lit,
            lambda one: (255.0 - one.low) / (255.0 - WHITE),
            what="almost nothing but white",
            told=lambda one: f"90 % brighter than level {one.low:.0f} of 255",
        ),
    )


def _find_blurred(seen: Measured) -> Finding:
    if len(seen) < FEWEST:
        reason = f"It takes {FEWEST} pictures to tell how sharp is usual; there are {len(seen)}."
        return not_applicable("blurred", "note", reason, facts={"fewest": FEWEST, "pictures": len(seen)})
    usual = float(np.median([one.detail for _, one in seen]))
    return _finding(
        "blurred",
        seen,
        lambda one: one.detail / (SOFT * usual) if usual else 1.0,
        what=f"less than {SOFT:.0%} of the usual detail",
        told=lambda one: f"{percent(one.detail / usual)} of the usual detail",
    )


def _finding(
    code: str,
    seen: Measured,
    badness: Callable[[PixelFigures], float],
    *,
    what: str,
    told: Callable[[PixelFigures], str],
) -> Finding:
    """The pictures whose badness is below 1, the worst first."""
    if not seen:
        return not_applicable(code, "note", "No picture is left to look at.")
    bad = sorted((badness(one), picture.path, one) for picture, one in seen if badness(one) < 1.0)
    if not bad:
        message = f"None of {counted(len(seen), 'picture')} has {what}."
        return passed(code, "note", message, facts={"pictures": len(seen)})
    common = len(bad) > COMMON * len(seen)
    return found(
        code,
        "note" if common else "warning",
        f"{len(bad):,} of {counted(len(seen), 'picture')} {'has' if len(bad) == 1 else 'have'} {what}.",
        facts={"bad": len(bad), "pictures": len(seen)},
        advice="So many are alike in this that it may be how these pictures are."
        if common
        else "Look at them; remove those on which nobody could tell the class.",
        items=[Item(paths=(path,), text=told(one), details={"score": round(score, 4)}) for score, path, one in bad],
    )
