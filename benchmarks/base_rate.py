"""Pictures a second through a base of timm with random weights, which cost what others do (needs the extra torch).

    python benchmarks/base_rate.py [--base vgg16] [--size 150] [--pictures 400] [--rounds 3]

The base is turned into a graph as `tellapart train --backbone NAME --weights FILE` does it, and looks at pictures that
lie in memory, as uint8, all its depths kept. benchmarks/peers has the same for Keras on TensorFlow. Prints JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from tellapart.backbones.backbone import Backbone
from tellapart.backbones.catalogue import find_base
from tellapart.backbones.engine import Engine, native_precision


def random_base(name: str, *, size: int, folder: Path) -> Backbone:
    """The base as it comes out of a file of weights, made and kept below folder."""
    import timm
    from safetensors.torch import save_file

    os.environ["TELLAPART_CACHE"] = str(folder / "cache")
    save_file(timm.create_model(name, pretrained=False).state_dict(), folder / "weights.safetensors")
    return find_base(name, size=size, weights=folder / "weights.safetensors")


def rate(engine: Engine, pictures: np.ndarray) -> float:
    """Pictures a second, uint8 [N, S, S, 3]."""
    started = time.perf_counter()
    engine.run(pictures)
    return len(pictures) / (time.perf_counter() - started)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--base", default="vgg16", help="any name of timm")
    parser.add_argument("--size", type=int, default=150)
    parser.add_argument("--pictures", type=int, default=400)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        backbone = random_base(arguments.base, size=arguments.size, folder=Path(folder))
        engine = Engine(backbone, precision=native_precision())
    shape = (arguments.pictures, arguments.size, arguments.size, 3)
    pictures = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    rate(engine, pictures[: 2 * engine.pictures])
    rounds = [round(rate(engine, pictures), 1) for _ in range(arguments.rounds)]
    result = {
        "benchmark": "base_rate",
        "base": arguments.base,
        "size": arguments.size,
        "pictures": arguments.pictures,
        "precision": native_precision(),
        "rounds": rounds,
        "images_per_s": statistics.median(rounds),
    }
    json.dump(result, sys.stdout, indent=2)
    print()


if __name__ == "__main__":
    main()
