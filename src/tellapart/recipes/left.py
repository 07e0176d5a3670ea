"""Training without the features of all pictures in one memory: they are left where pictures are looked at.

Where a head is made of sums (`heads.large`), nobody needs more of the training pictures than sums, some rows, and of
valid and test what the head makes of them. All of that is asked of whoever looked, by passes over what their caches
have kept (`features.left`).

Legend: N pictures, n of them, D features, d of them at the last depth, K classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from tellapart.backbones.backbone import Backbone
from tellapart.classifier import Classifier
from tellapart.features.cache import cache_limit
from tellapart.features.left import LeftFeatures
from tellapart.features.look import usable_cache
from tellapart.heads.large import REFINED_AT_MOST, is_large, is_many
from tellapart.heads.linear import LinearHead
from tellapart.progress import Silent
from tellapart.recipes.looking import EVERY
from tellapart.recipes.request import Dataset, Request
from tellapart.types import Features, Index

BYTES_BESIDE: Final = 3_000  # of an entry of a cache, beside its row: miniature, key and room that is not used


def leaves_features(index: Index, base: Backbone, request: Request, *, folds: int) -> bool:
    """Whether the features of labelled pictures are left where they are looked at, until a head is made of them.

    Only where a ridge head is made. In this process only where no logistic regression is fitted either, which needs
    the features in memory, and where the cache holds them: a pass over them takes longer than what is at hand.
    """
    if request.recipe != "features" or folds:
        return False
    own = sum(picture.split == "train" for picture in index.pictures)
    drawn = len(index.pictures) * request.shares["train"] // 100
    values = (own or drawn) * len(index.classes)
    kept, room = len(index.pictures) * (2 * base.width + BYTES_BESIDE), cache_limit()
    if not is_many(values):
        return False
    if not request.workers.elsewhere and (values <= REFINED_AT_MOST or kept > room or not keeps_here()):
        return False
    if kept > room:
        request.progress.note(
            f"What is seen of these pictures takes some {kept / 1e9:.1f} GB of cache; where the machines together hold "
            f"less (TELLAPART_CACHE_LIMIT_MB on each), they look at pictures again."
        )
    return True


def keeps_here() -> bool:
    """Whether this process has a cache that can be written: without one every pass would look at all pictures again."""
    with usable_cache(Silent()) as cache:
        return cache is not None and cache.takes_entries()


def brought(dataset: Dataset) -> Dataset:
    """The same with its features in memory, where they were left in vain: there are not so many training pictures."""
    if dataset.left is None or is_large(dataset.labels[dataset.train]):
        return dataset
    rows = range(len(dataset.labels))
    return replace(dataset, features=dataset.left.columns(rows, slice(None)), left=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Products:
    """What a head and its thresholds read of a picture: its scores without the bias, and its last depth."""

    head: LinearHead
    last: slice

    @property
    def width(self) -> int:
        """K + d."""
        return len(self.head.bias) + len(range(self.last.start, self.last.stop))

    def __call__(self, features: Features, index: Index) -> Features:  # noqa: ARG002
        """float32 [n, K + d] of features float32 [n, D]."""
        bare = replace(self.head, bias=np.zeros_like(self.head.bias))
        return np.concatenate([bare.logits(features), features[:, self.last]], axis=1, dtype=np.float32)


@dataclass(frozen=True, slots=True, kw_only=True)
class Narrowed:
    """A classifier that reads `Products` in the place of features, and says the same."""

    whole: Classifier
    left: LeftFeatures
    take: Products

    @classmethod
    def of(cls, whole: Classifier, left: LeftFeatures) -> Narrowed:
        """Of a classifier on the base that looked."""
        last = whole.base.last
        return cls(whole=whole, left=left, take=Products(head=whole.head, last=slice(last.start, last.stop)))

    @property
    def classifier(self) -> Classifier:
        """The one that reads products: its head passes scores on, and adds the bias."""
        count, last = len(self.take.head.bias), self.whole.base.last
        head = replace(self.whole.head, weight=np.eye(count, dtype=np.float32), start=0, stop=count)
        widths = {"scores": count, last.name: last.stop - last.start}
        return replace(self.whole, head=head, base=replace(self.whole.base, widths=widths, halves=(), plain=None))

    def see(
        self,
        *,
        rows: Sequence[int],
        columns: slice = EVERY,
        purpose: str = "",  # noqa: ARG002 - nothing is told of it
    ) -> Features:
        """What it reads of some rows, float32 [n, K + d], or some columns of it."""
        return self.left.take(rows, self.take)[:, columns]

    def widened(self, settled: Classifier) -> Classifier:
        """What was settled of the one that reads products, as one that reads features: only its bias may have moved."""
        head = replace(self.whole.head, bias=settled.head.bias)
        return replace(settled, head=head, base=self.whole.base)
