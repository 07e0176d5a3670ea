"""The scikit-learn face: an estimator whose samples are pictures, as paths or in memory.

Legend: N pictures, D features, K classes.
"""

from __future__ import annotations

import contextlib
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import check_is_fitted

from tellapart.answers import Answers, answer
from tellapart.backbones.devices import computing_on
from tellapart.backbones.engine import AnyEngine, compiled, native_precision
from tellapart.bundle.bundle import Bundle, pack_bundle, read_bundle
from tellapart.bundle.container import write_container
from tellapart.card import CardContent, card_content, classifier_card
from tellapart.classifier import Classifier
from tellapart.data.cost_table import costs_from
from tellapart.data.reading import Reading
from tellapart.data.sample_labels import LABEL_KINDS, data_path, labelled, labels_like, labels_of_kind, warn_of_unknown
from tellapart.data.samples import Samples, index_of_samples
from tellapart.data.scan import scan
from tellapart.data.split import part_to_score
from tellapart.errors import DataError, OutputError, UsageError
from tellapart.features.embed import Embedded
from tellapart.features.look import look_at, say_too_bright, with_white
from tellapart.heads.abstention import MAX_ERROR
from tellapart.learn import learn
from tellapart.progress import Progress, Silent, listener
from tellapart.recipes.catalogue import RECIPES, Recipe, base_of, check_wanted
from tellapart.recipes.request import BUDGET, Request
from tellapart.text import counted
from tellapart.types import Index, LedgerEntry, Probabilities, SplitName

if TYPE_CHECKING:
    import torch

FIT_SHARES: Mapping[SplitName, int] = {
    "train": 85,
    "valid": 15,
}  # per cent; the valid part calibrates, testing is the caller's
Errors = Literal["raise", "skip"]
ERRORS: Final = ("raise", "skip")


class ImageClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn ships no types
    """A classifier of pictures that follows scikit-learn's conventions; it works in `cross_val_score`.

    Pictures (X) are paths, uint8 arrays [H, W] (grey) or [H, W, 3] (RGB), or PIL pictures of any mode: one of them, a
    list in which they may be mixed, a column of pandas or polars, or one array uint8 [N, H, W] or [N, H, W, 3]. A
    folder stands for all pictures below it. What is none of these is a DataError that names its place.

    Parameters:
        recipe: what is trained, by name: features, frozen, finetune, scratch, scratch-augmented or auto, as for
            `tellapart train`; some need the extra torch.
        backbone: the base that looks at the pictures, by name: one that ships (lite0, lite2), with the extra torch one
            of timm, or several joined, as lite0+lite2. The scratch recipes have none.
        weights: the path of a file with the weights of a base of timm; None for those timm downloads.
        size: the side in pixels of the square that the base, or the net that is trained, looks at; None for its own.
        module: for the scratch recipes, a torch.nn.Module of your own instead of theirs, or a class or function that
            gives one when it is called with classes and size: it takes float32 [N, 3, size, size] from 0 to 1 and ends
            in a linear layer with K outputs. It is copied; training does not change it.
        plan: for frozen, finetune and the scratch recipes, another plan than the recipe's own, of its own kind
            (`FrozenPlan`, `FineTuningPlan`, `ScratchPlan` of `tellapart.recipes`).
        budget: minutes that the recipe auto may take.
        folds: 0 to keep 15 % of the pictures back for the calibration; K from 2 up to train on all of them, and to
            calibrate by answers of K heads about pictures they have not seen, which takes some K times as long. For
            the recipe features.
        seed: of what is drawn.
        max_error: the largest share of wrong answers among those that are not `unsure`, in (0, 1).
        costs: what mistakes cost: the path of a CSV file as `tellapart train --costs` takes it, or {class shown: {class
            answered: cost}}, with one other column where a person can be asked; then `predict` answers what is expected
            to cost least, and `unsure` says where a person costs less. None where all mistakes cost the same.
        min_recall: the recall that must be reached of some classes, {class: share}, shown with 95 % confidence.
        device: where fitting and predicting compute, as `--device` takes it: CPU, GPU, NPU or AUTO (OpenVINO); cpu,
            cuda or mps where torch trains. None for where the process computes anyway. Meanwhile all of the process
            computes there, so several devices side by side take a process each; a fitted one answers where it was
            first asked.
        keep_sums: whether sums of the training pictures' features go into the model file (`tellapart.bundle.sums`).
        verbose: whether fitting and predicting show on stderr how far they are.

    Attributes:
        classes_: K labels, sorted.
        classifier_: what was trained: base, head, temperature, abstention, what was selected, and the history.
        history_: the history as columns, a list for each name, one value for each epoch or setting that was tried; {}
            where a model file was loaded. `pandas.DataFrame(history_)` and plots take it as it is.
    """

    def __init__(
        self,
        *,
        recipe: str = "features",
        backbone: str = "lite0",
        weights: str | Path | None = None,
        size: int | None = None,
        module: torch.nn.Module | Callable[..., torch.nn.Module] | None = None,
        plan: object = None,
        budget: float = BUDGET,
        folds: int = 0,
        seed: int = 0,
        max_error: float = MAX_ERROR,
        costs: str | Path | Mapping[Any, Mapping[Any, float]] | None = None,
        min_recall: Mapping[Any, float] | None = None,
        device: str | None = None,
        keep_sums: bool = False,
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
        self.folds = folds
        self.seed = seed
        self.max_error = max_error
        self.costs = costs
        self.min_recall = min_recall
        self.device = device
        self.keep_sums = keep_sums
        self.verbose = verbose

    def fit(self, X: Samples, y: Any = None, sample_weight: Any = None) -> Self:  # noqa: ANN401, N803
        """Train on pictures.

        Args:
            X: pictures [N], with y their labels; or, without y, a folder or manifest that `tellapart train` would take.
                Its test split, where it has one, is left alone.
            y: labels [N], all of them texts, numbers or truth values: a list, an array, a column of pandas or polars.
            sample_weight: numbers [N] of 0 or more, how much each picture counts, for the recipes features and frozen;
                None for all alike. They weigh in the head, in what is chosen by folds, in the temperature and in what
                is promised of unsure answers, not in splits and copies; 0 leaves a picture out.

        Raises:
            UsageError: a parameter makes no sense.
            DataError: the data cannot be used.
            MissingExtraError: the recipe, or the base, needs what is not installed.
            OutputError: the recipe keeps files while it works, and they cannot be written.
        """
        request = Request(
            recipe=self.recipe,
            seed=self.seed,
            size=self.size,
            budget=self.budget,
            folds=self.folds,
            module=self.module,
            plan=self.plan,
            shares=FIT_SHARES,
            max_error=self.max_error,
            costs=costs_from(self.costs),
            min_recall={str(name): share for name, share in (self.min_recall or {}).items()},
            keep_sums=self.keep_sums,
            progress=self._progress(),
        )
        weights = None if self.weights is None else Path(self.weights)
        check_wanted(request, self.backbone, weights=weights)
        classes, index = labelled(X, y, sample_weight)
        base = base_of(request, self.backbone, weights=weights)
        with computing_on(self.device), work_folder(RECIPES[self.recipe]) as work:
            learned = learn(index, base, replace(request, work=work))
        warn_of_skipped(learned.about.ledger)
        self.classes_, self.classifier_ = classes, learned.classifier
        self.history_ = as_columns(learned.classifier.history)
        self._fitted_by = {"recipe": self.recipe, "seed": self.seed}
        self._judged: CardContent | None = card_content(learned, numbered=sample_weight is None)
        self._bundle: Bundle | None = None
        self._engine: AnyEngine | None = None
        return self

    def _progress(self) -> Progress:
        return listener() if self.verbose else Silent()

    @property
    def _repr_html_(self) -> Callable[[], str]:
        """What a notebook shows: of a fitted one its card, else, and where diagrams are off, as scikit-learn does."""
        drawn: Callable[[], str] = super()._repr_html_
        return self._card if hasattr(self, "classifier_") else drawn

    def _repr_mimebundle_(self, **more: object) -> dict[str, str]:
        bundle: dict[str, str] = super()._repr_mimebundle_(**more)
        return (
            {**bundle, "text/html": self._card()} if "text/html" in bundle and hasattr(self, "classifier_") else bundle
        )

    def _card(self) -> str:
        recipe = str(self._fitted_by["recipe"])
        return classifier_card(self.classifier_, classes=self.classes_.tolist(), recipe=recipe, judged=self._judged)

    def __getstate__(self) -> dict[str, Any]:
        """Everything but the compiled engine, which is made again when it is needed, and the pictures of the card."""
        state = dict(super().__getstate__())
        if "_engine" not in state:
            return state
        judged = state["_judged"]
        return {**state, "_engine": None, "_judged": judged and judged.without_pictures()}

    def predict_proba(self, X: Samples, *, errors: Errors = "raise") -> Probabilities:  # noqa: N803
        """Probabilities float64 [N, K] of pictures, or of every picture below a folder in the order of their paths.

        Args:
            X: pictures [N].
            errors: "skip" leaves a row of NaN for a picture that is missing (None, NaN, no such file) or cannot be
                read; "raise" makes it an error.

        Raises:
            UsageError: errors is something else.
            DataError: a picture cannot be read, or what was given is none.
        """
        if errors not in ERRORS:
            raise UsageError(
                "no such way with errors", where=f"{errors!r}", hint=f"Choose one of: {', '.join(ERRORS)}."
            )
        self._fitted()
        index = index_of_samples(X, missing=errors == "skip")
        with computing_on(self.device):
            classifier, embedded = self._look_at(index)
            if errors == "raise":
                check_readable(embedded)
            answers = answer(classifier, embedded, progress=self._progress())
        rows = np.full((len(index.pictures), len(self.classes_)), np.nan)
        rows[[entry.status != "skipped" for entry in embedded.ledger]] = answers.probabilities
        return rows

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
        self._fitted()
        return self._answer_about(index_of_samples(samples))

    def _answer_about(self, index: Index) -> Answers:
        with computing_on(self.device):
            classifier, embedded = self._look_at(index)
            check_readable(embedded)
            say_too_bright(embedded.ledger, self._progress())
            return answer(classifier, embedded, progress=self._progress())

    def _look_at(self, index: Index) -> tuple[Classifier, Embedded]:
        classifier, progress = self._fitted(), self._progress()
        if self._engine is None:
            self._engine = compiled(classifier.base, precision=native_precision())
        classifier = replace(classifier, base=with_white(classifier.base, index.pictures, progress))
        return classifier, look_at(index, classifier.base, progress, engine=self._engine)

    def predict(self, X: Samples, *, errors: Errors = "raise") -> NDArray[Any]:  # noqa: N803
        """The label [N] of each picture, of the dtype of `classes_`.

        With errors="skip" it is an array of objects, always, in which None stands for a picture that is missing or
        cannot be read; arguments and errors as for `predict_proba`.
        """
        probabilities = self.predict_proba(X, errors=errors)
        if errors == "raise":
            return np.asarray(self.classes_[self.classifier_.predicted(probabilities)])
        answered = ~np.isnan(probabilities).any(axis=1)
        labels = np.full(len(probabilities), None, object)
        labels[answered] = self.classes_[self.classifier_.predicted(probabilities[answered])].tolist()
        return labels

    def score(self, X: Samples, y: Any = None, sample_weight: Any = None) -> float:  # noqa: ANN401, N803
        """Accuracy on labelled pictures; without y, on the test split of a folder, or all of it if it has none.

        A label that it was not fitted with counts as an answer that is wrong, and a UserWarning names it.

        Raises:
            DataError: a picture cannot be read, or the labels are missing or not those of the pictures.
        """
        classifier = self._fitted()
        if y is not None:
            values = labels_like(y, self.classes_)
            told = self._answer(X).predicted
            if len(told) != len(values):
                hint = "Give one label for each picture."
                what = f"{counted(len(values), 'label')} for {counted(len(told), 'picture')}"
                raise DataError(what, where="y", hint=hint)
            warn_of_unknown(values, self.classes_)
            return float(np.average(self.classes_[told] == values, weights=sample_weight))
        index = part_to_score(scan(data_path(X), reading=Reading(scoring=True)))
        answers = self._answer_about(index).predicted
        names, labels = np.array(classifier.classes), np.array([picture.label for picture in index.pictures])
        warn_of_unknown(labels, names)
        return float(np.average(names[answers] == labels, weights=sample_weight))

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


def load(path: str | Path, *, device: str | None = None) -> ImageClassifier:
    """A fitted classifier from a model file, after it has proved itself on its test cards.

    Whatever recipe made it, no torch is needed. Its parameters are those the file tells, recipe, base and size, and the
    device that it proved itself on and answers on, as `ImageClassifier` takes it.

    Raises:
        ModelFileError: the file is damaged, of a newer schema, changed, or gives other answers than it must.
        UsageError: there is no such device.
    """
    with computing_on(device):
        bundle, engine = read_bundle(Path(path))
    base = bundle.classifier.base
    sides = {single.preprocess.size for single in base.singles}
    estimator = ImageClassifier(size=base.preprocess.size if len(sides) == 1 else None, device=device)
    made_by = str(bundle.manifest.get("recipe", estimator.recipe))
    estimator.set_params(recipe=made_by)
    if made_by not in RECIPES or RECIPES[made_by].has_base:  # a net from nothing has a name, but is no base
        estimator.set_params(backbone=base.name)
    estimator.classes_ = labels_of_kind(bundle.classifier.classes, bundle.manifest.get("label_kind"))
    estimator.classifier_ = bundle.classifier
    estimator.history_ = {}
    # This function is its other constructor.
    estimator._bundle, estimator._engine, estimator._judged = bundle, engine, None  # noqa: SLF001
    estimator._fitted_by = {"recipe": made_by, "seed": estimator.seed}  # noqa: SLF001
    return estimator


def as_columns(rows: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """Rows as columns, in the order in which their names come; None where a row lacks one."""
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: [row.get(name) for row in rows] for name in names}


def check_readable(embedded: Embedded) -> None:
    """Stop at the first picture that cannot be read.

    Raises:
        DataError: there is one.
    """
    failures = [entry for entry in embedded.ledger if entry.status == "skipped"]
    if failures:
        raise DataError(f"cannot read a picture ({failures[0].reason})", where=failures[0].path)


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
