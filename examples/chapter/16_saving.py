"""Row 16: the trained model is one file, and what is loaded from it answers as what was trained.

    python examples/chapter/16_saving.py              # of row 9, which is trained first where it was not
    python examples/chapter/16_saving.py --run RUN --data FOLDER

The file holds the net with its preprocessing as ONNX, its classes, its weights and a self-check that runs on loading.
On the command line: tellapart predict RUN/model.tellapart FOLDER.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

from common import ask, facts, figures_of, find_data, parser, run_example
from looking_back import look_back
from tellapart import load
from tellapart.bundle.container import read_container

CHECKED = 100  # pictures


def main(arguments: Sequence[str] | None = None) -> None:
    wanted = parser(__doc__, net=True)
    wanted.add_argument("--run", type=Path, metavar="RUN", help="any run folder; then --data is what it was trained on")
    options = wanted.parse_args(arguments)
    data = find_data(options, "cats_vs_dogs_small")
    run = look_back(9, options)
    model = run / "model.tellapart"
    _, members = read_container(model)
    with (run / "predictions.csv").open(encoding="utf-8", newline="") as file:
        answers = list(csv.DictReader(file))[:CHECKED]
    classes = figures_of(run)["classes"]
    probabilities = load(model).predict_proba([data / answer["path"] for answer in answers])
    differences = [
        abs(float(answer[f"p:{name}"]) - given)
        for answer, row in zip(answers, probabilities, strict=True)
        for name, given in zip(classes, row, strict=True)
    ]
    facts(
        [
            ("file", "one, of Keras", f"{model.name}, {model.stat().st_size / 1e6:.1f} MB"),
            ("holds", "net and optimiser", ", ".join(sorted(members))),
            ("classes", "not in it", " ".join(classes)),
            ("preprocessing", "not in it", "in the graph"),
            ("answers again", "", f"{len(answers)} pictures, at most {max(differences):.6f} from before"),
        ]
    )
    ask(16, options)


if __name__ == "__main__":
    run_example(main)
