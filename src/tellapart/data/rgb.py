"""From a loaded picture of any kind to RGB with 8 bit, with every conversion told.

Legend: H W height and width, V the largest value a kind of picture can hold.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tellapart.data.deep_colour import DEEPEST, HOT, is_deep_colour
from tellapart.data.tiff import bits_of, is_inverted, is_unsigned, stated_largest
from tellapart.errors import PictureError

BEYOND_WHITE: Final = "brighter than the white"  # how the note begins, see beyond_white
ON_WHITE: Final = "transparency laid on white"  # the note on pictures that had some
LUMA: Final = np.array([0.299, 0.587, 0.114], np.float32)  # grey of red, green and blue: ITU-R BT.601
REDUCE_ABOVE: Final = 16_000_000  # pixels; above, a picture is box-reduced before it is copied about
_STRIP: Final = 4_000_000  # pixels that are converted at a time on the way
_PLAIN: Final = ("1", "L", "P", "RGB", "RGBX")
_REDUCIBLE: Final = ("L", "LA", "RGB", "RGBA", "CMYK", "I", "F")
_PPM_LARGEST: Final = re.compile(rb"P[56](?:\s+(?:#[^\n]*\n\s*)*\d+){2}\s+(?:#[^\n]*\n\s*)*(\d+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """What a file says of its values, and Pillow's mode alone does not."""

    bits: int = 8  # of one value; 8 also where the mode says it all
    largest: int = 0  # V where white is a fixed value above 255; 0 where it is not
    unsigned: bool = False  # 32 bits without a sign, which Pillow reads as if they had one
    inverted: bool = False  # 0 is white, and Pillow has left it so
    open_ended: bool = False  # V is 65535 because the file has 16 bit, and not because a header says so
    colour: bool = False  # 16 bit a channel, of which Pillow gives the high byte


def stored_as(image: Image.Image, content: bytes) -> Stored:
    """What the header of an opened picture says of its values."""
    deep_grey = image.mode.startswith("I;16") or (image.mode == "I" and image.format == "PPM")
    bits, stated, colour = _bits(image, content), stated_largest(image), is_deep_colour(image)
    open_ended = colour or (deep_grey and bits_of(image) != 12 and _of_16_bit(image, content))
    return Stored(
        bits=bits,
        # White of a TIFF of 12 bit is 4095, which Pillow leaves as it is in a mode for 65535.
        largest=stated if colour else 0 if not deep_grey else 4095 if bits_of(image) == 12 else stated or 65535,
        unsigned=is_unsigned(image),
        inverted=is_inverted(image),
        open_ended=open_ended and not stated,
        colour=colour,
    )


def _of_16_bit(image: Image.Image, content: bytes) -> bool:
    """Whether a deep grey picture has just the 16 bit of its format; other depths a decoder has scaled by then."""
    if image.format == "PPM":
        found = _PPM_LARGEST.match(content[:512])
        return found is not None and int(found[1]) == 65535
    return image.format in ("PNG", "TIFF") or (image.format == "JPEG2000" and _jpeg_2000_bits(content) == 16)


def _bits(image: Image.Image, content: bytes) -> int:
    if image.format == "PNG":
        return 16 if content[24] == 16 else 8
    if image.format == "TIFF":
        return bits_of(image)
    if image.format == "PPM":
        found = _PPM_LARGEST.match(content[:512])
        return 16 if found and int(found[1]) > 255 else 8
    if image.format == "JPEG2000":
        return _jpeg_2000_bits(content)
    if image.format == "AVIF":
        return _avif_bits(content)
    return 16 if image.mode.startswith("I;16") else 8


def _jpeg_2000_bits(content: bytes) -> int:
    """The precision of the first channel. Source: ISO 15444-1, A.5.1 (the SIZ segment)."""
    place = content.find(b"\xff\x4f\xff\x51")
    return (content[place + 42] & 0x7F) + 1 if 0 <= place < len(content) - 42 else 8


def _avif_bits(content: bytes) -> int:
    """8, 10 or 12. Source: AV1 ISOBMFF binding, 2.3.3 (the box av1C)."""
    place = content.find(b"av1C", 0, 65536)
    if not 0 <= place < len(content) - 6 or not content[place + 6] & 0x40:
        return 8
    return 12 if content[place + 6] & 0x20 else 10


