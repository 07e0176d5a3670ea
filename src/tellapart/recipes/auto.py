"""Recipe `auto`: the cheapest recipe that nothing dearer was shown to beat.

`features` first. `frozen` and then `finetune` are tried only where they can help and may be afforded, and one of them
is taken only where McNemar's exact test (McNemar 1947) on the same valid pictures says that it is better than what was
best before. Each step gives its reason, as a note and in `selected`.

The epoch of `finetune`, and how much of the way to it is kept, are chosen on the pictures it is then tested on, which
favours it a little; the test split stays unopened, and its figure is the honest one.

Legend: N pictures, M of them valid, D features, K classes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tellapart.backbones.backbone import Backbone
from tellapart.evaluation.paired import mcnemar
from tellapart.features.embed import PLAIN, embed
from tellapart.nets.fit import OnEpoch
from tellapart.nets.trained_net import TrainedNet
from tellapart.progress import Progress, Silent
from tellapart.recipes.features import train_features
from tellapart.recipes.finetune import Plan, train_finetune
from tellapart.recipes.frozen import VIEWS, train_frozen
from tellapart.recipes.label_safety import Look
from tellapart.recipes.trained import TrainedHead
from tellapart.text import counted
from tellapart.types import Features, Index, Labels

SIGNIFICANT: Final = 0.05
FEWEST_ERRORS: Final = 6  # 6 pictures mended and none broken give p = 0.03; 5 give 0.06
PROBED: Final = 64  # pictures looked at again to see how long one takes
EPOCH_COST: Final = 1.0  # looks at a picture that training on it for an epoch takes as long as; measured on lite0
NEEDED: Final = ("torch", "cv2", "safetensors")
Told = NDArray[np.int64]  # [M], the class that each valid picture is told as


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """What was taken.

    Attributes:
        recipe: "features", "frozen" or "finetune".
        trained: what it made.
        selected: what it chose, and under "auto" the reason of each step; JSON-ready.
    """

    recipe: str
    trained: TrainedHead | TrainedNet
    selected: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A recipe that may be tried.

    Attributes:
        recipe: its name.
        seconds: how long it is thought to take.
        train: makes the classifier.
        answer: what that says of the valid pictures.
    """

    recipe: str
    seconds: float
    train: Callable[[], TrainedHead | TrainedNet]
    answer: Callable[[TrainedHead | TrainedNet], Told]


def train_auto(
    index: Index,
    labels: Labels,
    *,
    features: Features,
    backbone: Backbone,
    train: slice,
    valid: slice,
    valid_is_given: bool,
    groups: NDArray[np.int64] | None = None,
    look: Look,
    work: Path,
    seed: int,
    budget: float,
    progress: Progress | None = None,
    on_epoch: OnEpoch = lambda _history: None,
) -> Chosen:
    """Train with `features`, and go on for as long as that is shown to help.

    Args:
        index: readable pictures, a row each.
        labels: int64 [N].
        features: float32 [N, D] of the frozen base.
        backbone: the base.
        train: the rows to train on.
        valid: the rows to calibrate on and to compare on.
        valid_is_given: whether the data itself set valid apart.
        groups: see `train_frozen`.
        look: see `train_frozen`.
        work: the folder of what `finetune` keeps.
        seed: of folds, views and order.
        budget: minutes that everything together may take.
        progress: told of every stage and of every reason.
        on_epoch: see `train_finetune`.

    Raises:
        DataError, OutputError: as the recipes.
    """
    started, progress = time.perf_counter(), progress or Silent()
    rows: dict[str, Any] = {"train": train, "valid": valid, "valid_is_given": valid_is_given}
    common: dict[str, Any] = {**rows, "groups": groups, "seed": seed, "progress": progress}
    classes = index.classes
    first = train_features(features, labels, class_count=len(classes), depths=backbone.depths, **common)

    def frozen() -> TrainedHead:
        return train_frozen(features, labels, classes=classes, depths=backbone.depths, look=look, **common)

    def tuned() -> TrainedNet:
        more: dict[str, Any] = {
            "features": features,
            "backbone": backbone,
            "classes": classes,
            "look": look,
            "work": work,
        }
        return train_finetune(index, labels, **more, **common, on_epoch=on_epoch)

    def answer(trained: TrainedHead | TrainedNet) -> Told:
        return told(trained, index=index, features=features, valid=valid)

    pictures = train.stop - train.start
    each = seconds_each(look, features, rows=range(train.start, min(train.stop, train.start + PROBED)))
    candidates = [
        Candidate(recipe="frozen", seconds=pictures * each * VIEWS, train=frozen, answer=answer),
        Candidate(recipe="finetune", seconds=pictures * each * tuning_looks(Plan()), train=tuned, answer=answer),
    ]
    return choose(
        first,
        candidates,
        answers=answer(first),
        labels=labels[valid],
        deadline=started + 60 * budget,
        note=progress.note,
    )


