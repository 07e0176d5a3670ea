"""How one picture lies over another: a stretch, a turn and a shift, and what a copy's may be.

A place is float32 [P, 2, 3]: where in the left picture, (across, down) from -1 to 1, lies what is at (across, down, 1)
of the right one. A picture that is squashed to a square and was turned before that has another turn than the square, so
the shape of the picture, its width by its height, is part of what a place tells.

Legend: P pairs.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

Place = NDArray[np.float32]  # [P, 2, 3]
Numbers = NDArray[np.float64]  # [P]
UPRIGHT: Final = np.array([[1, 0, 0], [0, 1, 0]], np.float32)
MIRROR: Final = np.array([[-1, 0, 0], [0, 1, 0]], np.float32)
WIDEST: Final = 2.0  # width by height of a picture, or height by width
FLAT: Final = 0.02  # of a stretch; less says nothing of the shape
OUTSIDE: Final = 0.07  # half sides; more is another part of one scene and no crop, unless what is beyond was filled in
# Of pictures that were turned the middle stays and every length changes alike; a thing that was turned before the
# camera does neither to that degree.
CENTRED, STRAIN = 0.035, 0.05  # half sides, share of the zoom
STRETCHED: Final = 0.15  # share of the zoom; where a picture is level, its axes may have been stretched apart
SLANT, QUARTER = 0.05, 45.0  # share of a length, degrees; more is not level


def edits_lie(place: Place, *, slack: float = 1) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Whether edits of one picture lie so, and whether they do where what is beyond the other picture was filled in.

    `slack` is how many times as far from that they may be.
    """
    _, strain = turn_and_strain(place)
    crop = is_level(place, slack=slack) & (outside(place) <= OUTSIDE * slack) & (strain <= STRETCHED * slack)
    turned = (offset(place) <= CENTRED * slack) & (strain <= STRAIN * slack)
    return crop | turned, strain <= STRAIN * slack


def inverse(place: Place) -> Place:
    """Where in the right picture lies what is at a place of the left one."""
    turn = np.linalg.inv(place[:, :, :2])
    return np.concatenate([turn, -(turn @ place[:, :, 2:])], axis=2).astype(np.float32, copy=False)


def is_mirrored(place: Place) -> NDArray[np.bool_]:
    """Whether left and right are exchanged."""
    mirrored: NDArray[np.bool_] = np.linalg.det(place[:, :, :2]) < 0
    return mirrored


def is_level(place: Place, *, slack: float = 1) -> NDArray[np.bool_]:
    """Whether lines that go across or down in one picture do so in the other, mirrored or upside down or not."""
    degrees, _ = turn_and_strain(place)
    level: NDArray[np.bool_] = (slant(place) <= SLANT * slack) & (np.abs((degrees + 90) % 180 - 90) < QUARTER)
    return level


def turn_and_strain(place: Place) -> tuple[Numbers, Numbers]:
    """By how many degrees a picture is turned, -180 to 180, and how far from a mere turn and zoom its place is.

    A turn by t of a picture that is a times as wide as high is [[cos t, -sin t / a], [a sin t, cos t]] in the square:
    what it is short of that, for the best a, is the strain, as a share of the zoom.
    """
    turn = place[:, :, :2].astype(np.float64)
    turn[is_mirrored(place), 0] *= -1
    across, slanted, sloped, down = turn.reshape(-1, 4).T
    zoom = np.sqrt(np.maximum(np.abs(np.linalg.det(turn)), 1e-9))
    shape = shape_of(place)
    one, other = -slanted * shape, sloped / shape
    strain = np.hypot((across - down) / 2, (one - other) / 2) / zoom
    return np.degrees(np.arctan2((one + other) / 2, (across + down) / 2)), strain


def shape_of(place: Place) -> Numbers:
    """The width by the height that pictures must have for a place to be a mere turn and zoom; 1 of those not turned."""
    slanted, sloped = np.abs(place[:, 0, 1].astype(np.float64)), np.abs(place[:, 1, 0].astype(np.float64))
    shape: Numbers = np.sqrt(np.maximum(sloped, FLAT) / np.maximum(slanted, FLAT)).clip(1 / WIDEST, WIDEST)
    return shape


def slant(place: Place) -> Numbers:
    """How far lines that go across in one picture slope in the other, or stand, as a share of their length."""
    turn = np.abs(place[:, :, :2]).reshape(-1, 4).astype(np.float64)
    along, aside = turn[:, [0, 3]], turn[:, [1, 2]]
    slopes = (one.max(axis=1) / np.maximum(other.min(axis=1), FLAT) for one, other in ((aside, along), (along, aside)))
    found: Numbers = np.minimum(*slopes)
    return found


def offset(place: Place) -> Numbers:
    """How far the middle of one picture lies from that of the other, in half sides, along the axis where it is more."""
    found: Numbers = np.abs(place[:, :, 2]).max(axis=1).astype(np.float64)
    return found


def outside(place: Place) -> Numbers:
    """How far the smaller frame sticks out of the larger, in half sides; 0 or less where one is a crop of the other."""
    corners = np.array([[across, down, 1] for across in (-1, 1) for down in (-1, 1)], np.float32).T
    reach = [np.abs(each @ corners).max(axis=(1, 2)) - 1 for each in (place, inverse(place))]
    result: Numbers = np.minimum(*reach).astype(np.float64)
    return result
