"""Heads of few pictures: what the search takes, and what each of its choices would have given, judged by valid.

    python benchmarks/few_pictures.py [FOLDER …] [--counts 2 3 5 10 25 50] [--draws 8]

Of each set, draws of so many pictures a class are taken from train, the smaller within the larger. A head is searched
as `tellapart train` does it, and each choice of depths and scale is fitted with the strength that folds prefer for it.
All answer about the whole of valid; test is not opened. Prints JSON: means over the draws, of which those in which the
search took a choice are counted.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tellapart.backbones.catalogue import load_backbone
from tellapart.data.scan import scan
from tellapart.features.look import look_at
from tellapart.heads.dual_space import COMMON, OWN, ColumnScale
from tellapart.heads.linear import LinearHead
from tellapart.heads.regularization_path import fit_head
from tellapart.heads.search import ALL, LAST, search_head
from tellapart.heads.setting import HeadSetting
from tellapart.progress import listener
from tellapart.types import MEAN, Depth, Features, Labels, columns_of, last_of

DATA: Final = Path(__file__).parents[2] / "shared" / "data"
SETS: Final = ("cats_vs_dogs_small", "neu_surface", "trashnet")
SEARCH: Final = "the search"


def drawn(labels: Labels, *, count: int, draw: int) -> NDArray[np.int64]:
    """So many rows of each class, in the order of the labels; a larger draw holds a smaller one of the same number."""
    chosen = []
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        chosen.append(np.random.default_rng([draw, label]).permutation(rows)[:count])
    return np.sort(np.concatenate(chosen))


def judged(head: LinearHead, features: Features, labels: Labels) -> tuple[float, float]:
    """Accuracy, and mean log loss in nat, of a head without a temperature."""
    logits = head.logits(features)
    peak = logits.max(axis=1, keepdims=True)
    losses = np.log(np.exp(logits - peak).sum(axis=1)) + peak[:, 0] - logits[np.arange(len(labels)), labels]
    return float((logits.argmax(axis=1) == labels).mean()), float(losses.mean())


def heads(
    features: Features, labels: Labels, depths: tuple[Depth, ...], *, seed: int
) -> tuple[dict[str, LinearHead], str]:
    """The head that the search takes and those of its choices, by name; and the name of the choice that it took."""
    classes = int(labels.max()) + 1
    found = search_head(
        features, labels, class_count=classes, depths=depths, train=slice(0, len(labels)), valid=None, seed=seed
    )
    last = last_of(depths)
    columns = {LAST: slice(last.start, last.stop), ALL: columns_of(depths, MEAN)}
    settings: dict[str, HeadSetting] = {}
    for row in sorted(found.history, key=lambda row: -(row["log_loss"] or 0.0)):  # the best of each comes last
        if row["depths"] in columns:
            scale: ColumnScale = COMMON if row["scale"] == COMMON else OWN
            name = f"{row['depths']}, {scale}"
            settings[name] = HeadSetting(l2=row["l2"], scale=scale, columns=columns[row["depths"]])
    fitted = {
        name: fit_head(features, labels, class_count=classes, setting=setting) for name, setting in settings.items()
    }
    return {SEARCH: found.head, **fitted}, f"{found.selected['depths']}, {found.selected['scale']}"


def measured(folder: Path, *, counts: list[int], draws: int) -> dict[str, Any]:
    base = load_backbone("lite0")
    index = scan(folder)
    seen = look_at(index, base, listener())
    labels = np.array([index.classes.index(picture.label or "") for picture in seen.index.pictures])
    split = np.array([picture.split for picture in seen.index.pictures])
    train, valid = np.flatnonzero(split == "train"), np.flatnonzero(split == "valid")
    asked, right = seen.features[valid], labels[valid]
    rows = {}
    for count in counts:
        figures: dict[str, list[tuple[float, float]]] = defaultdict(list)
        taken: dict[str, int] = defaultdict(int)
        for draw in range(draws):
            some = train[drawn(labels[train], count=count, draw=draw)]
            made, name = heads(np.ascontiguousarray(seen.features[some]), labels[some], base.depths, seed=draw)
            taken[name] += 1
            for each, head in made.items():
                figures[each].append(judged(head, asked, right))
        rows[count] = {
            each: {
                "accuracy": round(float(np.mean([one for one, _ in found])), 4),
                "log_loss": round(float(np.mean([loss for _, loss in found])), 4),
                **({} if each == SEARCH else {"taken": taken[each]}),
            }
            for each, found in figures.items()
        }
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("folders", nargs="*", type=Path, default=[DATA / name for name in SETS])
    parser.add_argument("--counts", type=int, nargs="+", default=[2, 3, 5, 10, 25, 50])
    parser.add_argument("--draws", type=int, default=8)
    arguments = parser.parse_args()
    found = {
        folder.name: measured(folder, counts=arguments.counts, draws=arguments.draws) for folder in arguments.folders
    }
    json.dump({"benchmark": "few_pictures", "draws": arguments.draws, "sets": found}, sys.stdout, indent=2)
    print()


if __name__ == "__main__":
    main()
