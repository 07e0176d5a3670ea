"""From the bytes of one file to RGB pixels, with every conversion told.

Legend: H W height and width as stored in the file, before any EXIF turn.

Policies, the same for every format:

- Grey is repeated to RGB and a palette is looked up: nothing is lost, so the picture counts as used, not converted.
- Alpha or transparency is laid on white.
- 16 bit becomes 8 bit: grey is divided by 257 and rounded; of colour Pillow keeps the high byte, at most a level away.
- Floats and 32-bit integers are scaled by their own minimum and maximum; what is not finite becomes the minimum.
- CMYK and the other colour spaces go through Pillow's conversion, without ICC profiles.
- Of several frames or pages the first counts.
- A truncated file is unreadable; a JPEG with garbage that a decoder can step over is converted.
- More than PIXEL_LIMIT pixels by the header are refused before anything of that size is reserved.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Final

import numpy as np
import simplejpeg  # type: ignore[import-untyped]  # it has a .pyi, but no py.typed
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from tellapart.data.exif import ORIENTATION_TAG, jpeg_orientation
from tellapart.data.formats import FORBIDDEN, JPEG_START
from tellapart.data.pillow import PIXEL_LIMIT, quiet_pillow
from tellapart.errors import PictureError
from tellapart.types import Pixels

HEIC_BRANDS: Final = frozenset({b"heic", b"heix", b"hevc", b"heim", b"heis"})
REDUCE_ABOVE: Final = 16_000_000  # pixels; above, a picture is box-reduced before it is copied about


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoded:
    """One picture, decoded.

    Attributes:
        pixels: uint8 [H, W, 3], RGB, perhaps scaled down; not yet turned.
        notes: what was converted, in the order it was done; () for a picture that was used as it is.
        orientation: the EXIF orientation (1 to 8) still to apply, see `upright`.
    """

    pixels: Pixels
    notes: tuple[str, ...] = ()
    orientation: int = 1

    @property
    def image(self) -> Image.Image:
        """The pixels as a Pillow image, mode RGB, not yet turned."""
        return Image.fromarray(self.pixels)


def decode(content: bytes, *, at_least: int) -> Decoded:
    """Decode the bytes of one picture file.

    Args:
        content: the whole file.
        at_least: the side in pixels it will be resized to. A JPEG (and any very large picture) is decoded at a half, a
            quarter or an eighth where both sides stay at least twice as long, which an antialiased resize to at_least
            can hardly tell from the full size.

    Raises:
        PictureError: it cannot be read; `what` is the reason, a short clause.
    """
    if not content:
        raise PictureError("empty file")
    if content[4:8] == b"ftyp" and content[8:12] in HEIC_BRANDS:
        raise PictureError("HEIC, which cannot be read here; save it as JPEG or PNG")
    try:
        return _decode_any(content, at_least)
    except PictureError:
        raise
    except Exception as error:  # a decoder fed with garbage raises nearly anything
        raise PictureError(_reason(error)) from error


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


def _decode_any(content: bytes, at_least: int) -> Decoded:
    header = _jpeg_header(content) if content.startswith(JPEG_START) else None
    if header is None:
        return _decode_with_pillow(content, at_least)
    height, width = header
    _check_size(width, height)
    return _decode_jpeg(content, header, at_least)


def _jpeg_header(content: bytes) -> tuple[int, int] | None:
    """Height and width, or None where simplejpeg cannot make RGB of it: CMYK, 12 bit, arithmetic coding, damage."""
    try:
        height, width, colour, _ = simplejpeg.decode_jpeg_header(content, strict=False)
    except ValueError:
        return None
    return (int(height), int(width)) if colour in ("YCbCr", "RGB", "Gray") else None


def _check_size(width: int, height: int) -> None:
    if width * height > PIXEL_LIMIT:
        raise PictureError(f"{width} x {height} pixels, more than {PIXEL_LIMIT:,}")


def _decode_jpeg(content: bytes, size: tuple[int, int], at_least: int) -> Decoded:
    divisor = _divisor(min(size), at_least)
    # Rounded up, as libjpeg rounds; with no minimum it would pick any n/8, and those between are slower than full size.
    height, width = -(-size[0] // divisor), -(-size[1] // divisor)
    try:
        pixels = simplejpeg.decode_jpeg(content, "RGB", min_height=height, min_width=width)
    except ValueError as error:
        if "premature end" in str(error).lower():
            raise PictureError("truncated") from error
        decoded = _decode_with_pillow(content, at_least)
        return Decoded(
            pixels=decoded.pixels,
            notes=("damaged JPEG data stepped over", *decoded.notes),
            orientation=decoded.orientation,
        )
    return Decoded(pixels=pixels, orientation=jpeg_orientation(content))


def _divisor(side: int, at_least: int) -> int:
    return next((divisor for divisor in (8, 4, 2) if side >= divisor * 2 * at_least), 1)


def _decode_with_pillow(content: bytes, at_least: int) -> Decoded:
    with quiet_pillow(), Image.open(io.BytesIO(content), formats=_readable_formats()) as image:
        _check_size(*image.size)
        frames = ("first frame of several",) if getattr(image, "is_animated", False) else ()
        image.load()
        orientation = _pillow_orientation(image)
        deep = _has_16_bit(image, content)
        rgb, notes = _to_rgb(_reduced(image, at_least), deep=deep)
        pixels = np.array(rgb)
    return Decoded(pixels=pixels, notes=(*frames, *notes), orientation=orientation)


def _readable_formats() -> list[str]:
    """The formats of this Pillow without those that start another program or read only a header."""
    Image.init()
    return [name for name in Image.ID if name not in FORBIDDEN]


def _pillow_orientation(image: Image.Image) -> int:
    """The orientation left to apply after loading (some readers of Pillow turn the picture and drop the tag)."""
    try:
        value = image.getexif().get(ORIENTATION_TAG, 1)
    except Exception:  # noqa: BLE001  (broken EXIF raises nearly anything, and is no reason to lose the picture)
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _has_16_bit(image: Image.Image, content: bytes) -> bool:
    """Whether the values are 0 to 65535; in PNG the header says so, since Pillow keeps only the high byte of colour."""
    if image.format == "PNG":
        return content[24] == 16
    return image.mode.startswith("I;16") or (image.mode == "I" and image.format == "PPM")


def _reduced(image: Image.Image, at_least: int) -> Image.Image:
    """What has more than REDUCE_ABOVE pixels box-reduced to twice at_least or more, so that its copies are small."""
    if image.width * image.height <= REDUCE_ABOVE:
        return image
    if image.mode.startswith("I;16"):
        image = image.convert("I")
    elif image.mode == "1":
        image = image.convert("L")
    elif image.mode not in ("L", "LA", "RGB", "RGBA", "CMYK", "I", "F"):
        image = image.convert("RGBA" if image.has_transparency_data else "RGB")
    factors = (max(1, image.width // (2 * at_least)), max(1, image.height // (2 * at_least)))
    reduced = image.reduce(factors)
    reduced.info = image.info  # the transparent colour of a PNG
    return reduced


def _to_rgb(image: Image.Image, *, deep: bool) -> tuple[Image.Image, tuple[str, ...]]:
    sixteen = ("16 bit scaled to 8",) if deep else ()
    if image.mode.startswith("I") and deep:
        return _from_16_bit(image), sixteen
    if image.mode in ("I", "F"):
        return _from_own_range(image), ("scaled by its own minimum and maximum",)
    if image.has_transparency_data:
        flat, notes = _on_white(image)
        return flat, (*sixteen, *notes)
    if image.mode in ("1", "L", "P", "RGB", "RGBX"):
        return image.convert("RGB"), sixteen
    return image.convert("RGB"), (f"{image.mode} converted to RGB",)


def _from_16_bit(image: Image.Image) -> Image.Image:
    values = np.asarray(image).astype(np.int64).clip(0, 65535)
    return Image.fromarray(((values + 128) // 257).astype(np.uint8)).convert("RGB")


def _from_own_range(image: Image.Image) -> Image.Image:
    with np.errstate(all="ignore"):  # a signalling NaN
        values: NDArray[np.float64] = np.asarray(image).astype(np.float64)
    finite = np.isfinite(values)
    if not finite.any():
        raise PictureError("no finite number in it")
    low, high = values[finite].min(), values[finite].max()
    scaled = np.where(finite, values - low, 0.0) * (255.0 / (high - low) if high > low else 0.0)
    return Image.fromarray(np.rint(scaled).astype(np.uint8)).convert("RGB")


def _on_white(image: Image.Image) -> tuple[Image.Image, tuple[str, ...]]:
    layered = image.convert("RGBA")
    if layered.getchannel("A").getextrema() == (255, 255):
        return layered.convert("RGB"), ()  # opaque all over: nothing was converted
    white = Image.new("RGBA", layered.size, "white")
    return Image.alpha_composite(white, layered).convert("RGB"), ("transparency laid on white",)


def _reason(error: Exception) -> str:
    """A short clause for the ledger, the same on every run (Pillow's own text may hold a memory address)."""
    if isinstance(error, UnidentifiedImageError):
        return "not a picture in any format known here"
    if isinstance(error, Image.DecompressionBombError):
        return f"more than {PIXEL_LIMIT:,} pixels"
    if isinstance(error, MemoryError):
        return "needs more memory than there is"
    text = str(error).strip()
    if "truncated" in text.lower():
        return "truncated"
    return f"damaged ({text[:120]})" if any(character.isalpha() for character in text) else "damaged"
