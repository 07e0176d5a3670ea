"""Recipe `auto`: `features` first, then what costs more, for as long as the budget allows.

Of what was trained, the classifier with the lower calibrated log loss on valid is taken, compared picture by picture.
Whether that is more than chance is said beside it: McNemar's exact test (McNemar 1947) of the answers, and the 95 %
interval of the paired differences of the loss. A test decides only what is said: a gain that a small valid split
cannot prove is still the better bet.

The epoch of `finetune`, and how much of the way to it is kept, are chosen on the pictures it is then compared on, which
favours it a little; the test split stays unopened, and its figure is the honest one.

Legend: M valid pictures, K classes.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tellapart.backbones.backbone import Backbone
from tellapart.classifier import Classifier
from tellapart.evaluation.paired import mcnemar
from tellapart.heads.calibration import calibrated_losses
from tellapart.recipes import attempts
from tellapart.recipes.cost import say_cost, seconds_a_look
from tellapart.recipes.features import train_features
from tellapart.recipes.finetune import EPOCH_COST, FineTuningPlan, train_finetune
from tellapart.recipes.frozen import FrozenPlan, train_frozen
from tellapart.recipes.looking import features_seen, rows_of, view_embedder
from tellapart.recipes.request import Dataset, Request
from tellapart.types import Labels

NEEDED: Final = ("torch", "cv2", "safetensors")
Z: Final = 1.96  # of a 95 % interval


@dataclass(frozen=True, slots=True, kw_only=True)
class CandidateRecipe:
    """A recipe that may be tried.

    Attributes:
        recipe: its name.
        seconds: how long it is thought to take.
        train: makes the classifier.
        against: why it cannot be tried here at all.
    """

    recipe: str
    seconds: float
    train: Callable[[], Classifier]
    against: attempts.Sentence | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidAnswers:
    """What a classifier says of the valid pictures.

    Attributes:
        correct: bool [M].
        losses: float64 [M], the log loss of each picture, calibrated.
    """

    correct: NDArray[np.bool_]
    losses: NDArray[np.float64]

    @classmethod
    def of(cls, logits: NDArray[np.float64], labels: Labels) -> ValidAnswers:
        """From logits float64 [M, K] and labels int64 [M]."""
        return cls(correct=logits.argmax(axis=1) == labels, losses=calibrated_losses(logits, labels))


def train_auto(dataset: Dataset, base: Backbone, request: Request) -> Classifier:
    """Train with `features`, and go on with what costs more where that can help and the budget holds it.

    Raises:
        DataError, OutputError: as the recipes.
    """
    started = time.perf_counter()
    first = train_features(dataset, base, request)
    if dataset.folds is not None:  # nothing else can be tried, see tries_features_alone
        return replace(first, selected={"recipe": "features", **first.selected, "auto": why_features_alone()})
    head_s = time.perf_counter() - started
    pictures, each = dataset.train.stop - dataset.train.start, seconds_each(dataset, base, request)
    frozen, tuning = FrozenPlan(), FineTuningPlan()
    looks = tuning.views + EPOCH_COST * tuning.training.epochs
    candidates = [
        CandidateRecipe(
            recipe="frozen",
            seconds=pictures * each * frozen.augmented_views + head_s * (2 + frozen.augmented_views),
            train=lambda: train_frozen(dataset, base, request),
        ),
        CandidateRecipe(
            recipe="finetune",
            seconds=pictures * each * looks + head_s,
            train=lambda: train_finetune(dataset, base, request),
            against=attempts.joined_bases("finetune") if base.halves else None,
        ),
    ]

    likely = sum(candidate.seconds for candidate in candidates if candidate.against is None)
    seconds = min(60 * request.budget, likely)
    say_cost(request, seconds, what=f"--budget allows {request.budget:g} minutes, and there is enough to try")

    def answers(classifier: Classifier) -> ValidAnswers:
        rows = rows_of(dataset.valid)
        seen = features_seen(dataset, base, classifier.base, rows=rows, progress=request.progress)
        return ValidAnswers.of(classifier.head.logits(seen), dataset.labels[dataset.valid])

    return choose_recipe(
        first, candidates, answers=answers, deadline=started + 60 * request.budget, note=request.progress.note
    )


def tries_features_alone(request: Request) -> bool:
    """Whether nothing that costs more can be tried, so that all that is trained is a head on kept features."""
    return missing_module() is not None or not request.budget


def why_features_alone() -> list[attempts.Sentence]:
    """Why nothing but `features` was tried where folds test."""
    missing = missing_module()
    dearer = ("frozen", "finetune")
    if missing is not None:
        return [attempts.not_installed(recipe, missing) for recipe in dearer]
    return [attempts.no_budget(recipe) for recipe in dearer]


def missing_module() -> str | None:
    """The first module that the dearer recipes need and that is not installed."""
    return next((module for module in NEEDED if find_spec(module) is None), None)


def choose_recipe(
    first: Classifier,
    candidates: Sequence[CandidateRecipe],
    *,
    answers: Callable[[Classifier], ValidAnswers],
    deadline: float,
    note: Callable[[str], None],
) -> Classifier:
    """Try the candidates in turn, and take each that is better on valid than what was taken before it.

    Args:
        first: what `features` made.
        candidates: dearer recipes, in the order in which they are tried.
        answers: what a classifier says of the valid pictures.
        deadline: on the clock of time.perf_counter.
        note: told of each reason.
    """
    recipe, reasons = "features", list[attempts.Sentence]()
    current, before = first, answers(first)
    for candidate in candidates:
        errors = int((~before.correct).sum())
        reason = reason_against(candidate, errors=errors, deadline=deadline)
        if reason is None:
            made = candidate.train()
            after = answers(made)
            better, reason = verdict(candidate.recipe, recipe, after=after, before=before)
            if better:
                recipe, current, before = candidate.recipe, made, after
        reasons.append(reason)
        note(reason["en"])
    selected: dict[str, Any] = {"recipe": recipe, **current.selected, "auto": reasons}
    return replace(current, selected=selected)


def reason_against(candidate: CandidateRecipe, *, errors: int, deadline: float) -> attempts.Sentence | None:
    """Why a candidate need not or cannot be tried; None where it should be."""
    missing = missing_module()
    if missing is not None:
        return attempts.not_installed(candidate.recipe, missing)
    if candidate.against is not None:
        return candidate.against
    if not errors:
        return attempts.no_gain_in_sight(candidate.recipe)
    left = max(0.0, deadline - time.perf_counter())
    if candidate.seconds > left:
        return attempts.too_long(candidate.recipe, minutes=candidate.seconds / 60, left=left / 60)
    return None


def verdict(recipe: str, rival: str, *, after: ValidAnswers, before: ValidAnswers) -> tuple[bool, attempts.Sentence]:
    """Whether new answers are better than those before, by the mean paired difference of the loss; and a sentence."""
    gains = before.losses - after.losses
    gain, count = float(gains.mean()), len(gains)
    margin = Z * float(gains.std(ddof=1)) / math.sqrt(count) if count > 1 else None
    changed = (int((after.correct & ~before.correct).sum()), int((before.correct & ~after.correct).sum()))
    sentence = attempts.comparison_sentence(
        recipe, rival, gain=gain, margin=margin, count=count, changed=changed, p=mcnemar(*changed)
    )
    return gain > 0, sentence


def seconds_each(dataset: Dataset, base: Backbone, request: Request) -> float:
    """Seconds that the base takes for a training picture, from its file on, with nothing of it taken from the cache."""
    return seconds_a_look(dataset, view_embedder(dataset, base, request.progress, keep=False))
