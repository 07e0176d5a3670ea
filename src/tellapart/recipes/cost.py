"""How long a recipe will take on this machine, measured on a few pictures and said before it starts."""

from __future__ import annotations

import contextlib
import copy
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from tellapart.backbones.backbone import Backbone
from tellapart.features.embed import PLAIN
from tellapart.heads.large import is_large
from tellapart.heads.search import HeadSearch
from tellapart.nets.device import Machine, seeded
from tellapart.nets.epoch import Batch
from tellapart.nets.fit import TrainingData
from tellapart.nets.schedule import Training, build_optimiser
from tellapart.nets.steps import Learner, training_step
from tellapart.progress import Progress, Silent
from tellapart.recipes.looking import view_embedder
from tellapart.recipes.request import Dataset, Request
from tellapart.text import counted

if TYPE_CHECKING:
    import torch

PROBED: Final = 64  # pictures looked at again to see how long one takes
STEPS_PROBED: Final = 3  # of training, the first of them not counted: it makes what the others use again
LONG: Final = 30.0  # seconds; below that nothing is said
FEW_LOOKS, FEW_STEPS = 3000, 100  # that take no such time on any machine: nothing is measured
FEW_VALUES: Final = 10_000  # rows times classes, of a search that takes no such time either
ROWS_PROBED: Final = 200  # of features, for the search that tells how long another one takes


def seconds_a_look(dataset: Dataset, base: Backbone, progress: Progress) -> float:
    """Seconds that a base takes for a training picture, from its file on; compiling it is not counted."""
    embed_view = view_embedder(dataset, base, progress, keep=False)
    first = dataset.train.start
    rows = range(first, min(dataset.train.stop, first + PROBED))
    into = np.empty((len(rows), base.width), np.float32)
    started = time.perf_counter()
    embed_view(PLAIN, rows, into)
    return (time.perf_counter() - started) / max(1, len(rows))


def seconds_to_look(dataset: Dataset, base: Backbone, *, looks: float) -> float:
    """Seconds that so many looks of the base at a picture take; 0 for few, of which nothing is measured."""
    if looks < FEW_LOOKS:
        return 0.0
    return looks * seconds_a_look(dataset, base, Silent())


def seconds_to_search(
    dataset: Dataset, search: Callable[..., HeadSearch], *, valid: slice | None, copies: Sequence[int] = (1,)
) -> float:
    """Seconds that searches of a head take, told by one over a few rows; 0 where they are short.

    Args:
        dataset: the pictures; n of them are trained on.
        search: as `recipes.features.head_search` gives it.
        valid: the rows it chooses by; None for folds of train.
        copies: C for each search, which is then over n C rows.
    """
    classes, count = len(dataset.classes), dataset.train.stop - dataset.train.start
    if is_large(dataset.labels[dataset.train]):  # what is as they are is then searched in closed form
        copies = [many for many in copies if many > 1]
    if count * max(copies, default=0) * classes < FEW_VALUES:
        return 0.0
    rows = some_rows(dataset.train)
    judged = rows[:0] if valid is None else some_rows(valid)
    taken = np.concatenate([rows, judged])
    labels = dataset.labels[taken]
    present = len(np.unique(labels[: len(rows)]))
    if present < 2:
        return 0.0
    started = time.perf_counter()
    search(
        dataset.features[taken],
        labels,
        train=slice(0, len(rows)),
        valid=slice(len(rows), len(taken)) if len(judged) else None,
        groups=dataset.groups[rows],
        progress=Silent(),
    )
    seconds, width = time.perf_counter() - started, dataset.features.shape[1]
    growth = sum(search_size(count * many, width) for many in copies) / search_size(len(rows), width)
    return seconds * growth * classes / present


def some_rows(rows: slice) -> NDArray[np.int64]:
    """A few of some rows, evenly spread, int64 [n]: rows lie class by class."""
    count = min(rows.stop - rows.start, ROWS_PROBED)
    return np.linspace(rows.start, rows.stop - 1, count).astype(np.int64)


def search_size(rows: int, width: int) -> float:
    """What the time of a search grows with, for features [rows, width].

    From 200 rows to 1,200, 1,764 and 2,000 the processor's time grew by 30, 34 and 22, and this by 15, 26 and 32; to
    three times as many by 3.6 and 3.5 more, and this by 4.7 and 3.9 (neu_surface, trashnet, cats_vs_dogs_small).
    """
    return float(min(rows, width) ** 1.5 * max(1.0, rows / width))


def say_training_cost(
    module: torch.nn.Module, pictures: TrainingData, *, training: Training, machine: Machine, request: Request
) -> None:
    """Say how long a net trains, by a few steps of a copy of it."""
    if training.epochs * pictures.steps < FEW_STEPS:
        return
    twin = machine.place(copy.deepcopy(module))
    learner = Learner(module=twin, optimiser=build_optimiser(twin, training, scale=lambda _: 1.0), average=None)
    step = training_step(
        learner,
        training=training,
        machine=machine,
        steps_per_epoch=max(pictures.steps, STEPS_PROBED),
        weights=pictures.weights,
    )
    moments = []
    with seeded(request.seed, "cost", 0):
        for batch in first_batches(pictures):
            step(batch)
            moments.append(time.perf_counter())
    if len(moments) > 1:
        steps = training.epochs * pictures.steps
        seconds = steps * (moments[-1] - moments[0]) / (len(moments) - 1)
        say_cost(request, seconds, what=f"{counted(training.epochs, 'epoch')} of {counted(pictures.steps, 'step')}")


def first_batches(pictures: TrainingData) -> Iterator[Batch]:
    batches = iter(pictures.train(0))
    try:
        yield from islice(batches, STEPS_PROBED)
    finally:
        with contextlib.suppress(AttributeError):  # only a generator has it
            batches.close()  # type: ignore[attr-defined]


def say_cost(request: Request, seconds: float, *, what: str) -> None:
    """One line, where it is long."""
    if seconds >= LONG:
        request.progress.note(f"{request.recipe} will take up to about {in_words(seconds)} on this machine: {what}.")


def in_words(seconds: float) -> str:
    """A time as one says it."""
    if seconds < 50:
        return f"{max(1, round(seconds / 10)) * 10} seconds"
    minutes = round(seconds / 60)
    return counted(minutes, "minute") if minutes < 90 else f"{seconds / 3600:.1f} hours"
