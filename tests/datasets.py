"""Datasets that tests make up: pictures with features, rows in the order train, valid, test."""

from dataclasses import replace
from pathlib import Path

from tellapart.recipes.request import Dataset
from tellapart.types import Index, Picture


def made_up_dataset(features, labels, *, classes, sizes, valid_is_given=True):
    """A dataset of features [N, D] and labels [N], with so many pictures in each split, none of them real."""
    splits = [name for name, count in zip(("train", "valid", "test"), sizes, strict=True) for _ in range(count)]
    pictures = tuple(
        Picture(path=f"{row}.png", file=Path(f"{row}.png"), label=classes[label], split=split)
        for row, (label, split) in enumerate(zip(labels, splits, strict=True))
    )
    index = Index(name="clouds", root=Path(), layout="folders", classes=tuple(classes), pictures=pictures)
    return Dataset.of(index, features, valid_is_given=valid_is_given)


def with_features(index, features, *, valid_is_given=True):
    """The dataset of an index that has its splits, brought into their order, with features [N, D] in its order."""
    order = sorted(
        range(len(index.pictures)), key=lambda row: ("train", "valid", "test").index(index.pictures[row].split)
    )
    index = replace(index, pictures=tuple(index.pictures[row] for row in order))
    return Dataset.of(index, features[order], valid_is_given=valid_is_given)
