"""Pictures as a program has them: paths, arrays, PIL pictures, columns of a table, or a list of all of these.

What lies in memory becomes an index whose `arrays` hold it, so that nothing further on has to know.

Legend: N pictures, H W height and width.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tellapart.data.inputs import of_another_kind
from tellapart.data.pil import pixels_of
from tellapart.data.scan import pictures_below
from tellapart.data.walk import Walk
from tellapart.errors import DataError
from tellapart.stores import Origin
from tellapart.text import counted
from tellapart.types import Index, Picture

# A path, a folder, an array uint8 [H, W] or [H, W, 3], a PIL picture, or many: a list or an array of any of these, a
# column of pandas or polars, an array uint8 [N, H, W] or [N, H, W, 3].
Samples = Any

NAME: Final = "X"  # what scikit-learn calls the samples
EXPECTED: Final = "Give paths, uint8 arrays [H, W] or [H, W, 3], or PIL pictures."
_FLOATS: Final = 'Give uint8 from 0 to 255; of values from 0 to 1: (array * 255).round().astype("uint8").'
_LONGEST_PATH: Final = 4096  # characters; no system takes longer ones
_CHANNELS: Final = (1, 2, 3, 4)  # of grey, grey with transparency, colour, and colour with transparency
_SHOWN: Final = 80  # characters of a text that is no path


class InMemory(Mapping[Origin, NDArray[np.uint8]]):
    """Pixels uint8 [rows, H, W] or [rows, H, W, 3] of what was given in memory, by a name made up for it.

    PIL pictures are converted whenever they are asked for, as files are read: all of them at once may be too large.
    """

    def __init__(self, arrays: Mapping[Origin, NDArray[np.uint8]], images: Mapping[Origin, Image.Image]) -> None:
        """Hold arrays and PIL pictures."""
        self._arrays, self._images = arrays, images
        self._lock = (
            threading.Lock()
        )  # one PIL picture may stand in several places, and none can be loaded twice at once

    def __getitem__(self, file: Origin) -> NDArray[np.uint8]:
        """The pixels by that name; a PictureError where a PIL picture cannot be read."""
        if file in self._arrays:
            return self._arrays[file]
        return pixels_of(self._images[file], lock=self._lock)[np.newaxis]

    def __iter__(self) -> Iterator[Origin]:
        yield from self._arrays
        yield from self._images

    def __len__(self) -> int:
        return len(self._arrays) + len(self._images)


def index_of_samples(
    samples: Samples,
    *,
    labels: Sequence[str] | None = None,
    weights: Sequence[float] | None = None,
    name: str = NAME,
    missing: bool = False,
) -> Index:
    """Index pictures in the order given; a folder stands for all pictures below it.

    Args:
        samples: one picture or many, see `Samples`.
        labels: one for each, or None.
        weights: how much each counts, or None for all alike; one of 0 is left out, as if it had not been given.
        name: what errors call the samples: the fourth of X is X[3].
        missing: whether None, NaN and a path where nothing is stand for a picture that cannot be read; else they are
            an error.

    Raises:
        DataError: what was given is no picture, or there is none, or not one label for each.
    """
    items, names = _taken_apart(samples, name)
    if labels is not None and len(labels) != len(items):
        raise _not_one_each(len(labels), items, samples, name)
    if not items:
        raise DataError("no pictures were given", where=name, hint="Give at least one picture or folder.")
    _check_kinds(items, names)
    arrays: dict[Origin, NDArray[np.uint8]] = {}
    images: dict[Origin, Image.Image] = {}
    pictures: list[Picture] = []
    walk = Walk()
    kept = [place for place in range(len(items)) if weights is None or weights[place]]
    for number, place in enumerate(kept):
        item, called = items[place], names[place]
        path = called if len(kept) == len(items) else f"{name}[{number}]"  # splits are drawn by it
        label, weight = labels[place] if labels else None, weights[place] if weights else 1.0
        one = Picture(path=path, file=Path(path), label=label, weight=weight)
        if missing and is_missing(item):
            pictures.append(one)
        elif isinstance(item, np.ndarray):
            arrays[one.file] = _checked(item, called)[np.newaxis]
            pictures.append(replace(one, row=0))
        elif isinstance(item, Image.Image):
            images[one.file] = item
            pictures.append(replace(one, row=0))
        else:
            found = _of_path(_path(item, called), called, label=label, walk=walk, missing=missing)
            pictures += [replace(each, weight=weight) for each in found] if weights else found
    return Index(
        name="pictures",
        root=Path(),
        layout="paths",
        classes=tuple(sorted({picture.label for picture in pictures if picture.label is not None})),
        pictures=tuple(pictures),
        arrays=InMemory(arrays, images),
        skipped=tuple(walk.skipped),
    )


def is_missing(value: object) -> bool:
    """Whether a value of a column stands for nothing: None, NaN, and what pandas has for them."""
    if isinstance(value, float | np.floating):
        return bool(np.isnan(value))
    if isinstance(value, np.datetime64 | np.timedelta64):
        return bool(np.isnat(value))
    return value is None or type(value).__name__ in ("NAType", "NaTType")  # pandas need not be installed


def one_column(values: Any, name: str) -> Any:  # noqa: ANN401  whatever a user gives
    """The column of a table of pandas or polars that has one; whatever is no table as it is.

    Raises:
        DataError: it has another number of columns.
    """
    shape: tuple[int, ...] = getattr(values, "shape", ())
    if not hasattr(values, "columns") or len(shape) != 2:
        return values
    if shape[1] != 1:
        hint = f"Give one of them, for example {name}[{str(values.columns[0])!r}]." if shape[1] else EXPECTED
        raise DataError(f"a table of {counted(shape[1], 'column')}", where=name, hint=hint)
    return values[values.columns[0]]


def _taken_apart(samples: Samples, name: str) -> tuple[list[Any], list[str]]:
    """The single pictures, as they were given, and what errors call each.

    Raises:
        DataError: it can be neither a picture nor many.
    """
    samples = one_column(samples, name)
    if type(samples).__module__.partition(".")[0] == "polars" and hasattr(samples, "to_list"):
        samples = samples.to_numpy() if "Array" in str(samples.dtype) else samples.to_list()
    if isinstance(samples, np.ndarray) and samples.ndim == 0:
        samples = samples.item()
    if isinstance(samples, np.ndarray) and samples.dtype.kind not in "OUT":
        if not _holds_many(samples):
            return [_checked(samples, name)], [name]
        items = list(samples)
    elif isinstance(samples, np.ndarray):
        if samples.shape[1:] not in ((), (1,)):
            raise _no_picture(f"an array {_shape(samples)} of {samples.dtype}", name)
        items = list(samples.reshape(-1))
    elif isinstance(samples, str | os.PathLike | Image.Image | bytes | bytearray | memoryview) or is_missing(samples):
        return [samples], [name]
    elif isinstance(samples, Mapping | set | frozenset):
        raise DataError(f"a {type(samples).__name__} has no order", where=name, hint="Give a list of pictures.")
    elif isinstance(samples, Iterable):
        items = list(samples)
    else:
        raise _no_picture(with_article(samples), name)
    return items, [f"{name}[{place}]" for place in range(len(items))]


def _holds_many(array: NDArray[Any]) -> bool:
    """Whether an array of numbers is [N, H, W] or [N, H, W, 3]; one that ends in 1 to 4 is one, none is so narrow."""
    return array.ndim == 4 or (array.ndim == 3 and array.shape[2] not in _CHANNELS) or len(array) == 0


def _checked(array: NDArray[Any], called: str) -> NDArray[np.uint8]:
    """The array, if it is one picture.

    Raises:
        DataError: its dtype or shape is another one, or nothing is in it.
    """
    what = f"a {array.dtype} array {_shape(array)}"
    if array.size == 0:
        raise _no_picture(f"an empty array {_shape(array)}", called)
    if array.dtype != np.uint8:
        hint = _FLOATS if array.dtype.kind == "f" else 'Give uint8 from 0 to 255: .astype("uint8").'
        if array.dtype == bool:
            hint = 'Give uint8 from 0 to 255: array.astype("uint8") * 255.'
        raise _no_picture(what, called, hint=hint)
    if array.ndim == 2 or (array.ndim == 3 and array.shape[2] == 3):
        return array
    raise _no_picture(what, called, hint=f"{EXPECTED}{_way_to_a_shape(array)}")


def _way_to_a_shape(array: NDArray[Any]) -> str:
    if array.ndim == 3 and array.shape[2] == 1:
        return " Leave the last axis out: array[..., 0]."
    if array.ndim == 3 and array.shape[0] in (1, 3):
        return " Put the channels last: array.transpose(1, 2, 0)." if array.shape[0] == 3 else " Or array[0]."
    if array.ndim == 3 and array.shape[2] in (2, 4):
        return " With transparency: PIL.Image.fromarray(array)."
    return ""


def _path(item: object, called: str) -> Path:
    """What was given as a path.

    Raises:
        DataError: it cannot be one.
    """
    if isinstance(item, bytes | bytearray | memoryview):
        hint = "Open them with PIL: PIL.Image.open(io.BytesIO(content)); or give the path of the file."
        raise DataError(f"{len(item):,} bytes are no path", where=called, hint=hint)
    if is_missing(item):
        raise DataError(f"no picture, the value is missing ({item})", where=called, hint=EXPECTED)
    if isinstance(item, os.PathLike) and isinstance(os.fspath(item), str):
        return Path(item)
    if not isinstance(item, str):
        raise _no_picture(with_article(item), called)
    if not item.strip():
        raise DataError("an empty text is no path", where=called, hint=EXPECTED)
    if item[:5].lower() == "data:" or len(item) > _LONGEST_PATH:
        hint = (
            "Nothing is decoded from text: decode it, and open the bytes with PIL, PIL.Image.open(io.BytesIO(bytes))."
        )
        what = f"a text of {len(item):,} characters ({item[:_SHOWN]}…) is no path"
        raise DataError(what, where=called, hint=hint)
    return Path(item)


def _of_path(path: Path, called: str, *, label: str | None, walk: Walk, missing: bool) -> list[Picture]:
    """The picture, or those below the folder, at a path.

    Raises:
        DataError: nothing is there; where and why is said beside the place in what was given.
    """
    try:
        return list(pictures_below(path, label=label, walk=walk))
    except DataError as error:
        if missing and not os.path.exists(path):  # noqa: PTH110  (Path.exists raises where a name is too long)
            return [Picture(path=os.fspath(path), file=path, label=label)]
        where = str(error.where)
        shown = where if len(where) <= 2 * _SHOWN else f"{where[:_SHOWN]}…"
        raise DataError(error.what, where=f"{called}: {shown}", hint=error.hint) from error


def _check_kinds(items: Sequence[Any], names: Sequence[str]) -> None:
    """Stop where every single item is the path of an archive, a video or the like.

    Raises:
        DataError: it is so.
    """
    first: DataError | None = None
    for item in items:
        kind = of_another_kind(item) if isinstance(item, str | Path) and len(str(item)) <= _LONGEST_PATH else None
        if kind is None:
            return
        first = first or kind
    if first is not None:
        raise DataError(first.what, where=f"{names[0]}: {first.where}", hint=first.hint)


def _not_one_each(labels: int, items: Sequence[Any], samples: Samples, name: str) -> DataError:
    what = f"{counted(labels, 'label')} for {counted(len(items), 'picture')}"
    hint = "Give one label for each picture."
    if isinstance(samples, np.ndarray) and len(items) == 1 and samples.dtype == np.uint8:
        hint = f"An array {_shape(samples)} is one picture; many are [N, H, W] or [N, H, W, 3]."
    return DataError(what, where=name, hint=hint)


def _no_picture(what: str, called: str, *, hint: str = EXPECTED) -> DataError:
    return DataError(f"{what} is no picture", where=called, hint=hint)


def with_article(value: object) -> str:
    """The kind of a value, with its article: a list, an int."""
    kind = type(value).__name__
    return f"{'an' if kind[0].lower() in 'aeiou' else 'a'} {kind}"


def _shape(array: NDArray[Any]) -> str:
    return f"[{', '.join(map(str, array.shape))}]"
