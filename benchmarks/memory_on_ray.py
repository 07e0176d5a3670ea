"""What each process of `tellapart train --on ray` holds at most, for a few and for many pictures.

    python benchmarks/memory_on_ray.py [--few 2000] [--many 8000] [--size 64] [--classes 10]

The pictures are made: 96 px, in the first class one in ten is an edited copy. Each number of pictures is one command
on a cluster of its own on this machine, with an empty cache. What a process holds is its anonymous memory (RssAnon in
/proc), read twenty times a second: shared pages of libraries and of Ray's store are not in it. Beyond 100,000 training
pictures times classes, as with 100 classes, features are left with the workers. Needs the extra ray. Prints JSON.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final

import numpy as np
from PIL import Image

COMMAND: Final = "from tellapart.cli.main import main; main()"


def made(folder: Path, *, pictures: int, classes: int) -> Path:
    """Write PNG files [96, 96, 3]: a colour and a grain of each class, edited copies in the first."""
    random = np.random.default_rng(0)
    colours = random.integers(40, 216, (classes, 3))
    before = np.zeros((96, 96, 3), np.uint8)
    for number in range(pictures):
        label = number % classes
        if number % (10 * classes) == classes:  # of the same class as the one that it is a copy of
            image = (before.astype(np.int16) + 9).clip(0, 255).astype(np.uint8)
        else:
            coarse = random.integers(-40, 41, (6 + label % 10, 6 + label % 10, 3)) + colours[label]
            image = np.asarray(Image.fromarray(coarse.clip(0, 255).astype(np.uint8)).resize((96, 96)))
        if label == 0:
            before = image
        path = folder / f"class-{label}" / f"{number:06d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(path, compress_level=1)
    return folder


def held_mb(root: int) -> dict[str, float]:
    """MB of 10^6 bytes that the command holds, and the largest of each other kind of process that it has begun."""
    parents: dict[int, int] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            parents[int(folder.name)] = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
    ours = {root}
    while more := {one for one, parent in parents.items() if parent in ours} - ours:
        ours |= more
    held: dict[str, float] = {}
    for one in ours:
        with contextlib.suppress(OSError, StopIteration):
            lines = Path(f"/proc/{one}/status").read_text().splitlines()
            anonymous = next(int(line.split()[1]) for line in lines if line.startswith("RssAnon:")) * 1024 / 1e6
            told = Path(f"/proc/{one}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            name = "command" if one == root else "worker" if told.startswith("ray::") and "IDLE" not in told else "ray"
            held[name] = max(held.get(name, 0.0), anonymous)
    return held


def measured(data: Path, run: Path, *, size: int) -> dict[str, Any]:
    """One command: what its processes held at most, and until the head was searched."""
    command = [sys.executable, "-c", COMMAND, "train", str(data), "-o", str(run)]
    command += ["--on", "ray", "--size", str(size), "--folds", "0", "--json"]
    most: dict[str, float] = {}
    before_search: dict[str, float] = {}
    started = time.perf_counter()
    with tempfile.TemporaryFile("w+") as told, tempfile.TemporaryFile() as printed:
        with subprocess.Popen(command, stdout=printed, stderr=told) as process:
            while process.poll() is None:
                for name, held in held_mb(process.pid).items():
                    most[name] = max(most.get(name, 0.0), held)
                if not before_search and "Searching a head" in _so_far(told):
                    before_search = dict(most)
                time.sleep(0.05)
        if process.returncode:
            raise SystemExit(_so_far(told)[-2000:])
        printed.seek(0)
        metrics = json.loads(printed.read())
    return {
        "pictures": sum(metrics["counts"].values()),
        "seconds": round(time.perf_counter() - started, 1),
        "most_mb": {name: round(held) for name, held in most.items()},
        "until_the_search_mb": {name: round(held) for name, held in before_search.items()},
        "features_mb": metrics["features_mb"],
        "test_accuracy": metrics["test"]["accuracy"]["value"],
    }


def _so_far(file: Any) -> str:  # noqa: ANN401
    """What another process has written to a file, without moving where it writes."""
    return os.pread(file.fileno(), 1 << 20, 0).decode(errors="replace")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--few", type=int, default=2000)
    parser.add_argument("--many", type=int, default=8000)
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--classes", type=int, default=10)
    arguments = parser.parse_args()
    results: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, count in (("few", arguments.few), ("many", arguments.many)):
            os.environ["TELLAPART_CACHE"] = f"{folder}/cache-{name}"
            data = made(Path(folder) / name, pictures=count, classes=arguments.classes)
            results[name] = measured(data, Path(folder) / f"run-{name}", size=arguments.size)
    apart = results["many"]["pictures"] - results["few"]["pictures"]
    results["kb_a_picture"] = {
        name: round((held - results["few"]["most_mb"][name]) * 1000 / apart, 1)
        for name, held in results["many"]["most_mb"].items()
        if name in results["few"]["most_mb"]
    }
    json.dump({"benchmark": "memory_on_ray", "classes": arguments.classes, **results}, sys.stdout, indent=2)
    print()


if __name__ == "__main__":
    main()
