"""Test cards: pictures drawn by arithmetic, for which a model file knows its own answers.

Each is a different size, none of them square, and each is unlike its mirror image, its upside-down image and its image
with red and blue exchanged, so that a wrong resize, axis order or colour order shows. Clouds, and not ramps or discs:
in smooth pictures the rounding of bfloat16 moves a base's features by up to a fifth, as far as such a mistake does, and
in these by a sixteenth (docs/log.md).
"""

from __future__ import annotations

import numpy as np

from tellapart.data.png import png_bytes
from tellapart.types import Pixels

SIZES = ((256, 320), (300, 200), (340, 450), (120, 96))  # height and width
FINEST = 4  # pixels; smaller blocks would make large PNG files
CONTRAST = 2


def draw_cards() -> tuple[Pixels, ...]:
    """Four pictures uint8 [H, W, 3]."""
    return tuple(cloud(height, width, seed=number) for number, (height, width) in enumerate(SIZES, start=1))


def cloud(height: int, width: int, *, seed: int) -> Pixels:
    """Coloured noise in blocks of 4, 8, 16 … pixels laid over each other: something to see at every scale.

    Whole numbers only, from a linear congruential sequence (Numerical Recipes' constants): the same on every machine.
    """
    total, layers, state = np.zeros((height, width, 3), np.int64), 0, seed
    for size in (FINEST << step for step in range(min(height, width).bit_length())):
        if size > min(height, width):
            break
        rows, columns, values = -(-height // size), -(-width // size), []
        for _ in range(rows * columns * 3):
            state = (1664525 * state + 1013904223) % 2**32
            values.append((state >> 24) - 128)
        blocks = np.array(values, np.int64).reshape(rows, columns, 3)
        total += blocks.repeat(size, axis=0).repeat(size, axis=1)[:height, :width]
        layers += 1
    return (128 + CONTRAST * total // layers).clip(0, 255).astype(np.uint8)


def to_png(pixels: Pixels) -> bytes:
    return png_bytes(pixels)