def choose(
    first: TrainedHead,
    candidates: Sequence[Candidate],
    *,
    answers: Told,
    labels: Labels,
    deadline: float,
    note: Callable[[str], None],
) -> Chosen:
    """Try the candidates in turn, and take each that is significantly better than what was taken before it.

    Args:
        first: what `features` made.
        candidates: dearer recipes, in the order in which they are tried.
        answers: int64 [M], what `first` says of the valid pictures.
        labels: int64 [M], what they are.
        deadline: on the clock of time.perf_counter.
        note: told of each reason.
    """
    recipe, reasons = "features", []
    current: TrainedHead | TrainedNet = first
    for candidate in candidates:
        reason = reason_against(candidate, errors=int((answers != labels).sum()), deadline=deadline)
        if reason is None:
            made = candidate.train()
            given = candidate.answer(made)
            better, reason = verdict(candidate.recipe, recipe, given=given, before=answers, labels=labels)
            if better:
                recipe, current, answers = candidate.recipe, made, given
        reasons.append(reason)
        note(reason)
    return Chosen(recipe=recipe, trained=current, selected={**current.selected, "auto": reasons})


def reason_against(candidate: Candidate, *, errors: int, deadline: float) -> str | None:
    """Why a candidate need not or cannot be tried; None where it should be."""
    missing = [module for module in NEEDED if find_spec(module) is None]
    if missing:
        return f"{candidate.recipe} was not tried: {missing[0]} is not installed (pip install 'tellapart[torch]')."
    if errors < FEWEST_ERRORS:
        told_wrong = counted(errors, "valid picture is", "valid pictures are")
        return f"{candidate.recipe} was not tried: {told_wrong} told wrongly, too few to show a gain on."
    left = max(0.0, deadline - time.perf_counter())
    if candidate.seconds > left:
        needed = f"about {candidate.seconds / 60:.1f} minutes"
        return f"{candidate.recipe} was not tried: it would take {needed}, and the budget leaves {left / 60:.1f}."
    return None


def verdict(recipe: str, rival: str, *, given: Told, before: Told, labels: Labels) -> tuple[bool, str]:
    """Whether new answers int64 [M] are significantly better than those before, and the sentence that says so."""
    mended = int(((given == labels) & (before != labels)).sum())
    broken = int(((given != labels) & (before == labels)).sum())
    chance = mcnemar(mended, broken)
    better = mended > broken and chance < SIGNIFICANT
    words = "is taken" if better else "is not taken"
    judged = counted(len(labels), "valid picture")
    compared = f"against {rival} it mends {mended:,} of {judged} and breaks {broken:,} (p = {chance:.3f})"
    return better, f"{recipe} {words}: {compared}."


def told(trained: TrainedHead | TrainedNet, *, index: Index, features: Features, valid: slice) -> Told:
    """What a classifier says of the valid pictures, int64 [M]; a trained base looks at them itself."""
    if isinstance(trained, TrainedNet):
        pictures = replace(index, pictures=index.pictures[valid])
        rows = embed(pictures, trained.backbone).features
    else:
        rows = features[valid]
    answers: Told = trained.head.logits(rows).argmax(axis=1)
    return answers


def seconds_each(look: Look, features: Features, *, rows: range) -> float:
    """Seconds that the base takes for a picture, from its file on; nothing is kept of what it sees."""
    started = time.perf_counter()
    look(PLAIN, rows, np.empty((len(rows), features.shape[1]), np.float32))
    return (time.perf_counter() - started) / max(1, len(rows))


def tuning_looks(plan: Plan) -> float:
    """How many looks of the base at a picture fine-tuning on it takes as long as."""
    return plan.views + EPOCH_COST * plan.training.epochs
