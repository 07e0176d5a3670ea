"""What the main header of a JPEG 2000 file says of its size and of the parts it is divided into.

Source: ISO 15444-1, annex A (the codestream) and annex I (the boxes around it).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

from tellapart.data.media_boxes import boxes
from tellapart.data.memory import bytes_to_decode, check_memory
from tellapart.errors import PictureError

MOST_TILES: Final = 16_384
MOST_COMPONENTS: Final = 4
MOST_LAYERS: Final = 1_000
MOST_PRECINCTS: Final = 200_000  # a decoder keeps about a kilobyte for each
SMALLEST_BLOCKS: Final = 8  # as a power of 2: an area of 256 pixels
MOST_SEGMENTS: Final = 10_000

_START: Final = b"\xffO\xffQ"
_SIZE, _STYLE, _COMPONENT_STYLE, _TILE, _DATA, _END = 0x51, 0x52, 0x53, 0x90, 0x93, 0xD9


@dataclass(frozen=True, slots=True, kw_only=True)
class Extent:
    """What all of a picture's parts add up to."""

    width: int
    height: int
    tiles: int
    components: int


def check_jpeg_2000(content: bytes) -> tuple[int, int]:
    """Width and height by the codestream, which is what decides, whatever the boxes say.

    Raises:
        PictureError: it takes too much memory, or is divided into more parts than a decoder is made for.
    """
    place = 0 if content.startswith(_START) else _codestream(content)
    if content[place : place + 4] != _START:
        raise PictureError("JPEG 2000 without pixels")
    right, bottom, left, top, across, down = struct.unpack_from(">6I", content, place + 8)
    (components,) = struct.unpack_from(">H", content, place + 40)
    width, height = right - left, bottom - top
    check_memory(bytes_to_decode(width, height, mode="L", file_format="JPEG2000"), width=width, height=height)
    tiles = -(-right // max(1, across)) * -(-bottom // max(1, down))
    if tiles > MOST_TILES or components > MOST_COMPONENTS:
        raise PictureError(f"JPEG 2000 of {tiles:,} tiles and {components:,} components; save it as PNG")
    _check_parts(content, place + 2, Extent(width=width, height=height, tiles=tiles, components=components))
    return width, height


def _codestream(content: bytes) -> int:
    """Where the codestream begins; the end of the file where there is none. On the way the boxes are counted."""
    for kind, start, end in boxes(content):
        if kind == b"jp2c":
            return start
        if kind == b"jp2h":
            for inner, first, last in boxes(content, start, end):
                _ = [*boxes(content, first, last)] if inner == b"res " else ()
    return len(content)


def _check_parts(content: bytes, place: int, extent: Extent) -> None:
    """Look at every header of the codestream, that of each tile too, for parts that are too small or too many."""
    tile_end = 0
    for _ in range(MOST_SEGMENTS * 10):
        if place + 4 > len(content) or content[place] != 0xFF or content[place + 1] == _END:
            return
        marker = content[place + 1]
        if marker == _DATA:
            if tile_end <= place:
                return
            place = tile_end
            continue
        (length,) = struct.unpack_from(">H", content, place + 2)
        body = content[place + 4 : place + 2 + length]
        if marker == _TILE:
            (part,) = struct.unpack_from(">I", body, 2)
            tile_end = place + part if part else len(content)
        elif marker == _STYLE:
            (layers,) = struct.unpack_from(">H", body, 2)
            _check_style(body[5:], extent, precincts=bool(body[0] & 1), layers=layers)
        elif marker == _COMPONENT_STYLE:
            _check_style(body[2:], extent, precincts=bool(body[1] & 1), layers=1)
        place += 2 + max(2, length)
    raise PictureError("JPEG 2000 of too many segments; save it as PNG")


def _check_style(style: bytes, extent: Extent, *, precincts: bool, layers: int) -> None:
    """The part of COD and COC that they have in common: levels, code blocks, precincts."""
    levels, total = style[0], 0.0
    for level, size in enumerate(style[5 : 6 + levels] if precincts else ()):
        shrunk = 1 << (levels - level)
        across = extent.width / shrunk / (1 << (size & 15)) + 1
        down = extent.height / shrunk / (1 << (size >> 4)) + 1
        total += (across * down + extent.tiles) * extent.components
    small = style[1] + style[2] + 4 < SMALLEST_BLOCKS
    if small or total > MOST_PRECINCTS or layers > MOST_LAYERS:
        raise PictureError("JPEG 2000 in more parts than pictures are divided into; save it as PNG")
