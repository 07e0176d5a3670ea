"""Which augmentation suits the pictures: one that undoes a label is left out, and one that changes nothing is added.

A mirror makes an arrow to the left of an arrow to the right. So a head trained on the pictures as they are is asked
about the same pictures mirrored, and turned as far as the augmentation may turn them. Where more than half of a class
are then told as another class, and were not before, that augmentation would train the head on wrong labels. One that
only makes pictures strange spreads them over the classes, if it moves them at all: they are what training on views is
for.

Pictures of surfaces, of cells, from above, of things that lie anyhow have no up. Where a head that was trained on
pictures as they are tells those of valid upside down nearly as well, views can be turned upside down too. That pays
where a net learns from them (`finetune`), and not where the base stays as it is.

Legend: n pictures asked about, D features, K classes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tellapart.data.augment import Augmentation, MovedView
from tellapart.heads.linear import LinearHead
from tellapart.progress import Progress
from tellapart.recipes.looking import ViewEmbedder
from tellapart.recipes.request import Dataset
from tellapart.text import counted
from tellapart.types import Labels

ASKED: Final = 50  # pictures of each class
ASKED_UPSIDE_DOWN: Final = (
    250  # of valid, of each class: it takes more to show that little changes than that a label does
)
MOVED: Final = 0.5  # share of a class
CHANCE: Final = 1e-3  # that so many change sides one way only by chance: ten pictures, all one way
NEARLY: Final = 0.95  # of the pictures told right upright, how many must be told right upside down
FEWEST: Final = 100  # pictures told right upright: with 20, cats and dogs would pass by chance one time in three
MIRROR, UPSIDE_DOWN = "horizontal_flip", "vertical_flip"
LEFT_OUT: Final[Mapping[str, Mapping[str, Any]]] = {
    MIRROR: {MIRROR: False},
    UPSIDE_DOWN: {UPSIDE_DOWN: False},
    "rotation": {"rotation": 0.0},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangedLabel:
    """An augmentation that turns pictures of one class into another's.

    Attributes:
        augmentation: a key of LEFT_OUT.
        view: what was asked about.
        label: the class the pictures are of.
        other: the class they turn into.
        pictures: how many were asked about.
        before: how many of them are told as the other class as they are.
        after: how many are, mirrored or turned.
    """

    augmentation: str
    view: MovedView
    label: int
    other: int
    pictures: int
    before: int
    after: int

    def sentence(self, classes: Sequence[str]) -> str:
        """What is wrong, for the user."""
        what = "Mirroring" if self.view.flip else f"Turning by {self.view.rotation:g} degrees"
        what = "Turning upside down" if self.view.upside_down else what
        return (
            f"{what} turns {classes[self.label]} into {classes[self.other]} ({self.after:,} of "
            f"{counted(self.pictures, 'picture')}, {self.before:,} as they are), so {self.augmentation} is left out."
        )


def suited_augmentation(
    dataset: Dataset,
    *,
    head: LinearHead,
    embed_view: ViewEmbedder,
    augmentation: Augmentation,
    turn: bool = False,
    progress: Progress,
) -> tuple[Augmentation, list[str]]:
    """The augmentation as it suits the pictures, and a sentence for each part that was left out; all of it is noted.

    Args:
        dataset: the pictures, and what the base sees in them as they are.
        head: trained on the pictures of train as they are.
        embed_view: what the base sees in a view of some rows.
        augmentation: what may be done to a picture.
        turn: whether pictures may be turned upside down where that changes little.
        progress: told what was found.
    """
    said = None
    if turn:
        unseen = asked_rows(dataset.labels, train=slice(0, 0), valid=dataset.valid, most=ASKED_UPSIDE_DOWN)
        said = told_upside_down(dataset, head=head, rows=unseen, embed_view=embed_view)
        augmentation = replace(augmentation, vertical_flip=augmentation.vertical_flip or said is not None)
    asked = asked_rows(dataset.labels, train=dataset.train, valid=dataset.valid)
    changed = changed_labels(dataset, head=head, rows=asked, embed_view=embed_view, augmentation=augmentation)
    sentences = [change.sentence(dataset.classes) for change in changed]
    for sentence in sentences:
        progress.note(sentence)
    augmentation = without(augmentation, changed)
    if said is not None and augmentation.vertical_flip:
        progress.note(said)
    return augmentation, sentences


def told_upside_down(
    dataset: Dataset, *, head: LinearHead, rows: Sequence[int], embed_view: ViewEmbedder
) -> str | None:
    """What is to be said where pictures upside down are told nearly as well as upright; None where they are not.

    Nothing is concluded from few pictures, from a head that knows no more than the commonest class, or where some class
    loses more than half of what was told right. Arguments as for `changed_labels`; the rows are of pictures that the
    head was not trained on.
    """
    asked, labels = list(rows), dataset.labels[list(rows)]
    if not asked:
        return None
    counts = np.bincount(labels)
    before = labels[head.logits(dataset.features[asked]).argmax(axis=1) == labels]
    if len(before) < FEWEST or len(before) <= counts.max():
        return None
    turned = np.empty((len(asked), dataset.features.shape[1]), np.float32)
    embed_view(MovedView(upside_down=True), asked, turned)
    after = labels[head.logits(turned).argmax(axis=1) == labels]
    upright, down = (np.bincount(told, minlength=len(counts)) for told in (before, after))
    if len(after) < NEARLY * len(before) or (down < (1 - MOVED) * upright).any():
        return None
    return (
        f"Upside down, {len(after):,} of {counted(len(asked), 'picture')} are classified correctly, and upright "
        f"{len(before):,}, so views are turned upside down too."
    )


def changed_labels(
    dataset: Dataset,
    *,
    head: LinearHead,
    rows: Sequence[int],
    embed_view: ViewEmbedder,
    augmentation: Augmentation,
) -> list[ChangedLabel]:
    """Which parts of the augmentation turn a class into another, at most one finding for each.

    Args:
        dataset: the pictures, and what the base sees in them as they are.
        head: trained on pictures as they are.
        rows: the n rows to ask about, see `asked_rows`.
        embed_view: what the base sees in a view of some rows.
        augmentation: what may be done to a picture.
    """
    asked = list(rows)
    plain = head.logits(dataset.features[asked]).argmax(axis=1)
    moved = np.empty((len(asked), dataset.features.shape[1]), np.float32)
    found: dict[str, ChangedLabel] = {}
    for name, view in moved_views(augmentation):
        if name not in found:
            embed_view(view, asked, moved)
            after = head.logits(moved).argmax(axis=1)
            worst = worst_change(dataset.labels[asked], plain, after)
            if worst is not None:
                found[name] = ChangedLabel(augmentation=name, view=view, **worst)
    return list(found.values())


def without(augmentation: Augmentation, changed: Sequence[ChangedLabel]) -> Augmentation:
    """The augmentation without the parts that turn a class into another."""
    for change in changed:
        augmentation = replace(augmentation, **LEFT_OUT[change.augmentation])
    return augmentation


def asked_rows(labels: Labels, *, train: slice, valid: slice, most: int = ASKED) -> list[int]:
    """Up to `most` rows of each class: of valid, and where it has too few, of train as well."""
    rows = np.arange(len(labels))
    candidates = np.concatenate([rows[valid], rows[train]])
    wanted = [candidates[labels[candidates] == label][:most] for label in np.unique(labels[candidates])]
    return sorted(np.concatenate(wanted).tolist()) if wanted else []


def moved_views(augmentation: Augmentation) -> Iterator[tuple[str, MovedView]]:
    """The mirrors, the furthest turns to both sides, and a quarter and a half turn where they are within reach."""
    if augmentation.horizontal_flip:
        yield MIRROR, MovedView(flip=True)
    if augmentation.vertical_flip:
        yield UPSIDE_DOWN, MovedView(upside_down=True)
    if furthest := float(augmentation.rotation):
        angles = {furthest, -furthest} | {angle for angle in (90.0, -90.0, 180.0) if abs(angle) <= furthest}
        for angle in sorted(angles):
            yield "rotation", MovedView(rotation=angle)


def worst_change(labels: Labels, before: NDArray[np.int64], after: NDArray[np.int64]) -> dict[str, int] | None:
    """The pair of classes with the largest share that changes sides, if it is most of a class and no chance.

    Chance is judged by McNemar's exact test, one-sided (McNemar, 1947): of the pictures that are told as the other
    class either before or after, but not both times, half would be so by chance.

    Args:
        labels: int64 [n].
        before: int64 [n], what the head says of the pictures as they are.
        after: int64 [n], what it says of them mirrored or turned.
    """
    from scipy.stats import binomtest

    worst, most = None, MOVED
    for label in np.unique(labels):
        mine = labels == label
        for other in np.unique(after[mine & (after != label)]):
            to = int((mine & (after == other) & (before != other)).sum())
            fro = int((mine & (before == other) & (after != other)).sum())
            share = (to - fro) / int(mine.sum())
            if share > most and binomtest(to, to + fro, alternative="greater").pvalue < CHANCE:
                most = share
                worst = {
                    "label": int(label),
                    "other": int(other),
                    "pictures": int(mine.sum()),
                    "before": int((mine & (before == other)).sum()),
                    "after": int((mine & (after == other)).sum()),
                }
    return worst
