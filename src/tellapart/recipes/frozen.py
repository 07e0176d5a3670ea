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
from dataclasses import asdict, dataclass
from functools import partial
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tellapart.data.augment import NOTHING, Augmentation, AugmentedView
from tellapart.features.embed import View
from tellapart.heads.calibration import fit_temperature
from tellapart.heads.search import HeadSearch, search_head
from tellapart.progress import Progress, Silent
from tellapart.recipes.label_safety import Look, suited_augmentation
from tellapart.recipes.trained import TrainedHead
from tellapart.types import Depth, Features, Labels

VIEWS: Final = 2
MOST_ROWS: Final = 50_000  # of training pictures and their views: 600 MB for lite0
AUGMENTATION: Final = Augmentation(rotation=10, width_shift=0.1, height_shift=0.1, zoom=0.1, horizontal_flip=True)


def train_frozen(
    features: Features,
    labels: Labels,
    *,
    classes: Sequence[str],
    depths: Sequence[Depth],
    train: slice,
    valid: slice,
    valid_is_given: bool,
    groups: NDArray[np.int64] | None = None,
    look: Look,
    seed: int,
    views: int = VIEWS,
    augmentation: Augmentation = AUGMENTATION,
    progress: Progress | None = None,
) -> TrainedHead:
    """Search a head on train as it is and in augmented views, and calibrate it on valid.

    Args:
        features: float32 [N, D] of the pictures as they are.
        labels: int64 [N].
        classes: K names, for what is said about them.
        depths: the columns of each depth.
        train: the rows to train on.
        valid: the rows to calibrate on.
        valid_is_given: choose on valid, because the data itself set it apart; otherwise by cross-validation on train,
            all views of a picture held out together, and the picture scored as it is.
        groups: int64 [N], equal for pictures that folds hold out together; None for none.
        look: look(view, rows, into) fills into float32 [n, D] with what the base sees in that view of n rows.
        seed: of folds and views.
        views: V, how many augmented views there are of each training picture; fewer where they would not fit.
        augmentation: how far a view may be from the picture; what undoes a label is left out, with a note.
        progress: told of each step of the search.

    Raises:
        DataError: as search_head.
        MissingExtraError: OpenCV is not installed.
    """
    progress = progress or Silent()
    together = None if groups is None else groups[train]
    search = partial(
        search_head, class_count=len(classes), depths=depths, groups=together, seed=seed, progress=progress
    )
    plain = search(features, labels, train=train, valid=valid if valid_is_given else None)
    suited = partial(suited_augmentation, features, labels, head=plain.head, classes=classes, train=train, valid=valid)
    augmentation, left_out = suited(look=look, augmentation=augmentation, progress=progress)
    shown = training_views(augmentation, seed=seed, count=affordable_views(train.stop - train.start, wanted=views))
    found = {0: plain}
    if shown:
        seen = with_views(features, labels, train=train, valid=valid, views=shown, look=look)
        judge = seen.valid if valid_is_given else None
        found[len(shown)] = search(seen.features, seen.labels, train=seen.train, valid=judge, copies=1 + len(shown))
    count = min(found, key=lambda number: (held_out_loss(found[number]), -number))
    temperature = fit_temperature(found[count].head.logits(features[valid]), labels[valid])
    return TrainedHead(
        head=found[count].head,
        temperature=temperature,
        selected={
            **found[count].selected,
            "views": count,
            "augmentation": asdict(augmentation),
            "left_out": left_out,
            "scores": {str(number): search.selected["score"] for number, search in found.items()},
        },
        history=tuple({"views": number, **row} for number, search in found.items() for row in search.history),
    )


def affordable_views(pictures: int, *, wanted: int) -> int:
    """As many views as are wanted and fit into MOST_ROWS; 0 where there are that many pictures already."""
    return min(wanted, max(0, MOST_ROWS // pictures - 1))


def training_views(augmentation: Augmentation, *, seed: int, count: int) -> list[View]:
    """The views 0 to count - 1; none where the augmentation changes nothing."""
    if augmentation == NOTHING:
        return []
    return [AugmentedView(augmentation=augmentation, seed=seed, number=number) for number in range(count)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """Training pictures with their views, and valid pictures as they are.

    Attributes:
        features: float32 [n * (1 + V) + M, D]: n training pictures as they are, then n in each view, then M of valid.
        labels: int64, one a row.
        train: the rows of training pictures and their views.
        valid: the rows of valid pictures.
    """

    features: Features
    labels: Labels
    train: slice
    valid: slice


def with_views(
    features: Features, labels: Labels, *, train: slice, valid: slice, views: Sequence[View], look: Look
) -> Seen:
    """Look at the training pictures, and at nothing else, in each of V views."""
    rows = range(train.start, train.stop)
    stop = len(rows) * (1 + len(views))
    matrix = np.empty((stop + valid.stop - valid.start, features.shape[1]), np.float32)
    matrix[: len(rows)], matrix[stop:] = features[train], features[valid]
    for first, view in zip(range(len(rows), stop, len(rows)), views, strict=True):
        look(view, rows, matrix[first : first + len(rows)])
    return Seen(
        features=matrix,
        labels=np.concatenate([*[labels[train]] * (1 + len(views)), labels[valid]]),
        train=slice(0, stop),
        valid=slice(stop, len(matrix)),
    )


def held_out_loss(search: HeadSearch) -> float:
    """The log loss it was chosen by; infinite where nothing could be held out."""
    score = search.selected["score"]
    return math.inf if score is None else float(score)
