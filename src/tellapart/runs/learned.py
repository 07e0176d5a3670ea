"""The pictures that a model file learned from, where its run and its data are still there.

Legend: N pictures.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tellapart.errors import DataError
from tellapart.progress import Progress
from tellapart.runs import folder as run_folder
from tellapart.runs.read import SplitRow, read_metrics, read_splits
from tellapart.runs.whereabouts import find_pictures
from tellapart.types import Index


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitPictures:
    """The pictures of one split that are still there.

    Attributes:
        index: N of them, in the order of split.csv.
        rows: what split.csv says of each.
    """

    index: Index
    rows: tuple[SplitRow, ...]


def learned_pictures(
    model: Path, *, named: Path | None, classes: Sequence[str], progress: Progress
) -> dict[str, SplitPictures]:
    """The pictures of train and of valid, by split.

    Args:
        model: a model file in the folder of its run.
        named: where the pictures are now; None for where the run says.
        classes: that its answers are of.
        progress: told where pictures are read.

    Raises:
        DataError: the run, its data or one of the splits is missing, or they do not fit together.
    """
    run = model.parent
    rows = read_splits(run)
    if not rows:
        hint = f"Name the {run_folder.MODEL} in the folder of its run."
        raise DataError("no split.csv beside the model file says what it learned from", where=model, hint=hint)
    if not {row.label for row in rows} <= set(classes):
        raise DataError("split.csv is of another model", where=run / run_folder.SPLIT)
    index = find_pictures(run, read_metrics(run), named=named, progress=progress)
    if isinstance(index, str):
        raise DataError(index, where=run)
    places = {picture.path: picture for picture in index.pictures}
    found = {}
    for split in ("train", "valid"):
        own = tuple(row for row in rows if row.split == split and row.path in places)
        if not own:
            what = f"no picture of {split} is there"
            hint = "Name the data with --data; a run that is tested by folds has no valid."
            raise DataError(what, where=run / run_folder.SPLIT, hint=hint)
        found[split] = SplitPictures(index=replace(index, pictures=tuple(places[row.path] for row in own)), rows=own)
    return found
