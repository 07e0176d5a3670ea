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

from tellapart.answers import Answers, answer
from tellapart.backbones.engine import Engine, native_precision
from tellapart.bundle.bundle import Bundle, pack_bundle, read_bundle
from tellapart.bundle.container import write_container
from tellapart.classifier import Classifier
from tellapart.commands.train import base_of
from tellapart.data.scan import index_of_paths, scan
from tellapart.data.split import one_part_as_test, part_to_score
from tellapart.errors import DataError, OutputError
from tellapart.features.look import look_at, with_white
from tellapart.heads.abstention import MAX_ERROR
from tellapart.learn import learn
from tellapart.progress import Progress, Silent, listener
from tellapart.recipes.catalogue import RECIPES, Recipe
from tellapart.recipes.request import BUDGET, Request
from tellapart.types import Index, LedgerEntry, Probabilities, SplitName

if TYPE_CHECKING:
    import torch

FIT_SHARES: Mapping[SplitName, int] = {
    "train": 85,
    "valid": 15,
}  # per cent; the valid part calibrates, testing is the caller's
LABEL_KINDS = {"i": "integer", "u": "integer", "f": "float", "b": "boolean"}  # by numpy's kind; all others are text
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
        plan: for frozen, finetune and the scratch recipes, another plan than the recipe's own, of its own kind
            (`FrozenPlan`, `FineTuningPlan`, `ScratchPlan` of `tellapart.recipes`).
        budget: minutes that the recipe auto may take.
        seed: of what is drawn.
        max_error: the largest share of wrong answers among those that are not `unsure`, in (0, 1).
        verbose: whether fitting and predicting show on stderr how far they are.

    Attributes:
        classes_: K labels, sorted.
        classifier_: what was trained: base, head, temperature, abstention, what was selected, and the history.
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
        request = Request(
            recipe=self.recipe,
            seed=self.seed,
            size=self.size,
            budget=self.budget,
            module=self.module,
            plan=self.plan,
            shares=FIT_SHARES,
            max_error=self.max_error,
            progress=self._progress(),
        )
        base = base_of(request, self.backbone, weights=None if self.weights is None else Path(self.weights))
        classes, index = labelled(X, y)
        with work_folder(RECIPES[self.recipe]) as work:
            learned = learn(index, base, replace(request, work=work))
        warn_of_skipped(learned.about.ledger)
        self.classes_, self.classifier_ = classes, learned.classifier
        self._fitted_by = {"recipe": self.recipe, "seed": self.seed}
        self._bundle: Bundle | None = None
        self._engine: Engine | None = None
        return self

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
        return self._answer(X).probabilities

    def unsure(self, X: Samples) -> NDArray[np.bool_]:  # noqa: N803
        """Whether the answer to each picture is too unsure to stand, bool [N].

        Of the answers that are not, at most `max_error` are wrong, with 95 % confidence, on pictures like those it was
        trained on, if the pictures it kept back to find that out were many enough; `classifier_.abstention.guarantee`
        says what holds.

        Raises:
            DataError: a picture cannot be read.
        """
        return _or_nothing(self._answer(X), "unsure")

    def unlike(self, X: Samples) -> NDArray[np.bool_]:  # noqa: N803
        """Whether each picture is unlike the training set, bool [N]; errors as for `unsure`."""
        return _or_nothing(self._answer(X), "unlike")

    def _fitted(self) -> Classifier:
        check_is_fitted(self, "classifier_")
        return self.classifier_

    def _answer(self, samples: Samples) -> Answers:
        return self._answer_about(index_of_paths(sample_paths(samples)))

    def _answer_about(self, index: Index) -> Answers:
        classifier, progress = self._fitted(), self._progress()
        if self._engine is None:
            self._engine = Engine(classifier.base, precision=native_precision())
        classifier = replace(classifier, base=with_white(classifier.base, index, progress))
        embedded = look_at(index, classifier.base, progress, engine=self._engine)
        failures = [entry for entry in embedded.ledger if entry.status == "skipped"]
        if failures:
            raise DataError(f"cannot read a picture ({failures[0].reason})", where=failures[0].path)
        return answer(classifier, embedded, progress=progress)

    def predict(self, X: Samples) -> NDArray[Any]:  # noqa: N803
        """The label [N] of each picture."""
        answers = self.predict_proba(X).argmax(axis=1)
        return np.asarray(self.classes_[answers])

    def score(self, X: Samples, y: Any = None, sample_weight: Any = None) -> float:  # noqa: ANN401, N803
        """Accuracy on labelled pictures; without y, on the test split of a folder, or all of it if it has none."""
        if y is not None:
            return float(super().score(list(sample_paths(X)), y, sample_weight))
        classifier, index = self._fitted(), part_to_score(scan(Path(str(X))))
        answers = self._answer_about(index).probabilities.argmax(axis=1)
        told = np.array(classifier.classes)[answers]
        return float(np.average(told == [picture.label for picture in index.pictures], weights=sample_weight))

    def save(self, path: str | Path) -> Path:
        """Write a model file that `load`, the command line and any ONNX runtime can use."""
        classifier = self._fitted()
        if self._bundle is not None:  # a model that was loaded is saved as it is
            write_container(Path(path), self._bundle.manifest, self._bundle.members)
            return Path(path)
        kind = LABEL_KINDS.get(self.classes_.dtype.kind, "text")
        manifest = {**self._fitted_by, "selected": dict(classifier.selected), "label_kind": kind}
        card = "# A picture classifier made by tellapart\n"
        write_container(Path(path), *pack_bundle(classifier, manifest=manifest, card=card))
        return Path(path)


