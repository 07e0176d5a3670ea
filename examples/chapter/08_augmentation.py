"""Row 8: augmentation: more pictures out of the same pictures, each turned, moved, sheared, zoomed or mirrored.

    python examples/chapter/08_augmentation.py                # a cat of ../shared/data/cats_vs_dogs_small
    python examples/chapter/08_augmentation.py --image FILE

On the command line: tellapart augment FILE -o grid.png. Every epoch sees other versions of the training pictures;
validation and test pictures are never touched, which is checked here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np

from common import ask, facts, find_data, folder, parser, run_example
from mosaic import caption_language
from tellapart.commands.augment import augment_grid
from tellapart.data.augment import CHAPTER
from tellapart.data.augment_spec import ranges_text
from tellapart.data.preprocess import Preprocess
from tellapart.data.scan import scan
from tellapart.errors import UsageError
from tellapart.nets.architectures import build_net
from tellapart.nets.epoch import Batch
from tellapart.nets.images import LabelledSquares, read_squares
from tellapart.recipes.scratch import PLANS, training_data

SIDE, SHOWN = 150, 4
# Above the grid, by language: which of them is the picture.
CAPTIONS: Final[Mapping[str, tuple[str, str]]] = {
    "en": ("Top left: the picture as it is", "The other {shown}: variants of it, as training sees them"),
    "zh": ("左上：原图", "其余 {shown} 张：训练时看到的变体"),
}


def main(arguments: Sequence[str] | None = None) -> None:
    wanted = parser(__doc__)
    wanted.add_argument("--image", type=Path, metavar="FILE", help="a picture; else the first of the data")
    options = wanted.parse_args(arguments)
    data = find_data(options, "cats_vs_dogs_small")
    index = scan(data)
    files = [picture.file for picture in index.pictures if picture.row is None]
    if not files:
        raise UsageError("the data has no picture files", where=data, hint="Give one with --image FILE.")
    image = options.image or files[0]
    grid = augment_grid(
        image,
        folder(options, 8) / "variants.png",
        count=SHOWN,
        size=SIDE,
        augmentation=CHAPTER,
        caption=caption(options.language),
    )
    few = range(min(4, len(files)))
    squares, _ = read_squares(
        index, np.zeros(len(index.pictures), np.int64), rows=few, preprocess=Preprocess(size=SIDE), file=grid
    )
    plan = replace(PLANS[False, True], augmentation=CHAPTER)
    net = build_net(plan.net, size=SIDE, classes=2, seed=0)
    dealt = training_data(squares, squares, net=net, plan=plan, training=plan.training, classes=2, seed=0)
    facts(
        [
            ("rotation", "40 degrees", f"{CHAPTER.rotation} degrees"),
            ("shift, across and down", "0.2 0.2", f"{CHAPTER.width_shift} {CHAPTER.height_shift}"),
            ("shear", "0.2 (radians, in its Keras)", f"{CHAPTER.shear:.1f} degrees"),
            ("zoom", "0.2", str(CHAPTER.zoom)),
            ("mirrored left and right", "yes", "yes" if CHAPTER.horizontal_flip else "no"),
            ("new pixels", "nearest", CHAPTER.fill),
            ("variants of one picture", "4", str(SHOWN)),
            ("training pictures, epoch by epoch", "others", alike(dealt.train(0), dealt.train(1), squares)),
            ("validation pictures", "as they are", alike(dealt.valid(), dealt.valid(), squares)),
        ]
    )
    print(f"the picture and {SHOWN} variants: {grid}")
    ask(8, options)


def caption(language: str) -> list[str]:
    """What stands above the grid: which of its pictures is the original, and how far the others may be changed."""
    lines = CAPTIONS[caption_language(language, "".join(CAPTIONS[language]))]
    return [*(line.format(shown=SHOWN) for line in lines), ranges_text(CHAPTER)]


def alike(first: Iterable[Batch], second: Iterable[Batch], squares: LabelledSquares) -> str:
    """What two passes over pictures have in common, in words."""
    seen = [np.concatenate([batch.inputs for batch in batches]) for batches in (first, second)]
    if (seen[0] == seen[1]).all() and (seen[0] == squares.pixels).all():
        return "as they are"
    return "the same" if (seen[0] == seen[1]).all() else "others"


if __name__ == "__main__":
    run_example(main)
