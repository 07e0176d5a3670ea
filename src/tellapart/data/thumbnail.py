"""Pictures made small: the miniature that is kept of each, enough to tell what shows the same, and one to be shown.

Legend: S the side of a prepared square.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final, Self

import numpy as np
from PIL import Image

from tellapart.data.boxes import Content
from tellapart.data.decode import brightest, decode, upright
from tellapart.data.resize import squash
from tellapart.types import Pixels

SIDE: Final = 24  # pixels
_DIGEST: Final = 16  # bytes
_LENGTH: Final = _DIGEST + SIDE * SIDE * 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Miniature:
    """A picture at SIDE x SIDE."""

    pixels: Pixels  # uint8 [SIDE, SIDE, 3], RGB
    digest: bytes  # 16 bytes, equal for two pictures if what is decoded and prepared of them is equal

    @classmethod
    def of(cls, prepared: Pixels) -> Self:
        """The miniature of prepared pixels uint8 [S, S, 3]."""
        digest = hashlib.sha256(np.ascontiguousarray(prepared).data).digest()[:_DIGEST]
        return cls(pixels=squash(prepared, size=SIDE), digest=digest)

    def to_bytes(self) -> bytes:
        return self.digest + self.pixels.tobytes()

    @classmethod
    def from_bytes(cls, content: bytes) -> Self | None:
        """Read what to_bytes wrote; None for anything else."""
        if len(content) != _LENGTH:
            return None
        pixels = np.frombuffer(content, np.uint8, offset=_DIGEST).reshape(SIDE, SIDE, 3)
        return cls(pixels=pixels, digest=content[:_DIGEST])


def small_picture(content: Content, *, longest: int) -> Image.Image:
    """A picture upright, in RGB, its longer side at most `longest` pixels."""
    if isinstance(content, np.ndarray):
        pixels = content
    else:
        # To be looked at, each deep picture is shown in its own range: a set's would leave some nearly black.
        white = None if (highest := brightest(content)) is None else max((1 << highest.bit_length()) - 1, 255)
        decoded = decode(content, at_least=max(1, longest // 2), white=white)
        pixels = upright(decoded.pixels, decoded.orientation)
    image = Image.fromarray(pixels).convert("RGB")
    scale = min(1.0, longest / max(image.size))
    width, height = (max(1, round(side * scale)) for side in image.size)
    return image.resize((width, height), Image.Resampling.BILINEAR, reducing_gap=2.0)
