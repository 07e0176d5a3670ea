"""Labels as a program has them: a list, an array, a column; checked, told by their own names, and put to pictures.

Legend: N pictures, K classes.
"""

from __future__ import annotations

import os
import warnings
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tellapart.data.samples import NAME as SAMPLES
from tellapart.data.samples import Samples, index_of_samples, is_missing, one_column, with_article
from tellapart.data.scan import scan
from tellapart.data.split import one_part_as_test
from tellapart.errors import DataError
from tellapart.text import counted
from tellapart.types import Index

NAME: Final = "y"  # what scikit-learn calls the labels
WEIGHTS: Final = "sample_weight"  # and how much each sample counts
EACH_WEIGHT: Final = "Give one number of 0 or more for each picture."
EXPECTED: Final = "Give one text, number or truth value for each picture."
LABEL_KINDS: Final = {"i": "integer", "u": "integer", "f": "float", "b": "boolean"}  # by numpy's kind; others are text
_KINDS: Final[Mapping[str, tuple[type, ...]]] = {  # in this order: a truth value is an int too
    "a text": (str,),
    "a truth value": (bool, np.bool_),
    "a number": (int, float, np.integer, np.floating),
}
_SHOWN: Final = 5  # classes that an error names


def labelled(
    samples: Samples,
    labels: Any,  # noqa: ANN401
    weights: Any = None,  # noqa: ANN401
) -> tuple[NDArray[Any], Index]:
    """The sorted classes [K], as numpy sorts them, and the index of labelled samples, with the same classes by name.

    Weights say how much each sample counts; those of 0 are left out, and None is for all alike.

    Raises:
        DataError: there is not one label for each sample, or not two classes of two pictures with names of their own.
    """
    if labels is None:
        if weights is not None:
            hint = "Give X as a list of pictures, and y with their labels."
            raise DataError("weights without labels", where=WEIGHTS, hint=hint)
        index, _ = one_part_as_test(scan(data_path(samples)))
        kept = tuple(picture for picture in index.pictures if picture.split != "test")
        if not kept:
            raise DataError("nothing but test pictures", where=index.root, hint="Give pictures to train on too.")
        return np.array(index.classes), replace(index, pictures=kept)
    values = label_values(labels)
    shares = None if weights is None else weight_values(weights, count=len(values))
    classes = np.unique(values if shares is None else values[shares > 0])
    names = tuple(str(label) for label in classes)
    if len(set(names)) < len(names):
        raise DataError("two labels of one name", hint="Give labels that differ when they are written.")
    told = [str(label) for label in values]
    index = index_of_samples(samples, labels=told, weights=None if shares is None else shares.tolist())
    counts = Counter(picture.label for picture in index.pictures)
    check_counts(classes, [counts[name] for name in names])
    return classes, replace(index, classes=names)


def data_path(samples: Samples) -> Path:
    """What was given without labels, as the path of data that has them.

    Raises:
        DataError: it is no path, so that the labels are missing.
    """
    if isinstance(samples, str | os.PathLike):
        return Path(samples)
    hint = "Give y, one label for each picture; or the path of a folder of class folders, or of a table."
    raise DataError("pictures without labels", where=SAMPLES, hint=hint)


def label_values(labels: Any) -> NDArray[Any]:  # noqa: ANN401  whatever a user gives
    """The labels [N] as an array of texts, numbers or truth values; of an array or a column the dtype stays.

    Args:
        labels: a list, an array or a column of pandas or polars.

    Raises:
        DataError: it is no list of labels, or one of them is missing, empty, or of another kind than the others.
    """
    labels = one_column(labels, NAME)
    if isinstance(labels, str | bytes | Mapping | set | frozenset) or not isinstance(labels, Iterable):
        raise DataError(f"{with_article(labels)} is no list of labels", where=NAME, hint=EXPECTED)
    if hasattr(labels, "__array__"):
        values = np.asarray(labels)
        if values.ndim == 2 and values.shape[1] == 1:
            values = values[:, 0]
        if values.ndim != 1:
            what = f"labels of shape [{', '.join(map(str, values.shape))}]"
            raise DataError(what, where=NAME, hint=EXPECTED)
        if values.dtype.kind not in "biu":  # of which none can be missing, nor of another kind
            _check(values.tolist() if values.dtype.kind in "fUS" else list(values))
        return values if values.dtype.kind != "O" else np.asarray(values.tolist())
    listed = list(labels)
    _check(listed)
    return np.asarray(listed)


