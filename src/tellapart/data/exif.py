"""The one EXIF tag that changes what a picture shows, read without a parser that costs more than the decode."""

from __future__ import annotations

import struct
from typing import Final

ORIENTATION_TAG: Final = 0x0112
MOST_BYTES: Final = 64_000_000  # of the values of a directory, which Pillow keeps each
_BYTE_ORDERS: Final = {b"II*\0": "<", b"MM\0*": ">"}


def tiff_orientation(tiff: memoryview) -> int:
    """The orientation in the first directory of a TIFF structure, 1 to 8; 1 where there is none or it is damaged.

    Source: EXIF 2.32, section 4.6.2 (IFD structure).
    """
    order = _BYTE_ORDERS.get(bytes(tiff[:4]))
    if order is None:
        return 1
    try:
        (start,) = struct.unpack_from(f"{order}I", tiff, 4)
        (entries,) = struct.unpack_from(f"{order}H", tiff, start)
        for entry in range(min(entries, 512)):
            tag, kind, count, value = struct.unpack_from(f"{order}HHIH", tiff, start + 2 + 12 * entry)
            if tag == ORIENTATION_TAG:
                return value if kind == 3 and count == 1 and 1 <= value <= 8 else 1
    except struct.error:  # it points outside
        pass
    return 1


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
