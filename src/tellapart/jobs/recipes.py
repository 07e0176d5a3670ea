"""Every recipe by name, and how the main job hands its pictures to each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from tellapart.backbones.backbone import Backbone
from tellapart.backbones.engine import Engine, native_precision
from tellapart.data.warp import load_cv2
from tellapart.errors import DataError
from tellapart.features.embed import View
from tellapart.jobs.look import look_at
from tellapart.progress import Progress
from tellapart.recipes.features import train_features
from tellapart.recipes.frozen import train_frozen
from tellapart.recipes.trained import TrainedHead
from tellapart.types import Features, Index, Labels, SplitName


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """Everything the head is trained and judged on: rows in the order train, valid, test.

    Attributes:
        index: the readable pictures with their splits.
        features: float32 [N, D].
        labels: int64 [N].
        rows: the rows of each split.
        valid_is_given: whether the data itself set valid apart.
    """

    index: Index
    features: Features
    labels: Labels
    rows: Mapping[SplitName, slice]
    valid_is_given: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How a recipe is run.

    Attributes:
        train: from a dataset, a base, a seed and a listener to a trained head.
        check: called before any work; raises MissingExtraError where the recipe needs what is not installed.
    """

    train: Callable[..., TrainedHead]
    check: Callable[[], object] = lambda: None


def by_features(dataset: Dataset, base: Backbone, *, seed: int, progress: Progress) -> TrainedHead:
    return train_features(
        dataset.features,
        dataset.labels,
        class_count=len(dataset.index.classes),
        depths=base.depths,
        train=dataset.rows["train"],
        valid=dataset.rows["valid"],
        valid_is_given=dataset.valid_is_given,
        seed=seed,
        progress=progress,
    )


def by_frozen(dataset: Dataset, base: Backbone, *, seed: int, progress: Progress) -> TrainedHead:
    engine = Engine(base, precision=native_precision())

    def look(view: View, rows: Sequence[int], into: Features) -> None:
        pictures = tuple(dataset.index.pictures[row] for row in rows)
        index = replace(dataset.index, pictures=pictures)
        seen = look_at(index, base, progress, engine=engine, view=view, into=into)
        if len(seen.index.pictures) != len(pictures):
            missing = next(entry for entry in seen.ledger if entry.status == "skipped")
            hint = "Leave the pictures alone while a run looks at them, and run it again."
            raise DataError(f"a picture can no longer be read ({missing.reason})", where=missing.path, hint=hint)

    return train_frozen(
        dataset.features,
        dataset.labels,
        classes=dataset.index.classes,
        depths=base.depths,
        train=dataset.rows["train"],
        valid=dataset.rows["valid"],
        valid_is_given=dataset.valid_is_given,
        look=look,
        seed=seed,
        progress=progress,
    )


RECIPES: Mapping[str, Recipe] = {
    "features": Recipe(train=by_features),
    "frozen": Recipe(train=by_frozen, check=load_cv2),
}