def weight_values(weights: Any, *, count: int) -> NDArray[np.float64]:  # noqa: ANN401  whatever a user gives
    """How much each of `count` samples counts, float64 [N]: a number for all of them, a list, an array or a column.

    Raises:
        DataError: there is not one for each, one is no number of 0 or more, or all are 0.
    """
    weights = one_column(weights, WEIGHTS)
    try:
        values = np.asarray(list(weights) if isinstance(weights, Iterable) else weights, np.float64)
    except (TypeError, ValueError) as error:
        raise DataError("no list of numbers", where=WEIGHTS, hint=EACH_WEIGHT) from error
    if values.ndim == 0:
        values = np.full(count, values)
    if values.shape != (count,):
        what = f"{counted(len(values), 'weight')} for {counted(count, 'label')}"
        if values.ndim != 1:
            what = f"weights of shape [{', '.join(map(str, values.shape))}]"
        raise DataError(what, where=WEIGHTS, hint=EACH_WEIGHT)
    bad = np.flatnonzero(~(np.isfinite(values) & (values >= 0)))
    if len(bad):
        raise DataError(f"{values[bad[0]]:g} is no weight", where=f"{WEIGHTS}[{bad[0]}]", hint=EACH_WEIGHT)
    if not values.any():
        raise DataError("all weights are 0", where=WEIGHTS, hint=EACH_WEIGHT)
    return values


def labels_like(labels: Any, classes: NDArray[Any]) -> NDArray[Any]:  # noqa: ANN401  whatever a user gives
    """The labels [N] as an array, of what the classes [K] are: texts, numbers or truth values.

    Raises:
        DataError: they are no labels, or of another kind than the classes.
    """
    values = label_values(labels)
    if len(values) and label_kind(values) != label_kind(classes):
        what = f"the label {label_repr(values[0])} is of another type than the classes, as {label_repr(classes[0])}"
        raise DataError(what, where=NAME, hint="Give labels of the type that it was fitted with.")
    return values


def warn_of_unknown(labels: NDArray[Any], classes: NDArray[Any]) -> None:
    """Warn, once, of labels [N] that are none of the classes [K], so that no answer can be right.

    A warning and no error: in `cross_val_score` a rare class may lie in the tested part alone, and scikit-learn counts
    it as wrong there.
    """
    unknown = labels[~np.isin(labels, classes)]
    if not len(unknown):
        return
    names = [label_repr(label) for label in np.unique(unknown)]
    more = f" and {len(names) - _SHOWN:,} more" if len(names) > _SHOWN else ""
    share = f"{counted(len(unknown), 'label')} of {len(labels):,}"
    message = f"{share} it was not fitted with, counted as wrong: {', '.join(names[:_SHOWN])}{more}"
    warnings.warn(message, UserWarning, stacklevel=3)  # where score was called


def labels_of_kind(names: Sequence[str], kind: object) -> NDArray[Any]:
    """Classes [K] by their names, as what they were when they were fitted: a word of LABEL_KINDS, else texts."""
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


def label_kind(labels: NDArray[Any]) -> str:
    """What labels [N] are: numbers, truth values or texts."""
    kind = LABEL_KINDS.get(labels.dtype.kind, "text")
    return "number" if kind in ("integer", "float") else kind


def label_repr(label: object) -> str:
    """A label as its owner writes it in Python: 'cat', 3 or True, whatever numpy calls it."""
    return repr(label.item() if isinstance(label, np.generic) else label)


def check_counts(classes: NDArray[Any], counts: Sequence[int]) -> None:
    """Stop where there are not two classes of two pictures or more.

    Args:
        classes: the labels [K] that occur, sorted.
        counts: pictures of each.

    Raises:
        DataError: it is so.
    """
    if len(classes) < 2:
        what = f"only one class, {label_repr(classes[0])}" if len(classes) else "no pictures"
        raise DataError(what, where=NAME, hint="Give pictures of two or more classes.")
    single = [label_repr(label) for label, count in zip(classes, counts, strict=True) if count < 2]
    if single:
        more = f" and {len(single) - _SHOWN:,} more" if len(single) > _SHOWN else ""
        have = "the class" if len(single) == 1 else f"{counted(len(single), 'class', 'classes')},"
        what = f"{have} {', '.join(single[:_SHOWN])}{more} {'has' if len(single) == 1 else 'have'} one picture"
        hint = "Give two or more of each class, one to train on and one to choose by; or leave it out."
        raise DataError(f"{what}{'' if len(single) == 1 else ' each'}", where=NAME, hint=hint)


def _check(values: Sequence[object]) -> None:
    """Stop at the first label that is missing, empty, or of another kind than the first.

    Raises:
        DataError: there is one.
    """
    first = ""
    for place, value in enumerate(values):
        where = f"{NAME}[{place}]"
        if is_missing(value):
            raise DataError(f"a label is missing ({value})", where=where, hint=EXPECTED)
        kind = next((kind for kind, types in _KINDS.items() if isinstance(value, types)), None)
        if kind is None:
            raise DataError(f"{with_article(value)} is no label", where=where, hint=EXPECTED)
        if isinstance(value, str) and not value.strip():
            raise DataError("an empty label", where=where, hint="Give every class a name.")
        first = first or kind
        if kind != first:
            what = f"labels of mixed types: {label_repr(values[0])} is {first}, {label_repr(value)} is {kind}"
            hint = "Make all of them texts, for example: [str(label) for label in y]."
            raise DataError(what, where=where, hint=hint)
