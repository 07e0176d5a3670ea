"""Augmentation: pictures as they might also have been taken, each the same for ever.

What is drawn depends on (seed, epoch, index) alone: the order of pictures, the number of workers and an interrupted run
change nothing. All changes of place are one matrix, so a picture is interpolated once, however many are asked for.

Each range means what the ImageDataGenerator of Keras 3 (keras.src.legacy.preprocessing.image) means by it, with u
uniform in [-1, 1] and drawn anew for each:

- rotation: u * rotation degrees about the middle;
- width_shift and height_shift: u * shift of the side, before the rotation (Keras 3 exchanges the two by mistake);
- shear: u * shear DEGREES; older ones of Keras, such as the chapter's, took radians, so that its 0.2 is 11.5 degrees;
- zoom: factors 1 + u * zoom, one for the width and one for the height;
- horizontal_flip and vertical_flip: every other picture, by chance;
- fill "nearest": what comes into view shows the nearest pixel of the border.

A target place (x, y), from the middle of the picture, shows the source at R(rotation) @ (shift + K(shear) @ Z(zoom) @
place), with the x or y of place negated by a flip: Keras multiplies its matrices in this order, about the same middle.

Brightness multiplies the levels by 1 + u * brightness, then contrast stretches them about mid-grey by 1 + u * contrast.

Legend: S the side of the square.
"""

from __future__ import annotations

import hashlib
import math
import struct
from dataclasses import astuple, dataclass
from typing import Final, Literal

from tellapart.data.warp import IDENTITY, MatrixRow, Warp, warp_pixels
from tellapart.types import Pixels

MID_GREY: Final = 127.5
DRAWN: Final = struct.Struct(">10I")  # for each picture, needed or not: leaving one range out changes no other
_ALGORITHM: Final = 1  # part of the cache key: raise it when draw or warp change what comes out


@dataclass(frozen=True, slots=True, kw_only=True)
class Augmentation:
    """How far a picture may be changed; nothing is, unless it is asked for."""

    rotation: float = 0.0  # degrees, to either side, up to 180
    width_shift: float = 0.0  # share of the side, to either side, below 1
    height_shift: float = 0.0  # share of the side, up or down, below 1
    shear: float = 0.0  # degrees, to either side, below 90
    zoom: float = 0.0  # share by which each side grows or shrinks, below 1
    horizontal_flip: bool = False  # mirror every other picture
    vertical_flip: bool = False  # turn every other picture upside down
    fill: Literal["nearest"] = "nearest"  # what comes into view; "nearest" repeats the border
    brightness: float = 0.0  # share by which levels grow or shrink, at most 1
    contrast: float = 0.0  # share by which levels move from or to mid-grey, at most 1

    def __post_init__(self) -> None:
        bounds = {"rotation": 180, "width_shift": 1, "height_shift": 1, "shear": 89, "zoom": 0.99}
        for name, most in {**bounds, "brightness": 1, "contrast": 1}.items():
            if not 0 <= getattr(self, name) <= most:
                raise ValueError(f"{name} must be from 0 to {most}, not {getattr(self, name)!r}")
        if self.fill != "nearest":
            raise ValueError(f"fill must be 'nearest', not {self.fill!r}")

    @property
    def key(self) -> str:
        """A short string that changes whenever the pixels would: part of the key of everything cached."""
        return f"augment-v{_ALGORITHM}-" + ",".join(map(str, astuple(self)))


NOTHING: Final = Augmentation()
CHAPTER: Final = Augmentation(
    rotation=40, width_shift=0.2, height_shift=0.2, shear=math.degrees(0.2), zoom=0.2, horizontal_flip=True
)


def augment(pixels: Pixels, *, augmentation: Augmentation, seed: int, epoch: int, index: int) -> Pixels:
    """One augmented version of a square uint8 [S, S, 3], which is never written to; itself where nothing is asked for.

    `epoch` is the number of the version, `index` what tells this picture from the others.

    Raises:
        ValueError: pixels are no square.
        MissingExtraError: OpenCV is not installed.
    """
    side = pixels.shape[0]
    if pixels.shape[:2] != (side, side):
        raise ValueError(f"expected a square, not {list(pixels.shape)}")
    return warp_pixels(pixels, draw_warp(augmentation, seed=seed, epoch=epoch, index=index, side=side))


