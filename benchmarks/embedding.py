"""Embedding from picture files with an empty cache, against the bare engine on ready-made tensors.

    python benchmarks/embedding.py [FOLDER] [--pictures 4000] [--rounds 3]

Both run in this process, in turn, on the same pictures; the ratio of each round is what counts, because the machine is
shared. FOLDER is any data that `tellapart train` takes; without it, synthetic JPEG files of 440 x 374 pixels are made.
Prints JSON.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from tellapart.backbones.backbone import Backbone
from tellapart.backbones.catalogue import load_backbone
from tellapart.backbones.engine import Engine, native_precision
from tellapart.data.scan import scan
from tellapart.features.cache import open_cache
from tellapart.features.embed import embed_pictures
from tellapart.types import Index

READY = 256  # distinct tensors kept in memory; the engine's work does not depend on what they show


def synthetic(folder: Path, *, pictures: int) -> Path:
    """Write JPEG files of two classes, smooth with some noise, about 25 kB each."""
    random = np.random.default_rng(0)
    for number in range(pictures):
        coarse = random.integers(0, 256, (12, 14, 3), dtype=np.uint8)
        smooth = np.asarray(Image.fromarray(coarse).resize((440, 374), Image.Resampling.BICUBIC), np.int16)
        noisy = (smooth + random.integers(-12, 13, smooth.shape)).clip(0, 255).astype(np.uint8)
        path = folder / "ab"[number % 2] / f"{number:05d}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(noisy).save(path, quality=85)
    return folder


def bare_rate(engine: Engine, tensors: np.ndarray, *, pictures: int) -> float:
    """Pictures a second of the engine alone."""
    step = engine.pictures
    started = time.perf_counter()
    for first in range(0, pictures, step):
        place = first % (len(tensors) - step + 1)
        engine.submit(tensors[place : place + step], lambda _rows: None)
    engine.wait()
    return pictures / (time.perf_counter() - started)


def embedding_rate(index: Index, backbone: Backbone, engine: Engine) -> float:
    """Pictures a second from files to features, into a new cache, with the engine that the bare rate is of."""
    with tempfile.TemporaryDirectory() as folder, open_cache(Path(folder)) as cache:
        return len(index.pictures) / embed_pictures(index, backbone, cache=cache, engine=engine).embed_s


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--pictures", type=int, default=4000)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        source = arguments.folder or synthetic(Path(folder), pictures=min(arguments.pictures, 1000))
        index = scan(source)
        index = replace(index, pictures=index.pictures[: arguments.pictures])
        backbone = load_backbone("lite0")
        contents = [picture.file.read_bytes() for picture in index.pictures[:READY]]
        tensors = np.stack([backbone.preprocess.apply(content).pixels for content in contents])
        engine = Engine(backbone, precision=native_precision())
        bare_rate(engine, tensors, pictures=READY)
        rounds = []
        for _ in range(arguments.rounds):
            bare = bare_rate(engine, tensors, pictures=len(index.pictures))
            files = embedding_rate(index, backbone, engine)
            rounds.append(
                {"bare_per_s": round(bare, 1), "files_per_s": round(files, 1), "ratio": round(files / bare, 3)}
            )
    result = {
        "benchmark": "embedding",
        "pictures": len(index.pictures),
        "precision": engine.precision,
        "threads": engine.threads,
        "rounds": rounds,
        "ratio_median": statistics.median(row["ratio"] for row in rounds),
    }
    json.dump(result, sys.stdout, indent=2)
    print()


if __name__ == "__main__":
    main()
