"""Recipe `frozen`: the base stays frozen; a linear head is trained on what it sees in several views of each picture.

Every training picture is shown to the base once as it is and once in each of a few augmented views, which are kept like
all features: augmentation from end to end at the price of feature extraction. Valid and test pictures are only ever
shown as they are. The head trained without views stays in the choice, so views are used where they help.

Seed 0, lite0, two views, everything chosen on valid (2 shared Zen 4 cores, 2026-11-24), against recipe `features`:

- trashnet: valid log loss 0.187 against 0.204; test accuracy 0.928 against 0.919 (430 pictures, so within noise);
- cats_vs_dogs_small: views did not help (valid log loss 0.0319 against 0.0291), so the head without them stays; test
  accuracy 0.990 for both.

Command: tellapart train ../shared/data/trashnet --recipe frozen
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tellapart.backbones.backbone import Backbone
from tellapart.classifier import Classifier
from tellapart.data.augment import NOTHING, Augmentation, AugmentedView
from tellapart.features.embed import View
from tellapart.heads.effective_settings import among_all
from tellapart.heads.search import HeadSearch
from tellapart.nets.schedule import check_kind, check_range
from tellapart.recipes.cost import say_cost, seconds_to_look, seconds_to_search
from tellapart.recipes.features import chosen_on, head_search, searched
from tellapart.recipes.label_safety import looks_to_ask, suited_augmentation
from tellapart.recipes.looking import ViewEmbedder, rows_of, view_embedder
from tellapart.recipes.request import Dataset, Request
from tellapart.text import counted
from tellapart.types import Features, Labels

MOST_ROWS: Final = 50_000  # of training pictures and their views: 600 MB for lite0
AUGMENTATION: Final = Augmentation(rotation=10, width_shift=0.1, height_shift=0.1, zoom=0.1, horizontal_flip=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class FrozenPlan:
    """What the head is trained on beside the pictures.

    Attributes:
        augmented_views: V, how many there are of each training picture; fewer where they would not fit.
        augmentation: how far a view may be from the picture; what turns a class into another is left out, with a note.
    """

    augmented_views: int = 2
    augmentation: Augmentation = AUGMENTATION

    def __post_init__(self) -> None:
        """Refuse settings that make no sense.

        Raises:
            UsageError: one is out of its range, or of another kind.
        """
        check_range("augmented_views", self.augmented_views, least=0, whole=True)
        check_kind("augmentation", self.augmentation, Augmentation)


def train_frozen(dataset: Dataset, base: Backbone, request: Request) -> Classifier:
    """Search a head on train as it is and in augmented views.

    It is chosen as `chosen_on` says; folds hold out all views of a picture together, and score the picture as it is.

    Raises:
        DataError: as search_head, or a picture can no longer be read.
        MissingExtraError: OpenCV is not installed.
    """
    plan = request.changes.applied(request.plan or FrozenPlan())
    search = head_search(dataset, base, request)
    valid = chosen_on(dataset)
    if request.recipe == "frozen":
        say_frozen_cost(dataset, base, request, search, views=plan.augmented_views)
    embed_view = view_embedder(dataset, base, request.progress, workers=request.workers)
    plain = search(dataset.features, dataset.labels, train=dataset.train, valid=valid, weights=dataset.weights)
    augmentation, left_out = suited_augmentation(
        dataset, head=plain.head, embed_view=embed_view, augmentation=plan.augmentation, progress=request.progress
    )
    count = views_within_rows(dataset.train.stop - dataset.train.start, wanted=plan.augmented_views)
    views = training_views(augmentation, seed=request.seed, count=count)
    found = {0: plain}
    if views:
        shown = with_views(dataset, views=views, embed_view=embed_view)
        valid = None if valid is None else shown.valid
        found[len(views)] = search(
            shown.features,
            shown.labels,
            train=shown.train,
            valid=valid,
            copies=1 + len(views),
            weights=shown.weights,
        )
    count = min(found, key=lambda number: (held_out_loss(found[number]), -number))
    chosen = found[count].selected
    return replace(
        searched(found[count], dataset, base),
        selected={
            **chosen,
            "augmented_views": count,
            "out_of": {"augmented_views": list(found), **chosen["out_of"]},
            "augmentation": asdict(augmentation),
            "left_out": left_out,
            "scores": {str(number): search.selected["score"] for number, search in found.items()},
            **among_all([search.selected for search in found.values()]),
        },
        history=tuple({"augmented_views": number, **row} for number, search in found.items() for row in search.history),
    )


def say_frozen_cost(
    dataset: Dataset, base: Backbone, request: Request, search: partial[HeadSearch], *, views: int
) -> None:
    """Say how long it takes to look at so many views of each picture, and to search a head without them and with."""
    count = dataset.train.stop - dataset.train.start
    views = views_within_rows(count, wanted=views)
    seconds = seconds_to_look(dataset, base, looks=count * views + looks_to_ask(dataset))
    seconds += seconds_to_search(dataset, search, valid=chosen_on(dataset), copies=(1, 1 + views))
    what = f"{counted(count, 'training picture')}, {counted(views, 'more view')} of each, two searches of a head"
    say_cost(request, seconds, what=what)


def views_within_rows(pictures: int, *, wanted: int) -> int:
    """As many views as are wanted and fit into MOST_ROWS; 0 where there are that many pictures already."""
    return min(wanted, max(0, MOST_ROWS // pictures - 1))


def training_views(augmentation: Augmentation, *, seed: int, count: int) -> list[View]:
    """The views 0 to count - 1; none where the augmentation changes nothing."""
    if augmentation == NOTHING:
        return []
    return [AugmentedView(augmentation=augmentation, seed=seed, number=number) for number in range(count)]


@dataclass(frozen=True, slots=True, kw_only=True)
class WithViews:
    """Training pictures with their views, and valid pictures as they are.

    Attributes:
        features: float32 [n * (1 + V) + M, D]: n training pictures as they are, then n in each view, then M of valid.
        labels: int64, one a row.
        train: the rows of training pictures and their views.
        valid: the rows of valid pictures.
        weights: float64, one a row; None where all count the same.
    """

    features: Features
    labels: Labels
    train: slice
    valid: slice
    weights: NDArray[np.float64] | None


def with_views(dataset: Dataset, *, views: Sequence[View], embed_view: ViewEmbedder) -> WithViews:
    """Look at the training pictures, and at nothing else, in each of V views."""
    train, valid = dataset.train, dataset.valid
    rows = range(train.start, train.stop)
    stop = len(rows) * (1 + len(views))
    matrix = np.empty((stop + valid.stop - valid.start, dataset.features.shape[1]), np.float32)
    matrix[: len(rows)], matrix[stop:] = dataset.features[train], dataset.features[valid]
    for first, view in zip(range(len(rows), stop, len(rows)), views, strict=True):
        embed_view(view, rows, matrix[first : first + len(rows)])
    order = np.concatenate([np.tile(np.arange(train.start, train.stop), 1 + len(views)), rows_of(valid)]).astype(int)
    return WithViews(
        features=matrix,
        labels=dataset.labels[order],
        weights=None if dataset.weights is None else dataset.weights[order],
        train=slice(0, stop),
        valid=slice(stop, len(matrix)),
    )


def held_out_loss(search: HeadSearch) -> float:
    """The log loss it was chosen by; infinite where nothing could be held out."""
    score = search.selected["score"]
    return math.inf if score is None else float(score)