def draw_warp(augmentation: Augmentation, *, seed: int, epoch: int, index: int, side: int) -> Warp:
    """The warp that (seed, epoch, index) stand for, for a square of that side in pixels."""
    if augmentation == NOTHING:
        return Warp()
    drawn = uniform(seed, epoch, index)
    angle, across, down, shear, wide, tall, light, contrast = (2 * part - 1 for part in drawn[:-2])
    mirror, upside_down = (part < 0.5 for part in drawn[-2:])
    gain = 1 + contrast * augmentation.contrast
    return Warp(
        matrix=compose(
            rotation=angle * augmentation.rotation,
            shift=(across * augmentation.width_shift * side, down * augmentation.height_shift * side),
            shear=shear * augmentation.shear,
            zoom=(1 + wide * augmentation.zoom, 1 + tall * augmentation.zoom),
            flip=augmentation.horizontal_flip and mirror,
            upside_down=augmentation.vertical_flip and upside_down,
            side=side,
        ),
        gain=gain * (1 + light * augmentation.brightness),
        bias=MID_GREY * (1 - gain),
    )


def uniform(seed: int, epoch: int, index: int) -> tuple[float, ...]:
    """Ten numbers in [0, 1), the digits of a hash: they take 2 us, where making a generator for them takes 20."""
    digest = hashlib.sha512(f"{seed}\x1faugment\x1f{epoch}\x1f{index}".encode()).digest()
    return tuple(number / 2**32 for number in DRAWN.unpack_from(digest))


def compose(
    *,
    rotation: float,
    shift: tuple[float, float],
    shear: float,
    zoom: tuple[float, float],
    flip: bool,
    upside_down: bool = False,
    side: int,
) -> tuple[MatrixRow, MatrixRow]:
    """The matrix of a warp: one product, written out.

    Rotation and shear are in degrees. The shift is in pixels across and down, before the rotation; zoom has the factors
    of width and height, above 1 more of the source comes into view. Mirrors come last.
    """
    if not (rotation or shear or flip or upside_down or any(shift)) and zoom == (1.0, 1.0):
        return IDENTITY
    angle, tilted = math.radians(rotation), math.radians(rotation + shear)
    cosine, sine = math.cos(angle), math.sin(angle)
    wide, tall = -zoom[0] if flip else zoom[0], -zoom[1] if upside_down else zoom[1]
    x_by_x, x_by_y = cosine * wide, -math.sin(tilted) * tall
    y_by_x, y_by_y = sine * wide, math.cos(tilted) * tall
    middle = (side - 1) / 2
    x_offset = cosine * shift[0] - sine * shift[1] + middle * (1 - x_by_x - x_by_y)
    y_offset = sine * shift[0] + cosine * shift[1] + middle * (1 - y_by_x - y_by_y)
    return (x_by_x, x_by_y, x_offset), (y_by_x, y_by_y, y_offset)


@dataclass(frozen=True, slots=True, kw_only=True)
class AugmentedView:
    """One augmented view of every picture, told apart by their bytes: the same wherever it stands in the data."""

    augmentation: Augmentation  # how far pictures are changed
    seed: int  # of the run
    number: int  # of the view

    @property
    def key(self) -> str:
        """What the view is called in the key of everything cached."""
        return f"{self.augmentation.key}-seed-{self.seed}-view-{self.number}"

    @property
    def shown(self) -> str:
        """What the base is shown."""
        return f"augmented pictures, view {self.number + 1} of each"

    def apply(self, pixels: Pixels, digest: bytes) -> Pixels:
        """This view of prepared pixels uint8 [S, S, 3] of the picture with that sha256."""
        index = int.from_bytes(digest[:8], "big")
        return augment(pixels, augmentation=self.augmentation, seed=self.seed, epoch=self.number, index=index)


@dataclass(frozen=True, slots=True, kw_only=True)
class MovedView:
    """Every picture turned by the same angle, or mirrored."""

    rotation: float = 0.0  # degrees
    flip: bool = False  # mirror left and right
    upside_down: bool = False  # mirror top and bottom

    @property
    def key(self) -> str:
        """What the view is called in the key of everything cached."""
        return f"moved-v{_ALGORITHM}-{self.rotation}-{self.flip}-{self.upside_down}"

    @property
    def shown(self) -> str:
        """What the base is shown, and what it is asked by that."""
        moved = [f"turned by {self.rotation:g} degrees"] if self.rotation else []
        moved += ["mirrored"] * self.flip + ["upside down"] * self.upside_down
        return f"pictures {' and '.join(moved)}, to see whether their class stays"

    def apply(self, pixels: Pixels, digest: bytes) -> Pixels:  # noqa: ARG002
        """This view of prepared pixels uint8 [S, S, 3]."""
        mirrored = {"flip": self.flip, "upside_down": self.upside_down}
        place = compose(rotation=self.rotation, shift=(0, 0), shear=0, zoom=(1, 1), **mirrored, side=len(pixels))
        return warp_pixels(pixels, Warp(matrix=place))
