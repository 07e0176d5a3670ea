"""Two finished runs, compared on the test pictures they share, from their plain files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tellapart.data.groups import connected_sets
from tellapart.errors import DataError, UsageError
from tellapart.evaluation.grouped import picture_weight
from tellapart.evaluation.intervals import wilson
from tellapart.evaluation.paired import compare_answers
from tellapart.evaluation.run_metrics import RunMetrics
from tellapart.runs import folder as run_folder
from tellapart.runs.read import read_answers, read_metrics, read_splits
from tellapart.text import counted

SCHEMA = 1
Key = tuple[str, int]  # path or sha256, and which of those of one content


@dataclass(frozen=True, slots=True, kw_only=True)
class Tested:
    """What a run says of one test picture."""

    path: str
    label: str
    predicted: str
    group: str  # "" where it is alone

    @property
    def right(self) -> bool:
        return self.label == self.predicted


def compare_runs(first: Path, second: Path, *, margin: float | None = None) -> dict[str, Any]:
    """Compare run A with run B by McNemar's test on their test pictures, matched by content; JSON-ready.

    Pictures that belong together in either run, as declared or as copies, count as one. Pictures are the same where the
    sha256 of their content is, wherever they lie and whatever they are called; two of one content are matched in the
    order of their paths. Runs of a version that kept no sha256 are matched by path.

    Args:
        first: the run folder A.
        second: the run folder B.
        margin: in points of accuracy; whether B is not worse than A by more than this is said too. None to leave it.

    Raises:
        DataError: a folder holds no finished run, the runs were not tested on the same pictures, or one of them had
            another label.
    """
    if margin is not None and not 0 < margin < 100:
        raise UsageError("no such margin", where=f"{margin}", hint="Give points of accuracy, as 1.")
    by_content = has_digests(first) and has_digests(second)
    a, b = (read_tested(run, by_content=by_content) for run in (first, second))
    luck = {name: luck_of_folds(read_metrics(run)) for name, run in (("a", first), ("b", second))}
    check_same(a, b, by_folds=any(each is not None for each in luck.values()), where=f"{first} and {second}")
    left_out = {"a": len(a.keys() - b.keys()), "b": len(b.keys() - a.keys())}
    shared = a.keys() & b.keys()
    a, b = ({key: tested[key] for key in sorted(shared)} for tested in (a, b))
    groups = common_groups(a, b)
    right = {name: np.array([each.right for each in tested.values()]) for name, tested in (("a", a), ("b", b))}
    return {
        "schema": SCHEMA,
        "n": len(a),
        "left_out": left_out,
        "a": {"run": str(first), "accuracy": accuracy_of(right["a"], groups, luck=luck["a"])},
        "b": {"run": str(second), "accuracy": accuracy_of(right["b"], groups, luck=luck["b"])},
        "matched_by": "content" if by_content else "path",
        **compare_answers(right["b"].astype(np.int64) - right["a"], groups, margin=margin),
    }


def check_same(a: Mapping[Key, Tested], b: Mapping[Key, Tested], *, by_folds: bool, where: str) -> None:
    """Refuse runs that share less than half of their test pictures, or have other labels for those they share.

    What only one of them was tested on, the other may have been trained on: it is left out. A run with another base or
    size may find other near copies, and then draws a split that is a little different. Where folds tested one of the
    runs, it was tested on all pictures, and half of those of the other is enough.

    Raises:
        DataError: they were.
    """
    shared = a.keys() & b.keys()
    if 2 * len(shared) < (min if by_folds else max)(len(a), len(b)):
        what = f"the runs were tested on different pictures: {len(a)} and {len(b)}, {len(shared)} of them the same"
        hint = "Train both on the same data with the same splits: the same --seed, or splits of the data's own."
        raise DataError(what, where=where, hint=hint)
    others = sorted(key for key in shared if a[key].label != b[key].label)
    if others:
        left, right = a[others[0]], b[others[0]]
        labels = f"{left.path} is {left.label} in one and {right.label} in the other"
        what = f"{counted(len(others), 'test picture has', 'test pictures have')} another label in each run ({labels})"
        raise DataError(what, where=where, hint="Train both on the same labels.")


def common_groups(a: Mapping[Key, Tested], b: Mapping[Key, Tested]) -> NDArray[np.int64]:
    """A number for each of the same pictures in the same order, int64 [N], equal where either run has them together."""
    rows: dict[tuple[str, str], list[int]] = {}
    for run, tested in (("a", a), ("b", b)):
        for row, each in enumerate(tested.values()):
            if each.group:
                rows.setdefault((run, each.group), []).append(row)
    numbers = np.arange(len(a))
    for together in connected_sets(list(rows.values())):
        numbers[list(together)] = together[0]
    return numbers


def luck_of_folds(metrics: RunMetrics) -> float | None:
    """By how much the luck of the training pictures widens the variance of a run that folds tested; None for others."""
    if not metrics.folds:
        return None
    intervals = metrics.folds.get("intervals") or {}
    return float(intervals.get("luck", 0.0))


def accuracy_of(right: NDArray[np.bool_], groups: NDArray[np.int64], *, luck: float | None) -> dict[str, float | None]:
    """The accuracy with the interval that the run itself gives it."""
    weight = picture_weight(right, groups) / (1 + (luck or 0.0))
    return wilson(int(right.sum()), len(right), weight=weight).to_json()


def has_digests(run: Path) -> bool:
    """Whether split.csv of a run says what the content of its pictures is.

    Raises:
        DataError: it is damaged.
    """
    rows = read_splits(run)
    return bool(rows) and all(row.sha256 for row in rows)


def read_tested(run: Path, *, by_content: bool) -> dict[Key, Tested]:
    """The test pictures of a finished run, by path, or by content and a number for those of one content.

    Raises:
        DataError: there is no finished run, or one of its files is damaged.
    """
    classes = read_metrics(run).classes
    answers = read_answers(run, classes)
    if not answers:
        hint = "`tellapart train DATA -o RUN` makes a run."
        raise DataError("the run's predictions cannot be read", where=run / run_folder.PREDICTIONS, hint=hint)
    rows = {row.path: row for row in read_splits(run)}
    tested: dict[Key, Tested] = {}
    times: Counter[str] = Counter()
    for each in sorted(answers, key=lambda answer: answer.path):
        row = rows.get(each.path)
        name = row.sha256 if row and by_content else each.path
        label, predicted = classes[each.label], classes[each.predicted]
        group = row.group if row else ""
        tested[name, times[name]] = Tested(path=each.path, label=label, predicted=predicted, group=group)
        times[name] += 1
    return tested
