"""The chapter's own head on a frozen base: the last maps as they lie, a dense layer of 256, dropout, and a sigmoid.

Rows 11 and 12 train it with --as-chapter. Row 11 keeps what the base sees of each picture and trains on that; row 12
shows the head VIEWS augmented views of each picture, another in each epoch. The chapter makes new ones in every epoch,
which takes a look by the base for each; a few that are kept are what two cores can pay for.

Legend: N pictures, V views, S side of a square, C h w channels and places of the last maps, D = C * h * w, K classes.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from common import facts, find_data, run_folder
from stage_maps import StageReader
from tellapart.backbones.backbone import Backbone
from tellapart.backbones.catalogue import find_base
from tellapart.cli.tables import share
from tellapart.data.augment import CHAPTER, augment
from tellapart.data.groups import label_numbers
from tellapart.data.scan import scan
from tellapart.data.split import assign_splits
from tellapart.evaluation.intervals import wilson
from tellapart.extras import load_torch
from tellapart.nets.device import open_machine
from tellapart.nets.epoch import Batch, run_epoch
from tellapart.nets.fit import Fitted, TrainingData, fit_net
from tellapart.nets.images import LabelledSquares, clean_sample, read_squares
from tellapart.nets.schedule import Training
from tellapart.nets.steps import judging_step
from tellapart.progress import listener
from tellapart.runs.write import write_history
from tellapart.seeds import generator
from tellapart.types import SPLITS, Pixels

if TYPE_CHECKING:
    import torch

DENSE, DROPOUT, SIDE, SHORT_SIDE = 256, 0.5, 150, 64
TRAINING: Final = Training(epochs=30, batch=20, learning_rate=2e-5, optimiser="rmsprop", constant=True)
VIEWS, TOGETHER = 4, 32  # augmented views of each picture; squares that the base looks at together
ABOUT: Final[Mapping[int, str]] = {11: "about 90 %", 12: "about 96 %"}  # what the chapter has on valid


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """The last maps of the pictures of a split."""

    maps: NDArray[np.float16]  # float16 [N, V, D]
    labels: NDArray[np.int64]  # int64 [N]


def train_as_chapter(options: argparse.Namespace, row: int, *, augmented: bool) -> None:
    """Train the chapter's head as rows 11 and 12 have it, and print its facts; the history goes into the results."""
    started, data = time.perf_counter(), find_data(options, "cats_vs_dogs_small")
    out = (trained := run_folder(options, row, data)).with_name(f"{trained.name}-dense-{DENSE}")
    side = options.size or (SHORT_SIDE if options.short else SIDE)
    base = find_base(options.backbone, size=side, weights=options.weights, progress=listener())
    squares, classes = split_squares(data, base, out)
    reader = StageReader(base)
    shape = last_maps(reader, squares["train"].pixels[:1]).shape[1:]
    views = (1 if options.short else VIEWS) if augmented else 0
    seen = {name: look(reader, squares[name], views=views if name == "train" else 0) for name in SPLITS}
    head = dense_head(int(np.prod(shape)), classes=classes)
    fitted = fit_head(head, seen, out=out, epochs=1 if options.short else TRAINING.epochs)
    write_history(out / "history.jsonl", fitted.history)
    best = fitted.history[fitted.epoch - 1]
    channels, height, width = shape
    facts(
        [
            ("last maps of a picture", "4x4x512", f"{height}x{width}x{channels}"),
            ("parameters of the head", "2,097,665", f"{sum(part.numel() for part in head.parameters()):,}"),
            ("views of each training picture", "new in each epoch" if augmented else "1", str(views or 1)),
            ("epochs", "30", str(len(fitted.history))),
            ("valid accuracy", ABOUT[row], f"{100 * best['valid_accuracy']:.1f} %, best in epoch {fitted.epoch}"),
            ("test accuracy", "", test_accuracy(head, seen["test"])),
            ("seconds", "", f"{time.perf_counter() - started:.1f}"),
        ]
    )
    print(f"history: {out / 'history.jsonl'}")


