"""The one EXIF tag that changes what a picture shows, read without a parser that costs more than the decode."""

from __future__ import annotations

import re
import struct
from typing import Final

ORIENTATION_TAG: Final = 0x0112
MOST_BYTES: Final = 64_000_000  # of the values of a directory, which Pillow keeps each
_SHORT, _LONG = 3, 4  # kinds of values
_XMP: Final = re.compile(rb"tiff:Orientation(?:=\s*[\"']|>)\s*([1-8])")
_BYTE_ORDERS: Final = {b"II*\0": "<", b"MM\0*": ">"}


def tiff_orientation(tiff: memoryview) -> int | None:
    """The orientation in the first directory of a TIFF structure, 1 to 8; 1 where it makes no sense, None for none.

    Some programs write it as a number of 32 bits, which EXIF does not have it, and which readers take all the same.

    Source: EXIF 2.32, section 4.6.2 (IFD structure).
    """
    order = _BYTE_ORDERS.get(bytes(tiff[:4]))
    if order is None:
        return None
    try:
        (start,) = struct.unpack_from(f"{order}I", tiff, 4)
        (entries,) = struct.unpack_from(f"{order}H", tiff, start)
        for entry in range(min(entries, 512)):
            tag, kind, count, value = struct.unpack_from(f"{order}HHIH", tiff, start + 2 + 12 * entry)
            if tag == ORIENTATION_TAG:
                if kind == _LONG:
                    (value,) = struct.unpack_from(f"{order}I", tiff, start + 2 + 12 * entry + 8)
                return value if kind in (_SHORT, _LONG) and count == 1 and 1 <= value <= 8 else 1
    except struct.error:  # it points outside
        pass
    return None


def xmp_orientation(xmp: bytes) -> int:
    """The orientation that XMP gives, 1 to 8; 1 where there is none. Readers believe it where EXIF says nothing.

    Source: XMP specification, part 2, 3.3.1 (the TIFF namespace).
    """
    found = _XMP.search(xmp)
    return int(found[1]) if found is not None else 1


def asks_for_too_much(tiff: bytes) -> bool:
    """Whether the values of the first directory of a TIFF structure take more than MOST_BYTES: they may overlap."""
    order = _BYTE_ORDERS.get(tiff[:4])
    if order is None:
        return False
    total = 0
    try:
        (start,) = struct.unpack_from(f"{order}I", tiff, 4)
        (entries,) = struct.unpack_from(f"{order}H", tiff, start)
        for entry in range(entries):
            _, _, count = struct.unpack_from(f"{order}HHI", tiff, start + 2 + 12 * entry)
            total += min(8 * count, len(tiff))
    except struct.error:  # it points outside
        pass
    return total > MOST_BYTES
