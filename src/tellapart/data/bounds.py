"""What a picture file asks of its decoder, read by ourselves and bounded before the decoder sees the file.

A decoder's own checks come late: Pillow walks through headers in Python, block after block, and takes the picture
inside an icon without asking. So each format has a function here that walks its header with a bound on every count.
What decoding itself costs is told from the size that the header states, in `data.memory` and `data.duration`.
"""

from __future__ import annotations

import contextlib
import re
import struct
from collections.abc import Callable, Mapping
from typing import Final

from tellapart.data.avif import check_avif
from tellapart.data.exif import asks_for_too_much
from tellapart.data.formats import PNG_START, format_of
from tellapart.data.jpeg import read_jpeg_header
from tellapart.data.jpeg_2000 import check_jpeg_2000
from tellapart.data.memory import bytes_to_decode, check_memory
from tellapart.data.tiff_header import check_tiff_header
from tellapart.errors import PictureError

ICON_LIMIT: Final = 2048 * 2048  # pixels; the largest icons that systems make have 1024 x 1024
MOST_CHUNKS: Final = 200_000  # of a PNG; encoders make one for each 8 kB or more
MOST_EXTRAS: Final = 1_000  # chunks that are not pixels
MOST_EXTRA_BYTES: Final = 64_000_000
MOST_BLOCKS: Final = 1_000_000  # of a GIF up to its second picture, of up to 255 bytes each
MOST_RUBBISH: Final = 65_536  # bytes that a decoder steps over one by one
MOST_COMMENTS: Final = 1_000

_PIXEL_CHUNKS: Final = frozenset({b"IDAT", b"fdAT", b"fcTL"})
_PPM_HEADER, _PPM_HEADER_OF_TWO = (
    re.compile(rb"P\w{1,5}(?:\s(?:\s|#[^\r\n]*[\r\n])*[\d.+-]+){%d}\s" % numbers) for numbers in (3, 2)
)
_DIB_RUNS: Final = (1, 2)


def check_bounds(content: bytes, file_format: str) -> None:
    """Refuse a file whose header would keep a decoder busy, or make it take memory, beyond what a picture may cost.

    What is damaged is left to the decoder, which says so.

    Raises:
        PictureError: it would.
    """
    check = _CHECKS.get(file_format)
    if check is None:
        return
    try:
        check(content)
    except (struct.error, IndexError):  # it ends in the midst of its header
        return


def _check_jpeg(content: bytes) -> None:
    header = read_jpeg_header(content)
    if header.rubbish > MOST_RUBBISH or asks_for_too_much(header.exif):
        raise PictureError("JPEG with rubbish before its pixels; save it anew")


def _check_png(content: bytes, place: int = 0, *, most: int = MOST_CHUNKS) -> int:
    """Look at each chunk of a PNG that begins at a place; how many there are."""
    chunks = extras = extra_bytes = headers = 0
    place += len(PNG_START)
    while place + 8 <= len(content):
        length, kind = struct.unpack_from(">I4s", content, place)
        if kind == b"IEND":
            break
        chunks += 1
        headers += kind == b"IHDR"
        if kind not in _PIXEL_CHUNKS:
            extras += 1
            extra_bytes += length
        if chunks > most or extras > MOST_EXTRAS or extra_bytes > MOST_EXTRA_BYTES or headers > 1:
            raise PictureError("PNG with more beside its pixels than decoders are made for; save it anew")
        place += 12 + length
    return chunks


def _check_gif(content: bytes) -> None:
    place = 13 + _palette(content[10])
    blocks = rubbish = pictures = 0
    while place < len(content) and content[place] != 0x3B:
        mark = content[place]
        if mark == 0x21:
            comment, own = content[place + 1] == 0xFE, content[place + 3 : place + 14] == b"NETSCAPE2.0"
            place += 2
            # Before the rest of an extension Pillow reads a block of it, and of a loop another, even where it is empty.
            for _ in range(0 if comment else 2 if own and content[place - 1] == 0xFF and not pictures else 1):
                place += 1 + content[place]
        elif mark == 0x2C:
            pictures += 1
            if pictures == 2:
                return
            place += 11 + _palette(content[place + 9])
        else:
            rubbish += 1
            place += 1
            if rubbish > MOST_RUBBISH:
                raise PictureError("GIF with rubbish between its blocks; save it as PNG")
            continue
        while length := content[place]:
            place += 1 + length
            blocks += 1
            if blocks > MOST_BLOCKS:
                raise PictureError(f"GIF with more than {MOST_BLOCKS:,} blocks; save it as PNG")
        place += 1
        blocks += 1


