"""Recipe `features`: the base stays frozen and looks at each picture once; a linear head is trained on what it sees.

With defaults and seed 0 on 2 Zen 4 cores (lite0, bf16), test accuracy with its 95 % interval, and the seconds of the
whole command with an empty cache, one run each:

    tellapart train ../shared/data/cats_vs_dogs_small    0.990 (0.982 to 0.995)    16.5 s
    tellapart train ../shared/data/neu_surface           1.000 (0.987 to 1.000)     9.5 s
    tellapart train ../shared/data/trashnet              0.919 (0.889 to 0.941)    12.0 s
"""

from __future__ import annotations

from functools import partial

import numpy as np

from tellapart.backbones.backbone import Backbone
from tellapart.classifier import Classifier
from tellapart.heads.nested import NestedPlan, search_inside
from tellapart.heads.search import HeadSearch, search_head
from tellapart.recipes.cost import say_cost, seconds_to_search
from tellapart.recipes.kept_head import kept_search
from tellapart.recipes.request import Dataset, Request
from tellapart.text import counted

# Training pictures times classes, which the time of a search is proportional to. 1259 digits of ten classes are
# searched by five folds in 7 s on two cores; 42,000 of MNIST would take many minutes to choose what 9000 of valid do.
CROSS_VALIDATED_AT_MOST = 15_000
# Times as long as the search of the head that leaves take those of five folds. Of 900 pictures, processor's time: 1.2
# on trashnet, 2.9 on neu_surface, 4.8 on cats_vs_dogs_small, over two threads.
FOLDS_TAKE = 3.0


def train_features(dataset: Dataset, base: Backbone, request: Request) -> Classifier:
    """Search a head on train: strength and depths are chosen as `chosen_on` says.

    Where folds test, train is everything, and what is chosen is chosen inside it.
    """
    pictures, search = dataset.train.stop - dataset.train.start, head_search(dataset, base, request)
    kept = kept_search(search, dataset, valid=chosen_on(dataset))
    known = kept.get()
    if known is not None and dataset.folds is None:
        return searched(known, dataset, base)
    if request.recipe == "features" or dataset.folds is not None:
        say_features_cost(dataset, request, seconds_to_search(dataset, search, valid=chosen_on(dataset)))
    if dataset.folds is not None and pictures * len(dataset.classes) > CROSS_VALIDATED_AT_MOST:
        found = search_inside(
            dataset.features,
            dataset.labels,
            np.arange(pictures),
            groups=dataset.groups,
            plan=nested_plan(dataset, base, request),
            most=CROSS_VALIDATED_AT_MOST,
            progress=request.progress,
        )
        return searched(found, dataset, base)
    found = known or kept.put(
        search(dataset.source, dataset.labels, train=dataset.train, valid=chosen_on(dataset), weights=dataset.weights)
    )
    return searched(found, dataset, base)


def say_features_cost(dataset: Dataset, request: Request, seconds: float) -> None:
    """Say how long it takes to search a head, so many seconds, and those of folds where folds test."""
    count = dataset.train.stop - dataset.train.start
    what = f"a search of a head over {counted(count, 'picture')} of {counted(len(dataset.classes), 'class', 'classes')}"
    if dataset.folds is not None:
        seconds, what = seconds * (1 + FOLDS_TAKE), f"{what}, and one in each of {dataset.folds.max() + 1} folds"
    say_cost(request, seconds, what=what)


def nested_plan(dataset: Dataset, base: Backbone, request: Request) -> NestedPlan:
    """What the heads of all folds have in common."""
    return NestedPlan(
        class_count=len(dataset.classes), depths=base.depths, max_error=request.max_error, seed=request.seed
    )


def chosen_on(dataset: Dataset) -> slice | None:
    """The rows that strength and depths are chosen on, in every recipe with a head; None for folds of train.

    Valid chooses where the data itself set it apart. Else folds of train do, which wastes nothing of a small set and
    leaves valid to the calibration; but where train is large (see CROSS_VALIDATED_AT_MOST), valid is large too.
    """
    pictures = dataset.train.stop - dataset.train.start
    too_large = pictures * len(dataset.classes) > CROSS_VALIDATED_AT_MOST
    return dataset.valid if dataset.valid_is_given or too_large else None


def head_search(dataset: Dataset, base: Backbone, request: Request) -> partial[HeadSearch]:
    """`search_head` for the classes, depths, groups and seed of a request."""
    return partial(
        search_head,
        class_count=len(dataset.classes),
        depths=base.depths,
        groups=dataset.groups[dataset.train],
        closed_form=True,
        seed=request.seed,
        progress=request.progress,
    )


def searched(found: HeadSearch, dataset: Dataset, base: Backbone) -> Classifier:
    """The classifier of a base and the head that was found for it."""
    return Classifier(
        classes=dataset.classes, base=base, head=found.head, selected=found.selected, history=tuple(found.history)
    )
