"""Augmented pictures a second on one core, against the generator of the chapter, Keras' ImageDataGenerator.

    python benchmarks/augmentation.py [--size 150] [--pictures 400] [--rounds 7]

Both change the same synthetic pictures by the same ranges in this process, turn by turn on one thread; the ratio of
the median rounds is what counts, because the machine is shared. Times are of the processor, not of the clock. Where
Keras is not installed, what its `random_transform` computes is computed by the same calls to SciPy, and the result
says so. To measure against the real one, in an environment of its own:

    pip install keras jax scipy pillow opencv-python-headless
    PYTHONPATH=src KERAS_BACKEND=jax python benchmarks/augmentation.py

`largest_difference` is between the two, in grey levels, for the same drawn parameters. Prints JSON.
"""

from __future__ import annotations

import argparse
import importlib
import json
import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any

import cv2
import numpy as np
from scipy import ndimage

from tellapart.data.augment import CHAPTER, augment, compose
from tellapart.data.warp import Warp, warp_pixels

Floats = np.ndarray[Any, np.dtype[np.float32]]
KERAS_MODULES = ("keras.legacy.preprocessing.image", "keras.src.legacy.preprocessing.image")
RANGES = {
    "rotation_range": CHAPTER.rotation,
    "width_shift_range": CHAPTER.width_shift,
    "height_shift_range": CHAPTER.height_shift,
    "shear_range": CHAPTER.shear,
    "zoom_range": CHAPTER.zoom,
    "horizontal_flip": CHAPTER.horizontal_flip,
    "fill_mode": CHAPTER.fill,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--size", type=int, default=150)
    parser.add_argument("--pictures", type=int, default=400)
    parser.add_argument("--rounds", type=int, default=7)
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    name, generator = chapter_generator()
    result = measure(generator, size=arguments.size, pictures=arguments.pictures, rounds=arguments.rounds)
    print(json.dumps({"benchmark": "augmentation", "size": arguments.size, "against": name, **result}, indent=2))


def chapter_generator() -> tuple[str, Any]:
    """Keras' own generator with the chapter's ranges, or the one below; and its name."""
    for module in KERAS_MODULES:
        try:
            image = importlib.import_module(module)
        except ImportError:
            continue
        return f"{module} {importlib.import_module('keras').__version__}", image.ImageDataGenerator(**RANGES)
    return "scipy, as Keras calls it", ScipyGenerator()


class ScipyGenerator:
    """What Keras' ImageDataGenerator does with the chapter's ranges, by the same calls to SciPy."""

    def __init__(self) -> None:
        self.random = np.random.default_rng(0)

    def get_random_transform(self, shape: tuple[int, ...]) -> dict[str, Any]:
        low, high = 1 - CHAPTER.zoom, 1 + CHAPTER.zoom
        return {
            "theta": self.random.uniform(-CHAPTER.rotation, CHAPTER.rotation),
            "tx": self.random.uniform(-CHAPTER.height_shift, CHAPTER.height_shift) * shape[0],
            "ty": self.random.uniform(-CHAPTER.width_shift, CHAPTER.width_shift) * shape[1],
            "shear": self.random.uniform(-CHAPTER.shear, CHAPTER.shear),
            "zx": self.random.uniform(low, high),
            "zy": self.random.uniform(low, high),
            "flip_horizontal": bool(self.random.random() < 0.5),
        }

    def apply_transform(self, picture: Floats, drawn: Mapping[str, Any]) -> Floats:
        theta, shear = np.deg2rad(drawn["theta"]), np.deg2rad(drawn["shear"])
        turn = np.array([[np.cos(theta), -np.sin(theta), 0], [np.sin(theta), np.cos(theta), 0], [0, 0, 1]])
        shift = np.array([[1, 0, drawn["tx"]], [0, 1, drawn["ty"]], [0, 0, 1]])
        slant = np.array([[1, -np.sin(shear), 0], [0, np.cos(shear), 0], [0, 0, 1]])
        middle = len(picture) / 2 - 0.5
        centre = np.array([[1, 0, middle], [0, 1, middle], [0, 0, 1]])
        matrix = centre @ turn @ shift @ slant @ np.diag([drawn["zx"], drawn["zy"], 1]) @ np.linalg.inv(centre)
        matrix[:, [0, 1]] = matrix[:, [1, 0]]  # from (x, y) to (row, column)
        matrix[[0, 1]] = matrix[[1, 0]]
        channels = [
            ndimage.affine_transform(channel, matrix[:2, :2], matrix[:2, 2], order=1, mode=CHAPTER.fill)
            for channel in np.rollaxis(picture, 2)
        ]
        changed = np.stack(channels, axis=2)
        return changed[:, ::-1] if drawn["flip_horizontal"] else changed

    def random_transform(self, picture: Floats) -> Floats:
        return self.apply_transform(picture, self.get_random_transform(picture.shape))


def measure(generator: Any, *, size: int, pictures: int, rounds: int) -> dict[str, Any]:  # noqa: ANN401
    squares = synthetic(size)
    floats = [square.astype(np.float32) for square in squares]
    ways: dict[str, Callable[[int], object]] = {
        "tellapart": lambda number: augment(
            squares[number % len(squares)], augmentation=CHAPTER, seed=0, epoch=0, index=number
        ),
        "chapter": lambda number: generator.random_transform(floats[number % len(floats)]),
    }
    rates: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            count = pictures if name == "tellapart" else max(1, pictures // 8)
            rates[name].append(count / seconds(way, count=count))
    medians = {name: statistics.median(values) for name, values in rates.items()}
    ratios = [ours / theirs for ours, theirs in zip(rates["tellapart"], rates["chapter"], strict=True)]
    return {
        **{f"{name}_pictures_per_s": round(median, 1) for name, median in medians.items()},
        "ratio": round(medians["tellapart"] / medians["chapter"], 1),
        "ratio_of_rounds": [round(ratio, 1) for ratio in ratios],
        "largest_difference": round(largest_difference(generator, floats), 3),
    }


def synthetic(size: int) -> list[np.ndarray[Any, np.dtype[np.uint8]]]:
    """Smooth pictures with some noise, uint8 [size, size, 3]."""
    random = np.random.default_rng(0)
    coarse = [random.integers(0, 256, (8, 8, 3), dtype=np.uint8) for _ in range(16)]
    smooth = [cv2.resize(picture, (size, size), interpolation=cv2.INTER_CUBIC) for picture in coarse]
    return [cv2.add(picture, random.integers(0, 20, picture.shape, dtype=np.uint8)) for picture in smooth]


def seconds(way: Callable[[int], object], *, count: int) -> float:
    """Seconds of the processor for so many pictures."""
    started = time.process_time()
    for number in range(count):
        way(number)
    return time.process_time() - started


def largest_difference(generator: Any, floats: list[Floats]) -> float:  # noqa: ANN401
    """Grey levels between the two for the same parameters; rounding to whole levels accounts for half of one."""
    largest = 0.0
    for picture in floats:
        drawn = generator.get_random_transform(picture.shape)
        matrix = compose(
            rotation=drawn["theta"],
            shift=(drawn["tx"], drawn["ty"]),
            shear=drawn["shear"],
            zoom=(drawn["zx"], drawn["zy"]),
            flip=bool(drawn["flip_horizontal"]),
            side=picture.shape[0],
        )
        ours = warp_pixels(picture.astype(np.uint8), Warp(matrix=matrix))
        theirs = generator.apply_transform(picture, drawn)
        largest = max(largest, float(np.abs(ours - theirs).max()))
    return largest


if __name__ == "__main__":
    main()
