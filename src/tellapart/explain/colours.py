"""The colours of evidence: orange where something speaks for a class, blue where against it, grey where for neither.

Each pixel moves from its own grey towards an orange or a blue, on a straight line in Oklab (Ottosson, 2020). So equal
steps of evidence are equal steps of colour, on every grey, and since both ends have the same lightness and chroma,
neither side looks stronger than the other. Orange and blue stay apart for every common kind of colour blindness: they
differ in blueness, and not only in red and green.

Legend: V any shape of values.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tellapart.data.rgb import LUMA
from tellapart.types import Pixels

LIGHTNESS: Final = 0.6  # of both ends, from 0 black to 1 white
CHROMA: Final = 0.155
ORANGE, BLUE = 50.0, 255.0  # hue angles in degrees
OPAQUE: Final = 0.85  # of the way to the end that the strongest evidence moves a pixel, so that the picture shows below
DARKEST, LIGHTEST = 0.3, 0.9  # lightness that the picture is pressed between, so that colours show on all of it
MIDDLE_GREY: Final = 170  # what a colour bar is drawn on

_LMS: Final = np.array(
    [
        [1.0, 0.3963377774, 0.2158037573],
        [1.0, -0.1055613458, -0.0638541728],
        [1.0, -0.0894841775, -1.2914855480],
    ],
    np.float32,
)
_LINEAR: Final = np.array(
    [
        [4.0767416621, -3.3077115913, 0.2309699292],
        [-1.2684380046, 2.6097574011, -0.3413193965],
        [-0.0041960863, -0.7034186147, 1.7076147010],
    ],
    np.float32,
)


def evidence_colours(strength: NDArray[np.floating[Any]], *, grey: NDArray[np.uint8]) -> Pixels:
    """Colours uint8 [*V, 3] of evidence from -1 (against) to 1 (for) on grey levels uint8 [*V]."""
    below = np.zeros((*grey.shape, 3), np.float32)
    below[..., 0] = _pressed_lightness()[grey]
    share = (OPAQUE * np.abs(strength).clip(0, 1))[..., np.newaxis].astype(np.float32)
    return srgb(below + share * (end_colours(strength) - below))


def end_colours(evidence: NDArray[Any]) -> NDArray[np.float32]:
    """The Oklab colour float32 [*V, 3] that evidence [*V] moves a pixel towards: orange for, blue against."""
    colours: NDArray[np.float32] = np.where((evidence < 0)[..., np.newaxis], _oklab(BLUE), _oklab(ORANGE))
    return colours


def grey_levels(pixels: Pixels) -> NDArray[np.uint8]:
    """Grey levels uint8 [*V] of pixels uint8 [*V, 3]."""
    grey: NDArray[np.uint8] = np.rint(pixels @ LUMA).astype(np.uint8)
    return grey


def srgb(colours: NDArray[np.floating[Any]]) -> NDArray[np.uint8]:
    """Oklab colours [*V, 3] as sRGB uint8 [*V, 3]; what no screen can show is held at the nearest value."""
    linear = ((colours @ _LMS.T) ** 3 @ _LINEAR.T).clip(0, 1)
    encoded = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    shown: NDArray[np.uint8] = np.rint(255 * encoded).astype(np.uint8)
    return shown


def palette() -> dict[str, Any]:
    """All numbers that `evidence_colours` and `grey_levels` work with, for the same in another language; for JSON."""
    return {
        "luma": LUMA.tolist(),
        "lightness": _pressed_lightness().tolist(),
        "for": _oklab(ORANGE).tolist(),
        "against": _oklab(BLUE).tolist(),
        "opaque": OPAQUE,
        "lms": _LMS.tolist(),
        "linear": _LINEAR.tolist(),
    }


@cache
def _pressed_lightness() -> NDArray[np.float32]:
    """The lightness float32 [256] that each grey level is drawn with."""
    encoded = np.arange(256) / 255
    linear = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
    return (DARKEST + (LIGHTEST - DARKEST) * np.cbrt(linear)).astype(np.float32)


def _oklab(hue: float) -> NDArray[np.float32]:
    angle = np.radians(hue)
    return np.array([LIGHTNESS, CHROMA * np.cos(angle), CHROMA * np.sin(angle)], np.float32)
