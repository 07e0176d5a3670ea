"""A heat map laid over its picture.

Legend: H W of the picture as it is shown, h w of the map.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tellapart.explain.colours import evidence_colours, grey_levels
from tellapart.explain.heat_map import HeatMap
from tellapart.types import Pixels

STRONGEST = 99.0  # percentile of the evidence that gets the full colour: a few hot pixels must not pale the rest


def overlay(pixels: Pixels, heat: HeatMap) -> Pixels:
    """The picture in grey under the colours of the evidence, uint8 [H, W, 3]."""
    height, width = pixels.shape[:2]
    strength = evidence_strength(heat, height=height, width=width)
    return evidence_colours(strength, grey=grey_levels(pixels))


def evidence_strength(heat: HeatMap, *, height: int, width: int) -> NDArray[np.float32]:
    """The evidence of each pixel of the picture, float32 [H, W], from -1 to 1 of `evidence_limit`."""
    whole = Image.fromarray(heat.evidence).resize((width, height), Image.Resampling.BILINEAR)
    return (np.asarray(whole) / np.float32(evidence_limit(heat))).clip(-1, 1)


def evidence_limit(heat: HeatMap) -> float:
    """The evidence that gets the full colour, above 0."""
    return max(float(np.percentile(np.abs(heat.evidence), STRONGEST)), float(np.finfo(np.float32).tiny))


def strongest_evidence(heat: HeatMap) -> float:
    """The evidence of the place that has most, with its sign: for the class above 0, against it below."""
    places = heat.evidence.ravel()
    return float(places[np.abs(places).argmax()])
