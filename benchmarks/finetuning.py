"""Fine-tuning with the frozen part's activations kept on disk, against the same epochs without.

    python benchmarks/finetuning.py [FOLDER] [--epochs 3] [--views 3]

Both train the same stages of lite0 from the same head, seed, order and views, in this process and in turn, an epoch of
one after an epoch of the other, so the ratio of their times holds on a shared machine. Without the cache, squares are
decoded once and lie in memory; augmentation runs ahead in threads, and the frozen part is computed by torch in the
precision that training uses, without gradients, as a plain training loop would. FOLDER is any data that
`tellapart train` takes, by default ../shared/data/trashnet. Prints JSON.
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
from typing import Any

import numpy as np
import torch

from tellapart.backbones.catalogue import load_backbone
from tellapart.backbones.engine import Engine, native_precision
from tellapart.data.augment import augment
from tellapart.data.scan import scan
from tellapart.finetuning.frozen_part import frozen_bases, keep_views
from tellapart.finetuning.onnx_in_torch import trainable_stages
from tellapart.finetuning.split_point import find_cut
from tellapart.finetuning.tune import FrozenOutputs, Start, build_module, judging_batches, view_batches
from tellapart.heads.search import search_head
from tellapart.nets.device import Machine, open_machine
from tellapart.nets.epoch import Batch, run_epoch
from tellapart.nets.images import LabelledSquares, prepare_square, steps_per_epoch
from tellapart.nets.schedule import build_optimiser
from tellapart.nets.steps import Learner, judging_step, training_step
from tellapart.progress import Silent
from tellapart.recipes.finetune import FineTuningPlan

DATA = Path(__file__).parents[2] / "shared" / "data" / "trashnet"
PLANES = "images_planes"  # of lite0: pixels as float32 [N, 3, S, S], before they are normalised


def read(folder: Path, split: str, *, size: int) -> LabelledSquares:
    """Every picture of a split, decoded."""
    index = scan(folder)
    preprocess = load_backbone("lite0", size=size).preprocess
    rows = [row for row, picture in enumerate(index.pictures) if picture.split == split]
    labels = [index.classes.index(index.pictures[row].label or "") for row in rows]
    return LabelledSquares(
        pixels=np.stack([prepare_square(index, row, preprocess) for row in rows]), labels=np.array(labels)
    )


def start_of(train: LabelledSquares, *, size: int, share: float) -> Start:
    backbone = load_backbone("lite0", size=size)
    features = Engine(backbone, precision=native_precision()).run(train.pixels)
    rows, classes = slice(0, len(features)), int(train.labels.max()) + 1
    found = search_head(
        features, train.labels, class_count=classes, depths=backbone.depths, train=rows, valid=None, seed=0
    )
    return Start.of(backbone, find_cut(backbone, share=share), head=found.head, seen=features)


def tail(start: Start) -> torch.nn.Module:
    return build_module(start, start.stages())


class Whole(torch.nn.Module):
    """The frozen part in torch, and behind it what is trained: from uint8 [B, S, S, 3] to logits [B, K]."""

    def __init__(self, start: Start) -> None:
        """Make both parts."""
        super().__init__()
        wanted = [*(f"pooled_{depth}" for depth in start.cut.frozen), start.cut.tensor]
        self.frozen = trainable_stages(start.backbone.graph, entry=PLANES, outputs=wanted)
        self.known = {
            name: _fastest(torch.from_numpy(value))
            for name, value in {**self.frozen.weights, **self.frozen.constants}.items()
        }
        self.tail = tail(start)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            *pooled, maps = self.frozen.run(images.permute(0, 3, 1, 2).float(), self.known)
            flat = maps.permute(0, 2, 3, 1).flatten(1)
            rows = torch.cat([*(part.float() for part in pooled), flat.float()], dim=1)
        logits: torch.Tensor = self.tail(rows)
        return logits


def _fastest(value: torch.Tensor) -> torch.Tensor:
    return value.contiguous(memory_format=torch.channels_last) if value.ndim == 4 else value


def picture_batches(train: LabelledSquares, *, plan: FineTuningPlan, views: int, epoch: int) -> Iterator[Batch]:
    """What `view_batches` deals, as pictures, augmented a batch ahead in a thread."""
    from concurrent.futures import ThreadPoolExecutor

    from tellapart.seeds import generator

    order = generator(0, "order", epoch).permutation(len(train.labels))
    parts = np.array_split(order, steps_per_epoch(len(order), batch=plan.training.batch))

    def make(rows: np.ndarray) -> Batch:
        shown = [
            augment(train.pixels[row], augmentation=plan.augmentation, seed=0, epoch=(row + epoch) % views, index=row)
            for row in rows.tolist()
        ]
        return Batch(inputs=np.stack(shown), labels=train.labels[rows])

    with ThreadPoolExecutor(2) as pool:
        yield from pool.map(make, parts)


def learner_of(module: torch.nn.Module, plan: FineTuningPlan, machine: Machine) -> Learner:
    machine.place(module)

    def scale(name: str) -> float:
        return plan.head_rate if "head." in name else 1.0

    return Learner(module=module, optimiser=build_optimiser(module, plan.training, scale=scale))


def measure(folder: Path, *, epochs: int, views: int, work: Path) -> dict[str, Any]:
    """Train both ways in turn; the document to print."""
    plan, machine = FineTuningPlan(), open_machine()
    size = load_backbone("lite0").preprocess.size
    train, valid = (read(folder, split, size=size) for split in ("train", "valid"))
    start = start_of(train, size=size, share=plan.share)
    frozen = frozen_bases(start.backbone, start.cut)
    seconds = time.perf_counter()
    kept = keep_views(
        frozen,
        lambda _preprocess, row: np.stack(
            [
                augment(train.pixels[row], augmentation=plan.augmentation, seed=0, epoch=view, index=row)
                for view in range(views)
            ]
        ),
        pictures=len(train.labels),
        views=views,
        path=work / "train.npy",
        progress=Silent(),
    )
    seconds = time.perf_counter() - seconds
    judged = Engine(frozen[0], precision=native_precision()).run(valid.pixels).astype(np.float16)
    seen = FrozenOutputs(train=kept, labels=train.labels, valid=judged, valid_labels=valid.labels)
    training = replace(plan.training, epochs=epochs)
    steps = steps_per_epoch(len(train.labels), batch=training.batch)
    ways = {"with": learner_of(tail(start), plan, machine), "without": learner_of(Whole(start), plan, machine)}
    rounds = []
    for epoch in range(epochs):
        row: dict[str, Any] = {}
        for way, learner in ways.items():
            step = training_step(learner, training=training, machine=machine, steps_per_epoch=steps)
            batches = (
                view_batches(seen, batch=training.batch, seed=0, epoch=epoch)
                if way == "with"
                else picture_batches(train, plan=plan, views=views, epoch=epoch)
            )
            row[f"{way}_s"] = round(run_epoch(step, batches)["seconds"], 2)
            part: Any = learner.module if way == "with" else learner.module.tail
            shown = judging_batches(seen.valid, seen.valid_labels)
            row[f"{way}_valid"] = round(run_epoch(judging_step(part, machine=machine), shown)["accuracy"], 4)
        row["ratio"] = round(row["with_s"] / row["without_s"], 3)
        rounds.append(row)
    return {
        "benchmark": "finetuning",
        "pictures": len(train.labels),
        "size": size,
        "trained_from": start.cut.tensor,
        "trained_share": round(start.cut.share, 3),
        "precision": machine.precision,
        "threads": machine.threads,
        "bytes_on_disk": kept.nbytes,
        "seconds_for_a_view": round(seconds / views, 2),
        "epochs": rounds,
        "ratio_median": statistics.median(row["ratio"] for row in rounds),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("folder", nargs="?", type=Path, default=DATA)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--views", type=int, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        result = measure(arguments.folder, epochs=arguments.epochs, views=arguments.views, work=Path(work))
    json.dump(result, sys.stdout, indent=2)
    print()


if __name__ == "__main__":
    main()