def reduced(image: Image.Image, stored: Stored, *, at_least: int) -> Image.Image:
    """What has more than REDUCE_ABOVE pixels box-reduced to twice at_least or more, so that its copies are small.

    A mode that cannot be averaged is converted strip by strip, so that no second picture of the full size is made.
    """
    lowest = min(int(_unsigned(strip).min()) for strip in _strips(image)) if stored.unsigned else 0
    if image.width * image.height <= REDUCE_ABOVE:
        return _from_lowest(image, lowest) if stored.unsigned else image
    across, down = (max(1, side // (2 * at_least)) for side in image.size)
    mode = "F" if stored.unsigned else _reducible_mode(image)
    if mode == image.mode and not mode.endswith("A"):  # with alpha, Pillow converts all of it first
        return image.reduce((across, down))
    small = Image.new(mode, (-(-image.width // across), -(-image.height // down)))
    for number, strip in enumerate(_strips(image, of=down)):
        converted = _from_lowest(strip, lowest) if stored.unsigned else strip.convert(mode)
        small.paste(converted.reduce((across, down)), (0, number * _rows(image, down) // down))
    return small


def brightest_value(image: Image.Image) -> int:
    """The value that all but a thousandth of the pixels of an opened picture of unsigned 16 bit stay below."""
    counts = np.zeros(65536, np.int64)
    for strip in _strips(image):
        counts += np.bincount(np.asarray(strip).ravel(), minlength=65536)
    pixels = image.width * image.height
    place = max(pixels - 1 - pixels // HOT, 0)  # a hot pixel is no white
    return int(np.searchsorted(np.cumsum(counts), place, side="right"))


def _strips(image: Image.Image, *, of: int = 1) -> Iterator[Image.Image]:
    """The picture in strips of some _STRIP pixels, each of a multiple of so many rows, but for the last one."""
    rows = _rows(image, of)
    for top in range(0, image.height, rows):
        yield image.crop((0, top, image.width, min(top + rows, image.height)))


def _rows(image: Image.Image, of: int) -> int:
    return max(1, _STRIP // (image.width * of)) * of


def _unsigned(image: Image.Image) -> NDArray[np.uint32]:
    return np.asarray(image).view(np.uint32)


def _from_lowest(image: Image.Image, lowest: int) -> Image.Image:
    """A picture of unsigned 32 bit in float32 near 0, where float32 is fine."""
    return Image.fromarray((_unsigned(image) - np.uint32(lowest)).astype(np.float32))


def _reducible_mode(image: Image.Image) -> str:
    if image.mode.startswith("I;16"):
        return "I"
    if image.has_transparency_data and image.mode != "LA":
        return "RGBA"
    if image.mode == "1":
        return "L"
    return image.mode if image.mode in _REDUCIBLE else "RGB"


def to_rgb(image: Image.Image, stored: Stored) -> tuple[Image.Image, tuple[str, ...]]:
    """RGB of a loaded picture of any mode, and what was converted."""
    deep = (f"{stored.bits} bit scaled to 8",) if stored.bits > 8 else ()
    if stored.largest and not stored.colour:
        return _from_deep(image, stored), (*deep, *_beyond_white(image, stored))
    if image.mode in ("I", "F"):
        return _from_own_range(image, stored), ("scaled by its own minimum and maximum",)
    if image.has_transparency_data:
        flat, notes = _on_white(image)
        return flat, (*deep, *notes)
    if image.mode in _PLAIN:
        return image.convert("RGB"), deep
    return image.convert("RGB"), (*deep, f"{image.mode} converted to RGB")


def _from_deep(image: Image.Image, stored: Stored) -> Image.Image:
    """Grey from 0 to V, rounded to the nearest of 256 levels."""
    values = np.asarray(image).astype(np.int64).clip(0, stored.largest)
    levels = ((values * 255 + stored.largest // 2) // stored.largest).astype(np.uint8)
    return _grey(levels, stored)


def _beyond_white(image: Image.Image, stored: Stored) -> tuple[str, ...]:
    if not stored.open_ended or stored.largest == DEEPEST:
        return ()
    count = int(np.count_nonzero(np.asarray(image) > stored.largest))
    return (beyond_white(stored.largest),) if count > image.width * image.height // HOT else ()


def beyond_white(white: int) -> str:
    """The note on a picture of which more than a thousandth is brighter than what is taken for white."""
    return f"{BEYOND_WHITE} of {white}"


def _from_own_range(image: Image.Image, stored: Stored) -> Image.Image:
    with np.errstate(all="ignore"):  # a signalling NaN
        values: NDArray[np.float64] = np.asarray(image).astype(np.float64)
    finite = np.isfinite(values)
    if not finite.any():
        raise PictureError("no finite number in it")
    low, high = values[finite].min(), values[finite].max()
    scaled = np.where(finite, values - low, 0.0) * (255.0 / (high - low) if high > low else 0.0)
    return _grey(np.rint(scaled).astype(np.uint8), stored)


def _grey(levels: NDArray[np.uint8], stored: Stored) -> Image.Image:
    return Image.fromarray(255 - levels if stored.inverted else levels).convert("RGB")


def _on_white(image: Image.Image) -> tuple[Image.Image, tuple[str, ...]]:
    layered = image.convert("RGBA")
    if layered.getchannel("A").getextrema() == (255, 255):
        return layered.convert("RGB"), ()  # opaque all over: nothing was converted
    white = Image.new("RGBA", layered.size, "white")
    return Image.alpha_composite(white, layered).convert("RGB"), (ON_WHITE,)
