"""The scikit-learn face: an estimator whose samples are paths of pictures.

Legend: N pictures, D features, K classes.
"""

from __future__ import annotations

import contextlib
import tempfile
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import check_is_fitted

from tellapart.backbones.backbone import Backbone
from tellapart.backbones.engine import Engine, native_precision
from tellapart.bundle.bundle import Bundle, pack_bundle, read_bundle
from tellapart.bundle.container import write_container
from tellapart.commands.train import base_of, check_labels, dataset_of
from tellapart.data.draw import draw
from tellapart.data.ledger import check_skips
from tellapart.data.scan import index_of_paths, scan
from tellapart.errors import DataError, OutputError
from tellapart.features.embed import Embedded, reorder_rows
from tellapart.features.look import look_at
from tellapart.heads.abstention import MAX_ERROR, Flags
from tellapart.heads.calibration import probabilities
from tellapart.judged import check_max_error, learn_when_to_doubt
from tellapart.progress import Progress, Silent, listener
from tellapart.recipes.request import BUDGET, RECIPES, Dataset, Order, Recipe, check_recipe
from tellapart.types import Features, Index, Probabilities, SplitName

if TYPE_CHECKING:
    import torch

FIT_SHARES: Mapping[SplitName, int] = {
    "train": 85,
    "valid": 15,
}  # per cent; the valid part calibrates, testing is the caller's
Samples = str | Path | Sequence[str | Path] | NDArray[Any]


class ImageClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn ships no types
    """A classifier of pictures that follows scikit-learn's conventions; it works in `cross_val_score`.

    Parameters:
        recipe: what is trained, by name: features, frozen, finetune, scratch, scratch-augmented or auto, as for
            `tellapart train`; some need the extra torch.
        backbone: the base that looks at the pictures, by name: one that ships, or with the extra torch one of timm. The
            scratch recipes have none.
        weights: the path of a file with the weights of a base of timm; None for those timm downloads.
        size: the side in pixels of the square that the base, or the net that is trained, looks at; None for its own.
        module: for the scratch recipes, a torch.nn.Module of your own instead of theirs: it takes float32 [N, 3, size,
            size] from 0 to 1 and ends in a linear layer with K outputs. It is copied; training does not change it.
        plan: for finetune and the scratch recipes, another `Plan` than the recipe's own, of its own kind
            (`tellapart.recipes.finetune.Plan`, `tellapart.recipes.scratch.Plan`).
        budget: minutes that the recipe auto may take.
        seed: of what is drawn.
        max_error: the largest share of wrong answers among those that are not `unsure`, in (0, 1).
        verbose: whether fitting and predicting show on stderr how far they are.

    Attributes:
        classes_: K labels, sorted.
        backbone_: the base, or the trained net up to its head.
        head_: the linear head on its features.
        temperature_: what logits are divided by before the softmax.
        doubt_: when an answer should not stand.
        selected_: what was chosen (of the head, the net, the epoch), and out of what.
        history_: a row an epoch of a net, or a row a step of the search of a head; none for a model that was loaded.
    """

    def __init__(
        self,
        *,
        recipe: str = "features",
        backbone: str = "lite0",
        weights: str | Path | None = None,
        size: int | None = None,
        module: torch.nn.Module | None = None,
        plan: object = None,
        budget: float = BUDGET,
        seed: int = 0,
        max_error: float = MAX_ERROR,
        verbose: bool = False,
    ) -> None:
        """Store the parameters; `fit` checks them."""
        self.recipe = recipe
        self.backbone = backbone
        self.weights = weights
        self.size = size
        self.module = module
        self.plan = plan
        self.budget = budget
        self.seed = seed
        self.max_error = max_error
        self.verbose = verbose

    def fit(self, X: Samples, y: Sequence[Any] | NDArray[Any] | None = None) -> Self:  # noqa: N803
        """Train on pictures.

        Args:
            X: paths [N], with y their labels; or, without y, a folder or manifest that `tellapart train` would take.
                Its test split, where it has one, is left alone.
            y: labels [N] of one type.

        Raises:
            UsageError: a parameter cannot be meant.
            DataError: the data cannot be used.
            MissingExtraError: the recipe, or the base, needs what is not installed.
            OutputError: the recipe keeps files while it works, and they cannot be written.
        """
        recipe, base = self._checked()
        progress = self._progress()
        classes, index = labelled(X, y)
        with work_folder(recipe) as work:
            order = Order(
                seed=self.seed,
                size=self.size,
                work=work,
                budget=self.budget,
                module=self.module,
                plan=self.plan,
                progress=progress,
            )
            recipe.check_order(index, order)
            embedded = look_at(index, base, progress, keep=recipe.has_base)
            check_skips(index, embedded.ledger, force=False)
            warn_of_skipped(embedded)
            dataset = fit_dataset(embedded, classes=classes, seed=self.seed)
            outcome = recipe.train(dataset, base, order)
            doubt = learn_when_to_doubt(outcome, dataset, base, order, max_error=self.max_error)
        trained = outcome.trained
        self.classes_, self.backbone_, self.doubt_ = classes, outcome.backbone, doubt
        self.head_, self.temperature_, self.selected_ = trained.head, trained.temperature, dict(trained.selected)
        self.history_ = list(trained.history)
        self._fitted_by = {"recipe": self.recipe, "seed": self.seed}
        self._weights = outcome.weights
        self._bundle: Bundle | None = None
        self._engine: Engine | None = None
        return self

    def _checked(self) -> tuple[Recipe, Backbone]:
        """The recipe and the base of parameters that can be meant."""
        check_recipe(self.recipe, plan=self.plan, budget=self.budget)
        check_max_error(self.max_error)
        recipe = RECIPES[self.recipe]
        recipe.check()
        weights = None if self.weights is None else Path(self.weights)
        return recipe, base_of(self.recipe, self.backbone, size=self.size, weights=weights, module=self.module)

    def _progress(self) -> Progress:
        return listener() if self.verbose else Silent()

    def __getstate__(self) -> dict[str, Any]:
        """Everything but the compiled engine, which is made again when it is needed."""
        state = super().__getstate__()
        return {**state, "_engine": None} if "_engine" in state else dict(state)

    def predict_proba(self, X: Samples) -> Probabilities:  # noqa: N803
        """Probabilities float64 [N, K] of pictures, or of every picture below a folder in the order of their paths.

        Raises:
            DataError: a picture cannot be read.
        """
        return self._shares(self._look(X))

    def unsure(self, X: Samples) -> NDArray[np.bool_]:  # noqa: N803
        """Whether the answer to each picture is too unsure to stand, bool [N].

        Of the answers that are not, at most `max_error` are wrong, with 95 % confidence, on pictures like those it was
        trained on, if the pictures it kept back to find that out were many enough; `doubt_.promise` says what holds.

        Raises:
            DataError: a picture cannot be read.
        """
        return _or_nothing(self._flags(X).unsure, X)

    def unlike(self, X: Samples) -> NDArray[np.bool_]:  # noqa: N803
        """Whether each picture is unlike the training set, bool [N]; errors as for `unsure`."""
        return _or_nothing(self._flags(X).unlike, X)

    def _flags(self, samples: Samples) -> Flags:
        features = self._look(samples)
        return self.doubt_.flags(self._shares(features), features, last=self.backbone_.depths[-1])

    def _shares(self, features: Features) -> Probabilities:
        return probabilities(self.head_.logits(features), temperature=self.temperature_)

    def _look(self, samples: Samples) -> Features:
        check_is_fitted(self, "head_")
        if self._engine is None:
            self._engine = Engine(self.backbone_, precision=native_precision())
        embedded = look_at(index_of_paths(sample_paths(samples)), self.backbone_, self._progress(), engine=self._engine)
        failures = [entry for entry in embedded.ledger if entry.status == "skipped"]
        if failures:
            raise DataError(f"cannot read a picture ({failures[0].reason})", where=failures[0].path)
        return embedded.features

    def predict(self, X: Samples) -> NDArray[Any]:  # noqa: N803
        """The label [N] of each picture."""
        answers = self.predict_proba(X).argmax(axis=1)
        return np.asarray(self.classes_[answers])

    def score(self, X: Samples, y: Any = None, sample_weight: Any = None) -> float:  # noqa: ANN401, N803
        """Accuracy on labelled pictures; without y, on the test split of a folder, or all of it if it has none."""
        if y is None:
            index = scan(Path(str(X)))
            tested = [picture for picture in index.pictures if picture.split == "test"] or list(index.pictures)
            X, y = [picture.file for picture in tested], [picture.label for picture in tested]  # noqa: N806
        return float(super().score(list(sample_paths(X)), y, sample_weight))

    def save(self, path: str | Path) -> Path:
        """Write a model file that `load`, the command line and any ONNX runtime can use."""
        check_is_fitted(self, "head_")
        if self._bundle is not None:  # a model that was loaded is saved as it is
            write_container(Path(path), self._bundle.manifest, self._bundle.members)
            return Path(path)
        manifest, members = pack_bundle(
            backbone=self.backbone_,
            head=self.head_,
            temperature=self.temperature_,
            classes=[str(name) for name in self.classes_],
            weights=self._weights,
            manifest={**self._fitted_by, "selected": dict(self.selected_)},
            card="# A picture classifier made by tellapart\n",
            doubt=self.doubt_,
        )
        write_container(Path(path), manifest, members)
        return Path(path)


