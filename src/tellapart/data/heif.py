"""HEIC and its relatives, by way of the extra `heif`."""

from __future__ import annotations

import contextlib
import struct
from typing import Final

from PIL import Image

from tellapart.data.duration import check_duration, seconds_to_decode
from tellapart.data.formats import HEIF_MISSING
from tellapart.data.media_boxes import read_items
from tellapart.data.memory import bytes_to_decode, memory_for
from tellapart.errors import PictureError

_MAJOR: Final = frozenset({b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis"})
_CONTAINERS: Final = frozenset({b"mif1", b"msf1"})  # these say what is inside only among the compatible brands


def is_heif(content: bytes) -> bool:
    """Whether a file is HEIC by its brands (AVIF, which has the same container, is not)."""
    if content[4:8] != b"ftyp":
        return False
    major = content[8:12]
    if major not in _CONTAINERS:
        return major in _MAJOR
    end = min(int.from_bytes(content[:4], "big"), 256)
    brands = {content[place : place + 4] for place in range(16, end, 4)}
    return bool(brands & _MAJOR) and not brands & {b"avif", b"avis"}


def decode_heif(content: bytes) -> tuple[Image.Image, int, tuple[str, ...]]:
    """The main picture of a file, upright already (its EXIF orientation only repeats what the file itself says).

    With it the bits of one value in the file, and what else is to be told. More than 8 bits come as 16 in grey, and
    scaled to 8 in colour. A damaged file raises whatever the decoder says of it.

    Raises:
        PictureError: the extra is not installed, or the picture would take too much memory.
    """
    try:
        import pillow_heif
    except ImportError as error:
        raise PictureError(HEIF_MISSING) from error
    _check_parts(content)
    file = pillow_heif.open_heif(content)
    main = file[file.primary_index]
    (width, height), depth = main.size, main.info.get("bit_depth", 8)
    needed = bytes_to_decode(width, height, mode=main.mode, file_format="HEIF")
    seconds = seconds_to_decode(width, height, file_format="HEIF", bands=3, bits=8, length=len(content))
    with memory_for(needed, width=width, height=height):
        check_duration(seconds, width=width, height=height, kind="HEIC")
        image = main.to_pillow()
    return image, depth, ("main picture of several",) if len(file) > 1 else ()


def _check_parts(content: bytes) -> None:
    """Refuse parts that are too many. libheif itself sees to it that the HEVC in one is no larger than its box says."""
    with contextlib.suppress(struct.error, IndexError):  # it ends in the midst of a box: the decoder says so
        read_items(content)
