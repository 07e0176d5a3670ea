"""The sums that --keep-sums puts into a model file: of what the head was trained on, before any standardisation."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tellapart.backbones.backbone import Backbone
from tellapart.classifier import Classifier
from tellapart.heads.rows import RowsHere
from tellapart.heads.sums import KeptSums
from tellapart.recipes.looking import features_seen, rows_of
from tellapart.recipes.request import Dataset, Request


def with_sums(trained: Classifier, dataset: Dataset, base: Backbone, request: Request, *, precision: str) -> Classifier:
    """The classifier with the sums of its training pictures as they are, where asked for and the base is frozen.

    Args:
        trained: the classifier; whatever its head is, the sums are of the columns that it reads.
        dataset: the pictures.
        base: what looked at them, and that of the classifier where that is frozen.
        request: whether they are asked for.
        precision: what the base computed in.
    """
    if not request.keep_sums:
        return trained
    if trained.weights is not None:
        request.progress.note("No sums are kept: the base itself was trained, and sees nothing that others see.")
        return trained
    rows, head = dataset.train, trained.head
    columns = slice(head.start, head.stop)
    source = dataset.source
    if dataset.left is None:
        seen = features_seen(dataset, base, trained.base, rows=rows_of(rows), progress=request.progress)
        rows, source = slice(0, len(seen)), RowsHere(seen)
    present, known = np.unique(dataset.labels[dataset.train], return_inverse=True)
    weights = None if dataset.weights is None else dataset.weights[dataset.train]
    sums = source.sums(rows, known, columns=columns, weights=weights, progress=request.progress)
    sums = sums.among(present, class_count=len(dataset.classes))
    kept = KeptSums(sums=sums, precision=precision, weighted=dataset.weights is not None)
    return replace(trained, sums=kept)
