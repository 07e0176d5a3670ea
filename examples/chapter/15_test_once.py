"""Row 15: the test pictures are looked at once, when every choice has been made, and the figure gets its interval.

    python examples/chapter/15_test_once.py              # of row 13, which is trained first where it was not
    python examples/chapter/15_test_once.py --run RUN

What was chosen on valid flatters itself there. And a share of 1000 pictures is not exact: with other pictures of the
same kind, 96.8 % could as well have been 95.5 or 97.7 %, so the chapter's step from 96 to 97 % is inside the noise.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

from common import accuracy, ask, facts, figures_of, parser, run_example
from looking_back import look_back, reported_of
from tellapart.cli.tables import share
from tellapart.evaluation.intervals import wilson


def main(arguments: Sequence[str] | None = None) -> None:
    wanted = parser(__doc__, base=True)
    wanted.add_argument("--run", type=Path, metavar="RUN", help="any run folder")
    options = wanted.parse_args(arguments)
    run = look_back(13, options)
    figures, theirs = figures_of(run), reported_of(run)
    with (run / "predictions.csv").open(encoding="utf-8", newline="") as file:
        answers = list(csv.DictReader(file))
    right = sum(answer["predicted"] == answer["label"] for answer in answers)
    facts(
        [
            ("row of the chapter that goes the same way", theirs.row, ""),
            ("valid accuracy", theirs.valid, accuracy(figures, "valid")),
            ("test accuracy", theirs.test, accuracy(figures, "test")),
            ("counted again in predictions.csv", "", share(wilson(right, len(answers)).to_json())),
            ("the chapter's test of row 13, as an interval", share(wilson(968, 1000).to_json()), ""),
            ("one step of its ladder before", share(wilson(960, 1000).to_json()), ""),
        ]
    )
    print(f"run: {run}")
    ask(15, options)


if __name__ == "__main__":
    run_example(main)