def load(path: str | Path) -> ImageClassifier:
    """A fitted classifier from a model file, after it has proved itself on its test cards.

    Whatever recipe made it, no torch is needed. Its parameters are those the file tells: recipe, base and size.

    Raises:
        ModelFileError: the file is damaged, of a newer schema, changed, or gives other answers than it must.
    """
    bundle, engine = read_bundle(Path(path))
    base = bundle.classifier.base
    estimator = ImageClassifier(size=base.preprocess.size)
    made_by = str(bundle.manifest.get("recipe", estimator.recipe))
    estimator.set_params(recipe=made_by)
    if made_by not in RECIPES or RECIPES[made_by].has_base:  # a net from nothing has a name, but is no base
        estimator.set_params(backbone=base.name)
    estimator.classes_, estimator.classifier_ = typed_classes(bundle), bundle.classifier
    estimator._bundle, estimator._engine = bundle, engine  # noqa: SLF001  this function is its other constructor
    return estimator


def typed_classes(bundle: Bundle) -> NDArray[Any]:
    """The classes [K] of a model file as what they were when it was fitted: numbers, truth values or texts."""
    names, kind = bundle.classifier.classes, bundle.manifest.get("label_kind")
    try:
        if kind == "integer":
            return np.array([int(name) for name in names])
        if kind == "float":
            return np.array([float(name) for name in names])
    except (ValueError, OverflowError):  # a file that was written by something else
        return np.array(names)
    if kind == "boolean" and set(names) <= {"False", "True"}:
        return np.array([name == "True" for name in names])
    return np.array(names)


def labelled(samples: Samples, labels: Sequence[Any] | NDArray[Any] | None) -> tuple[NDArray[Any], Index]:
    """The sorted classes [K], as numpy sorts them, and the index of labelled samples, with the same classes by name.

    Raises:
        DataError: there is not one label for each sample, or not two classes with names of their own.
    """
    if labels is None:
        index, _ = one_part_as_test(scan(Path(str(samples))))
        kept = tuple(picture for picture in index.pictures if picture.split != "test")
        if not kept:
            raise DataError("nothing but test pictures", where=index.root, hint="Give pictures to train on too.")
        return np.array(index.classes), replace(index, pictures=kept)
    paths = sample_paths(samples)
    values = np.asarray(labels)
    if values.shape != (len(paths),):
        raise DataError(f"{len(paths)} pictures and labels of shape {list(values.shape)}", hint="One label a picture.")
    classes = np.unique(values)
    if len(classes) < 2:
        what = f"only one class, {classes[0]!r}" if len(classes) else "no pictures"
        raise DataError(what, hint="Give pictures of two or more classes.")
    names = tuple(str(label) for label in classes)
    if len(set(names)) < len(names):
        raise DataError("two labels of one name", hint="Give labels that differ when they are written.")
    index = index_of_paths(paths, labels=[str(label) for label in values])
    return classes, replace(index, classes=names)


def sample_paths(samples: Samples) -> list[str | Path]:
    return [samples] if isinstance(samples, str | Path) else [Path(str(sample)) for sample in samples]


def _or_nothing(answers: Answers, mark: str) -> NDArray[np.bool_]:
    """A mark of the answers, bool [N]; all False where the model has no threshold to give it by."""
    flags: NDArray[np.bool_] | None = getattr(answers.flags, mark)
    return np.zeros(len(answers.pictures), np.bool_) if flags is None else flags


def warn_of_skipped(ledger: Sequence[LedgerEntry]) -> None:
    """Warn, once, of pictures that training went on without."""
    failures = [entry for entry in ledger if entry.status == "skipped"]
    if failures:
        message = f"{len(failures)} pictures cannot be read and are left out; the first: {failures[0].path}"
        warnings.warn(message, UserWarning, stacklevel=3)


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
