"""Row 11: feature extraction: the base looks at each picture once, what it saw is kept, and a head is trained on that.

    python examples/chapter/11_feature_extraction.py
    python examples/chapter/11_feature_extraction.py --backbone vgg16 --weights vgg16.safetensors

    python examples/chapter/11_feature_extraction.py --as-chapter    # the chapter's head: dense 256, dropout, sigmoid

On the command line: tellapart train FOLDER, since this is the default recipe. The second run finds everything the base
saw on the disk, and looks at no picture again.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from common import (
    accuracy,
    ask,
    base_size,
    command_of,
    facts,
    figures_of,
    find_data,
    parser,
    run_example,
    run_folder,
    run_of,
)
from dense_head import train_as_chapter
from tellapart.commands.train import train
from tellapart.progress import listener


def fit(options: argparse.Namespace, *, again: bool = False) -> Path:
    """Train it; the run folder."""
    data = find_data(options, "cats_vs_dogs_small")
    out = run_folder(options, 11, data)
    return train(
        data,
        out=out.with_name(f"{out.name}-again") if again else out,
        recipe="features",
        backbone=options.backbone,
        weights=options.weights,
        size=base_size(options),
        force=again or options.anew,
        command=command_of(11, options),
        progress=listener(),
    )[0]


def tell(options: argparse.Namespace) -> None:
    """Print the chapter's facts beside those of the run."""
    run = run_of(11, options, fit=fit)
    print("Once more: what the base saw of each picture is now read from the disk.", file=sys.stderr)
    figures, again = figures_of(run), figures_of(fit(options, again=True))
    counts, timing = figures["counts"], figures["timing"]
    facts(
        [
            ("pictures", "2000 1000 1000", " ".join(str(counts[name]) for name in ("train", "valid", "test"))),
            ("head", "dense 256, dropout 0.5, sigmoid", f"linear, of {figures['selected'].get('depths', 'the base')}"),
            ("valid accuracy", "about 90 %", accuracy(figures, "valid")),
            ("test accuracy", "", accuracy(figures, "test")),
            ("pictures looked at, seconds", "", f"{timing['fresh']}, {timing['total_s']:.1f}"),
            ("the second time", "", f"{again['timing']['fresh']}, {again['timing']['total_s']:.1f}"),
        ]
    )
    print(f"run: {run}")


def main(arguments: Sequence[str] | None = None) -> None:
    wanted = parser(__doc__, net=True, base=True)
    wanted.add_argument("--size", type=int, metavar="PX", help="side that the base looks at; each has a run of its own")
    options = wanted.parse_args(arguments)
    if options.as_chapter:
        train_as_chapter(options, 11, augmented=False)
    else:
        tell(options)
    ask(11, options)


if __name__ == "__main__":
    run_example(main)