def _palette(flags: int) -> int:
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def _check_ppm(content: bytes) -> None:
    start = content[:MOST_RUBBISH]
    if not (_PPM_HEADER_OF_TWO if content[1:2] in b"14" else _PPM_HEADER).match(start):
        raise PictureError("PPM whose size is not where it belongs; save it as PNG")
    if content[1:2] in b"123" and content.count(b"#") > MOST_COMMENTS:
        raise PictureError(f"PPM with more than {MOST_COMMENTS:,} comments; save it as PNG")


def _check_webp(content: bytes) -> None:
    width, height = _webp_size(content)
    check_memory(bytes_to_decode(width, height, mode="RGBA", file_format="WEBP"), width=width, height=height)


def _webp_size(content: bytes) -> tuple[int, int]:
    """Width and height of the canvas. Source: RFC 9649, 2.7 (VP8X), 3.4 (VP8L), and RFC 6386, 9.1 (VP8)."""
    kind = content[12:16]
    if kind == b"VP8X":
        return (
            int.from_bytes(content[24:27], "little") + 1,
            int.from_bytes(content[27:30], "little") + 1,
        )
    if kind == b"VP8L":
        (bits,) = struct.unpack_from("<I", content, 21)
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    width, height = struct.unpack_from("<HH", content, 26)
    return width & 0x3FFF, height & 0x3FFF


def _check_icon(content: bytes) -> None:
    """The pictures in an ICO or a CUR file."""
    (count,) = struct.unpack_from("<H", content, 4)
    most = MOST_CHUNKS  # of all of them, which may be the same picture again and again
    for number in range(count):
        (place,) = struct.unpack_from("<I", content, 6 + 16 * number + 12)
        with contextlib.suppress(struct.error):  # it lies behind the end, and the next one may not
            most -= _check_icon_picture(content, place, most=most)


def _check_icon_picture(content: bytes, place: int, *, most: int) -> int:
    """Look at one picture of an icon; how many chunks it has, 0 for a bitmap."""
    if content[place : place + 8] == PNG_START:
        return _check_png_icon(content, place, most=most)
    width, height, runs = _dib_header(content, place)
    _check_icon_size(width, height // 2)
    if runs in _DIB_RUNS:
        raise PictureError("an icon that is stored in runs; save it as PNG")
    return 0


def _dib_header(content: bytes, place: int) -> tuple[int, int, int]:
    """Width, height and kind of compression of a bitmap, as Pillow reads them."""
    (size,) = struct.unpack_from("<I", content, place)
    if size == 12:
        return *struct.unpack_from("<HH", content, place + 4), 0
    width, height, _, _, runs = struct.unpack_from("<IIHHI", content, place + 4)
    return width, 2**32 - height if height >> 24 == 0xFF else height, runs


def _check_icns(content: bytes) -> None:
    place, blocks, most = 8, 0, MOST_CHUNKS
    (end,) = struct.unpack_from(">I", content, 4)
    while place < min(end, len(content)):
        (length,) = struct.unpack_from(">I", content, place + 4)
        blocks += 1
        if blocks > MOST_EXTRAS or length < 8:
            raise PictureError("ICNS that is damaged or has more blocks than an icon; save it as PNG")
        with contextlib.suppress(struct.error, IndexError):  # it ends in the midst of its header
            if content[place + 8 : place + 16] == PNG_START:
                most -= _check_png_icon(content, place + 8, most=most)
            elif format_of(inner := content[place + 8 : place + length]) == "JPEG2000":
                _check_icon_size(*check_jpeg_2000(inner))
        place += length


def _check_png_icon(content: bytes, place: int, *, most: int) -> int:
    width, height = struct.unpack_from(">II", content, place + 16)
    _check_icon_size(width, height)
    return _check_png(content, place, most=most)


def _check_icon_size(width: int, height: int) -> None:
    if width * height > ICON_LIMIT:
        raise PictureError(f"an icon of {width} x {height} pixels, larger than icons are; save it as PNG")


_CHECKS: Final[Mapping[str, Callable[[bytes], object]]] = {
    "AVIF": check_avif,
    "CUR": _check_icon,
    "GIF": _check_gif,
    "ICNS": _check_icns,
    "ICO": _check_icon,
    "JPEG": _check_jpeg,
    "JPEG2000": check_jpeg_2000,
    "PNG": _check_png,
    "PPM": _check_ppm,
    "TIFF": check_tiff_header,
    "WEBP": _check_webp,
}
