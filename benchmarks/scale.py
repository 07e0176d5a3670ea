"""What a picture costs, at several numbers of pictures: processor time, bytes kept and moved; and a cluster's share.

    python benchmarks/scale.py [--sizes 1000 2000 4000 10000] [--rounds 0]

The pictures are synthetic JPEG files of 440 x 374 pixels, about 25 kB each; each size begins with an empty cache. Times
are processor seconds of this process, which a busy machine leaves as they are. With --rounds, this process and a worker
of Ray on the same cores look at the smallest size in turn, nothing kept (needs the extra ray, and /proc): the ratio of
rates is by the clock, that of costs by the processor time of all processes of the cluster. Prints JSON.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from embedding import READY, bare_rate, synthetic
from tellapart.backbones.backbone import Backbone
from tellapart.backbones.catalogue import load_backbone
from tellapart.backbones.engine import Engine, native_precision
from tellapart.data.scan import scan
from tellapart.duplicates.find import find_duplicates
from tellapart.features.cache import FILE_NAME
from tellapart.features.look import look_at
from tellapart.features.together import pack_embedded
from tellapart.files import FOLDER_VARIABLE
from tellapart.progress import Silent
from tellapart.types import Index
from tellapart.workers.pool import HERE, Workers
from tellapart.workers.where import hired


def processor_ms(work: Callable[[], Any], *, pictures: int) -> tuple[float, Any]:
    """Milliseconds of processor time that work takes for a picture, and what it gives."""
    started = time.process_time()
    made = work()
    return round((time.process_time() - started) * 1000 / pictures, 3), made


def decode_ms(index: Index, base: Backbone) -> tuple[float, np.ndarray]:
    """Milliseconds in which a picture is read, decoded and prepared, and the prepared ones."""
    some = index.pictures[:READY]
    return processor_ms(
        lambda: np.stack([base.preprocess.apply(picture.file.read_bytes()).pixels for picture in some]),
        pictures=len(some),
    )


def costs(folder: Path, base: Backbone, *, pictures: int) -> dict[str, Any]:
    """What each of so many pictures costs, with an empty cache."""
    scan_ms, index = processor_ms(lambda: scan(folder), pictures=pictures)
    index = replace(index, pictures=index.pictures[:pictures])
    with tempfile.TemporaryDirectory() as cache:
        os.environ[FOLDER_VARIABLE] = cache
        look_ms, seen = processor_ms(lambda: look_at(index, base, Silent()), pictures=pictures)
        again_ms, _ = processor_ms(lambda: look_at(index, base, Silent()), pictures=pictures)
        kept = (Path(cache) / FILE_NAME).stat().st_size
    packed = pack_embedded(seen)
    moved = sum(getattr(part, "nbytes", None) or len(part) * 16 for part in packed.values() if hasattr(part, "__len__"))
    copies_ms, _ = processor_ms(
        lambda: find_duplicates(seen, last=base.depths[-1], progress=Silent()), pictures=pictures
    )
    return {
        "pictures": pictures,
        "scan_ms": scan_ms,
        "look_ms": look_ms,
        "again_from_cache_ms": again_ms,
        "copies_ms": copies_ms,
        "kept_bytes": kept // pictures,
        "moved_bytes": moved // pictures,
        "in_memory_bytes": (seen.features.nbytes + seen.miniatures.nbytes) // pictures,
    }


def processor_seconds() -> float:
    """Processor seconds of this process and of all that it has begun and that run, as Linux counts them."""
    found: dict[int, tuple[int, float]] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            words = (folder / "stat").read_text().rpartition(")")[2].split()  # the third and on, see proc(5)
            found[int(folder.name)] = int(words[1]), (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")
    ours = {os.getpid()}
    while more := {one for one, (parent, _) in found.items() if parent in ours} - ours:
        ours |= more
    return sum(found[one][1] for one in ours if one in found)


def rate(index: Index, base: Backbone, engine: Engine, workers: Workers) -> tuple[float, float]:
    """Pictures a second by the clock, and milliseconds of processor time a picture; nothing kept."""
    started, spent = time.perf_counter(), processor_seconds()
    look_at(index, base, Silent(), engine=engine, keep=False, workers=workers)
    count = len(index.pictures)
    return count / (time.perf_counter() - started), (processor_seconds() - spent) * 1000 / count


def in_turn(index: Index, base: Backbone, engine: Engine, *, rounds: int) -> dict[str, Any]:
    """The rates of this process and of a worker of Ray, in turn, what a picture costs them, and the ratios."""
    found = []
    with hired("ray", Silent()) as workers:
        rate(index, base, engine, workers)  # the worker compiles the base
        for _ in range(rounds):
            (there, dear), (here, cheap) = rate(index, base, engine, workers), rate(index, base, engine, HERE)
            found.append(
                {
                    "ray_per_s": round(there, 1),
                    "local_per_s": round(here, 1),
                    "ratio": round(there / here, 3),
                    "ray_ms": round(dear, 3),
                    "local_ms": round(cheap, 3),
                    "cost_ratio": round(dear / cheap, 3),
                }
            )
    medians = {f"{name}_median": statistics.median(row[name] for row in found) for name in ("ratio", "cost_ratio")}
    return {"rounds": found, **medians}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[1000, 2000, 4000, 10000])
    parser.add_argument("--rounds", type=int, default=0)
    arguments = parser.parse_args()
    base = load_backbone("lite0")
    with tempfile.TemporaryDirectory() as parent:
        folder = synthetic(Path(parent) / "data", pictures=max(arguments.sizes))
        index = scan(folder)
        engine = Engine(base, precision=native_precision())
        prepare_ms, tensors = decode_ms(index, base)
        bare_rate(engine, tensors, pictures=len(tensors))
        engine_ms, _ = processor_ms(lambda: bare_rate(engine, tensors, pictures=READY), pictures=READY)
        result = {
            "benchmark": "scale",
            "precision": engine.precision,
            "threads": engine.threads,
            "read_and_decode_ms": prepare_ms,
            "engine_ms": engine_ms,
            "sizes": [costs(folder, base, pictures=size) for size in arguments.sizes],
        }
        if arguments.rounds:
            few = replace(index, pictures=index.pictures[: min(arguments.sizes)])
            result["on_ray"] = in_turn(few, base, engine, rounds=arguments.rounds)
    json.dump(result, sys.stdout, indent=2)
    print()


if __name__ == "__main__":
    main()
