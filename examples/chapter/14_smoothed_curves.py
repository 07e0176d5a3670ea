"""Row 14: smoothed curves: what goes up and down from epoch to epoch hides where it is going.

    python examples/chapter/14_smoothed_curves.py              # of row 9, which is trained first where it was not
    python examples/chapter/14_smoothed_curves.py --run RUN --factor 0.8

Each point becomes 0.8 of the smoothed one before it and 0.2 of itself: an exponential moving average.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from common import ask, facts, folder, parser, run_example
from looking_back import epochs_of, kept_epoch, label_of, look_back
from training_curves import CHAPTER_SMOOTHING, draw_curves, smooth


def main(arguments: Sequence[str] | None = None) -> None:
    wanted = parser(__doc__, net=True)
    wanted.add_argument("--run", type=Path, metavar="RUN", help="a run folder with a history of epochs")
    wanted.add_argument("--factor", type=float, default=CHAPTER_SMOOTHING, help="share of the point before")
    options = wanted.parse_args(arguments)
    run = look_back(9, options, file="history.jsonl")
    history, factor = epochs_of(run), options.factor
    out = folder(options, 14) / f"smoothed-{factor:g}-{label_of(run)}.png"
    draw_curves(history, out, smoothing=factor, kept=kept_epoch(run), title=f"Row 14: smoothed curves of {run}")
    losses = {row["epoch"]: row["valid_loss"] for row in history if row["valid_loss"] is not None}
    raw, smoothed = list(losses.values()), smooth(list(losses.values()), factor=factor)
    example = smooth([1, 0, 0, 1], factor=factor)
    facts(
        [
            ("factor", "0.8", f"{factor:g}"),
            ("1, 0, 0, 1 becomes", "1 0.8 0.64 0.712", " ".join(f"{value:g}" for value in example)),
            ("least loss on valid after epoch", "", least(list(losses), raw)),
            ("the same, smoothed", "", least(list(losses), smoothed)),
            ("mean step of the loss on valid", "", mean_step(raw)),
            ("the same, smoothed", "less", mean_step(smoothed)),
        ]
    )
    print(f"curves: {out}")
    ask(14, options)


def least(epochs: Sequence[int], losses: Sequence[float]) -> str:
    """The epoch of the least loss, and that loss."""
    if not losses:
        return "there is no valid"
    loss, epoch = min(zip(losses, epochs, strict=True))
    return f"{epoch} of {epochs[-1]}, {loss:.3f}"


def mean_step(values: Sequence[float]) -> str:
    """How far a value is from the one before it, on average."""
    return f"{np.abs(np.diff(values)).mean():.4f}" if len(values) > 1 else "it takes two epochs"


if __name__ == "__main__":
    run_example(main)
