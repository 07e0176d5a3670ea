"""What a trained classifier says of valid and test, what it doubts by, and the figures of both."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tellapart.backbones.backbone import Backbone
from tellapart.errors import UsageError
from tellapart.evaluation.metrics import evaluate
from tellapart.evaluation.selective import selective_figures
from tellapart.heads.abstention import Abstention, Flags, learn_abstention
from tellapart.heads.out_of_distribution import sampled_rows
from tellapart.recipes.request import Dataset, Order, Outcome, features_seen, look_again, same_eyes
from tellapart.types import Features, Probabilities, SplitName

JUDGED: tuple[SplitName, ...] = ("valid", "test")


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """Everything that is said of valid and test.

    Attributes:
        doubt: when an answer should not stand; learned on valid.
        answers: probabilities float64 [n, K] of each split.
        flags: what is said beside them.
        scores: the figures of each split; JSON-ready.
    """

    doubt: Abstention
    answers: Mapping[SplitName, Probabilities]
    flags: Mapping[SplitName, Flags]
    scores: Mapping[SplitName, dict[str, Any]]


def judge(outcome: Outcome, dataset: Dataset, base: Backbone, order: Order, *, max_error: float) -> Judged:
    """Learn on valid when to doubt, then score valid and test.

    Args:
        outcome: what the recipe made.
        dataset: the pictures, and what base sees in them.
        base: the base that first looked at them; where a net of its own was trained, that one looks again at what is
            needed here.
        order: seed and listener.
        max_error: the largest share of wrong answers among those that stand.
    """
    trained, last = outcome.trained, outcome.backbone.depths[-1]
    seen = {name: _seen(outcome, dataset, base, order, name=name) for name in JUDGED}
    answers = {name: trained.probabilities(features) for name, features in seen.items()}
    doubt = learn_when_to_doubt(outcome, dataset, base, order, max_error=max_error, valid=seen["valid"])
    flags = {name: doubt.flags(answers[name], seen[name], last=last) for name in JUDGED}
    scores = {name: _score(dataset, name, answers[name], flags[name]) for name in JUDGED}
    return Judged(doubt=doubt, answers=answers, flags=flags, scores=scores)


def learn_when_to_doubt(
    outcome: Outcome,
    dataset: Dataset,
    base: Backbone,
    order: Order,
    *,
    max_error: float,
    valid: Features | None = None,
) -> Abstention:
    """When to doubt, learned on valid; no test pictures are needed.

    Arguments as for `judge`; valid is what the outcome's backbone sees in the valid pictures, float32 [n, D], where
    that is known.
    """
    valid = _seen(outcome, dataset, base, order, name="valid") if valid is None else valid
    return learn_abstention(
        train=_train_seen(outcome, dataset, base, order),
        valid=valid,
        labels=dataset.labels[dataset.rows["valid"]],
        probabilities=outcome.trained.probabilities(valid),
        last=outcome.backbone.depths[-1],
        max_error=max_error,
        seed=order.seed,
    )


def check_max_error(max_error: float) -> None:
    """Refuse a share of wrong answers that is none.

    Raises:
        UsageError: it is not between 0 and 1.
    """
    if not isinstance(max_error, int | float) or not 0 < max_error < 1:
        hint = "Give a share between 0 and 1, as 0.01 for one answer in a hundred."
        raise UsageError("no such share of wrong answers", where=str(max_error), hint=hint)


def _seen(outcome: Outcome, dataset: Dataset, base: Backbone, order: Order, *, name: SplitName) -> Features:
    return features_seen(dataset, base, outcome.backbone, rows=dataset.rows[name], progress=order.progress)


def _train_seen(outcome: Outcome, dataset: Dataset, base: Backbone, order: Order) -> Features:
    """Features of some training pictures, no more than their typical directions are made of."""
    rows, classes = dataset.rows["train"], len(dataset.index.classes)
    chosen = rows.start + sampled_rows(rows.stop - rows.start, class_count=classes, seed=order.seed)
    if same_eyes(base, outcome.backbone):
        seen: Features = dataset.features[chosen]
        return seen
    return look_again(dataset, outcome.backbone, chosen.tolist(), order.progress, keep=False)


def _score(dataset: Dataset, name: SplitName, answers: Probabilities, flags: Flags) -> dict[str, Any]:
    labels = dataset.labels[dataset.rows[name]]
    figures = evaluate(answers, labels, classes=dataset.index.classes)
    return {**figures, "selective": selective_figures(flags, correct=answers.argmax(axis=1) == labels)}
