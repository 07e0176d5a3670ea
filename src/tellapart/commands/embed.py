"""What a base sees in pictures, for whatever somebody wants to do with it: as an array, or as a file.

Legend: N pictures, D features, P depths of the base.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, overload

import numpy as np

from tellapart import files
from tellapart.backbones.catalogue import check_base, find_base
from tellapart.data.manifest import is_manifest
from tellapart.data.names import written
from tellapart.data.reading import AS_IT_IS, Reading
from tellapart.data.samples import Samples, index_of_samples
from tellapart.data.scan import index_of_paths, scan
from tellapart.errors import DataError, UsageError
from tellapart.features.look import look_at, with_white
from tellapart.features.take import SomeColumns
from tellapart.progress import Progress, Silent
from tellapart.targets import check_file
from tellapart.types import Depth, Features, Index, Picture
from tellapart.workers.pool import HERE, Workers


@dataclass(frozen=True, slots=True, kw_only=True)
class Embedding:
    """What a file of features holds.

    Attributes:
        features: float32 [N, D].
        pictures: the N readable pictures.
        depths: the P parts of the columns, in their order.
        skipped: pictures that could not be read.
    """

    features: Features
    pictures: Sequence[Picture]
    depths: Sequence[Depth]
    skipped: int


@overload
def embed(
    pictures: Samples,
    backbone: str = ...,
    *,
    size: int | None = ...,
    weights: str | Path | None = ...,
    return_depths: Literal[False] = ...,
) -> Features: ...
@overload
def embed(
    pictures: Samples,
    backbone: str = ...,
    *,
    size: int | None = ...,
    weights: str | Path | None = ...,
    return_depths: Literal[True],
) -> tuple[Features, dict[str, slice]]: ...
def embed(
    pictures: Samples,
    backbone: str = "lite0",
    *,
    size: int | None = None,
    weights: str | Path | None = None,
    return_depths: bool = False,
) -> Features | tuple[Features, dict[str, slice]]:
    """Features float32 [N, D] of pictures, as a frozen base sees them, all of its depths side by side.

    They are kept in the user's cache, so that the same pictures cost nothing the next time; each value is rounded to
    float16.

    Args:
        pictures: one or many, as `ImageClassifier` takes them: paths, uint8 arrays, PIL pictures, a column.
        backbone: the base by name: one that ships, with the extra torch one of timm, or several joined.
        size: the side in pixels of the square it looks at; None for its own.
        weights: the path of a file with the weights of a base of timm; None for those timm downloads.
        return_depths: whether to say as well which columns each depth has: features[:, depths["last"]] is the last.

    Returns:
        The features; with return_depths the columns of each depth by its name too, from shallow to deep.

    Raises:
        UsageError: there is no such base, or it cannot take that size.
        DataError: a picture cannot be read, or what was given is none.
        MissingExtraError: it is a base of timm, and timm is not installed.
    """
    index = index_of_samples(pictures, name="pictures")
    base = find_base(backbone, size=size, weights=None if weights is None else Path(weights))
    embedded = look_at(index, with_white(base, index.pictures, Silent()), Silent())
    failure = next((entry for entry in embedded.ledger if entry.status == "skipped"), None)
    if failure is not None:
        raise DataError(f"cannot read a picture ({failure.reason})", where=failure.path)
    features = embedded.features[:, base.means]
    if not return_depths:
        return features
    return features, {depth.name: slice(depth.start, depth.stop) for depth in base.means_only.depths}


def embed_data(
    data: Path,
    out: Path,
    *,
    backbone: str = "lite0",
    size: int | None = None,
    weights: Path | None = None,
    reading: Reading = AS_IT_IS,
    workers: Workers = HERE,
    progress: Progress | None = None,
) -> Embedding:
    """Write the features of every readable picture of some data to a file, whole or not at all.

    Args:
        data: what `tellapart train` takes, or a folder of pictures without labels.
        out: the file: .npz, or .parquet with a column DEPTH:NUMBER for each feature.
        backbone: the base by name.
        size: the side in pixels of the square it looks at; None for its own.
        weights: a file with the weights of a base of timm.
        reading: what is said of data that can be read in more than one way.
        workers: who looks at the pictures.
        progress: told of every picture.

    Raises:
        UsageError: the name of the file says no format, or there is no such base.
        DataError: there is no such data, or none of its pictures can be read.
        MissingExtraError: it is a base of timm, and timm is not installed.
        OutputError: the file cannot be written, or one that tellapart has not written is there.
    """
    write = writer_of(out)
    check_file(out, sources=[data])
    progress = progress or Silent()
    check_base(backbone, size=size, weights=weights, progress=progress)
    index = index_of_data(data, reading, progress)
    base = find_base(backbone, size=size, weights=weights, progress=progress)
    means = SomeColumns(start=base.means.start, stop=base.means.stop)
    embedded = look_at(index, with_white(base, index.pictures, progress), progress, take=means, workers=workers)
    skipped = [entry for entry in embedded.ledger if entry.status == "skipped"]
    if len(skipped) == len(embedded.ledger):
        raise DataError(f"none of the pictures can be read ({skipped[0].reason})", where=skipped[0].path)
    made = Embedding(
        features=embedded.features,
        pictures=embedded.index.pictures,
        depths=base.means_only.depths,
        skipped=len(skipped),
    )
    with files.staged(out, follow=True) as place:
        write(place, made)
    return made


def index_of_data(data: Path, reading: Reading, progress: Progress) -> Index:
    """Labelled data as `train` reads it, else every picture below a folder, with a note.

    Raises:
        DataError: it is neither.
    """
    try:
        return scan(data, reading=reading, progress=progress)
    except DataError as error:
        if not is_manifest(data) and (reading != AS_IT_IS or not data.is_dir()):
            raise
        try:
            index = index_of_paths([data], reading=reading)
        except DataError as other:
            raise (other if is_manifest(data) else error) from None
        progress.note(f"Taken as pictures without labels, since: {error.what}.")
        return index


def writer_of(out: Path) -> Callable[[Path, Embedding], None]:
    """What writes a file that is called so.

    Raises:
        UsageError: the name ends in none of those known.
    """
    suffix = out.suffix.lower()
    if suffix not in WRITERS:
        what = f"no format is known for a file that ends in {suffix}" if suffix else "this name says no format"
        raise UsageError(what, where=out, hint=f"End it in {' or '.join(WRITERS)}.")
    return WRITERS[suffix]


def described_columns(pictures: Sequence[Picture]) -> dict[str, list[str | None]]:
    """What is said of each picture: path always, label and split where any picture has one."""
    columns: dict[str, list[str | None]] = {
        "path": [written(picture.path) for picture in pictures],
        "label": [picture.label for picture in pictures],
        "split": [picture.split for picture in pictures],
    }
    return {name: column for name, column in columns.items() if any(column)}


def write_npz(place: Path, made: Embedding) -> None:
    """Write features float32 [N, D], paths, labels and splits [N], depths [P] and their columns int64 [P, 2].

    Labels and splits are there where any picture has one; "" is none.
    """
    columns = described_columns(made.pictures)
    names = {"path": "paths", "label": "labels", "split": "splits"}
    with place.open("wb") as file:
        np.savez(
            file,
            allow_pickle=False,
            features=made.features,
            depths=np.array([depth.name for depth in made.depths]),
            columns=np.array([(depth.start, depth.stop) for depth in made.depths], np.int64),
            **{names[name]: np.array([value or "" for value in column]) for name, column in columns.items()},
        )


def write_features_parquet(place: Path, made: Embedding) -> None:
    """Write the columns path, label and split (null is none), and DEPTH:NUMBER, float32, for each feature."""
    from arro3.core import Array, DataType, Table
    from arro3.io import write_parquet as write

    columns: dict[str, Any] = {
        name: Array(column, type=DataType.string()) for name, column in described_columns(made.pictures).items()
    }
    for depth in made.depths:
        for number in range(depth.stop - depth.start):
            values = np.ascontiguousarray(made.features[:, depth.start + number])
            columns[f"{depth.name}:{number}"] = Array.from_numpy(values)
    with place.open("wb") as file:
        write(Table.from_pydict(columns), file)


WRITERS: Final[Mapping[str, Callable[[Path, Embedding], None]]] = {
    ".npz": write_npz,
    ".parquet": write_features_parquet,
}
