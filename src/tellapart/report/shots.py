"""Pictures made small enough to stand in the page by the hundred.

Legend: H W height and width, h w of a heat map.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray
from PIL import WebPImagePlugin

from tellapart.data.png import png_bytes
from tellapart.data.thumbnail import small_picture
from tellapart.errors import PictureError
from tellapart.explain.colours import end_colours, srgb
from tellapart.features.content import picture_content
from tellapart.report.evidence import Shot
from tellapart.types import Index, Picture

LONGEST = 192  # pixels of the longer side: sharp in a card on a screen with two pixels a point at half its width
QUALITY = 62
WEBP = WebPImagePlugin.WebPImageFile.format  # of the plugin itself: a name alone has Pillow load all that it knows
# Bytes of the page for all pictures. With the charting library and some thousand rows it stays under 5 MB.
ROOM = 3_600_000
OPAQUE = 0.72  # of the strongest evidence: less than on a sheet of its own, for here the picture is small


def take_shots(
    index: Index, paths: Iterable[str], *, heats: Mapping[str, NDArray[np.int8]], room: int = ROOM
) -> dict[str, Shot]:
    """Small pictures by path, in the order given, for as long as there is room, in bytes of the page.

    What is not in the index or cannot be read is left out. Heat maps are int8 [h, w].
    """
    pictures = {picture.path: picture for picture in index.pictures}
    shots: dict[str, Shot] = {}
    for path in paths:
        shot = take_shot(index, pictures[path], heat=heats.get(path)) if path in pictures else None
        if shot is None:
            continue
        room -= shot.size
        if room < 0:
            break
        shots[path] = shot
    return shots


def take_shot(index: Index, picture: Picture, *, heat: NDArray[np.int8] | None = None) -> Shot | None:
    """One small picture; None where it can no longer be read."""
    try:
        small = small_picture(picture_content(index, picture), longest=LONGEST)
    except PictureError:
        return None
    file = io.BytesIO()
    small.save(file, WEBP, quality=QUALITY, method=2)
    heat_map = None if heat is None else heat_png(heat)
    return Shot(content=file.getvalue(), kind="image/webp", width=small.width, height=small.height, heat=heat_map)


def heat_png(heat: NDArray[np.int8]) -> bytes:
    """A heat map int8 [h, w], -127 (against) to 127 (for), as a PNG to be stretched over its picture.

    The colour says which side, and the transparency how much, so that the picture shows where nothing decided.
    """
    strength = np.abs(heat.astype(np.float32)) / 127
    alpha = np.rint(255 * OPAQUE * strength**1.25).astype(np.uint8)
    return png_bytes(np.dstack([srgb(end_colours(heat)), alpha]), optimize=True)
