"""Colour of 16 bit with all of its bits, of which Pillow keeps the high bytes: of 10-bit data that is next to nothing.

Its decoders give the low bytes just as well, told that the bytes are in the other order; so a second pass has the rest.

Legend: H W height and width; C channels, which are RGB, RGB and alpha, or grey and alpha.
"""

from __future__ import annotations

import sys
from typing import Final, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.ImageFile import ImageFile, _Tile

from tellapart.data.pillow import open_picture

Bytes: TypeAlias = NDArray[np.uint8] | NDArray[np.uint16]

DEEPEST: Final = 65535
HOT: Final = 1000  # a value in so many may be a hot pixel, which is no white
_STRIP: Final = 1_000_000  # pixels that are worked on at a time
_MODES: Final = ("RGB", "RGBX", "RGBA")
_GREY_AND_ALPHA: Final = "LA;16B"  # of a PNG, which Pillow makes RGBA of
_OTHER_ORDER: Final = {
    **{f"{mode};16B": f"{mode};16L" for mode in _MODES},
    **{f"{mode};16L": f"{mode};16B" for mode in _MODES},
    # The order of this machine, in which libtiff gives what it unpacks.
    **{f"{mode};16N": f"{mode};16{'B' if sys.byteorder == 'little' else 'L'}" for mode in _MODES},
    _GREY_AND_ALPHA: "RGBA",  # the four bytes as they are
}


def is_deep_colour(image: Image.Image) -> bool:
    """Whether an opened picture, not loaded yet, is colour (or grey with an alpha channel) of 16 bit."""
    tiles = _tiles(image)
    return bool(tiles) and all(_is_ppm(tile) or _raw_mode(tile) in _OTHER_ORDER for tile in tiles)


def brightest_colour(image: Image.Image, content: bytes) -> int:
    """The value that all but a thousandth of the colours of such a picture stay below, rounded up to a high byte."""
    tile = _tiles(image)[0]
    if _is_ppm(tile):
        high = np.frombuffer(content, ">u2", 3 * image.width * image.height, tile.offset) >> 8
        counts = np.bincount(high, minlength=256)
    else:
        counts = np.array(image.histogram()[: 3 * 256]).reshape(3, 256).sum(axis=0)
    total = int(counts.sum())
    place = max(total - 1 - total // HOT, 0)
    return int(np.searchsorted(np.cumsum(counts), place, side="right")) << 8 | 0xFF


def scaled_colour(image: Image.Image, content: bytes, *, white: int) -> tuple[Image.Image, bool]:
    """Such a picture with 8 bit, `white` being 255, and whether more than a thousandth of it is beyond white.

    It is loaded on the way. What a header names as the transparent colour gets an alpha channel; one that goes beyond
    white reaches up to 65535.
    """
    tile, named = _tiles(image)[0], image.info.get("transparency")
    if _is_ppm(tile):
        whole = np.frombuffer(content, ">u2", 3 * image.width * image.height, tile.offset)
        return _scaled([whole.reshape(image.height, image.width, 3)], white=white)
    with open_picture(content) as other:
        cast("ImageFile", other).tile = [_in_other_order(tile) for tile in _tiles(other)]
        other.load()
        image.load()
        if _raw_mode(tile) == _GREY_AND_ALPHA:
            return _scaled([np.asarray(other)], white=white)
        return _scaled([np.asarray(image), np.asarray(other)], white=white, named=named)


def _scaled(parts: list[Bytes], *, white: int, named: object = None) -> tuple[Image.Image, bool]:
    """The work, a strip at a time; `named` is the colour that is transparent."""
    height, width = parts[0].shape[:2]
    tall = max(1, _STRIP // width)
    strips = [slice(top, top + tall) for top in range(0, height, tall)]
    has_alpha = _values(parts, slice(0, 1)).shape[2] in (2, 4)
    alpha_white = white
    if has_alpha and max(int(_values(parts, rows)[..., -1].max()) for rows in strips) > white:
        alpha_white = DEEPEST
    levels, beyond = [], 0
    for rows in strips:
        values = _values(parts, rows)
        colours = values[..., :-1] if has_alpha else values
        beyond += int(np.count_nonzero(colours > white))
        made = [_levels(colours, white)]
        if has_alpha:
            made.append(_levels(values[..., -1:], alpha_white))
        elif isinstance(named, tuple):
            made.append(np.where((values == named).all(axis=2, keepdims=True), 0, 255).astype(np.uint8))
        levels.append(np.concatenate(made, axis=2))
    return Image.fromarray(np.concatenate(levels)), beyond > height * width * colours.shape[2] // HOT


def _values(parts: list[Bytes], rows: slice) -> NDArray[np.uint16]:
    """Some rows [H, W, C] in 16 bit, of values, of high and low bytes, or of bytes that stand side by side."""
    first = parts[0][rows]
    if len(parts) == 2:
        return _joined(first, parts[1][rows])
    return first.astype(np.uint16) if first.dtype != np.uint8 else _joined(first[..., 0::2], first[..., 1::2])


def _joined(high: Bytes, low: Bytes) -> NDArray[np.uint16]:
    return np.bitwise_or(np.left_shift(high, 8, dtype=np.uint16), low, dtype=np.uint16)


def _levels(values: NDArray[np.uint16], white: int) -> NDArray[np.uint8]:
    """From 0 to white, rounded to the nearest of 256 levels."""
    wide = np.minimum(values, white).astype(np.uint32)
    return ((wide * 255 + white // 2) // white).astype(np.uint8)


def _tiles(image: Image.Image) -> list[_Tile]:
    return list(getattr(image, "tile", ()))


def _raw_mode(tile: _Tile) -> str:
    return tile.args if isinstance(tile.args, str) else str((tile.args or ("",))[0])


def _is_ppm(tile: _Tile) -> bool:
    return tile.codec_name == "ppm" and tile.args == ("RGB", DEEPEST)


def _in_other_order(tile: _Tile) -> _Tile:
    other = _OTHER_ORDER[_raw_mode(tile)]
    return tile._replace(args=(other, *tile.args[1:]) if isinstance(tile.args, tuple) else other)
