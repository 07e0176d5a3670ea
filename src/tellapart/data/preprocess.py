"""What is done to a picture between its file and a base: one frozen value, made at training, used unchanged ever after.

Legend: S the side of the square, H W any size.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Final, Literal, Self

import numpy as np

from tellapart.data.boxes import Content
from tellapart.data.decode import decode, upright
from tellapart.data.resize import squash
from tellapart.types import Pixels

SMALLEST, LARGEST = 8, 2048  # sides in pixels
_ALGORITHM: Final = 4  # part of the cache key: raise it when decode or resize change what comes out


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """Pixels uint8 [S, S, 3], RGB, C-contiguous; notes say what was converted on the way, () if nothing."""

    pixels: Pixels
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Preprocess:
    """Decode, turn upright, squash to a square.

    The other fields have one value each today. They are written into the model file all the same, so that a program
    that knows only this value refuses a file that means another one.
    """

    size: int  # S, the side of the square in pixels, 8 to 2048
    colour: Literal["RGB"] = "RGB"  # the order of the channels
    fit: Literal["squash"] = "squash"  # "squash": both sides are scaled to S, nothing is cut off and nothing is padded
    resample: Literal["bilinear"] = "bilinear"  # the antialiased triangle filter, see `data.resize`
    white: int | None = None  # in 16 bit whose header leaves it open, see `data.depth`; None where none was seen

    def __post_init__(self) -> None:
        if type(self.size) is not int or not SMALLEST <= self.size <= LARGEST:
            raise ValueError(f"size must be a whole number from {SMALLEST} to {LARGEST}, not {self.size!r}")
        for name, only in (("colour", "RGB"), ("fit", "squash"), ("resample", "bilinear")):
            if getattr(self, name) != only:
                raise ValueError(f"{name} must be {only!r}, not {getattr(self, name)!r}")
        if self.white is not None and (type(self.white) is not int or not 255 <= self.white <= 65535):
            raise ValueError(f"white must be a whole number from 255 to 65535, not {self.white!r}")

    @property
    def key(self) -> str:
        """A short string that changes whenever the pixels would: part of the key of everything cached."""
        white = "" if self.white in (None, 65535) else f"-white{self.white}"
        return f"{self.colour.lower()}-{self.fit}-{self.resample}-{self.size}{white}-v{_ALGORITHM}"

    def apply(self, content: Content) -> Prepared:
        """Make pixels [S, S, 3] of a file or a box in it, or of pixels uint8 [H, W] (grey) or [H, W, 3] (RGB).

        Raises:
            PictureError: the file cannot be read; `what` is the reason.
            ValueError: pixels of another shape or dtype, or none.
        """
        if isinstance(content, np.ndarray):
            grey_or_rgb = content.ndim == 2 or (content.ndim == 3 and content.shape[2] == 3)
            if content.dtype != np.uint8 or not grey_or_rgb or content.size == 0:
                raise ValueError(f"expected uint8 [H, W] or [H, W, 3], not {content.dtype} {list(content.shape)}")
            return Prepared(pixels=squash(content, size=self.size))
        decoded = decode(content, at_least=self.size, white=self.white)
        pixels = squash(decoded.pixels, size=self.size)
        if decoded.orientation != 1:  # after the resize to a square, where it is the same and costs less
            pixels = upright(pixels, decoded.orientation)
            return Prepared(
                pixels=pixels, notes=(f"turned upright (EXIF orientation {decoded.orientation})", *decoded.notes)
            )
        return Prepared(pixels=pixels, notes=decoded.notes)

    def to_json(self) -> dict[str, Any]:
        """What model.json says; without white where none was seen, as earlier versions wrote it."""
        return {name: value for name, value in asdict(self).items() if name != "white" or value is not None}

    @classmethod
    def from_json(cls, document: object) -> Self:
        """Read what to_json wrote; a ValueError where it is something else, or has a value out of range."""
        expected = {field.name for field in fields(cls)}
        if not isinstance(document, Mapping) or set(document) | {"white"} != expected:
            raise ValueError(f"preprocess must be an object with the keys {', '.join(sorted(expected))}")
        return cls(**document)
