"""Pillow kept quiet and inside our bounds while it works, and left as it was afterwards."""

from __future__ import annotations

import contextlib
import io
import threading
import warnings
from collections.abc import Iterable, Iterator
from typing import Any, Final, cast

from PIL import Image, TgaImagePlugin, UnidentifiedImageError

from tellapart.data.bounds import check_bounds
from tellapart.data.formats import format_of
from tellapart.data.tiff import MOST_PAGES, to_main_page
from tellapart.data.tiff_header import pages_to_look_at
from tellapart.errors import PictureError

# Pillow itself refuses more than twice as many pixels; what a picture may really take, tellapart.data.memory says.
PIXEL_LIMIT: Final = 400_000_000
SLOW_LIMIT: Final = 1_500_000  # pixels of a format that Pillow decodes in Python: up to 2.3 microseconds each
SLOW_BYTES: Final = 48_000_000  # of such a file: text of 1,500,000 pixels with long numbers
SLOW_RUNS: Final = 8_000_000  # of a BMP in runs, which may lead nowhere


class _Guard:
    """Counts the threads inside, so that the first one in sets Pillow up and the last one out puts it back.

    Not by `warnings.catch_warnings`, which swaps the filters of the whole process (docs/decisions.md): here one filter,
    which concerns nobody but Pillow, is put in and taken out again.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._pixels: int | None = None
        self._filter: object = None

    def enter(self) -> None:
        with self._lock:
            self._inside += 1
            if self._inside == 1:
                self._pixels, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, PIXEL_LIMIT
                warnings.filterwarnings("ignore", module=r"PIL(\.|$)")
                self._filter = warnings.filters[0]

    def leave(self) -> None:
        with self._lock:
            self._inside -= 1
            if self._inside == 0:
                Image.MAX_IMAGE_PIXELS = self._pixels
                with contextlib.suppress(ValueError):  # somebody restored the filters of before meanwhile
                    cast("list[Any]", warnings.filters).remove(self._filter)


_GUARD: Final = _Guard()


@contextlib.contextmanager
def quiet_pillow() -> Iterator[None]:
    """While any thread is inside, Pillow warns of nothing and refuses pictures of over twice PIXEL_LIMIT by itself."""
    _GUARD.enter()
    try:
        yield
    finally:
        _GUARD.leave()


@contextlib.contextmanager
def open_picture(content: bytes) -> Iterator[Image.Image]:
    """Open the bytes of a file as the format that their start says, once its header is found to be within bounds.

    Raises:
        PictureError: it is not.
        Exception: nearly any other, for bytes that are no picture.
    """
    file_format = format_of(content)
    if file_format is None:
        raise UnidentifiedImageError
    check_bounds(content, file_format)
    # What starts like another format may still be TGA, which has no mark and costs nothing to open.
    formats = [*dict.fromkeys((file_format, TgaImagePlugin.TgaImageFile.format))]
    load_formats(formats)
    with quiet_pillow(), Image.open(io.BytesIO(content), formats=formats) as image:
        to_main_page(image, pages=pages_to_look_at(content, most=MOST_PAGES) if file_format == "TIFF" else 1)
        yield image


def load_formats(formats: Iterable[str]) -> None:
    """Let Pillow know some formats: the common ones, and all that it has only where another is asked for."""
    Image.preinit()  # JPEG and PNG among them
    if not Image.OPEN.keys() >= set(formats):
        Image.init()  # some 30 ms of imports


def check_speed(image: Image.Image, *, length: int = 0) -> None:
    """Refuse a large picture that Pillow would take seconds to decode in Python, opened and not yet loaded.

    length: of its file, in bytes.
    """
    codecs = {tile[0] for tile in getattr(image, "tile", ())}
    if codecs.isdisjoint(Image.DECODERS):
        return
    if image.width * image.height > SLOW_LIMIT or length > (SLOW_RUNS if "bmp_rle" in codecs else SLOW_BYTES):
        what = f"{image.format} of {image.width} x {image.height} pixels, which takes long to decode; save it as PNG"
        raise PictureError(what)
