"""Row 13: fine-tuning: once the head is trained, the last stages of the base are trained with it, at a low rate.

    python examples/chapter/13_fine_tuning.py
    python examples/chapter/13_fine_tuning.py --backbone vgg16 --weights vgg16.safetensors

On the command line: tellapart train FOLDER --recipe finetune. What the earlier stages see of each view is kept, so that
an epoch pays only for the stages that train. What does not lower the loss on valid is not kept.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from common import (
    accuracy,
    ask,
    base_size,
    command_of,
    facts,
    figures_of,
    find_data,
    history_of,
    parser,
    run_example,
    run_folder,
    run_of,
)
from tellapart.commands.train import train
from tellapart.progress import listener
from tellapart.recipes.finetune import FineTuningPlan


def fit(options: argparse.Namespace) -> Path:
    """Train it; the run folder."""
    data = find_data(options, "cats_vs_dogs_small")
    plan = FineTuningPlan()
    if options.short:
        plan = replace(plan, views=2, training=replace(plan.training, epochs=1))
    return train(
        data,
        out=run_folder(options, 13, data),
        recipe="finetune",
        backbone=options.backbone,
        weights=options.weights,
        size=base_size(options),
        plan=plan,
        force=options.anew,
        command=command_of(13, options),
        progress=listener(),
    )[0]


def main(arguments: Sequence[str] | None = None) -> None:
    options = parser(__doc__, base=True).parse_args(arguments)
    run = run_of(13, options, fit=fit)
    figures, epochs = figures_of(run), len(history_of(run))
    chosen = figures["selected"]
    rate = chosen["training"]["learning_rate"]
    facts(
        [
            ("frozen", "blocks 1 to 4", " ".join(chosen["frozen_depths"]) or "nothing that is read"),
            ("trained", "block5_conv1 to 3", f"{100 * chosen['trained_share']:.0f} % of the work, and the head"),
            ("learning rate", "1e-5", f"{rate:g} of a weight's size: {rate / 100:.0e} where that is 0.01"),
            ("epochs, and the one kept", "100", f"{epochs}, {chosen['epoch'] or 'none: the start has less loss'}"),
            ("log loss on valid, before and after", "", f"{chosen['start_score']:.3f} {chosen['score']:.3f}"),
            ("seconds", "", f"{figures['timing']['total_s']:.1f}"),
            ("valid accuracy", "97.5 %", accuracy(figures, "valid")),
            ("test accuracy", "96.8 % of 1000", accuracy(figures, "test")),
        ]
    )
    print(f"run: {run}")
    ask(13, options)


if __name__ == "__main__":
    run_example(main)
