"""Two finished runs, compared on the test pictures they share, from their plain files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tellapart.errors import DataError
from tellapart.evaluation.intervals import wilson
from tellapart.evaluation.paired import compare_answers
from tellapart.runs import folder as run_folder
from tellapart.runs.read import read_answers, read_metrics
from tellapart.text import counted

SCHEMA = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Tested:
    """What a run says of one test picture."""

    label: str
    predicted: str

    @property
    def right(self) -> bool:
        return self.label == self.predicted


def compare_runs(first: Path, second: Path) -> dict[str, Any]:
    """Compare run A with run B by McNemar's test on their test pictures, matched by path; JSON-ready.

    Raises:
        DataError: a folder holds no finished run, the runs were not tested on the same pictures, or one of them had
            another label.
    """
    a, b = read_tested(first), read_tested(second)
    check_same(a, b, where=f"{first} and {second}")
    left_out = {"a": len(a.keys() - b.keys()), "b": len(b.keys() - a.keys())}
    a, b = ({path: tested[path] for path in a if path in b} for tested in (a, b))
    only_a = sum(a[path].right and not b[path].right for path in a)
    only_b = sum(b[path].right and not a[path].right for path in a)
    return {
        "schema": SCHEMA,
        "n": len(a),
        "left_out": left_out,
        "a": {"run": str(first), "accuracy": accuracy_of(a)},
        "b": {"run": str(second), "accuracy": accuracy_of(b)},
        **compare_answers(only_a, only_b, pictures=len(a)),
    }


def check_same(a: Mapping[str, Tested], b: Mapping[str, Tested], *, where: str) -> None:
    """Refuse runs that share less than half of their test pictures, or have other labels for those they share.

    What only one of them was tested on, the other may have been trained on: it is left out. A run with another base or
    size may find other near copies, and then draws a split that is a little different.

    Raises:
        DataError: they were.
    """
    shared = a.keys() & b.keys()
    if 2 * len(shared) < max(len(a), len(b)):
        what = f"the runs were tested on different pictures: {len(a)} and {len(b)}, {len(shared)} of them the same"
        hint = "Train both on the same data with the same splits: the same --seed, or splits of the data's own."
        raise DataError(what, where=where, hint=hint)
    others = sorted(path for path in shared if a[path].label != b[path].label)
    if others:
        path = others[0]
        labels = f"{path} is {a[path].label} in one and {b[path].label} in the other"
        what = f"{counted(len(others), 'test picture has', 'test pictures have')} another label in each run ({labels})"
        raise DataError(what, where=where, hint="Train both on the same labels.")


def accuracy_of(tested: Mapping[str, Tested]) -> dict[str, float | None]:
    return wilson(sum(each.right for each in tested.values()), len(tested)).to_json()


def read_tested(run: Path) -> dict[str, Tested]:
    """The test pictures of a finished run by path.

    Raises:
        DataError: there is no finished run, or one of its files is damaged.
    """
    classes = read_metrics(run).classes
    answers = read_answers(run, classes)
    if not answers:
        hint = "`tellapart train DATA -o RUN` makes a run."
        raise DataError("the run's predictions cannot be read", where=run / run_folder.PREDICTIONS, hint=hint)
    return {each.path: Tested(label=classes[each.label], predicted=classes[each.predicted]) for each in answers}
