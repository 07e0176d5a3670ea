"""Row 14: smoothed curves: what goes up and down from epoch to epoch hides where it is going.

    python examples/chapter/14_smoothed_curves.py              # of row 9, which is trained first where it was not
    python examples/chapter/14_smoothed_curves.py --run RUN --factor 0.8

Each point becomes 0.8 of the smoothed one before it and 0.2 of itself: an exponential moving average.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from common import ask, facts, folder, history_of, parser, run_example, run_of
from training_curves import CHAPTER_SMOOTHING, draw_curves, smooth


def main(arguments: Sequence[str] | None = None) -> None:
    wanted = parser(__doc__, net=True)
    wanted.add_argument("--run", type=Path, metavar="RUN", help="a run folder with a history of epochs")
    wanted.add_argument("--factor", type=float, default=CHAPTER_SMOOTHING, help="share of the point before")
    options = wanted.parse_args(arguments)
    history = history_of(options.run or run_of(9, options))
    out = folder(options, 14) / "smoothed-curves.png"
    draw_curves(history, out, smoothing=options.factor, title="Row 14: smoothed curves")
    losses = [row["valid_loss"] for row in history if row["valid_loss"] is not None]
    facts(
        [
            ("factor", "0.8", f"{options.factor:g}"),
            ("1, 0, 0, 1 becomes", "1 0.8 0.64 0.712", " ".join(f"{value:g}" for value in smooth([1, 0, 0, 1]))),
            ("mean step of the loss on valid", "", mean_step(losses)),
            ("the same, smoothed", "less", mean_step(smooth(losses, factor=options.factor))),
        ]
    )
    print(f"curves: {out}")
    ask(14, options)


def mean_step(values: Sequence[float]) -> str:
    """How far a value is from the one before it, on average."""
    return f"{np.abs(np.diff(values)).mean():.4f}" if len(values) > 1 else "it takes two epochs"


if __name__ == "__main__":
    run_example(main)
