"""How a picture could be turned against another about its middle, and zoomed, whatever fills its corners.

Luminance on rings about the middle moves along the rings where a picture is turned, so what their Fourier coefficients
are in absolute value stays, mirrored or not: that finds suspects. The turn is where the rings of a pair correlate most
(as in the Fourier-Mellin transform of Reddy and Chatterji, 1996, doi:10.1109/83.506761, without its first step).
Pictures are squashed to squares, so rings are circles of a picture of each of some SHAPES.

Legend: N pictures, P pairs, S shapes, Z zooms, R rings, A angles, F frequencies.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, partial
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tellapart.duplicates.miniature import Vector, luminance, weights_at
from tellapart.duplicates.neighbours import Points, unit
from tellapart.duplicates.placement import Place
from tellapart.duplicates.shown import PairsShown, in_slices

ANGLES: Final = 32
KEPT: Final = 9  # frequencies, 0 to 8
RINGS: Final = np.array([0.12, 0.28, 0.44, 0.6, 0.76, 0.92])  # of the largest circle inside the picture
SHAPES: Final = (1.0, 4 / 3, 3 / 4)  # width by height
ZOOMS: Final = (1.0, 1 / 1.2, 1 / 1.44)  # of the part of one picture that the other shows
NOT_ZOOMED: Final = ((0, 0),)  # which of them are compared, of left and right
ZOOMED: Final = (*NOT_ZOOMED, (1, 0), (2, 0), (0, 1), (0, 2))
STEP, PART = 8192, 512  # pictures whose rings are sampled at once, and rings or pairs that are gone through at once
Spectra = NDArray[np.complex64]  # [N, R, F]


def spectrum(miniatures: NDArray[np.uint8], rows: NDArray[np.int64], *, shape: float) -> Points:
    """What no turn changes [n, R * F] in some rows, less its mean, each column alike wide, of length 1."""
    found = np.empty((len(rows), len(RINGS) * KEPT), np.float32)

    def fill(some: slice) -> None:
        rings = _rings(luminance(miniatures[rows[some]]), shape=shape, zoom=1.0)
        absolute = np.abs(rings)
        absolute[:, :, 0] = rings[:, :, 0].real  # the mean of a ring has a sign
        found[some] = unit(absolute.reshape(len(rings), found.shape[1]))

    in_slices(fill, count=len(rows), size=STEP)
    found -= found.mean(axis=0) if len(found) else 0
    return unit(found / (found.std(axis=0) + 1e-3) if len(found) else found)


def turned(shown: PairsShown, *, shape: float, zooms: Sequence[tuple[int, int]]) -> tuple[tuple[Vector, Place], ...]:
    """How alike rings of pairs are at the best turn, -1 to 1, and the place that follows: upright, and mirrored."""
    seen = luminance(shown.pictures)
    rings = [_rings(seen, shape=shape, zoom=zoom) for zoom in (ZOOMS if len(zooms) > 1 else ZOOMS[:1])]

    def best_of(some: slice, *, mirrored: bool) -> tuple[Vector, Place]:
        first, second = shown.pairs[some].T
        best = np.full(len(first), -1, np.float32)
        place = np.zeros((len(first), 2, 3), np.float32)
        for one, other in zooms:
            alike, angle = _best_turn(rings[one][first], rings[other][second], mirrored=mirrored)
            lies = _place(angle, zoom=ZOOMS[one] / ZOOMS[other], shape=shape, mirrored=mirrored)
            better = alike > best
            best[better], place[better] = alike[better], lies[better]
        return best, place

    ways = (
        zip(*in_slices(partial(best_of, mirrored=mirrored), count=len(shown.pairs), size=PART), strict=True)
        for mirrored in (False, True)
    )
    return tuple((np.concatenate(alike), np.concatenate(place)) for alike, place in ways)


def _best_turn(left: Spectra, right: Spectra, *, mirrored: bool) -> tuple[Vector, NDArray[np.float64]]:
    """The largest correlation [P] of rings over all turns, and that turn in radians: right at 0 is left at it."""
    product = ((np.conj(left) if mirrored else left) * np.conj(right)).sum(axis=1)
    alike = np.fft.irfft(product, ANGLES, axis=1) * ANGLES
    pair, top = np.arange(len(alike)), alike.argmax(axis=1)
    before, at, after = (alike[pair, (top + step) % ANGLES] for step in (-1, 0, 1))
    bend = before - 2 * at + after
    between = np.where(bend < 0, (before - after) / np.where(bend < 0, 2 * bend, 1), 0).clip(-0.5, 0.5)
    return at.astype(np.float32), (top + between) * (2 * np.pi / ANGLES)


def _place(angle: NDArray[np.float64], *, zoom: float, shape: float, mirrored: bool) -> Place:
    """The place [P, 2, 3] of pictures that are turned by that and zoomed."""
    cosine, sine, nothing = zoom * np.cos(angle), zoom * np.sin(angle), np.zeros(len(angle))
    across = np.stack([cosine, -sine / shape, nothing], axis=1)
    down = np.stack([shape * sine, cosine, nothing], axis=1)
    return np.stack([across, -down if mirrored else down], axis=1).astype(np.float32)


def _rings(seen: NDArray[np.float32], *, shape: float, zoom: float) -> Spectra:
    """Fourier coefficients [N, R, F] of luminance [N, s, s] on rings, less its mean and of length 1 together."""
    side = seen.shape[1]
    rings = (seen.reshape(len(seen), side * side) @ _samples(side, shape, zoom)).reshape(len(seen), len(RINGS), ANGLES)
    found = np.empty((len(rings), len(RINGS), KEPT), np.complex64)
    for start in range(0, len(rings), PART):  # what is made on the way is several times as large
        found[start : start + PART] = _coefficients(rings[start : start + PART])
    return found


def _coefficients(rings: NDArray[np.float32]) -> Spectra:
    """Fourier coefficients [N, R, F] of rings [N, R, A], less their mean and of length 1 together."""
    weight = (RINGS / RINGS.sum()).astype(np.float32)
    rings = rings - (rings.mean(axis=2) @ weight)[:, None, None]
    rings *= np.sqrt(weight / ANGLES)[:, None]
    found: Spectra = (np.fft.rfft(rings, axis=2)[:, :, :KEPT] / np.sqrt(ANGLES)).astype(np.complex64)
    twice = np.where(np.arange(KEPT) > 0, 2, 1)  # the other half of the frequencies
    length = np.sqrt((np.square(np.abs(found)) * twice).sum(axis=(1, 2), keepdims=True))
    rings_of_length_1: Spectra = (found / np.maximum(length, 1e-3)).astype(np.complex64)
    return rings_of_length_1


@cache
def _samples(side: int, shape: float, zoom: float) -> NDArray[np.float32]:
    """Weights [side * side, R * A] of a miniature's pixels in what is sampled on the rings."""
    angle, radius = 2 * np.pi * np.arange(ANGLES) / ANGLES, min(shape, 1.0) * zoom * RINGS[:, None]
    across = weights_at((radius * np.cos(angle) / shape).ravel(), side=side)
    down = weights_at((radius * np.sin(angle)).ravel(), side=side)
    both = (down[:, :, None] * across[:, None, :]).reshape(len(across), -1)
    return np.ascontiguousarray(both.T, np.float32)
