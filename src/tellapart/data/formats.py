"""Which files are pictures: by the end of the name first, which costs nothing, then by the first bytes."""

from __future__ import annotations

import os
from typing import Final

JPEG_START: Final = b"\xff\xd8\xff"
PNG_START: Final = b"\x89PNG\r\n\x1a\n"
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
_STARTS: Final = (
    JPEG_START,
    b"\x89PNG\r\n\x1a\n",
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

# Formats of Pillow that run Ghostscript (EPS), or that only a plug-in of somebody else can turn into pixels, or whose
# pixels are drawn by the operating system (WMF): none belongs near files of unknown origin.
FORBIDDEN: Final = frozenset({"EPS", "WMF", "BUFR", "GRIB", "HDF5", "MPEG"})


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
