"""From a PIL picture that a program holds to pixels, as its file would have been read.

Legend: H W height and width.
"""

from __future__ import annotations

import threading
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tellapart.data.decode import pillow_orientation, upright
from tellapart.data.memory import bytes_to_decode, memory_for
from tellapart.data.pillow import check_speed, quiet_pillow
from tellapart.data.rgb import reduced, stored_as, to_rgb
from tellapart.errors import PictureError

AT_LEAST: Final = 2048  # pixels a side: no base is shown more
_NO_FILE: Final = bytes(64)  # what `stored_as` reads of a file's bytes goes into notes alone, and here are none


def pixels_of(image: Image.Image, *, lock: threading.Lock) -> NDArray[np.uint8]:
    """Upright pixels of a PIL picture of any mode: uint8 [H, W, 3], RGB, or [H, W] where it is grey with 8 bit.

    Args:
        image: it may not be loaded yet, and is afterwards.
        lock: held while it is loaded.

    Raises:
        PictureError: it cannot be loaded, is too large, or has no pixels.
    """
    try:
        with quiet_pillow():
            return _pixels_of(image, lock)
    except PictureError:
        raise
    except Exception as error:  # a decoder fed with garbage raises nearly anything, and so does a file that is closed
        reason = "needs more memory than there is" if isinstance(error, MemoryError) else f"{error}"[:120]
        raise PictureError(f"this PIL picture cannot be loaded ({reason})") from error


def _pixels_of(image: Image.Image, lock: threading.Lock) -> NDArray[np.uint8]:
    if 0 in image.size:
        raise PictureError(f"an empty PIL picture, {image.width} x {image.height} pixels")
    check_speed(image)
    needed = bytes_to_decode(image.width, image.height, mode=image.mode, file_format=image.format)
    with memory_for(needed, width=image.width, height=image.height):
        with lock:
            image.load()
        stored, orientation = stored_as(image, _NO_FILE), pillow_orientation(image)
        image = image.convert("LA") if image.mode == "La" else image  # of which Pillow makes nothing else
        is_grey = image.mode == "L" and not image.has_transparency_data
        rgb, _ = to_rgb(reduced(image, stored, at_least=AT_LEAST), stored)
        pixels = upright(np.array(rgb), orientation)
    return np.ascontiguousarray(pixels[..., 0]) if is_grey else pixels
