"""What each way of pooling can see of a small difference: made pictures of two classes, and held-out log loss.

    python benchmarks/small_things.py [--pictures 160] [--base lite0]

Half of the pictures of each kind have something small in them, at a random place: a thin scratch on a tile, a dark
granule in a cell among cells, a patch of coarser grain in a grainy plane. Ridge heads leave out one picture at a time,
on the last layer alone, on all depths by their means, with maxima, and with deviations.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Mapping

import numpy as np
from PIL import Image, ImageDraw

from tellapart.backbones.backbone import Backbone
from tellapart.backbones.catalogue import find_base
from tellapart.backbones.engine import Engine, native_precision
from tellapart.heads.large import TrainingRows, search_large
from tellapart.heads.rows import RowsHere
from tellapart.progress import Silent
from tellapart.types import Features, Labels, Pixels

Draw = Callable[[np.random.Generator, bool, int], Pixels]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--pictures", type=int, default=160, help="of each kind")
    parser.add_argument("--base", default="lite0", help="one base, not several joined")
    arguments = parser.parse_args()
    base = find_base(arguments.base)
    rows = []
    for kind, draw in KINDS.items():
        features, labels = seen(base, draw, count=arguments.pictures)
        rows.append({"pictures": kind, **{name: held_out(features[:, part], labels) for name, part in parts(base)}})
        print(json.dumps(rows[-1]), file=sys.stderr, flush=True)
    told = {"benchmark": "small_things", "base": base.name, "pictures": arguments.pictures}
    print(json.dumps({**told, "precision": native_precision(), "rows": rows}, indent=2))


def parts(base: Backbone) -> list[tuple[str, slice]]:
    means, last = base.means, base.last
    return [
        ("last", slice(last.start, last.stop)),
        ("means", means),
        ("with maxima", slice(0, means.stop)),
        ("with deviations", slice(means.start, base.width)),
    ]


def seen(base: Backbone, draw: Draw, *, count: int) -> tuple[Features, Labels]:
    """Features float32 [N, D] of made pictures, every second one with something in it, and labels int64 [N]."""
    random, labels = np.random.default_rng(0), np.arange(count) % 2
    engine = Engine(base, precision=native_precision())
    pictures = [draw(random, bool(label), base.preprocess.size) for label in labels]
    return engine.run(np.stack(pictures)), labels


def held_out(features: Features, labels: Labels) -> dict[str, float]:
    rows = TrainingRows(
        RowsHere(features), slice(0, len(labels)), labels, choices={"all": slice(0, features.shape[1])}, scorer=None
    )
    best = min(search_large(rows, seed=0, progress=Silent()), key=lambda candidate: candidate.loss)
    return {"log_loss": round(best.loss, 4), "accuracy": round(best.score.accuracy, 4)}


def tile(random: np.random.Generator, there: bool, side: int) -> Pixels:
    """A tile of uneven grey; a scratch is 10 pixels long, one wide, and a little lighter."""
    picture = Image.fromarray(noisy(random, side, level=random.uniform(90, 150), grain=6))
    if there:
        (x, y), angle = random.uniform(40, side - 40, 2), random.uniform(0, np.pi)
        step = 5 * np.array([np.cos(angle), np.sin(angle)])
        ends = [float(value) for value in (x - step[0], y - step[1], x + step[0], y + step[1])]
        ImageDraw.Draw(picture).line(ends, fill=(170, 170, 170), width=1)
    return np.asarray(picture)


def cells(random: np.random.Generator, there: bool, side: int) -> Pixels:
    """Forty pale cells with a nucleus each; a granule is a dark spot of four pixels beside one nucleus."""
    picture = Image.fromarray(noisy(random, side, level=215, grain=4))
    pen, middles = ImageDraw.Draw(picture), random.uniform(12, side - 12, (40, 2))
    for x, y in middles.tolist():
        pen.ellipse([x - 10, y - 10, x + 10, y + 10], fill=(205, 170, 190), outline=(180, 140, 165))
        pen.ellipse([x - 4, y - 4, x + 4, y + 4], fill=(130, 80, 140))
    if there:
        x, y = middles[-1] + [6, 0]
        pen.ellipse([x - 2, y - 2, x + 2, y + 2], fill=(50, 20, 40))
    return np.asarray(picture)


def grain(random: np.random.Generator, there: bool, side: int) -> Pixels:
    """A grainy plane; in a patch of 40 pixels, an eighth of the side, the grain is twice as coarse."""
    picture = noisy(random, side, level=128, grain=20).copy()
    if there:
        x, y = random.integers(0, side - 40, 2)
        coarse = noisy(random, 20, level=128, grain=20).repeat(2, axis=0).repeat(2, axis=1)
        picture[y : y + 40, x : x + 40] = coarse
    return picture


def noisy(random: np.random.Generator, side: int, *, level: float, grain: float) -> Pixels:
    values = random.normal(level, grain, (side, side, 1)).clip(0, 255)
    return np.repeat(values, 3, axis=2).astype(np.uint8)


KINDS: Mapping[str, Draw] = {"a scratch on a tile": tile, "a granule in a cell": cells, "a patch of grain": grain}


if __name__ == "__main__":
    main()
