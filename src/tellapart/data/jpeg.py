"""What stands before the pixels of a JPEG file: its frame, and the orientation in its EXIF.

Source: ITU-T T.81, annex B (markers and segments); EXIF 2.32, 4.5.4 (the APP1 segment).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from tellapart.data.exif import tiff_orientation

_EXIF: Final = b"Exif\0\0"
_APP1, _SCAN = 0xE1, 0xDA
_ALONE: Final = frozenset({0x01, *range(0xD0, 0xD9)})  # markers without a segment
_FRAMES: Final = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})
_SEQUENTIAL: Final = (0xC0, 0xC1)
_HUFFMAN: Final = (0xC0, 0xC1, 0xC2)
_COEFFICIENT: Final = 2  # bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class JpegHeader:
    """What the segments before the first scan say."""

    orientation: int = 1  # EXIF orientation, 1 to 8; 1 where there is none or where it makes no sense
    coefficients: int = 0  # bytes kept for the whole picture at full size; 0 for a single scan of 8 x 8 blocks
    least_bytes: int = 0  # what the frame announces takes: a bit at least for each 8 x 8 block (Huffman)


def read_jpeg_header(content: bytes) -> JpegHeader:
    """Read the segments up to the first scan; what is damaged is passed over."""
    orientation: int | None = None
    frame: memoryview | None = None
    coding, in_scan = 0xC0, 0
    for marker, body in _segments(memoryview(content)):
        if marker == _APP1 and orientation is None and bytes(body[: len(_EXIF)]) == _EXIF:
            orientation = tiff_orientation(body[len(_EXIF) :])
        elif marker in _FRAMES:
            frame, coding = body, marker
        elif marker == _SCAN:
            in_scan = body[0] if body else 0
    if frame is None or len(frame) < 6 or len(frame) < 6 + 3 * frame[5]:
        return JpegHeader(orientation=orientation or 1)
    height, width = struct.unpack_from(">HH", frame, 1)
    single = coding in _SEQUENTIAL and in_scan == frame[5]
    return JpegHeader(
        orientation=orientation or 1,
        coefficients=0 if single else round(_COEFFICIENT * height * width * _samples(frame)),
        least_bytes=height * width // (64 * 8) if coding in _HUFFMAN else 0,
    )


def _segments(content: memoryview) -> Iterator[tuple[int, memoryview]]:
    """Marker and body of each segment up to and with the first scan's header; garbage in between is stepped over."""
    place = 2
    while (place := _next_marker(content, place)) + 3 < len(content):
        marker = content[place + 1]
        if marker in _ALONE:
            place += 2
            continue
        (length,) = struct.unpack_from(">H", content, place + 2)
        yield marker, content[place + 4 : place + 2 + length]
        if marker == _SCAN:
            return
        place += 2 + max(2, length)


def _next_marker(content: memoryview, place: int) -> int:
    """Where the next marker starts: 0xff with neither 0xff nor 0 behind it; the end where there is none."""
    while place + 1 < len(content):
        if content[place] == 0xFF and content[place + 1] not in (0x00, 0xFF):
            return place
        place += 1
    return len(content)


def _samples(frame: memoryview) -> float:
    """Samples for each pixel, all components together, each subsampled as the frame says."""
    factors = [(frame[place + 1] >> 4, frame[place + 1] & 15) for place in range(6, 6 + 3 * frame[5], 3)]
    widest, highest = (max((pair[side] for pair in factors), default=1) or 1 for side in (0, 1))
    return sum(across * down for across, down in factors) / (widest * highest)
