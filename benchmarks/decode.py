"""Pictures a second from the bytes of a file to a 224 px square, on one core, beside plain Pillow in the same run.

    python benchmarks/decode.py [FOLDER] [--size 224] [--limit 300] [--rounds 7]

FOLDER holds pictures, at any depth; the first --limit of each ending are read into memory first, so that no disk is
measured. Without FOLDER synthetic pictures of 500 x 374 pixels in each format are used. The two ways take turns, round
by round, and the median round of each is reported: on a shared machine the ratio is what can be trusted. Prints JSON.
"""

from __future__ import annotations

import argparse
import io
import json
import platform
import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from tellapart.data.preprocess import Preprocess
from tellapart.data.scan import index_of_paths
from tellapart.errors import PictureError


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure decode and resize.")
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--limit", type=int, default=300, help="pictures of each format")
    parser.add_argument("--rounds", type=int, default=7)
    arguments = parser.parse_args()
    samples = from_folder(arguments.folder, limit=arguments.limit) if arguments.folder else synthetic()
    results = {
        name: measure(contents, size=arguments.size, rounds=arguments.rounds) for name, contents in samples.items()
    }
    print(json.dumps({"size": arguments.size, "machine": platform.machine(), "formats": results}, indent=2))


def from_folder(folder: Path, *, limit: int) -> dict[str, list[bytes]]:
    """The bytes of the first pictures of each ending that can be read."""
    samples: dict[str, list[bytes]] = defaultdict(list)
    for picture in index_of_paths([folder]).pictures:
        ending = picture.file.suffix.lower()
        if len(samples[ending]) < limit and is_readable(content := picture.file.read_bytes()):
            samples[ending].append(content)
    return {ending: contents for ending, contents in samples.items() if contents}


def is_readable(content: bytes) -> bool:
    try:
        Preprocess(size=8).apply(content)
    except PictureError:
        return False
    return True


def synthetic() -> dict[str, list[bytes]]:
    """A few smooth, slightly noisy pictures in each format."""
    random = np.random.default_rng(0)
    images = [Image.fromarray(random.integers(0, 256, (12, 16, 3), np.uint8)).resize((500, 374)) for _ in range(10)]
    options = {"JPEG": {"quality": 92}, "PNG": {}, "WEBP": {"quality": 90}, "BMP": {}, "TIFF": {}, "GIF": {}}
    return {name: [encoded(image, name, **chosen) for image in images] for name, chosen in options.items()}


def encoded(image: Image.Image, file_format: str, **options: int) -> bytes:
    content = io.BytesIO()
    image.save(content, file_format, **options)
    return content.getvalue()


def measure(contents: Sequence[bytes], *, size: int, rounds: int) -> dict[str, float]:
    ways: dict[str, Callable[[bytes], object]] = {
        "tellapart": Preprocess(size=size).apply,
        "pillow": lambda content: with_pillow(content, size),
    }
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            start = time.perf_counter()
            for content in contents:
                way(content)
            times[name].append((time.perf_counter() - start) / len(contents))
    medians = {name: statistics.median(values) for name, values in times.items()}
    return {
        "pictures": len(contents),
        **{f"{name}_ms": round(1000 * median, 3) for name, median in medians.items()},
        **{f"{name}_pictures_per_s": round(1 / median) for name, median in medians.items()},
        "ratio": round(medians["pillow"] / medians["tellapart"], 2),
    }


def with_pillow(content: bytes, size: int) -> object:
    with Image.open(io.BytesIO(content)) as image:
        return np.asarray(image.convert("RGB").resize((size, size), Image.Resampling.BILINEAR))


if __name__ == "__main__":
    main()
