"""Looking at the pictures of a dataset again: in other views, or with a base that was trained.

Legend: n rows that are looked at, D features.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from tellapart.backbones.backbone import Backbone
from tellapart.backbones.engine import AnyEngine, compiled, native_precision
from tellapart.classifier import Classifier
from tellapart.features.embed import PLAIN, View
from tellapart.features.left import check_read
from tellapart.features.look import look_at
from tellapart.progress import Progress
from tellapart.recipes.request import Dataset
from tellapart.types import Features
from tellapart.workers.pool import HERE, Workers

EVERY: Final = slice(None)
ViewEmbedder = Callable[[View, Sequence[int], Features], None]  # fills float32 [n, D] with a view of n rows


def view_embedder(
    dataset: Dataset, base: Backbone, progress: Progress, *, keep: bool = True, workers: Workers = HERE
) -> ViewEmbedder:
    """A function that fills features with what the base sees in a view of some rows; one engine serves all calls."""
    engine = compiled(base, precision=native_precision())

    def embed_view(view: View, rows: Sequence[int], into: Features) -> None:
        look_again(dataset, base, rows, progress, engine=engine, view=view, into=into, keep=keep, workers=workers)

    return embed_view


def look_again(
    dataset: Dataset,
    base: Backbone,
    rows: Sequence[int],
    progress: Progress,
    *,
    engine: AnyEngine | None = None,
    view: View = PLAIN,
    into: Features | None = None,
    keep: bool = False,
    workers: Workers = HERE,
    purpose: str = "",
) -> Features:
    """Features float32 [n, D] of pictures that could be read before; arguments as for `look_at`.

    Raises:
        DataError: one of them cannot be read any more.
    """
    index = replace(dataset.index, pictures=tuple(dataset.index.pictures[row] for row in rows))
    seen = look_at(
        index, base, progress, engine=engine, view=view, into=into, keep=keep, workers=workers, purpose=purpose
    )
    check_read(seen.ledger)
    return seen.features


def moved_to(dataset: Dataset, base: Backbone, trained: Classifier, progress: Progress) -> tuple[Dataset, Backbone]:
    """The dataset as the base of a classifier sees it, and that base, where it is another one and is frozen too."""
    other = trained.base
    if trained.weights is not None or see_the_same(other, base):
        return dataset, base
    rows = range(len(dataset.index.pictures))
    seen = look_again(dataset, other, rows, progress, keep=True, purpose=f"with {other.name}")
    return replace(dataset, features=seen), other


def features_seen(
    dataset: Dataset,
    base: Backbone,
    trained: Backbone,
    *,
    rows: Sequence[int],
    columns: slice = EVERY,
    progress: Progress,
    purpose: str = "",
) -> Features:
    """What a trained base sees in some rows, float32 [n, D] or some columns of it: at hand if it is the base.

    Otherwise it looks now.
    """
    if not see_the_same(trained, base):
        return look_again(dataset, trained, rows, progress, purpose=purpose)[:, columns]
    if isinstance(rows, range) and rows.step == 1:
        return dataset.features[rows.start : rows.stop, columns]
    seen: Features = dataset.features[list(rows), columns]
    return seen


def rows_of(rows: slice) -> range:
    """The row numbers of a split."""
    return range(rows.start, rows.stop)


def see_the_same(one: Backbone, other: Backbone) -> bool:
    """Whether two bases see the same in every picture."""
    return one.digest == other.digest and one.preprocess == other.preprocess
