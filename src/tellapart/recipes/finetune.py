"""Recipe `finetune`: the head first, then the base's last stages with it, on views that the frozen part saw once.

With defaults and lite2 (float32), trashnet, seeds 0, 1 and 2: test accuracy 0.942, 0.944 and 0.942 (430 pictures),
valid log loss 0.142, 0.162 and 0.154 (0.196 before training). Its settings were chosen over three folds of train and
valid (2,091 pictures) with lite0, from 0.905 to 0.919 there (docs/log.md). An epoch takes 0.30 of one that runs the
frozen part too (`benchmarks/finetuning.py`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from typing import Any, Final

import numpy as np

from tellapart.backbones.backbone import Backbone
from tellapart.classifier import Classifier
from tellapart.data.augment import Augmentation, augment
from tellapart.data.preprocess import Preprocess
from tellapart.extras import load_safetensors, load_torch
from tellapart.finetuning.frozen_part import frozen_bases, keep_views, views_within_bytes
from tellapart.finetuning.split_point import find_cut
from tellapart.finetuning.tune import WAYS, FrozenOutputs, Start, Tuned, finetune
from tellapart.heads.linear import LinearHead
from tellapart.heads.search import HeadSearch
from tellapart.nets.device import open_machine
from tellapart.nets.images import prepare_square
from tellapart.nets.outcome import diverged_note, ran_away
from tellapart.nets.schedule import Training, check_kind, check_range
from tellapart.progress import Progress
from tellapart.recipes.cost import say_cost, say_training_cost, seconds_to_look, seconds_to_search
from tellapart.recipes.features import chosen_on, head_search
from tellapart.recipes.label_safety import looks_to_ask, suited_augmentation
from tellapart.recipes.looking import view_embedder
from tellapart.recipes.request import Dataset, Request
from tellapart.text import counted
from tellapart.types import Features, Index, Pixels

CHECKPOINT: Final = "checkpoint.safetensors"
EPOCH_COST: Final = 1.0  # looks at a picture that training on it for an epoch takes as long as; measured on lite0
AUGMENTATION: Final = Augmentation(
    rotation=20, width_shift=0.1, height_shift=0.1, zoom=0.25, horizontal_flip=True, brightness=0.2, contrast=0.2
)


@dataclass(frozen=True, slots=True, kw_only=True)
class FineTuningPlan:
    """What is trained, and how.

    Attributes:
        share: of the base's multiplications that may lie in what is trained.
        views: of each training picture, the first of them the picture as it is.
        augmentation: how far a view may be from the picture.
        training: the settings.
        head_rate: factor on the learning rate of the head.
        dropout: the share of the features that is hidden from the head in each step.
    """

    share: float = 0.32
    views: int = 16
    augmentation: Augmentation = AUGMENTATION
    training: Training = field(
        default_factory=lambda: Training(
            epochs=24,
            batch=32,
            learning_rate=2e-3,
            weight_decay=0.05,
            warm_up=0.5,
            mix=0.5,
            clip=1.0,
            average=0.995,
        )
    )
    head_rate: float = 0.2
    dropout: float = 0.5

    def __post_init__(self) -> None:
        """Refuse settings that no fine-tuning can have.

        Raises:
            UsageError: one is out of its range, or of another kind.
        """
        check_range("share", self.share, above=0, below=1)
        check_range("views", self.views, least=1, whole=True)
        check_range("head_rate", self.head_rate, least=0)
        check_range("dropout", self.dropout, least=0, below=1)
        check_kind("training", self.training, Training)
        check_kind("augmentation", self.augmentation, Augmentation)

    @property
    def views_shown(self) -> int:
        """How many views are of use: an epoch shows one of each picture."""
        return min(self.views, self.training.epochs)


def train_finetune(dataset: Dataset, base: Backbone, request: Request) -> Classifier:
    """Fine-tune a base and its head, starting from what `features` gives; the epoch is chosen on valid.

    Test pictures are never opened. Whether an augmentation turns a class into another is asked as for `frozen`.

    Raises:
        MissingExtraError: PyTorch is not installed.
        UsageError: this base cannot be fine-tuned here.
        OutputError: the work folder cannot be written to.
        DataError: as search_head, or a picture can no longer be read.
    """
    progress, plan = request.progress, request.changes.applied(request.plan or FineTuningPlan())
    machine = request.machine or open_machine()
    search = head_search(dataset, base, request)
    begins = request.recipe == "finetune" and not (request.work / CHECKPOINT).exists()
    if begins:
        say_finetune_cost(dataset, base, request, search, plan=plan)
    found = search(
        dataset.features,
        dataset.labels,
        train=dataset.train,
        valid=chosen_on(dataset),
    )
    augmentation, left_out = suited_augmentation(
        dataset,
        head=found.head,
        embed_view=view_embedder(dataset, base, progress, workers=request.workers),
        augmentation=plan.augmentation,
        turn=True,
        progress=progress,
    )
    plan = replace(plan, augmentation=augmentation)
    start = starting_point(base, plan, head=found.head, seen=dataset.features[dataset.train])
    outputs = run_frozen_part(dataset, start, plan, request)
    tuned = finetune(
        start,
        outputs,
        training=plan.training,
        head_rate=plan.head_rate,
        machine=machine,
        seed=request.seed,
        checkpoint=request.work / CHECKPOINT,
        progress=progress,
        on_start=partial(say_training_cost, training=plan.training, machine=machine, request=request)
        if begins
        else None,
        on_epoch=request.on_epoch,
    )
    counts = np.bincount(outputs.valid_labels, minlength=len(dataset.classes)).tolist()
    chosen = {
        "start": found.selected,
        "left_out": left_out,
        **asdict(machine),
        **say_outcome(tuned, counts, plan, progress),
    }
    selected = {**_selected(start, plan, tuned, views=outputs.train.shape[1]), **chosen}
    return better_of(start, tuned, classes=dataset.classes, selected=selected)


def say_finetune_cost(
    dataset: Dataset, base: Backbone, request: Request, search: partial[HeadSearch], *, plan: FineTuningPlan
) -> None:
    """Say how long it takes to search a head, to look at views of each picture, and to train on them."""
    count, epochs = dataset.train.stop - dataset.train.start, plan.training.epochs
    seconds = seconds_to_look(dataset, base, looks=count * plan.views_shown + looks_to_ask(dataset))
    seconds += seconds_to_look(dataset, base.singles[-1], looks=count * EPOCH_COST * epochs)
    seconds += seconds_to_search(dataset, search, valid=chosen_on(dataset))
    views = counted(plan.views_shown, "view")
    what = f"{counted(count, 'training picture')}, a search of a head, {views} of each and {epochs} epochs"
    say_cost(request, seconds, what=what)


def say_outcome(tuned: Tuned, counts: Sequence[int], plan: FineTuningPlan, progress: Progress) -> dict[str, Any]:
    """Say what fine-tuning gained, or whether it ran away instead; what a run keeps of the latter.

    `counts` are the numbers of valid pictures of each class.
    """
    if tuned.way > 0:
        if tuned.score is not None and tuned.start_score is not None:
            progress.note(
                f"Kept: {tuned.way:.0%} of the way from the start to epoch {tuned.fitted.epoch}. The log loss on "
                f"valid, calibrated, goes from {tuned.start_score:.3f} to {tuned.score:.3f}."
            )
        return {}
    progress.note("Fine-tuning did not lower the log loss on valid: the base and the head stay as they were.")
    if not ran_away(tuned.fitted.history, score=tuned.fitted.score, counts=counts):
        return {}
    progress.note(diverged_note(plan.training.learning_rate))
    return {"diverged": True}


def starting_point(base: Backbone, plan: FineTuningPlan, *, head: LinearHead, seen: Features) -> Start:
    """The base cut where the plan says, with a head on what it sees in the training pictures, float32 [n, D]."""
    return Start.of(base, find_cut(base, share=plan.share), head=head, seen=seen, dropout=plan.dropout)


def better_of(start: Start, tuned: Tuned, *, classes: tuple[str, ...], selected: Mapping[str, Any]) -> Classifier:
    """The tuned net where training lowered the log loss on valid, else what it started from."""
    better = tuned.way > 0
    return Classifier(
        classes=classes,
        base=tuned.backbone if better else start.backbone,
        head=tuned.head if better else start.head,
        weights=safe_tensors(tuned) if better else None,
        selected=selected,
        history=tuned.fitted.history,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """How pictures are shown to the frozen part.

    Attributes:
        index: the pictures.
        augmentation: how far a view may be from the picture.
        seed: of the views.
    """

    index: Index
    augmentation: Augmentation
    seed: int

    def plain(self, preprocess: Preprocess, row: int) -> Pixels:
        """A picture as it is, as a square of side S, uint8 [1, S, S, 3]."""
        return prepare_square(self.index, row, preprocess)[np.newaxis]

    def views(self, preprocess: Preprocess, row: int, *, count: int) -> Pixels:
        """A picture in so many views, uint8 [count, S, S, 3], the first as it is; decoded once."""
        (pixels,) = self.plain(preprocess, row)
        change = partial(augment, pixels, augmentation=self.augmentation, seed=self.seed, index=row)
        return np.stack([pixels, *(change(epoch=view) for view in range(1, count))])


def run_frozen_part(dataset: Dataset, start: Start, plan: FineTuningPlan, request: Request) -> FrozenOutputs:
    """What the frozen part gives for augmented views of train, and for valid as it is; kept in the work folder."""
    index, train, valid = dataset.index, dataset.train, dataset.valid
    shown = Shown(index=index, augmentation=plan.augmentation, seed=request.seed)
    frozen = frozen_bases(start.backbone, start.cut)
    count = views_within_bytes(frozen, pictures=train.stop - train.start, wanted=plan.views_shown)
    looks = " ".join(f"{base.digest} {base.preprocess.key} {list(base.widths)}" for base in frozen)
    key = hashlib.sha256(f"{looks} {shown.augmentation.key} {shown.seed} {count} {train} {valid}".encode())
    for rows in (train, valid):
        key.update(dataset.features[rows, -1].tobytes())  # one number tells pictures apart
    keep = partial(keep_views, frozen, progress=request.progress)
    file = f"{key.hexdigest()[:16]}.npy"
    many = keep(
        lambda preprocess, row: shown.views(preprocess, train.start + row, count=count),
        pictures=train.stop - train.start,
        views=count,
        path=request.work / f"train-{file}",
        stage="Looking at views of train with the frozen part",
    )
    plain = keep(
        lambda preprocess, row: shown.plain(preprocess, valid.start + row),
        pictures=valid.stop - valid.start,
        views=1,
        path=request.work / f"valid-{file}",
        stage="Looking at pictures of valid with the frozen part",
    )
    labels = dataset.labels
    return FrozenOutputs(train=many, labels=labels[train], valid=plain[:, 0], valid_labels=labels[valid])


def safe_tensors(tuned: Tuned) -> bytes:
    """The trained stages and the head as the bytes of a safetensors file."""
    torch = load_torch()
    head = {"classifier_weight": tuned.head.weight, "classifier_bias": tuned.head.bias}
    tensors = {**tuned.weights, **head}  # those of a base of torch's may lie channels last, which safetensors refuses
    content: bytes = load_safetensors().save(
        {name: torch.from_numpy(np.ascontiguousarray(value)) for name, value in tensors.items()}
    )
    return content


def _selected(start: Start, plan: FineTuningPlan, tuned: Tuned, *, views: int) -> dict[str, Any]:
    cut = start.cut
    return {
        "trained_from": f"{start.backbone.singles[-1].name}.{cut.tensor}" if start.backbone.halves else cut.tensor,
        "trained_share": round(cut.share, 3),
        "frozen_depths": list(cut.frozen),
        "views": views,
        "augmentation": asdict(plan.augmentation),
        "training": asdict(plan.training),
        "head_rate": plan.head_rate,
        "dropout": plan.dropout,
        "epoch": tuned.fitted.epoch if tuned.way > 0 else 0,
        "way": tuned.way,
        "criterion": "log loss after calibration",
        "score": tuned.score,
        "start_score": tuned.start_score,
        "chosen_by": "default" if tuned.score is None else "valid",
        "out_of": {"epoch": [0, *(row["epoch"] for row in tuned.fitted.history)], "way": list(WAYS)},
    }
