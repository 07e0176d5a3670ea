"""Small pictures inside a page, so that it needs no file beside it."""

from __future__ import annotations

import base64
import contextlib
import io
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tellapart.data.decode import decode, upright
from tellapart.errors import PictureError
from tellapart.features.embed import picture_content
from tellapart.progress import Progress, Silent
from tellapart.types import Index

SIDE = 144  # pixels of the longer side: about 6 kB
QUALITY = 80


def thumbnails(index: Index, paths: Iterable[str], *, progress: Progress | None = None) -> dict[str, str]:
    """Data URIs of some pictures of the index, by path; what cannot be read has none."""
    progress = progress or Silent()
    wanted = set(paths)
    chosen = [picture for picture in index.pictures if picture.path in wanted]
    progress.start("Drawing small pictures", total=len(chosen), unit="pictures")
    drawn = {}
    for picture in chosen:
        with contextlib.suppress(PictureError):  # the page says so in its place
            drawn[picture.path] = thumbnail(picture_content(index, picture))
        progress.advance()
    progress.finish()
    return drawn


def thumbnail(content: bytes | NDArray[np.uint8]) -> str:
    """One picture, from the bytes of its file or its pixels uint8 [H, W], as a JPEG in a data URI.

    Raises:
        PictureError: it cannot be read.
    """
    if isinstance(content, bytes):
        decoded = decode(content, at_least=SIDE)
        image = Image.fromarray(upright(decoded.pixels, decoded.orientation))
    else:
        image = Image.fromarray(content)
    image.thumbnail((SIDE, SIDE))
    file = io.BytesIO()
    image.convert("RGB").save(file, "JPEG", quality=QUALITY)
    return f"data:image/jpeg;base64,{base64.b64encode(file.getvalue()).decode('ascii')}"
