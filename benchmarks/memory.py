"""Peak memory of `tellapart train` for a few and for many pictures.

    python benchmarks/memory.py [MNIST_FOLDER] [--few 4000] [--many 60000]

Trains on the first pictures of a folder of IDX files, each in a process of its own with an empty cache, and reports the
peak resident size with and without the matrix of features. Without a folder, IDX files of noise are made. Prints JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import struct
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from tellapart.data.idx import read_idx

COMMAND = [sys.executable, "-c", "from tellapart.cli.main import main; main()"]


def write_idx(folder: Path, images: np.ndarray, labels: np.ndarray) -> Path:
    """Write uint8 images [N, H, W] and labels [N] as a train set in IDX files."""
    folder.mkdir(parents=True)
    header = struct.pack(">4B3I", 0, 0, 8, 3, *images.shape)
    (folder / "train-images-idx3-ubyte").write_bytes(header + images.tobytes())
    (folder / "train-labels-idx1-ubyte").write_bytes(struct.pack(">4BI", 0, 0, 8, 1, len(labels)) + labels.tobytes())
    return folder


def source(folder: Path | None, *, pictures: int) -> tuple[np.ndarray, np.ndarray]:
    if folder is None:
        random = np.random.default_rng(0)
        labels = random.integers(0, 10, pictures, dtype=np.uint8)
        shape = (pictures, 28, 28)
        return (random.integers(0, 200, shape, dtype=np.uint8) // (1 + labels[:, None, None] // 3)), labels
    images = next(folder.glob("train-images*"))
    labels = next(folder.glob("train-labels*"))
    return read_idx(images, dimensions=3)[:pictures], read_idx(labels, dimensions=1)[:pictures]


def train(data: Path, out: Path) -> dict[str, Any]:
    output = subprocess.run(
        [*COMMAND, "train", str(data), "-o", str(out), "--json"], check=True, stdout=subprocess.PIPE
    ).stdout
    metrics = json.loads(output)
    peak, features = metrics["peak_rss_mb"], metrics["features_mb"]
    return {
        "pictures": sum(metrics["counts"].values()),
        "peak_rss_mb": peak,
        "features_mb": features,
        "peak_less_features_mb": round(peak - features, 1),
        "timing": metrics["timing"],
        "test_accuracy": metrics["test"]["accuracy"]["value"],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--few", type=int, default=4000)
    parser.add_argument("--many", type=int, default=60000)
    arguments = parser.parse_args()
    results = {}
    with tempfile.TemporaryDirectory() as folder:
        os.environ["TELLAPART_CACHE"] = f"{folder}/cache"
        for name, count in (("few", arguments.few), ("many", arguments.many)):
            images, labels = source(arguments.folder, pictures=count)
            data = write_idx(Path(folder) / name, images, labels)
            results[name] = train(data, Path(folder) / f"run-{name}")
    grown = results["many"]["peak_less_features_mb"] / results["few"]["peak_less_features_mb"]
    json.dump({"benchmark": "memory", **results, "many_over_few": round(grown, 3)}, sys.stdout, indent=2)
    print()


if __name__ == "__main__":
    main()
