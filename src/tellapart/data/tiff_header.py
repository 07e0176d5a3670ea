"""The directories of the first pages of a TIFF file, bounded before Pillow and libtiff read it.

Source: TIFF 6.0, section 2 (the directory); BigTIFF as libtiff has it.
"""

from __future__ import annotations

import contextlib
import itertools
import re
import struct
from collections.abc import Iterator
from typing import Final

from tellapart.errors import PictureError

MOST_ENTRIES: Final = 1_000
MOST_NUMBERS: Final = 2_000_000  # in all entries that are not bytes
MOST_PLAIN_PARTS: Final = 250_000  # strips or tiles that are not compressed, each of which Pillow reads in Python
LARGEST_TILE: Final = 4096 * 4096  # pixels, unless the picture has more

_UNITS: Final = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
_BYTES: Final = (1, 2, 6, 7)
_WIDTH, _HEIGHT, _COMPRESSION, _STRIPS, _TILE_WIDTH, _TILE_HEIGHT, _TILES = 256, 257, 259, 273, 322, 323, 324
_PLAIN, _JPEG = 1, 7
# None, CCITT, LZW, JPEG, deflate, PackBits, Zstandard, WebP. Left out are the JPEG of 1992, LZMA and what is never met:
# their decoders take what they want.
_COMPRESSIONS: Final = frozenset({1, 2, 3, 4, 5, 7, 8, 32771, 32773, 32946, 50000, 50001})
_SCAN: Final = b"\xff\xda"
_BYTES_LIKE_A_SCAN: Final = 16_384
_PROGRESSIVE: Final = re.compile(rb"\xff[\xc2\xca]\x00[\x0b\x0e\x11\x14]\x08")


def check_tiff_header(content: bytes) -> None:
    """Refuse a file whose directory asks for more than a picture does.

    Raises:
        PictureError: it does, or it is compressed in a way that is not read here.
        struct.error: it ends in the midst of its directory.
    """
    for numbers in _directories(content):
        _check_directory(numbers, content)
        return


def pages_to_look_at(content: bytes, *, most: int) -> int:
    """How many of the first pages, at most so many, are within the same bounds, all together; 1 for what is no TIFF."""
    pages = 0
    with contextlib.suppress(PictureError, struct.error):
        for numbers in itertools.islice(_directories(content), most):
            _check_directory(numbers, content)
            pages += 1
    return max(1, pages)


def _check_directory(numbers: dict[int, tuple[int, int]], content: bytes) -> None:
    compression = numbers.get(_COMPRESSION, (1, _PLAIN))[1]
    if compression not in _COMPRESSIONS:
        raise PictureError(f"TIFF of a compression that is not read here ({compression}); save it with LZW or none")
    parts = max(numbers.get(_STRIPS, (0, 0))[0], numbers.get(_TILES, (0, 0))[0])
    if compression == _PLAIN and parts > MOST_PLAIN_PARTS:
        raise PictureError(f"TIFF in more than {MOST_PLAIN_PARTS:,} parts; save it anew")
    width, height, across, down = (numbers.get(tag, (1, 0))[1] for tag in (_WIDTH, _HEIGHT, _TILE_WIDTH, _TILE_HEIGHT))
    if across * down > max(LARGEST_TILE, width * height):
        raise PictureError(f"TIFF with tiles of {across} x {down} pixels, larger than the picture; save it anew")
    if compression == _JPEG and _PROGRESSIVE.search(content):
        raise PictureError("TIFF with progressive JPEG inside; save it with LZW or none")
    # A part has a scan, or one for each of its colours; what else a file holds may look like one now and then.
    if compression == _JPEG and content.count(_SCAN) > 4 * parts + 16 + len(content) // _BYTES_LIKE_A_SCAN:
        raise PictureError("TIFF with JPEG of too many scans inside; save it with LZW or none")


def _directories(content: bytes) -> Iterator[dict[int, tuple[int, int]]]:
    """Of each page how many values each entry of its directory has, and the first of them; 0 where that is nowhere."""
    order = "<" if content[:2] == b"II" else ">"
    big = content[2:4] in (b"+\0", b"\0+")
    offset, count = (f"{order}Q", f"{order}Q") if big else (f"{order}I", f"{order}H")
    (start,) = struct.unpack_from(offset, content, 8 if big else 4)
    form, step = (f"{order}HHQ", 20) if big else (f"{order}HHI", 12)
    total = many = 0
    while start:
        (entries,) = struct.unpack_from(count, content, start)
        if entries > MOST_ENTRIES:
            raise PictureError(f"TIFF with more than {MOST_ENTRIES:,} tags; save it anew")
        found: dict[int, tuple[int, int]] = {}
        place = start + struct.calcsize(count)
        for _ in range(entries):
            tag, kind, values = struct.unpack_from(form, content, place)
            unit = _UNITS.get(kind, 1)
            total += unit * values
            many += 0 if kind in _BYTES else values
            if total > len(content) + MOST_ENTRIES * 8 or many > MOST_NUMBERS:
                raise PictureError("TIFF whose tags ask for more than the file has; save it anew")
            at, first = place + struct.calcsize(form), 0
            with contextlib.suppress(struct.error):  # a tag that points outside is none, and the others are
                if unit * values > struct.calcsize(offset):  # the values stand elsewhere, and here where
                    (at,) = struct.unpack_from(offset, content, at)
                (first,) = struct.unpack_from(order + {2: "H", 4: "I", 8: "Q"}.get(unit, "B"), content, at)
            found.setdefault(tag, (values, first))
            place += step
        yield found
        (start,) = struct.unpack_from(offset, content, place)
