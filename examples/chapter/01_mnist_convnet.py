"""Row 1: the first convnet, on handwritten digits: three convolutions, two poolings, and a dense layer.

    python examples/chapter/01_mnist_convnet.py                 # MNIST as IDX files in ../shared/data/mnist
    python examples/chapter/01_mnist_convnet.py --as-chapter    # RMSprop, batch 64, 5 epochs

A convolution looks at 3x3 places at a time and makes a map of where it finds its pattern; pooling keeps the strongest
answer of each 2x2, so that later layers see further. The 576 numbers that are left are what a dense layer decides by.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from common import (
    accuracy,
    ask,
    command_of,
    counted,
    facts,
    figures_of,
    find_data,
    history_of,
    parser,
    run_example,
    run_folder,
    run_of,
    shapes,
    shortened,
    total,
)
from tellapart.commands.summary import summarise
from tellapart.commands.train import train
from tellapart.nets.schedule import Training
from tellapart.progress import listener
from tellapart.recipes.scratch import PLANS, ScratchPlan

CHAPTER = ScratchPlan(
    net="mnist-convnet",
    training=Training(epochs=5, batch=64, learning_rate=1e-3, optimiser="rmsprop", constant=True),
    pictures=5 * 60_000,
)


def fit(options: argparse.Namespace) -> Path:
    """Train it; the run folder."""
    data = find_data(options, "mnist")
    plan = shortened(CHAPTER if options.as_chapter else PLANS[True, False], options)
    return train(
        data,
        out=run_folder(options, 1, data),
        recipe="scratch",
        plan=plan,
        seed=options.seed,
        force=options.anew,
        command=command_of(1, options),
        progress=listener(),
    )[0]


def main(arguments: Sequence[str] | None = None) -> None:
    wanted = parser(__doc__, net=True)
    wanted.add_argument("--seed", type=int, metavar="N", help="of weights and order; each has a run of its own")
    options = wanted.parse_args(arguments)
    layers = summarise("mnist-convnet")
    run = run_of(1, options, "mnist", fit=fit)
    figures, history = figures_of(run), history_of(run)
    facts(
        [
            ("shapes", "26x26x32 13x13x32 11x11x64 5x5x64 3x3x64", shapes(layers)),
            ("parameters", "320 18,496 36,928", counted(layers[:5])),
            ("of the convolutions", "55,744", total(layers[:5])),
            ("of the whole net", "93,322", total(layers)),
            ("epochs", "5", str(len(history))),
            ("seconds of training", "", f"{sum(row['seconds'] for row in history):.1f}"),
            ("test accuracy", "99.08 % of 10000", accuracy(figures, "test")),
        ]
    )
    print(f"run: {run}")
    ask(1, options)


if __name__ == "__main__":
    run_example(main)
