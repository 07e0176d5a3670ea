"""How long a recipe will take on this machine, measured on a few pictures and said before it starts."""

from __future__ import annotations

import contextlib
import copy
import time
from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, Final

import numpy as np

from tellapart.backbones.backbone import Backbone
from tellapart.features.embed import PLAIN
from tellapart.nets.device import Machine, seeded
from tellapart.nets.epoch import Batch
from tellapart.nets.fit import Pictures
from tellapart.nets.schedule import Training, build_optimiser
from tellapart.nets.steps import Learner, training_step
from tellapart.progress import Silent
from tellapart.recipes.looking import ViewEmbedder, view_embedder
from tellapart.recipes.request import Dataset, Request
from tellapart.text import counted

if TYPE_CHECKING:
    import torch

PROBED: Final = 64  # pictures looked at again to see how long one takes
STEPS_PROBED: Final = 3  # of training, the first of them not counted: it makes what the others use again
LONG: Final = 30.0  # seconds; below that nothing is said
FEW_LOOKS, FEW_STEPS = 3000, 100  # that take no such time on any machine: nothing is measured


def seconds_a_look(dataset: Dataset, embed_view: ViewEmbedder) -> float:
    """Seconds that a base takes for a training picture, from its file on, by an embedder that keeps nothing."""
    first = dataset.train.start
    rows = range(first, min(dataset.train.stop, first + PROBED))
    into = np.empty((len(rows), dataset.features.shape[1]), np.float32)
    started = time.perf_counter()
    embed_view(PLAIN, rows, into)
    return (time.perf_counter() - started) / max(1, len(rows))


def say_looking_cost(dataset: Dataset, base: Backbone, request: Request, *, looks: float, what: str) -> None:
    """Say how long it takes where every training picture costs as much as so many looks of the base at it."""
    count = dataset.train.stop - dataset.train.start
    if count * looks < FEW_LOOKS:
        return
    each = seconds_a_look(dataset, view_embedder(dataset, base, Silent(), keep=False))
    say_cost(request, count * each * looks, what=f"{counted(count, 'training picture')}, {what}")


def say_training_cost(
    module: torch.nn.Module, pictures: Pictures, training: Training, machine: Machine, request: Request
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


def first_batches(pictures: Pictures) -> Iterator[Batch]:
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
