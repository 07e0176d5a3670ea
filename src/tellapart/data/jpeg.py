"""What the markers of a JPEG file say: its frame, the orientation in its EXIF, and how much work its scans are.

Source: ITU-T T.81, annex B (markers and segments); EXIF 2.32, 4.5.4 (the APP1 segment).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from tellapart.data.exif import tiff_orientation, xmp_orientation
from tellapart.errors import PictureError

_EXIF: Final = b"Exif\0\0"
_XMP: Final = b"http://ns.adobe.com/xap/1.0/\0"
_APP1, _SCAN, _END = 0xE1, 0xDA, 0xD9
_ALONE: Final = frozenset({0x01, *range(0xD0, 0xD9)})  # markers without a segment
_FRAMES: Final = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})
_SEQUENTIAL: Final = (0xC0, 0xC1)
_HUFFMAN: Final = (0xC0, 0xC1, 0xC2)
_COEFFICIENT: Final = 2  # bytes
_UNSENT: Final = 16  # more bits than any coefficient has
_FILLING: Final = (0x00, 0xFF)  # no markers after 0xff
_MARKER: Final = re.compile(rb"\xff[^\x00\xff]")
_AFTER_SCAN: Final = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")

MOST_SEGMENTS: Final = 10_000  # an ICC profile or a panorama takes some hundred
# Of one component. Encoders make at most some 20 scans, and a component is in 6 of them.
MOST_VISITS: Final = 64

# Nanoseconds, measured for pictures of noise (docs/log.md). A block is 8 x 8 values of one component.
_VISIT, _BIT, _BIT_OF_SCANS = 60.0, 1.0, 2.5
_BLOCK, _SMALL_BLOCK = 120.0, 40.0  # made into pixels at full size, or at a half and less
_OTHER_CODING: Final = 2000.0  # a block, arithmetically coded or lossless


@dataclass(frozen=True, slots=True, kw_only=True)
class JpegHeader:
    """What the segments before the first scan say."""

    orientation: int = 1  # EXIF orientation, 1 to 8; 1 where there is none or where it makes no sense
    size: tuple[int, int] = (0, 0)  # height and width
    coefficients: int = 0  # bytes kept for the whole picture at full size; 0 for a single scan of 8 x 8 blocks
    least_bytes: int = 0  # what the frame announces takes: a bit at least for each 8 x 8 block (Huffman)
    rubbish: int = 0  # bytes between segments
    huffman: bool = True
    blocks: dict[int, float] = field(default_factory=dict)  # of each component, by its number
    exif: bytes = b""  # all of it, as Pillow puts it together


def read_jpeg_header(content: bytes) -> JpegHeader:
    """Read the segments up to the first scan; what is damaged is passed over.

    Raises:
        PictureError: there are more than MOST_SEGMENTS of them.
    """
    exif: list[bytes] = []
    xmp = b""
    frame: memoryview | None = None
    coding, in_scan, rubbish = 0xC0, 0, 0
    for marker, body, gap in _segments(content):
        rubbish += gap
        if marker == _APP1 and bytes(body[: len(_EXIF)]) == _EXIF:
            exif.append(bytes(body[len(_EXIF) :]))
        elif marker == _APP1 and bytes(body[: len(_XMP)]) == _XMP:
            xmp = bytes(body[len(_XMP) :])
        elif marker in _FRAMES:
            frame, coding = body, marker
        elif marker == _SCAN:
            in_scan = body[0] if body else 0
            break
    said = tiff_orientation(memoryview(exif[0])) if exif else None
    orientation = xmp_orientation(xmp) if said is None else said
    if frame is None or len(frame) < 6 or len(frame) < 6 + 3 * frame[5]:
        return JpegHeader(orientation=orientation, rubbish=rubbish, exif=b"".join(exif))
    height, width = frame[1] << 8 | frame[2], frame[3] << 8 | frame[4]
    blocks = _blocks(frame, height * width)
    single = coding in _SEQUENTIAL and in_scan == frame[5]
    return JpegHeader(
        orientation=orientation,
        size=(height, width),
        coefficients=0 if single else round(_COEFFICIENT * 64 * sum(blocks.values())),
        least_bytes=height * width // (64 * 8) if coding in _HUFFMAN else 0,
        rubbish=rubbish,
        huffman=coding in _HUFFMAN,
        blocks=blocks,
        exif=b"".join(exif),
    )


def seconds_to_decode_jpeg(content: bytes, header: JpegHeader, *, divisor: int) -> float:
    """How long a decoder takes at most for a JPEG at a part of its size, told by its frame, its scans and its length.

    Raises:
        PictureError: it has more scans than any encoder makes.
    """
    blocks = sum(header.blocks.values())
    bits = 8 * len(content)
    pixels = blocks * (_BLOCK if divisor == 1 else _SMALL_BLOCK)
    if not header.coefficients:
        return 1e-9 * (bits * _BIT + pixels)
    visits = _visits(content, header)
    if not header.huffman:
        return 1e-9 * (visits * _OTHER_CODING + pixels)
    return 1e-9 * (visits * _VISIT + bits * _BIT_OF_SCANS + pixels)


def is_complete(content: bytes, header: JpegHeader) -> bool:
    """Whether there is a scan for every bit of every component, whatever became of the coded data in them.

    Source: ITU-T T.81, G.1.1.1 (spectral selection and successive approximation).
    """
    bits = {component: [_UNSENT] * 64 for component in header.blocks}  # that are still to come, of each coefficient
    for marker, body, _ in _segments(content):
        if marker == _END:
            return False
        if marker != _SCAN or not body or len(body) < 4 + 2 * body[0]:
            continue
        first, last, low = body[1 + 2 * body[0]], body[2 + 2 * body[0]], body[3 + 2 * body[0]] & 15
        for place in range(1, 1 + 2 * body[0], 2):
            coefficients = bits.get(body[place], [])
            coefficients[first : last + 1] = [low] * len(coefficients[first : last + 1])
    return bool(bits) and not any(map(any, bits.values()))


def _visits(content: bytes, header: JpegHeader) -> float:
    """How often any block is visited, all scans together."""
    visited = dict.fromkeys(header.blocks, 0)
    for marker, body, _ in _segments(content):
        if marker == _END:
            break
        if marker != _SCAN or not body:
            continue
        for place in range(1, min(len(body), 1 + 2 * body[0]), 2):
            component = body[place]
            visited[component] = visited.get(component, 0) + 1
            if visited[component] > MOST_VISITS:
                raise PictureError(f"JPEG of more than {MOST_VISITS} scans; save it anew, not progressive")
    return sum(times * header.blocks.get(component, 0.0) for component, times in visited.items())


def _segments(content: bytes) -> Iterator[tuple[int, memoryview, int]]:
    """Marker and body of each segment, and what lies before it; garbage in between and coded data are stepped over."""
    view, length = memoryview(content), len(content)
    place, in_scan = 2, False
    for _ in range(MOST_SEGMENTS):
        start = place
        if in_scan or not (start + 3 < length and content[start] == 0xFF and content[start + 1] not in _FILLING):
            found = (_AFTER_SCAN if in_scan else _MARKER).search(content, place)
            start = found.start() if found else length
        if start + 3 >= length:
            return
        marker = content[start + 1]
        if marker in _ALONE:
            place, in_scan = start + 2, False
            continue
        end = start + 2 + max(2, content[start + 2] << 8 | content[start + 3])
        yield marker, view[start + 4 : end], 0 if in_scan else start - place
        place, in_scan = end, marker == _SCAN
    raise PictureError(f"JPEG of more than {MOST_SEGMENTS:,} segments; save it anew")


def _blocks(frame: memoryview, pixels: int) -> dict[int, float]:
    """Blocks of 8 x 8 values of each component, which is subsampled as the frame says."""
    places = range(6, 6 + 3 * frame[5], 3)
    across, down = [frame[place + 1] >> 4 for place in places], [frame[place + 1] & 15 for place in places]
    whole = pixels / (64 * (max(across, default=1) or 1) * (max(down, default=1) or 1))
    blocks: dict[int, float] = {}
    for place, wide, high in zip(places, across, down, strict=True):  # two components may have one number
        blocks[frame[place]] = blocks.get(frame[place], 0.0) + wide * high * whole
    return blocks
