"""What a short look at each file tells: properties of the file, and a few figures of its pixels.

Legend: N pictures, S the side of the square that is looked at.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from functools import partial
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from tellapart.cores import thread_count
from tellapart.data.boxes import Boxed
from tellapart.data.decode import decode
from tellapart.data.pillow import open_picture
from tellapart.data.prefetch import look_ahead
from tellapart.data.resize import squash
from tellapart.data.rgb import LUMA
from tellapart.duplicates.shown import in_slices
from tellapart.errors import PictureError
from tellapart.features.content import picture_content
from tellapart.features.kept import Kept, result_key
from tellapart.progress import Progress, Silent, in_stage
from tellapart.types import Index, Picture, Pixels

SIDE = 224  # pixels; what is blurred for a base that looks at 224
HANDFUL = 16  # pictures a thread takes at once
AT_ONCE = 1024  # small pictures
SHARP_BLOCK = 56  # pixels; a picture is as sharp as its sharpest sixteenth, for a background may well be out of focus


@dataclass(frozen=True, slots=True, kw_only=True)
class Properties:
    """What can be known of a picture without seeing it."""

    width: int  # in pixels, as stored
    height: int  # in pixels, as stored
    size: int  # of the file, in bytes
    form: str  # JPEG, PNG, …
    exif: bool  # whether the file has EXIF data
    grey: bool = False  # whether it has no channels of colour; of a palette that is not told


@dataclass(frozen=True, slots=True, kw_only=True)
class PixelFigures:
    """A few figures of the pixels, looked at as a square of SIDE pixels; grey levels are 0 to 255."""

    low: float  # the grey level that a tenth of the picture is darker than
    high: float  # the grey level that a twentieth of the picture is brighter than
    spread: float  # the standard deviation of the grey levels
    # how much neighbouring pixels differ for the contrast there is, in the sharpest sixteenth: the standard deviation
    # of the Laplacian over that of the grey levels
    detail: float


GREY_MODES = ("1", "L", "LA", "La", "I", "F")  # as Pillow calls them, before the bits in I;16

# Of a picture that cannot be read there is neither, of a row of an IDX file there are no properties.
Look = tuple[Properties | None, PixelFigures | None]


def look_shortly(index: Index, *, white: int | None = None, progress: Progress | None = None) -> list[Look]:
    """Read every picture of the index, and measure it; `white` is that of pictures of 16 bit, as in `decode`."""
    progress = progress or Silent()
    with in_stage(progress, "Measuring pictures", total=len(index.pictures), unit="pictures"):
        seen: list[Look] = []
        threads = thread_count()
        ahead = look_ahead(
            partial(_look, index, white), index.pictures, threads=threads, most=2 * threads * HANDFUL, handful=HANDFUL
        )
        with contextlib.closing(ahead):
            for one in ahead:
                seen.append(one)
                progress.advance()
    return seen


def file_properties(index: Index) -> tuple[Properties | None, ...]:
    """The properties of each picture by its header; None where it cannot be read, and for rows of IDX files."""
    return tuple(_header(index, picture) for picture in index.pictures)


def kept_properties(index: Index, digests: Sequence[bytes]) -> tuple[Properties | None, ...]:
    """The same as they were found before, by the sha256 of the content of each picture."""
    key = result_key("properties", [b"".join(digests)], sources=("audit/look.py", "data"))
    kept = Kept(key=key, pack=pack_properties, unpack=partial(unpack_properties, count=len(digests)))
    known = kept.get()
    return kept.put(file_properties(index)) if known is None else known


def pack_properties(properties: tuple[Properties | None, ...]) -> bytes:
    """Properties as JSON; nothing where those of a picture are unknown, which need not stay so."""
    return b"" if None in properties else json.dumps([astuple(one) for one in properties if one]).encode()


def unpack_properties(packed: bytes, *, count: int) -> tuple[Properties | None, ...]:
    """Properties of so many pictures from JSON.

    Raises:
        ValueError, TypeError: it is not that.
    """
    rows = json.loads(packed)
    if len(rows) != count:
        raise ValueError("properties of other pictures")
    return tuple(read_properties(*row) for row in rows)


def read_properties(width: int, height: int, size: int, form: str, exif: bool, grey: bool) -> Properties:
    """Those of one picture.

    Raises:
        ValueError, TypeError: they are none.
    """
    if min(width, height, size) < 0 or not isinstance(form, str):
        raise ValueError("properties of no picture")
    return Properties(width=int(width), height=int(height), size=int(size), form=form, exif=bool(exif), grey=bool(grey))


def measure(pixels: Pixels) -> PixelFigures:
    """Figures of a picture uint8 [S, S, 3]."""
    grey = pixels.astype(np.float32) @ LUMA
    low, high = np.percentile(grey, (10, 95))
    return PixelFigures(low=float(low), high=float(high), spread=float(grey.std()), detail=_detail(grey))


def measure_small(pixels: NDArray[np.uint8]) -> list[PixelFigures]:
    """Figures of N pictures uint8 [N, s, s, 3] that are too small to have any detail: that is 0."""

    def measured(some: slice) -> list[PixelFigures]:
        grey = (pixels[some].astype(np.float32) @ LUMA).reshape(-1, pixels.shape[1] * pixels.shape[2])
        low, high = np.percentile(grey, (10, 95), axis=1)
        return [
            PixelFigures(low=dark, high=bright, spread=spread, detail=0.0)
            for dark, bright, spread in zip(low.tolist(), high.tolist(), grey.std(axis=1).tolist(), strict=True)
        ]

    return list(chain.from_iterable(in_slices(measured, count=len(pixels), size=AT_ONCE)))


def _look(index: Index, white: int | None, picture: Picture) -> Look:
    try:
        content = picture_content(index, picture)
        if isinstance(content, np.ndarray):
            return None, measure(squash(content, size=SIDE))
        pixels = squash(decode(content, at_least=SIDE, white=white).pixels, size=SIDE)
        return _properties(content), measure(pixels)
    except PictureError:
        return None, None


def _header(index: Index, picture: Picture) -> Properties | None:
    try:
        content = picture_content(index, picture)
    except PictureError:
        return None
    return None if isinstance(content, np.ndarray) else _properties(content)


def _properties(content: bytes | Boxed) -> Properties | None:
    content = content.content if isinstance(content, Boxed) else content
    try:
        with open_picture(content) as image:
            return Properties(
                width=image.width,
                height=image.height,
                size=len(content),
                form=image.format or "",
                exif="exif" in image.info,
                grey=image.mode.partition(";")[0] in GREY_MODES,
            )
    except Exception:  # noqa: BLE001 - a decoder fed with garbage raises nearly anything; the ledger says what is wrong
        return None


def _detail(grey: NDArray[np.float32]) -> float:
    """The Laplacian's deviation over that of the grey levels, the largest over blocks of SHARP_BLOCK pixels."""
    laplacian = grey[1:-1, :-2] + grey[1:-1, 2:] + grey[:-2, 1:-1] + grey[2:, 1:-1] - 4 * grey[1:-1, 1:-1]
    edges = np.zeros_like(grey)
    edges[1:-1, 1:-1] = laplacian
    blocks = len(grey) // SHARP_BLOCK
    inner = slice(0, blocks * SHARP_BLOCK)

    def deviations(values: NDArray[np.float32]) -> NDArray[np.float32]:
        tiles = values[inner, inner].reshape(blocks, SHARP_BLOCK, blocks, SHARP_BLOCK)
        result: NDArray[np.float32] = tiles.std(axis=(1, 3))
        return result

    return float(deviations(edges).max()) / max(float(grey.std()), 1.0)
