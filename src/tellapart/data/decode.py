"""From the bytes of one file to RGB pixels, with every conversion told.

What happens to each kind of picture stands in docs/formats.md, one row a kind.

Legend: H W height and width as stored in the file, before any EXIF turn.
"""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import simplejpeg  # type: ignore[import-untyped]  # it has a .pyi, but no py.typed
from PIL import Image, UnidentifiedImageError

from tellapart.data import tiff
from tellapart.data.boxes import CLIPPED, Boxed, Rectangle, locate, shown_size, turned_rectangle
from tellapart.data.deep_colour import DEEPEST, brightest_colour, scaled_colour
from tellapart.data.duration import SECONDS, check_duration, seconds_to_decode
from tellapart.data.exif import ORIENTATION_TAG, asks_for_too_much
from tellapart.data.formats import JPEG_START, OPEN_ENDED_STARTS, PNG_START, TIFF_STARTS, refused_format
from tellapart.data.heif import decode_heif, is_heif
from tellapart.data.jpeg import JpegHeader, read_jpeg_header, seconds_to_decode_jpeg
from tellapart.data.memory import LARGE, bytes_to_decode, memory_for
from tellapart.data.mended import DAMAGED_TEXT, NO_END, with_end, without_damaged_text
from tellapart.data.pillow import PIXEL_LIMIT, check_speed, open_picture
from tellapart.data.rgb import Stored, beyond_white, brightest_value, reduced, stored_as, to_rgb
from tellapart.errors import PictureError
from tellapart.types import Box, Pixels


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoded:
    """One picture, decoded."""

    pixels: Pixels  # uint8 [H, W, 3], RGB, perhaps scaled down; not yet turned
    notes: tuple[str, ...] = ()  # what was converted, in the order it was done; () for a picture that was used as it is
    orientation: int = 1  # the EXIF orientation (1 to 8) still to apply, see `upright`


def decode(content: bytes | Boxed, *, at_least: int, white: int | None = None) -> Decoded:
    """Decode the bytes of one picture file, or a box in it, which will be resized to a side of `at_least` pixels.

    `white` is the value of white in 16 bit where no header says it, see `data.depth`; None for 65535.

    A JPEG (and any very large picture) is decoded at a half, a quarter or an eighth where both sides stay at least
    twice as long, which an antialiased resize can hardly tell from the full size.

    Raises:
        PictureError: it cannot be read; `what` is the reason, a short clause.
    """
    boxed = content if isinstance(content, Boxed) else None
    content, box = (content.content, content.box) if isinstance(content, Boxed) else (content, None)
    if not content:
        raise PictureError("empty file")
    try:
        if is_heif(content):
            return _decode_heif(content, at_least, box)
        if content.startswith(JPEG_START):
            return _decode_jpeg(content, at_least, box, {} if boxed is None else boxed.whole)
        return _decode_mended(content, at_least, white, box)
    except PictureError:
        raise
    except Exception as error:  # a decoder fed with garbage raises nearly anything
        raise PictureError(_reason(error, content)) from error


def frame_note(image: Image.Image) -> tuple[str, ...]:
    """What is to be noted of a picture of which there are several in its file."""
    if not getattr(image, "is_animated", False):
        return ()
    shown = image.tell() + 1
    return (f"page {shown}, of which the first is a preview" if shown > 1 else "first frame of several",)


def _decode_mended(content: bytes, at_least: int, white: int | None, box: Box | None) -> Decoded:
    """By way of Pillow; a PNG that it refuses once more without what pixels do not depend on."""
    try:
        return _decode_with_pillow(content, at_least, white, box)
    except PictureError:
        raise
    except Exception:
        plain = without_damaged_text(content) if content.startswith(PNG_START) and _costs_little(content) else None
        if plain is None:
            raise
        decoded = _decode_with_pillow(plain, at_least, white, box)
        return replace(decoded, notes=(DAMAGED_TEXT, *decoded.notes))


def _costs_little(content: bytes) -> bool:
    """Whether it is within bounds to decode a PNG twice, of which a copy is made."""
    width, height, bits = struct.unpack_from(">IIB", content, 16) if len(content) > 24 else (0, 0, 0)
    seconds = seconds_to_decode(width, height, file_format="PNG", bands=4, bits=bits, length=len(content))
    return 2 * seconds < SECONDS and len(content) < LARGE


def upright(pixels: Pixels, orientation: int) -> Pixels:
    """Pixels [H, W, 3] as EXIF orientation 1 to 8 wants them seen, C-contiguous: [H, W, 3], or [W, H, 3] from 5 on.

    Source: EXIF 2.32, tag 0x0112. From 5 on the axes are exchanged; then rows or columns are reversed.
    """
    if orientation >= 5:
        pixels = pixels.transpose(1, 0, 2)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return np.ascontiguousarray(pixels)


