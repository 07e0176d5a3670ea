"""Row 9: from scratch again, now with augmentation and dropout.

    python examples/chapter/09_augmented.py                 # our recipe, with a net of today
    python examples/chapter/09_augmented.py --as-chapter    # the chapter's net, RMSprop at 1e-4, as many pictures
    python examples/chapter/09_augmented.py --without dropout    # or augmentation; a run of its own, as long again

On the command line: tellapart train FOLDER --recipe scratch-augmented. Augmentation shows no picture twice, dropout
hides half of what the dense layer is given: both keep the net from learning pictures by heart.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from common import (
    accuracy,
    ask,
    command_of,
    facts,
    figures_of,
    find_data,
    history_of,
    parser,
    run_example,
    run_folder,
    run_of,
    shortened,
)
from tellapart.commands.train import train
from tellapart.data.augment import CHAPTER as RANGES
from tellapart.nets.schedule import Training
from tellapart.progress import listener
from tellapart.recipes.scratch import PLANS, ScratchPlan
from tellapart.text import counted

SEEN = 100 * 100 * 32  # epochs, steps and pictures: an epoch of ours is all 2000 pictures once
CHAPTER = ScratchPlan(
    net="chapter-convnet",
    dropout=0.5,
    augmentation=RANGES,
    training=Training(epochs=SEEN // 2000, batch=32, learning_rate=1e-4, optimiser="rmsprop", constant=True),
    pictures=SEEN,
)
SHORT_SIDE = 48
LEFT_OUT: Final[Mapping[str, Mapping[str, Any]]] = {
    "augmentation": {"augmentation": None},
    "dropout": {"dropout": 0.0},
}


def fit(options: argparse.Namespace) -> Path:
    """Train it; the run folder."""
    data = find_data(options, "cats_vs_dogs_small")
    plan = shortened(CHAPTER if options.as_chapter else PLANS[False, True], options)
    plan = replace(plan, **LEFT_OUT.get(options.without, {}))
    size = SHORT_SIDE if options.short else None
    out = run_folder(options, 9, data)
    return train(
        data,
        out=out,
        recipe="scratch-augmented",
        plan=plan,
        size=size,
        force=options.anew,
        command=command_of(9, options),
        progress=listener(),
    )[0]


def main(arguments: Sequence[str] | None = None) -> None:
    wanted = parser(__doc__, net=True)
    wanted.add_argument("--without", choices=list(LEFT_OUT), help="leave it out, into a run of its own")
    options = wanted.parse_args(arguments)
    run = run_of(9, options, fit=fit)
    figures, history = figures_of(run), history_of(run)
    chosen, last = figures["selected"], history[-1]
    seen = len(history) * figures["counts"]["train"]
    facts(
        [
            ("net", "as in row 5", f"{chosen['net']}, {chosen['size']} px"),
            ("augmentation", "yes", "yes" if chosen["augmentation"] else "no"),
            ("dropout", "0.5", str(chosen["dropout"])),
            ("batch", "32", str(chosen["training"]["batch"])),
            ("pictures seen", f"{SEEN:,}", f"{seen:,} in {counted(len(history), 'epoch')}"),
            ("last epoch, training accuracy", "", f"{100 * last['train_accuracy']:.1f} %"),
            ("last epoch, valid accuracy", "82 % (last line 84.4 %)", f"{100 * last['valid_accuracy']:.1f} %"),
            ("best epoch by valid, valid", "", accuracy(figures, "valid")),
            ("best epoch by valid, test", "", accuracy(figures, "test")),
        ]
    )
    print(f"run: {run}")
    ask(9, options)


if __name__ == "__main__":
    run_example(main)
