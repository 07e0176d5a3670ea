"""Squash pixels to a square with the antialiased triangle filter.

Legend: H W any size, S the side of the square.

The filter is the one Pillow calls BILINEAR: a triangle as wide as two source pixels, or as two target pixels where the
picture shrinks, so that nothing aliases. cykooz_resizer computes the same with SIMD, about four times as fast and equal
to one grey level; where it has no wheel, Pillow does the work.
"""

from __future__ import annotations

import threading
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tellapart.types import Pixels

try:
    import cykooz_resizer as fast
except ImportError:
    fast = None

_LOCAL: Final = threading.local()  # a resizer keeps buffers between calls and may not be shared


def squash(pixels: NDArray[np.uint8], *, size: int) -> Pixels:
    """Resize uint8 [H, W] or [H, W, 3] to uint8 [S, S, 3], C-contiguous.

    Grey is repeated; a picture of the right size is returned as it is, anything else as a new, writable array.
    """
    if pixels.shape[:2] != (size, size):
        pixels = _squash_with_pillow(pixels, size) if fast is None else _squash_fast(pixels, size)
    if pixels.ndim == 2:
        pixels = pixels.repeat(3).reshape(size, size, 3)
    return np.ascontiguousarray(pixels)


def _squash_with_pillow(pixels: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    return np.array(Image.fromarray(pixels).resize((size, size), Image.Resampling.BILINEAR))


def _squash_fast(pixels: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    # Through plain buffers, not Pillow images: one copy less, and nothing that reaches into Pillow's insides.
    kind = fast.PixelType.U8 if pixels.ndim == 2 else fast.PixelType.U8x3
    source = fast.ImageData(pixels.shape[1], pixels.shape[0], kind, pixels.tobytes())
    target = fast.ImageData(size, size, kind)
    resizer, options = _resizer()
    resizer.resize(source, target, options)
    return np.frombuffer(bytearray(target.get_buffer()), np.uint8).reshape(size, size, *pixels.shape[2:])


def _resizer() -> tuple[Any, Any]:
    """This thread's resizer and its options."""
    if not hasattr(_LOCAL, "resizer"):
        algorithm = fast.ResizeAlg.convolution(fast.FilterType.bilinear)
        _LOCAL.resizer = fast.Resizer(), fast.ResizeOptions(resize_alg=algorithm, use_alpha=False)
    resizer: tuple[Any, Any] = _LOCAL.resizer
    return resizer
