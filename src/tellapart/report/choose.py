"""Which pictures the page shows: it has room for some hundreds, and a test split may hold a hundred thousand."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from tellapart.report.evidence import Answer

MISTAKES = 200
SAMPLES = 120  # pictures that were classified correctly, all classes together
SAMPLES_OF_A_CLASS = 8


def shown_answers(answers: Sequence[Answer], *, class_count: int) -> tuple[list[Answer], list[Answer]]:
    """What the page shows of the answers, wherever it is asked: the costliest mistakes, and samples of the rest."""
    return mistakes(answers)[:MISTAKES], samples(answers, class_count=class_count)


def mistakes(answers: Iterable[Answer]) -> list[Answer]:
    """What was misclassified, the costliest first: where the true class got the smallest probability."""
    wrong = [answer for answer in answers if not answer.right]
    return sorted(wrong, key=lambda answer: (answer.probabilities[answer.label], answer.path))


def samples(answers: Sequence[Answer], *, class_count: int) -> list[Answer]:
    """Some of what was classified correctly, class by class: the surest one, then those that were nearly misclassified.

    At most SAMPLES_OF_A_CLASS of each class, and about SAMPLES in all, but one of every class where there is one.
    """
    room = max(1, min(SAMPLES_OF_A_CLASS, SAMPLES // max(class_count, 1)))
    by_class: dict[int, list[Answer]] = defaultdict(list)
    for answer in answers:
        if answer.right:
            by_class[answer.label].append(answer)
    chosen = []
    for label in sorted(by_class):
        surest, *others = sorted(by_class[label], key=lambda answer: (-answer.confidence, answer.path))
        chosen += [surest, *others[::-1][: room - 1]]
    return chosen


def in_order_of_need(wrong: Sequence[Answer], suspected: Sequence[str], right: Sequence[Answer]) -> list[str]:
    """Paths in the order in which pictures are given room: one of each class, mistakes, suspects, other samples."""
    firsts: dict[int, str] = {}
    for answer in right:
        firsts.setdefault(answer.label, answer.path)
    others = [answer.path for answer in right]
    return list(dict.fromkeys([*firsts.values(), *(answer.path for answer in wrong), *suspected, *others]))