def load(path: str | Path) -> ImageClassifier:
    """A fitted classifier from a model file, after it has proved itself on its test cards.

    Whatever recipe made it, no torch is needed. Its parameters are those the file tells: recipe, base and size.

    Raises:
        ModelFileError: the file is damaged, of a newer schema, changed, or gives other answers than it must.
    """
    bundle, engine = read_bundle(Path(path))
    classifier = ImageClassifier(size=bundle.backbone.preprocess.size)
    recipe = RECIPES.get(made_by := str(bundle.manifest.get("recipe", classifier.recipe)))
    classifier.set_params(recipe=made_by)
    if recipe is None or recipe.has_base:  # a net from nothing has a name, but is no base to start from
        classifier.set_params(backbone=bundle.backbone.name)
    classifier.classes_ = np.array(bundle.classes)
    classifier.backbone_, classifier.head_ = bundle.backbone, bundle.head
    classifier.temperature_, classifier.doubt_ = bundle.temperature, bundle.doubt
    selected = bundle.manifest.get("selected")
    classifier.selected_ = selected if isinstance(selected, dict) else {}
    classifier.history_ = []
    classifier._bundle, classifier._engine = bundle, engine  # noqa: SLF001  this function is its other constructor
    return classifier


def labelled(samples: Samples, labels: Sequence[Any] | NDArray[Any] | None) -> tuple[NDArray[Any], Index]:
    """The sorted classes [K] and the index of labelled samples.

    Labels of any type are handed on as their rank, so that the index sorts them as numpy does.
    """
    if labels is None:
        index = scan(Path(str(samples)))
        kept = tuple(picture for picture in index.pictures if picture.split != "test")
        return np.array(index.classes), replace(index, pictures=kept)
    paths = sample_paths(samples)
    values = np.asarray(labels)
    if values.shape != (len(paths),):
        raise DataError(f"{len(paths)} pictures and labels of shape {list(values.shape)}", hint="One label a picture.")
    classes, ranks = np.unique(values, return_inverse=True)
    if len(classes) < 2:
        what = f"only one class, {classes[0]!r}" if len(classes) else "no pictures"
        raise DataError(what, hint="Give pictures of two or more classes.")
    return classes, index_of_paths(paths, labels=[f"{rank:09d}" for rank in ranks])


def sample_paths(samples: Samples) -> list[str | Path]:
    return [samples] if isinstance(samples, str | Path) else [Path(str(sample)) for sample in samples]


def _or_nothing(flags: NDArray[np.bool_] | None, samples: Samples) -> NDArray[np.bool_]:
    """The flags [N]; all False where the model has no threshold to raise one by."""
    return np.zeros(len(index_of_paths(sample_paths(samples)).pictures), np.bool_) if flags is None else flags


def warn_of_skipped(embedded: Embedded) -> None:
    """Warn, once, of pictures that training goes on without."""
    failures = [entry for entry in embedded.ledger if entry.status == "skipped"]
    if failures:
        message = f"{len(failures)} pictures cannot be read and are left out; the first: {failures[0].path}"
        warnings.warn(message, UserWarning, stacklevel=3)


def fit_dataset(embedded: Embedded, *, classes: NDArray[Any], seed: int) -> Dataset:
    """What a recipe is trained on: classes by name, rows in the order train, valid, and none for test.

    Raises:
        DataError: the splits are incomplete or cannot be drawn, equal pictures have different labels, or different
            labels have one name.
    """
    splits, valid_is_given = fit_splits(embedded.index, seed=seed)
    names = tuple(str(name) for name in classes)
    if len(set(names)) < len(names):
        raise DataError("two labels of one name", hint="Give labels that differ when they are written.")
    name_of = dict(zip(embedded.index.classes, names, strict=True))
    pictures = tuple(
        replace(picture, label=name_of[picture.label or ""], split=split)
        for picture, split in zip(embedded.index.pictures, splits, strict=True)
    )
    check_labels(replace(embedded, index=replace(embedded.index, pictures=pictures)), force=False, progress=Silent())
    order = sorted(range(len(pictures)), key=lambda row: splits[row] == "valid")
    reorder_rows(embedded.features, order)
    index = replace(embedded.index, classes=names, pictures=tuple(pictures[row] for row in order))
    return dataset_of(index, embedded.features, valid_is_given=valid_is_given)


@contextlib.contextmanager
def work_folder(recipe: Recipe) -> Iterator[Path]:
    """A folder that is there while a recipe works, for one that keeps something.

    Raises:
        OutputError: it cannot be made.
    """
    if not recipe.keeps:
        yield Path(tempfile.gettempdir()) / "tellapart"  # never made, never looked into
        return
    try:
        folder = tempfile.TemporaryDirectory(prefix="tellapart-", ignore_cleanup_errors=True)
    except OSError as error:
        hint = "Name another folder for temporary files by TMPDIR."
        raise OutputError("no temporary folder can be made", where=tempfile.gettempdir(), hint=hint) from error
    with folder as name:
        yield Path(name)


def fit_splits(index: Index, *, seed: int) -> tuple[list[SplitName | None], bool]:
    """Train or valid for each picture, and whether the data itself set valid apart.

    Raises:
        DataError: the data gives some pictures a split and others none, or none of them train.
    """
    given = [picture.split for picture in index.pictures]
    if any(given) and not (all(given) and "train" in given):
        hint = "Give every picture a split, some of them train, or none."
        raise DataError("the splits are incomplete", where=index.root, hint=hint)
    if "valid" in given:
        return given, True
    return [*draw(index.pictures, shares=FIT_SHARES, seed=seed)], False
