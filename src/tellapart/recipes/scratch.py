"""Recipes `scratch` and `scratch-augmented`: a convnet trained from nothing but the user's pictures.

`scratch` is the chapter's listing 5 (and, for small grey pictures, its MNIST net): its nets as they are, with a
schedule of today. `scratch-augmented` adds augmentation and dropout, and takes a net with batch normalisation.

With defaults and seed 0 on 2 Zen 4 cores (bf16), test accuracy with its 95 % interval, one run each:

    mnist                 scratch             3 epochs      22 s of training   0.9942 (0.9925 to 0.9955)
    mnist                 scratch-augmented   4 epochs      50 s of training   0.9952 (0.9936 to 0.9964)
    cats_vs_dogs_small    scratch-augmented   100 epochs    929 s in all       0.898 (0.878 to 0.915)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

import numpy as np

from tellapart.backbones.backbone import Backbone
from tellapart.classifier import Classifier
from tellapart.data.augment import Augmentation
from tellapart.data.preprocess import Preprocess
from tellapart.errors import DataError, TellapartError
from tellapart.extras import load_torch
from tellapart.nets.architectures import Net, at_size, build_net, net_size
from tellapart.nets.device import Machine, open_machine, seeded
from tellapart.nets.export import export_backbone, linear_head, module_weights, scale_for, trunk_features, try_export
from tellapart.nets.fit import Fitted, TrainingData, fit_net
from tellapart.nets.images import (
    LabelledSquares,
    clean_sample,
    plain_batches,
    read_squares,
    sampled,
    steps_per_epoch,
    training_batches,
)
from tellapart.nets.outcome import diverged_note, ran_away
from tellapart.nets.own_file import module_of, net_name
from tellapart.nets.own_module import net_from_module
from tellapart.nets.schedule import Training, check_kind, check_range, class_weights
from tellapart.recipes.cost import say_training_cost
from tellapart.recipes.looking import rows_of
from tellapart.recipes.request import Dataset, Request
from tellapart.types import Index, SplitName

CHECKPOINT: Final = "checkpoint.safetensors"
SMALL: Final = 32  # px; grey pictures of at most this side are digits and the like, and take the MNIST nets
FEWEST_EPOCHS: Final = 3
MEASURED: Final = 256  # pictures of train, and of valid, whose features are measured
PHOTOS: Final = Augmentation(
    rotation=20,
    width_shift=0.15,
    height_shift=0.15,
    shear=10,
    zoom=0.25,
    horizontal_flip=True,
    brightness=0.2,
    contrast=0.2,
)
DIGITS: Final = Augmentation(rotation=8, width_shift=0.06, height_shift=0.06, shear=6, zoom=0.08)  # never mirrored


@dataclass(frozen=True, slots=True, kw_only=True)
class ScratchPlan:
    """What is trained, and how.

    Attributes:
        net: the name of the net.
        dropout: before the dense layers.
        augmentation: of the training pictures; None for none.
        training: the settings; their epochs are the most.
        pictures: seen in all, over all epochs: a small set is gone through more often, up to the most epochs.
    """

    net: str
    dropout: float = 0.0
    augmentation: Augmentation | None = None
    training: Training
    pictures: int

    def __post_init__(self) -> None:
        """Refuse settings that no training can have.

        Raises:
            UsageError: one is out of its range, or of another kind.
        """
        check_range("dropout", self.dropout, least=0, below=1)
        check_range("pictures", self.pictures, least=1, whole=True)
        check_kind("training", self.training, Training)
        if self.augmentation is not None:
            check_kind("augmentation", self.augmentation, Augmentation)


# By (small and grey, augmented).
PLANS: Final[Mapping[tuple[bool, bool], ScratchPlan]] = {
    (True, False): ScratchPlan(
        net="mnist-convnet",
        training=Training(
            epochs=30,
            batch=128,
            learning_rate=3e-3,
            weight_decay=0.1,
            warm_up=0.3,
            label_smoothing=0.05,
            average=0.998,
            clip=1.0,
        ),
        pictures=158_000,
    ),
    (True, True): ScratchPlan(
        net="mnist-convnet-normalised",
        dropout=0.3,
        augmentation=DIGITS,
        training=Training(
            epochs=60,
            batch=128,
            learning_rate=3e-3,
            weight_decay=0.05,
            warm_up=0.3,
            label_smoothing=0.05,
            average=0.998,
            clip=1.0,
            patience=15,
        ),
        pictures=210_000,
    ),
    (False, False): ScratchPlan(
        net="chapter-convnet",
        training=Training(
            epochs=20, batch=32, learning_rate=1e-3, weight_decay=0.05, warm_up=1, average=0.99, clip=1.0, patience=6
        ),
        pictures=60_000,
    ),
    (False, True): ScratchPlan(
        net="photo-convnet",
        dropout=0.5,
        augmentation=PHOTOS,
        training=Training(
            epochs=150,
            batch=32,
            learning_rate=2e-3,
            weight_decay=0.05,
            warm_up=2,
            label_smoothing=0.1,
            average=0.998,
            clip=1.0,
            patience=30,
        ),
        pictures=200_000,
    ),
}


def train_scratch(dataset: Dataset, base: Backbone, request: Request, *, augmented: bool = False) -> Classifier:
    """Train a convnet on the train pictures, choose its best epoch on valid, and cut it into base and head.

    Pictures that cannot be read are left out, with a note; test pictures are never opened.

    Args:
        dataset: the pictures.
        base: what has looked at them so far; how it reads them is kept, and nothing else.
        request: what is asked for.
        augmented: augmentation and dropout, or neither.

    Raises:
        MissingExtraError: PyTorch is not installed.
        DataError: train has no readable picture.
        UsageError: the net cannot take that size, or has not K outputs.
        OutputError: the work folder cannot be written to.
    """
    classes, machine = len(dataset.classes), request.machine or open_machine()
    plan = plan_of(dataset.index, request, augmented=augmented)
    net = net_of(plan, request, classes=classes)
    preprocess = replace(base.preprocess, size=net.size)
    train, valid = (_squares(dataset, rows, preprocess, request) for rows in ("train", "valid"))
    if not len(train.labels):
        raise DataError("no training picture can be read", where=dataset.index.root)
    training = replace(plan.training, epochs=planned_epochs(plan, len(train.labels)))
    pictures = training_data(train, valid, net=net, plan=plan, training=training, classes=classes, seed=request.seed)
    whole = net.training_module(blocks=machine.blocks)
    if request.module is not None:
        try_export(net)
    if not (request.work / CHECKPOINT).exists():
        say_training_cost(whole, pictures, training=training, machine=machine, request=request)
    fitted = fit_net(
        whole,
        pictures,
        training=training,
        machine=machine,
        seed=request.seed,
        checkpoint=request.work / CHECKPOINT,
        progress=request.progress,
        on_epoch=request.on_epoch,
    )
    selected = _selected(net, plan, training, fitted, machine=machine, weighted=pictures.weights is not None)
    counts = np.bincount(valid.labels, minlength=classes).tolist()
    if ran_away(fitted.history, score=fitted.score, counts=counts):
        request.progress.note(diverged_note(training.learning_rate))
        selected["diverged"] = True
    with kept_for_later(request):
        factor = scale_for(largest_feature(net, train, valid))
        return Classifier(
            classes=dataset.classes,
            base=replace(export_backbone(net, factor=factor), preprocess=preprocess),
            head=linear_head(net.head, factor=factor),
            weights=module_weights(whole),
            selected={**selected, "dropout": plan.dropout if request.module is None else None},
            history=fitted.history,
        )


@contextmanager
def kept_for_later(request: Request) -> Iterator[None]:
    """Whatever fails once a net is trained: nothing of it is lost, and the message says so.

    Raises:
        TellapartError: it failed.
    """
    try:
        yield
    except Exception as error:
        what = f"the net is trained, but cannot be saved ({' '.join(str(error).split())})"
        hint = "What was trained is kept there: the same command goes on from it."
        raise TellapartError(what, where=request.work / CHECKPOINT, hint=hint) from error


def largest_feature(net: Net, *seen: LabelledSquares) -> float:
    """The largest size of a feature of some pictures; 0 without one."""
    rows = (squares.pixels[:MEASURED] for squares in seen)
    return max((float(np.abs(trunk_features(net, pixels)).max()) for pixels in rows if len(pixels)), default=0.0)


def check_scratch_net(index: Index, request: Request, *, augmented: bool = False) -> None:
    """Stop where the net that `train_scratch` would train, of ours or the user's own, cannot be; arguments as there.

    Raises:
        MissingExtraError: PyTorch is not installed.
        UsageError: it cannot; for the size of a net of ours the hint names the smallest.
    """
    plan = plan_of(index, request, augmented=augmented)
    with load_torch().device("meta" if request.module is None else "cpu"):
        net_of(plan, request, classes=len(index.classes))


def plan_of(index: Index, request: Request, *, augmented: bool) -> ScratchPlan:
    """The plan that is asked for, or that for such pictures, with what the caller changes of it."""
    plan: ScratchPlan = request.changes.applied(request.plan or PLANS[small_and_grey(index), augmented])
    return replace(plan, net=at_size(plan.net, request.size))


def small_and_grey(index: Index) -> bool:
    """Whether every picture is a row of a grey IDX file of at most SMALL pixels a side."""
    return bool(index.pictures) and all(
        picture.row is not None
        and index.arrays[picture.file].ndim == 3
        and max(index.arrays[picture.file].shape[1:]) <= SMALL
        for picture in index.pictures
    )


def planned_epochs(plan: ScratchPlan, count: int) -> int:
    """Epochs over count training pictures."""
    return min(plan.training.epochs, max(FEWEST_EPOCHS, plan.pictures // count))


def training_data(
    train: LabelledSquares,
    valid: LabelledSquares,
    *,
    net: Net,
    plan: ScratchPlan,
    training: Training,
    classes: int,
    seed: int,
) -> TrainingData:
    """What a net learns from and is judged by; only the first is augmented."""
    clean = sampled(train, clean_sample(len(train.labels), seed=seed))
    return TrainingData(
        train=lambda epoch: training_batches(
            train, batch=training.batch, augmentation=plan.augmentation, seed=seed, epoch=epoch
        ),
        steps=steps_per_epoch(len(train.labels), batch=training.batch),
        weights=class_weights(train.labels, classes=classes),
        valid=lambda: plain_batches(valid, batch=2 * training.batch),
        clean=lambda: plain_batches(clean, batch=2 * training.batch),
        fingerprint=f"{train.digest()} {valid.digest()} {plan.augmentation} {net.name} {plan.dropout} {classes}",
    )


def net_of(plan: ScratchPlan, request: Request, *, classes: int) -> Net:
    module, size = request.module, request.size
    if module is None:
        return build_net(plan.net, size=size, classes=classes, dropout=plan.dropout, seed=request.seed)
    side = net_size(plan.net) if size is None else size
    with seeded(request.seed, "weights"):
        made = module_of(module, classes=classes, size=side)
    return net_from_module(made, name=net_name(module), size=side, classes=classes)


def _squares(dataset: Dataset, split: SplitName, preprocess: Preprocess, request: Request) -> LabelledSquares:
    squares, skipped = read_squares(
        dataset.index,
        dataset.labels,
        rows=list(rows_of(dataset.rows[split])),
        preprocess=preprocess,
        file=request.work / f"{split}.npy",
        progress=request.progress,
        stage=f"Preparing pictures of {split}",
    )
    for entry in skipped:
        request.progress.note(f"Left out of {split}: {entry.path} ({entry.reason})")
    return squares


def _selected(
    net: Net, plan: ScratchPlan, training: Training, fitted: Fitted, *, machine: Machine, weighted: bool
) -> dict[str, Any]:
    return {
        "net": net.name,
        "size": net.size,
        "parameters": sum(parameter.numel() for parameter in net.module().parameters()),
        "dropout": plan.dropout,
        "augmentation": None if plan.augmentation is None else asdict(plan.augmentation),
        "training": asdict(training),
        "epoch": fitted.epoch,
        "criterion": "log loss after calibration",
        "score": fitted.score,
        "chosen_by": "default" if fitted.score is None else "valid",
        "out_of": {"epoch": [row["epoch"] for row in fitted.history]},
        "class_weights": weighted,
        "precision": machine.precision,
        "device": machine.device,
    }
