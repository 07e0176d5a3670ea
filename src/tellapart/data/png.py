"""Pictures that we write ourselves."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, PngImagePlugin

from tellapart import files
from tellapart.targets import SOFTWARE, WRITER


def write_png(path: Path, pixels: NDArray[np.uint8], *, follow: bool = False) -> None:
    """Write uint8 [H, W] (grey) or [H, W, 3] (RGB) as a PNG file; follow as `files.staged` has it."""
    files.write_bytes(path, png_bytes(pixels), follow=follow)


def marked_png(pixels: NDArray[np.uint8], **options: Any) -> bytes:  # noqa: ANN401
    """The same as png_bytes, with a text that says who wrote it: by that it is known and may be written over."""
    marks = PngImagePlugin.PngInfo()
    marks.add_text(SOFTWARE, WRITER)
    return png_bytes(pixels, pnginfo=marks, **options)


def png_bytes(pixels: NDArray[np.uint8], **options: Any) -> bytes:  # noqa: ANN401
    """A PNG file of uint8 [H, W] (grey), [H, W, 3] (RGB) or [H, W, 4]; options are those of Pillow's writer."""
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, "PNG", **options)
    return content.getvalue()
