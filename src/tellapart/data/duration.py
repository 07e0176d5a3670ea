"""How long decoding a picture may take, told from its header before it is begun.

The rates are those of pictures of noise, the slowest there are of their size and length (docs/log.md).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from tellapart.errors import PictureError

SECONDS: Final = 4.5  # what a picture costs altogether stays below 5

# Nanoseconds for a pixel and for a byte of the file.
_RATES: Final[Mapping[str, tuple[float, float]]] = {
    "AVIF": (25.0, 80.0),
    "GIF": (7.0, 2.0),
    "HEIF": (25.0, 80.0),
    "JPEG2000": (40.0, 150.0),
    "PCX": (4.0, 3.0),
    "WEBP": (40.0, 20.0),
}
_OF_A_BAND: Final = 6.0  # nanoseconds for a byte of pixels, whatever the file is
_DEEP: Final = 2  # a 16-bit value is two bytes where a decoder has to undo filters


def seconds_to_decode(width: int, height: int, *, file_format: str, bands: int, bits: int, length: int) -> float:
    """The most seconds that a decoder takes for a picture of some bands in a file of some bytes."""
    pixel, byte = _RATES.get(file_format, (0.0, 0.0))
    of_bands = 2.0 + _OF_A_BAND * bands * (_DEEP if bits > 8 else max(bits, 1) / 8)
    return 1e-9 * (width * height * max(pixel, of_bands) + length * byte)


def check_duration(seconds: float, *, width: int, height: int, kind: str) -> None:
    """Refuse a picture that may take more than so many seconds to decode.

    Raises:
        PictureError: it may.
    """
    if seconds > SECONDS:
        raise PictureError(
            f"{kind} of {width} x {height} pixels, which may take {seconds:,.0f} s to decode; save it smaller"
        )
