"""How much memory one picture may take while it is decoded, told from its header before anything is reserved.

Legend: H W height and width by the header.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Mapping
from typing import Final

from tellapart.errors import PictureError

MEMORY_LIMIT: Final = 768_000_000  # bytes
LONGEST: Final = 65_535  # pixels a side: a resize holds a row of the longer side for each row that comes out
LARGE: Final = 64_000_000  # bytes; pictures that take more are decoded one at a time

# What Pillow keeps of a pixel, by mode; what is not named takes four bytes.
_KEPT: Final[Mapping[str, int]] = {
    **dict.fromkeys(("1", "L", "P"), 1),
    **dict.fromkeys(("I;16", "I;16L", "I;16B", "I;16N"), 2),
}
# What a decoder needs for a pixel besides, by format: whole planes, strips as large as the picture, coefficients.
_WORKED_WITH: Final[Mapping[str, int]] = {
    "AVIF": 12,
    "HEIF": 12,
    "JPEG": 9,
    "JPEG2000": 24,
    "TIFF": 4,
    "TIFF, YCbCr": 8,  # which libtiff makes RGBA of, a second strip
    "WEBP": 16,
}
_ONE_AT_A_TIME: Final = threading.RLock()  # what is inside a picture may ask again


def bytes_to_decode(width: int, height: int, *, mode: str, file_format: str | None) -> int:
    """The most bytes that Pillow takes for the pixels of a picture and for the work of decoding them."""
    return width * height * (_KEPT.get(mode, 4) + _WORKED_WITH.get(file_format or "", 0))


@contextlib.contextmanager
def memory_for(size: int, *, width: int, height: int) -> Iterator[None]:
    """Go on where a picture may take size bytes, else raise PictureError; large ones wait for one another."""
    check_memory(size, width=width, height=height)
    with _ONE_AT_A_TIME if size > LARGE else contextlib.nullcontext():
        yield


def check_memory(size: int, *, width: int, height: int) -> None:
    """Refuse a picture that would take size bytes to decode where that is more than MEMORY_LIMIT, or is very long.

    Raises:
        PictureError: it would, or it is.
    """
    if max(width, height) > LONGEST:
        raise PictureError(f"{width} x {height} pixels, a side of more than {LONGEST:,}; save it in parts")
    if size > MEMORY_LIMIT:
        raise PictureError(
            f"{width} x {height} pixels would take {size / 1e6:,.0f} MB to decode, more than {MEMORY_LIMIT / 1e6:,.0f}"
        )
