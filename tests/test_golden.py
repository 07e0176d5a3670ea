"""What was trained and answered by an earlier version comes out the same: a run's predictions.csv, and a model file.

tests/golden holds predictions.csv of `golden_run`, and a model file of schema 1 with what it said of the test pictures:
recipe features on the same pictures, on a base of two convolutions that nobody trained, with the smallest test card
alone. They are written anew only where a change is meant, and the change is then told in docs/decisions.md.
"""

import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pictures import make_pixels
from tellapart.backbones import engine
from tellapart.commands.predict import predict
from tellapart.commands.train import train
from tellapart.runs.folder import class_columns

GOLDEN = Path(__file__).parent / "golden"
CLASSES = ("cat", "dog", "owl")
SIZES = {"train": 9, "valid": 6, "test": 5}
NEAR = 0.01  # of a probability: what other processors and libraries may round otherwise


def write_alike(root):
    """Pictures of three classes, one in four of another class than its folder says, so that answers are not certain.

    They are root/SPLIT/CLASS/NN.png; returns root.
    """
    for which, (split, count) in enumerate(SIZES.items()):
        for place, label in enumerate(CLASSES):
            for number in range(count):
                kind, seed = (place + (number % 4 == 3)) % len(CLASSES), 1000 * which + number
                own, other = (make_pixels(seed + 100 * shown, kind=shown, blotches=80) for shown in (kind, 3))
                path = root / split / label / f"{number:02d}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray((0.2 * own + 0.8 * other).astype(np.uint8)).save(path)
    return root


def golden_run(data, out):
    return train(data, out=out, size=64)


def read(path):
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.reader(file))


def is_like(given, expected):
    """Whether two tables say the same, and nearly the same in the columns of probabilities."""
    shares = slice(3, 3 + len(CLASSES))
    assert given[0] == expected[0]
    for row, known in zip(given[1:], expected[1:], strict=True):
        assert (row[:3], row[6:]) == (known[:3], known[6:])
        np.testing.assert_allclose(np.array(row[shares], float), np.array(known[shares], float), atol=NEAR)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_alike(tmp_path_factory.mktemp("golden") / "data")


def test_train__predictions_are_those_of_earlier_versions(data, tmp_path, monkeypatch):
    monkeypatch.setattr(engine, "PRECISIONS", ("f32",))  # the same on every processor
    run, _ = golden_run(data, tmp_path / "run")
    is_like(read(run / "predictions.csv"), read(GOLDEN / "predictions.csv"))


def test_predict__a_model_file_of_an_earlier_version_answers_as_it_did(data):
    is_like(told(predict(GOLDEN / "model.tellapart", [data / "test"])), read(GOLDEN / "answers.csv"))


def told(answers):
    """A table of answers, as predictions.csv has them."""
    rows = [["path", "label", "predicted", *class_columns(CLASSES), "unsure", "unlike"]]
    for number, (picture, shares) in enumerate(zip(answers.pictures, answers.probabilities, strict=True)):
        label, name = Path(picture.path).parts[-2:]
        predicted = answers.classes[answers.predicted[number]]
        rows.append(
            [f"{label}/{name}", label, predicted, *(f"{value:.6f}" for value in shares), *answers.flags.words(number)]
        )
    return rows
