"""What every recipe is given beside its base: the pictures with what the base sees in them, and what is asked for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypedDict

import numpy as np
from numpy.typing import NDArray

from tellapart.data.cost_table import CostTable
from tellapart.data.groups import group_numbers, label_numbers
from tellapart.data.split import SHARES
from tellapart.errors import UsageError
from tellapart.features.left import LeftFeatures
from tellapart.heads.abstention import MAX_ERROR
from tellapart.heads.rows import FeatureRows, RowsHere, RowsLeft
from tellapart.nets.device import Machine
from tellapart.progress import Progress, Silent
from tellapart.recipes.changes import NO_CHANGES, Changes
from tellapart.types import SPLITS, Features, Index, Labels, SplitName
from tellapart.workers.pool import HERE, Workers

if TYPE_CHECKING:
    import torch

BUDGET = 10.0  # minutes that `auto` may take
FOLDS = 5  # where folds are taken by default
MOST_FOLDS = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """Everything a recipe is trained and judged on: rows in the order train, valid, test.

    Attributes:
        index: the readable pictures with their splits.
        features: float32 [N, D], what the base sees; [N, 0] where that is left with whoever looked.
        labels: int64 [N].
        rows: the rows of each split.
        valid_is_given: whether the data itself set valid apart.
        groups: int64 [N], equal for pictures that belong together.
        leaked: the paths of pictures with a near-duplicate, or one of their group, in a split before theirs.
        folds: int64 [N], the fold from 0 up in which each picture is held out and tested; None where a split tests.
        weights: float64 [N], how much each picture counts; None where all count the same.
        left: the features where they were left with whoever looked at the pictures, see `recipes.left`; else None.
    """

    index: Index
    features: Features
    labels: Labels
    rows: Mapping[SplitName, slice]
    valid_is_given: bool
    groups: NDArray[np.int64]
    leaked: frozenset[str] = frozenset()
    folds: NDArray[np.int64] | None = None
    weights: NDArray[np.float64] | None = None
    left: LeftFeatures | None = None

    @classmethod
    def of(
        cls,
        index: Index,
        features: Features | LeftFeatures,
        *,
        valid_is_given: bool,
        leaked: Collection[str] = (),
    ) -> Self:
        """Of pictures in the order train, valid, test, with what a base sees in them, float32 [N, D]."""
        left = None if isinstance(features, np.ndarray) else features
        sizes = Counter(picture.split for picture in index.pictures)
        stops = np.cumsum([sizes[name] for name in SPLITS]).tolist()
        return cls(
            index=index,
            features=features if isinstance(features, np.ndarray) else np.empty((len(index.pictures), 0), np.float32),
            labels=label_numbers(index.pictures, index.classes),
            rows={name: slice(stop - sizes[name], stop) for name, stop in zip(SPLITS, stops, strict=True)},
            valid_is_given=valid_is_given,
            groups=group_numbers(index.pictures),
            leaked=frozenset(leaked),
            folds=fold_numbers(index),
            weights=weights_of(index),
            left=left,
        )

    @property
    def classes(self) -> tuple[str, ...]:
        """K names."""
        return self.index.classes

    @property
    def source(self) -> FeatureRows:
        """The rows that a head is searched by, wherever they are."""
        return RowsHere(self.features) if self.left is None else RowsLeft(self.left)

    @property
    def train(self) -> slice:
        """The rows to train on."""
        return self.rows["train"]

    @property
    def valid(self) -> slice:
        """The rows to choose and to calibrate on."""
        return self.rows["valid"]

    @property
    def tested(self) -> slice:
        """The rows whose answers are scored in the end: those of test, or where folds test all of them."""
        return self.rows["test"] if self.folds is None else self.train

    @property
    def commonest(self) -> int:
        """The class that train has most pictures of, the first on a tie."""
        return int(np.bincount(self.labels[self.train]).argmax())

    @property
    def clean_valid(self) -> NDArray[np.int64]:
        """Those rows of valid that show nothing that train has shown, int64 [n]."""
        rows = np.arange(self.valid.start, self.valid.stop)
        if not self.leaked:
            return rows
        return rows[[picture.path not in self.leaked for picture in self.index.pictures[self.valid]]]


def fold_numbers(index: Index) -> NDArray[np.int64] | None:
    """The fold from 0 up of each picture, int64 [N]; None where a split tests."""
    folds = [picture.fold for picture in index.pictures if picture.fold is not None]
    return np.array(folds, np.int64) - 1 if folds else None


def weights_of(index: Index) -> NDArray[np.float64] | None:
    """How much each picture counts, float64 [N]; None where all count the same."""
    weights = np.array([picture.weight for picture in index.pictures])
    return weights if len(np.unique(weights)) > 1 else None


class Options(TypedDict, total=False):
    """What a caller may ask for by name: attributes of a Request."""

    recipe: str
    seed: int
    size: int | None
    budget: float
    module: torch.nn.Module | Callable[..., torch.nn.Module] | None
    plan: Any
    changes: Changes
    folds: int | None
    max_error: float
    costs: CostTable | None
    min_recall: Mapping[str, float]
    drop_leaks: bool
    keep_sums: bool
    force: bool
    workers: Workers


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What is asked for, beside the pictures and the base.

    Attributes:
        recipe: what is trained, by name: one of RECIPES.
        seed: of everything random.
        size: the side in pixels of the square a net is trained on; None for its own.
        work: a folder for what a recipe keeps while it works; it need not exist. The same request with the same folder
            goes on where a killed one stopped.
        budget: minutes that `auto` may take.
        module: a net of the user's own for the scratch recipes, or a class or function that gives one, see
            `nets.own_file.module_of`: it takes float32 [N, 3, S, S] from 0 to 1 and ends in a linear layer with K
            outputs.
        plan: other settings than the recipe's own, of the recipe's own kind.
        changes: settings in the place of those of the plan, or of the recipe's own.
        machine: where nets are trained; None for the best there is.
        shares: the splits that are drawn where the data has none, and their parts in per cent, train first.
        folds: in how many folds every picture is tested once, from 2 on; 0 for a test that is drawn; None for folds
            where such a test would be small, see `recipes.folds`.
        max_error: the largest share of wrong answers among those that are not marked unsure, in (0, 1).
        costs: what mistakes cost; None where all cost the same.
        min_recall: the recall that must be reached of some classes, in (0, 1), by their names.
        drop_leaks: leave test pictures out whose like the data has put into train or valid.
        keep_sums: keep the sums of the training pictures' features in the model file, see `heads.sums`.
        force: go on in spite of unreadable pictures or conflicting labels.
        workers: who looks at pictures with a base, and compares them.
        on_epoch: called after every epoch with the history so far, a row an epoch.
        progress: told of every stage.
    """

    recipe: str = "features"
    seed: int = 0
    size: int | None = None
    work: Path = Path("work")
    budget: float = BUDGET
    module: torch.nn.Module | Callable[..., torch.nn.Module] | None = None
    plan: Any = None
    changes: Changes = NO_CHANGES
    machine: Machine | None = None
    shares: Mapping[SplitName, int] = field(default_factory=lambda: SHARES)
    folds: int | None = None
    max_error: float = MAX_ERROR
    costs: CostTable | None = None
    min_recall: Mapping[str, float] = field(default_factory=dict)
    drop_leaks: bool = False
    keep_sums: bool = False
    force: bool = False
    workers: Workers = HERE
    on_epoch: Callable[[Sequence[Mapping[str, Any]]], None] = lambda _history: None
    progress: Progress = field(default_factory=Silent)

    def __post_init__(self) -> None:
        """Refuse numbers that make no sense.

        Raises:
            UsageError: the budget is no time, max_error or a recall no share, or folds no number of folds.
        """
        if not isinstance(self.budget, int | float) or not self.budget >= 0:
            raise UsageError("no such budget", where=str(self.budget), hint="Give a number of minutes, as 10.")
        if not isinstance(self.max_error, int | float) or not 0 < self.max_error < 1:
            hint = "Give a share between 0 and 1, as 0.01 for one answer in a hundred."
            raise UsageError("no such share of wrong answers", where=str(self.max_error), hint=hint)
        folds = self.folds
        if folds is not None and (type(folds) is not int or folds == 1 or not 0 <= folds <= MOST_FOLDS):
            hint = f"Give 2 to {MOST_FOLDS}, or 0 for a test that is drawn."
            raise UsageError("no such number of folds", where=f"{folds!r}", hint=hint)
        for name, recall in self.min_recall.items():
            if not isinstance(recall, int | float) or not 0 < recall < 1:
                hint = "Give a share between 0 and 1, as 0.99."
                raise UsageError("no such recall", where=f"{name}={recall}", hint=hint)
