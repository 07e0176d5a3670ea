"""Kinds of TIFF that Pillow opens and shows wrongly: set right where that is simple, refused where it is not."""

from __future__ import annotations

import contextlib
from typing import Final

from PIL import Image
from PIL.TiffImagePlugin import TiffImageFile

from tellapart.errors import PictureError

_SUBFILE, _BITS, _PHOTOMETRIC, _LARGEST, _PLANES, _KIND, _DNG = 254, 258, 262, 281, 284, 339, 50706  # tags
_REDUCED: Final = 1  # a bit of _SUBFILE: a small version of another picture in the file
_SIGNED: Final = 2
MOST_PAGES: Final = 16  # that are looked through for the one which the first is a preview of
_TWICE: Final = 2.0
_ALIKE: Final = 0.05  # relative, of the proportions of a preview of few pixels and its picture
_YCBCR: Final = 6
UNKNOWN: Final = "a kind of TIFF that cannot be read here; save it with 8 or 16 bit"


def bits_of(image: Image.Image) -> int:
    """Bits of one value as the file says; 0 for anything but a TIFF."""
    return max(_numbers(image, _BITS), default=0)


def format_with_colours(image: Image.Image) -> str:
    """The format of an opened picture, with what makes a difference for the memory that it takes."""
    return "TIFF, YCbCr" if _numbers(image, _PHOTOMETRIC) == (_YCBCR,) else image.format or ""


def check_tiff(image: Image.Image) -> None:
    """Refuse what Pillow decodes to something else than the file says.

    That is camera raw, whose first picture is a preview, 16-bit colour in separate planes, and signed bytes.
    """
    if _numbers(image, _DNG) or _is_reduced(image):
        raise PictureError("camera raw, of which only a preview can be read here; save it as JPEG or PNG")
    if bits_of(image) == 16 and _numbers(image, _PLANES) == (2,) and len(image.getbands()) > 1:
        raise PictureError("TIFF with 16-bit colour in separate planes, which cannot be read here")
    if bits_of(image) == 8 and _SIGNED in _numbers(image, _KIND):
        raise PictureError("TIFF with signed bytes, which cannot be read here")


def to_main_page(image: Image.Image, *, pages: int) -> None:
    """Go to the picture that the first page of a TIFF is a small version of, where it is one.

    It is one if it says so (NewSubfileType), or if a later page of its shape has twice its sides. Camera raw is left.
    Only so many pages are looked at; Pillow itself would walk through all of them to tell their number.
    """
    if not isinstance(image, TiffImageFile) or _numbers(image, _DNG) or pages == 1:
        return
    reduced, first, best = _is_reduced(image), image.size, (0, image.size)
    with contextlib.suppress(Exception):  # a later page that cannot be read is no reason to lose the picture
        for page in range(1, pages):
            image.seek(page)
            larger = image.width > best[1][0] and image.height > best[1][1]
            twice = min(image.width / first[0], image.height / first[1]) >= _TWICE
            alike = abs(image.width * first[1] / (image.height * first[0]) - 1) <= _ALIKE
            if larger and not _is_reduced(image) and alike and (reduced or twice):
                best = page, image.size
    image.seek(best[0])


def _is_reduced(image: Image.Image) -> bool:
    return any(number & _REDUCED for number in _numbers(image, _SUBFILE))


def stated_largest(image: Image.Image) -> int:
    """The largest value that a TIFF says it uses (MaxSampleValue), from 255 to 65534; 0 where it says nothing else."""
    stated = max(_numbers(image, _LARGEST), default=0)
    return stated if 255 <= stated < 65535 and bits_of(image) == 16 else 0


def is_inverted(image: Image.Image) -> bool:
    """Whether 0 means white and Pillow has left it so, as it does for grey of more than 8 bit."""
    return _numbers(image, _PHOTOMETRIC) == (0,) and (image.mode in ("I", "F") or image.mode.startswith("I;16"))


def is_unsigned(image: Image.Image) -> bool:
    """Whether it holds 32-bit numbers without a sign."""
    return image.mode == "I" and bits_of(image) == 32 and _SIGNED not in _numbers(image, _KIND)


def _numbers(image: Image.Image, tag: int) -> tuple[int, ...]:
    if not isinstance(image, TiffImageFile):
        return ()
    value = image.tag_v2.get(tag, ())
    numbers = tuple(value) if isinstance(value, tuple | bytes) else (value,)
    return tuple(number for number in numbers if isinstance(number, int))
