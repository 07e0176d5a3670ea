"""Recipe `auto`: `features` first, then what costs more, cheapest first, for as long as the budget allows.

After `features` on the base that was asked for, where that ships, come `features` on the other one, on both joined, and
on the best of them at larger sizes; then `frozen` and `finetune` on the best. Each says beforehand what it will take;
what would go beyond the budget is not begun. What earlier ones took beyond what was said of them is counted in.

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
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tellapart.backbones.backbone import Backbone
from tellapart.backbones.catalogue import LITE0_SIZE
from tellapart.classifier import Classifier
from tellapart.evaluation.paired import mcnemar
from tellapart.heads.calibration import calibrated_losses
from tellapart.heads.effective_settings import EFFECTIVE, chosen_among, effective_settings
from tellapart.recipes import attempts
from tellapart.recipes.cost import in_words, say_cost, seconds_a_look
from tellapart.recipes.features import train_features
from tellapart.recipes.finetune import EPOCH_COST, FineTuningPlan, train_finetune
from tellapart.recipes.frozen import FrozenPlan, train_frozen
from tellapart.recipes.larger import larger_bases
from tellapart.recipes.looking import features_seen, look_again, rows_of
from tellapart.recipes.request import Dataset, Request
from tellapart.types import Labels

NEEDED: Final = ("torch", "cv2", "safetensors")
Z: Final = 1.96  # of a 95 % interval
WORK: Final[Mapping[str, float]] = {
    "lite0": 1.0,
    "lite2": 2.0,
}  # in a look at 224 px; lite2 at its own 260 px takes 2.7 times as long
NOTICED: Final = 20.0  # seconds; what takes less, as compiling a base does, says nothing of what else will take


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """What was trained, and on what.

    Attributes:
        classifier: the outcome.
        dataset: the pictures with what the base sees in them; in those of test it has not looked.
        base: the base that looked.
    """

    classifier: Classifier
    dataset: Dataset
    base: Backbone


@dataclass(frozen=True, slots=True, kw_only=True)
class CandidateRecipe:
    """A recipe that may be tried.

    Attributes:
        recipe: its name, with that of the base where it is on another one.
        seconds: how long it is thought to take, after what is best so far.
        train: makes the classifier, from what is best so far.
        against: why it need not or cannot be tried after that.
        extra: whether it needs the modules NEEDED.
    """

    recipe: str
    seconds: Callable[[Tried], float]
    train: Callable[[Tried], Tried]
    against: Callable[[Tried], attempts.Sentence | None] = lambda _best: None
    extra: bool = True


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
    each = seconds_each(dataset, base, request) if request.budget else 0.0
    candidates = [
        *base_candidates(dataset, base, request, each=each, head_s=head_s),
        *dearer_candidates(dataset, base, request, each=each, head_s=head_s),
    ]
    begun = Tried(classifier=first, dataset=dataset, base=base)
    likely = sum(candidate.seconds(begun) for candidate in candidates if candidate.against(begun) is None)
    seconds = min(60 * request.budget, likely)
    say_cost(request, seconds, what=f"--budget allows {request.budget:g} minutes, and there is enough to try")

    def answers(tried: Tried) -> ValidAnswers:
        rows, classifier = rows_of(dataset.valid), tried.classifier
        seen = features_seen(
            tried.dataset,
            tried.base,
            classifier.base,
            rows=rows,
            progress=request.progress,
            purpose="of valid, to compare recipes",
        )
        return ValidAnswers.of(classifier.head.logits(seen), dataset.labels[dataset.valid])

    return choose_recipe(
        begun, candidates, answers=answers, deadline=started + 60 * request.budget, note=request.progress.note
    )


def base_candidates(
    dataset: Dataset, base: Backbone, request: Request, *, each: float, head_s: float
) -> list[CandidateRecipe]:
    """`features` on other bases that ship, and on larger squares of the best; `each` is seconds a look of this base."""
    pictures, before = dataset.valid.stop, work(base)
    tried = {(single.name, single.preprocess.size) for single in base.singles}  # what was looked at is kept

    def candidate(named: str, make: Callable[[Tried], Backbone | None]) -> CandidateRecipe:
        def seconds(best: Tried) -> float:
            other = make(best)
            singles = () if other is None else other.singles
            fresh = math.fsum(work(one) for one in singles if (one.name, one.preprocess.size) not in tried)
            return float(head_s * 2 + pictures * each * fresh / before)

        def train(best: Tried) -> Tried:
            other = (make(best) or base).with_white(base.preprocess.white)
            rows = range(pictures)
            seen = look_again(dataset, other, rows, request.progress, keep=True, purpose=f"with {other.name}")
            shown = replace(dataset, features=seen)
            tried.update((single.name, single.preprocess.size) for single in other.singles)
            return Tried(classifier=train_features(shown, other, request), dataset=shown, base=other)

        def against(best: Tried) -> attempts.Sentence | None:
            return attempts.no_larger(named) if make(best) is None else None

        return CandidateRecipe(recipe=named, seconds=seconds, train=train, against=against, extra=False)

    return [candidate(f"features on {named}", make) for named, make in larger_bases(base)]


def work(base: Backbone) -> float:
    """How much there is to compute in a look, in looks of lite0 at its own size."""
    return math.fsum(WORK.get(single.name, 1.0) * (single.preprocess.size / LITE0_SIZE) ** 2 for single in base.singles)


def dearer_candidates(
    dataset: Dataset, base: Backbone, request: Request, *, each: float, head_s: float
) -> list[CandidateRecipe]:
    """Those that look at every picture many times."""
    pictures, frozen, tuning = dataset.train.stop - dataset.train.start, FrozenPlan(), FineTuningPlan()

    def seconds_of(looking: Backbone) -> float:
        return float(pictures * each * work(looking) / work(base))

    def seconds_to_tune(best: Tried) -> float:
        epochs = EPOCH_COST * tuning.training.epochs
        return seconds_of(best.base) * tuning.views_shown + seconds_of(best.base.singles[-1]) * epochs + head_s

    return [
        CandidateRecipe(
            recipe="frozen",
            seconds=lambda best: seconds_of(best.base) * frozen.augmented_views + head_s * (2 + frozen.augmented_views),
            train=lambda best: replace(best, classifier=train_frozen(best.dataset, best.base, request)),
        ),
        CandidateRecipe(
            recipe="finetune",
            seconds=seconds_to_tune,
            train=lambda best: replace(best, classifier=train_finetune(best.dataset, best.base, request)),
        ),
    ]


def tries_features_alone(request: Request) -> bool:
    """Whether nothing that costs more is tried, so that all that is trained is a head on kept features.

    What is installed does not matter: other bases that ship, and larger squares, need no more than `features` does.
    """
    return not request.budget


def why_features_alone() -> list[attempts.Sentence]:
    """Why nothing but `features` was tried where folds test."""
    return [attempts.no_budget(recipe) for recipe in ("features on other bases", "frozen", "finetune")]


def missing_module() -> str | None:
    """The first module that the dearer recipes need and that is not installed."""
    return next((module for module in NEEDED if find_spec(module) is None), None)


@dataclass(slots=True, kw_only=True)
class _Standing:
    """What is best so far, and how slow things turned out to be."""

    recipe: str
    best: Tried
    answers: ValidAnswers
    pace: float = 1.0  # by how much what was tried took longer than it was thought to


def choose_recipe(
    first: Tried,
    candidates: Sequence[CandidateRecipe],
    *,
    answers: Callable[[Tried], ValidAnswers],
    deadline: float,
    note: Callable[[str], None],
    clock: Callable[[], float] = time.perf_counter,
) -> Classifier:
    """Try the candidates in turn, and take each that is better on valid than what was taken before it.

    Args:
        first: what `features` made.
        candidates: dearer recipes, in the order in which they are tried.
        answers: what a classifier says of the valid pictures.
        deadline: on the clock.
        note: told of each reason.
        clock: gives seconds.
    """
    before = answers(first)
    loss = float(before.losses.mean())
    standing = _Standing(recipe="features", best=first, answers=before)
    reasons, rows, compared = list[attempts.Sentence](), [attempt_row("features", loss=loss)], [before.losses]
    for candidate in candidates:
        best, errors = standing.best, int((~standing.answers.correct).sum())
        expected = candidate.seconds(best) * standing.pace
        reason = reason_against(candidate, best, errors=errors, seconds=expected, left=deadline - clock())
        if reason is None:
            note(f"{candidate.recipe} is tried: it will take about {in_words(expected)}.")
            begun = clock()
            made = candidate.train(best)
            after = answers(made)
            compared.append(after.losses)
            took, rival = clock() - begun, float(standing.answers.losses.mean())
            if took > NOTICED:
                standing.pace *= max(1.0, took / max(expected, 1.0))
            better, reason = verdict(candidate.recipe, standing.recipe, after=after, before=standing.answers)
            if better:
                standing.recipe, standing.best, standing.answers = candidate.recipe, made, after
            loss = float(after.losses.mean())
            rows.append(attempt_row(candidate.recipe, loss=loss, gain=rival - loss, expected=expected, took=took))
        reasons.append(reason)
        note(reason["en"])
    for row in rows:
        row["taken"] = row["recipe"] == standing.recipe
    chosen = standing.best.classifier
    among = {EFFECTIVE: chosen_among(chosen.selected) + effective_settings(compared) - 1}  # valid compared these too
    selected: dict[str, Any] = {"recipe": standing.recipe, **chosen.selected, **among, "auto": reasons, "tried": rows}
    return replace(chosen, selected=selected)


def attempt_row(
    recipe: str, *, loss: float, gain: float | None = None, expected: float | None = None, took: float | None = None
) -> dict[str, Any]:
    """A row of what was tried: log loss on valid in nats, gain over what was best before, seconds; ready for JSON."""
    numbers = {"log_loss": (loss, 4), "gain": (gain, 4), "expected_s": (expected, 1), "seconds": (took, 1)}
    rounded = {name: None if value is None else round(value, digits) for name, (value, digits) in numbers.items()}
    return {"recipe": recipe, **rounded}


def reason_against(
    candidate: CandidateRecipe, best: Tried, *, errors: int, seconds: float, left: float
) -> attempts.Sentence | None:
    """Why a candidate need not or cannot be tried; None where it should be."""
    missing = missing_module() if candidate.extra else None
    if missing is not None:
        return attempts.not_installed(candidate.recipe, missing)
    against = candidate.against(best)
    if against is not None:
        return against
    if not errors:
        return attempts.no_gain_in_sight(candidate.recipe)
    left = max(0.0, left)
    if seconds > left:
        return attempts.too_long(candidate.recipe, minutes=seconds / 60, left=left / 60)
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
    return seconds_a_look(dataset, base, request.progress)
