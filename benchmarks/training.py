"""Training with decode and augmentation on, against the bare training step on ready tensors.

    python benchmarks/training.py [FOLDER] [--net chapter-convnet] [--pictures 960] [--rounds 3] [--threads N]

Both run in this process, in turn, with the same net, batch size, precision and settings; the ratio of each round is
what counts, because the machine is shared. A round of training is two epochs over picture files: each is decoded
once and augmented anew in each epoch, and decoding counts in full, although in a real training it is shared by all its
epochs. FOLDER is any data that `tellapart train` takes; without it, synthetic JPEG files of 440 x 374 pixels are made.
Prints JSON.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from embedding import synthetic
from tellapart.data.preprocess import Preprocess
from tellapart.data.scan import scan
from tellapart.nets.architectures import Net, build_net
from tellapart.nets.device import Machine, open_machine
from tellapart.nets.epoch import Batch, Step, run_epoch
from tellapart.nets.images import read_squares, steps_per_epoch, training_batches
from tellapart.nets.memory import kept_memory
from tellapart.nets.schedule import build_optimiser
from tellapart.nets.steps import Learner, copy_for_average, training_step
from tellapart.recipes.scratch import PLANS
from tellapart.types import Index

EPOCHS = 2
PLAN = PLANS[False, True]


def step_of(net: Net, machine: Machine, *, pictures: int) -> Step:
    """A training step as the recipe makes it: clipping, moving average and all."""
    module = machine.place(net.training_module(blocks=machine.blocks))
    learner = Learner(module=module, optimiser=build_optimiser(module, PLAN.training), average=copy_for_average(module))
    steps = steps_per_epoch(pictures, batch=PLAN.training.batch)
    return training_step(learner, training=PLAN.training, machine=machine, steps_per_epoch=steps)


def ready_batches(net: Net, *, pictures: int, batch: int = PLAN.training.batch) -> Iterator[Batch]:
    """As many pictures in as many batches as training has, all of them one and the same array."""
    inputs = np.random.default_rng(0).integers(0, 256, (batch, net.size, net.size, 3), np.uint8)
    ready = Batch(inputs=inputs, labels=np.arange(batch) % 2)
    return (ready for _ in range(steps_per_epoch(pictures, batch=batch)))


def bare_rate(step: Step, net: Net, *, pictures: int) -> float:
    """Pictures a second of the step alone."""
    return run_epoch(step, ready_batches(net, pictures=pictures))["pictures_per_s"]


def files_rate(step: Step, net: Net, index: Index) -> dict[str, float]:
    """Pictures a second from files to weights over EPOCHS epochs, and of the epochs alone."""
    labels = np.array([index.classes.index(picture.label or "") for picture in index.pictures])
    rows = range(len(index.pictures))
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        preprocess = Preprocess(size=net.size)
        squares, _ = read_squares(index, labels, rows=rows, preprocess=preprocess, file=Path(folder) / "squares.npy")
        decoded = time.perf_counter() - started
        for epoch in range(EPOCHS):
            batches = training_batches(
                squares, batch=PLAN.training.batch, augmentation=PLAN.augmentation, seed=0, epoch=epoch
            )
            run_epoch(step, batches)
    seconds = time.perf_counter() - started
    seen = EPOCHS * len(index.pictures)
    return {"files_per_s": seen / seconds, "epochs_per_s": seen / (seconds - decoded), "decode_s": decoded}


def measure(step: Step, net: Net, index: Index, *, rounds: int) -> list[dict[str, float]]:
    """Each round's figures, after some steps that count for nothing."""
    count, found = len(index.pictures), []
    bare_rate(step, net, pictures=4 * PLAN.training.batch)
    for _ in range(rounds):
        before = bare_rate(step, net, pictures=count)
        measured = files_rate(step, net, index)
        bare = 2 / (1 / before + 1 / bare_rate(step, net, pictures=count))  # half before, half after
        row = {"bare_per_s": bare, **measured, "ratio": measured["files_per_s"] / bare}
        found.append({name: round(value, 3) for name, value in row.items()})
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--net", default="chapter-convnet")
    parser.add_argument("--pictures", type=int, default=960)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int)
    arguments = parser.parse_args()
    machine = open_machine(threads=arguments.threads)
    net = build_net(arguments.net, classes=2, dropout=PLAN.dropout, seed=0)
    with tempfile.TemporaryDirectory() as folder:
        index = scan(arguments.folder or synthetic(Path(folder), pictures=arguments.pictures))
        spread = index.pictures[:: max(1, len(index.pictures) // arguments.pictures)]
        index = replace(index, pictures=spread[: arguments.pictures])
        count = len(index.pictures)
        step = step_of(net, machine, pictures=count)
        with kept_memory():  # as fit_net has it
            rounds = measure(step, net, index, rounds=arguments.rounds)
    result = {
        "benchmark": "training",
        "net": net.name,
        "size": net.size,
        "pictures": count,
        "batch": PLAN.training.batch,
        "epochs": EPOCHS,
        "device": machine.device,
        "precision": machine.precision,
        "threads": machine.threads,
        "rounds": rounds,
        "ratio_median": statistics.median(row["ratio"] for row in rounds),
    }
    json.dump(result, sys.stdout, indent=2)
    print()


if __name__ == "__main__":
    main()
