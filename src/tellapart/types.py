"""The values that travel between the layers.

Legend: N pictures, H W height and width, S side of a square input, D features, K classes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tellapart.stores import Origin

Pixels = NDArray[np.uint8]  # [H, W, 3], RGB
Features = NDArray[np.float32]  # [N, D]
Labels = NDArray[np.int64]  # [N], positions in the classes
Probabilities = NDArray[np.float64]  # [N, K]

SplitName = Literal["train", "valid", "test"]
SPLITS: tuple[SplitName, ...] = ("train", "valid", "test")


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """The part of a picture that counts as the picture.

    Attributes:
        left, top: of its upper left corner.
        width, height: above 0.
        unit: "pixels", or "fractions" of the picture's width and height.
        drawn_on: the picture as it is "shown", after the turn that EXIF asks for, or as it is "stored", before it.
        size: width and height of the picture that it was drawn on, where the data says so.
        source: where it stands in the data, as "row 7".
    """

    left: float
    top: float
    width: float
    height: float
    unit: Literal["pixels", "fractions"] = "pixels"
    drawn_on: Literal["shown", "stored"] = "shown"
    size: tuple[int, int] | None = None
    source: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """One picture as the data names it.

    Attributes:
        path: how it is written in every file of ours: relative to the data's root with forward slashes, or as the
            manifest or the caller gave it; a row of an IDX file is "name#row", a box "name#xywh=10,20,30,40".
        file: where its bytes are: a file, or an object of a store.
        row: its row in an IDX file; None for a file of its own.
        label: its class, or None where there is none (pictures to predict).
        split: the split the data puts it in, or None where the data has no splits.
        group: pictures of one group (a patient, a burst) must stay in one split.
        fold: the fold, from 1 up, in which it is held out and tested; None where a split tests.
        box: the part of the file's picture that this one is; None for all of it.
        given: what else the data says of it, a value for each of the index's columns; () for nothing.
        left_out: why it is listed and not looked at; "" where it is looked at.
        weight: how much it counts in training, beside the others; above 0.
    """

    path: str
    file: Origin
    row: int | None = None
    label: str | None = None
    split: SplitName | None = None
    group: str | None = None
    fold: int | None = None
    box: Box | None = None
    given: tuple[str, ...] = ()
    left_out: str = ""
    weight: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Index:
    """What a scan found: pictures in a fixed order, classes by code point.

    Attributes:
        name: a short name of the data, for the default run folder.
        root: the folder that relative paths start from.
        layout: how the data was read. Of folders: "folders", "split folders" (above the classes), "class folders with
            split folders inside" or "folders, classes at the bottom", each followed by ", in FOLDER" where all of it
            lies in one folder of the data; else "manifest" (a table), "COCO", "Label Studio",
            "CVAT", "YOLO", "Pascal VOC", "labelme", "image folder" (with metadata of Hugging Face), "idx" or "paths".
        classes: every label, sorted by code point; () where nothing is labelled.
        pictures: in the order in which everything of ours lists them.
        arrays: the pixels uint8 [rows, H, W] of the IDX files among them, by file.
        skipped: files that were passed over before anything was opened, as ledger entries.
        notes: what was not plain about how the data was read, a line each.
        columns: what else the data says of every picture, by the names that the data has for it.
    """

    name: str
    root: Path
    layout: str
    classes: tuple[str, ...]
    pictures: tuple[Picture, ...]
    arrays: Mapping[Origin, NDArray[np.uint8]] = field(default_factory=dict)
    skipped: tuple[LedgerEntry, ...] = ()
    notes: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerEntry:
    """What became of one input file: used as it is, converted (reason says how) or skipped (reason says why)."""

    path: str
    status: Literal["used", "converted", "skipped"]
    reason: str = ""


MEAN, MAXIMUM, DEVIATION = "mean", "maximum", "deviation"  # how the maps of a depth are pooled


@dataclass(frozen=True, slots=True, kw_only=True)
class Depth:
    """The columns [start, stop) of a feature matrix that one depth of a base fills, pooled in one way."""

    name: str
    start: int
    stop: int

    @property
    def pooling(self) -> str:
        """MEAN, or what its name ends in: MAXIMUM or DEVIATION."""
        kind = self.name.rpartition("_")[2]
        return kind if kind in (MAXIMUM, DEVIATION) else MEAN


def columns_of(depths: Sequence[Depth], *poolings: str) -> slice:
    """The columns of the depths that are pooled in one of these ways; they lie side by side.

    Where none is, no columns.
    """
    chosen = [depth for depth in depths if depth.pooling in poolings]
    return slice(chosen[0].start, chosen[-1].stop) if chosen else slice(0, 0)


def last_of(depths: Sequence[Depth]) -> Depth:
    """The last layer of a base, whatever follows it in a row: the last depth that is pooled by its mean."""
    return [depth for depth in depths if depth.pooling == MEAN][-1]
