"""A heat map laid over its picture.

Legend: H W of the picture as it is shown, h w of the map.
"""

from __future__ import annotations

import io
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tellapart.explain.colours import evidence_colours, grey_levels
from tellapart.explain.heat_map import HeatMap
from tellapart.types import Pixels

STRONGEST = 99.0  # percentile of the evidence that gets the full colour: a few hot pixels must not pale the rest

ImageFormat = Literal["PNG", "JPEG", "WEBP"]


def overlay_bytes(
    pixels: Pixels, heat: HeatMap, *, longest: int | None = None, kind: ImageFormat = "WEBP", quality: int = 70
) -> bytes:
    """The overlay as an image file, its longer side at most longest pixels.

    Args:
        pixels: uint8 [H, W, 3], the picture upright, for example `Explanation.pixels`.
        heat: its map.
        longest: the longer side in pixels; None for that of the picture.
        kind: PNG, JPEG or WEBP.
        quality: 1 to 100, for the formats that lose something.
    """
    return image_bytes(overlay(fitted(pixels, longest=longest), heat), kind=kind, quality=quality)


def image_bytes(pixels: Pixels, *, kind: ImageFormat = "WEBP", quality: int = 70) -> bytes:
    """Pixels uint8 [H, W, 3] as an image file."""
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, kind, quality=quality)
    return content.getvalue()


def fitted(pixels: Pixels, *, longest: int | None) -> Pixels:
    """Pixels [H, W, 3] scaled down so that the longer side is at most longest."""
    height, width = pixels.shape[:2]
    if longest is None or max(height, width) <= longest:
        return pixels
    scale = longest / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.LANCZOS))


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
