"""Files that lack or have damaged what no pixel depends on, put right before a decoder sees them again.

Nothing is guessed: where a pixel is missing, there is nothing to put right.
"""

from __future__ import annotations

import struct
import zlib
from typing import Final

import simplejpeg  # type: ignore[import-untyped]  # it has a .pyi, but no py.typed

from tellapart.data.formats import PNG_START
from tellapart.data.jpeg import JpegHeader, is_complete

NO_END: Final = "end marker added"
DAMAGED_TEXT: Final = "damaged text left out"
_SCAN, _END = b"\xff\xda", b"\xff\xd9"  # no coded data holds them
_TEXTS: Final = (b"tEXt", b"zTXt", b"iTXt", b"iCCP")
_XMP: Final = b"XML:com.adobe.xmp\0\0"  # says how the picture is turned, and is not compressed
_ANCILLARY: Final = 0x20  # a bit of the first letter of a chunk that pixels do not depend on; but for the next one
_TRANSPARENCY: Final = b"tRNS"


def with_end(content: bytes, header: JpegHeader) -> bytes | None:
    """A JPEG that lacks nothing but its end marker, with one; None for any other.

    Every value of every component must be in a scan to its last bit, and the coded data must suffice for all blocks,
    of which the decoder tells: with an end behind them it has no other reason to complain.
    """
    whole = content + _END
    if content.find(_END, content.rfind(_SCAN)) >= 0 or not is_complete(content, header):
        return None
    try:
        colours = simplejpeg.decode_jpeg_header(whole, strict=True)[2]
        simplejpeg.decode_jpeg(whole, "CMYK" if colours in ("CMYK", "YCCK") else "RGB", min_height=1, min_width=1)
    except ValueError:
        return None
    return whole


def without_damaged_text(content: bytes) -> bytes | None:
    """A PNG without its texts and without ancillary chunks that are damaged; None where that changes nothing.

    Source: PNG specification, third edition, 5.3 (chunk layout) and 5.4 (ancillary chunks).
    """
    kept, place = [PNG_START], len(PNG_START)
    while place + 12 <= len(content):
        (length,) = struct.unpack_from(">I", content, place)
        kind, end = content[place + 4 : place + 8], place + 12 + length
        body = content[place + 8 : end - 4]
        damaged = content[end - 4 : end] != struct.pack(">I", zlib.crc32(kind + body))
        is_text = kind in _TEXTS and (damaged or not body.startswith(_XMP))
        if kind == b"IEND":
            break
        if not is_text and not (damaged and kind[0] & _ANCILLARY and kind != _TRANSPARENCY):
            kept.append(content[place:end])
        place = end
    plain = b"".join([*kept, content[place:]])
    return None if plain == content else plain
