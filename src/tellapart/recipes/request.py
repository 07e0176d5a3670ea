"""Every recipe by name, and how the main job hands its pictures to each."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tellapart.backbones.backbone import Backbone
from tellapart.backbones.engine import Engine, native_precision
from tellapart.data.warp import load_cv2
from tellapart.errors import DataError, OutputError, UsageError
from tellapart.extras import load_safetensors, load_torch
from tellapart.features.embed import PLAIN, View
from tellapart.features.look import look_at
from tellapart.heads.calibration import fit_temperature
from tellapart.nets.trained_net import TrainedNet
from tellapart.progress import Progress
from tellapart.recipes import finetune, scratch
from tellapart.recipes.auto import train_auto
from tellapart.recipes.features import train_features
from tellapart.recipes.finetune import train_finetune
from tellapart.recipes.frozen import train_frozen
from tellapart.recipes.scratch import train_scratch
from tellapart.recipes.smallest import check_scratch_size
from tellapart.recipes.trained import TrainedHead
from tellapart.types import Features, Index, Labels, SplitName

if TYPE_CHECKING:
    import torch

BUDGET = 10.0  # minutes that `auto` may take


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """Everything a recipe is trained and judged on: rows in the order train, valid, test.

    Attributes:
        index: the readable pictures with their splits.
        features: float32 [N, D], what the base sees.
        labels: int64 [N].
        rows: the rows of each split.
        valid_is_given: whether the data itself set valid apart.
        groups: int64 [N], equal for pictures that belong together.
    """

    index: Index
    features: Features
    labels: Labels
    rows: Mapping[SplitName, slice]
    valid_is_given: bool
    groups: NDArray[np.int64]

    def head_arguments(self) -> dict[str, Any]:
        """What every recipe that trains a head on features asks for by these names."""
        return {
            "train": self.rows["train"],
            "valid": self.rows["valid"],
            "valid_is_given": self.valid_is_given,
            "groups": self.groups,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What a run was asked for, beside its data.

    Attributes:
        seed: of everything random.
        size: the side in pixels of the square a net is trained on; None for its own.
        work: a folder for what a recipe keeps while it works; it need not exist.
        budget: minutes that `auto` may take.
        module: a net of the user's own for the scratch recipes.
        plan: other settings than the recipe's own, of the recipe's own kind.
        on_epoch: called after every epoch with the history so far.
        progress: told of every stage.
    """

    seed: int
    size: int | None = None
    work: Path
    budget: float = BUDGET
    module: torch.nn.Module | None = None
    plan: Any = None
    on_epoch: Callable[[Sequence[Mapping[str, Any]]], None] = lambda _history: None
    progress: Progress


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a recipe made.

    Attributes:
        backbone: the base that is served: the frozen one, or a trained one.
        trained: the calibrated head on its features.
        weights: of a trained net, as a safetensors file; None where nothing but the head was trained.
    """

    backbone: Backbone
    trained: TrainedHead
    weights: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How a recipe is run.

    Attributes:
        train: from a dataset, a base and an order to an outcome.
        check: called before any work; raises MissingExtraError where the recipe needs what is not installed.
        has_base: whether it starts from a pretrained base.
        keeps: whether it keeps anything in the work folder.
        plan: the kind of settings it can be given instead of its own; None where it takes none.
        check_order: called once the data is indexed and before any picture is looked at; raises UsageError where what
            was asked for cannot be done with it.
    """

    train: Callable[[Dataset, Backbone, Order], Outcome]
    check: Callable[[], object] = lambda: None
    has_base: bool = True
    keeps: bool = False
    plan: type | None = None
    check_order: Callable[[Index, Order], object] = lambda _index, _order: None


def by_features(dataset: Dataset, base: Backbone, order: Order) -> Outcome:
    trained = train_features(
        dataset.features,
        dataset.labels,
        class_count=len(dataset.index.classes),
        depths=base.depths,
        seed=order.seed,
        progress=order.progress,
        **dataset.head_arguments(),
    )
    return Outcome(backbone=base, trained=trained)


def by_frozen(dataset: Dataset, base: Backbone, order: Order) -> Outcome:
    trained = train_frozen(
        dataset.features,
        dataset.labels,
        classes=dataset.index.classes,
        depths=base.depths,
        look=looker(dataset, base, order.progress),
        seed=order.seed,
        progress=order.progress,
        **dataset.head_arguments(),
    )
    return Outcome(backbone=base, trained=trained)


def by_finetune(dataset: Dataset, base: Backbone, order: Order) -> Outcome:
    net = train_finetune(
        dataset.index,
        dataset.labels,
        features=dataset.features,
        backbone=base,
        classes=dataset.index.classes,
        look=looker(dataset, base, order.progress),
        work=order.work,
        seed=order.seed,
        progress=order.progress,
        on_epoch=order.on_epoch,
        plan=order.plan,
        **dataset.head_arguments(),
    )
    return calibrated(net, dataset, base, order)


def by_scratch(dataset: Dataset, base: Backbone, order: Order, *, augmented: bool = False) -> Outcome:
    net = train_scratch(
        dataset.index,
        dataset.labels,
        augmented=augmented,
        size=order.size,
        classes=len(dataset.index.classes),
        work=order.work,
        seed=order.seed,
        progress=order.progress,
        on_epoch=order.on_epoch,
        module=order.module,
        plan=order.plan,
    )
    return calibrated(net, dataset, base, order)


def check_scratch(index: Index, order: Order, *, augmented: bool = False) -> None:
    """Stop at a size that is too small for the net; a user's own module is not ours to try."""
    if order.module is None:
        check_scratch_size(index, augmented=augmented, size=order.size, plan=order.plan)


