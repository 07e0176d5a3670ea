"""Looking at pictures where other programs run: threads of the engine bound to cores, free ones, and as we have it.

    python benchmarks/looking_beside.py [--backbone lite0] [--seconds 6] [--rounds 3] [--beside 0 1 2]

In turn: one process that looks with every core, beside so many others that compute all the time; and two at once that
look with one thread each, as two trainings with `OMP_NUM_THREADS=1` do. Prints JSON: pictures a second, of all that
look together, and milliseconds of processor time a picture, medians of the rounds.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from contextlib import ExitStack
from typing import Any

import numpy as np

from busy import load
from tellapart.backbones import compiling
from tellapart.backbones.catalogue import load_backbone
from tellapart.backbones.engine import Engine, native_precision
from tellapart.cores import VARIABLE, thread_count

FREE, OURS = compiling.FREE, "as we have it"  # free where they are fewer than the cores
WAYS = ("bound", "free", OURS)
TIMEOUT = 300  # seconds


def look(name: str, *, seconds: float, way: str) -> None:
    """Look for so long at noise, and print the rate and the processor time."""
    if way != OURS:
        compiling.FREE = {} if way == "bound" else FREE
        compiling.core_count = lambda: thread_count() + 1
    base = load_backbone(name)
    engine, side = Engine(base, precision=native_precision()), base.preprocess.size
    squares = np.random.default_rng(0).integers(0, 256, (4 * engine.pictures, side, side, 3), np.uint8)
    engine.run(squares)
    print("ready", flush=True)
    sys.stdin.readline()
    count, started, used = 0, time.perf_counter(), time.process_time()
    while (passed := time.perf_counter() - started) < seconds:
        engine.run(squares)
        count += len(squares)
    print(json.dumps({"pictures_per_s": count / passed, "cpu_ms": 1000 * (time.process_time() - used) / count}))


def measure(way: str, words: list[str], *, looking: int, beside: int) -> dict[str, float]:
    """What so many processes that look came to together; they begin at once, and what computes beside begins too."""
    environment = {**os.environ, **({VARIABLE: "1"} if looking > 1 else {})}
    command = [sys.executable, __file__, "--look", way, *words]
    with ExitStack() as running:
        open_process = {"env": environment, "stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        started: list[Any] = [running.enter_context(subprocess.Popen(command, **open_process)) for _ in range(looking)]
        if any(process.stdout.readline() != "ready\n" for process in started):
            raise RuntimeError(f"looking did not begin: {command}")
        running.enter_context(load(beside))
        for process in started:
            process.stdin.write("\n")
            process.stdin.flush()
        told = [json.loads(process.communicate(timeout=TIMEOUT)[0]) for process in started]
    rate = sum(each["pictures_per_s"] for each in told)
    return {"pictures_per_s": rate, "cpu_ms": statistics.mean(each["cpu_ms"] for each in told)}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--backbone", default="lite0")
    parser.add_argument("--seconds", type=float, default=6)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--beside", type=int, nargs="*", default=[0, 1, 2])
    parser.add_argument("--look", choices=WAYS, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.look:
        look(arguments.backbone, seconds=arguments.seconds, way=arguments.look)
        return
    words = ["--backbone", arguments.backbone, "--seconds", str(arguments.seconds)]
    rows = []
    for looking, beside in [*((1, beside) for beside in arguments.beside), (2, 0)]:
        found: dict[str, list[dict[str, float]]] = {way: [] for way in WAYS}
        for _ in range(arguments.rounds):
            for way, kept in found.items():
                kept.append(measure(way, words, looking=looking, beside=beside))
        for way, kept in found.items():
            medians = {name: round(statistics.median(each[name] for each in kept), 1) for name in kept[0]}
            rows.append({"looking": looking, "computing": beside, "threads": way, **medians})
    told = {"benchmark": "looking_beside", "backbone": arguments.backbone, "cores": thread_count(), "rows": rows}
    json.dump(told, sys.stdout, indent=2)
    print()


if __name__ == "__main__":
    main()
