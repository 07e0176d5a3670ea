"""Row 7: the curves of a training: accuracy and loss of every epoch, training in dots, validation as a line.

    python examples/chapter/07_curves.py              # of row 5, which is trained first where it was not
    python examples/chapter/07_curves.py --run RUN    # of any run whose recipe trains a net

Training pictures as they are, without what makes them harder to learn, are a broken line where the run has it. Where
the validation line turns while the dots go on, the net has begun to learn its pictures by heart.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from common import ask, facts, folder, history_of, parser, run_example, run_of
from training_curves import draw_curves


def loss_of(row: Mapping[str, Any]) -> str:
    """The loss on valid of an epoch."""
    return "none" if row["valid_loss"] is None else f"{row['valid_loss']:.3f}"


def main(arguments: Sequence[str] | None = None) -> None:
    wanted = parser(__doc__, net=True)
    wanted.add_argument("--run", type=Path, metavar="RUN", help="a run folder with a history of epochs")
    options = wanted.parse_args(arguments)
    history = history_of(options.run or run_of(5, options))
    judged = [row for row in history if row["valid_loss"] is not None]
    best = min(judged, key=lambda row: row["valid_loss"]) if judged else history[-1]
    out = draw_curves(history, folder(options, 7) / "curves.png", title="Row 7: curves of a training")
    facts(
        [
            ("epochs", "30", str(len(history))),
            ("accuracy at the end, training", "near 100 %", f"{100 * history[-1]['train_accuracy']:.1f} %"),
            ("accuracy at the end, valid", "about 72 %", f"{100 * (history[-1]['valid_accuracy'] or 0):.1f} %"),
            ("least loss on valid after epoch", "about 5", f"{best['epoch']} of {len(history)}"),
            ("that loss, and at the end", "rises from there", f"{loss_of(best)}, {loss_of(history[-1])}"),
        ]
    )
    print(f"curves: {out}")
    ask(7, options)


if __name__ == "__main__":
    run_example(main)
