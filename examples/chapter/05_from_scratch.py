"""Row 5: a convnet from nothing but 2000 photographs, and how it learns them by heart.

    python examples/chapter/05_from_scratch.py                 # cats and dogs in ../shared/data/cats_vs_dogs_small
    python examples/chapter/05_from_scratch.py --as-chapter    # RMSprop at 1e-4, batch 20, 30 epochs

On the command line: tellapart train FOLDER --recipe scratch. Look at the two accuracies of the last epoch: far apart,
because 3.4 million parameters can remember 2000 pictures. Rows 8 and 9 are about that.
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
    shortened,
    sides,
    total,
)
from tellapart.cli.tables import print_layers
from tellapart.commands.summary import summarise
from tellapart.commands.train import train
from tellapart.nets.schedule import Training
from tellapart.progress import listener
from tellapart.recipes.scratch import PLANS, ScratchPlan

CHAPTER = ScratchPlan(
    net="chapter-convnet",
    training=Training(epochs=30, batch=20, learning_rate=1e-4, optimiser="rmsprop", constant=True),
    pictures=30 * 2000,
)
SHORT_SIDE, CHAPTER_SIDE, CHAPTER_CLASSES = 48, 150, 2


def fit(options: argparse.Namespace) -> Path:
    """Train it; the run folder."""
    data = find_data(options, "cats_vs_dogs_small")
    plan = shortened(CHAPTER if options.as_chapter else PLANS[False, False], options)
    size = SHORT_SIDE if options.short else None
    out = run_folder(options, 5, data)
    return train(
        data,
        out=out,
        recipe="scratch",
        plan=plan,
        size=size,
        force=options.anew,
        command=command_of(5, options),
        progress=listener(),
    )[0]


def main(arguments: Sequence[str] | None = None) -> None:
    options = parser(__doc__, net=True).parse_args(arguments)
    layers = summarise("chapter-convnet", outputs=1)
    run = run_of(5, options, fit=fit)
    figures, history = figures_of(run), history_of(run)
    last = history[-1]
    facts(
        [
            (f"the chapter's net at {CHAPTER_SIDE} px: sides", "148 74 72 36 34 17 15 7", sides(layers)),
            ("numbers of a picture at the end", "6272", str(layers[-3].shape[0])),
            ("parameters", "896 18,496 73,856 147,584 3,211,776 513", counted(layers)),
            ("in all", "3,453,121", total(layers)),
            ("epochs", "30", str(len(history))),
            ("last epoch, training accuracy", "near 100 %", f"{100 * last['train_accuracy']:.1f} %"),
            ("last epoch, valid accuracy", "about 72 %", f"{100 * last['valid_accuracy']:.1f} %"),
            ("best epoch by valid, valid", "", accuracy(figures, "valid")),
            ("best epoch by valid, test", "", accuracy(figures, "test")),
        ]
    )
    classes, used = len(figures["classes"]), figures["selected"]
    if (classes, used["size"]) != (CHAPTER_CLASSES, CHAPTER_SIDE):  # other layers than the chapter's, above
        print(f"The net that was trained, at {used['size']} px for {classes} classes:")
        print_layers(used["net"], summarise(used["net"], size=used["size"], outputs=classes))
    print(f"run: {run}")
    ask(5, options)


if __name__ == "__main__":
    run_example(main)
