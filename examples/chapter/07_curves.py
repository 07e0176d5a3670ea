"""Row 7: the curves of a training: accuracy and loss of every epoch, training in dots, validation as a line.

    python examples/chapter/07_curves.py              # of row 5, which is trained first where it was not
    python examples/chapter/07_curves.py --run RUN    # of any run whose recipe trains a net, as rows 1, 5, 9 and 13 do

Training pictures as they are, without what makes them harder to learn, are a broken line where the run has it. Where
the validation line turns while the dots go on, the net has begun to learn its pictures by heart. A dotted upright marks
the epoch that was kept, by its loss after calibration, and a star the least loss as it is drawn.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from common import ask, facts, folder, parser, run_example
from looking_back import epochs_of, kept_epoch, label_of, look_back, reported_of
from training_curves import draw_curves


def loss_of(row: Mapping[str, Any]) -> str:
    """The loss on valid of an epoch."""
    return "none" if row["valid_loss"] is None else f"{row['valid_loss']:.3f}"


def main(arguments: Sequence[str] | None = None) -> None:
    wanted = parser(__doc__, net=True)
    wanted.add_argument("--run", type=Path, metavar="RUN", help="a run folder with a history of epochs")
    options = wanted.parse_args(arguments)
    run = look_back(5, options, file="history.jsonl")
    history, kept = epochs_of(run), kept_epoch(run)
    theirs = reported_of(run)
    judged = [row for row in history if row["valid_loss"] is not None]
    best = min(judged, key=lambda row: row["valid_loss"]) if judged else history[-1]
    out = folder(options, 7) / f"curves-{label_of(run)}.png"
    draw_curves(history, out, kept=kept, title=f"Row 7: curves of {run}")
    facts(
        [
            ("row of the chapter that goes the same way", theirs.row, ""),
            ("epochs", theirs.epochs, str(len(history))),
            ("accuracy at the end, training", theirs.train, f"{100 * history[-1]['train_accuracy']:.1f} %"),
            ("accuracy at the end, valid", theirs.valid, f"{100 * (history[-1]['valid_accuracy'] or 0):.1f} %"),
            ("least loss on valid after epoch", theirs.least, f"{best['epoch']} of {len(history)}"),
            ("that loss, and at the end", theirs.after, f"{loss_of(best)}, {loss_of(history[-1])}"),
            ("epoch that was kept", "", "none" if kept is None else f"{kept}, by its loss after calibration"),
        ]
    )
    if len(history) == 1:
        print("One epoch is a point and no curve: for the questions run it without --short.")
    print(f"curves: {out}")
    ask(7, options)


if __name__ == "__main__":
    run_example(main)
