"""Sums of features in and out of a model file, kept there on request so that others can be added to them.

The member sums.f64 is plain little-endian float64: the counts [K] of the classes, in the order of model.json; the
totals of their features [K, D], class by class; and of the sums of products of two features the upper triangle, row by
row [D (D + 1) / 2]. D are the columns that the head reads, in the order of the depths in model.json, as the output
`features` of model.onnx gives them: neither centred nor standardised. model.json says under "sums" how many rows,
classes and features there are, and what they are of.

Legend: D features, K classes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from tellapart.bundle.bundle import Bundle, assemble
from tellapart.bundle.container import RETRAIN, SUMS, read_container
from tellapart.errors import ModelFileError, UsageError
from tellapart.heads.sums import Sums, add, sums_from_bytes

KEEP: Final = "Train it with --keep-sums."


@dataclass(frozen=True, slots=True, kw_only=True)
class FileSums:
    """The sums that model files hold.

    Attributes:
        classes: K names, in the order of the sums.
        sums: over the features that the head reads.
        base: what model.json says of the base: its name, digest, depths, and how pictures are prepared for it.
    """

    classes: tuple[str, ...]
    sums: Sums
    base: Mapping[str, Any]


def read_sums(path: Path) -> FileSums:
    """The sums in a model file.

    Raises:
        ModelFileError: the file is damaged, or its sums are no such sums.
        UsageError: none were kept.
    """
    manifest, members = read_container(path)
    bundle = assemble(manifest, members, path)
    if SUMS not in members:
        raise UsageError("no sums were kept in this model file", where=path, hint=KEEP)
    base = {"backbone": manifest["backbone"], "preprocess": manifest["preprocess"]}
    return FileSums(classes=bundle.classifier.classes, sums=_unpacked(bundle, path), base=base)


def _unpacked(bundle: Bundle, path: Path) -> Sums:
    classes, width = len(bundle.classifier.classes), bundle.classifier.base.width
    try:
        rows = bundle.manifest["sums"]["rows"]
        sums = sums_from_bytes(bundle.members[SUMS], rows=rows, class_count=classes, width=width)
        if (sums.counts < 0).any() or not sums.counts.any():
            raise ValueError("classes of less than no pictures")  # noqa: TRY301
    except ValueError as error:
        raise ModelFileError("the sums in the model file are no sums", where=path, hint=RETRAIN) from error
    return sums


def add_files(paths: Sequence[Path]) -> FileSums:
    """The sums of several model files as one, over all of their classes, by code point; a file is in memory at a time.

    A class of one name is one class. A picture in two of the files counts twice.

    Raises:
        ModelFileError: one of the files is damaged.
        UsageError: no sums were kept in one of them, or its features are others than those of the first.
    """
    whole: FileSums | None = None
    for path in paths:
        found = read_sums(path)
        if whole is None:
            whole = found
            continue
        if json.dumps(found.base) != json.dumps(whole.base):  # the order of depths is that of the columns
            hint = f"Train both with one base, size and pooling; {paths[0]} has another."
            raise UsageError("sums of other features cannot be added", where=path, hint=hint)
        classes = tuple(sorted({*whole.classes, *found.classes}))
        parts = (_among(each, classes) for each in (whole, found))
        whole = FileSums(classes=classes, sums=add(parts), base=whole.base)
    if whole is None:
        raise UsageError("no model files to add", hint=KEEP)
    return whole


def _among(found: FileSums, classes: Sequence[str]) -> Sums:
    place = {name: number for number, name in enumerate(classes)}
    places = np.array([place[name] for name in found.classes])
    return found.sums.among(places, class_count=len(classes))
