"""`tellapart predict FOLDER` into a file, against the bare engine on ready-made tensors.

    python benchmarks/predict_folder.py MODEL FOLDER [--pictures 1000] [--rounds 5] [--memory 1000 20000]

Both run in this process, in turn, on the same pictures; the ratio of each round is what counts, because the machine is
shared. FOLDER has pictures, as many as wanted are taken again and again. With --memory the command also runs as a
process of its own on so many small pictures, and its peak resident size is told. Prints JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from embedding import READY, bare_rate
from tellapart.backbones.engine import Engine, native_precision
from tellapart.bundle.bundle import read_bundle
from tellapart.cli.trained import row_form
from tellapart.commands.answer_file import write_answers
from tellapart.commands.predict import open_asking
from tellapart.data.scan import given_pictures

MEASURED = """
import resource, sys
from tellapart.cli.main import main
try:
    main()
finally:
    used = resource.getrusage(resource.RUSAGE_SELF)
    print(used.ru_maxrss / 1024, used.ru_utime + used.ru_stime, file=sys.stderr)
"""


def predict_rate(model: Path, paths: list[Path], out: Path) -> float:
    """Pictures a second from files to a finished table, the model read already."""
    asking = open_asking(model, paths)
    form = row_form("csv", asking)
    started = time.perf_counter()
    write_answers(asking, model, out, form)
    return len(paths) / (time.perf_counter() - started)


def peak_memory(model: Path, folder: Path, *, pictures: int) -> dict[str, Any]:
    """Peak resident size in MB and processor seconds of the command on so many pictures of 64 x 48 pixels."""
    random, made = np.random.default_rng(0), folder / str(pictures)
    made.mkdir()
    for number in range(pictures):
        path = made / f"{number:06d}.png"
        if number < READY:
            Image.fromarray(random.integers(0, 256, (48, 64, 3), np.uint8)).save(path)
        else:
            os.link(made / f"{number % READY:06d}.png", path)
    command = [sys.executable, "-c", MEASURED, "predict", str(model), str(made), "-o", str(folder / f"{pictures}.csv")]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stderr.splitlines()[-1].split()
    return {"pictures": pictures, "peak_rss_mb": round(float(said[0]), 1), "processor_s": round(float(said[1]), 1)}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--pictures", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--memory", type=int, nargs="*", default=[])
    asked = parser.parse_args()
    found = [picture.file for picture in given_pictures([asked.folder])]
    paths = list(islice(cycle(found), asked.pictures))
    base = read_bundle(asked.model)[0].classifier.base
    contents = [path.read_bytes() for path in paths[:READY]]
    tensors = np.stack([base.preprocess.apply(content).pixels for content in contents])
    engine = Engine(base, precision=native_precision())
    bare_rate(engine, tensors, pictures=len(tensors))
    rounds = []
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(asked.rounds):
            bare = bare_rate(engine, tensors, pictures=len(paths))
            files = predict_rate(asked.model, paths, Path(folder) / "answers.csv")
            rounds.append(
                {"bare_per_s": round(bare, 1), "predict_per_s": round(files, 1), "ratio": round(files / bare, 3)}
            )
        memory = [peak_memory(asked.model, Path(folder), pictures=count) for count in asked.memory]
    result = {
        "benchmark": "predict_folder",
        "pictures": len(paths),
        "precision": engine.precision,
        "threads": engine.threads,
        "rounds": rounds,
        "ratio_median": statistics.median(row["ratio"] for row in rounds),
        "memory": memory,
    }
    json.dump(result, sys.stdout, indent=2)
    print()


if __name__ == "__main__":
    main()