def split_squares(data: Path, base: Backbone, out: Path) -> tuple[dict[str, LabelledSquares], int]:
    """The pictures of each split as the base takes them, and how many classes there are."""
    index = assign_splits(scan(data), seed=0)
    labels, counts = label_numbers(index.pictures, index.classes), Counter(one.split for one in index.pictures)
    found, start = {}, 0
    for name in SPLITS:
        rows = range(start, start := start + counts[name])
        file = out / f"{name}.npy"
        found[name], _ = read_squares(index, labels, rows=rows, preprocess=base.preprocess, file=file)
    return found, len(index.classes)


def look(reader: StageReader, squares: LabelledSquares, *, views: int) -> Seen:
    """What the base sees of each square, or of augmented views of each."""
    rows: list[NDArray[np.float16]] = []
    progress = listener()
    progress.start("The base looks", total=max(views, 1) * len(squares.labels), unit="pictures")
    for start in range(0, len(squares.labels), TOGETHER):
        part = range(start, min(start + TOGETHER, len(squares.labels)))
        shown = [viewed(squares.pixels, part, view=view) for view in range(views)] or [squares.pixels[list(part)]]
        rows.append(np.stack([last_maps(reader, one).reshape(len(part), -1) for one in shown], 1).astype(np.float16))
        progress.advance(max(views, 1) * len(part))
    progress.finish()
    return Seen(maps=np.concatenate(rows), labels=squares.labels)


def viewed(pixels: Pixels, rows: range, *, view: int) -> Pixels:
    """One augmented view of each of some squares uint8 [N, S, S, 3]."""
    return np.stack([augment(pixels[row], augmentation=CHAPTER, seed=0, epoch=view, index=row) for row in rows])


def last_maps(reader: StageReader, squares: Pixels) -> NDArray[np.float32]:
    """The last maps float32 [N, C, h, w] of squares uint8 [N, S, S, 3]."""
    return reader.maps_of(squares, stages=[reader.names[-1]])[reader.names[-1]]


def dense_head(width: int, *, classes: int, seed: int = 0) -> torch.nn.Module:
    """Dense 256 with ReLU, dropout, and as many outputs as the chapter has: one for two classes, for a sigmoid."""
    torch = load_torch()
    nn = torch.nn
    torch.manual_seed(int(generator(seed, "dense head").integers(2**31)))
    outputs = 1 if classes == 2 else classes
    return nn.Sequential(nn.Linear(width, DENSE), nn.ReLU(), nn.Dropout(DROPOUT), nn.Linear(DENSE, outputs))


def fit_head(head: torch.nn.Module, seen: Mapping[str, Seen], *, out: Path, epochs: int) -> Fitted:
    """Train it by the chapter's settings; the weights of the best epoch on valid stay in it."""
    train, clean = seen["train"], clean_sample(len(seen["train"].labels), seed=0)
    steps = -(-len(train.labels) // TRAINING.batch)

    def shown(epoch: int) -> Iterator[Batch]:
        order = generator(0, "order", epoch).permutation(len(train.labels))
        for rows in np.array_split(order, steps):
            yield batch_of(train, rows, view=epoch)

    pictures = TrainingData(
        train=shown,
        steps=steps,
        valid=lambda: [batch_of(seen["valid"], np.arange(len(seen["valid"].labels)))],
        clean=lambda: [batch_of(train, clean)],
        fingerprint=f"{train.maps.shape} {train.maps[:, 0, :8].tobytes().hex()[:4096]}",
    )
    return fit_net(
        head,
        pictures,
        training=replace(TRAINING, epochs=epochs),
        machine=open_machine(precision="f32"),
        seed=0,
        checkpoint=out / "checkpoint.safetensors",
        progress=listener(),
    )


def batch_of(seen: Seen, rows: NDArray[np.int64], *, view: int = 0) -> Batch:
    """Some pictures as the base saw them, in the view whose turn it is."""
    maps: NDArray[Any] = seen.maps[rows, view % seen.maps.shape[1]]
    return Batch(inputs=maps.astype(np.float32), labels=seen.labels[rows])


def test_accuracy(head: torch.nn.Module, seen: Seen) -> str:
    """The share of test pictures that are classified correctly, with its 95 % interval."""
    step = judging_step(head, machine=open_machine(precision="f32"))
    count = len(seen.labels)
    record = run_epoch(step, [batch_of(seen, np.arange(count))])
    return f"{share(wilson(round(record['accuracy'] * count), count).to_json())} of {count}"