def _jpeg_size(content: bytes) -> tuple[int, int] | None:
    """Height and width, or None where simplejpeg cannot make RGB of it: CMYK, 12 bit, arithmetic coding, damage."""
    try:
        height, width, colour, _ = simplejpeg.decode_jpeg_header(content, strict=False)
    except ValueError:
        return None
    return (int(height), int(width)) if colour in ("YCbCr", "RGB", "Gray") else None


def _decode_jpeg(content: bytes, at_least: int, box: Box | None, whole: dict[int, Pixels]) -> Decoded:
    header, size = read_jpeg_header(content), _jpeg_size(content)
    if size is None:
        return _decode_slow_jpeg(content, header, at_least, box)
    if size != header.size:
        raise PictureError("damaged (a JPEG of two sizes)")
    cut, clipped = (None, ()) if box is None else _cut(box, size[::-1], header.orientation)
    shorter = min(size) if cut is None else min(cut[2] - cut[0], cut[3] - cut[1])
    divisor = next((divisor for divisor in (8, 4, 2) if shorter >= divisor * 2 * at_least), 1)
    # Rounded up, as libjpeg rounds; with no minimum it would pick any n/8, and those between are slower than full size.
    height, width = -(-size[0] // divisor), -(-size[1] // divisor)
    if len(content) < header.least_bytes:
        raise PictureError("truncated")
    seconds = seconds_to_decode_jpeg(content, header, divisor=divisor)
    check_duration(seconds, width=size[1], height=size[0], kind="JPEG")
    # A resize keeps two copies more, by which time the coefficients are gone.
    area = size[0] * size[1] if cut is None else (cut[2] - cut[0]) * (cut[3] - cut[1])
    needed = 3 * height * width + max(header.coefficients, 2 * 3 * area // divisor**2)
    try:
        if (pixels := whole.get(divisor)) is None:
            whole.clear()
            with memory_for(needed, width=size[1], height=size[0]):
                pixels = whole[divisor] = simplejpeg.decode_jpeg(content, "RGB", min_height=height, min_width=width)
    except ValueError as error:
        if "premature end" in str(error).lower():
            if (mended := _with_end(content, header, seconds)) is None:
                raise PictureError("truncated") from error
            decoded = _decode_jpeg(mended, at_least, box, whole)
            return replace(decoded, notes=(NO_END, *decoded.notes))
        decoded = _decode_slow_jpeg(content, header, at_least, box)
        return replace(decoded, notes=("damaged JPEG data stepped over", *decoded.notes))
    if cut is not None:
        left, top, right, bottom = (round(edge / divisor) for edge in cut)
        pixels = pixels[top:bottom, left:right]
    return Decoded(pixels=pixels, notes=clipped, orientation=header.orientation)


def _cut(box: Box, size: tuple[int, int], orientation: int) -> tuple[Rectangle, tuple[str, ...]]:
    """The rectangle of a box in a picture as stored, of size W, H; and what there is to note."""
    rectangle, clipped = locate(box, size=size, orientation=orientation)
    return rectangle, (CLIPPED,) if clipped else ()


def _decode_slow_jpeg(content: bytes, header: JpegHeader, at_least: int, box: Box | None) -> Decoded:
    """By way of Pillow, which takes what simplejpeg does not, at full size."""
    height, width = header.size
    seconds = seconds_to_decode_jpeg(content, header, divisor=1)
    check_duration(seconds, width=width, height=height, kind="JPEG")
    whole = _with_end(content, header, seconds)
    decoded = _decode_with_pillow(whole or content, at_least, box=box)
    return decoded if whole is None else replace(decoded, notes=(NO_END, *decoded.notes))


def _with_end(content: bytes, header: JpegHeader, seconds: float) -> bytes | None:
    """What `with_end` gives, where it is within bounds to decode a picture of so many seconds three times."""
    height, width = header.size
    if 3 * seconds > SECONDS:
        return None
    with memory_for(header.coefficients + height * width // 8, width=width, height=height):
        return with_end(content, header)


def _decode_heif(content: bytes, at_least: int, box: Box | None) -> Decoded:
    image, bits, several = decode_heif(content)
    if box is not None:  # its decoder gives the picture as it is shown, and does not tell how it is stored
        cut, clipped = _cut(box, image.size, 1)
        image, several = image.crop(cut), (*clipped, *several)
    stored = Stored(bits=bits, largest=65535 if image.mode.startswith("I;16") else 0)
    rgb, notes = to_rgb(reduced(image, stored, at_least=at_least), stored)
    return Decoded(pixels=np.array(rgb), notes=(*several, *notes))


def brightest(content: bytes | Boxed) -> int | None:
    """The value that all but a thousandth of a picture of 16 bit stays below; None for any other.

    Raises:
        PictureError: it cannot be read.
    """
    if isinstance(content, Boxed):  # the range is one of the whole picture
        content = content.content
    if not content.startswith(OPEN_ENDED_STARTS):
        return None
    try:
        with open_picture(content) as image:
            stored = stored_as(image, content)
            if not stored.open_ended:
                return None
            with _within_bounds(image, stored, len(content)):
                return brightest_colour(image, content) if stored.colour else brightest_value(image)
    except PictureError:
        raise
    except Exception as error:  # a decoder fed with garbage raises nearly anything
        raise PictureError(_reason(error, content)) from error


def _decode_with_pillow(content: bytes, at_least: int, white: int | None = None, box: Box | None = None) -> Decoded:
    with open_picture(content) as image:
        stored = stored_as(image, content)
        if stored.open_ended and white is not None:
            stored = replace(stored, largest=white)
        twice = stored.colour and stored.largest not in (0, DEEPEST)
        copies = (0 if box is None else 1) + (2 if twice else 0)
        with _within_bounds(image, stored, len(content), copies=copies, times=2 if twice else 1):
            frames = frame_note(image)
            # A TIFF is turned by Pillow as it is loaded; of a PNG the orientation is not known before.
            announced = pillow_orientation(image) if image.format == "TIFF" else 1
            whole, beyond = scaled_colour(image, content, white=stored.largest) if twice else (image, False)
            image.load()
            orientation = pillow_orientation(image)
            part, clipped = (whole, ()) if box is None else _part(whole, box, announced, orientation)
            rgb, notes = to_rgb(reduced(part, stored, at_least=at_least), stored)
            pixels = np.array(rgb)
    upright = (f"turned upright (EXIF orientation {announced})",) if announced != orientation == 1 else ()
    bright = (beyond_white(stored.largest),) if beyond and stored.open_ended else ()
    return Decoded(pixels=pixels, notes=(*upright, *frames, *clipped, *notes, *bright), orientation=orientation)


def _part(image: Image.Image, box: Box, announced: int, left: int) -> tuple[Image.Image, tuple[str, ...]]:
    """A box out of a loaded picture that announced one turn, and has another one (`left`) still to come."""
    if announced != left == 1:
        size = shown_size(image.size, announced)
        cut, clipped = _cut(box, size, announced)
        return image.crop(turned_rectangle(cut, size, announced)), clipped
    cut, clipped = _cut(box, image.size, left)
    return image.crop(cut), clipped


@contextlib.contextmanager
def _within_bounds(
    image: Image.Image, stored: Stored, length: int, *, copies: int = 0, times: int = 1
) -> Iterator[None]:
    """Go on with an opened picture of so many bytes, where loading it so often, and copies of it, is within bounds."""
    (width, height), file_format = image.size, image.format or ""
    needed = bytes_to_decode(width, height, mode=image.mode, file_format=tiff.format_with_colours(image))
    kept = bytes_to_decode(width, height, mode=image.mode, file_format=None)
    needed = max(needed, (1 + copies) * kept)  # what a decoder works with is gone by then
    tiff.check_tiff(image)
    check_speed(image, length=length)
    with memory_for(needed, width=width, height=height):
        seconds = times * seconds_to_decode(
            width,
            height,
            file_format=file_format,
            bands=4 if image.has_transparency_data else len(image.getbands()),
            bits=1 if image.mode == "1" else stored.bits,
            length=length,
        )
        check_duration(seconds, width=width, height=height, kind=file_format)
        yield


def pillow_orientation(image: Image.Image) -> int:
    """The orientation left to apply after loading (some readers of Pillow turn the picture and drop the tag)."""
    exif = image.info.get("exif")
    if isinstance(exif, bytes) and asks_for_too_much(exif.removeprefix(b"Exif\0\0")):
        return 1
    try:
        # By the base class: of a PNG Pillow would load all the pixels to look for EXIF behind them.
        value = Image.Image.getexif(image).get(ORIENTATION_TAG, 1)
    except Exception:  # noqa: BLE001  (broken EXIF raises nearly anything, and is no reason to lose the picture)
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _reason(error: Exception, content: bytes) -> str:
    """A short clause for the ledger, the same on every run (Pillow's own text may hold a memory address)."""
    if isinstance(error, UnidentifiedImageError):
        if (name := refused_format(content)) is not None:
            return f"{name}, which is not read here; save it as PNG"
        return tiff.UNKNOWN if content.startswith(TIFF_STARTS) else "not a picture in any format known here"
    if isinstance(error, Image.DecompressionBombError):
        return f"more than {2 * PIXEL_LIMIT:,} pixels"
    if isinstance(error, MemoryError):
        return "needs more memory than there is"
    text = str(error).strip()
    if "truncated" in text.lower():
        return "truncated"
    return f"damaged ({text[:120]})" if any(character.isalpha() for character in text) else "damaged"