def by_scratch_augmented(dataset: Dataset, base: Backbone, order: Order) -> Outcome:
    return by_scratch(dataset, base, order, augmented=True)


def by_auto(dataset: Dataset, base: Backbone, order: Order) -> Outcome:
    chosen = train_auto(
        dataset.index,
        dataset.labels,
        features=dataset.features,
        backbone=base,
        look=looker(dataset, base, order.progress),
        work=order.work,
        seed=order.seed,
        budget=order.budget,
        progress=order.progress,
        on_epoch=order.on_epoch,
        **dataset.head_arguments(),
    )
    selected = {"recipe": chosen.recipe, **chosen.selected}
    if isinstance(chosen.trained, TrainedNet):
        return calibrated(replace(chosen.trained, selected=selected), dataset, base, order)
    return Outcome(backbone=base, trained=replace(chosen.trained, selected=selected))


def calibrated(net: TrainedNet, dataset: Dataset, base: Backbone, order: Order) -> Outcome:
    """A trained net with the temperature that suits it on valid, as the engine that serves it computes it."""
    valid = dataset.rows["valid"]
    logits = net.head.logits(features_seen(dataset, base, net.backbone, rows=valid, progress=order.progress))
    trained = TrainedHead(
        head=net.head,
        temperature=fit_temperature(logits, dataset.labels[valid]),
        selected=net.selected,
        history=net.history,
    )
    return Outcome(backbone=net.backbone, trained=trained, weights=net.weights)


def features_seen(dataset: Dataset, base: Backbone, backbone: Backbone, *, rows: slice, progress: Progress) -> Features:
    """What a backbone sees in some rows, float32 [n, D]: at hand if it is the base, otherwise it looks at them now."""
    if same_eyes(base, backbone):
        return dataset.features[rows]
    return look_again(dataset, backbone, range(rows.start, rows.stop), progress, keep=False)


def same_eyes(base: Backbone, backbone: Backbone) -> bool:
    """Whether two backbones see the same in every picture."""
    return backbone.digest == base.digest and backbone.preprocess == base.preprocess


def looker(dataset: Dataset, base: Backbone, progress: Progress) -> Callable[[View, Sequence[int], Features], None]:
    """A function that fills features with what the base sees in a view of some rows; one engine serves all calls."""
    engine = Engine(base, precision=native_precision())

    def look(view: View, rows: Sequence[int], into: Features) -> None:
        look_again(dataset, base, rows, progress, engine=engine, view=view, into=into)

    return look


def look_again(
    dataset: Dataset,
    backbone: Backbone,
    rows: Sequence[int],
    progress: Progress,
    *,
    engine: Engine | None = None,
    view: View = PLAIN,
    into: Features | None = None,
    keep: bool = True,
) -> Features:
    """Features of pictures that could be read before.

    Raises:
        DataError: one of them cannot be read any more.
    """
    index = replace(dataset.index, pictures=tuple(dataset.index.pictures[row] for row in rows))
    seen = look_at(index, backbone, progress, engine=engine, view=view, into=into, keep=keep)
    if len(seen.index.pictures) != len(rows):
        missing = next(entry for entry in seen.ledger if entry.status == "skipped")
        hint = "Leave the pictures alone while a run looks at them, and run it again."
        raise DataError(f"a picture can no longer be read ({missing.reason})", where=missing.path, hint=hint)
    return seen.features


def clear_work(folder: Path) -> None:
    """Remove what a finished recipe kept.

    Raises:
        OutputError: it cannot be removed.
    """
    try:
        if folder.is_dir():
            shutil.rmtree(folder)
    except OSError as error:
        raise OutputError("the work folder cannot be removed", where=folder, hint="Remove it by hand.") from error


def check_recipe(recipe: str, *, plan: object, budget: float) -> None:
    """Stop at a recipe that does not exist, or at settings that it does not take.

    Raises:
        UsageError: there is none of that name, the plan is not of its own kind, or the budget is no time.
    """
    if recipe not in tuple(RECIPES):
        raise UsageError("no such recipe", where=str(recipe), hint=f"Choose one of: {', '.join(RECIPES)}.")
    if not isinstance(budget, int | float) or not budget >= 0:
        raise UsageError("no such budget", where=str(budget), hint="Give a number of minutes, as 10.")
    kind = RECIPES[recipe].plan
    if plan is None or (kind is not None and isinstance(plan, kind)):
        return
    taken = f"It takes a {kind.__module__}.{kind.__qualname__}." if kind is not None else "Leave the plan out."
    raise UsageError("this recipe takes no such plan", where=f"{recipe}, {type(plan).__name__}", hint=taken)


def needs_torch() -> None:
    """Everything that a recipe with torch imports, found before any work."""
    load_torch()
    load_safetensors()
    load_cv2()


SCRATCH = Recipe(
    train=by_scratch, check=needs_torch, has_base=False, keeps=True, plan=scratch.Plan, check_order=check_scratch
)
RECIPES: Mapping[str, Recipe] = {
    "auto": Recipe(train=by_auto, keeps=True),
    "features": Recipe(train=by_features),
    "frozen": Recipe(train=by_frozen, check=load_cv2),
    "finetune": Recipe(train=by_finetune, check=needs_torch, keeps=True, plan=finetune.Plan),
    "scratch": SCRATCH,
    "scratch-augmented": replace(
        SCRATCH, train=by_scratch_augmented, check_order=partial(check_scratch, augmented=True)
    ),
}
