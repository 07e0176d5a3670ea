"""The size of the pictures inside AVIF, which is that of the AV1 in it, whatever the boxes around it say.

Source: AV1 Bitstream & Decoding Process, 5.3 (OBUs), 5.5 (the sequence header).
"""

from __future__ import annotations

import itertools
import struct
from collections.abc import Iterator
from typing import Final

from tellapart.data.duration import check_duration
from tellapart.data.media_boxes import boxes, item_content, read_items
from tellapart.data.memory import bytes_to_decode, check_memory
from tellapart.errors import PictureError

MOST_UNITS: Final = 50_000  # OBUs, of which a picture or a tile takes two or three

_SEQUENCE, _FRAME_HEADER, _FRAME = 1, 3, 6
_PATH: Final = (b"moov", b"trak", b"mdia", b"minf", b"stbl")
_NANOSECONDS: Final = 15.0  # a pixel of a frame that says nearly nothing


def check_avif(content: bytes) -> None:
    """Refuse a file whose AV1 takes more memory or time than a picture may.

    Raises:
        PictureError: it does.
        struct.error: a box ends before what it says.
    """
    items = read_items(content)
    coded = [number for number, kind in items.kinds.items() if kind == b"av01"]
    work = units = 0
    for stream in itertools.chain((item_content(content, items, each) for each in coded), _first_samples(content)):
        width = height = 0
        for kind, body in _units(stream):
            units += 1
            if kind == _SEQUENCE:
                across, down = _sequence_size(body)
                width, height = max(width, across), max(height, down)
            work += width * height * (kind in (_FRAME_HEADER, _FRAME))
            if units > MOST_UNITS:
                raise PictureError(f"AVIF in more than {MOST_UNITS:,} parts; save it as PNG")
        needed = bytes_to_decode(width, height, mode="RGB", file_format="AVIF")
        check_memory(needed, width=width, height=height)
        check_duration(1e-9 * _NANOSECONDS * work, width=width, height=height, kind="AVIF")


def _units(stream: bytes) -> Iterator[tuple[int, bytes]]:
    """Kind and first bytes of each OBU; nothing more where the stream is no AV1."""
    place = 0
    for _ in range(MOST_UNITS + 1):
        if place >= len(stream) or stream[place] & 0x81:
            return
        head = stream[place]
        place += 2 if head & 4 else 1
        length = len(stream) - place
        if head & 2:
            length, shift = 0, 0
            while shift < 56 and place < len(stream):
                length |= (stream[place] & 0x7F) << shift
                place, shift = place + 1, shift + 7
                if not stream[place - 1] & 0x80:
                    break
        yield head >> 3 & 15, stream[place : place + min(length, 512)]
        place += length


def _sequence_size(body: bytes) -> tuple[int, int]:
    """The largest width and height of a frame, by a sequence header."""
    bits = _Bits(body)
    bits.take(4)
    if bits.take(1):  # a header for a single picture
        bits.take(5)
    else:
        _skip_to_size(bits)
    across, down = bits.take(4) + 1, bits.take(4) + 1
    return bits.take(across) + 1, bits.take(down) + 1


def _skip_to_size(bits: _Bits) -> None:
    """What stands before the size: timing, the decoder's model, operating points."""
    delay, has_model = 0, 0
    if bits.take(1):
        bits.take(64)
        if bits.take(1):
            bits.skip_uvlc()
        has_model = bits.take(1)
        if has_model:
            delay = bits.take(5) + 1
            bits.take(42)
    has_display_delay = bits.take(1)
    for _ in range(bits.take(5) + 1):
        bits.take(12)
        if bits.take(5) > 7:
            bits.take(1)
        if has_model and bits.take(1):
            bits.take(2 * delay + 1)
        if has_display_delay and bits.take(1):
            bits.take(4)


class _Bits:
    """Bits of a few bytes, the highest first; zeros behind them."""

    def __init__(self, body: bytes) -> None:
        self._value = int.from_bytes(body, "big")
        self._left = 8 * len(body)

    def take(self, count: int) -> int:
        self._left -= count
        shifted = self._value >> self._left if self._left >= 0 else self._value << -self._left
        return shifted & ((1 << count) - 1)

    def skip_uvlc(self) -> None:
        zeros = 0
        while zeros < 32 and not self.take(1):
            zeros += 1
        self.take(zeros)


def _first_samples(content: bytes) -> Iterator[bytes]:
    """The first picture of each track of a sequence.

    Raises:
        PictureError: together they are larger than the file, of which they may be the same part again and again.
    """
    taken = 0
    for start, end in _inside(content, 0, len(content), _PATH):
        found = {kind: first for kind, first, _ in boxes(content, start, end)}
        place = 0
        if b"stco" in found:
            (place,) = struct.unpack_from(">I", content, found[b"stco"] + 8)
        elif b"co64" in found:
            (place,) = struct.unpack_from(">Q", content, found[b"co64"] + 8)
        if b"stsz" in found:
            size, _, first = struct.unpack_from(">3I", content, found[b"stsz"] + 4)
            stop = min(place + (size or first), len(content))
            taken += max(0, stop - place)
            if taken > 2 * len(content):
                raise PictureError("a picture whose parts are larger than its file")
            yield content[place:stop]


def _inside(content: bytes, start: int, end: int, path: tuple[bytes, ...]) -> Iterator[tuple[int, int]]:
    """Where the content of each box at a path of kinds is."""
    for kind, first, last in boxes(content, start, end):
        if kind == path[0]:
            if len(path) == 1:
                yield first, last
            else:
                yield from _inside(content, first, last, path[1:])
