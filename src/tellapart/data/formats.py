"""Which files are pictures: by the end of the name first, which costs nothing, then by the first bytes."""

from __future__ import annotations

import os
from typing import Final

JPEG_START: Final = b"\xff\xd8\xff"
PNG_START: Final = b"\x89PNG\r\n\x1a\n"
JPEG_2000_STARTS: Final = (b"\0\0\0\x0cjP  \r\n\x87\n", b"\xffO\xffQ")
PPM_STARTS: Final = (b"P5", b"P6")  # grey, colour
TIFF_STARTS: Final = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")  # the last two are BigTIFF
SNIFFED: Final = 32  # bytes that looks_like_picture wants

HEIF_INSTALL: Final = "pip install 'tellapart[heif]'"
HEIF_MISSING: Final = f"HEIC, which needs an extra: {HEIF_INSTALL}"  # the reason of a picture skipped for that

# What Pillow reads as pixels. Names are enough: what cannot be decoded later is reported with its reason.
# fmt: off
_ENDINGS: Final = frozenset(
    {
        "apng", "avif", "avifs", "blp", "bmp", "bw", "cur", "dcx", "dds", "dib", "fit", "fits", "flc", "fli", "gif",
        "heic", "heics", "heif", "hif", "icb", "icns", "ico", "im", "j2c", "j2k", "jfif", "jp2", "jpc", "jpe", "jpeg",
        "jpf", "jpg", "jpx", "mpo", "msp", "pam", "pbm", "pcd", "pcx", "pfm", "pgm", "png", "pnm", "ppm", "psd",
        "pxr", "qoi", "ras", "rgb", "rgba", "sgi", "tga", "tif", "tiff", "vda", "vst", "webp", "xbm", "xpm",
    }
)
# fmt: on
OPEN_ENDED_STARTS: Final = (PNG_START, *PPM_STARTS, *TIFF_STARTS, *JPEG_2000_STARTS)  # that may have 16 bit
_STARTS: Final = (
    JPEG_START,
    PNG_START,
    b"GIF87a",
    b"GIF89a",
    *TIFF_STARTS,
    b"\0\0\0\x0cjP  \r\n\x87\n",
    b"\xffO\xffQ",  # JPEG 2000 without a container
    b"8BPS",
    b"DDS ",
    b"qoif",
    b"icns",
)
_BOXED: Final = frozenset({b"avif", b"avis", b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1"})

# The formats that are read, by the name that Pillow has for each. What else Pillow would open (EPS by Ghostscript, WMF
# by the operating system, formats whose headers it walks through without a bound) is not for files of unknown origin.
_KINDS: Final = (
    ("JPEG", (JPEG_START,)),
    ("PNG", (PNG_START,)),
    ("GIF", (b"GIF87a", b"GIF89a")),
    ("TIFF", TIFF_STARTS),
    ("JPEG2000", JPEG_2000_STARTS),
    ("BMP", (b"BM",)),
    ("PPM", tuple(b"P%c" % kind for kind in b"0123456fy")),
    ("ICNS", (b"icns",)),
    ("QOI", (b"qoif",)),
    ("DDS", (b"DDS ",)),
    ("SGI", (b"\x01\xda",)),
    ("SUN", (b"\x59\xa6\x6a\x95",)),
    ("PCX", tuple(b"\n%c" % version for version in (0, 2, 3, 5))),
    ("DIB", tuple(size.to_bytes(4, "little") for size in (12, 40, 52, 56, 64, 108, 124))),
)
_TGA_KINDS: Final = (1, 2, 3, 9, 10, 11)
_AVIF: Final = frozenset({b"avif", b"avis", b"mif1", b"msf1"})
_ICONS: Final = {b"\0\0\1\0": "ICO", b"\0\0\2\0": "CUR"}
_REFUSED: Final = (  # what people may have and take for a picture that is read here
    ("Photoshop (PSD)", (b"8BPS",)),
    ("FITS", (b"SIMPLE",)),
    ("XPM", (b"/* XPM */",)),
    ("BLP", (b"BLP1", b"BLP2")),
    ("DCX", (b"\xb1\x68\xde\x3a",)),
)


def format_of(content: bytes) -> str | None:
    """The format of a picture by its first bytes, as Pillow calls it; None for what is read nowhere here.

    Truevision's TGA has no mark of its own, and is what is left where the first bytes could be its header.
    """
    start = content[:SNIFFED]
    for name, marks in _KINDS:
        if start.startswith(marks):
            return name
    if start[:4] == b"RIFF" and start[8:12] == b"WEBP":
        return "WEBP"
    if start[4:8] == b"ftyp" and start[8:12] in _AVIF:
        return "AVIF"
    if start[:4] in _ICONS and start[4:6] not in (b"\0\0", b""):
        return _ICONS[start[:4]]
    return "TGA" if len(start) >= 18 and start[1] in (0, 1) and start[2] in _TGA_KINDS else None


def refused_format(content: bytes) -> str | None:
    """What a file is called that is a picture, but of a format that is not read; None for anything else."""
    return next((name for name, marks in _REFUSED if content.startswith(marks)), None)


def has_picture_ending(name: str) -> bool:
    return os.path.splitext(name)[1][1:].lower() in _ENDINGS  # noqa: PTH122  (called for each of 100,000 names)


def looks_like_picture(start: bytes) -> bool:
    """Whether the first SNIFFED bytes of a file are those of a picture, whatever the file is called."""
    if start.startswith(_STARTS):
        return True
    if start[:4] == b"RIFF":
        return start[8:12] == b"WEBP"
    if start[:2] == b"BM":
        return start[6:10] == b"\0\0\0\0"  # reserved in BMP; two letters alone would take many a text
    return start[4:8] == b"ftyp" and start[8:12] in _BOXED
