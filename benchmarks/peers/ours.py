"""tellapart in the comparison: the whole command as a user starts it, or its one way to learn over many draws.

    python benchmarks/peers/ours.py FOLDER [--cells all:0] [--recipe features]

The cell of all pictures is `tellapart train FOLDER`, a process of its own, start included, with an empty cache unless
TELLAPART_CACHE names a full one. Draws run `learn` in this process, with what the base saw kept from one to the next.
They are given no test, so every picture that is drawn is learned from, and folds judge, as `tellapart train` does with
a folder of so few. The test is then answered as `tellapart predict` does. One a class is refused.
"""

from __future__ import annotations

import argparse
import csv
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cells import Answered, Labelled, Peer, Refused, Splits, main

COMMAND = (sys.executable, "-m", "tellapart")


def start(arguments: argparse.Namespace) -> Peer:
    def peer(splits: Splits) -> Answered:
        return answered_by_learn(splits) if not splits["valid"] else answered_by_command(splits, arguments)

    return peer


def answered_by_command(splits: Splits, arguments: argparse.Namespace) -> Answered:
    """`tellapart train`, and its predictions.csv."""
    with tempfile.TemporaryDirectory() as folder:
        run = arguments.save or Path(folder) / "run"
        options = ("-o", str(run), "--recipe", arguments.recipe, "--force", "--json")
        printed = subprocess.run(
            [*COMMAND, "train", str(arguments.folder), *options], check=True, stdout=subprocess.PIPE
        ).stdout
        with (run / "predictions.csv").open(encoding="utf-8", newline="") as file:
            said = {row["path"]: row["predicted"] for row in csv.DictReader(file)}
    metrics = json.loads(printed)
    labels = [said.get(path.relative_to(arguments.folder).as_posix(), "") for path, _ in splits["test"]]
    looked = sum(len(part) for part in splits.values()) / metrics["timing"]["embed_s"]
    return Answered(labels=labels, more={"images_per_s": round(looked, 1), "valid_by": "chooses strength and depths"})


def answered_by_learn(splits: Splits) -> Answered:
    """`learn` on the pictures that are drawn, then its classifier's answers about the test."""
    from tellapart.answers import answer
    from tellapart.backbones.catalogue import find_base
    from tellapart.errors import TellapartError
    from tellapart.features.look import look_at
    from tellapart.learn import learn
    from tellapart.progress import Silent
    from tellapart.recipes.request import Request

    try:
        learned = learn(index_of(splits["train"]), find_base("lite0"), Request())
    except TellapartError as error:
        raise Refused(str(error)) from None
    answers = answer(learned.classifier, look_at(index_of(splits["test"]), learned.classifier.base, Silent()))
    said = {
        picture.path: answers.classes[place] for picture, place in zip(answers.pictures, answers.predicted, strict=True)
    }
    return Answered(labels=[said[str(path)] for path, _ in splits["test"]])


def index_of(pictures: Sequence[Labelled]) -> Any:  # noqa: ANN401
    """An index of these pictures, in no split."""
    from tellapart.types import Index, Picture

    named = tuple(Picture(path=str(path), file=path, label=label) for path, label in pictures)
    classes = tuple(sorted({label for _, label in pictures}))
    root = pictures[0][0].parents[1]
    return Index(name="drawn", root=root, layout="paths", classes=classes, pictures=named)


def answer_one(run: Path, picture: Path) -> str:
    """`tellapart predict`, in a process of its own."""
    command = [*COMMAND, "predict", str(run / "model.tellapart"), str(picture), "--format", "jsonl"]
    return str(json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)["predicted"])


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--recipe", default="features")


if __name__ == "__main__":
    main(start, packages=("numpy", "openvino"), options=options, answer_one=answer_one)
